"""A hotel group over two years, as commands: for demonstrations, benchmarks, and tests that want a real-looking log.

Eight hotels, four kinds of guests, seasons and weekdays, guests who lapse and come back; and everything that real
histories have and tidy examples lack: purchases and complaints that are recorded long after they happened, refunds in
parts, complaints that are reopened, withdrawn or left lying, deadlines missed, points that expire, clerks' mistakes,
messages sent twice. The same seed and arguments give the same history, to the last command id.

    >>> from relations.testing import simulate
    >>> first, second, *_ = simulate(seed=1, customers=10)
    >>> type(first).__name__, type(second).__name__
    ('AdoptPolicy', 'RegisterCustomer')
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from functools import cache
from itertools import accumulate, islice
from math import exp
from random import Random

from relations.aggregates.policy import AdoptPolicy
from relations.errors import InvalidInput
from relations.messages import Command
from relations.policies import Policy, Programme, Surveys
from relations.testing.hotel.diary import Diary, Recorded
from relations.testing.hotel.guests import Guest, new_guest
from relations.testing.hotel.visits import plan_visit
from relations.testing.hotel.world import QUESTIONNAIRE

__all__ = ["Recorded", "RecordingClock", "hotel_policy", "is_mistake", "simulate", "simulate_recorded"]

_REGULARS_DAYS = 60
"""Regular guests of old turn up in the first weeks, half of them within about forty days."""
_REGULARS_WEIGHT = 3.0
_SENT_TWICE = 0.001
"""How often a command is sent again, an hour or so later, by a client that did not hear the answer."""


@cache
def hotel_policy() -> Policy:
    """The policy that the hotel group goes by: the package's own, with points that last a year instead of two.

    Guests who are asked whether they recommend the house are asked about their stay as well.
    """
    return Policy(
        zone="Europe/Vienna",
        currency="EUR",
        programme=Programme(name="Linden Circle", months_to_expiry=12),
        surveys=Surveys(instruments=(*Surveys().instruments, QUESTIONNAIRE)),
    )


def simulate(
    *,
    seed: int = 1,
    customers: int = 2_000,
    commands: int | None = None,
    start: date = date(2024, 1, 1),
    months: int = 24,
    policy: Policy | None = None,
) -> Iterator[Command]:
    """The commands of a hotel group's history, in the order in which they are recorded.

    Args:
        seed: The same seed and arguments give the same commands.
        customers: How many guests there are in all.
        commands: How many commands to give instead: `customers` is then chosen so that there are somewhat more, and
            the history stops short after so many.
        start: The first day.
        months: How long it goes on.
        policy: What the group goes by, adopted by the first command; `hotel_policy()` if absent.

    Yields:
        Commands as valid as if they had been validated. Nearly all are legal, too; those that are not (see
        `is_mistake`), and those sent twice, are there on purpose.

    Raises:
        InvalidInput: Fewer than 1 customer, command or month, or more than the calendar has.
    """
    recorded = simulate_recorded(
        seed=seed, customers=customers, commands=commands, start=start, months=months, policy=policy
    )
    return (command for _, command in recorded)


def simulate_recorded(
    *,
    seed: int = 1,
    customers: int = 2_000,
    commands: int | None = None,
    start: date = date(2024, 1, 1),
    months: int = 24,
    policy: Policy | None = None,
) -> Iterator[Recorded]:
    """As `simulate`, with the time at which each command is recorded; `RecordingClock` makes an engine follow it."""
    days = (_months_later(start, months) - start).days
    if commands is not None:
        _at_least_one("commands", commands)
        sample = min(500, commands)
        ratio = sum(1 for _ in _history(seed, sample, start, days, policy or hotel_policy())) / sample
        customers = int(commands / ratio * 1.1) + 20
    _at_least_one("customers", customers)
    history = _history(seed, customers, start, days, policy or hotel_policy())
    return history if commands is None else islice(history, commands)


def is_mistake(command: Command) -> bool:
    """Whether a command of the simulation is one that the rules should refuse: its id then ends in `!` and a name."""
    return "!" in (command.command_id or "")


class RecordingClock:
    """A clock for `Relations.open` that stands at the time of recording of the command last taken from it.

    ::

        clock = RecordingClock(simulate_recorded(seed=1))
        with Relations.open("sqlite:///hotel.db", clock=clock) as relations:
            for command in clock:
                relations.execute(command)

    Where a whole batch is recorded at once, all of it bears its last command's time. `batches` keeps that right to
    the day::

        for batch in clock.batches():
            relations.execute_many(batch)

    Args:
        recorded: What to follow.
    """

    def __init__(self, recorded: Iterable[Recorded]) -> None:
        self._recorded = iter(recorded)
        self._now: datetime | None = None

    def __call__(self) -> datetime:
        """The time now.

        Raises:
            RuntimeError: Nothing was taken yet.
        """
        if self._now is None:
            msg = "the clock starts with the first command taken from it"
            raise RuntimeError(msg)
        return self._now

    def __iter__(self) -> Iterator[Command]:
        for recorded_at, command in self._recorded:
            self._now = recorded_at
            yield command

    def batches(self, *, size: int = 1_000) -> Iterator[list[Command]]:
        """The commands in batches, each of one UTC day's recording at most.

        Args:
            size: The most commands of a batch.
        """
        batch: list[Command] = []
        day: date | None = None
        for recorded_at, command in self._recorded:
            if batch and (recorded_at.date() != day or len(batch) >= size):
                yield batch
                batch = []
            day = recorded_at.date()
            self._now = recorded_at
            batch.append(command)
        if batch:
            yield batch


def _at_least_one(field: str, value: int) -> None:
    if value < 1:
        raise InvalidInput(f"{value} {field} make no history", field=field, hint="Give at least 1")


def _months_later(start: date, months: int) -> date:
    _at_least_one("months", months)
    years, month = divmod(start.month - 1 + months, 12)
    try:
        return start.replace(year=start.year + years, month=month + 1, day=min(start.day, 28))
    except ValueError:
        raise InvalidInput(f"{months} months after {start} the calendar has ended", field="months") from None


def _history(seed: int, customers: int, start: date, days: int, policy: Policy) -> Iterator[Recorded]:
    diary = Diary(start, days, f"sim{seed}:", policy)
    random = Random(seed)  # noqa: S311 - a simulation keeps no secrets
    _adopt(diary, policy)
    weights = [1 + _REGULARS_WEIGHT * exp(-day / _REGULARS_DAYS) for day in range(days)]
    come = list(accumulate(weights))
    arrived = 0

    def arrivals(day: int) -> list[Guest]:
        nonlocal arrived
        until = round(customers * come[day] / come[-1])
        regular = 1 - 1 / weights[day]
        numbers = range(arrived + 1, until + 1)
        arrived = until
        return [new_guest(random, seed, number, regular=number % 100 < 100 * regular) for number in numbers]

    def plan(guest: Guest, day: int) -> None:
        plan_visit(diary, guest, day, random, seed)

    return _with_repeats(diary, diary.play(plan, arrivals), seed)


def _adopt(diary: Diary, policy: Policy) -> None:
    at = datetime.fromisoformat(f"{diary.first}T00:00:00+00:00")
    command = AdoptPolicy(
        occurred_at=at, command_id=f"{diary.prefix}policy", actor="head office", policy=policy, from_beginning=True
    )
    diary.record(command, diary.start)


def _with_repeats(diary: Diary, history: Iterator[Recorded], seed: int) -> Iterator[Recorded]:
    random = Random(seed + 1)  # noqa: S311 - likewise
    for recorded in history:
        yield recorded
        if random.random() < _SENT_TWICE:
            diary.record(recorded.command, int(recorded.recorded_at.timestamp()) + random.randrange(86_400, 90_000))
