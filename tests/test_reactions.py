from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations.aggregates.complaint import RemedyCarriedOut
from relations.aggregates.customer import (
    AbsorbCustomer,
    CustomerErased,
    CustomerMerged,
    CustomerUnmerged,
    EraseAlias,
    FeedbackGiven,
    PurchaseRecorded,
    PurchaseRefunded,
    ReleaseCustomer,
)
from relations.aggregates.loyalty import (
    AGGREGATE,
    CreditPurchase,
    EarnPoints,
    EnrolMember,
    MovedLot,
    PointsReleased,
    ReferralMade,
    ReleaseAccount,
    RequestForwarded,
    ReturnAccount,
    ReverseEarning,
)
from relations.decider import fold
from relations.messages import Command, Envelope, Event, Money, from_micros
from relations.policies import Policy
from relations.reactions import react

POLICY = Policy()
AT = 1_717_200_000_123_456
DECIDER = AGGREGATE.decider


def envelope(stream: str, customer: str = "c-1") -> Envelope:
    return Envelope(position=9, stream=stream, version=4, customer=customer, occurred_at=AT, recorded_at=AT + 5)


def only(event: Event, at: Envelope) -> Command:
    """The one command that follows; it must be what validation would have made of it."""
    (command,) = react(event, at, POLICY)
    validated = type(command)(**{name: getattr(command, name) for name in command.model_fields_set})
    assert command == validated
    assert command.model_dump() == validated.model_dump()
    assert command.model_fields_set == validated.model_fields_set
    assert type(command).model_validate_json(command.model_dump_json()) == command
    return command


def test_a_purchase_asks_for_its_points() -> None:
    bought = PurchaseRecorded(purchase="p1", amount=Money(10_000, "EUR"), category="room")
    command = only(bought, envelope("customer-c-1"))
    assert command == CreditPurchase(
        customer="c-1", purchase="p1", amount=Money(10_000, "EUR"), category="room", occurred_at=from_micros(AT)
    )
    assert (command.stream, command.at) == ("loyalty-c-1", AT)


@pytest.mark.parametrize("amount", [Money(0, "EUR"), Money(-5, "EUR"), Money(100, "SEK")])
def test_a_purchase_that_can_earn_nothing_asks_nothing(amount: Money) -> None:
    assert react(PurchaseRecorded(purchase="p1", amount=amount), envelope("customer-c-1"), POLICY) == []


def test_a_refund_asks_to_take_back_on_the_running_total() -> None:
    refunded = PurchaseRefunded(
        refund="r2", purchase="p1", amount=Money(100, "EUR"), refunded=400, bought=1_000, bought_at=AT - 10
    )
    assert only(refunded, envelope("customer-c-1")) == ReverseEarning(
        customer="c-1", refund="r2", purchase="p1", refunded=400, bought=1_000, occurred_at=from_micros(AT)
    )


def test_a_remedy_in_points_is_credited_to_the_complaints_customer() -> None:
    remedy = RemedyCarriedOut(remedy="m1", kind="points", points=500)
    assert only(remedy, envelope("complaint-k-7")) == EarnPoints(
        customer="c-1",
        lot="remedy/k-7/m1",
        points=500,
        reason="remedy",
        source="k-7",
        occurred_at=from_micros(AT),
    )


def test_the_longest_ids_still_make_a_lot() -> None:
    remedy = RemedyCarriedOut(remedy="m" * 64, kind="points", points=1)
    command = only(remedy, envelope("complaint-" + "k" * 64))
    assert isinstance(command, EarnPoints)
    assert len(command.lot) == 136


def test_remedies_of_different_complaints_never_share_a_lot() -> None:
    one = only(RemedyCarriedOut(remedy="b:c", kind="points", points=1), envelope("complaint-a"))
    other = only(RemedyCarriedOut(remedy="c", kind="points", points=1), envelope("complaint-a:b"))
    assert isinstance(one, EarnPoints)
    assert isinstance(other, EarnPoints)
    assert one.lot != other.lot


@pytest.mark.parametrize(
    "event",
    [
        RemedyCarriedOut(remedy="m1", kind="refund", value=Money(100, "EUR")),
        FeedbackGiven(feedback="f1", instrument="nps", score=9),
    ],
)
def test_other_events_ask_nothing(event: Event) -> None:
    assert react(event, envelope("complaint-k7"), POLICY) == []


ids = st.from_regex(r"[A-Za-z0-9._:\-]{1,64}", fullmatch=True)


@given(
    purchase=ids,
    customer=ids,
    amount=st.integers(1, 10**15),
    category=st.none() | st.text(st.characters(categories=["L"]), min_size=1, max_size=80),
)
def test_a_command_made_without_validation_is_a_valid_one(
    purchase: str, customer: str, amount: int, category: str | None
) -> None:
    bought = PurchaseRecorded(purchase=purchase, amount=Money(amount, "EUR"), category=category)
    assert only(bought, envelope(f"customer-{customer}", customer)).at == AT


def test_what_follows_is_never_refused() -> None:
    events: list[Event] = [
        PurchaseRecorded(purchase="p1", amount=Money(10_000, "EUR")),
        PurchaseRefunded(refund="r1", purchase="p1", amount=Money(5, "EUR"), refunded=5, bought=10_000, bought_at=AT),
        PurchaseRefunded(
            refund="r2", purchase="p1", amount=Money(9_995, "EUR"), refunded=10_000, bought=10_000, bought_at=AT
        ),
        PurchaseRefunded(refund="r3", purchase="p0", amount=Money(5, "EUR"), refunded=5, bought=5, bought_at=AT),
        RemedyCarriedOut(remedy="m1", kind="points", points=500),
    ]
    member = fold(
        DECIDER, DECIDER.decide(DECIDER.initial, EnrolMember(customer="c-1", occurred_at=from_micros(0)), POLICY)
    )
    for state in (DECIDER.initial, member):
        account = state
        for event in events:
            for command in react(event, envelope("customer-c-1"), POLICY) * 2:
                account = fold(DECIDER, DECIDER.decide(account, command, POLICY), account)
        # The purchase was given back whole; the remedy stands, also for who was no member before.
        assert account.balance == 500
        assert account.enrolled_at is not None


def test_a_merge_and_its_end_are_told_to_the_survivor() -> None:
    at, moment = envelope("customer-c-1"), from_micros(AT)
    assert react(CustomerMerged(into="c-2"), at, POLICY) == [
        AbsorbCustomer(customer="c-2", merged="c-1", occurred_at=moment),
        ReleaseAccount(customer="c-1", merge="c-1", into="c-2", occurred_at=moment),
    ]
    assert react(CustomerUnmerged(survivor="c-2"), at, POLICY) == [
        ReleaseCustomer(customer="c-2", merged="c-1", occurred_at=moment),
        ReturnAccount(customer="c-2", merge="c-1", to="c-1", occurred_at=moment),
    ]


def test_an_erasure_reaches_every_id_merged_with_it() -> None:
    at, moment = envelope("customer-c-1"), from_micros(AT)
    assert react(CustomerErased(reason="asked"), at, POLICY) == []
    assert react(CustomerErased(reason="asked", merged=("c-2", "c-3")), at, POLICY) == [
        EraseAlias(customer=name, other="c-1", reason="asked", occurred_at=moment) for name in ("c-2", "c-3")
    ]


def test_every_copied_field_is_one_of_the_event_and_of_the_command() -> None:
    """Sent through validation, each command that a table row makes is the same command."""
    lot = MovedLot(lot="l1", points=5, active_from=AT, expires_at=AT + 10, earned_at=AT)
    merged: dict[str, Any] = {"into": "c-2", "programme": "main", "prefix": "merged/c-1/"}
    events: list[tuple[Event, str, dict[str, object]]] = [
        (
            PointsReleased(programme="main", transfer="t1", to="c-2", points=5, lots=(lot,)),
            "c-2",
            {"transfer": "t1", "source": "c-1"},
        ),
        (ReferralMade(programme="main", referral="r1", referred="c-2"), "c-2", {"referral": "r1", "referrer": "c-1"}),
        (
            RequestForwarded(request="RedeemPoints", about="d1", points=5, **merged),
            "c-2",
            {"redemption": "d1", "points": 5, "prefix": "merged/c-1/"},
        ),
        (
            RequestForwarded(request="ReverseRedemption", about="d1", **merged),
            "c-2",
            {"redemption": "merged/c-1/d1"},
        ),
    ]
    for event, customer, fields in events:
        command = only(event, envelope("loyalty-c-1"))
        assert command.customer == customer  # type: ignore[attr-defined]
        assert {name: getattr(command, name) for name in fields} == fields
