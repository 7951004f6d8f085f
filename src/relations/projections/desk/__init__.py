"""The complaint desk: work list, clocks, workload and figures."""

from relations.projections.desk.view import (
    PROJECTION,
    TICKET_STATUSES,
    DeskView,
    Load,
    LoadBy,
    Ticket,
    TicketPage,
    TicketProfile,
    TicketStatus,
    WorkOrder,
)

__all__ = [
    "PROJECTION",
    "TICKET_STATUSES",
    "DeskView",
    "Load",
    "LoadBy",
    "Ticket",
    "TicketPage",
    "TicketProfile",
    "TicketStatus",
    "WorkOrder",
]
