"""Import mappings: the rules that turn the rows of a file into commands."""

from relations.exchange.mapping.model import (
    CommandRule,
    FixedColumn,
    Limits,
    Mapping,
    Match,
    Note,
    Reject,
    RowCondition,
    RowGroup,
    Source,
    Value,
    load_mapping,
    shipped_mappings,
)

__all__ = [
    "CommandRule",
    "FixedColumn",
    "Limits",
    "Mapping",
    "Match",
    "Note",
    "Reject",
    "RowCondition",
    "RowGroup",
    "Source",
    "Value",
    "load_mapping",
    "shipped_mappings",
]
