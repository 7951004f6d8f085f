"""The account beside the kit's slow ledger: whatever Hypothesis comes upon, and the busy lives that it seldom does."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings

from relations.messages import Money
from relations.testing.business_machine import BusinessMachine
from relations.testing.machines import LedgerMachine


class TestLedger(LedgerMachine.TestCase):  # type: ignore[misc, valid-type] # Hypothesis makes the class at run time
    settings = settings(
        max_examples=150, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
    )


LIVES = 12
LATE = (0, 0, 0, 0, 1, 40)


def lived(rules: int, seed: int) -> Counter[str]:
    """What happened in a busy member's life of about two years, the account held against the oracle at every step."""
    chance, machine = random.Random(seed), LedgerMachine()
    machine.begin(rules, joins=1)
    for number in range(1, 60):
        recent = chance.randint(max(1, number - 6), number)
        late = chance.choice(LATE)
        if chance.randrange(60) == 0:
            machine.leaves(31)
        match chance.randrange(12):
            case 0 | 1 | 2:
                machine.buys(number, Money(chance.randint(300, 3_000), "EUR"), None, late)
            case 3:
                machine.is_given(number, chance.randint(1, 20), chance.choice(("bonus", "remedy")), "anna", late)
            case 4 | 5:
                machine.redeems_a_little(number, chance.randint(1, 4), late)
            case 6:
                machine.redeems(number, chance.randint(1, 12), late)
            case 7 | 8:
                machine.undoes(recent, late)
            case 9:
                machine.gives_back(recent, number, chance.choice((2, 5, 7, 7)), late)
            case 10:
                machine.is_looked_at(late)
            case 11:
                machine.time_is_told(late)
        machine.time_passes(chance.choice((0, 1, 4, 11, 20, 45, 150)), chance.randrange(24))
        machine.they_agree()
    return machine.outcomes


@pytest.mark.parametrize("rules", range(len(LedgerMachine.policies)))
def test_busy_lives_come_out_coin_by_coin_and_day_by_day(rules: int) -> None:
    seen: Counter[str] = Counter()
    for seed in range(LIVES):
        seen += lived(rules, seed)
    programme = LedgerMachine.policies[rules].programme
    kinds = {"PointsEarned", "PointsRedeemed", "RedemptionReversed", "EarningReversed"}
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
    settings = settings(
        max_examples=150, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
    )
