"""The loyalty projection: accounts, lots, rewards, referrals, and the points that moved on each day.

Accounts and lots are kept as recorded. The past is kept as sums: `Movement` adds up by programme, local day and month
of expiry. What was open on the evening of any day is a sum over days. The table is bounded by days times months,
whatever the number of members. The past of a single account is folded from its own events when it is asked for.

A lot leaves its table when nothing of it is left. Spent points may come back, so a redemption keeps what the lots were
that it took from. The tables thus grow with members, open lots and redemptions.
"""

from __future__ import annotations

from relations.projections.loyalty import members, merges, points
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
    version=7,
    tables=(AccountRow, LotRow, RedemptionRow, Movement, RewardRow, ReferralRow, GoalRow),
    folds=Folds.of(points.FOLDS, members.FOLDS, merges.FOLDS),
)
