"""Whatever happens in a campaign, its results equal a slow count over all events, and its laws hold."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from relations import Money, Relations
from relations.aggregates.campaign import CancelCampaignCost, PlanCampaign, RecordCampaignCost
from relations.aggregates.customer import (
    AnswerOffer,
    MergeCustomer,
    RecordPurchase,
    RefundPurchase,
    RegisterCustomer,
    ReverseRefund,
    SendOffer,
    UnmergeCustomer,
    WithholdOffer,
)
from relations.errors import CommandRefused
from relations.messages import Command
from relations.policies import Policy
from relations.testing.oracle.campaigns import SlowCampaign
from tests.support.effort import part

START = datetime(2024, 5, 1, 12, tzinfo=UTC)
NOW = datetime(2024, 6, 20, 12, tzinfo=UTC)
ANSWERS = ("bounced", "seen", "clicked", "replied", "accepted", "declined", "attended")
COUNTS = (
    "sent", "bounced", "reached", "seen", "clicked", "replied", "accepted", "declined", "attended", "control",
    "buyers", "orders", "revenue", "cost",
)  # fmt: skip

_who = st.sampled_from(("ann", "ben", "cleo", "dan"))
_day = st.integers(0, 45)
_number = st.integers(1, 4)
_campaign = st.sampled_from(("spring", "spring", "spring", "other"))


def _fields(day: int, **more: Any) -> dict[str, Any]:
    return {"occurred_at": START + timedelta(days=day), **more}


@st.composite
def steps(draw: st.DrawFn) -> Command:
    who, day, number, campaign = draw(_who), draw(_day), draw(_number), draw(_campaign)
    euros = Money(100 * draw(st.integers(0, 5)), draw(st.sampled_from(("EUR", "EUR", "USD"))))
    named = draw(st.sampled_from((None, "spring", "other")))
    kinds: list[Command] = [
        SendOffer(**_fields(day, customer=who, offer=f"o{number}", campaign=campaign, channel="email", lenient=True)),
        AnswerOffer(**_fields(day, customer=who, offer=f"o{number}", answer=draw(st.sampled_from(ANSWERS)))),
        WithholdOffer(**_fields(day, customer=who, campaign=campaign)),
        RecordPurchase(**_fields(day, customer=who, purchase=f"{who}-{number}", amount=euros, campaign=named)),
        RefundPurchase(
            **_fields(day, customer=who, refund=f"r{number}", purchase=f"{who}-{number}", amount=Money(200, "EUR"))
        ),
        ReverseRefund(**_fields(day, customer=who, refund=f"r{number}")),
        RecordCampaignCost(**_fields(day, campaign=campaign, cost=f"k{number}", amount=euros)),
        CancelCampaignCost(**_fields(day, campaign=campaign, cost=f"k{number}")),
        MergeCustomer(**_fields(day, customer=who, into=draw(_who))),
        UnmergeCustomer(**_fields(day, customer=who)),
    ]
    return draw(st.sampled_from(kinds))


@part(10)
@given(st.lists(steps(), min_size=5, max_size=25))
def test_results_are_those_of_a_slow_count(history: list[Command]) -> None:
    with Relations.open("sqlite://", clock=lambda: NOW) as engine:
        engine.adopt(Policy(zone="Asia/Shanghai"), since=START - timedelta(days=99))
        for name in ("ann", "ben", "cleo", "dan"):
            engine.execute(RegisterCustomer(**_fields(0, customer=name)))
        for campaign in ("spring", "other"):
            plan = {"kind": "event", "starts": date(2024, 5, 10), "ends": date(2024, 6, 1), "campaign": campaign}
            engine.execute(PlanCampaign(**_fields(0, **plan)))
        done: Counter[str] = Counter()
        for command in history:
            try:
                done[type(command).__name__] += bool(engine.execute(command).events)
            except CommandRefused:
                done["refused"] += 1
        slow = SlowCampaign(list(engine.events()), "spring", "EUR", ZoneInfo("Asia/Shanghai"), NOW)
        found, expected = engine.views.campaigns.results("spring"), slow.figures()
        assert {name: getattr(found, name) for name in COUNTS} == {name: expected[name] for name in COUNTS}
        lift = found.lift
        counts = None if lift is None else (lift.offered, lift.offered_buyers, lift.control, lift.control_buyers)
        assert counts == expected["lift"]
        assert found.reached == found.sent - found.bounced
        recipients = engine.views.campaigns.recipients
        offered = {each.customer for each in recipients("spring", control=False, limit=None) if each.offers}
        control = {each.customer for each in recipients("spring", control=True, limit=None)}
        assert (offered, control) == slow.audience()
        assert not offered & control
