"""Folds of care plans, and the items that they make due.

A birthday stays sealed in its row, as in the log. Only the view opens it, for the customers whose round has a step on
it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta

from sqlalchemy import ColumnElement

from relations.aggregates.customer import (
    CustomerRegistered,
    InteractionRecorded,
    PlanBegun,
    PlanEnded,
    PlannedStep,
    PlanRenewed,
    ProfileCorrected,
    StepLapsed,
    StepsAdded,
    StepSkipped,
)
from relations.messages import Envelope, from_micros
from relations.policies import Care
from relations.policies.calendars import LocalTime
from relations.policies.care_plans.plan import birthday_in
from relations.policies.consents import said_as_one, standing_at
from relations.projections.agenda.items import AgendaItem
from relations.projections.agenda.rows import AskedRow, BirthdayRow, CareRound, Kind, OpenStep, SealedBirthday
from relations.projections.projection import Folds, Rows
from relations.projections.view import View

__all__ = [
    "FOLDS",
    "birthdays",
    "due_window",
    "open_care",
    "permitted_channels",
    "person_rounds",
    "rounds_where",
    "stop_care",
]

FOLDS = Folds()

OpenWords = Callable[[Sequence[tuple[str, str, str, str]]], list[str | None]]


@FOLDS.on(PlanBegun, PlanRenewed)
def plan_begun(rows: Rows, event: PlanBegun | PlanRenewed, at: Envelope) -> None:
    """Open the steps of a round, in place of the one before."""
    if isinstance(event, PlanRenewed):
        rows.drop(CareRound, at.customer, at.stream, event.previous)
    row = rows.need(CareRound, at.customer, at.stream, event.round)
    row.plan, row.since, row.ends_at, row.owner = event.plan, event.since, event.ends_at, event.owner
    row.steps = list(map(_open_step, event.steps))
    row.settle()


@FOLDS.on(StepsAdded)
def steps_added(rows: Rows, event: StepsAdded, at: Envelope) -> None:
    """Open the steps after a stay."""
    row = rows.get(CareRound, at.customer, at.stream, event.round)
    if row is not None:
        row.steps = [*row.steps, *map(_open_step, event.steps)]
        row.settle()


@FOLDS.on(InteractionRecorded)
def step_done(rows: Rows, event: InteractionRecorded, at: Envelope) -> None:
    """Close the step that a contact is about, unless it had lapsed by then."""
    about = event.regarding
    if about is None or about.kind != "care" or about.step is None:
        return
    row = rows.get(CareRound, at.customer, at.stream, about.id)
    if row is not None and any(each.step == about.step and at.occurred_at < each.until for each in row.steps):
        _close(row, about.step)


@FOLDS.on(StepLapsed, StepSkipped)
def step_over(rows: Rows, event: StepLapsed | StepSkipped, at: Envelope) -> None:
    """Close a step."""
    row = rows.get(CareRound, at.customer, at.stream, event.round)
    if row is not None:
        _close(row, event.step)


@FOLDS.on(PlanEnded)
def plan_ended(rows: Rows, event: PlanEnded, at: Envelope) -> None:
    """Close the round."""
    rows.drop(CareRound, at.customer, at.stream, event.round)


@FOLDS.on(CustomerRegistered, ProfileCorrected)
def birthday_given(rows: Rows, event: CustomerRegistered | ProfileCorrected, at: Envelope) -> None:
    """Keep the birthday as it is sealed."""
    if event.birthday is not None:
        row = rows.need(BirthdayRow, at.customer)
        said = SealedBirthday(at.occurred_at, at.position, event.birthday, at.customer, event.topic)
        row.said = sorted([*row.said, said])


def stop_care(rows: Rows, customer: str) -> None:
    """Remove the rounds and the birthday of an erased customer."""
    rows.drop(BirthdayRow, customer)
    for key in [key for key in rows.tables[CareRound] if key[0] == customer]:
        rows.drop(CareRound, *key)


def _open_step(step: PlannedStep) -> OpenStep:
    return OpenStep(
        step.step,
        step.what,
        step.due_at,
        step.until,
        step.channels,
        step.sells,
        step.role,
        step.minutes,
        step.offset,
        step.days_valid,
    )


def _close(row: CareRound, name: str) -> None:
    row.steps = [each for each in row.steps if each.step != name]
    row.settle()


# --- items ----------------------------------------------------------------------------------------------------------


def person_rounds(rows: Iterable[CareRound]) -> list[CareRound]:
    """Return the rounds that count for each person.

    If the same plan is in progress under several merged ids, the person is in it once. That is under the surviving id,
    or else under the first of the others. The other rounds rest until the merge is reversed.

    Args:
        rows: All rounds of each customer, under the surviving id.
    """
    chosen: dict[tuple[str, str], CareRound] = {}
    for row in rows:
        key = row.customer, row.plan
        other = chosen.get(key)
        if other is None or _rank(row) < _rank(other):
            chosen[key] = row
    return list(chosen.values())


def _rank(row: CareRound) -> tuple[bool, str, str]:
    return row.stream != f"customer-{row.customer}", row.stream, row.round


def rounds_where(view: View, *where: ColumnElement[bool]) -> list[CareRound]:
    """Return the rounds that meet the conditions and count for their customer.

    Args:
        view: The agenda.
        where: Conditions on the columns of the rounds' table.
    """
    rows, aliases = view.rows(CareRound, *where), view.aliases
    merged = sorted({row.customer for row in rows if row.customer in aliases.groups})
    if not merged:
        return rows
    counting = {(row.stream, row.round) for row in person_rounds(view.rows_of_some(CareRound, merged))}
    return [row for row in rows if row.customer not in aliases.groups or (row.stream, row.round) in counting]


def birthdays(view: View, rows: Iterable[CareRound], moment: int, open_words: OpenWords) -> dict[str, str]:
    """Return the birthdays as of a moment, opened, of the customers who have a step on it and whose key there is.

    Args:
        view: The agenda.
        rows: The customers' rounds.
        moment: The moment, UTC microseconds.
        open_words: Opens sealed words.
    """
    customers = sorted({row.customer for row in rows if row.on_birthday})
    latest: dict[str, SealedBirthday] = {}
    for row in view.rows_of_some(BirthdayRow, customers) if customers else ():
        said = [each for each in row.said if each.at <= moment]
        if said:
            latest[row.customer] = max(said)
    words = open_words([(each.customer, each.topic, "birthday", each.value) for each in latest.values()])
    return {name: word for name, word in zip(latest, words, strict=True) if word is not None}


def due_window(row: CareRound, step: OpenStep, birthday: str | None, local: LocalTime) -> tuple[int, int] | None:
    """Return the times from which a step is due and until which it can be done, UTC microseconds.

    None if it is due on a birthday that is not known.
    """
    if step.due_at is not None:
        return step.due_at, step.until
    over = date.fromordinal(local.day(step.until))
    due = None if birthday is None else birthday_in(date.fromisoformat(row.since), over, birthday, step.offset)
    if due is None:
        return None
    return local.start(due), min(local.start(due + timedelta(days=step.days_valid)), step.until)


def permitted_channels(step: OpenStep, asked: AskedRow | None, care: Care, moment: int) -> list[str]:
    """Return the channels that suit a step and through which the customer allows it, the best first.

    Args:
        step: The step.
        asked: The customer's consents.
        care: The rules of contact.
        moment: The time of the contact, UTC microseconds.
    """
    found = []
    for channel in step.channels:
        purpose = care.purpose_at(channel, sells=step.sells)
        said = {} if asked is None else asked.consents.get(f"{channel} {purpose}", {})
        standing = standing_at(said_as_one(said, [] if asked is None else asked.merges), moment)
        if care.allows([] if standing is None else [standing[1]], purpose):
            found.append(channel)
    return found


def open_care(
    row: CareRound,
    kinds: Iterable[Kind],
    *,
    asked: AskedRow | None,
    birthday: str | None,
    care: Care,
    local: LocalTime,
    until: int,
    lapsed: int,
) -> list[AgendaItem]:
    """Return the items of a round that are due by a time.

    Args:
        row: The round.
        kinds: The kinds of items: `contact`, `lapse`, `renewal`.
        asked: The customer's consents.
        birthday: The customer's birthday, if it is known and needed.
        care: The rules of contact.
        local: The business's days.
        until: The latest due time, UTC microseconds; contacts that are due would be made then.
        lapsed: Contacts that could be made until this time have lapsed, UTC microseconds.
    """

    def item(kind: Kind, due_at: int, detail: str) -> AgendaItem:
        return AgendaItem(
            due_at=from_micros(due_at), kind=kind, customer=row.customer, stream=row.stream, detail=detail
        )

    found = [item("renewal", row.ends_at, row.round)] if "renewal" in kinds and row.ends_at <= until else []
    for step in row.steps:
        name = f"{row.round} {step.step}"
        if "lapse" in kinds and step.until <= until:
            found.append(item("lapse", step.until, name))
        window = due_window(row, step, birthday, local) if "contact" in kinds else None
        if window is None or window[0] > until or window[1] <= lapsed:
            continue
        if permitted_channels(step, asked, care, until):
            found.append(item("contact", window[0], name))
    return found
