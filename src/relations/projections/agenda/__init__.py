"""The agenda: the items that fall due or are overdue."""

from relations.projections.agenda.view import (
    KINDS,
    PROJECTION,
    AgendaItem,
    AgendaView,
    Kind,
    commands_due,
)

__all__ = [
    "KINDS",
    "PROJECTION",
    "AgendaItem",
    "AgendaView",
    "Kind",
    "commands_due",
]
