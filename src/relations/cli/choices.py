"""The words that options take, and the completion of words that only the library knows."""

from __future__ import annotations

from enum import StrEnum

__all__ = [
    "CausesChoice",
    "DimensionChoice",
    "LoadChoice",
    "OrderChoice",
    "SchemaChoice",
    "SegmentsChoice",
    "SeverityChoice",
    "StatusChoice",
    "ViewChoice",
    "complete_mapping",
    "complete_question",
    "complete_view",
]


class ViewChoice(StrEnum):
    """The views that have a report."""

    satisfaction = "satisfaction"
    retention = "retention"
    repair = "repair"
    agenda = "agenda"


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


def complete_mapping(incomplete: str) -> list[str]:
    """Return the shipped mappings that begin with a text."""
    from importlib import resources

    folder = resources.files("relations.exchange") / "mappings"
    names = sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml"))
    return [name for name in names if name.startswith(incomplete)]


def complete_view(incomplete: str) -> list[str]:
    """Return the views that begin with a text."""
    from relations.projections import PROJECTIONS

    return [each.name for each in PROJECTIONS if each.name.startswith(incomplete)]


def complete_question(incomplete: str) -> list[str]:
    """Return the questions and tables of views that begin with a text."""
    from relations.engine import Relations
    from relations.exchange.frames.questions import questions, tables

    with Relations.open("sqlite://") as engine:
        views = dict(sorted(vars(engine.views).items()))
        names = [f"{name}.{each}" for name, view in views.items() for each in (*questions(view), *tables(view))]
    return [name for name in names if name.startswith(incomplete)]
