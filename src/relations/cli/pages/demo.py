"""The summary of a demo: one screen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from rich.console import RenderableType
from rich.text import Text

from relations.cli.pages.report.board import show_figures
from relations.cli.show import counted, headline, number, section
from relations.engine import BatchReport, Relations
from relations.policies.indicators import INDICATORS

__all__ = ["DemoOutcome", "show"]

_INDICATORS = 8
"""The number of indicators on the one screen; `relations report board` shows all of them."""


class DemoOutcome(NamedTuple):
    """The result of recording the simulated commands.

    Attributes:
        report: The outcome of the commands.
        time: The outcome of the commands that fell due.
        ended_at: The end of the simulated history.
        seconds: The time that recording took.
        rebuild_seconds: The time that rebuilding the views took.
    """

    report: BatchReport
    time: BatchReport
    ended_at: datetime
    seconds: float
    rebuild_seconds: float


def show(engine: Relations, outcome: DemoOutcome, *, written: str | None, database: str) -> Iterator[RenderableType]:
    """Yield the parts of the summary.

    Args:
        engine: The engine that holds the demo.
        outcome: The result of recording it.
        written: The page with charts, if there is one.
        database: The database as it is written on a command line.
    """
    report, status = outcome.report, engine.status()
    rate = report.commands / outcome.seconds if outcome.seconds > 0 else 0
    refused = Counter(rejection.error.code for rejection in report.rejections)
    kinds = ", ".join(f"{number(count)} {code}" for code, count in refused.most_common(2))
    more = ", …" if len(refused) > 2 else ""
    yield headline("A hotel group, two years", f"simulated, to {outcome.ended_at:%Y-%m-%d}")
    commands, events = counted(report.commands, "command"), counted(report.events, "event")
    repeated, logged = counted(report.repeated, "was", "were"), counted(status.position, "event")
    found = engine.views.board.figures(as_of=outcome.ended_at, indicators=list(INDICATORS)[:_INDICATORS])
    yield section(*show_figures([figure for figure in found if not figure.scope]))
    yield section(
        Text(f"{commands} gave {events} ({number(rate)} commands/s)."),
        Text(f"{repeated} sent twice and recorded once; {number(len(report.rejections))} refused"
             + (f" ({kinds}{more})." if kinds else ".")),
        Text(f"{logged} in the log; the views were rebuilt in {outcome.rebuild_seconds:.1f} s."),
    )  # fmt: skip
    yield headline("To look further")
    examples = {
        f"relations report -d {database}": "all views in the terminal",
        f"relations customer g000001 -d {database}": "the file of one guest",
        f"relations recommend g000001 -d {database}": "products for that guest, each with the reason",
        f"relations complaints -d {database}": "the complaints that need work",
        f"relations care due -d {database}": "the guests to contact now",
        f"relations verify -d {database}": "prove that nothing was changed",
    }
    width = max(map(len, examples))
    for command, what in examples.items():  # commands and paths can be copied in one piece, however long they are
        yield Text.assemble(f"  {command:<{width}}  ", (what, "dim"), no_wrap=True)
    yield Text()
    if written is not None:
        yield Text.assemble(("The page with charts: ", "bold"), written, no_wrap=True)
    else:
        yield Text(f"For a page with charts: relations report --html FILE -d {database}, after pip install '.[report]'")
