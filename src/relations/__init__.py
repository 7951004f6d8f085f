"""An event-sourced engine for customer relations.

Commands go in, domain events come out and are kept forever in one append-only log. Views of satisfaction, retention
and the repair of relations are rebuilt from that log at any time.

    from relations import Money, RecordPurchase, Relations

    with Relations.open("sqlite:///hotel.db") as engine:
        engine.execute(RecordPurchase(customer="c1", purchase="stay-1", amount=Money.of("129.00", "EUR"), …))
        engine.views.retention.stages()

This module has the names that a first service needs. The others are in `relations.commands`, `relations.events`,
`relations.policies`, `relations.views`, `relations.errors` and `relations.testing`. Nothing is loaded before it is
used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any
from warnings import warn

if TYPE_CHECKING:
    from relations.commands import *  # noqa: F403 - the former home of these names, for one more version
    from relations.commands import (
        EnrolMember,
        EraseCustomer,
        FileComplaint,
        GiveConsent,
        GiveFeedback,
        RecordPurchase,
        RedeemPoints,
        RefundPurchase,
        RegisterCustomer,
        ResolveComplaint,
    )
    from relations.engine import *  # noqa: F403 - likewise
    from relations.engine import Receipt, Relations
    from relations.errors import *  # noqa: F403 - likewise
    from relations.errors import CommandRefused, InvalidInput, RelationsError
    from relations.messages import *  # noqa: F403 - likewise
    from relations.messages import Command, Event, Money, RecordedEvent
    from relations.policies import *  # noqa: F403 - likewise
    from relations.policies import Policy

__all__ = [
    "Command",
    "CommandRefused",
    "EnrolMember",
    "EraseCustomer",
    "Event",
    "FileComplaint",
    "GiveConsent",
    "GiveFeedback",
    "InvalidInput",
    "Money",
    "Policy",
    "Receipt",
    "RecordPurchase",
    "RecordedEvent",
    "RedeemPoints",
    "RefundPurchase",
    "RegisterCustomer",
    "Relations",
    "RelationsError",
    "ResolveComplaint",
]

_HOMES = ("errors", "messages", "policies", "commands", "engine")
"""The modules whose public names can be imported from here. Version 0.2 keeps only those in `__all__`."""


_MODULES = frozenset((*_HOMES, "events", "exchange", "testing", "views"))


def __getattr__(name: str) -> Any:
    """Load a public name or module on first use."""
    if name == "__version__":
        return import_module("relations.version").VERSION
    if name in _MODULES:
        return import_module(f"relations.{name}")
    if not name.startswith("_"):
        for home in _HOMES:
            module = import_module(f"relations.{home}")
            if name in module.__all__:
                found = getattr(module, name)
                if name in __all__:
                    globals()[name] = found
                else:
                    warn(
                        f"`relations.{name}` goes with version 0.2; import it from `relations.{home}`",
                        DeprecationWarning,
                        stacklevel=2,
                    )
                return found
    msg = f"module 'relations' has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
