"""The words that options take, and the completion of words that only the library knows."""

from __future__ import annotations

from enum import StrEnum

import typer

__all__ = [
    "CareChoice",
    "CausesChoice",
    "DimensionChoice",
    "KindChoice",
    "LoadChoice",
    "OrderChoice",
    "ResultsChoice",
    "SchemaChoice",
    "SegmentsChoice",
    "SeverityChoice",
    "StatusChoice",
    "TeamChoice",
    "ViewChoice",
    "complete_command",
    "complete_mapping",
    "complete_pair",
    "complete_preset",
    "complete_question",
    "complete_view",
]


class ViewChoice(StrEnum):
    """The views that have a report."""

    board = "board"
    satisfaction = "satisfaction"
    retention = "retention"
    repair = "repair"
    posts = "posts"
    agenda = "agenda"


class TeamChoice(StrEnum):
    """The groups by which the team's figures are shown."""

    staff = "staff"
    department = "department"


class ResultsChoice(StrEnum):
    """The groups by which won and lost opportunities are shown."""

    owner = "owner"
    partner = "partner"
    campaign = "campaign"
    what = "what"


class CareChoice(StrEnum):
    """The questions about care plans."""

    due = "due"
    kept = "kept"


class DimensionChoice(StrEnum):
    """The dimensions by which satisfaction can be grouped."""

    month = "month"
    touchpoint = "touchpoint"
    channel = "channel"
    language = "language"
    region = "region"
    complaint_outcome = "complaint_outcome"
    segment = "segment"


class SegmentsChoice(StrEnum):
    """The segments by which satisfaction can be grouped."""

    value = "value"
    policy = "policy"


class KindChoice(StrEnum):
    """The kinds of cases on the desk."""

    complaint = "complaint"
    enquiry = "enquiry"
    request = "request"
    suggestion = "suggestion"


class SeverityChoice(StrEnum):
    """The severities of complaints."""

    low = "low"
    medium = "medium"
    high = "high"
    critical = "critical"


class StatusChoice(StrEnum):
    """The statuses of complaints."""

    filed = "filed"
    acknowledged = "acknowledged"
    resolved = "resolved"
    closed = "closed"
    withdrawn = "withdrawn"
    merged = "merged"
    reopened = "reopened"


class OrderChoice(StrEnum):
    """The orders of the work list."""

    due = "due"
    severity = "severity"
    filed = "filed"
    owner = "owner"
    kind = "kind"
    channel = "channel"
    grade = "grade"
    language = "language"


class LoadChoice(StrEnum):
    """The groups of the workload."""

    owner = "owner"
    department = "department"


class CausesChoice(StrEnum):
    """The groups of complaints in the report on causes."""

    cause = "cause"
    category = "category"
    subject = "subject"
    touchpoint = "touchpoint"


class SchemaChoice(StrEnum):
    """The kinds of JSON Schemas."""

    commands = "commands"
    events = "events"
    policy = "policy"
    mapping = "mapping"
    asyncapi = "asyncapi"


def complete_command(incomplete: str) -> list[str]:
    """Return the commands that begin with a text, whatever its case."""
    from relations.exchange.jsonlines.commands import known_commands

    return sorted(name for name in known_commands() if name.lower().startswith(incomplete.lower()))


def complete_pair(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the fields of the command on the line, or the words of the field that is being typed."""
    from relations.exchange.jsonlines.commands import known_commands
    from relations.exchange.jsonlines.pairs import command_fields

    command = known_commands().get(ctx.params.get("command") or "")
    if command is None:
        return []
    fields = command_fields(command)
    key, equals, typed = incomplete.partition("=")
    if not equals:
        given = {pair.partition("=")[0] for pair in ctx.params.get("pairs") or ()}
        return [f"{name}=" for name in fields if name.startswith(key) and name not in given]
    field = fields.get(key)
    values = () if field is None else ("yes", "no") if field.form == "yes or no" else field.words
    return [f"{key}={value}" for value in values if value.startswith(typed)]


def complete_mapping(incomplete: str) -> list[str]:
    """Return the shipped mappings that begin with a text."""
    return _shipped("mappings", incomplete)


def complete_preset(incomplete: str) -> list[str]:
    """Return the presets that begin with a text."""
    return _shipped("presets", incomplete)


def _shipped(kind: str, incomplete: str) -> list[str]:
    from importlib import resources

    folder = resources.files("relations.exchange") / kind
    names = sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml"))
    return [name for name in names if name.startswith(incomplete)]


def complete_view(incomplete: str) -> list[str]:
    """Return the views that begin with a text."""
    from relations.cli.extensions import extension_options
    from relations.projections import PROJECTIONS

    projections = extension_options().get("projections", PROJECTIONS)
    return [each.name for each in projections if each.name.startswith(incomplete)]


def complete_question(incomplete: str) -> list[str]:
    """Return the questions and tables of views that begin with a text."""
    from relations.engine import Relations
    from relations.exchange.frames.questions import questions, tables

    with Relations.open("sqlite://") as engine:
        views = dict(sorted(vars(engine.views).items()))
        names = [f"{name}.{each}" for name, view in views.items() for each in (*questions(view), *tables(view))]
    return [name for name in names if name.startswith(incomplete)]
