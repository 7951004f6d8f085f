"""Import mappings: how the rows of a file become commands."""

from relations.exchange.mapping.model import (
    CommandRule,
    Condition,
    FixedColumn,
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
    "Mapping",
    "Match",
    "Note",
    "Reject",
    "Source",
    "Value",
    "load_mapping",
    "shipped_mappings",
]
