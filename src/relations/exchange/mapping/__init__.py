"""Import mappings: the rules that turn the rows of a file into commands."""

from relations.exchange.mapping.model import (
    CommandRule,
    FixedColumn,
    Limits,
    Mapping,
    Match,
    Note,
    Preset,
    Reject,
    RowCondition,
    RowGroup,
    Source,
    Surprise,
    Value,
    load_mapping,
    shipped_mappings,
    shipped_presets,
)

__all__ = [
    "CommandRule",
    "FixedColumn",
    "Limits",
    "Mapping",
    "Match",
    "Note",
    "Preset",
    "Reject",
    "RowCondition",
    "RowGroup",
    "Source",
    "Surprise",
    "Value",
    "load_mapping",
    "shipped_mappings",
    "shipped_presets",
]
