"""The commands of `relations audit` about persons: access, certificates of erasure, and words left unencrypted."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from relations.cli.commands.audit import audit, named_keys, read_text, write_text
from relations.cli.options import Database, Json, MasterKeyFile, Verbose, checked_id, open_to_read
from relations.cli.screen import running
from relations.errors import InvalidInput

if TYPE_CHECKING:
    from relations.audit import ErasureCertificate

__all__ = ["access_command", "certificate_command", "clear_words_command"]

Customer = Annotated[str, typer.Argument(metavar="CUSTOMER", help="Any id of the customer.")]


class PageFormat(StrEnum):
    """The forms of a report on one person."""

    MARKDOWN = "markdown"
    HTML = "html"
    JSON = "json"


_SUFFIXES = {".html": PageFormat.HTML, ".htm": PageFormat.HTML, ".json": PageFormat.JSON}


@audit.command("access")
def access_command(
    customer: Customer,
    database: Database,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE|FOLDER",
            help="Write it to this file, or in all forms to this folder.",
        ),
    ] = None,
    form: Annotated[
        PageFormat | None,
        typer.Option("--format", help="The form of the report. By default the file's suffix decides, else Markdown."),
    ] = None,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show everything that is held on one person, for a request of access.

    The report has events with readable words, keys, rows of views, stored states and mentions in the events of others,
    for all merged ids. After an erasure it shows what remains. Nothing is changed.
    """
    from relations.audit import access_report

    with running(json=json, verbose=verbose) as screen:
        checked_id(customer)
        with open_to_read(database, master_key_file) as engine:
            report = access_report(engine, customer)
        forms = {
            PageFormat.MARKDOWN: report.to_markdown,
            PageFormat.HTML: report.to_html,
            PageFormat.JSON: report.to_json,
        }
        if output is None:
            text = report.to_json() if form is PageFormat.JSON else forms[form or PageFormat.MARKDOWN]()
            screen.result(report, lambda screen: screen.bytes(text.encode()))
            return
        if output.is_dir():
            written = [output / f"{customer}.{suffix}" for suffix in ("md", "html", "json")]
            for path, make in zip(written, forms.values(), strict=True):
                write_text(path, make())
        else:
            write_text(output, forms[form or _SUFFIXES.get(output.suffix.lower(), PageFormat.MARKDOWN)]())
            written = [output]
        document = {"customer": customer, "events": len(report.events), "files": [str(path) for path in written]}
        from relations.cli.show import counted

        said = f"{counted(len(report.events), 'event')} of {customer} are in {', '.join(map(str, written))}."
        screen.result(document, lambda screen: screen.print(said))


@audit.command("erase-certificate")
def certificate_command(
    customer: Annotated[
        str | None, typer.Argument(metavar="CUSTOMER", help="Any id of the erased customer.", show_default=False)
    ] = None,
    *,
    database: Database,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write it to this file: as JSON if it ends in .json."),
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option("--check", metavar="FILE", help="Check this certificate (JSON) instead."),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option("--key", metavar="FILE", help="Sign it with the log's private keys in this file."),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option("--policy", metavar="FILE", help="With --check: a log of this policy file must have signed it."),
    ] = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Certify the erasure of a customer, or check such a certificate against the log.

    The certificate says what was erased, when, on whose word, and the chain's digests before and after. Keep its JSON
    form: with --check, the log shows later that the erasure is recorded, the digests match and the key is gone. With
    --key it is signed with the keys that seal the log, and --check --policy says who signed it.
    """
    from relations.audit import SealingKey, certify_erasure, check_certificate, read_certificate, sign_certificate

    with running(json=json, verbose=verbose) as screen:
        if (customer is None) == (check is None):
            raise InvalidInput(
                "give either a customer or --check with a certificate", code="invalid_arguments", field="CUSTOMER"
            )
        if (key is not None and check is not None) or (policy is not None and check is None):
            raise InvalidInput(
                "--key signs a new certificate, and --policy checks a given one",
                code="invalid_arguments",
                field="--key" if key is not None else "--policy",
                hint="Give --key with a customer, or --policy with --check",
            )
        signer = None if key is None else SealingKey.load(key)
        with open_to_read(database, views=False) as engine:
            if check is not None:
                certificate = read_certificate(read_text(check))
                check_certificate(engine, certificate)
                signers = None if policy is None else _signers(certificate, policy)
                document = {"valid": True, "customer": certificate.customer, "signed_by": signers}
                said = [f"The certificate is valid: {certificate.customer} was erased, and the key is gone."]
                said += [f"Signed by {each}." for each in signers or ()]
                if certificate.signature is not None and signers is None:
                    said.append("Its signature was not checked: give the log's policy file with --policy.")
                screen.result(document, lambda screen: screen.print("\n".join(said)))
                return
            made = certify_erasure(engine, checked_id(str(customer)))
            if signer is not None:
                made = sign_certificate(made, signer)
        if output is None:
            screen.result(made, lambda screen: screen.bytes(made.to_markdown().encode()))
            return
        write_text(output, made.to_json() if output.suffix.lower() == ".json" else made.to_markdown())
        screen.result(
            {"customer": made.customer, "path": str(output)},
            lambda screen: screen.print(f"The certificate is in {output}."),
        )


def _signers(certificate: ErasureCertificate, policy: Path) -> list[str]:
    from relations.audit import check_signature, checker

    try:
        trusted = checker.Policy.parse(read_text(policy))
    except checker.Invalid as error:
        raise InvalidInput(f"{policy}: {error}", code="invalid_policy_file", field="--policy") from None
    return named_keys(check_signature(certificate, trusted))


@audit.command("clear-words")
def clear_words_command(
    database: Database,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Find names, addresses and numbers of customers that the log stores unencrypted.

    Each customer's own words are looked for in ids, terms, actors and command ids. Such words outlive an erasure. Give
    keyed digests as ids instead: `digest = true` in a mapping, or engine.digest.
    """
    from relations.audit import clear_texts
    from relations.cli.show import headline, section

    with running(json=json, verbose=verbose) as screen:
        with open_to_read(database, master_key_file, views=False) as engine:
            name, found = engine.log.database.name, list(clear_texts(engine))
        lines = [
            f"position {each.position:,}: {each.place} of {each.customer} has the {each.word.replace('_', ' ')}"
            for each in found
        ]
        lines = lines or ["None of the customers' known words is stored unencrypted."]
        screen.result(found, lambda screen: screen.print(headline("Unencrypted words", name), section(*lines)))
