"""What all measurements share: sizes, timing in turns, and the lines that come out.

A machine drifts: its disk, its clock rate, its neighbours. So contenders never run one after the other but in turns,
forwards and backwards (A B C, C B A, …), and what is compared is each turn with its own neighbours; of the ratios the
median counts. Times on the wall decide; the processor's time is kept beside them wherever no disk is waited for, to
tell a slow engine from a busy machine.
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
    """How much is measured.

    Attributes:
        events: Events of the large log.
        fewer_events: Events of the log that the large one is compared with, for the time an event.
        base_events: Events simulated for a log; the log is made of copies of them, each of other customers.
        rounds: Turns of a rebuild.
        peer_events: Events that eventsourcing's runner projects.
        block: Commands a turn, where each is a transaction.
        blocks: Turns of such blocks.
        import_batches: Batches of 1,000 commands a turn.
        import_rounds: Turns of an import.
        stream_events: Events of the aggregate that is loaded.
        loads: How often it is loaded a turn.
        customers: Customers of the logs that memory is measured on.
        purchases: How often each of them bought, in the shorter of the logs.
        histories: How many customers' histories are asked for.
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


NORMAL = Scale()
FULL = Scale(events=10_000_000, fewer_events=1_000_000, rounds=3)
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
)


class Line(msgspec.Struct, kw_only=True, omit_defaults=False):
    """One measured comparison.

    Attributes:
        measurement: The name that `--only` takes.
        what: What was measured.
        against: What it is compared with, and what kind of thing that is: a limit, a peer, the budget itself.
        unit: The unit of `ours` and `theirs`.
        ours: The engine's median.
        theirs: The other's median; None where a figure stands alone.
        value: What the budget speaks of: the median of the ratios turn by turn, or `ours` where it stands alone.
        lowest: The lowest of the turns.
        highest: The highest.
        value_cpu: The same as `value` by the processor's time; None where a disk or another process is waited for.
        budget: What `value` has to be; None for a line that only explains.
        direction: Whether the budget is a floor or a ceiling.
        turns: How many turns there were.
        note: What has to be known to read it.
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
        """Whether the budget is kept; None without one."""
        if self.budget is None:
            return None
        return self.value >= self.budget if self.direction == "at least" else self.value <= self.budget


class Timing(NamedTuple):
    """How long something took, in seconds."""

    wall: float
    cpu: float


def timed(work: Work) -> Timing:
    """Do it and say how long it took. What earlier work left behind is collected first."""
    gc.collect()
    wall, cpu = perf_counter(), process_time()
    work()
    return Timing(perf_counter() - wall, process_time() - cpu)


def alternate(contenders: Mapping[str, Work], turns: int) -> dict[str, list[Timing]]:
    """Let contenders work in turns, every second turn in reverse order."""
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
    """The line that compares two speeds, turn by turn.

    Args:
        measurement: Its name.
        what: What was measured.
        against: With what it is compared.
        ours: The engine's turns.
        theirs: The other's turns.
        counts: How much either did in a turn.
        unit: Of the speeds.
        budget: The least ratio of ours to theirs.
        cpu: Whether both spend their time on this process's processor.
        note: What has to be known.
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
    """A temporary folder, and the logs made in it, each once a run.

    Attributes:
        scale: How much is measured.
        directory: The folder.
        say: Told what is being done.
        made: Logs by what they hold.
    """

    scale: Scale
    directory: Path
    say: Callable[[str], None] = lambda _words: None
    made: dict[str, Path] = field(default_factory=dict)
    _number: int = 0

    def path(self, name: str) -> Path:
        """A path nobody has used yet."""
        self._number += 1
        return self.directory / f"{self._number:02d}-{name}.db"

    def copy(self, path: Path, name: str) -> Path:
        """A copy of a closed database."""
        target = self.path(name)
        shutil.copyfile(path, target)
        return target

    def once(self, key: str, make: Callable[[Path], None]) -> Path:
        """The log that `make` fills, made on first use."""
        if key not in self.made:
            self.say(f"making {key}")
            path = self.path(key.replace(" ", "-").replace(",", ""))
            make(path)
            self.made[key] = path
        return self.made[key]


@contextmanager
def workspace(scale: Scale, say: Callable[[str], None] = lambda _words: None) -> Iterator[Workspace]:
    """A workspace that is gone at the end."""
    with tempfile.TemporaryDirectory(prefix="relations-bench-") as directory:
        yield Workspace(scale, Path(directory), say)
