"""A lower bound of a member's points, so that the simulation only redeems what is there.

It never counts more than the real account has. Tier multipliers and points given as remedies are left out, and a refund
takes half as much again as in the real account.
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
"""The chance that a member who arrives with enough points spends some."""


def enrol(diary: Diary, guest: Guest, at: int) -> None:
    """Enrol the guest in the programme."""
    guest.account = MemberPoints()
    diary.write(guest, EnrolMember, at, "front desk", customer=guest.id, programme=diary.policy.programme.id)


def redeem(diary: Diary, guest: Guest, at: int, random: Random) -> None:
    """Perhaps let a member with enough points spend some."""
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
    """Write a mistake: a redemption of more points than any account has."""
    _redeem(diary, guest, at, 10**9, "free night", mistake="redemption_beyond_balance")


def _redeem(diary: Diary, guest: Guest, at: int, points: int, reward: str, *, mistake: str = "") -> None:
    diary.write(
        guest, RedeemPoints, at, "front desk", mistake=mistake,
        customer=guest.id, redemption=f"d{guest.number}-{guest.written}", points=points, reward=reward,
    )  # fmt: skip
