"""The terminal pages of a checked and of an adopted policy."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from relations.cli.show import ABSENT, counted, headline, local_minute, section, table, words
from relations.policies.check import PolicyReport
from relations.policies.loyalty.check import Finding

__all__ = ["changes_document", "show_adoption", "show_check", "show_findings"]

_VALUE_CHARACTERS = 24

Changes = Mapping[str, tuple[Any, Any]]


def changes_document(changes: Changes | None) -> list[dict[str, Any]] | None:
    """Return changes for programs."""
    if changes is None:
        return None
    return [{"field": field, "before": before, "after": after} for field, (before, after) in changes.items()]


def show_findings(findings: tuple[Finding, ...]) -> Iterator[RenderableType]:
    """Yield each mistake with its place and what to do about it."""
    for finding in findings:
        style = "bold red" if finding.severity == "error" else "bold yellow"
        lines = [
            Text.assemble((finding.severity, style), f"  {finding.field}  ", (f"[{finding.code}]", "dim")),
            Text(f"  {finding.reason}"),
        ]
        if finding.hint:
            lines.append(words(f"  {finding.hint}"))
        yield section(*lines)
    if not findings:
        yield section(Text("No mistakes found."))


def show_check(file: str, report: PolicyReport, changes: Changes | None) -> RenderableType:
    """Return the mistakes in a policy's file, and what adopting it would change."""
    parts: list[RenderableType] = [headline("Policy check", file), *show_findings(report.findings)]
    if changes is not None:
        parts.append(_changes(changes, "Adopting it would change"))
    return Group(*parts)


def show_adoption(
    version: int, changes: Changes, *, adopted: bool, since: datetime | None, zone: str
) -> RenderableType:
    """Return what an adopted policy changes.

    Args:
        version: The version that is in force by it.
        changes: The values that differ from the policy before.
        adopted: False if it equals the policy in force.
        since: When it takes effect; None from the beginning.
        zone: The business's time zone.
    """
    if not adopted:
        return Group(headline("Nothing to adopt", f"policy {version} is in force and has the same values"))
    when = "from the beginning" if since is None else f"from {local_minute(since, zone)} ({zone}) on"
    return Group(headline(f"Policy {version} adopted", when), _changes(changes, "Changed"))


def _changes(changes: Changes, title: str) -> RenderableType:
    if not changes:
        return section(words("Every value is as in the policy in force."))
    made = table("Field", "Before", "After", grow=0, title=f"{title} {counted(len(changes), 'value')}")
    for field, (before, after) in changes.items():
        made.add_row(field, _value(before), _value(after))
    return section(made)


def _value(value: Any) -> str:
    if value is None:
        return ABSENT
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _VALUE_CHARACTERS else text[: _VALUE_CHARACTERS - 1] + "…"
