"""One view of a customer: all ids of one person, their profile, their consents and their ids in other systems.

The changes of consents are kept separately for each id. Changes before a merge are combined strictly; after it, the
newest change holds. See `relations.policies.consents`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, ClassVar

import msgspec
from sqlalchemy import func, or_, select

from relations.aggregates.customer import CustomerErased, IdentityLinked
from relations.errors import InvalidInput, LogError
from relations.messages import CHANNELS, from_micros, to_micros
from relations.policies.consents import Change, said_as_one, standing_at
from relations.projections.arguments import Page, checked_choice, formerly_by_offset
from relations.projections.columns import ColumnGroups
from relations.projections.contacts.view import ContactsView, quiet_times
from relations.projections.customers.audience import Addressee, addressee, speaks, wanted_fields
from relations.projections.customers.duplicates import (
    COMPARED,
    Candidates,
    Duplicate,
    Mark,
    MarkHashes,
    Person,
    StoredHashes,
    marks,
    pairs,
    person,
)
from relations.projections.customers.files import file_groups
from relations.projections.customers.lookup import Criterion, FoundCustomer, matches, paged, wanted_words
from relations.projections.customers.matching import form_versions, same_phone
from relations.projections.customers.portraits import (
    OpenWords,
    Parted,
    PortraitRow,
    SaidTrait,
    culture_of,
    latest,
    opened,
    traits_of,
)
from relations.projections.customers.profiles import ConsentStanding, Identity, Portrait
from relations.projections.customers.rows import PROJECTION, Consent, ExternalId
from relations.projections.gc_pause import collector_paused
from relations.projections.keeping import ViewState
from relations.projections.projection import CustomerRow, Projection
from relations.projections.retention.view import RetentionView
from relations.projections.running.aliases import Aliases, combined
from relations.projections.view import View, ViewContext

__all__ = ["PROJECTION", "Consent", "ConsentStanding", "CustomersView", "ExternalId", "Identity", "Portrait"]

_CHUNK = 2_000


_PROFILE = ("name", "email", "phone", "birthday", "gender", "language", "region", "channel", "source")


_KEYED, _CHARACTERS = "duplicate", 12
"""The purpose of the digests, and how many of their characters are compared: 60 bits."""


def _decoded(content: bytes) -> StoredHashes | None:
    """Return a part of the stored digests; None if it is damaged, so that it is computed again."""
    try:
        return msgspec.msgpack.decode(content, type=StoredHashes)
    except msgspec.MsgspecError:
        return None


def _awaits(row: PortraitRow, standing: Mapping[str, SaidTrait], now: int) -> bool:
    """Return whether a value takes effect later, or cannot be read although the customer is not erased."""
    for name in COMPARED:
        said = row.said.get(name, ())
        if any(each.at > now for each in said):
            return True
        newest = latest(said, now) if said and name not in standing and row.erased_at is None else None
        if newest is not None and newest.value is not None:
            return True
    return False


def _country(region: str | None, default: str | None) -> str | None:
    return region if region and len(region) == 2 else default


def _in_parts(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), _CHUNK):
        yield names[start : start + _CHUNK]


def _shared_by_few(marked: Sequence[tuple[str, list[Mark]]], at_most: int) -> list[tuple[str, list[Mark]]]:
    """Return the marks that at most this many customers share, as `pairs` ignores all others."""
    holders: dict[Mark, set[str]] = {}
    for customer, found in marked:
        for mark in found:
            holders.setdefault(mark, set()).add(customer)
    few = {mark for mark, customers in holders.items() if len(customers) <= at_most}
    return [(customer, kept) for customer, found in marked if (kept := [mark for mark in found if mark in few])]


class CustomersView(View):
    """One view of a customer, by any of their ids."""

    projection: ClassVar[Projection] = PROJECTION
    keeps_answers: ClassVar[bool] = True
    columned: ClassVar[tuple[tuple[type[CustomerRow], ColumnGroups], ...]] = ((PortraitRow, file_groups),)

    reads: ClassVar[tuple[type[View], ...]] = (RetentionView, ContactsView)

    def __init__(self, context: ViewContext, retention: RetentionView, contacts: ContactsView) -> None:
        # Only audiences read the other views. All other questions need not wait until those are up to date.
        super().__init__(context)
        self._topics = sorted(event.topic for event in self.projection.folds)
        self._hashes = MarkHashes()
        self._likeness = context.likeness
        self._retention = retention
        self._contacts = contacts

    def portrait(self, customer: str, *, as_of: datetime | None = None) -> Portrait:
        """Return a customer's profile, with readable personal words unless they were erased.

        Args:
            customer: Any of their ids.
            as_of: The moment, in business time; now by default. An erasure applies to all moments.

        Raises:
            InvalidInput: The view has no keys.
        """
        moment = self.now if as_of is None else to_micros(as_of)
        identity = self.identity(customer)
        found = self.rows(PortraitRow, customer=customer)
        row = found[0] if found else PortraitRow(identity.customer)
        (standing,) = opened([row], moment, self._open_words)
        profile = {name: standing[name].value for name in _PROFILE if name in standing}
        phone, region = profile.get("phone"), profile.get("region")
        fields: dict[str, Any] = profile
        return Portrait(
            **identity.model_dump(),
            **fields,
            known_since=None if row.known_since is None else from_micros(row.known_since),
            erased_at=None if row.erased_at is None else from_micros(row.erased_at),
            phone_number=None if phone is None else same_phone(phone, region or self.policy.country),
            traits=traits_of(standing),
            culture=culture_of(standing),
            consents=tuple(self.consents(customer, as_of=as_of)),
        )

    @formerly_by_offset()
    def duplicates(
        self, *, shared_by_at_most: int = 5, limit: int | None = None, after: tuple[str, str] | None = None
    ) -> list[Duplicate]:
        """Return likely duplicates: pairs of unmerged customers who may be the same person, the likeliest first.

        They share an e-mail address, a phone number, a name and birthday, or an id in another system;
        `relations.projections.customers.matching` defines what counts as the same. A different birthday or first name
        is evidence against a pair and lowers its rank. Pairs that were unmerged are left out. Personal data is read in
        batches and not stored.

        Args:
            shared_by_at_most: A value shared by more customers is ignored, such as the number of a travel agency.
            limit: At most this many pairs; None for all.
            after: Only pairs after the one of these two customers.

        Raises:
            InvalidInput: The view has no keys, `limit` is negative, or the list has no pair `after`.
        """
        page = Page(limit, after)
        keys, aliases, country = self._open_words, self.aliases, self.policy.country
        linked = _shared_by_few(self._shared_external_ids(aliases, shared_by_at_most), shared_by_at_most)
        likely = sorted({*self._sharing(shared_by_at_most, country, keys, aliases), *(name for name, _ in linked)})
        ids = [name for each in likely for name in aliases.ids(each)]
        marked: list[tuple[str, list[Mark]]] = [*linked]
        people: dict[str, list[Person]] = {}
        for start in range(0, len(ids), _CHUNK):
            for name, found, who in self._compared(ids[start : start + _CHUNK], country, keys):
                marked.append((aliases.survivor(name), found))
                people.setdefault(aliases.survivor(name), []).append(who)
        columns = self.table(Parted).c
        parted = frozenset(
            frozenset((aliases.survivor(one), aliases.survivor(other)))
            for one, other in self.execute(select(columns.customer, columns.other))
        )
        ranked = pairs(marked, parted, shared_by_at_most, people)
        return page.of_ranks(ranked, lambda pair: pair.customers)

    def _sharing(self, at_most: int, country: str | None, keys: OpenWords, aliases: Aliases) -> list[str]:
        """Return the customers who share a mark with others, at most this many in all."""
        hashes = self._mark_hashes(country, keys)

        def found() -> list[str]:
            candidates = Candidates()
            for name, theirs in hashes.items():
                candidates.add(aliases.survivor(name), theirs)
            return candidates.found(at_most)

        # While a value waits to take effect, the marks depend on the moment too.
        return found() if self._hashes.awaiting else self.keep(("sharing", at_most, country), found)

    def _mark_hashes(self, country: str | None, keys: OpenWords) -> dict[str, tuple[int, ...]]:
        """Return the hashes of the marks of every id. Only ids with new events are read again."""
        state, known, now, form = self._state(), self._hashes, self.now, self._form(country)
        if state is None:
            known = MarkHashes()
        hashed: Callable[[Mark], int] = self._digested if form.startswith(_KEYED) else hash
        with known.lock:
            changed: set[str] | None = None
            if state is not None and known.state is None:
                self._take_stored(known, state, form)
            if state is not None and known.state is not None and known.can_follow(state, form):
                changed = self._changed(known.state.position, until=state.position)
            names = None if changed is None else changed | known.awaiting
            if names is not None and not names and known.state == state:
                return known.of
            hashes, awaiting = ({}, set()) if names is None else (dict(known.of), set[str]())
            for name in names or ():
                hashes.pop(name, None)
            for part in self._names_in_parts() if names is None else _in_parts(sorted(names)):
                rows = self.rows_as_recorded(PortraitRow, part)
                for row, standing in zip(rows, opened(rows, now, keys, COMPARED), strict=True):
                    hashes[row.customer] = tuple(map(hashed, marks(standing, country)))
                    if _awaits(row, standing, now):
                        awaiting.add(row.customer)
            if known.state is None or state is None or known.state.position <= state.position:
                known.state, known.form, known.of, known.awaiting = state, form, hashes, awaiting
            return hashes

    def _form(self, country: str | None) -> str:
        """Return what the hashes of marks depend on besides the words."""
        try:
            kind = "hash" if self._digest("", _KEYED) is None else _KEYED
        except LogError:  # opened without the master key
            kind = "hash"
        return f"{kind} {self.projection.version} {country} {form_versions()}"

    def _digested(self, mark: Mark) -> int:
        kind, value = mark
        return int((self._digest(value, f"{_KEYED} {kind}") or "0")[:_CHARACTERS], 36)

    # --- stored digests ---------------------------------------------------------------------------------------------

    def _store_more(self, least: int) -> None:
        """Store the digests by which likely duplicates are found."""
        country = self.policy.country
        form = self._form(country)
        if not form.startswith(_KEYED):
            return
        with self._database.snapshot() as connection:
            self._asking.begin()
            state, known = self._state(), self._likeness.read(connection, form, content=False)
        oldest = (
            min((part.position for part in known.values()), default=0) if len(known) == self._likeness.parts else None
        )
        if state is None or state.position < least or (oldest is not None and state.position - oldest < least):
            return
        with self.answering():
            hashes = self._mark_hashes(country, self._open_words)
            position, awaiting = self._asking.position or 0, self._hashes.awaiting
        found: dict[int, StoredHashes] = {number: StoredHashes({}, []) for number in range(self._likeness.parts)}
        for name, theirs in hashes.items():
            found[self._likeness.part_of(name)].of[name] = theirs
        for name in awaiting:
            found[self._likeness.part_of(name)].awaiting.append(name)
        contents = {number: msgspec.msgpack.encode(part) for number, part in found.items()}
        self._likeness.store(self._database, form, position, contents, erasing=CustomerErased.topic)

    def _take_stored(self, known: MarkHashes, state: ViewState, form: str) -> None:
        """Begin with the digests that were stored. Those of parts that are missing are computed again."""
        with self.answering() as connection:
            stored, newest = self._likeness.read(connection, form), self._asking.position or 0
            position = min((part.position for part in stored.values()), default=0)
            parts = {number: part for number, each in stored.items() if (part := _decoded(each.content)) is not None}
            if not parts or position > newest:
                return
            everybody = self._names_in_parts() if len(parts) < self._likeness.parts else ()
            missing = {name for names in everybody for name in names if self._likeness.part_of(name) not in parts}
        for part in parts.values():
            known.of |= part.of
            known.awaiting |= {*part.awaiting}
        known.awaiting |= missing
        known.form, known.state = form, replace(state, position=min(position, state.position))

    def _names_in_parts(self) -> Iterator[list[str]]:
        column = self.table(PortraitRow).c.customer
        last = ""
        while names := [
            name for (name,) in self.execute(select(column).where(column > last).order_by(column).limit(_CHUNK))
        ]:
            yield names
            last = names[-1]

    def _compared(
        self, names: Sequence[str], country: str | None, keys: OpenWords
    ) -> Iterator[tuple[str, list[Mark], Person]]:
        rows = self.rows_as_recorded(PortraitRow, names)
        for row, standing in zip(rows, opened(rows, self.now, keys, COMPARED), strict=True):
            yield row.customer, marks(standing, country), person(standing)

    def _shared_external_ids(self, aliases: Aliases, at_most: int) -> list[tuple[str, list[Mark]]]:
        columns = self.table(ExternalId).c
        wanted = select(columns.customer, columns.source, columns.external_id, columns.sealed)
        several = (
            select(columns.source, columns.external_id)
            .group_by(columns.source, columns.external_id)
            .having(func.count() > 1)
            .subquery()
        )
        same = (columns.source == several.c.source) & (columns.external_id == several.c.external_id)

        def rows() -> list[tuple[str, str, str, str | None]]:
            shared = [*self.execute(wanted.join(several, same)), *self.execute(wanted.where(columns.sealed.is_(None)))]
            holders = defaultdict[tuple[str, str], set[str]](set)
            for customer, source, own, _ in shared:
                holders[source, own].add(aliases.survivor(customer))
            # An id that too many customers share is ignored, so it need not be opened.
            return [
                (customer, source, own, sealed)
                for customer, source, own, sealed in shared
                if not is_newest or len(holders[source, own]) <= at_most
            ]

        # Only then have all erased customers lost their rows. The others' words cannot be opened, and do not count.
        is_newest = self._is_at_head()
        found = list(self.keep(("shared external ids", at_most, is_newest), rows))
        # An id recorded in clear text by an older version is the same as one recorded by its digest since.
        names = list({name for _, source, own, sealed in found if not sealed and (name := self._digest(own, source))})
        for start in range(0, len(names), _CHUNK):
            again = self.execute(wanted.where(columns.external_id.in_(names[start : start + _CHUNK])))
            found += [(customer, source, own, sealed) for customer, source, own, sealed in again]
        ids = self._opened([(customer, sealed or own) for customer, _source, own, sealed in found])
        return [
            (aliases.survivor(customer), [("external_id", f"{source} {words}")])
            for (customer, source, words) in dict.fromkeys(
                (customer, source, words)
                for (customer, source, _own, _sealed), words in zip(found, ids, strict=True)
                if words is not None
            )
        ]

    def _opened(self, sealed: Sequence[tuple[str, str]]) -> list[str | None]:
        """Return the external ids of customers, opened; None for those that cannot be read."""
        return self._open_words([(customer, IdentityLinked.topic, "external_id", words) for customer, words in sealed])

    def _external_ids(self, ids: Sequence[str]) -> tuple[tuple[str, str], ...]:
        """Return a customer's ids in other systems, source and id, in order."""
        linked = self._external_ids_of(ids)
        return tuple(sorted({each for found in linked.values() for each in found}))

    def _external_ids_of(self, ids: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
        """Return the source and id in other systems by the id under which they were linked."""
        linked = self.rows_as_recorded(ExternalId, ids)
        opened_ids = self._opened([(row.customer, row.sealed or row.external_id) for row in linked])
        found: dict[str, list[tuple[str, str]]] = {}
        for row, words in zip(linked, opened_ids, strict=True):
            if words is not None:
                found.setdefault(row.customer, []).append((row.source, words))
        return found

    def identity(self, customer: str) -> Identity:
        """Return all ids of the customer who has this one."""
        aliases = self.aliases
        return Identity(
            customer=aliases.survivor(customer),
            ids=aliases.ids(customer),
            external_ids=self._external_ids(aliases.ids(customer)),
        )

    def merged(self) -> list[Identity]:
        """Return the customers with several ids, in order."""
        groups = self.aliases.groups
        linked = self._external_ids_of([name for ids in groups.values() for name in ids])
        return [
            Identity(
                customer=customer,
                ids=groups[customer],
                external_ids=tuple(sorted({each for name in groups[customer] for each in linked.get(name, ())})),
            )
            for customer in sorted(groups)
        ]

    def linked(self, source: str, external_id: str) -> list[str]:
        """Return the customers with this id in another system. Several suggest that they are the same person."""
        columns = self.table(ExternalId).c
        names = [name for name in (external_id, self._digest(external_id, source)) if name is not None]
        return self.customers(ExternalId, columns.source == source, columns.external_id.in_(names))

    def find(
        self,
        *,
        name: str | None = None,
        phone: str | None = None,
        email: str | None = None,
        external_id: str | None = None,
        own_id: str | None = None,
        limit: int = 50,
    ) -> list[FoundCustomer]:
        """Return the customers with these words, in the order of their ids. Erased customers are never found.

        Args:
            name: Parts of the name, in any order; case and accents make no difference.
            phone: A telephone number, or at least its last four digits.
            email: The e-mail address.
            external_id: The id in another system, whichever it is.
            own_id: Any id of this log.
            limit: At most this many.

        Raises:
            InvalidInput: Nothing was given (`nothing_to_find`), the words are too short, or the log has words of an
                older version that are not indexed yet (`not_indexed`).
        """
        given: dict[Criterion, str | None] = {"email": email, "phone": phone, "name": name}
        wanted = {kind: text for kind, text in given.items() if text is not None}
        if not wanted and external_id is None and own_id is None:
            raise InvalidInput(
                "there is nothing to find customers by",
                code="nothing_to_find",
                hint="Give a name, a telephone number, an e-mail address or an id in another system",
            )
        confirmed = partial(self._confirmed, wanted)
        if own_id is not None:
            return list(confirmed([own_id])) if self._is_recorded((own_id,)) else []
        if external_id is not None:
            return list({each.customer: each for each in confirmed(self._with_external_id(external_id))}.values())[
                :limit
            ]
        kind, text = next(iter(wanted.items()))
        with collector_paused():
            return paged(partial(self._candidates, wanted_words(kind, text)), confirmed, limit)

    def _with_external_id(self, external_id: str) -> list[str]:
        """Return the ids that any other system knows under an id."""
        columns = self.table(ExternalId).c
        # From source to source along the index, because there are few of them and many ids.
        sources = select(func.min(columns.source).label("source")).cte("sources", recursive=True)
        following = select(func.min(columns.source)).where(columns.source > sources.c.source).scalar_subquery()
        sources = sources.union_all(select(following).where(sources.c.source.is_not(None)))
        known = self.execute(select(sources.c.source).where(sources.c.source.is_not(None)))
        same = [
            (columns.source == source) & (columns.external_id == name)
            for (source,) in known
            for name in (external_id, self._digest(external_id, source))
            if name is not None
        ]
        if not same:
            return []
        return sorted({customer for (customer,) in self.execute(select(columns.customer).where(or_(*same)))})

    def _confirmed(self, wanted: Mapping[Criterion, str], ids: Sequence[str]) -> Iterator[FoundCustomer]:
        """Yield the customers of these ids whose words, under one of their ids or another, are those wanted."""
        aliases, country = self.aliases, self.policy.country
        rows = self.rows_as_recorded(PortraitRow, sorted({other for each in ids for other in aliases.ids(each)}))
        fields = ("name", "email", "phone", "region")
        said = {
            row.customer: {name: each.value for name, each in standing.items()}
            for row, standing in zip(rows, opened(rows, self.now, self._open_words, fields), strict=True)
        }
        for each in ids:
            profiles = [said[other] for other in aliases.ids(each) if other in said]
            own = said.get(each, {})
            if all(
                any(
                    (known := profile.get(kind)) is not None
                    and matches(kind, text, known, _country(profile.get("region"), country))
                    for profile in profiles
                )
                for kind, text in wanted.items()
            ):
                yield FoundCustomer(
                    customer=aliases.survivor(each),
                    matched_id=each,
                    name=own.get("name"),
                    email=own.get("email"),
                    phone=own.get("phone"),
                )

    def audience(
        self, *, channel: str, purpose: str, segment: str | None = None, language: str | None = None
    ) -> Iterator[Addressee]:
        """Yield the customers who may be addressed now through a channel for a purpose.

        Their consent for the purpose through the channel stands, and the policy's quiet time after the last contact
        is over. They also have an address for the channel. Each is listed once. Customers are read in batches, each
        from a state of its own.

        Args:
            channel: The channel.
            purpose: The purpose.
            segment: Only customers who belong to this segment of the policy.
            language: Only customers who are addressed in this language or a variant of it.

        Raises:
            InvalidInput: The channel or segment is unknown.
        """
        checked_choice(channel, CHANNELS, "channel", needed=True)
        checked_choice(segment, [each.name for each in self.policy.lifecycle.segments], "segment")
        return self._addressees(channel, purpose, segment, language)

    def _addressees(self, channel: str, purpose: str, segment: str | None, language: str | None) -> Iterator[Addressee]:
        columns = self.table(Consent).c
        consented = select(columns.customer).where(columns.channel == channel, columns.purpose == purpose)
        last, done = "", set[str]()
        while True:
            with self.answering(self._retention, self._contacts), collector_paused():
                query = consented.where(columns.customer > last).order_by(columns.customer).limit(_CHUNK)
                page = [name for (name,) in self.execute(query)]
                aliases = self.aliases
                people = dict.fromkeys(map(aliases.survivor, page))
                chosen = [each for each in people if each not in done]
                if segment is not None:
                    belonging = {*self._retention.in_segment(segment, chosen)}
                    chosen = [each for each in chosen if each in belonging]
                addressed = list(self._addressed(chosen, aliases, channel, purpose, language))
            if not page:
                return
            last = page[-1]
            done.update(each for each in people if each in aliases.groups)
            yield from addressed

    def _addressed(
        self, people: Sequence[str], aliases: Aliases, channel: str, purpose: str, language: str | None
    ) -> Iterator[Addressee]:
        ids = sorted(name for each in people for name in aliases.ids(each))
        now = self.now
        portraits = {row.customer: row for row in combined(self.rows_as_recorded(PortraitRow, ids), aliases)}
        said = defaultdict[str, dict[str, list[Change]]](dict)
        for consent in self.rows_as_recorded(Consent, ids):
            if (consent.channel, consent.purpose) == (channel, purpose):
                said[aliases.survivor(consent.customer)] |= consent.changes
        quiet = quiet_times(self._contacts, ids)
        allowed = []
        for each in people:
            portrait = portraits.get(each)
            if portrait is None or portrait.erased_at is not None or quiet.get(each, 0) > now:
                continue
            change = standing_at(said_as_one(said[each], portrait.merges), now)
            spoken = latest(portrait.said.get("language", ()), now)
            if change is not None and change[1] is not None and speaks(spoken.value if spoken else None, language):
                allowed.append(portrait)
        fields = wanted_fields(channel, (row.said for row in allowed))
        for row, standing in zip(allowed, opened(allowed, now, self._open_words, fields), strict=True):
            found = addressee(row.customer, channel, standing)
            if found is not None:
                yield found

    def consents(self, customer: str, *, as_of: datetime | None = None) -> list[ConsentStanding]:
        """Return a customer's consents over all their ids.

        Changes after a merge apply to the whole customer, and the newest holds. Changes before it are combined
        strictly: a consent withdrawn under any id is withdrawn.

        Args:
            customer: Any of their ids.
            as_of: The moment; now by default.

        Returns:
            One entry for each channel and purpose with a consent or withdrawal by then, in order.
        """
        moment = self.now if as_of is None else to_micros(as_of)
        merges = [merge for row in self.rows(PortraitRow, customer=customer) for merge in row.merges]
        found = []
        for row in self.rows(Consent, customer=customer):
            change = standing_at(said_as_one(row.changes, merges), moment)
            if change is not None:
                since, basis = change
                found.append(
                    ConsentStanding(
                        channel=row.channel,
                        purpose=row.purpose,
                        allowed=basis is not None,
                        basis=basis,
                        since=from_micros(since),
                    )
                )
        return sorted(found, key=lambda standing: (standing.channel, standing.purpose))
