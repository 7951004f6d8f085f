"""The days of a simulation: what is recorded on each, in order, and which guests are to be thought of.

A queue by days in place of a heap: appending costs nothing, a day is sorted once when its turn comes, and a day that
is over is let go. So the memory needed is that of the guests who may still come and of what they have begun.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import count
from typing import Any, NamedTuple, Protocol

from relations.messages import Command
from relations.policies import Policy
from relations.policies.calendars import local_time

__all__ = ["DAY", "HOUR", "MINUTE", "Diary", "Recorded"]

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_set = object.__setattr__


class Author(Protocol):
    """Somebody whose commands a diary notes.

    Attributes:
        id: The customer's id.
        number: The guest's number, from which command ids are made.
        written: How many commands were noted.
        expected: The day on which to think of them again.
    """

    id: str
    number: int
    written: int
    expected: int


class Recorded(NamedTuple):
    """A command and when the business's system takes it.

    Attributes:
        recorded_at: Aware, never before the one that went before it. Mostly seconds after `command.occurred_at`,
            for late arrivals days or weeks after it.
        command: The command.
    """

    recorded_at: datetime
    command: Command


@cache
def _blank(kind: type[Command]) -> dict[str, Any]:
    """A command's fields in their order, with their defaults; what has none is None and must be filled in."""
    return {name: None if field.is_required() else field.default for name, field in kind.model_fields.items()}


def written(kind: type[Command], fields: dict[str, Any]) -> Command:
    """A command without validating it: less than half of the time, and the simulation's values are right by design.

    The tests validate every command of several simulations, and compare.
    """
    body = _blank(kind).copy()
    body.update(fields)
    command = kind.__new__(kind)
    _set(command, "__dict__", body)
    _set(command, "__pydantic_fields_set__", set(fields))
    _set(command, "__pydantic_extra__", None)
    _set(command, "__pydantic_private__", None)
    return command


class Diary:
    """What is still to come.

    Args:
        start: The first day.
        days: How many there are. What falls after them, in the business's own time, is not recorded: the history ends
            in the middle of things.
        prefix: What all command ids begin with.
        policy: What the business goes by: deadlines and points follow from it.
    """

    __slots__ = ("_count", "_end", "_pages", "_today", "_visits", "days", "first", "policy", "prefix", "start")

    def __init__(self, start: date, days: int, prefix: str, policy: Policy) -> None:
        self.start = int(datetime(start.year, start.month, start.day, tzinfo=UTC).timestamp())
        self.first = start
        self.days = days
        self.prefix = prefix
        self.policy = policy
        self._count = count()
        self._today = self.start
        after = local_time(policy.zone).start(start + timedelta(days=days)) // 1_000_000
        self._end = min(self.start + days * DAY, after)
        self._pages: list[list[tuple[int, int, Command]]] = [[] for _ in range(days)]
        self._visits: list[list[Author]] = [[] for _ in range(days)]

    def write(
        self,
        guest: Author,
        kind: type[Command],
        at: int,
        actor: str,
        /,
        *,
        recorded: int = 0,
        mistake: str = "",
        **fields: Any,
    ) -> None:
        """Note a command of a guest for when it is recorded.

        Args:
            guest: Whose it is; their own count makes the command id.
            kind: The command's class.
            at: When it occurs, seconds since 1970.
            actor: Who wants it.
            recorded: When it is recorded, if that is later.
            mistake: For what a rule should refuse or ignore: the mistake's name, which the command id then shows.
            fields: The command's other fields, already as valid as the class wants them.
        """
        guest.written += 1
        when = max(at + 2, recorded, self._today)
        if when >= self._end:
            return
        day = (when - self.start) // DAY
        command_id = f"{self.prefix}{guest.number}:{guest.written}"
        fields["occurred_at"] = datetime.fromtimestamp(at, UTC)
        fields["command_id"] = f"{command_id}!{mistake}" if mistake else command_id
        fields["actor"] = actor
        self._pages[day].append((when, next(self._count), written(kind, fields)))

    def record(self, command: Command, when: int) -> None:
        """Note a command that there is already for a time of recording; what is over is recorded today."""
        when = max(when, self._today)
        if when < self._end:
            day = (when - self.start) // DAY
            self._pages[day].append((when, next(self._count), command))

    def expect(self, guest: Author, day: int) -> None:
        """Think of the guest again on this day."""
        guest.expected = day
        if day < self.days:
            self._visits[day].append(guest)

    def play(self, plan: Callable[[Any, int], None], arrivals: Callable[[int], Sequence[Author]]) -> Iterator[Recorded]:
        """Go through the days.

        Args:
            plan: Writes what a guest does from a day on; nothing on an earlier day.
            arrivals: The guests who are new on a day.
        """
        for day in range(self.days):
            self._today = self.start + day * DAY
            for guest in arrivals(day):
                plan(guest, day)
            for guest in self._visits[day]:
                plan(guest, day)
            self._visits[day] = []
            page = self._pages[day]
            page.sort()
            for when, _, command in page:
                yield Recorded(datetime.fromtimestamp(when, UTC), command)
            self._pages[day] = []
