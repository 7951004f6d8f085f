"""Events of a member's tier."""

from __future__ import annotations

from typing import ClassVar

from relations.aggregates.loyalty.events.points import LoyaltyEvent

__all__ = ["TierGraceGiven", "TierKept", "TierLost", "TierReached", "TierWarned"]


class TierReached(LoyaltyEvent, frozen=True):
    """The member rose to a tier.

    Attributes:
        qualifying: What earned it.
        month: The last month of the window that it was counted in.
        basis: What was counted: points, spend, stays or orders.
        window: Over what: `calendar_year`, `lifetime`, or `rolling_months:12`.
        since: From when the member has it, UTC microseconds.
    """

    topic: ClassVar[str] = "loyalty.tier_reached"
    tier: str
    qualifying: int
    previous: str | None = None
    month: str = ""
    basis: str = "points"
    window: str = ""
    since: int = 0


class TierKept(LoyaltyEvent, frozen=True):
    """A review found the tier earned again.

    Attributes:
        qualifying: What earned it.
        month: The last month of the window that it was counted in.
        basis: As in `TierReached`.
        window: As in `TierReached`.
        reviewed_at: The review's moment, UTC microseconds.
    """

    topic: ClassVar[str] = "loyalty.tier_kept"
    tier: str
    qualifying: int
    month: str = ""
    basis: str = "points"
    window: str = ""
    reviewed_at: int = 0


class TierWarned(LoyaltyEvent, frozen=True):
    """The member will lose the tier unless more is earned.

    Attributes:
        qualifying: What will be left in the window by then.
        required: What the tier requires.
        losing_at: When the tier will be lost, UTC microseconds.
        basis: As in `TierReached`.
        window: As in `TierReached`.
    """

    topic: ClassVar[str] = "loyalty.tier_warned"
    tier: str
    qualifying: int
    required: int
    losing_at: int
    basis: str = "points"
    window: str = ""


class TierGraceGiven(LoyaltyEvent, frozen=True):
    """The tier is no longer earned, and the member keeps it for a grace period.

    Attributes:
        qualifying: What is left in the window.
        until: When the grace ends, UTC microseconds.
        month: The last month of the window.
        basis: As in `TierReached`.
        window: As in `TierReached`.
    """

    topic: ClassVar[str] = "loyalty.tier_grace_given"
    tier: str
    qualifying: int
    until: int
    month: str = ""
    basis: str = "points"
    window: str = ""


class TierLost(LoyaltyEvent, frozen=True):
    """The member fell from a tier, to `next` or to none.

    Attributes:
        qualifying: What is left in the window.
        month: The last month of that window.
        basis: As in `TierReached`.
        window: As in `TierReached`.
        since: When the member fell, UTC microseconds.
        refund: The refund that cost the tier; None where time did.
    """

    topic: ClassVar[str] = "loyalty.tier_lost"
    tier: str
    qualifying: int
    next: str | None = None
    month: str = ""
    basis: str = "points"
    window: str = ""
    since: int = 0
    refund: str | None = None
