"""Hypothesis strategies for everything that travels: ids, moments, money, commands, policies, whole histories."""

from relations.testing.strategies.catalogue import (
    calendars,
    channels,
    commands,
    commands_of,
    complaint_commands,
    customer_commands,
    holdings,
    ids,
    labels,
    loyalty_commands,
    moments,
    moneys,
    moved_lots,
    policies,
    texts,
)

__all__ = [
    "calendars",
    "channels",
    "commands",
    "commands_of",
    "complaint_commands",
    "customer_commands",
    "holdings",
    "ids",
    "labels",
    "loyalty_commands",
    "moments",
    "moneys",
    "moved_lots",
    "policies",
    "texts",
]
