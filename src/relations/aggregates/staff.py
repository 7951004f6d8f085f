"""A staff member: role, department, languages, skills and interests, trainings and recognitions.

Stream `staff-<id>`. Order of this module: events, commands, state, evolve, decide. The id is the host's own, and there
are no personal words: roles, skills and interests are codes. Figures about staff are not stored here. The view of the
team computes them from cases and contacts that name the same id.

**Trainings** have ids. Colleagues who take the same course share its id, so the course's effect can be measured over
all of them. A training that is repeated later gets an id of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import msgspec
from msgspec.structs import replace
from pydantic import AwareDatetime, Field, model_validator
from pydantic_core import PydanticCustomError

from relations.aggregates.contact import LanguageTag
from relations.aggregates.maps import EMPTY, with_item
from relations.decider import Aggregate, Decider
from relations.errors import CommandRefused
from relations.messages import Command, Event, Id, Label, Term, to_micros
from relations.policies import Policy

__all__ = [
    "AGGREGATE",
    "REFUSALS",
    "ChangeStaffRole",
    "CompleteStaffTraining",
    "JoinStaff",
    "LeaveStaff",
    "PlanStaffTraining",
    "RecogniseStaff",
    "StaffCommand",
    "StaffJoined",
    "StaffLeft",
    "StaffRecognised",
    "StaffRoleChanged",
    "StaffState",
    "StaffTraining",
    "StaffTrainingCompleted",
    "StaffTrainingPlanned",
]

_SCORE_MAX = 100
_LISTED_MAX = 30

# --- events ---------------------------------------------------------------------------------------------------------


class StaffJoined(Event, frozen=True):
    """A staff member joined, or came back.

    Attributes:
        role: Their role, such as `concierge`.
        department: Their department.
        languages: The languages in which they speak with customers.
        skills: Their skills.
        interests: Their interests, in the terms under which those of customers are noted.
        at: Business time, UTC microseconds.
    """

    topic: ClassVar[str] = "staff.joined"
    role: str
    department: str | None = None
    languages: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    interests: tuple[str, ...] = ()
    at: int = 0


class StaffRoleChanged(Event, frozen=True):
    """Their role changed, or anything else that is known of them. The event has all of it as it is from then on."""

    topic: ClassVar[str] = "staff.role_changed"
    role: str
    department: str | None = None
    languages: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    interests: tuple[str, ...] = ()
    at: int = 0


class StaffTrainingPlanned(Event, frozen=True):
    """A training was planned. Planning it again replaces the plan.

    Attributes:
        training: The course's id.
        about: The causes of complaints and the themes of answers that it addresses.
        due_at: The time by which it should be completed, UTC microseconds.
    """

    topic: ClassVar[str] = "staff.training_planned"
    training: str
    about: tuple[str, ...] = ()
    due_at: int | None = None


class StaffTrainingCompleted(Event, frozen=True):
    """A training was completed.

    Attributes:
        training: The course's id.
        about: The causes of complaints and the themes of answers that it addresses.
        score: The score from 0 to 100, if there was a test.
        at: Business time, UTC microseconds.
    """

    topic: ClassVar[str] = "staff.training_completed"
    training: str
    about: tuple[str, ...] = ()
    score: int | None = None
    at: int = 0


class StaffRecognised(Event, frozen=True):
    """The business recognised good work.

    Attributes:
        recognition: Its id.
        reason: The reason.
        at: Business time, UTC microseconds.
    """

    topic: ClassVar[str] = "staff.recognised"
    recognition: str
    reason: str
    at: int = 0


class StaffLeft(Event, frozen=True):
    """They left."""

    topic: ClassVar[str] = "staff.left"
    reason: str | None = None
    at: int = 0


# --- commands -------------------------------------------------------------------------------------------------------

Terms = Annotated[tuple[Term, ...], Field(max_length=_LISTED_MAX)]
Languages = Annotated[tuple[LanguageTag, ...], Field(max_length=_LISTED_MAX)]
Score = Annotated[int, Field(strict=True, ge=0, le=_SCORE_MAX)]


class StaffCommand(Command):
    """A command that concerns one staff member.

    Attributes:
        staff: Their id, the same that owns complaints and makes contacts.
    """

    staff: Id

    @property
    def stream(self) -> str:
        return f"staff-{self.staff}"


class JoinStaff(StaffCommand):
    """Record that a staff member joined, or came back.

    Attributes:
        languages: The languages in which they speak with customers.
        interests: Their interests, in the terms under which those of customers are noted.
    """

    role: Term
    department: Label | None = None
    languages: Languages = ()
    skills: Terms = ()
    interests: Terms = ()


class ChangeStaffRole(StaffCommand):
    """Change what is known of a staff member. Fields that are left out stay as they are."""

    role: Term | None = None
    department: Label | None = None
    languages: Languages | None = None
    skills: Terms | None = None
    interests: Terms | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> ChangeStaffRole:
        if all(getattr(self, name) is None for name in _DESCRIBED):
            raise PydanticCustomError("nothing_changed", "the change must have at least one field")
        return self


class PlanStaffTraining(StaffCommand):
    """Plan a training, or change the plan.

    Attributes:
        about: The causes of complaints and the themes of answers that it addresses.
        due_at: The time by which it should be completed.
    """

    training: Id
    about: Terms = ()
    due_at: AwareDatetime | None = None


class CompleteStaffTraining(StaffCommand):
    """Record that a training was completed, planned or not.

    Attributes:
        about: The causes and themes that it addresses; those of the plan if left out.
        score: The score from 0 to 100, if there was a test.
    """

    training: Id
    about: Terms = ()
    score: Score | None = None


class RecogniseStaff(StaffCommand):
    """Recognise good work."""

    recognition: Id
    reason: Term


class LeaveStaff(StaffCommand):
    """Record that a staff member left."""

    reason: Term | None = None


_DESCRIBED = ("role", "department", "languages", "skills", "interests")

# --- state ----------------------------------------------------------------------------------------------------------


class StaffTraining(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A training of a staff member.

    Attributes:
        about: The causes and themes that it addresses.
        due_at: The time by which it should be completed; None if nobody said.
        completed_at: The time at which it was; None while it is planned.
        score: Its score.
    """

    about: tuple[str, ...] = ()
    due_at: int | None = None
    completed_at: int | None = None
    score: int | None = None


class StaffState(msgspec.Struct, frozen=True, gc=False):
    """The state of a staff member.

    Attributes:
        profile: What is known of them, and since when; None before they joined.
        left_at: The time at which they left, UTC microseconds; None while they are there.
        trainings: By id.
        recognitions: By id.
    """

    profile: StaffJoined | None = None
    left_at: int | None = None
    trainings: Mapping[str, StaffTraining] = EMPTY
    recognitions: Mapping[str, StaffRecognised] = EMPTY


# --- evolve ---------------------------------------------------------------------------------------------------------


def evolve(state: StaffState, event: Event) -> StaffState:
    """Return the state of the staff member after an event."""
    match event:
        case StaffJoined():
            return replace(state, profile=event, left_at=None)
        case StaffRoleChanged():
            return replace(state, profile=StaffJoined(**{name: getattr(event, name) for name in (*_DESCRIBED, "at")}))
        case StaffTrainingPlanned():
            training = StaffTraining(event.about, event.due_at)
            return replace(state, trainings=with_item(state.trainings, event.training, training))
        case StaffTrainingCompleted():
            known = state.trainings.get(event.training, StaffTraining())
            done = StaffTraining(event.about, known.due_at, event.at, event.score)
            return replace(state, trainings=with_item(state.trainings, event.training, done))
        case StaffRecognised():
            return replace(state, recognitions=with_item(state.recognitions, event.recognition, event))
        case StaffLeft():
            return replace(state, left_at=event.at)
        case _:
            return state


# --- decide ---------------------------------------------------------------------------------------------------------

REFUSALS: Mapping[str, str] = {
    "staff_unknown": "The staff member never joined",
    "staff_present": "The staff member joined already",
    "staff_left": "The staff member had left by that time",
    "training_completed": "The training was completed already",
    "recognition_id_reused": "Another recognition of the staff member has this id",
}
"""Every code of refusal and when it is given."""


def decide(state: StaffState, command: Command, policy: Policy) -> list[Event]:
    """Return the events that a command leads to.

    Raises:
        CommandRefused: A rule forbids the command; see `REFUSALS`.
    """
    match command:
        case JoinStaff():
            return _join(state, command)
        case ChangeStaffRole():
            return _change(state, command)
        case PlanStaffTraining():
            return _plan(state, command)
        case CompleteStaffTraining():
            return _complete(state, command)
        case RecogniseStaff():
            return _recognise(state, command)
        case LeaveStaff():
            _joined(state, command, "leave")
            return [] if state.left_at is not None else [StaffLeft(reason=command.reason, at=command.at)]
        case _:
            raise TypeError(type(command).__name__)


def _joined(state: StaffState, command: StaffCommand, verb: str) -> StaffJoined:
    if state.profile is None:
        raise CommandRefused(
            f"{command.staff} cannot {verb}: nobody with this id joined",
            code="staff_unknown",
            field="staff",
            hint="Record first that they joined (JoinStaff)",
        )
    return state.profile


def _present(state: StaffState, command: StaffCommand, verb: str) -> StaffJoined:
    """Return what is known of a staff member who was there at the command's time. It may be recorded late."""
    profile = _joined(state, command, verb)
    if state.left_at is not None and command.at >= state.left_at:
        raise CommandRefused(
            f"{command.staff} cannot {verb}: they had left by then",
            code="staff_left",
            field="staff",
            hint="Record first that they came back (JoinStaff), or date it before they left",
        )
    return profile


def _join(state: StaffState, command: JoinStaff) -> list[Event]:
    wanted = StaffJoined(**{name: getattr(command, name) for name in (*_DESCRIBED, "at")})
    if state.profile is None or state.left_at is not None:
        return [wanted]
    if replace(state.profile, at=command.at) == wanted:
        return []
    raise CommandRefused(
        f"{command.staff} cannot join: they joined already",
        code="staff_present",
        field="staff",
        hint="Change what is known of them (ChangeStaffRole)",
    )


def _change(state: StaffState, command: ChangeStaffRole) -> list[Event]:
    profile = _present(state, command, "change")
    known = {name: getattr(profile, name) for name in _DESCRIBED}
    wanted = {name: old if (new := getattr(command, name)) is None else new for name, old in known.items()}
    return [] if wanted == known else [StaffRoleChanged(**wanted, at=command.at)]


def _completed(command: PlanStaffTraining | CompleteStaffTraining) -> CommandRefused:
    return CommandRefused(
        f"{command.staff} completed the training {command.training} already",
        code="training_completed",
        field="training",
        hint="Give a repeated training an id of its own",
    )


def _plan(state: StaffState, command: PlanStaffTraining) -> list[Event]:
    _present(state, command, "take a training")
    due_at = None if command.due_at is None else to_micros(command.due_at)
    known, wanted = state.trainings.get(command.training), StaffTraining(command.about, due_at)
    if known == wanted:
        return []
    if known is not None and known.completed_at is not None:
        raise _completed(command)
    return [StaffTrainingPlanned(training=command.training, about=command.about, due_at=due_at)]


def _complete(state: StaffState, command: CompleteStaffTraining) -> list[Event]:
    _present(state, command, "complete a training")
    known = state.trainings.get(command.training, StaffTraining())
    about = command.about or known.about
    if known.completed_at is None:
        return [StaffTrainingCompleted(training=command.training, about=about, score=command.score, at=command.at)]
    if (known.completed_at, known.score, known.about) == (command.at, command.score, about):
        return []
    raise _completed(command)


def _recognise(state: StaffState, command: RecogniseStaff) -> list[Event]:
    _present(state, command, "be recognised")
    wanted = StaffRecognised(recognition=command.recognition, reason=command.reason, at=command.at)
    known = state.recognitions.get(command.recognition)
    if known is None:
        return [wanted]
    if known == wanted:
        return []
    raise CommandRefused(
        f"{command.staff} already has a recognition {command.recognition}",
        code="recognition_id_reused",
        field="recognition",
        hint="Give the new recognition an id of its own",
    )


AGGREGATE = Aggregate(
    name="staff",
    decider=Decider(StaffState(), decide, evolve),
    events=(
        StaffJoined,
        StaffRoleChanged,
        StaffTrainingPlanned,
        StaffTrainingCompleted,
        StaffRecognised,
        StaffLeft,
    ),
    commands=(JoinStaff, ChangeStaffRole, PlanStaffTraining, CompleteStaffTraining, RecogniseStaff, LeaveStaff),
    customer=lambda _state, _command: "",
    state=StaffState,
)
