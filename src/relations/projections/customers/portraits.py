"""The rows of portraits: the history of each customer's profile, traits and culture.

Personal data stays in the rows as in the log, sealed under the customer's own key; only a view with the engine's keys
opens it. Erasing the customer removes it all. Values follow business time, not the order of recording.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

import msgspec

from relations.aggregates.customer import (
    CultureNoted,
    CustomerMerged,
    CustomerRegistered,
    CustomerUnmerged,
    ProfileCorrected,
    TraitDropped,
    TraitNoted,
)
from relations.json_form import ViewAnswer
from relations.messages import Envelope, Event, from_micros
from relations.policies.consents import Merge
from relations.projections.projection import CustomerRow, Projection, Rows

__all__ = [
    "Culture",
    "OpenWords",
    "Parted",
    "PortraitRow",
    "SaidTrait",
    "Trait",
    "culture_of",
    "erase",
    "fold_portraits",
    "latest",
    "opened",
    "traits_of",
]

Sealed = tuple[str, str, str, str]
"""A personal field as the log has it: customer, topic, field, sealed value."""
OpenWords = Callable[[Sequence[Sealed]], list[str | None]]
"""A function that opens sealed values; None for those whose key was destroyed."""

_PERSONAL = ("name", "email", "phone", "birthday", "gender")
_PLAIN = ("language", "region")


class SaidTrait(msgspec.Struct, array_like=True, gc=False):
    """One recorded value of a customer's portrait.

    Attributes:
        at: The business time, UTC microseconds.
        position: The log position.
        value: The value; None if it no longer applies.
        customer: The id under which it was recorded, whose key opens a sealed value.
        topic: The topic of the event; empty if the value is not sealed.
        field: The field of the event; empty if the value is not sealed.
        need: The kind of need, if it is one.
        plain: The value of an attribute.
    """

    at: int
    position: int
    value: str | None
    customer: str = ""
    topic: str = ""
    field: str = ""
    need: str | None = None
    plain: str | None = None


class PortraitRow(CustomerRow, gc=False):
    """The portrait of a customer.

    Attributes:
        known_since: The business time of the earliest registration, UTC microseconds.
        erased_at: The time of the erasure, UTC microseconds; the portrait is empty after it.
        merges: The merges of this id into others: business time, this id, the surviving one.
        said: The values in order of business time, by subject: a field of the profile, `culture` and a field, or
            `trait` with its kind and subject.
    """

    table: ClassVar[str] = "portraits"
    known_since: int | None = None
    erased_at: int | None = None
    merges: list[Merge] = msgspec.field(default_factory=list)
    said: dict[str, list[SaidTrait]] = msgspec.field(default_factory=dict)

    def absorb(self, other: PortraitRow) -> None:
        """Add the values of another id of the same person."""
        times = [at for at in (self.known_since, other.known_since) if at is not None]
        self.known_since = min(times, default=None)
        self.erased_at = max((at for at in (self.erased_at, other.erased_at) if at is not None), default=None)
        self.merges = sorted({*self.merges, *other.merges})
        for about, said in other.said.items():
            self.said[about] = sorted(self.said.get(about, []) + said, key=_order)


class Parted(CustomerRow, gc=False):
    """Two ids that were unmerged, and so are two persons."""

    table: ClassVar[str] = "parted"
    key: ClassVar[tuple[str, ...]] = ("customer", "other")
    other: str

    def absorb(self, other: Parted) -> None:
        """Keep one row, because unmerging twice changes nothing."""


def _order(said: SaidTrait) -> tuple[int, int]:
    return said.at, said.position


def latest(said: Sequence[SaidTrait], moment: int) -> SaidTrait | None:
    """Return the value as of a moment: the latest by business time, and at the same time the one recorded last.

    Args:
        said: The values of one subject, in the order in which a row keeps them.
        moment: The moment, UTC microseconds.
    """
    for each in reversed(said):
        if each.at <= moment:
            return each
    return None


# --- folds ----------------------------------------------------------------------------------------------------------


def fold_portraits(projection: Projection) -> None:
    """Register the folds of portraits with a projection that has their tables."""
    projection.on(CustomerRegistered)(_registered)
    projection.on(ProfileCorrected)(_profile)
    projection.on(TraitNoted)(_trait_noted)
    projection.on(TraitDropped)(_trait_dropped)
    projection.on(CultureNoted)(_culture_noted)
    projection.on(CustomerMerged)(_merged)
    projection.on(CustomerUnmerged)(_unmerged)


def erase(rows: Rows, at: Envelope) -> None:
    """Remove all values of the person."""
    row = rows.need(PortraitRow, at.customer)
    row.erased_at = max(at.occurred_at, row.erased_at or at.occurred_at)
    row.said = {}


def _say(row: PortraitRow, about: str, said: SaidTrait) -> None:
    known = row.said.setdefault(about, [])
    known.append(said)
    if len(known) > 1 and _order(known[-2]) > _order(said):
        known.sort(key=_order)


def _say_fields(row: PortraitRow, event: Event, at: Envelope, names: Iterable[str], about: str = "") -> None:
    """Keep the fields that an event gives."""
    for name in names:
        value = getattr(event, name)
        if value is not None:
            sealed = name in _SEALED
            _say(
                row,
                about + name,
                SaidTrait(
                    at.occurred_at,
                    at.position,
                    value,
                    at.customer,
                    event.topic if sealed else "",
                    name if sealed else "",
                ),
            )


_SEALED = frozenset((*_PERSONAL, "customs", "taboos"))


def _registered(rows: Rows, event: CustomerRegistered, at: Envelope) -> None:
    row = rows.need(PortraitRow, at.customer)
    row.known_since = at.occurred_at if row.known_since is None else min(row.known_since, at.occurred_at)
    _say_fields(row, event, at, (*_PERSONAL, *_PLAIN))
    if not event.implicit:
        _say_fields(row, event, at, ("channel", "source"))


def _profile(rows: Rows, event: ProfileCorrected, at: Envelope) -> None:
    _say_fields(rows.need(PortraitRow, at.customer), event, at, (*_PERSONAL, *_PLAIN))


def _trait_noted(rows: Rows, event: TraitNoted, at: Envelope) -> None:
    words = event.words
    said = SaidTrait(at.occurred_at, at.position, words or "", at.customer, need=event.need, plain=event.value)
    if words is not None:
        said.topic, said.field = event.topic, "words"
    _say(rows.need(PortraitRow, at.customer), f"trait {event.trait} {event.about}", said)


def _trait_dropped(rows: Rows, event: TraitDropped, at: Envelope) -> None:
    row = rows.need(PortraitRow, at.customer)
    if row.erased_at is None:
        _say(row, f"trait {event.trait} {event.about}", SaidTrait(at.occurred_at, at.position, None, at.customer))


def _culture_noted(rows: Rows, event: CultureNoted, at: Envelope) -> None:
    row = rows.need(PortraitRow, at.customer)
    _say_fields(row, event, at, ("preferred_channel", "pace", "customs", "taboos"), "culture ")
    if event.languages:
        _say(row, "culture languages", SaidTrait(at.occurred_at, at.position, " ".join(event.languages), at.customer))


def _merged(rows: Rows, event: CustomerMerged, at: Envelope) -> None:
    rows.need(PortraitRow, at.customer).merges.append((at.occurred_at, at.customer, event.into))


def _unmerged(rows: Rows, event: CustomerUnmerged, at: Envelope) -> None:
    rows.need(PortraitRow, at.customer).merges.clear()
    rows.need(Parted, at.customer, event.survivor)


# --- answers --------------------------------------------------------------------------------------------------------


class Trait(ViewAnswer):
    """A preference, habit, taboo, need or attribute of a customer.

    Attributes:
        trait: `preference`, `habit`, `taboo`, `need` or `attribute`.
        about: The subject.
        words: The details.
        need: `functional`, `emotional` or `social`, if it is a need.
        since: The time at which it was noted.
        value: The value of an attribute.
    """

    trait: str
    about: str
    words: str | None
    need: str | None
    since: datetime
    value: str | None = None


class Culture(ViewAnswer):
    """The way in which a customer wants to be addressed and served.

    Attributes:
        languages: The languages they speak, the best first (BCP 47).
        preferred_channel: The channel through which they want to be reached.
        pace: The pace at which they want to be served, in the business's words.
        customs: Customs that matter to them: festivals, forms of address.
        taboos: Things to avoid in their presence.
    """

    languages: tuple[str, ...] = ()
    preferred_channel: str | None = None
    pace: str | None = None
    customs: str | None = None
    taboos: str | None = None


def opened(
    rows: Sequence[PortraitRow], moment: int, open_words: OpenWords, names: Iterable[str] | None = None
) -> list[dict[str, SaidTrait]]:
    """Return the values of each customer as of a moment, with readable words.

    Args:
        rows: The customers.
        moment: The moment, UTC microseconds.
        open_words: The function that opens sealed values.
        names: Only these subjects; all by default.
    """
    standing: list[dict[str, SaidTrait]] = []
    wanted = None if names is None else tuple(names)
    for row in rows:
        abouts = row.said if wanted is None else [name for name in wanted if name in row.said]
        found = {name: said for name in abouts if (said := latest(row.said[name], moment)) is not None}
        standing.append({name: said for name, said in found.items() if said.value is not None})
    sealed = [said for each in standing for said in each.values() if said.topic]
    words = open_words([(said.customer, said.topic, said.field, said.value or "") for said in sealed])
    readable = {id(said): value for said, value in zip(sealed, words, strict=True)}
    return [
        {
            name: msgspec.structs.replace(said, value=readable[id(said)], topic="", field="") if said.topic else said
            for name, said in each.items()
            if not said.topic or readable[id(said)] is not None
        }
        for each in standing
    ]


def traits_of(standing: Mapping[str, SaidTrait]) -> tuple[Trait, ...]:
    """Return the present traits, in order."""
    found = []
    for about, said in sorted(standing.items()):
        if not about.startswith("trait "):
            continue
        _, trait, subject = about.split(" ", 2)
        found.append(
            Trait(
                trait=trait,
                about=subject,
                words=said.value or None,
                need=said.need,
                since=from_micros(said.at),
                value=said.plain,
            )
        )
    return tuple(found)


def culture_of(standing: Mapping[str, SaidTrait]) -> Culture | None:
    """Return a customer's culture; None if nothing was noted."""
    noted = {name.partition(" ")[2]: said.value for name, said in standing.items() if name.startswith("culture ")}
    if not noted:
        return None
    languages = tuple((noted.pop("languages", None) or "").split())
    fields: dict[str, Any] = noted
    return Culture(languages=languages, **fields)
