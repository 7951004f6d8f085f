"""The cost of winning customers with advertisements that were spent on nobody in particular."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from relations import Relations
from relations.commands import (
    CancelCampaignCost,
    MergeCustomer,
    PlanCampaign,
    RecordAcquisitionCost,
    RecordCampaignCost,
    RecordPurchase,
)
from relations.messages import Money

START = datetime(2024, 3, 1, 12, tzinfo=UTC)


def on(day: int) -> datetime:
    return START + timedelta(days=day)


@pytest.fixture
def engine(either_url: str) -> Any:
    with Relations.open(either_url, clock=lambda: on(60)) as engine:
        engine.execute(
            PlanCampaign(
                campaign="spring", kind="promotion", starts=date(2024, 3, 1), ends=date(2024, 4, 1), occurred_at=on(0)
            )
        )
        advertise(engine, "film", 6_000_00, "social")
        advertise(engine, "paper", 4_000_00, "web")
        buy(engine, "a", 1, 100_00, "spring")
        buy(engine, "b", 2, 200_00, "spring")
        buy(engine, "old", 0, 50_00)
        buy(engine, "old", 3, 50_00, "spring")
        buy(engine, "c", 4, 300_00, "spring")
        engine.execute(
            RecordAcquisitionCost(
                customer="c", acquisition="x", amount=Money(20_00, "EUR"), channel="partner", occurred_at=on(3)
            )
        )
        yield engine


def advertise(engine: Relations, cost: str, cents: int, channel: str) -> None:
    amount = Money(cents, "EUR")
    engine.execute(RecordCampaignCost(campaign="spring", cost=cost, amount=amount, channel=channel, occurred_at=on(0)))


def buy(engine: Relations, customer: str, day: int, cents: int, campaign: str | None = None) -> None:
    engine.execute(
        RecordPurchase(
            customer=customer, purchase=f"{customer}-{day}", amount=Money(cents, "EUR"), campaign=campaign,
            occurred_at=on(day),
        )
    )  # fmt: skip


def figures(engine: Relations, **asked: Any) -> dict[tuple[str | None, str | None], tuple[int, int, float | None]]:
    found = engine.views.retention.acquisition(**asked)
    return {(each.channel, each.campaign): (each.buyers, each.cost, each.cac) for each in found}


def test_an_advertisement_is_divided_among_those_that_it_won(engine: Relations) -> None:
    # `a` and `b` were won by the campaign, `c` by a partner, and `old` had bought before.
    assert figures(engine, campaigns=True) == {
        ("partner", None): (1, 20_00, 20_00.0),
        ("social", "spring"): (2, 6_000_00, 3_000_00.0),
        ("web", "spring"): (0, 4_000_00, None),
    }
    assert figures(engine) == {
        ("partner", None): (1, 20_00, 20_00.0),
        ("social", None): (2, 6_000_00, 3_000_00.0),
        ("web", None): (0, 4_000_00, None),
    }
    # An advertisement that is recorded later and cancelled leaves no trace.
    advertise(engine, "mistake", 1_00, "web")
    engine.execute(CancelCampaignCost(campaign="spring", cost="mistake", occurred_at=on(1)))
    assert figures(engine)["web", None] == (0, 4_000_00, None)
    assert figures(engine, currency="USD") == {}
    assert figures(engine, as_of=on(-1)) == {}


def test_the_board_divides_all_costs_among_all_customers_won(engine: Relations) -> None:
    (figure,) = engine.views.board.figures(as_of=on(31), indicators=("acquisition_cost",))
    assert figure.month.value == pytest.approx((6_000 + 4_000 + 20) / 3)
    result = engine.views.campaigns.results("spring")
    # The campaign's own result knows no partner: its first purchase names the campaign.
    assert (result.won, result.cost) == (3, 10_000_00)


def test_two_ids_of_one_person_are_won_once(engine: Relations) -> None:
    engine.execute(MergeCustomer(customer="b", into="old", occurred_at=on(5)))
    assert figures(engine)["social", None] == (1, 6_000_00, 6_000_00.0)
    assert engine.views.campaigns.results("spring").won == 2


def test_what_it_costs_to_win_customers_back_is_no_cost_of_winning_new_ones(engine: Relations) -> None:
    before = figures(engine, campaigns=True)
    (board,) = engine.views.board.figures(as_of=on(31), indicators=("acquisition_cost",))
    plan = {"starts": date(2024, 3, 1), "ends": date(2024, 4, 1), "occurred_at": on(0)}
    engine.execute(PlanCampaign(campaign="return", kind="promotion", **plan))
    spent = RecordCampaignCost(
        campaign="return", cost="letters", amount=Money(900_00, "EUR"), channel="post", occurred_at=on(1)
    )
    engine.execute(spent)
    engine.execute(
        RecordAcquisitionCost(
            customer="old", acquisition="call", amount=Money(5_00, "EUR"), channel="phone", campaign="return",
            occurred_at=on(2),
        )
    )  # fmt: skip
    buy(engine, "new", 5, 80_00, "return")
    assert figures(engine, campaigns=True) == before | {
        ("post", "return"): (1, 900_00, 900_00.0),
        ("phone", "return"): (1, 5_00, 5_00.0),
    }
    assert engine.views.campaigns.results("return").cac == 900_00.0
    engine.execute(PlanCampaign(campaign="return", kind="win_back", **plan))
    assert figures(engine, campaigns=True) == before
    assert engine.views.board.figures(as_of=on(31), indicators=("acquisition_cost",)) == [board]
    explained = engine.explain_figure("board", "acquisition_cost", {"month": "2024-03"})
    assert explained.value == pytest.approx(explained.sums["cost"] / explained.sums["won"])
    assert "return" not in {each.about for each in explained.contributions}
    result = engine.views.campaigns.results("return")
    assert (result.cost, result.won, result.cac) == (900_00, 1, None)
