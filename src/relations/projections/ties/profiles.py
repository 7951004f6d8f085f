"""The answers about ties."""

from __future__ import annotations

from datetime import date, datetime

from relations.json_form import ViewAnswer
from relations.projections.agenda.items import AgendaItem

__all__ = [
    "FileStanding",
    "Handover",
    "LadderMonth",
    "LadderRung",
    "OrganisationContact",
    "OwnerSince",
    "RungCustomer",
    "SwitchingCost",
    "Tie",
]


class LadderRung(ViewAnswer):
    """A rung of the ladder.

    Attributes:
        rung: Its name.
        customers: The number of customers who stand on it.
        stated: The number of those because an owner said so.
    """

    rung: str
    customers: int
    stated: int


class RungCustomer(ViewAnswer):
    """A customer on the ladder.

    Attributes:
        customer: The surviving id, which views answer for.
        rung: The rung.
        stated_by: The staff member who said so; None if the policy's conditions say it, or nobody was named.
        stated: True if somebody said so.
    """

    customer: str
    rung: str
    stated_by: str | None = None
    stated: bool = False


class LadderMonth(ViewAnswer):
    """The rung of a customer at the end of a month.

    Attributes:
        month: The calendar month, such as `2024-05`.
        rung: The rung; None if they stood on none.
        stated: True if an owner said so.
    """

    month: str
    rung: str | None
    stated: bool = False


class OwnerSince(ViewAnswer):
    """An owner of a customer.

    Attributes:
        owner: The staff member.
        deputy: The one who stands in for them; None if there is none.
        since: Since when.
    """

    owner: str
    deputy: str | None
    since: datetime


class SwitchingCost(ViewAnswer):
    """The things that a customer would lose by leaving.

    Attributes:
        points: The points in the policy's first loyalty programme; None for those who are not members.
        points_value: The spend that earns as many points at the base rate, in minor units of the policy's currency;
            None likewise, and without a rate.
        tier: The tier in it.
        clubs: The clubs of it that they joined.
        coupons: The number of rewards that they can still use.
        years: The years since their first purchase or contact.
        owner_years: The years with the present owner; None without one.
        preferences: The number of preferences, habits, needs and taboos that the business knows.
        contracts: The number of their contracts that run now.
        contracts_until: The local day after the last one ends; None if one of them has no end, and without any.
    """

    points: int | None
    points_value: int | None
    tier: str | None
    clubs: tuple[str, ...]
    coupons: int
    years: float
    owner_years: float | None
    preferences: int
    contracts: int = 0
    contracts_until: date | None = None


class OrganisationContact(ViewAnswer):
    """A contact in an organisation.

    Attributes:
        contact: The person's id.
        level: Their level.
        role: Their role; None if it was not recorded.
        since: When they were named as it is now.
    """

    contact: str
    level: str
    role: str | None
    since: datetime


class Tie(ViewAnswer):
    """The ties with one customer.

    Attributes:
        customer: The surviving id, which views answer for.
        kind: `person`, `author`, `organisation` or `partner`.
        rung: The rung on the ladder; None if they stand on none.
        stated: True if an owner said so.
        owner: The present owner; None if there is none.
        owners: Every owner, the earliest first.
        switching_cost: The things that they would lose by leaving.
        contacts: The contacts of an organisation, by level and id.
    """

    customer: str
    kind: str
    rung: str | None
    stated: bool
    owner: OwnerSince | None
    owners: tuple[OwnerSince, ...]
    switching_cost: SwitchingCost
    contacts: tuple[OrganisationContact, ...]


class Handover(ViewAnswer):
    """A customer that a new owner has to take over, with everything that must not be lost.

    Attributes:
        customer: The surviving id, which views answer for.
        owner: The new owner.
        deputy: The one who stands in for them; None if there is none.
        previous: The owner before.
        since: When the customer was assigned.
        open_cases: The ids of open cases, the next due first.
        promises: The deadlines and open replies of these cases and of surveys.
        plan_steps: The contacts of care plans that are still to come.
        taboos: The subjects of taboos.
        preferences: The subjects of preferences, habits and needs.
    """

    customer: str
    owner: str
    deputy: str | None
    previous: str
    since: datetime
    open_cases: tuple[str, ...]
    promises: tuple[AgendaItem, ...]
    plan_steps: tuple[AgendaItem, ...]
    taboos: tuple[str, ...]
    preferences: tuple[str, ...]


class FileStanding(ViewAnswer):
    """The completeness and freshness of a customer's file.

    Attributes:
        customer: The surviving id, which views answer for.
        known: The parts that are known, of name, contact, birthday, language, region, consent and preferences.
        missing: The parts that are not known.
        share: The share of the parts that are known, from 0 to 1.
        touched_at: When the file last changed; None if it never did.
        days: The full days since then; None likewise.
    """

    customer: str
    known: tuple[str, ...]
    missing: tuple[str, ...]
    share: float
    touched_at: datetime | None
    days: int | None
