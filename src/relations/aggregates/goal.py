"""A goal: a figure that the business wants to reach, its reviews, and the improvements that should help.

Stream `goal-<id>`. Order of this module: events, commands, state, evolve, decide. A goal belongs to no customer, so its
words are stored unencrypted and must not be about a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, ClassVar

import msgspec
from msgspec.structs import replace
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from relations.decider import Aggregate, Decider
from relations.errors import CommandRefused
from relations.messages import ClearText, Command, Event, Id, Label, to_micros
from relations.policies import Policy
from relations.policies.indicators import INDICATORS, indicator_named

__all__ = [
    "AGGREGATE",
    "REFUSALS",
    "CompleteGoalImprovement",
    "EndGoal",
    "GoalCommand",
    "GoalEnded",
    "GoalImprovement",
    "GoalImprovementCompleted",
    "GoalImprovementMeasured",
    "GoalImprovementRaised",
    "GoalReviewed",
    "GoalSet",
    "GoalState",
    "MeasureGoalImprovement",
    "Measured",
    "Measurement",
    "RaiseGoalImprovement",
    "ReviewGoal",
    "SetGoal",
]

_DECIMALS = 6

# --- events ---------------------------------------------------------------------------------------------------------


class Measured(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An indicator's value over some months, as the engine computed it.

    Attributes:
        since: The first month, such as `2024-05`.
        until: The month after the last one.
        value: The value as a decimal; None if there was nothing to compute it from.
        low: The low end of its confidence interval; None if it has none.
        high: The high end.
        n: The number of answers, customers or cases that it is computed from.
    """

    since: str
    until: str
    value: str | None = None
    low: str | None = None
    high: str | None = None
    n: int = 0


class GoalSet(Event, frozen=True):
    """A goal was set. Setting it again replaces target, period, scope and owner.

    Attributes:
        indicator: The name of the indicator.
        target: The value to reach, as a decimal in the indicator's unit.
        least: The value that is still acceptable; None if everything short of the target is not.
        scope: The part of the business that it is about, such as `{"touchpoint": "bar"}`; empty for the whole.
        starts: The first local day, as `2024-05-01`.
        ends: The local day after the last.
        owner: The person who answers for it.
    """

    topic: ClassVar[str] = "goal.set"
    indicator: str
    target: str
    starts: str
    ends: str
    least: str | None = None
    scope: dict[str, str] = {}  # noqa: RUF012 - msgspec gives every event its own
    owner: str | None = None


class GoalReviewed(Event, frozen=True):
    """The goal was reviewed.

    Attributes:
        finding: What was found.
        root_cause: Why it is so.
        decision: What follows from it.
    """

    topic: ClassVar[str] = "goal.reviewed"
    finding: str
    root_cause: str | None = None
    decision: str | None = None


class GoalImprovementRaised(Event, frozen=True):
    """An improvement was planned to reach the goal.

    Attributes:
        improvement: Its id within the goal.
        what: What will change.
        owner: The person who carries it out.
        due_at: When it should be done, UTC microseconds.
    """

    topic: ClassVar[str] = "goal.improvement_raised"
    improvement: str
    what: str
    owner: str | None = None
    due_at: int | None = None


class GoalImprovementCompleted(Event, frozen=True):
    """The improvement is in effect."""

    topic: ClassVar[str] = "goal.improvement_completed"
    improvement: str


class GoalImprovementMeasured(Event, frozen=True):
    """The indicator was compared before and after the improvement. Measuring it again replaces the result."""

    topic: ClassVar[str] = "goal.improvement_measured"
    improvement: str
    before: Measured
    after: Measured


class GoalEnded(Event, frozen=True):
    """The goal is no longer pursued."""

    topic: ClassVar[str] = "goal.ended"
    reason: str | None = None


# --- commands -------------------------------------------------------------------------------------------------------

Month = Annotated[str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]
Target = Annotated[Decimal, Field(allow_inf_nan=False, ge=-(10**15), le=10**15, decimal_places=_DECIMALS)]


def _known_indicator(name: str) -> str:
    if indicator_named(name) is None:
        msg = f"there is no indicator {name!r}; there are {', '.join(INDICATORS)}"
        raise ValueError(msg)
    return name


class Measurement(BaseModel):
    """An indicator's value over some months.

    Attributes:
        since: The first month, such as `2024-05`.
        until: The month after the last one.
        value: The value; None if there was nothing to compute it from.
        low: The low end of its confidence interval; None if it has none.
        high: The high end.
        n: The number of answers, customers or cases that it is computed from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    since: Month
    until: Month
    value: Target | None = None
    low: Target | None = None
    high: Target | None = None
    n: Annotated[int, Field(strict=True, ge=0)] = 0

    @property
    def recorded(self) -> Measured:
        """The same as events hold it."""
        value, low, high = (None if each is None else _plain(each) for each in (self.value, self.low, self.high))
        return Measured(self.since, self.until, value, low, high, self.n)


class GoalCommand(Command):
    """A command that concerns one goal."""

    goal: Id

    @property
    def stream(self) -> str:
        return f"goal-{self.goal}"


class SetGoal(GoalCommand):
    """Set a goal for the local days from `starts` (included) to `ends` (excluded), or change it.

    Attributes:
        indicator: The name of the indicator, such as `nps`.
        target: The value to reach, in the indicator's unit. A share is from 0 to 1.
        least: The value that is still acceptable.
        scope: The part of the business that it is about, such as `{"touchpoint": "bar"}`.
    """

    indicator: Annotated[str, Field(max_length=80), AfterValidator(_known_indicator)]
    target: Target
    least: Target | None = None
    scope: dict[Label, Label] = {}  # noqa: RUF012 - pydantic copies it for each command
    starts: date
    ends: date
    owner: Id | None = None

    @model_validator(mode="after")
    def _fits_its_indicator(self) -> SetGoal:
        indicator = INDICATORS[self.indicator]
        if self.ends <= self.starts:
            msg = f"the goal must end ({self.ends}) after it starts ({self.starts})"
            raise ValueError(msg)
        lowest, highest = indicator.bounds
        for name, value in (("target", self.target), ("least", self.least)):
            if value is None:
                continue
            if (lowest is not None and value < lowest) or (highest is not None and value > highest):
                bounds = f"from {lowest} to {highest}" if highest is not None else f"at least {lowest}"
                msg = f"the {name} of {self.indicator} must be {bounds}, but is {value}"
                raise ValueError(msg)
        if self.least is not None and not indicator.reaches(self.target, self.least):
            msg = f"the least acceptable value ({self.least}) is better than the target ({self.target})"
            raise ValueError(msg)
        unknown = sorted(self.scope.keys() - indicator.scopes)
        if unknown:
            allowed = f"by {', '.join(sorted(indicator.scopes))}" if indicator.scopes else "as a whole only"
            msg = f"{self.indicator} has no scope {unknown[0]!r}: it is computed {allowed}"
            raise ValueError(msg)
        if len(self.scope) > 1:
            msg = "a goal has one scope at most"
            raise ValueError(msg)
        return self


class ReviewGoal(GoalCommand):
    """Record a review of the goal. The words must not be about a person."""

    finding: ClearText
    root_cause: ClearText | None = None
    decision: ClearText | None = None


class RaiseGoalImprovement(GoalCommand):
    """Plan an improvement that should help to reach the goal."""

    improvement: Id
    what: ClearText
    owner: Id | None = None
    due_at: AwareDatetime | None = None


class CompleteGoalImprovement(GoalCommand):
    """Record that an improvement is in effect from `occurred_at` on."""

    improvement: Id


class MeasureGoalImprovement(GoalCommand):
    """Record the indicator before and after an improvement. `GoalEffect.command` makes it."""

    improvement: Id
    before: Measurement
    after: Measurement


class EndGoal(GoalCommand):
    """Stop pursuing the goal."""

    reason: ClearText | None = None


# --- state ----------------------------------------------------------------------------------------------------------


class GoalImprovement(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An improvement of a goal.

    Attributes:
        completed: True once it is in effect.
        before: The indicator before it, if it was measured.
        after: The indicator after it, if it was measured.
    """

    completed: bool = False
    before: Measured | None = None
    after: Measured | None = None


class GoalState(msgspec.Struct, frozen=True, gc=False):
    """The state of a goal.

    Attributes:
        terms: The event that set it as it is now; None before.
        improvements: By id.
        ended: True once it is no longer pursued.
    """

    terms: GoalSet | None = None
    improvements: dict[str, GoalImprovement] = {}
    ended: bool = False


# --- evolve ---------------------------------------------------------------------------------------------------------


def evolve(state: GoalState, event: Event) -> GoalState:
    """Return the state of the goal after an event."""
    match event:
        case GoalSet():
            return replace(state, terms=event, ended=False)
        case GoalImprovementRaised():
            return _with(state, event.improvement, GoalImprovement())
        case GoalImprovementCompleted():
            return _with(state, event.improvement, replace(state.improvements[event.improvement], completed=True))
        case GoalImprovementMeasured():
            found = state.improvements[event.improvement]
            return _with(state, event.improvement, replace(found, before=event.before, after=event.after))
        case GoalEnded():
            return replace(state, ended=True)
        case _:
            return state


def _with(state: GoalState, improvement: str, found: GoalImprovement) -> GoalState:
    return replace(state, improvements={**state.improvements, improvement: found})


# --- decide ---------------------------------------------------------------------------------------------------------

REFUSALS: Mapping[str, str] = {
    "goal_not_set": "The goal was never set, or has ended",
    "improvement_exists": "The goal has another improvement with this id",
    "improvement_unknown": "The goal has no improvement with this id",
    "improvement_not_completed": "The improvement is not in effect, so there is no time after it",
}
"""Every code of refusal and when it is given."""


def decide(state: GoalState, command: Command, policy: Policy) -> list[Event]:
    """Return the events that a command leads to.

    Raises:
        CommandRefused: A rule forbids the command; see `REFUSALS`.
    """
    match command:
        case SetGoal():
            return _set(state, command)
        case ReviewGoal():
            _must_be_set(state, command, "review")
            return [GoalReviewed(finding=command.finding, root_cause=command.root_cause, decision=command.decision)]
        case RaiseGoalImprovement():
            return _raise(state, command)
        case CompleteGoalImprovement():
            found = _improvement(state, command, command.improvement, "complete")
            return [] if found.completed else [GoalImprovementCompleted(improvement=command.improvement)]
        case MeasureGoalImprovement():
            return _measure(state, command)
        case EndGoal():
            _must_be_set(state, command, "end")
            return [GoalEnded(reason=command.reason)]
        case _:
            raise TypeError(type(command).__name__)


def _must_be_set(state: GoalState, command: GoalCommand, verb: str) -> None:
    if state.terms is None or state.ended:
        why = "it was never set" if state.terms is None else "it has ended"
        raise CommandRefused(
            f"cannot {verb} goal {command.goal}: {why}",
            code="goal_not_set",
            field="goal",
            hint="Set it first (SetGoal)",
        )


def _set(state: GoalState, command: SetGoal) -> list[Event]:
    wanted = GoalSet(
        indicator=command.indicator,
        target=_plain(command.target),
        least=None if command.least is None else _plain(command.least),
        scope=dict(command.scope),
        starts=command.starts.isoformat(),
        ends=command.ends.isoformat(),
        owner=command.owner,
    )
    return [] if state.terms == wanted and not state.ended else [wanted]


def _plain(value: Decimal) -> str:
    """Return a decimal without an exponent or trailing zeros, so that equal values have one form."""
    text = f"{value:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def _raise(state: GoalState, command: RaiseGoalImprovement) -> list[Event]:
    _must_be_set(state, command, "improve")
    if command.improvement in state.improvements:
        raise CommandRefused(
            f"goal {command.goal} already has an improvement {command.improvement}",
            code="improvement_exists",
            field="improvement",
            hint="Give the new one another id",
        )
    due_at = None if command.due_at is None else to_micros(command.due_at)
    return [
        GoalImprovementRaised(improvement=command.improvement, what=command.what, owner=command.owner, due_at=due_at)
    ]


def _improvement(state: GoalState, command: GoalCommand, improvement: str, verb: str) -> GoalImprovement:
    _must_be_set(state, command, verb)
    found = state.improvements.get(improvement)
    if found is None:
        known = ", ".join(sorted(state.improvements))
        raise CommandRefused(
            f"goal {command.goal} has no improvement {improvement}",
            code="improvement_unknown",
            field="improvement",
            hint=f"Its improvements are {known}" if known else "Raise it first (RaiseGoalImprovement)",
        )
    return found


def _measure(state: GoalState, command: MeasureGoalImprovement) -> list[Event]:
    found = _improvement(state, command, command.improvement, "measure")
    if not found.completed:
        raise CommandRefused(
            f"cannot measure improvement {command.improvement} of goal {command.goal}: it is not in effect",
            code="improvement_not_completed",
            field="improvement",
            hint="Complete it first (CompleteGoalImprovement)",
        )
    before, after = command.before.recorded, command.after.recorded
    if (found.before, found.after) == (before, after):
        return []
    return [GoalImprovementMeasured(improvement=command.improvement, before=before, after=after)]


AGGREGATE = Aggregate(
    name="goal",
    decider=Decider(GoalState(), decide, evolve),
    events=(
        GoalSet,
        GoalReviewed,
        GoalImprovementRaised,
        GoalImprovementCompleted,
        GoalImprovementMeasured,
        GoalEnded,
    ),
    commands=(
        SetGoal,
        ReviewGoal,
        RaiseGoalImprovement,
        CompleteGoalImprovement,
        MeasureGoalImprovement,
        EndGoal,
    ),
    customer=lambda _state, _command: "",
    state=GoalState,
)
