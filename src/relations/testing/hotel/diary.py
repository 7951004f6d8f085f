"""The days of a simulation: the commands recorded on each, in order, and the guests to plan.

A queue by days instead of a heap: appending is cheap. A day is sorted once when its turn comes, and a day that is over
is freed. So only guests who may still come, and what they have begun, take memory.
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
        written: How many commands were noted.
        expected: The day on which to think of them again.
    """

    id: str
    written: int
    expected: int

    @property
    def number(self) -> int | str:
        """The number of the guest, or the name of their care plan, from which command ids are made."""


class Recorded(NamedTuple):
    """A command with the time at which the business's system records it.

    Attributes:
        recorded_at: The time, with a zone; never earlier than that of the previous command. Usually seconds after
            `command.occurred_at`, but days or weeks after it for late arrivals.
        command: The command.
    """

    recorded_at: datetime
    command: Command


@cache
def _blank(kind: type[Command]) -> dict[str, Any]:
    """Return a command's fields in order with their defaults; a required field is None and must be filled in."""
    return {name: None if field.is_required() else field.default for name, field in kind.model_fields.items()}


def unvalidated(kind: type[Command], fields: dict[str, Any]) -> Command:
    """Make a command without validating it, in less than half of the time.

    The simulation's values are valid by design. The tests validate every command of several simulations, and compare.
    """
    body = _blank(kind).copy()
    body.update(fields)
    command = kind.__new__(kind)
    _set(command, "__dict__", body)
    _set(command, "__pydantic_fields_set__", set(fields))
    _set(command, "__pydantic_extra__", None)
    private = {name: each.get_default() for name, each in kind.__private_attributes__.items()}
    _set(command, "__pydantic_private__", private or None)
    return command


class Diary:
    """The commands still to come.

    Args:
        start: The first day.
        days: The number of days. Commands after them, in the business's own time, are dropped: the history ends in the
            middle of things.
        prefix: The beginning of all command ids.
        policy: The business's policy, from which deadlines and points follow.
        itemized: True if bills name their products.
    """

    __slots__ = (
        "_count", "_end", "_pages", "_today", "_visits", "days", "first", "itemized", "policy", "prefix", "start",
    )  # fmt: skip

    def __init__(self, start: date, days: int, prefix: str, policy: Policy, *, itemized: bool = False) -> None:
        self.start = int(datetime(start.year, start.month, start.day, tzinfo=UTC).timestamp())
        self.first = start
        self.days = days
        self.prefix = prefix
        self.policy = policy
        self.itemized = itemized
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
        """Write a command of a guest for the time at which it is recorded.

        Args:
            guest: The guest; the number of their commands makes the command id.
            kind: The command's class.
            at: The business time, seconds since 1970.
            actor: The actor.
            recorded: The time of recording, if that is later.
            mistake: The name of a mistake that the rules should refuse or ignore; the command id then shows it.
            fields: The command's other fields, already valid.
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
        self._pages[day].append((when, next(self._count), unvalidated(kind, fields)))

    def record(self, command: Command, when: int) -> None:
        """Write an existing command for a time of recording; a past time means today."""
        when = max(when, self._today)
        if when < self._end:
            day = (when - self.start) // DAY
            self._pages[day].append((when, next(self._count), command))

    def expect(self, guest: Author, day: int) -> None:
        """Plan the guest again on this day."""
        guest.expected = day
        if day < self.days:
            self._visits[day].append(guest)

    def play(self, plan: Callable[[Any, int], None], arrivals: Callable[[int], Sequence[Author]]) -> Iterator[Recorded]:
        """Yield the commands day by day.

        Args:
            plan: Writes what a guest does from a day on, and nothing on an earlier day.
            arrivals: Returns the guests who are new on a day.
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
