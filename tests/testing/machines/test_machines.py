"""Accounts beside the kit's slow ledgers: whatever Hypothesis comes upon, and the busy lives that it seldom does."""

from __future__ import annotations

import inspect
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck

from relations.messages import Money
from relations.testing.machines.business import BusinessMachine
from relations.testing.machines.engine import LedgerMachine
from tests.support.effort import part


class TestLedger(LedgerMachine.TestCase):  # type: ignore[misc, valid-type] # Hypothesis makes the class at run time
    settings = part(100, stateful_step_count=40, suppress_health_check=list(HealthCheck))


LIVES = 12
LATE = (0, 0, 0, 0, 1, 40)


def lived(rules: int, seed: int) -> Counter[str]:
    """Return the events of a busy member's two years; the account is compared with the oracle at every step."""
    chance, machine = random.Random(seed), LedgerMachine()
    machine.begin(rules, joins=1)
    refunded = (1, 1)
    for number in range(1, 60):
        recent = chance.randint(max(1, number - 6), number)
        late = chance.choice(LATE)
        if chance.randrange(60) == 0:
            machine.leaves(31)
        match chance.randrange(13):
            case 0 | 1 | 2:
                machine.buys(number, Money(chance.randint(300, 3_000), "EUR"), None, chance.choice((0, 0, 2)), late)
            case 3:
                machine.is_given(number, chance.randint(1, 20), chance.choice(("bonus", "remedy")), "anna", late)
            case 4 | 5:
                machine.redeems_a_little(number, chance.randint(1, 4), late)
            case 6:
                machine.redeems(number, chance.randint(1, 12), late)
            case 7 | 8:
                machine.undoes(recent, late)
            case 9:
                refunded = (recent, number)
                machine.gives_back(*refunded, chance.choice((2, 5, 7, 7)), late)
            case 10:
                machine.is_looked_at(late)
            case 11:
                machine.time_is_told(late)
            case 12:
                machine.is_given_again(*refunded, chance.choice((0, 0, 2)), late)
        machine.time_passes(chance.choice((0, 1, 4, 11, 20, 45, 150)), chance.randrange(24))
        machine.they_agree()
    return machine.outcomes


@pytest.mark.parametrize(
    "rules",
    [pytest.param(n, marks=[pytest.mark.soak] if n % 2 else []) for n in range(len(LedgerMachine.policies))],
)
def test_busy_lives_come_out_coin_by_coin_and_day_by_day(rules: int) -> None:
    seen: Counter[str] = Counter()
    for seed in range(LIVES):
        seen += lived(rules, seed)
    programme = LedgerMachine.policies[rules].programme
    kinds = {"PointsEarned", "PointsRedeemed", "RedemptionReversed", "EarningReversed", "EarningRestored"}
    if programme.months_to_expiry is not None:
        kinds |= {"PointsExpired"}
    if programme.tiers:
        kinds |= {"TierReached"}
    if programme.tiers and programme.tier_window.kind != "lifetime":
        kinds |= {"TierLost"}
    if programme.downgrade_when != "at_once" and programme.tier_window.kind != "lifetime":
        kinds |= {"TierKept"}
    if programme.grace_days:
        kinds |= {"TierGraceGiven"}
    if programme.warning_days is not None:
        kinds |= {"TierWarned"}
    assert kinds <= seen.keys()


class TestBusiness(BusinessMachine.TestCase):  # type: ignore[misc, valid-type] # made at run time too
    settings = part(60, stateful_step_count=30, suppress_health_check=list(HealthCheck))


BUSINESS_LIVES = 60
OFTEN = {0, 3, 6}
"""The rules that `make test` runs; `make soak` runs all of them."""
RARE = {6: (6351, 6645)}
"""By rules, seeds of lives that seldom come about: with the grace of a tier; with a referral restored in a merge."""
DOINGS = {"buys": 4, "gives_back": 3, "refund_is_reversed": 2,
          "is_given": 3, "redeems": 3, "undoes": 3, "sends": 2, "wants": 4, "refers": 2,
          "time_passes": 3, "are_found_to_be_one": 2, "are_two_after_all": 2, "uses": 3, "joins": 1, "leaves": 1,
          "comes_back": 1, "is_adjusted": 1, "time_is_told": 1}  # fmt: skip


def lived_together(rules: int, seed: int, steps: int = 60) -> Counter[str]:
    """Return the events of three customers' dealings; every account is compared with the oracle at each step."""
    chance, machine = random.Random(seed), BusinessMachine()
    draw: dict[str, Callable[[], Any]] = {
        "to": lambda: chance.choice(("c1", "c2", "c3")),
        "other": lambda: chance.choice(("c1", "c2", "c3")),
        "who": lambda: chance.choice(("c1", "c1", "c2", "c2", "c3")),
        "where": lambda: chance.choice(("main", "main", "club")),
        "late": lambda: chance.choice((0, 0, 0, 0, 2, 25)),
        "number": lambda: chance.randint(1, 3),
        "points": lambda: chance.randint(1, 12),
        "euros": lambda: chance.randint(1, 40),
        "back": lambda: chance.randint(0, 3),
        "part": lambda: chance.choice((1, 4, 6, 7, 7)),
        "what": lambda: chance.choice("xkk"),
        "reward": lambda: chance.choice(("spa", "spa", "lamp", "pin", "suite")),
        "sure": lambda: chance.choice((1, 7)),
        "days": lambda: chance.choice((0, 1, 4, 15, 40, 75)),
        "hours": lambda: chance.randrange(24),
    }
    machine.begin(rules, {("c1", "main"), ("c2", "main"), ("c2", "club")} if seed % 4 > 1 else set())
    for where in ("main", "club") if seed % 4 == 1 else ():
        machine.joins("c1", where, 0)
        for number, other in enumerate(("c3", "c2"), start=1):
            machine.refers("c1", other, where, number, 0)
            machine.joins(other, where, 0)
    for _ in range(steps):
        (doing,) = chance.choices(list(DOINGS), list(DOINGS.values()))
        does = getattr(machine, doing)
        names = list(inspect.signature(does).parameters)
        if doing.startswith("are_"):
            does(chance.random() < 0.3)
        else:
            does(**{name: draw[name]() for name in names})
        machine.they_agree()
    return machine.outcomes


@pytest.mark.parametrize(
    "rules",
    [pytest.param(n, marks=[] if n in OFTEN else [pytest.mark.soak]) for n in range(len(BusinessMachine.policies))],
)
def test_dealings_between_members_agree_with_the_oracle(rules: int) -> None:
    seen: Counter[str] = Counter()
    for seed in (*range(1_000 * rules, 1_000 * rules + BUSINESS_LIVES), *RARE.get(rules, ())):
        seen += lived_together(rules, seed)
    kinds = {"AccountReceived", "AccountReturned", "RewardIssued", "RewardUsed", "StockTaken", "StockReturned"}
    kinds |= {"RequestForwarded", "PointsReceived", "ReferralMade", "RedemptionReversed", "refused: out_of_stock"}
    assert kinds <= seen.keys()
    assert seen["RewardExpired"] or rules == 3
    programme = BusinessMachine.policies[rules].programme
    if programme.tiers and programme.tier_window.kind != "lifetime":
        assert {"TierLost", "TierGraceGiven" if programme.grace_days else "TierReached"} <= seen.keys()


Steps = list[tuple[str, tuple[Any, ...]]]


@pytest.mark.parametrize(
    ("rules", "steps"),
    [
        pytest.param(
            0,
            [("joins", ("c1", "club", 0)), ("joins", ("c2", "main", 0)), ("joins", ("c2", "club", 0)),
             ("are_found_to_be_one", (True,)), ("is_given", ("c1", "club", 1, 5, 0)),
             ("is_given", ("c1", "club", 1, 6, 0))],
            id="a bonus under a merged id is for the programme that it names, and its id for one bonus",
        ),
        pytest.param(
            3,
            [("joins", ("c2", "main", 0)), ("joins", ("c1", "main", 0)), ("are_found_to_be_one", (True,)),
             ("buys", ("c1", 21, 0)), ("are_two_after_all", (True,))],
            id="a tier that was earned together is nobody's own",
        ),
        pytest.param(
            4,
            [("joins", ("c2", "main", 0)), ("are_found_to_be_one", (False,)), ("buys", ("c2", 30, 0)),
             ("sends", ("c2", "c3", "main", 5, 7, 0)), ("are_two_after_all", (False,)),
             ("sends", ("c2", "c3", "main", 5, 7, 0)), ("sends", ("c2", "c3", "main", 5, 6, 0)),
             ("are_found_to_be_one", (False,)), ("sends", ("c2", "c3", "main", 5, 7, 0))],
            id="a transfer is made once, before a merge, during it and after it",
        ),
        pytest.param(
            0,
            [("joins", ("c1", "main", 0)), ("buys", ("c1", 30, 0)), ("time_passes", (20, 0)),
             ("are_found_to_be_one", (False,)), ("sends", ("c1", "c2", "main", 1, 3, 0))],
            id="nobody gives points to themselves under another id",
        ),
        pytest.param(
            4,
            [("joins", ("c2", "main", 0)), ("refers", ("c2", "c1", "main", 5, 0)),
             ("are_found_to_be_one", (False,)), ("buys", ("c2", 3, 0)), ("are_two_after_all", (False,)),
             ("are_found_to_be_one", (False,)), ("buys", ("c1", 35, 0)), ("are_two_after_all", (False,))],
            id="a recommendation rewarded during one merge is not counted again in the next",
        ),
        pytest.param(
            3,
            [("joins", ("c2", "main", 0)), ("refers", ("c2", "c1", "main", 1, 0)),
             ("is_given", ("c2", "main", 1, 5, 0)),
             ("are_found_to_be_one", (False,)), ("buys", ("c2", 6, 0)), ("redeems", ("c2", "main", 1, 9, 0)),
             ("gives_back", ("c2", 0, 7, 0))],
            id="of a recommendation to oneself both sides are taken back",
        ),
        pytest.param(
            1,
            [("joins", ("c1", "main", 0)), ("refers", ("c1", "c3", "main", 1, 0)), ("joins", ("c3", "main", 0)),
             ("buys", ("c3", 1, 0)), ("gives_back", ("c3", 0, 6, 0)), ("gives_back", ("c3", 0, 7, 0))],
            id="a purchase given back in parts takes its recommendation along, rounded up or not",
        ),
        pytest.param(
            4,
            [("joins", ("c1", "main", 0)), ("joins", ("c2", "club", 0)), ("are_found_to_be_one", (False,)),
             ("buys", ("c1", 24, 0)), ("wants", ("c2", "main", 4, "pin", 0)), ("are_two_after_all", (False,)),
             ("sends", ("c1", "c2", "main", 5, 8, 0)), ("wants", ("c2", "main", 4, "spa", 0))],
            id="what came under a merged id in a programme not joined goes home too",
        ),
        pytest.param(
            3,
            [("joins", ("c1", "main", 0)), ("are_found_to_be_one", (False,)), ("buys", ("c2", 21, 0)),
             ("wants", ("c1", "main", 1, "spa", 0)), ("are_two_after_all", (False,)), ("buys", ("c1", 2, 0)),
             ("are_found_to_be_one", (True,)), ("buys", ("c2", 2, 0)), ("are_two_after_all", (True,))],
            id="points that one spent of the other's count towards the other's tier alone, also in a later merge",
        ),
        pytest.param(
            0,
            [("joins", ("c1", "main", 0)), ("refers", ("c1", "c3", "main", 1, 0)), ("joins", ("c3", "main", 0)),
             ("are_found_to_be_one", (True,)), ("buys", ("c3", 2, 0)), ("are_two_after_all", (True,)),
             ("gives_back", ("c3", 0, 7, 0))],
            id="a recommendation rewarded during a merge and worth nothing after it leaves room for another",
        ),
        pytest.param(
            4,
            [("joins", ("c2", "club", 0)), ("are_found_to_be_one", (False,)), ("is_given", ("c2", "club", 1, 1, 0)),
             ("buys", ("c1", 3, 0)), ("redeems", ("c2", "club", 3, 2, 0)), ("are_two_after_all", (False,)),
             ("undoes", ("c2", "club", "x", 3, 0))],
            id="of one redemption undone, each gets what was theirs",
        ),
        pytest.param(
            4,
            [("joins", ("c1", "main", 0)), ("refers", ("c1", "c3", "main", 1, 0)), ("joins", ("c3", "main", 0)),
             ("buys", ("c3", 2, 0)), ("leaves", ("c1", "main", 7)), ("gives_back", ("c3", 0, 7, 0))],
            id="a recommendation that a closing has settled is not revoked",
        ),
        pytest.param(
            7,
            [("joins", ("c2", "main", 0)), ("are_found_to_be_one", (False,)), ("buys", ("c1", 19, 0)),
             ("time_passes", (40, 0)), ("time_passes", (40, 0)), ("time_passes", (4, 0)), ("buys", ("c1", 1, 0)),
             ("are_two_after_all", (False,))],
            id="whose tier a merge had brought goes without its grace",
        ),
        pytest.param(
            7,
            [("joins", ("c1", "main", 0)), ("buys", ("c1", 20, 0)), ("joins", ("c2", "main", 0)),
             ("time_passes", (4, 0)), ("buys", ("c2", 45, 0)), ("are_found_to_be_one", (False,)),
             ("time_passes", (40, 0)), ("buys", ("c1", 2, 0)), ("are_two_after_all", (False,)),
             ("time_passes", (75, 0)), ("time_is_told", ("c1",)), ("time_is_told", ("c2",))],
            id="a tier that one had before stands on what it stood on before",
        ),
        pytest.param(
            0,
            [("joins", ("c1", "main", 0)), ("refers", ("c1", "c3", "main", 1, 0)), ("joins", ("c3", "main", 0)),
             ("buys", ("c3", 20, 0)), ("gives_back", ("c3", 0, 4, 0)), ("gives_back", ("c3", 0, 7, 0)),
             ("refund_is_reversed", (0, 0)), ("refund_is_reversed", (1, 0))],
            id="a referral that a refund revoked counts again with the reversal of any of the refunds",
        ),
        pytest.param(
            1,
            [("joins", ("c1", "main", 0)), ("joins", ("c1", "club", 0)), ("refers", ("c1", "c3", "main", 1, 0)),
             ("joins", ("c3", "main", 0)), ("buys", ("c3", 20, 0)), ("are_found_to_be_one", (True,)),
             ("gives_back", ("c3", 0, 7, 0)), ("refund_is_reversed", (0, 0)), ("are_two_after_all", (True,)),
             ("gives_back", ("c3", 0, 7, 0)), ("refund_is_reversed", (0, 0))],
            id="a referral counts again for a member who is merged, and who is not any more",
        ),
        pytest.param(
            0,
            [("joins", ("c1", "main", 0)), ("refers", ("c1", "c3", "main", 1, 0)), ("joins", ("c3", "main", 0)),
             ("buys", ("c3", 20, 0)), ("gives_back", ("c3", 0, 7, 0)), ("are_found_to_be_one", (True,)),
             ("refund_is_reversed", (0, 0)), ("are_two_after_all", (True,)), ("gives_back", ("c3", 0, 7, 0)),
             ("refund_is_reversed", (0, 0))],
            id="a referral that was revoked before a merge counts again during it, and after it",
        ),
        pytest.param(
            0,
            [("joins", ("c1", "main", 0)), ("refers", ("c1", "c3", "main", 1, 0)), ("joins", ("c3", "main", 0)),
             ("buys", ("c3", 20, 0)), ("are_found_to_be_one", (True,)), ("gives_back", ("c3", 0, 7, 0)),
             ("are_two_after_all", (True,)), ("refund_is_reversed", (0, 0))],
            id="a referral that was revoked during a merge counts again after it",
        ),
        pytest.param(
            1,
            [("joins", ("c1", "main", 0)), ("joins", ("c2", "main", 0)), ("buys", ("c1", 20, 0)),
             ("redeems", ("c1", "main", 1, 9, 0)), ("is_given", ("c2", "main", 1, 3, 0)),
             ("are_found_to_be_one", (True,)), ("gives_back", ("c1", 0, 7, 0)), ("undoes", ("c2", "main", "x", 1, 0)),
             ("are_two_after_all", (True,)), ("refund_is_reversed", (0, 0)), ("undoes", ("c1", "main", "x", 1, 0))],
            id="what a refund took of the other one's lots comes back to its own after they are two",
        ),
        pytest.param(
            0,
            [("joins", ("c1", "main", 0)), ("buys", ("c1", 20, 0)), ("gives_back", ("c1", 0, 7, 0)),
             ("leaves", ("c1", "main", 7)), ("comes_back", ("c1", "main")), ("refund_is_reversed", (0, 0))],
            id="a closing settles a refund for good",
        ),
        pytest.param(
            5,
            [("joins", ("c1", "main", 0)), ("joins", ("c2", "main", 0)), ("buys", ("c2", 20, 0)),
             ("gives_back", ("c2", 0, 7, 0)), ("are_found_to_be_one", (False,)), ("leaves", ("c1", "main", 7)),
             ("are_two_after_all", (False,)), ("joins", ("c2", "main", 0)), ("comes_back", ("c2", "main")),
             ("buys", ("c2", 20, 0)), ("refund_is_reversed", (0, 0))],
            id="a closing during a merge settles the refunds of both",
        ),
    ],
)  # fmt: skip
def test_what_was_found_once_stays_mended(rules: int, steps: Steps) -> None:
    machine = BusinessMachine()
    machine.begin(rules, set())
    for doing, values in steps:
        getattr(machine, doing)(*values)
        machine.they_agree()
    assert machine.outcomes
