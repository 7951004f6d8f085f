"""Shared parts of all measurements: sizes, timing in turns, and result lines.

The speed of a machine drifts. So contenders take turns, forwards and backwards (A B C, C B A, …). Each turn is compared
with its neighbours, and the median of the ratios counts. Wall-clock time decides. If no disk is involved, processor
time is measured too, to distinguish a slow engine from a busy machine.
"""

from __future__ import annotations

import gc
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any, Literal, NamedTuple

import msgspec

__all__ = ["FULL", "NORMAL", "SMALL", "Line", "Scale", "Timing", "Work", "Workspace", "alternate", "compared", "timed"]

Work = Callable[[], Any]
Direction = Literal["at least", "at most"]


@dataclass(frozen=True)
class Scale:
    """The sizes of the measurements.

    Attributes:
        events: Events of the large log.
        fewer_events: Events of the smaller log with which the time per event is compared.
        base_events: Simulated events of a log. The log consists of copies of them for other customers.
        rounds: Turns of a rebuild.
        peer_events: Events that eventsourcing's runner projects.
        block: Commands per turn, each in its own transaction.
        blocks: Turns of such blocks.
        import_batches: Batches of 1,000 commands per turn.
        import_rounds: Turns of an import.
        stream_events: Events of the aggregate that is loaded.
        loads: Loads per turn.
        customers: Customers in the logs on which memory is measured.
        purchases: Purchases of each of them, in the shorter log.
        histories: The number of customers whose histories are read.
        recorded: Purchases of different customers that one process records.
        stored: Purchases in the logs whose size is compared.
        expiring: Lots of points that expire at once.
        baskets: Purchases of members that are recorded before the first question is asked.
    """

    events: int = 1_000_000
    fewer_events: int = 200_000
    base_events: int = 100_000
    rounds: int = 5
    peer_events: int = 3_000
    block: int = 100
    blocks: int = 20
    import_batches: int = 5
    import_rounds: int = 7
    stream_events: int = 1_000
    loads: int = 20
    customers: int = 3_000
    purchases: int = 40
    histories: int = 2_000
    recorded: int = 200_000
    stored: int = 80_000
    expiring: int = 150_000
    baskets: int = 160_000


NORMAL = Scale()
FULL = Scale(events=10_000_000, fewer_events=1_000_000, rounds=3, recorded=1_000_000)
SMALL = Scale(
    events=600,
    fewer_events=300,
    base_events=300,
    rounds=2,
    peer_events=50,
    block=5,
    blocks=2,
    import_batches=1,
    import_rounds=2,
    stream_events=30,
    loads=2,
    customers=20,
    purchases=5,
    histories=10,
    recorded=40,
    stored=40,
    expiring=40,
    baskets=40,
)


class Line(msgspec.Struct, kw_only=True, omit_defaults=False):
    """One measured comparison.

    Attributes:
        measurement: The name that `--only` takes.
        what: The work that was measured.
        against: The kind and name of the comparison: a limit, a peer, or the budget itself.
        unit: The unit of `ours` and `theirs`.
        ours: The engine's median.
        theirs: The other's median; None if there is no comparison.
        value: The figure that the budget limits: the median of the ratios of turns, or `ours` without a comparison.
        lowest: The lowest of the turns.
        highest: The highest.
        value_cpu: `value` by processor time; None if the work waits for a disk or another process.
        budget: The limit of `value`; None for a line that only explains.
        direction: The kind of budget: a floor or a ceiling.
        turns: The number of turns.
        note: An explanation for readers.
    """

    measurement: str
    what: str
    against: str
    unit: str
    ours: float
    theirs: float | None
    value: float
    lowest: float
    highest: float
    value_cpu: float | None = None
    budget: float | None = None
    direction: Direction = "at least"
    turns: int
    note: str = ""

    @property
    def met(self) -> bool | None:
        """True if the budget is kept; None without a budget."""
        if self.budget is None:
            return None
        return self.value >= self.budget if self.direction == "at least" else self.value <= self.budget


class Timing(NamedTuple):
    """The duration of some work, in seconds."""

    wall: float
    cpu: float


def timed(work: Work) -> Timing:
    """Run some work and return its duration. Garbage from earlier work is collected first."""
    gc.collect()
    wall, cpu = perf_counter(), process_time()
    work()
    return Timing(perf_counter() - wall, process_time() - cpu)


def alternate(contenders: Mapping[str, Work], turns: int) -> dict[str, list[Timing]]:
    """Run contenders in turns, every second turn in reverse order."""
    timings: dict[str, list[Timing]] = {name: [] for name in contenders}
    order = list(contenders)
    for _ in range(turns):
        for name in order:
            timings[name].append(timed(contenders[name]))
        order.reverse()
    return timings


def compared(
    measurement: str,
    what: str,
    against: str,
    ours: Sequence[Timing],
    theirs: Sequence[Timing],
    *,
    counts: tuple[float, float],
    unit: str = "events/s",
    budget: float | None = None,
    cpu: bool = True,
    note: str = "",
) -> Line:
    """Return the line that compares two speeds, turn by turn.

    Args:
        measurement: The measurement's name.
        what: The work that was measured.
        against: The name of the comparison.
        ours: The engine's turns.
        theirs: The other's turns.
        counts: The amount of work per turn.
        unit: The unit of the speeds.
        budget: The minimum ratio of ours to theirs.
        cpu: True if both spend their time on this process's processor.
        note: An explanation for readers.
    """
    ratios = [counts[0] / one.wall / (counts[1] / other.wall) for one, other in zip(ours, theirs, strict=True)]
    by_cpu = [counts[0] / one.cpu / (counts[1] / other.cpu) for one, other in zip(ours, theirs, strict=True)]
    return Line(
        measurement=measurement,
        what=what,
        against=against,
        unit=unit,
        ours=counts[0] / median(turn.wall for turn in ours),
        theirs=counts[1] / median(turn.wall for turn in theirs),
        value=median(ratios),
        lowest=min(ratios),
        highest=max(ratios),
        value_cpu=median(by_cpu) if cpu else None,
        budget=budget,
        turns=len(ratios),
        note=note,
    )


@dataclass
class Workspace:
    """A temporary folder and its logs, each created once per run.

    Attributes:
        scale: The sizes.
        directory: The folder.
        say: Called with a message about progress.
        made: The logs by their content.
    """

    scale: Scale
    directory: Path
    say: Callable[[str], None] = lambda _words: None
    made: dict[str, Path] = field(default_factory=dict)
    _number: int = 0

    def path(self, name: str) -> Path:
        """Return an unused path."""
        self._number += 1
        return self.directory / f"{self._number:02d}-{name}.db"

    def copy(self, path: Path, name: str) -> Path:
        """Return a copy of a closed database."""
        target = self.path(name)
        shutil.copyfile(path, target)
        return target

    def once(self, key: str, make: Callable[[Path], None]) -> Path:
        """Return the log that `make` fills, created on first use."""
        if key not in self.made:
            self.say(f"making {key}")
            path = self.path(key.replace(" ", "-").replace(",", ""))
            make(path)
            self.made[key] = path
        return self.made[key]


@contextmanager
def workspace(scale: Scale, say: Callable[[str], None] = lambda _words: None) -> Iterator[Workspace]:
    """Yield a workspace that is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="relations-bench-") as directory:
        yield Workspace(scale, Path(directory), say)
