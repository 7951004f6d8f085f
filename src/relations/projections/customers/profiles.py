"""The answers of one view of a customer: their profile, their consents and all their ids."""

from __future__ import annotations

from datetime import datetime

from relations.json_form import ViewAnswer
from relations.projections.customers.portraits import Culture, Trait

__all__ = ["ConsentStanding", "Identity", "Portrait"]


class ConsentStanding(ViewAnswer):
    """The standing of a consent for one purpose through one channel.

    Attributes:
        channel: The channel.
        purpose: The purpose.
        allowed: True if contact is allowed at the moment asked for.
        basis: The basis of the consent; None if it is withdrawn.
        since: The time of the change that holds.
    """

    channel: str
    purpose: str
    allowed: bool
    basis: str | None
    since: datetime


class Identity(ViewAnswer):
    """All ids of a customer.

    Attributes:
        customer: The surviving id, which views answer for.
        ids: All ids of this customer: the surviving one first, the others in order.
        external_ids: The ids in other systems: source and id, in order.
    """

    customer: str
    ids: tuple[str, ...]
    external_ids: tuple[tuple[str, str], ...]


class Portrait(ViewAnswer):
    """The profile of a customer over all their ids, each field as last recorded by business time.

    Attributes:
        customer: The surviving id, which views answer for.
        ids: All ids of this customer: the surviving one first, the others in order.
        external_ids: The ids in other systems: source and id, in order.
        known_since: The time of their registration; None if only complaints or points are recorded.
        erased_at: The time of their erasure, after which the profile is empty; None if they were not erased.
        name: The name.
        email: The e-mail address.
        phone: The phone number as it was given.
        phone_number: The phone number in E.164; None if neither the number, the region nor the policy gives a country.
        birthday: The birthday as a date, or as --MM-DD without the year.
        gender: The gender, in the business's own words.
        language: The language in which to address them.
        region: The region where they live.
        channel: The channel through which they were registered.
        source: The source of the registration.
        traits: Their preferences, habits, taboos, needs and attributes.
        culture: The way they want to be addressed and served; None if nothing was noted.
        consents: Their consents and withdrawals.
    """

    customer: str
    ids: tuple[str, ...]
    external_ids: tuple[tuple[str, str], ...] = ()
    known_since: datetime | None = None
    erased_at: datetime | None = None
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    phone_number: str | None = None
    birthday: str | None = None
    gender: str | None = None
    language: str | None = None
    region: str | None = None
    channel: str | None = None
    source: str | None = None
    traits: tuple[Trait, ...] = ()
    culture: Culture | None = None
    consents: tuple[ConsentStanding, ...] = ()
