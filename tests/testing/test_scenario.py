from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from unittest.mock import ANY

import pytest

from relations.aggregates import customer, loyalty
from relations.aggregates.customer import PurchaseRecorded, RecordPurchase, RefundPurchase
from relations.aggregates.loyalty import EnrolMember, MemberEnrolled, PointsEarned, RedeemPoints, TierReached
from relations.messages import Envelope, Money, RecordedEvent, to_micros
from relations.policies import Policy
from relations.projections.projection import CustomerRow, Projection, Rows, Tally
from relations.testing import FoldedRows, Scenario

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=1)
ENROL = EnrolMember(customer="c1", occurred_at=NOON)
BUY = RecordPurchase(customer="c1", purchase="p1", amount=Money(100_00, "EUR"), occurred_at=NOON)


def redeem(points: int) -> RedeemPoints:
    return RedeemPoints(customer="c1", redemption="d1", points=points, occurred_at=LATER)


def test_a_command_leads_to_events() -> None:
    Scenario(customer.AGGREGATE).when(BUY).then(
        customer.CustomerRegistered,
        PurchaseRecorded(purchase="p1", amount=Money(100_00, "EUR"), at=to_micros(NOON)),
    )


def test_the_past_is_given_as_events_or_as_commands() -> None:
    lot = PointsEarned(
        lot="l1", points=500, qualifying=0, active_from=to_micros(NOON), reason="bonus", policy=0, month="2024-05"
    )
    spent = Scenario(loyalty.AGGREGATE).given(ENROL, lot).when(redeem(200))
    spent.then(loyalty.PointsRedeemed(redemption="d1", points=200, lots=ANY, redeemed_at=ANY))
    assert spent.state.balance == 300


def test_what_a_rule_forbids_is_told_by_its_code_and_field() -> None:
    member = Scenario(loyalty.AGGREGATE).given(ENROL)
    member.when(redeem(1)).then_refused("insufficient_points", field="points")
    Scenario(loyalty.AGGREGATE).when(redeem(1)).then_refused("not_a_member")


def test_a_retry_leads_to_nothing() -> None:
    Scenario(customer.AGGREGATE).given(BUY).when(BUY).then_nothing()


def test_steps_can_follow_one_another_and_beginnings_be_shared() -> None:
    bought = Scenario(customer.AGGREGATE).given(BUY)
    refund = RefundPurchase(customer="c1", refund="r1", purchase="p1", amount=Money(60_00, "EUR"), occurred_at=LATER)
    again = refund.model_copy(update={"refund": "r2"})
    bought.when(refund).then(customer.PurchaseRefunded).when(again).then_refused("refund_exceeds_purchase")
    assert len(bought.past) == 2
    bought.when(again).then(customer.PurchaseRefunded)


def test_the_policy_decides() -> None:
    programme = Policy().programme.model_copy(update={"id": "stars"})
    stars = Scenario(loyalty.AGGREGATE, policy=Policy(programme=programme))
    stars.when(ENROL).then_refused("unknown_programme")
    stars.when(ENROL.model_copy(update={"programme": "stars"})).then(MemberEnrolled, TierReached)


def test_what_differs_is_shown_field_by_field() -> None:
    with pytest.raises(AssertionError) as failed:
        Scenario(loyalty.AGGREGATE).when(ENROL).then(MemberEnrolled(programme="other", enrolled_at=to_micros(NOON)))
    message = str(failed.value)
    assert "when EnrolMember(customer='c1')" in message
    assert "-     programme = 'other'" in message
    assert "+     programme = 'main'" in message
    assert "+ TierReached:" in message
    assert "  MemberEnrolled:" in message


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        (lambda: Scenario(loyalty.AGGREGATE).when(redeem(1)).then(MemberEnrolled), r"was refused: \[not_a_member\]"),
        (lambda: Scenario(loyalty.AGGREGATE).when(redeem(1)).then_nothing(), r"was refused: \[not_a_member\]"),
        (lambda: Scenario(loyalty.AGGREGATE).when(redeem(1)).then_refused("other"), "refused as other, but was as"),
        (
            lambda: Scenario(loyalty.AGGREGATE).when(redeem(1)).then_refused("not_a_member", field="points"),
            "name the field points, but names customer",
        ),
        (lambda: Scenario(loyalty.AGGREGATE).when(ENROL).then_refused("x"), "this happened:\nMemberEnrolled:"),
        (lambda: Scenario(loyalty.AGGREGATE).when(ENROL).then_nothing(), r"\+ MemberEnrolled:"),
        (lambda: Scenario(loyalty.AGGREGATE).when(ENROL).then(), "then_nothing"),
        (lambda: Scenario(loyalty.AGGREGATE).when(ENROL).then(TierReached), "- any TierReached"),
        (lambda: Scenario(loyalty.AGGREGATE).given(redeem(1)), "given RedeemPoints.*\nit was refused"),
        (lambda: Scenario(loyalty.AGGREGATE).when(BUY), "loyalty has no rule for it"),
    ],
)
def test_what_does_not_come_out_as_told_fails_and_says_why(claim: object, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        claim()  # type: ignore[operator] # a lambda


class Spent(CustomerRow, gc=False):
    table: ClassVar[str] = "spent"
    purchases: int = 0
    last: int = 0

    def absorb(self, other: Any) -> None:
        raise AssertionError("nobody is merged here")


class Sales(Tally, gc=False):
    table: ClassVar[str] = "sales"
    key: ClassVar[tuple[str, ...]] = ("month",)
    month: str
    cents: int = 0


PROJECTION = Projection(name="spending", version=1, tables=(Spent, Sales))


@PROJECTION.on(PurchaseRecorded)
def purchase_recorded(rows: Rows, event: PurchaseRecorded, at: Envelope) -> None:
    spent = rows.need(Spent, at.customer)
    spent.purchases += 1
    spent.last = max(spent.last, at.occurred_at)
    rows.need(Sales, rows.local.month(at.occurred_at)).cents += event.amount.amount


PURCHASE = PurchaseRecorded(purchase="p1", amount=Money(100, "EUR"), at=0)


def test_events_are_folded_into_rows() -> None:
    (
        FoldedRows(PROJECTION)
        .given(PURCHASE, at=LATER)
        .given(PURCHASE, at=NOON, recorded_at=LATER)
        .given(PURCHASE, customer="c2", at=NOON)
        .then(
            Spent,
            Spent(customer="c2", purchases=1, last=to_micros(NOON)),
            Spent(customer="c1", purchases=2, last=to_micros(LATER)),
        )
        .then(Sales, Sales(month="2024-05", cents=300))
    )


def test_envelopes_are_made_as_a_log_would() -> None:
    folded = (
        FoldedRows(PROJECTION).given(PURCHASE, PURCHASE).given(PURCHASE, customer="c2").given(PURCHASE, stream="x-1")
    )
    assert [(at.position, at.stream, at.version) for at, _ in folded.past] == [
        (1, "customer-c1", 1),
        (2, "customer-c1", 2),
        (3, "customer-c2", 1),
        (4, "x-1", 1),
    ]


def test_recorded_events_bring_their_own_envelopes() -> None:
    recorded = RecordedEvent(
        position=9, stream="customer-c7", version=3, customer="c7", occurred_at=5, recorded_at=6, topic=PURCHASE.topic,
        schema=1, actor="a", command_id="x", command_seq=0, cause=None, event=PURCHASE, digest=b"",
    )  # fmt: skip
    FoldedRows(PROJECTION).given(recorded).then(Spent, Spent(customer="c7", purchases=1, last=5))


def test_the_policys_zone_says_which_month_it_is() -> None:
    last_hour = datetime(2024, 5, 31, 23, tzinfo=UTC)
    FoldedRows(PROJECTION, policy=Policy(zone="Europe/Vienna")).given(PURCHASE, at=last_hour).then(
        Sales, Sales(month="2024-06", cents=100)
    )


def test_rows_that_differ_are_shown_field_by_field() -> None:
    with pytest.raises(AssertionError) as failed:
        FoldedRows(PROJECTION).given(PURCHASE, at=NOON).then(Sales, Sales(month="2024-05", cents=99))
    assert "given PurchaseRecorded, rows of Sales" in str(failed.value)
    assert "-     cents = 99" in str(failed.value)
    assert "+     cents = 100" in str(failed.value)


def test_a_table_of_another_projection_is_told() -> None:
    class Other(CustomerRow, gc=False):
        table: ClassVar[str] = "other"

        def absorb(self, other: Any) -> None:
            raise AssertionError("nobody is merged here")

    with pytest.raises(AssertionError, match="spending has no such table"):
        FoldedRows(PROJECTION).rows(Other)
