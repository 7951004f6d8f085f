"""`relations score`: customers' words, scored once by models that say how favourable they are."""

from __future__ import annotations

from typing import Annotated

import typer

from relations.cli.exits import ExitCode
from relations.cli.options import Database, Json, MasterKeyFile, Verbose, open_engine
from relations.cli.progress import progress_bar
from relations.cli.screen import Screen, running
from relations.cli.show import headline, number, section, table, words
from relations.sentiment import SCORERS, ScoringReport, score_feedback, scorers_named

__all__ = ["score_command"]

_SAFE = "Every score that was recorded stays. Run the same command again: it goes on where it stopped."


def score_command(
    database: Database,
    scorer: Annotated[
        list[str] | None,
        typer.Option("--scorer", "-s", metavar="NAME", help=f"Which scorers: {', '.join(SCORERS)}. All by default."),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(metavar="TAG", help="The language of those who say none, such as en or zh."),
    ] = None,
    processes: Annotated[int, typer.Option("--processes", "-p", min=1, max=64, help="Score in so many processes.")] = 1,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Score how favourable customers' words are, and record it: English by VADER, Chinese by SnowNLP.

    Each answer is scored once by each version of a scorer that reads its language; run again, only new ones are. What a
    scorer said stays in the log, so no replay asks it again. An answer that does not say its language is in the
    customer's own. Words of erased customers are gone and are left out. Needs the extra `sentiment`.
    """
    with running(json=json, verbose=verbose, safe=_SAFE) as screen:
        chosen = scorers_named(scorer or SCORERS)
        with (
            open_engine(database, master_key_file) as engine,
            progress_bar(screen, "Scoring", total=engine.status().position) as bar,
        ):
            report = score_feedback(
                engine,
                chosen,
                language=language,
                processes=processes,
                on_progress=lambda report, until: bar.show(report.position, until, _note(report)),
            )
            seconds = bar.seconds
        screen.result(report, lambda screen: _show(screen, report, seconds))
        if report.rejections:
            raise typer.Exit(ExitCode.REJECTED)


def _note(report: ScoringReport) -> str:
    return f"{number(sum(each.scored for each in report.scorers))} scored"


def _show(screen: Screen, report: ScoringReport, seconds: float) -> None:
    made = table("Scorer", "Version", "Scored now", "Scored before", "Refused", right=(2, 3, 4))
    for each in report.scorers:
        made.add_row(each.scorer, each.version, number(each.scored), number(each.known), number(each.refused))
    screen.print(headline(f"{number(report.answers)} answers with words", f"in {seconds:.1f} s"), section(made))
    left = [
        (
            report.unread,
            "in a language that no scorer reads, or in one that nobody says (--language says it for those)",
        ),
        (report.erased, "of erased customers, whose words are gone"),
    ]
    for count, which in left:
        if count:
            screen.print(words(f"Left out: {number(count)} {which}."))
    for rejection in report.rejections[:5]:
        screen.print(words(str(rejection.error)))
