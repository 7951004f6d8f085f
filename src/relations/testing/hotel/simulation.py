"""Two years of a hotel group as commands, for demonstrations, benchmarks, and tests that need a realistic log.

There are eight hotels, four kinds of guests, seasons and weekdays, and guests who lapse and come back. The history also
has what tidy examples lack: purchases and complaints recorded long after they happened, partial refunds, missed
deadlines and points that expire. Complaints are reopened, withdrawn or forgotten, clerks make mistakes, and messages
are sent twice. The same seed and arguments give the same history, to the last command id.

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
from relations.testing.hotel.care import Carer
from relations.testing.hotel.diary import Diary, Recorded
from relations.testing.hotel.guests import Guest, new_guest
from relations.testing.hotel.office.goals import plan_goals
from relations.testing.hotel.office.sales import pursue_opportunities
from relations.testing.hotel.office.staff import introduce_staff
from relations.testing.hotel.stories import storied, write_stories
from relations.testing.hotel.visits import plan_visit
from relations.testing.hotel.world import QUESTIONNAIRE

__all__ = ["Recorded", "RecordingClock", "hotel_policy", "is_mistake", "simulate", "simulate_recorded"]

_REGULARS_DAYS = 60
"""Regulars from before the history turn up in the first weeks, half of them within about forty days."""
_REGULARS_WEIGHT = 3.0
_SENT_TWICE = 0.001
"""The chance that a command is sent again a day later, by a client that missed the answer."""


@cache
def hotel_policy() -> Policy:
    """Return the hotel group's policy: the default one, with points that last one year instead of two.

    Guests who are asked how likely they are to recommend the hotel are also asked about their stay.
    """
    return Policy(
        business="Linden Hotels",
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
    stories: bool = False,
) -> Iterator[Command]:
    """Return the commands of a hotel group's history, in the order of recording.

    Args:
        seed: The same seed and arguments give the same commands.
        customers: The number of guests.
        commands: The number of commands. The history stops after it, and the number of guests is chosen to suit.
        start: The first day.
        months: The length of the history.
        policy: The group's policy, adopted by the first command; `hotel_policy()` by default.
        stories: Add care plans for guests, and the stories of a dozen more guests, in which nearly every event
            occurs. The policy gets the rewards, promises and plans that they need. Bills name their products.

    Yields:
        Valid commands. Nearly all are accepted; some mistakes (see `is_mistake`) and repeated commands are included on
        purpose.

    Raises:
        InvalidInput: The number of customers, commands or months is below 1, or the history would end after year 9999.
    """
    recorded = simulate_recorded(
        seed=seed, customers=customers, commands=commands, start=start, months=months, policy=policy,
        stories=stories,
    )  # fmt: skip
    return (command for _, command in recorded)


def simulate_recorded(
    *,
    seed: int = 1,
    customers: int = 2_000,
    commands: int | None = None,
    start: date = date(2024, 1, 1),
    months: int = 24,
    policy: Policy | None = None,
    stories: bool = False,
) -> Iterator[Recorded]:
    """Return the commands of `simulate`, each with its time of recording; see `RecordingClock`."""
    days = (_months_later(start, months) - start).days
    rules = policy or hotel_policy()
    if stories:
        rules = storied(rules)
    if commands is not None:
        _at_least_one("commands", commands)
        sample = min(500, commands)
        ratio = sum(1 for _ in _history(seed, sample, start, days, rules, stories=stories)) / sample
        customers = int(commands / ratio * 1.1) + 20
    _at_least_one("customers", customers)
    history = _history(seed, customers, start, days, rules, stories=stories)
    return history if commands is None else islice(history, commands)


def is_mistake(command: Command) -> bool:
    """Return True if the rules should refuse a command of the simulation; its id ends in `!` and the mistake's name."""
    return "!" in (command.command_id or "")


class RecordingClock:
    """A clock for `Relations.open` that shows the time of recording of the command last taken from it.

    Execute the commands that it yields::

        clock = RecordingClock(simulate_recorded(seed=1))
        with Relations.open("sqlite:///hotel.db", clock=clock) as engine:
            for command in clock:
                engine.execute(command)

    A batch is recorded at the time of its last command. `batches` yields batches that lie within one day::

        for batch in clock.batches():
            engine.execute_many(batch)

    Args:
        recorded: The commands with their times of recording.
    """

    def __init__(self, recorded: Iterable[Recorded]) -> None:
        self._recorded = iter(recorded)
        self._now: datetime | None = None

    def __call__(self) -> datetime:
        """Return the present.

        Raises:
            RuntimeError: No command was taken yet.
        """
        if self._now is None:
            msg = "the clock starts with the first command taken from it"
            raise RuntimeError(msg)
        return self._now

    def advance(self, to: datetime) -> None:
        """Show a later time, such as the end of the history; an earlier one changes nothing.

        Args:
            to: The time, with a zone.
        """
        self._now = to if self._now is None else max(self._now, to)

    def __iter__(self) -> Iterator[Command]:
        for recorded_at, command in self._recorded:
            self._now = recorded_at
            yield command

    def batches(self, *, size: int = 1_000) -> Iterator[list[Command]]:
        """Yield the commands in batches, each recorded within one UTC day.

        Args:
            size: The maximum number of commands in a batch.
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
        raise InvalidInput(f"a history cannot have {value} {field}", field=field, hint="Give 1 or more")


def _months_later(start: date, months: int) -> date:
    _at_least_one("months", months)
    years, month = divmod(start.month - 1 + months, 12)
    try:
        return start.replace(year=start.year + years, month=month + 1, day=min(start.day, 28))
    except ValueError:
        raise InvalidInput(
            f"the calendar ends before {months} months after {start}", field="months", hint="Give fewer months"
        ) from None


def _history(seed: int, customers: int, start: date, days: int, policy: Policy, *, stories: bool) -> Iterator[Recorded]:
    diary = Diary(start, days, f"sim{seed}:", policy, itemized=stories)
    random = Random(seed)  # noqa: S311 - a simulation keeps no secrets
    _adopt(diary, policy)
    plan_goals(diary, start, days)
    introduce_staff(diary)
    pursue_opportunities(diary)
    if stories:
        write_stories(diary)
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

    def plan(author: Guest | Carer, day: int) -> None:
        if isinstance(author, Carer):
            author.act(day)
        else:
            plan_visit(diary, author, day, random, seed)

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
