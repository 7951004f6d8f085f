"""What the simulation must know of a member's account so that it redeems only what is there.

It never says more than the real account would: tiers' multipliers and points given as remedies are left out, and a
refund takes half as much again as it would.
"""

from __future__ import annotations

from random import Random

from relations.aggregates.loyalty import EnrolMember, RedeemPoints
from relations.testing.hotel.diary import Diary
from relations.testing.hotel.guests import Guest
from relations.testing.hotel.points import MemberPoints

__all__ = ["enrol", "redeem"]

_REWARDS = (("free night", 20_000), ("room upgrade", 8_000), ("spa voucher", 5_000), ("bottle of wine", 2_500))
_REDEEMS = 0.35
"""How often a member who arrives with enough points spends some."""


def enrol(diary: Diary, guest: Guest, at: int) -> None:
    """The guest joins the programme."""
    guest.account = MemberPoints()
    diary.write(guest, EnrolMember, at, "front desk", customer=guest.id, programme=diary.policy.programme.id)


def redeem(diary: Diary, guest: Guest, at: int, random: Random) -> None:
    """A member who has enough points may spend some."""
    account = guest.account
    if account is None or random.random() > _REDEEMS:
        return
    available = account.available(at)
    for reward, points in _REWARDS:
        if points <= available and random.random() < 0.6:
            account.spend(points)
            _redeem(diary, guest, at, points, reward)
            return


def redeem_too_much(diary: Diary, guest: Guest, at: int) -> None:
    """A mistake: more points than any account has, or a guest who has none."""
    _redeem(diary, guest, at, 10**9, "free night", mistake="redemption_beyond_balance")


def _redeem(diary: Diary, guest: Guest, at: int, points: int, reward: str, *, mistake: str = "") -> None:
    diary.write(
        guest, RedeemPoints, at, "front desk", mistake=mistake,
        customer=guest.id, redemption=f"d{guest.number}-{guest.written}", points=points, reward=reward,
    )  # fmt: skip
