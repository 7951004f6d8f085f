"""`relations audit`: seal the log with signed checkpoints, prove events, check both, and export for auditors."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from relations.cli.commands.explaining import diff, explain, what_if_command
from relations.cli.options import Database, Json, Verbose, open_engine
from relations.cli.screen import Screen, running
from relations.errors import InvalidInput, LogError, SourceError

if TYPE_CHECKING:
    from relations.audit.checker import VerifierKey

__all__ = ["audit", "named_keys", "read_text", "write_text"]

audit = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Seal the log, prove what it held, answer for what is held on one person, and export the log.",
)

KeyFile = Annotated[Path, typer.Option("--key", metavar="FILE", help="The file with the log's private keys.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the result to this file.")]
Size = Annotated[
    int | None, typer.Option("--size", metavar="EVENTS", help="The seal of this many events. The newest by default.")
]


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(text, "utf-8")
        os.replace(partial, path)  # noqa: PTH105 - atomic, which Path.replace does not say of itself
    except OSError as error:
        raise SourceError(f"cannot write {path}: {error.strerror}", code="unwritable_file") from None


def read_text(path: Path) -> str:
    """Return the text of a file.

    Raises:
        SourceError: The file cannot be read, or is not UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise SourceError(f"{path} is not UTF-8 text", code="unreadable_source") from None
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}", code="unreadable_source") from None


def _give(screen: Screen, text: str, output: Path | None, document: dict[str, Any], said: str) -> None:
    """Show a file's text on stdout, or write it and say so."""
    if output is None:
        screen.result(document, lambda screen: screen.print(text.rstrip("\n")))
        return
    write_text(output, text)
    screen.result(document, lambda screen: screen.print(f"{said}: {output}"))


@audit.command("keygen")
def keygen(
    origin: Annotated[str, typer.Argument(metavar="ORIGIN", help="The log's name, such as hotel.example/customers.")],
    key: KeyFile,
    policy: Annotated[
        Path | None, typer.Option("--policy", metavar="FILE", help="Write the public keys to this policy file.")
    ] = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Make the private keys of a log, and the policy file with which others check its seals.

    Store the key file apart from the database. Publish the policy file, or give it to the auditor.
    """
    from relations.audit import SealingKey

    with running(json=json, verbose=verbose) as screen:
        made = SealingKey.generate(origin)
        made.save(key)
        _give(screen, made.policy(), policy, {"key": str(key), "policy": made.policy()}, "The policy is in")


@audit.command("seal")
def seal(database: Database, key: KeyFile, output: Output = None, json: Json = False, verbose: Verbose = False) -> None:
    """Sign the log's size and Merkle root as they are now, and show the checkpoint.

    Give the checkpoint to somebody else, or publish it. Any later change to the events that it covers is then detected.
    """
    from relations.audit import SealingKey, Seals
    from relations.cli.show import counted

    with running(json=json, verbose=verbose) as screen, open_engine(database) as engine:
        made = Seals(engine.log).seal(SealingKey.load(key))
        document = {"size": made.size, "root": made.root.hex(), "checkpoint": made.checkpoint}
        _give(screen, made.checkpoint, output, document, f"Sealed {counted(made.size, 'event')} in")


@audit.command("seals")
def seals(database: Database, json: Json = False, verbose: Verbose = False) -> None:
    """List the seals of a log, oldest first."""
    from relations.audit import Seals
    from relations.cli.show import counted, headline, section

    with running(json=json, verbose=verbose) as screen, open_engine(database) as engine:
        found = Seals(engine.log).all()
        rows = [{"size": each.size, "root": each.root.hex(), "sealed_at": each.sealed_at} for each in found]
        lines = [f"{each.sealed_at:%Y-%m-%d %H:%M} UTC  {counted(each.size, 'event')}" for each in found]
        screen.result(
            rows,
            lambda screen: screen.print(
                headline("Seals", engine.log.database.name), section(*lines or ["The log was never sealed."])
            ),
        )


@audit.command("prove")
def prove(
    position: Annotated[int, typer.Argument(metavar="POSITION", help="The position of the event.", min=1)],
    database: Database,
    size: Size = None,
    output: Output = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Prove that an event is in the sealed log; the result is a tlog-proof file.

    The proof is checked against the event's digest, and reveals nothing else of the log.
    """
    from relations.audit import Seals

    with running(json=json, verbose=verbose) as screen, open_engine(database) as engine:
        made = Seals(engine.log).prove(position, size=size)
        _give(screen, made, output, {"position": position, "proof": made}, "The proof is in")


@audit.command("continue")
def continuation(
    old: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="The older checkpoint.")],
    database: Database,
    size: Size = None,
    output: Output = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Prove that the sealed log continues an older checkpoint; the result is a request that witnesses accept."""
    from relations.audit import Seals

    with running(json=json, verbose=verbose) as screen, open_engine(database) as engine:
        before = _checkpoint(old)
        made = Seals(engine.log).prove_continuation(before.size, size=size)
        _give(screen, made, output, {"old": before.size, "proof": made}, "The proof is in")


@audit.command("cosign")
def cosign(
    url: Annotated[str, typer.Argument(metavar="URL", help="The witness's address, without /add-checkpoint.")],
    database: Database,
    policy: Annotated[
        Path, typer.Option("--policy", metavar="FILE", help="The policy file, with a witness line for its key.")
    ],
    output: Output = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Ask a witness to cosign the newest seal, and show the checkpoint with its cosignature.

    The witness cosigns only what continues the history that it has seen, so nobody can be shown another one.
    """
    from relations.audit import Seals
    from relations.audit.checker import Invalid, Policy

    with running(json=json, verbose=verbose) as screen, open_engine(database) as engine:
        try:
            trusted = Policy.parse(read_text(policy))
        except Invalid as error:
            raise LogError(f"not valid: {error}", code="proof_invalid") from None
        made = Seals(engine.log).cosign(url, trusted)
        _give(
            screen, made.checkpoint, output, {"size": made.size, "checkpoint": made.checkpoint}, "The checkpoint is in"
        )


@audit.command("timestamp")
def timestamp(
    file: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="The checkpoint.")],
    authority: Annotated[str, typer.Option("--authority", metavar="URL", help="The address of the authority.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Write the token to this file.")],
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Ask an authority for a time stamp of a checkpoint: proof that it existed by then, on the authority's word.

    Check it with `relations audit check CHECKPOINT --timestamp FILE`, or with `openssl ts -verify`.
    """
    from relations.audit import request_timestamp

    with running(json=json, verbose=verbose) as screen:
        token = request_timestamp(_checkpoint(file), authority)
        try:
            output.write_bytes(token)
        except OSError as error:
            raise SourceError(f"cannot write {output}: {error.strerror}", code="unwritable_file") from None
        screen.result({"token": str(output)}, lambda screen: screen.print(f"The time stamp is in: {output}"))


class Format(StrEnum):
    """The formats of an export for auditors."""

    OCEL_JSON = "ocel-json"
    OCEL_SQLITE = "ocel-sqlite"
    OCEL_PARQUET = "ocel-parquet"
    XES = "xes"
    CLOUDEVENTS = "cloudevents"


class CaseChoice(StrEnum):
    """The cases of an export to XES."""

    CUSTOMER = "customer"
    COMPLAINT = "complaint"
    ACCOUNT = "account"


@audit.command("export")
def export(
    database: Database,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Write the export to this file.")],
    form: Annotated[
        Format,
        typer.Option(
            "--format",
            help="OCEL 2.0 as JSON, SQLite or a zip archive of Parquet files, XES, or CloudEvents 1.0 as JSON Lines.",
        ),
    ] = Format.OCEL_JSON,
    after: Annotated[int, typer.Option("--after", min=0, help="Begin after this position.")] = 0,
    schema_strict: Annotated[
        bool,
        typer.Option("--schema-strict", help="OCEL JSON: write numbers as text, as its published schema requires."),
    ] = False,
    case: Annotated[
        CaseChoice, typer.Option("--case", help="XES: one trace for each customer, complaint or account.")
    ] = CaseChoice.CUSTOMER,
    source: Annotated[
        str, typer.Option("--source", metavar="URI", help="CloudEvents: the URI reference that names the log.")
    ] = "/relations",
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Export the log for process mining and other programs, without personal fields.

    OCEL has customers, complaints, accounts and staff as objects, with qualified relations. XES has one trace for each
    case, with times in the policy's zone.
    """
    from relations.cli.show import counted
    from relations.exchange.cloudevents import write_cloud_events
    from relations.exchange.ocel import write_ocel_json, write_ocel_parquet, write_ocel_sqlite
    from relations.exchange.xes import write_xes

    with running(json=json, verbose=verbose) as screen, open_engine(database) as engine:
        events = engine.events(after=after)
        match form:
            case Format.OCEL_JSON:
                count = write_ocel_json(events, output, schema_strict=schema_strict)
            case Format.OCEL_SQLITE:
                count = write_ocel_sqlite(events, output)
            case Format.OCEL_PARQUET:
                count = write_ocel_parquet(events, output)
            case Format.XES:
                count = write_xes(events, output, case=case.value, zone=engine.policy.zone)
            case Format.CLOUDEVENTS:
                count = write_cloud_events(events, output, source=source)
        document = {"events": count, "path": str(output), "format": form.value}
        screen.result(document, lambda screen: screen.print(f"{counted(count, 'event is', 'events are')} in {output}."))


@audit.command("check")
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A checkpoint, or a proof of either kind.")],
    policy: Annotated[
        Path, typer.Option("--policy", metavar="FILE", help="The policy file, which lists the trusted signers.")
    ],
    database: Annotated[
        str | None,
        typer.Option(
            "--database", "-d", metavar="URL|PATH", help="Check also that this database has all these events unchanged."
        ),
    ] = None,
    leaf: Annotated[
        str | None, typer.Option("--leaf", metavar="HEX", help="The event's digest, for the proof of an event.")
    ] = None,
    old: Annotated[
        Path | None, typer.Option("--old", metavar="FILE", help="The older checkpoint, for a proof of continuation.")
    ] = None,
    token: Annotated[
        Path | None,
        typer.Option("--timestamp", metavar="FILE", help="Check this time stamp of the checkpoint as well."),
    ] = None,
    authority: Annotated[
        Path | None,
        typer.Option("--authority-certificate", metavar="FILE", help="The root certificate of the authority, in PEM."),
    ] = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Check a checkpoint or a proof: signatures, Merkle path and, with a database, that nothing has changed since.

    The file relations/audit/checker.py does the same on its own; it needs only the package cryptography.
    """
    from relations.audit.checker import Invalid
    from relations.cli.show import headline, section

    with running(json=json, verbose=verbose) as screen:
        try:
            said, signers = _checked(file, policy, database, leaf, old)
            if token is not None:
                said += f", which existed by {_stamped(file, token, authority).replace(tzinfo=None).isoformat(' ')} UTC"
        except Invalid as error:
            raise LogError(f"not valid: {error}", code="proof_invalid") from None
        document = {"valid": True, "said": said, "signed_by": signers}
        lines = [f"signed by {each}" for each in signers]
        screen.result(document, lambda screen: screen.print(headline("Valid", said), section(*lines)))


def _checked(
    file: Path, policy: Path, database: str | None, leaf: str | None, old: Path | None
) -> tuple[str, list[str]]:
    from relations.audit import Seals, checker
    from relations.cli.show import counted, number

    trusted, text = checker.Policy.parse(read_text(policy)), read_text(file)
    if text.startswith("c2sp.org/tlog-proof@"):
        if leaf is None:
            raise InvalidInput(
                "cannot check the proof of an event without the event's digest",
                code="leaf_needed",
                field="leaf",
                hint="Add --leaf with the digest from `relations history --json` or from an export",
            )
        proof = checker.Proof.parse(text)
        keys, checkpoint = checker.check_inclusion(proof, _digest(leaf), trusted), proof.checkpoint
        said = f"position {proof.index + 1} is one of the {counted(checkpoint.size, 'sealed event')}"
    elif text.startswith("old "):
        if old is None:
            raise InvalidInput(
                "cannot check a proof of continuation without the older checkpoint",
                code="old_needed",
                field="old",
                hint="Add --old with the older checkpoint",
            )
        request = checker.Request.parse(text)
        keys, checkpoint = checker.check_consistency(request, _checkpoint(old), trusted), request.checkpoint
        events = counted(checkpoint.size, "event continues", "events continue")
        said = f"{events} the older checkpoint of {number(request.old)}"
    else:
        checkpoint = checker.Checkpoint.parse(text)
        keys = checker.check_checkpoint(checkpoint, trusted)
        said = f"checkpoint of {counted(checkpoint.size, 'event')}"
    if database is not None:
        with open_engine(database) as engine:
            Seals(engine.log).check(checkpoint)
        said += ", and the database has all of them unchanged"
    return said, named_keys(keys)


def named_keys(keys: Iterable[VerifierKey]) -> list[str]:
    """Return public keys for people to read: the name, the kind of key, and its id."""
    from relations.audit.checker import ML_DSA_44

    kinds = {ML_DSA_44: "ML-DSA-44"}
    return [f"{key.name} ({kinds.get(key.type, 'Ed25519')}, {key.identifier.hex()})" for key in keys]


def _stamped(file: Path, token: Path, authority: Path | None) -> datetime:
    """Return the time in a time stamp of a checkpoint, after checking it."""
    from relations.audit import check_timestamp

    if authority is None:
        raise InvalidInput(
            "cannot check a time stamp without the authority's certificate",
            code="certificate_needed",
            field="authority_certificate",
            hint="Add --authority-certificate with its root certificate",
        )
    try:
        stored, certificate = token.read_bytes(), authority.read_bytes()
    except OSError as error:
        raise SourceError(f"cannot read {error.filename}: {error.strerror}", code="unreadable_source") from None
    return check_timestamp(stored, _checkpoint(file), certificate)


def _checkpoint(path: Path) -> Any:
    from relations.audit.checker import Checkpoint

    return Checkpoint.parse(read_text(path))


def _digest(leaf: str) -> bytes:
    try:
        found = bytes.fromhex(leaf)
    except ValueError:
        found = b""
    if len(found) != 32:
        raise InvalidInput(
            f"{leaf[:80]!r} is not a digest", code="invalid_digest", field="leaf", hint="Give 64 hexadecimal digits"
        )
    return found


audit.command("explain")(explain)
audit.command("diff")(diff)
audit.command("what-if")(what_if_command)
