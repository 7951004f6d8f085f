"""The agenda: everything that falls due, and what is overdue."""

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
