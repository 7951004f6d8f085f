"""One view of a customer: merged ids, portrait, consents and ids in other systems."""

from relations.projections.customers.lookup import FoundCustomer
from relations.projections.customers.view import (
    PROJECTION,
    Consent,
    ConsentStanding,
    CustomersView,
    ExternalId,
    Identity,
    Portrait,
)

__all__ = [
    "PROJECTION",
    "Consent",
    "ConsentStanding",
    "CustomersView",
    "ExternalId",
    "FoundCustomer",
    "Identity",
    "Portrait",
]
