"""The file of one customer: the answers of all views, found by any of the customer's ids."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from relations.aggregates.customer import FeedbackCorrected, FeedbackGiven
from relations.errors import InvalidInput
from relations.json_form import JsonForm
from relations.messages import RecordedEvent, from_micros
from relations.past.questions import Questions
from relations.projections.agenda.view import AgendaItem
from relations.projections.care.profiles import CustomerPlan
from relations.projections.customers.view import Portrait
from relations.projections.desk.view import TicketProfile
from relations.projections.loyalty.view import MemberAccount
from relations.projections.repair.emotional_account import EmotionalBalance
from relations.projections.repair.relation_profile import RelationProfile
from relations.projections.retention import CustomerProfile
from relations.projections.retention.loyalty_kinds import CustomerKind
from relations.projections.retention.rfm import RfmScore
from relations.projections.retention.value_grades import CustomerGrade
from relations.projections.retention.worth.lifetime_value import CustomerWorth
from relations.projections.satisfaction.open_loops import OpenLoop
from relations.projections.view import unknown_customer
from relations.report.due import due_for_customer

__all__ = ["CustomerFile", "GivenAnswer", "customer_file"]

_TICKETS_MAX = 1_000
_NO_FIT = "no value model was fitted by then"


class GivenAnswer(JsonForm, msgspec.Struct, frozen=True):
    """An answer of the customer.

    Attributes:
        given_at: The time at which it was given.
        feedback: The answer's id.
        instrument: The instrument's id.
        score: The score; None for a questionnaire, and for words without a score.
        items: The number of items of a questionnaire that were answered.
        touchpoint: The touchpoint; None if unknown.
        words: The customer's words, readable unless they were erased.
    """

    given_at: datetime
    feedback: str
    instrument: str
    score: int | None
    items: int
    touchpoint: str | None
    words: str | None


class CustomerFile(JsonForm, msgspec.Struct, frozen=True):
    """A customer's file.

    Attributes:
        as_of: The moment asked about. The status of complaints and the replies to low answers are those of the present,
            without anything dated after the moment.
        portrait: Profile, consents and traits.
        history: All events by then, in the order of business time, with personal words readable.
        tickets: Their complaints on the desk, the newest first.
        relation: The state of the relation, with the complaints from which it follows.
        emotional: The emotional account.
        accounts: Their points, by programme.
        answers: Their answers, the newest first.
        open_loops: Low answers without a reply.
        purchases: Their stage and purchases; None if they are not known to the retention view.
        grade: Their value grade; None before the first purchase.
        segments: The policy's segments to which they belong.
        kind: Their kind of loyalty; None before any purchase or answer.
        rfm: Their grades of recency, frequency and money; None before the first purchase.
        worth: Their past and expected value; None if they kept nothing in the policy's currency.
        worth_unknown: The reason for which nothing is expected of them.
        plans: The rounds of their care plans that are in progress.
        due: Everything that falls due for them, soonest first, as of the moment.
    """

    as_of: datetime
    portrait: Portrait
    history: list[RecordedEvent]
    tickets: list[TicketProfile]
    relation: RelationProfile
    emotional: EmotionalBalance
    accounts: list[MemberAccount]
    answers: list[GivenAnswer]
    open_loops: list[OpenLoop]
    purchases: CustomerProfile | None
    grade: CustomerGrade | None
    segments: tuple[str, ...]
    kind: CustomerKind | None
    rfm: RfmScore | None
    worth: CustomerWorth | None
    worth_unknown: str | None
    plans: list[CustomerPlan]
    due: list[AgendaItem]


def customer_file(engine: Questions, customer: str, *, as_of: datetime | None = None) -> CustomerFile:
    """Return everything that is known of one customer.

    Args:
        engine: The engine to ask.
        customer: Any of their ids.
        as_of: The moment, in business time; now by default.

    Raises:
        InvalidInput: Nothing is recorded of a customer with this id (`unknown_customer`), or all of it is dated later
            (`customer_lies_ahead`).
    """
    moment, views = engine.clock() if as_of is None else as_of, engine.views
    others = views.loyalty, views.satisfaction, views.desk, views.repair, views.retention, views.care, views.agenda
    with views.customers.answering(*others):
        return _file(engine, customer, moment, as_of)


def _file(engine: Questions, customer: str, moment: datetime, as_of: datetime | None) -> CustomerFile:
    """Return the file from one state of the log."""
    history = engine.history(customer, until=moment)
    if not history:
        raise _lies_ahead(customer, moment) if engine.history(customer) else unknown_customer(customer)
    views = engine.views
    portrait = views.customers.portrait(customer, as_of=moment)
    name = portrait.customer
    accounts = [
        views.loyalty.account(name, programme=programme, as_of=as_of) for programme in views.loyalty.programmes(name)
    ]
    loops = views.satisfaction.open_loops(customer=name, as_of=moment)
    return CustomerFile(
        as_of=moment,
        portrait=portrait,
        history=sorted(history, key=lambda each: (each.occurred_at, each.position)),
        tickets=_tickets(engine, name, moment),
        relation=views.repair.relation(name, as_of=moment),
        emotional=views.repair.account(name, as_of=moment),
        accounts=[account for account in accounts if account is not None],
        answers=_answers(history),
        open_loops=list(loops.open),
        purchases=views.retention.customer(name, as_of=moment),
        grade=views.retention.grade_of(name, as_of=moment),
        segments=views.retention.segments_of(name, as_of=moment),
        kind=views.retention.kind_of(name, as_of=moment),
        rfm=views.retention.rfm_of(name, as_of=moment),
        plans=[each for each in views.care.plans(name) if _is_in_progress(each, moment)],
        due=due_for_customer(engine, moment, name),
        **_worth(engine, name, moment),
    )


def _is_in_progress(plan: CustomerPlan, moment: datetime) -> bool:
    return plan.began_at <= moment and (plan.ended_at is None or plan.ended_at > moment)


def _lies_ahead(customer: str, moment: datetime) -> InvalidInput:
    return InvalidInput(
        f"everything recorded of the customer {customer} is dated after {moment.isoformat(timespec='seconds')}",
        code="customer_lies_ahead",
        field="customer",
        hint="Ask for a later time, or check the dates that were recorded",
    )


def _tickets(engine: Questions, customer: str, moment: datetime) -> list[TicketProfile]:
    found = engine.views.desk.search(customer=customer, limit=_TICKETS_MAX, as_of=moment).tickets
    return [ticket for ticket in reversed(found) if ticket.filed_at <= moment]


def _answers(history: list[RecordedEvent]) -> list[GivenAnswer]:
    """Return the answers with the customer's last word on each, the latest first."""
    found: dict[str, GivenAnswer] = {}
    for recorded in history:
        event, name = recorded.event, f"{recorded.stream} {getattr(recorded.event, 'feedback', '')}"
        if isinstance(event, FeedbackGiven):
            found[name] = GivenAnswer(
                given_at=from_micros(recorded.occurred_at),
                feedback=event.feedback,
                instrument=event.instrument,
                score=event.score,
                items=len(event.items),
                touchpoint=event.touchpoint,
                words=event.comment,
            )
        elif isinstance(event, FeedbackCorrected) and name in found:
            corrected: dict[str, Any] = {
                "given_at": from_micros(recorded.occurred_at),
                "score": event.score,
                "items": len(event.items),
            }
            words = event.comment if event.replaces_words else event.comment or found[name].words
            found[name] = msgspec.structs.replace(found[name], words=words, **corrected)
    return sorted(found.values(), key=lambda answer: (answer.given_at, answer.feedback), reverse=True)


def _worth(engine: Questions, customer: str, moment: datetime) -> dict[str, Any]:
    """Return their value, and the reason if nothing is expected of them."""
    worth = engine.views.retention.value_of(customer, as_of=moment)
    if worth is None:
        return {"worth": None, "worth_unknown": "they have not bought in the policy's currency"}
    return {"worth": worth, "worth_unknown": _NO_FIT if worth.expected_value is None else None}
