"""The care plans of the simulation's guests: rounds that begin, contacts that are made or missed, and renewals."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any, Literal, NamedTuple

from relations.aggregates.customer import (
    AdvancePlan,
    BeginPlan,
    CustomerCommand,
    EndPlan,
    RecordInteraction,
    SkipStep,
    WithdrawConsent,
)
from relations.aggregates.customer.regarding import Regarding
from relations.policies import CarePlan
from relations.policies.calendars import local_time
from relations.policies.care_plans.plan import StepDates, Trigger, birthday_in
from relations.testing.hotel.diary import DAY, HOUR, MINUTE, Diary
from relations.testing.hotel.guests import Guest
from relations.testing.hotel.office.staff import STAFF
from relations.testing.hotel.world import Weighted

__all__ = ["Carer", "begin_care"]

_FATES = Weighted({"done": 84, "lapsed": 12, "skipped": 4})
_WANTS_NONE = 0.03
"""The chance that a guest withdraws the consent to such contact during a round."""
_SKIPS = Weighted({"travelling": 3, "spoke at the counter": 5, "no free line": 2})
_WORDS = {"message": "message", "ask": "message", "offer": "message"}


class _Event(NamedTuple):
    """Something that happens in a round.

    Attributes:
        at: The time, seconds since 1970.
        order: Its place among events of the same time.
        what: The kind of event.
        step: The step, if it concerns one.
    """

    at: int
    order: int
    what: Literal["done", "skipped", "withdrawn", "advance", "over"]
    step: StepDates | None


def begin_care(
    diary: Diary, guest: Guest, name: str, at: int, because: Trigger = "by_hand", *, birthday: str | None = None
) -> None:
    """Begin a care plan of a guest on the day after a trigger, if the policy has the plan.

    Args:
        diary: The diary.
        guest: The guest.
        name: The plan's id.
        at: The time of the trigger, seconds since 1970.
        because: The trigger.
        birthday: The guest's birthday, if it is known.
    """
    plan = diary.policy.care.plan(name)
    if plan is not None:
        Carer(diary, guest, plan, at, because, birthday)


class Carer:
    """One care plan of one guest, round by round; it is planned day by day as guests are.

    Attributes:
        id: The guest's id.
        number: The beginning of the ids of its commands.
        written: The number of commands written.
        expected: The day on which it is planned again.
    """

    __slots__ = (
        "_because", "_birthday", "_ends", "_events", "_guest", "_owner", "_plan", "_random", "_round", "_since",
        "diary", "expected", "id", "number", "written",
    )  # fmt: skip

    def __init__(
        self, diary: Diary, guest: Guest, plan: CarePlan, at: int, because: Trigger, birthday: str | None
    ) -> None:
        self.diary = diary
        self.id = guest.id
        self.number = f"care-{plan.id}-{guest.number}-{at}"
        self.written = 0
        self._guest = guest
        self._plan = plan
        self._because = because
        self._birthday = birthday
        self._round = ""
        self._random = Random(f"{diary.prefix}{self.number}")  # noqa: S311 - a simulation keeps no secrets
        self._owner = self._random.choice(STAFF)
        self._since = date.fromordinal(local_time(diary.policy.zone).day(at * 1_000_000))
        self._ends = self._start(self._since + timedelta(days=1))
        self._events: list[_Event] = []
        self.expected = 0
        self._wait(self._ends)

    def act(self, _day: int) -> None:
        """Write what happens today, and plan the next day on which something happens."""
        if not self._round:
            if self._plan.id in self._guest.caring:
                return  # a trigger during a round begins nothing
            self._guest.caring.add(self._plan.id)
            begins = self._ends
            self._write(
                BeginPlan, begins, "agenda",
                plan=self._plan.id, on=self._since, because=self._because, owner=self._owner,
            )  # fmt: skip
            self._open(begins)
        else:
            event = self._events.pop(0)
            if self._is_over(event.at):
                self._guest.caring.discard(self._plan.id)
                return
            self._happens(event)
        if self._events:
            self._wait(self._events[0].at)

    def _is_over(self, at: int) -> bool:
        """Return True if the guest was erased, or has left and the plan is ended for it."""
        guest = self._guest
        if guest.forgotten and at >= guest.forgotten:
            return True
        if guest.said and self._plan.id == "611":
            self._write(EndPlan, at, plan=self._plan.id, reason="the guest has left")
            return True
        return False

    def _happens(self, event: _Event) -> None:
        step, at = event.step, event.at
        if event.what == "advance":
            self._write(AdvancePlan, at, "agenda")
        elif event.what == "over":
            self._write(AdvancePlan, at, "agenda")
            following = self._plan.next_round(self._since)
            if following is None:
                self._guest.caring.discard(self._plan.id)
            else:
                self._since = following
                self._open(at)
        elif event.what == "withdrawn":
            self._guest.unreachable = True
            for channel in ("email", "message", "app", "official_account", "phone"):
                self._write(WithdrawConsent, at, "guest", purpose="care", channel=channel, source="link in a message")
        elif step is not None and event.what == "skipped":
            self._write(SkipStep, at, round=self._round, step=step.id, reason=_SKIPS.draw(self._random))
        elif step is not None:
            self._contact(step, at)

    def _contact(self, step: StepDates, at: int) -> None:
        """Make a contact, or put it off if the guest was contacted or will be."""
        guest, until = self._guest, self._start(step.over)
        if guest.unreachable:
            self._put(_Event(until, 1, "advance", step))
        elif guest.is_left_alone(at, (at - self.diary.start) // DAY):
            later = at + DAY
            self._put(_Event(later, 0, "done", step) if later < until else _Event(until, 1, "advance", step))
        else:
            guest.contacted = at
            what = _WORDS.get(step.step.what, step.step.what)
            minutes = step.step.minutes
            self._write(
                RecordInteraction, at,
                interaction=f"{self.number}-{self._round.rpartition('-')[2]}-{step.id}",
                channel=step.step.ways[0],
                kind=what,
                touchpoint=guest.hotel.touchpoint,
                direction="outbound",
                regarding=Regarding("care", self._round, step.id),
                by=self._owner,
                minutes=None if minutes is None else max(1, minutes + self._random.randint(-2, 3)),
                sells=step.step.sells,
            )  # fmt: skip

    def _open(self, begins: int) -> None:
        """Plan the events of the round that begins."""
        guest, plan, random = self._guest, self._plan, self._random
        number = guest.rounds.get(plan.id, 0) + 1
        guest.rounds[plan.id] = number
        self._round = f"{plan.id}-{number}"
        steps, over = plan.dates(self._since, self.diary.policy.care.festivals, guest.language)
        self._ends = self._start(over)
        if not guest.unreachable and random.random() < _WANTS_NONE:
            self._events.append(
                _Event(begins + int((self._ends - begins) * random.random()), 0, "withdrawn", None)
            )  # fmt: skip
        for step in steps:
            self._events.append(self._fate(step, begins))
        self._events.append(_Event(self._ends, 2, "over", None))
        self._events.sort(key=lambda event: event[:2])

    def _fate(self, step: StepDates, begins: int) -> _Event:
        """Return when a step is done or left out, or that it lapses."""
        random, until, fate = self._random, self._start(step.over), _FATES.draw(self._random)
        due = step.due
        if due is None:
            over = step.over
            due = None if self._birthday is None else birthday_in(self._since, over, self._birthday, step.step.day)
        if fate == "lapsed" or due is None:
            return _Event(until, 1, "advance", step)
        days = random.randrange(min(step.step.days_valid, 4)) if random.random() < 0.95 else -1
        at = self._start(due + timedelta(days=days)) + 9 * HOUR + random.randrange(8 * 60) * MINUTE
        if not begins < at < until:
            return _Event(until, 1, "advance", step)
        return _Event(at, 0, "skipped" if fate == "skipped" else "done", step)

    def _put(self, event: _Event) -> None:
        self._events.append(event)
        self._events.sort(key=lambda each: each[:2])

    def _start(self, day: date) -> int:
        return local_time(self.diary.policy.zone).start(day) // 1_000_000

    def _wait(self, at: int) -> None:
        self.diary.expect(self, (at - self.diary.start) // DAY)

    def _write(self, kind: type[CustomerCommand], at: int, actor: str = "guest relations", /, **fields: Any) -> None:
        self.diary.write(self, kind, at, actor, customer=self.id, **fields)
