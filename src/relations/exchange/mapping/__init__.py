"""Import mappings: the rules that turn the rows of a file into commands."""

from relations.exchange.mapping.model import (
    CommandRule,
    Condition,
    FixedColumn,
    Group,
    Limits,
    Mapping,
    Match,
    Note,
    Reject,
    Source,
    Value,
    load_mapping,
    shipped_mappings,
)

__all__ = [
    "CommandRule",
    "Condition",
    "FixedColumn",
    "Group",
    "Limits",
    "Mapping",
    "Match",
    "Note",
    "Reject",
    "Source",
    "Value",
    "load_mapping",
    "shipped_mappings",
]
