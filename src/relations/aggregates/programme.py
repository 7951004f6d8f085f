"""What a loyalty programme has for all of its members together: goals to reach, and rewards of which there are few.

Stream `programme-<programme>`. Order of this module: events, commands, state, evolve, decide. The rules that members
earn and spend by are no events of a programme: they are policy.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Literal

import msgspec
from immutables import Map
from msgspec.structs import replace
from pydantic import Field, model_validator

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
    """The business wants to reach so much in a time. Set again, it replaces what was wanted before.

    Attributes:
        goal: Its id.
        metric: What is counted.
        target: How much of it.
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
    """A member has one of a limited reward; `left` are left by the policy of that moment."""

    topic: ClassVar[str] = "programme.stock_taken"
    reward: str
    customer: str
    coupon: str
    left: int = 0


class StockReturned(Event, frozen=True):
    """A member gave one of a limited reward back unused."""

    topic: ClassVar[str] = "programme.stock_returned"
    reward: str
    customer: str
    coupon: str


# --- commands -------------------------------------------------------------------------------------------------------


class ProgrammeCommand(Command):
    """A command to a whole programme."""

    programme: Id

    @property
    def stream(self) -> str:
        return f"programme-{self.programme}"


class SetProgrammeGoal(ProgrammeCommand):
    """Want to reach so much from `starts` until before `ends`, both local days."""

    goal: Id
    metric: GoalMetric
    target: Annotated[int, Field(strict=True, gt=0, le=10**15)]
    starts: date
    ends: date

    @model_validator(mode="after")
    def _has_days(self) -> SetProgrammeGoal:
        if self.ends <= self.starts:
            msg = f"the goal ends ({self.ends}) before it has begun ({self.starts})"
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
    """Give one of a limited reward back. A reaction to `RedemptionReversed`, `RewardExpired` and `AccountClosed`."""

    reward: Label
    customer: Id
    coupon: Annotated[str, Field(min_length=1, max_length=700)]

    @property
    def follows(self) -> str:
        return "ReverseRedemption"


# --- state ----------------------------------------------------------------------------------------------------------


class Goal(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the business wants to reach."""

    metric: str
    target: int
    starts: str
    ends: str


class ProgrammeBook(msgspec.Struct, frozen=True, gc=False):
    """A programme as a whole.

    Attributes:
        goals: By id.
        taken: How many of each limited reward are with members or used.
        holders: Who has taken one and not given it back, as `<customer>/<coupon>`, and of which reward.
    """

    goals: Map[str, Goal] = Map()
    taken: Map[str, int] = Map()
    holders: Map[str, str] = Map()


# --- evolve ---------------------------------------------------------------------------------------------------------


def evolve(state: ProgrammeBook, event: Event) -> ProgrammeBook:
    """The programme after an event."""
    match event:
        case StockTaken():
            return replace(
                state,
                taken=state.taken.set(event.reward, state.taken.get(event.reward, 0) + 1),
                holders=state.holders.set(f"{event.customer}/{event.coupon}", event.reward),
            )
        case StockReturned():
            holder = f"{event.customer}/{event.coupon}"
            return replace(
                state,
                taken=state.taken.set(event.reward, state.taken.get(event.reward, 0) - 1),
                holders=state.holders.delete(holder) if holder in state.holders else state.holders,
            )
        case ProgrammeGoalSet():
            goal = Goal(event.metric, event.target, event.starts, event.ends)
            return replace(state, goals=state.goals.set(event.goal, goal))
        case _:
            return state


# --- decide ---------------------------------------------------------------------------------------------------------

REFUSALS: dict[str, str] = {
    "out_of_stock": "Nothing is left of the reward",
    "unknown_programme": "The policy has no such programme",
}


def decide(state: ProgrammeBook, command: Command, policy: Policy) -> list[Event]:
    """What a command leads to.

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
            f"Nothing is left of the reward {command.reward!r}: {stock} have been given out",
            code="out_of_stock",
            field="reward",
            hint="Choose another reward, or raise its stock in the policy",
        )
    return [StockTaken(reward=command.reward, customer=command.customer, coupon=command.coupon, left=left or 0)]


def _set_goal(state: ProgrammeBook, command: SetProgrammeGoal, policy: Policy) -> list[Event]:
    if policy.programme_of(command.programme) is None:
        known = ", ".join(repr(each.id) for each in policy.every_programme)
        raise CommandRefused(
            f"There is no programme {command.programme!r}",
            code="unknown_programme",
            field="programme",
            hint=f"The policy in force has {known}",
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
