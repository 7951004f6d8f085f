"""`relations score`: customers' words scored by sentiment models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from relations.cli.exits import ExitCode
from relations.cli.options import Database, Json, MasterKeyFile, Verbose, open_engine
from relations.cli.screen import Screen, running

if TYPE_CHECKING:
    from relations.sentiment import ScoringReport

__all__ = ["score_command"]

_SAFE = "Every recorded score is kept. Run the same command again to continue."


def score_command(
    database: Database,
    scorer: Annotated[
        list[str] | None,
        typer.Option(
            "--scorer",
            "-s",
            metavar="NAME",
            help="Use this scorer: vader or snownlp; repeat it for more. Default: all.",
        ),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(metavar="TAG", help="Assume this language for words without a known one, such as en or zh."),
    ] = None,
    processes: Annotated[
        int, typer.Option("--processes", "-p", min=1, max=64, help="Score in this many processes.")
    ] = 1,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Score how favourable customers' words are, and record the scores: English with VADER, Chinese with SnowNLP.

    Each version of a scorer scores an answer once, if it reads the answer's language; a second run scores only new
    answers. Scores stay in the log, so no replay needs a model. An answer without a language has the customer's
    language. Words of erased customers are gone and are left out. Needs the extra `sentiment`.
    """
    with running(json=json, verbose=verbose, safe=_SAFE) as screen:
        from relations.cli.progress import progress_bar
        from relations.sentiment import SCORERS, score_feedback, scorers_named

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
    from relations.cli.show import number

    return f"{number(sum(each.scored for each in report.scorers))} scored"


def _show(screen: Screen, report: ScoringReport, seconds: float) -> None:
    from relations.cli.show import counted, headline, number, section, table, words

    made = table("Scorer", "Version", "Scored now", "Scored before", "Refused", right=(2, 3, 4))
    for each in report.scorers:
        made.add_row(each.scorer, each.version, number(each.scored), number(each.known), number(each.refused))
    screen.print(headline(f"{counted(report.answers, 'answer')} with words", f"in {seconds:.1f} s"), section(made))
    left = [
        (
            report.unread,
            "in a language that no scorer reads, or in an unknown language (give --language for those)",
        ),
        (report.erased, "of erased customers, whose words are gone"),
    ]
    for count, which in left:
        if count:
            screen.print(words(f"Left out: {number(count)} {which}."))
    for rejection in report.rejections[:5]:
        screen.print(words(str(rejection.error)))
