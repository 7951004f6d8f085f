"""Kinds of loyalty, from what customers do and what they answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations import Policy, Relations
from relations.aggregates.customer import GiveFeedback, RecordPurchase, RegisterCustomer
from relations.errors import InvalidInput
from relations.messages import Command, Money
from relations.policies import Lifecycle
from relations.policies.lifecycle import LoyaltyKinds
from relations.projections.retention.activity import Activity, Opinion
from relations.projections.retention.loyalty_kinds import CustomerKind, customer_kind
from relations.projections.retention.patronage import Patronage

POLICY = LoyaltyKinds(months=6, purchase_days_min=3, active_share_min=0.5)


def month(number: int) -> str:
    """The month so many months after January 2024."""
    return f"{2024 + number // 12}-{number % 12 + 1:02d}"


def customer(
    bought: dict[int, int] | None = None, discounted: tuple[int, ...] = (), **opinions: dict[int, Any]
) -> Patronage:
    """Purchase days by month, the months in which all was discounted, and answers by month: `csat` scores, `nps`."""
    row = Patronage("c1")
    for number, days in (bought or {}).items():
        row.activity[f"{month(number)}EUR"] = Activity(
            (1 << days) - 1, days, 1_000 * days, discounted=days if number in discounted else 0
        )
    said = [("csat", number, score) for number, score in opinions.get("csat", {}).items()]
    said += [("nps", number, 10 if promotes else 0) for number, promotes in opinions.get("nps", {}).items()]
    row.opinions = [Opinion(at, at, month(number), kind, score) for at, (kind, number, score) in enumerate(said)]
    return row


def kind(row: Patronage, number: int, policy: LoyaltyKinds = POLICY) -> CustomerKind:
    found = customer_kind(row, policy, satisfied_from=4, month=month(number))
    assert found is not None
    return found


OFTEN = {0: 1, 1: 1, 2: 1, 3: 1}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (customer(OFTEN, csat={1: 5}), "true"),
        (customer(OFTEN, nps={1: True}), "true"),
        (customer(OFTEN, discounted=(0, 1, 2, 3), csat={1: 5}, nps={2: True}), "true"),
        (customer(OFTEN), "spurious"),  # nobody asked: nothing says that they mean it
        (customer(OFTEN, csat={1: 2}, nps={2: True}), "spurious"),  # an answer against it
        (customer(OFTEN, discounted=(0, 1, 2, 3), csat={1: 5}), "spurious"),
        (customer({3: 2}, csat={3: 5}), "latent"),  # too few days
        (customer({0: 8}, csat={1: 5}), "latent"),  # in one month of four: a spree is no habit
        (customer(csat={1: 5}, nps={1: True}), "latent"),
        (customer({3: 1}), "none"),
        (customer(csat={3: 1}), "none"),
    ],
)
def test_behaviour_and_attitude_make_four_kinds(row: Patronage, expected: str) -> None:
    assert kind(row, 3).kind == expected


@pytest.mark.parametrize(("least", "expected"), [(0.2, "true"), (0.2001, "spurious")])
def test_just_the_smallest_share_at_full_price_is_a_sign(least: float, expected: str) -> None:
    # 1 - 4 / 5 is 0.19999999999999996, less than a fifth.
    policy = POLICY.model_copy(update={"full_price_share_min": least, "signs_min": 1})
    start = datetime(2024, 1, 5, tzinfo=UTC)
    with Relations.open("sqlite://", clock=lambda: start + timedelta(days=130), durability="off") as relations:
        relations.adopt(Policy(lifecycle=Lifecycle(loyalty=policy)), from_beginning=True)
        relations.execute_many(
            RecordPurchase(
                customer="c1", purchase=f"p{number}", amount=Money(1_000, "EUR"), discounted=number > 0,
                occurred_at=start + timedelta(days=31 * number),
            )
            for number in range(5)
        )  # fmt: skip
        (listed,) = relations.views.retention.kinds().listed
        assert (listed.kind, listed.signs.full_price_share) == (expected, 0.2)
        assert relations.views.retention.kind_of("c1") == listed


def test_a_day_of_which_all_the_money_went_back_is_no_coming_back() -> None:
    row = customer(OFTEN, csat={1: 5})
    assert kind(row, 3).kind == "true"
    for number in (1, 2):
        row.returned[f"{month(number)}-01EUR{month(3)}-10"] = 1_000
    assert (kind(row, 2).kind, kind(row, 3).kind) == ("true", "latent")  # by March nothing had gone back yet
    row.returned[f"{month(1)}-01EUR{month(3)}-10"] = row.returned[f"{month(2)}-01EUR{month(3)}-10"] = 999
    assert kind(row, 3).kind == "true"  # a part of it leaves a purchase


def test_progression_and_relapse_are_dated() -> None:
    row = customer({0: 1, 1: 1, 2: 1, 3: 1, 4: 1}, csat={1: 5, 4: 2, 5: 1})
    found = kind(row, 12)
    assert [(step.month, step.kind, step.direction) for step in found.steps] == [
        ("2024-01", "none", "begins"),
        ("2024-02", "latent", "progression"),
        ("2024-03", "true", "progression"),
        ("2024-06", "spurious", "relapse"),
        ("2024-09", "none", "relapse"),
    ]
    assert (found.kind, found.since) == ("none", "2024-09")
    # As of a month in between it is what it was then.
    assert (kind(row, 3).kind, kind(row, 3).since) == ("true", "2024-03")


def test_nobody_is_of_a_kind_before_they_bought_or_answered() -> None:
    assert customer_kind(Patronage("c1", registered_at=0), POLICY, satisfied_from=4, month="2024-05") is None
    assert customer_kind(customer({5: 1}), POLICY, satisfied_from=4, month="2024-05") is None


@given(
    bought=st.dictionaries(st.integers(0, 17), st.integers(1, 5), max_size=12),
    csat=st.dictionaries(st.integers(0, 17), st.integers(1, 5), max_size=6),
    nps=st.dictionaries(st.integers(0, 17), st.booleans(), max_size=6),
    ends=st.integers(0, 17),
)
def test_what_comes_later_changes_no_earlier_step(
    bought: dict[int, int], csat: dict[int, int], nps: dict[int, bool], ends: int
) -> None:
    row = customer(bought, csat=csat, nps=nps)
    then = customer_kind(row, POLICY, satisfied_from=4, month=month(ends))
    last = customer_kind(row, POLICY, satisfied_from=4, month=month(17))
    if then is None:
        assert not {number for number in (*bought, *csat, *nps) if number <= ends}
        return
    assert last is not None
    assert then.steps == tuple(step for step in last.steps if step.month <= month(ends))
    assert [step.previous for step in last.steps] == [None, *(step.kind for step in last.steps[:-1])]
    assert all(step.kind != step.previous for step in last.steps)


def test_the_view_counts_kinds_and_their_moves(either_url: str) -> None:
    start = datetime(2024, 1, 5, tzinfo=UTC)
    commands: list[Command] = []
    for name in ("true", "habit", "once"):
        commands.append(RegisterCustomer(customer=name, occurred_at=start))
        for number in range(1 if name == "once" else 4):
            at = start + timedelta(days=31 * number)
            amount = Money(1_000, "EUR")
            commands.append(RecordPurchase(customer=name, purchase=f"{name}{number}", amount=amount, occurred_at=at))
    commands.append(
        GiveFeedback(customer="true", feedback="f1", instrument="nps", score=10, occurred_at=start + timedelta(days=40))
    )
    with Relations.open(either_url, clock=lambda: start + timedelta(days=100), durability="off") as relations:
        relations.adopt(Policy(lifecycle=Lifecycle(loyalty=POLICY)), from_beginning=True)
        assert not relations.execute_many(commands).rejections
        view = relations.views.retention
        report = view.kinds()
        assert report.kinds == {"true": 1, "latent": 0, "spurious": 1, "none": 1}
        assert (report.customers, report.progressed, report.relapsed) == (3, 0, 0)
        assert [each.customer for each in view.kinds(kind="true").listed] == ["true"]
        assert [each.customer for each in view.kinds(limit=1, after="habit").listed] == ["once"]
        march = view.kinds(as_of=datetime(2024, 3, 31, tzinfo=UTC), limit=0)
        assert (march.month, march.progressed) == ("2024-03", 2)
        found = view.kind_of("true")
        assert found is not None
        assert found.signs.recommends is True
        with pytest.raises(InvalidInput, match="nothing is recorded of the customer"):
            view.kind_of("nobody")
        with pytest.raises(InvalidInput, match="kind of loyalty"):
            view.kinds(kind="so-so")  # type: ignore[arg-type]  # what a caller without types may say
