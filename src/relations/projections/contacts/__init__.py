"""Contact between the business and its customers: the last one, what it sells, and customers nobody contacted."""

from relations.projections.contacts.rows import PROJECTION, Breach, Contacted, ContactMonth
from relations.projections.contacts.view import ContactFigure, ContactsView, CustomerContact, SilentCustomer

__all__ = [
    "PROJECTION",
    "Breach",
    "ContactFigure",
    "ContactMonth",
    "Contacted",
    "ContactsView",
    "CustomerContact",
    "SilentCustomer",
]
