"""Progress bars with rate and time left, on stderr, and only on a terminal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from relations.cli.screen import Screen

__all__ = ["ProgressBar", "progress_bar"]

_PAUSE_SECONDS = 0.1


class _Rate(ProgressColumn):
    """The rate, in units a second."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        rate = task.fields["rate"]
        return Text(f"{rate:,.0f} {self._unit}/s" if rate else "", style="cyan")


class _TimeLeft(ProgressColumn):
    """The time left, or the time taken once the work is done."""

    def render(self, task: Task) -> Text:
        if task.finished:
            return Text(f"{task.finished_time or 0:.1f} s", style="dim")
        left = task.time_remaining
        return Text("" if left is None else f"{left // 60:.0f}:{left % 60:02.0f} left", style="dim")


class ProgressBar:
    """One progress bar."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.tasks[0].id
        self._shown = 0.0
        self.begun = time.monotonic()

    def show(self, done: float, total: float | None = None, note: str = "", rate: float | None = None) -> None:
        """Show the progress.

        Args:
            done: The amount that is done.
            total: The whole amount, if it was not known before.
            note: A few words after the bar, such as the number of rejected rows.
            rate: Units per second, if it is not the speed of `done`.
        """
        if rate is None and self.seconds > 0:
            rate = done / self.seconds
        self._progress.update(self._task, completed=done, total=total, note=note, rate=rate)
        now = time.monotonic()
        if now - self._shown >= _PAUSE_SECONDS:
            self._shown = now
            self._progress.refresh()

    @property
    def seconds(self) -> float:
        """The seconds since the start."""
        return time.monotonic() - self.begun


@contextmanager
def progress_bar(
    screen: Screen, what: str, *, total: float | None = None, unit: str = "events"
) -> Iterator[ProgressBar]:
    """Show a progress bar on stderr while the body runs, if stderr is a terminal.

    Args:
        screen: The screen whose stderr is used.
        what: The work, in a word or two.
        total: The whole amount, if it is known.
        unit: The unit of the rate.
    """
    # No thread refreshes the bar, so that a rebuild in several processes can fork, which starts fastest.
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=18),
        TextColumn("{task.percentage:>3.0f}%"),
        _Rate(unit),
        _TimeLeft(),
        TextColumn("{task.fields[note]}", style="yellow"),
        console=screen.err,
        auto_refresh=False,
        disable=not screen.err.is_terminal,
    )
    progress.add_task(what, total=total, note="", rate=None)
    with progress:
        yield ProgressBar(progress)
        progress.refresh()
