"""The parts of a loyalty programme that all members share: its goals, and its stock of limited rewards.

Stream `programme-<programme>`. Order of this module: events, commands, state, evolve, decide. The rules for earning
and spending are not events of a programme; they are policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec.structs import replace
from pydantic import Field, model_validator

from relations.aggregates.maps import EMPTY, with_item, without_item
from relations.decider import Aggregate, Decider
from relations.errors import CommandRefused
from relations.messages import Command, Event, Id, Label
from relations.policies import Policy

__all__ = [
    "AGGREGATE",
    "REFUSALS",
    "Goal",
    "GoalMetric",
    "ProgrammeBook",
    "ProgrammeCommand",
    "ProgrammeGoalSet",
    "ReturnStock",
    "SetProgrammeGoal",
    "StockReturned",
    "StockTaken",
    "TakeStock",
]

GoalMetric = Literal["members", "points_earned", "points_redeemed", "redemptions", "referrals", "rewards_used"]

# --- events ---------------------------------------------------------------------------------------------------------


class ProgrammeGoalSet(Event, frozen=True):
    """A goal was set for a period. Setting it again replaces it.

    Attributes:
        goal: Its id.
        metric: The figure that is counted.
        target: The number to reach.
        starts: The first local day, as `2024-05-01`.
        ends: The local day after the last.
    """

    topic: ClassVar[str] = "programme.goal_set"
    goal: str
    metric: str
    target: int
    starts: str
    ends: str


class StockTaken(Event, frozen=True):
    """A member took one of a limited reward; `left` remained under the policy at that moment."""

    topic: ClassVar[str] = "programme.stock_taken"
    reward: str
    customer: str
    coupon: str
    left: int = 0


class StockReturned(Event, frozen=True):
    """A member returned one of a limited reward unused."""

    topic: ClassVar[str] = "programme.stock_returned"
    reward: str
    customer: str
    coupon: str


# --- commands -------------------------------------------------------------------------------------------------------


class ProgrammeCommand(Command):
    """A command that concerns a whole programme."""

    programme: Id

    @property
    def stream(self) -> str:
        return f"programme-{self.programme}"


class SetProgrammeGoal(ProgrammeCommand):
    """Set a goal for the local days from `starts` (included) to `ends` (excluded)."""

    goal: Id
    metric: GoalMetric
    target: Annotated[int, Field(strict=True, gt=0, le=10**15)]
    starts: date
    ends: date

    @model_validator(mode="after")
    def _has_days(self) -> SetProgrammeGoal:
        if self.ends <= self.starts:
            msg = f"the goal must end ({self.ends}) after it starts ({self.starts})"
            raise ValueError(msg)
        return self


class TakeStock(ProgrammeCommand):
    """Take one of a limited reward. A reaction to `RewardIssued`."""

    reward: Label
    customer: Id
    coupon: Annotated[str, Field(min_length=1, max_length=700)]

    @property
    def follows(self) -> str:
        return "IssueReward"


class ReturnStock(ProgrammeCommand):
    """Return one of a limited reward. A reaction to `RedemptionReversed`, `RewardExpired` and `AccountClosed`."""

    reward: Label
    customer: Id
    coupon: Annotated[str, Field(min_length=1, max_length=700)]

    @property
    def follows(self) -> str:
        return "ReverseRedemption"


# --- state ----------------------------------------------------------------------------------------------------------


class Goal(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A goal of the business for a period."""

    metric: str
    target: int
    starts: str
    ends: str


class ProgrammeBook(msgspec.Struct, frozen=True, gc=False):
    """The state of a programme as a whole.

    Attributes:
        goals: By id.
        taken: The number of each limited reward that members hold or have used.
        holders: The reward of each coupon taken and not returned, by `<customer>/<coupon>`.
    """

    goals: Mapping[str, Goal] = EMPTY
    taken: Mapping[str, int] = EMPTY
    holders: Mapping[str, str] = EMPTY


# --- evolve ---------------------------------------------------------------------------------------------------------


def evolve(state: ProgrammeBook, event: Event) -> ProgrammeBook:
    """Return the state of the programme after an event."""
    match event:
        case StockTaken():
            return replace(
                state,
                taken=with_item(state.taken, event.reward, state.taken.get(event.reward, 0) + 1),
                holders=with_item(state.holders, f"{event.customer}/{event.coupon}", event.reward),
            )
        case StockReturned():
            holder = f"{event.customer}/{event.coupon}"
            return replace(
                state,
                taken=with_item(state.taken, event.reward, state.taken.get(event.reward, 0) - 1),
                holders=without_item(state.holders, holder) if holder in state.holders else state.holders,
            )
        case ProgrammeGoalSet():
            goal = Goal(event.metric, event.target, event.starts, event.ends)
            return replace(state, goals=with_item(state.goals, event.goal, goal))
        case _:
            return state


# --- decide ---------------------------------------------------------------------------------------------------------

REFUSALS: dict[str, str] = {
    "out_of_stock": "The reward is out of stock",
    "unknown_programme": "The policy has no programme with this id",
}


def decide(state: ProgrammeBook, command: Command, policy: Policy) -> list[Event]:
    """Return the events that a command leads to.

    Raises:
        CommandRefused: A rule forbids the command; see `REFUSALS`.
    """
    match command:
        case TakeStock():
            return _take(state, command, policy)
        case ReturnStock():
            if f"{command.customer}/{command.coupon}" not in state.holders:
                return []
            return [StockReturned(reward=command.reward, customer=command.customer, coupon=command.coupon)]
        case SetProgrammeGoal():
            return _set_goal(state, command, policy)
        case _:
            raise TypeError(type(command).__name__)


def _take(state: ProgrammeBook, command: TakeStock, policy: Policy) -> list[Event]:
    if f"{command.customer}/{command.coupon}" in state.holders:
        return []
    programme = policy.programme_of(command.programme)
    reward = None if programme is None else programme.reward_named(command.reward)
    stock = 0 if reward is None else reward.stock
    left = None if stock is None else stock - state.taken.get(command.reward, 0) - 1
    if left is not None and left < 0:
        raise CommandRefused(
            f"cannot take the reward {command.reward!r}: all {stock} have been given out",
            code="out_of_stock",
            field="reward",
            hint="Choose another reward, or raise its stock in the policy",
        )
    return [StockTaken(reward=command.reward, customer=command.customer, coupon=command.coupon, left=left or 0)]


def _set_goal(state: ProgrammeBook, command: SetProgrammeGoal, policy: Policy) -> list[Event]:
    if policy.programme_of(command.programme) is None:
        known = ", ".join(repr(each.id) for each in policy.every_programme)
        raise CommandRefused(
            f"there is no programme {command.programme!r}",
            code="unknown_programme",
            field="programme",
            hint=f"Use a programme of the policy in force: {known}",
        )
    goal = Goal(command.metric, command.target, command.starts.isoformat(), command.ends.isoformat())
    if state.goals.get(command.goal) == goal:
        return []
    return [
        ProgrammeGoalSet(goal=command.goal, metric=goal.metric, target=goal.target, starts=goal.starts, ends=goal.ends)
    ]


AGGREGATE = Aggregate(
    name="programme",
    decider=Decider(ProgrammeBook(), decide, evolve),
    events=(ProgrammeGoalSet, StockTaken, StockReturned),
    commands=(SetProgrammeGoal, TakeStock, ReturnStock),
    customer=lambda _state, _command: "",
    state=ProgrammeBook,
)
