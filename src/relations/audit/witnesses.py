"""Cosignatures of witnesses, after C2SP's `tlog-witness`.

A witness remembers the last checkpoint of a log that it has seen, and cosigns another only if that one continues it. So
a log cannot show one history to an auditor and another one to somebody else. A policy that asks for a quorum of
witnesses refuses a checkpoint that they have not cosigned.
"""

from __future__ import annotations

from collections.abc import Callable

from relations.audit.checker import Checkpoint, Invalid, Policy, VerifierKey
from relations.audit.posting import ServerAnswer, post
from relations.errors import InvalidInput, LogError, SourceError

__all__ = ["ask_witness"]

_PATH = "add-checkpoint"
_OK, _CONFLICT = 200, 409
_REFUSALS = {
    400: "the witness does not understand the request",
    403: "the witness does not accept the log's signature",
    404: "the witness does not know the log",
    422: "the witness does not accept the proof that the checkpoint continues the one it has seen",
}


def ask_witness(url: str, checkpoint: str, prove: Callable[[int], str], policy: Policy) -> str:
    """Ask a witness to cosign a checkpoint, and return the checkpoint with the cosignature.

    Args:
        url: The witness's prefix; requests go to `URL/add-checkpoint`.
        checkpoint: The checkpoint.
        prove: Returns the request for a size of the tree that the witness has seen, 0 at first.
        policy: The policy with the witness's key.

    Raises:
        InvalidInput: The URL is not one of HTTP.
        SourceError: The witness cannot be reached, or answers something else than cosignatures.
        LogError: The witness refuses to cosign (`witness_refused`), or has seen a longer log (`seal_broken`).
    """
    target = f"{url.rstrip('/')}/{_PATH}"
    answer = _asked(target, prove(0))
    if answer.status == _CONFLICT:
        seen = _size(answer)
        size = Checkpoint.parse(checkpoint).size
        if seen > size:
            raise LogError(
                f"the witness has seen {seen} events of this log, and the checkpoint has {size}",
                code="seal_broken",
                hint="Seal the newest state of the log; if it has fewer events, some are gone",
            )
        answer = _asked(target, prove(seen))
    if answer.status != _OK:
        said = _REFUSALS.get(answer.status, f"the witness answers with status {answer.status}")
        raise LogError(said, code="witness_refused", hint="Ask the witness's keeper, and give them the policy file")
    return _joined(checkpoint, answer, policy)


def _asked(target: str, request: str) -> ServerAnswer:
    return post(target, request.encode(), content_type="text/plain; charset=utf-8")


def _size(answer: ServerAnswer) -> int:
    text = answer.body.decode("ascii", "replace").strip()
    if not text.isdecimal() or len(text) > len(str(1 << 63)):
        raise SourceError(f"the witness answers {text[:40]!r} instead of a size", code="unreadable_source")
    return int(text)


def _joined(checkpoint: str, answer: ServerAnswer, policy: Policy) -> str:
    """Add the cosignatures that verify with a key of the policy."""
    known: dict[tuple[str, bytes], VerifierKey] = {(key.name, key.identifier): key for key in policy.witnesses.values()}
    held = checkpoint.splitlines()
    added = []
    try:
        lines = answer.body.decode().splitlines()
        for line in lines:
            read = Checkpoint.parse(f"{checkpoint.partition(chr(10) * 2)[0]}\n\n{line}\n")
            (name, identifier, signature) = read.signatures[0]
            key = known.get((name, identifier))
            if key is not None and line not in held:
                key.verify(signature, read)
                added.append(line)
    except (Invalid, UnicodeDecodeError) as error:
        raise SourceError(f"the witness's answer is not a cosignature: {error}", code="unreadable_source") from None
    if not added and not any(line in held for line in lines):
        raise InvalidInput(
            "the policy has no key of the witness that answered",
            code="unknown_witness",
            field="policy",
            hint="Add a line `witness NAME VKEY` with the key that the witness publishes",
        )
    return checkpoint + "".join(f"{line}\n" for line in added)
