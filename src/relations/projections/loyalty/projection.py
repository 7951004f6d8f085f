"""What the loyalty view keeps: accounts, lots, rewards, referrals, and what moved on which day.

Accounts and lots stand as they are recorded. The past is kept as sums: `Movement` adds up by programme, local day and
month of expiry, so what was open on the evening of any day is a sum over days, and the table is bounded by days times
months, however many members there are. A single account's past is folded from its own events when it is asked for.

A lot leaves its table when nothing of it is left. What was spent may come back, so a redemption keeps what the lots
were that it took from; the tables thus grow with members, open lots and redemptions.
"""

from __future__ import annotations

from relations.projections.loyalty import members as points_members
from relations.projections.loyalty import merges as points_merges
from relations.projections.loyalty import points as points_folds
from relations.projections.loyalty.rows import (
    AccountRow,
    GoalRow,
    LotRow,
    Movement,
    RedemptionRow,
    ReferralRow,
    RewardRow,
)
from relations.projections.projection import Folds, Projection

__all__ = ["PROJECTION"]

PROJECTION = Projection(
    name="loyalty",
    version=5,
    tables=(AccountRow, LotRow, RedemptionRow, Movement, RewardRow, ReferralRow, GoalRow),
    folds=Folds.of(points_folds.FOLDS, points_members.FOLDS, points_merges.FOLDS),
)
