"""Import mappings: how the rows of a file become commands."""

from relations.exchange.mapping.model import (
    CommandRule,
    FixedColumn,
    Mapping,
    Match,
    Note,
    Reject,
    RowCondition,
    Source,
    Value,
    load_mapping,
    shipped_mappings,
)

__all__ = [
    "CommandRule",
    "FixedColumn",
    "Mapping",
    "Match",
    "Note",
    "Reject",
    "RowCondition",
    "Source",
    "Value",
    "load_mapping",
    "shipped_mappings",
]
