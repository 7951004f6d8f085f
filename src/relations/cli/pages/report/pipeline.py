"""The terminal page of the pipeline: open opportunities by stage, results, losses, and contracts that end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from rich.console import RenderableType

from relations.cli.show import ABSENT, headline, number, percent, section, table, words
from relations.messages import Money
from relations.projections.pipeline import (
    ContractProfile,
    LossFigure,
    PipelineResult,
    RivalObservation,
    RivalProfile,
    StageFigure,
)

__all__ = ["show_pipeline"]

_DAY = timedelta(days=1)


def show_pipeline(
    stages: Sequence[StageFigure],
    results: Sequence[PipelineResult],
    losses: Sequence[LossFigure],
    contracts: Sequence[ContractProfile],
    rivals: Sequence[RivalProfile],
    *,
    days: int,
    limit: int,
) -> Iterator[RenderableType]:
    """Yield the parts of the page.

    Args:
        stages: The open opportunities by stage.
        results: Those that were decided: all together, or in groups.
        losses: Those that were lost, by reason.
        contracts: The contracts that end soon.
        rivals: The rivals, with the last that was observed of each.
        days: How far ahead they end.
        limit: The most lines of each table.
    """
    weighted = Money(round(sum(each.weighted for each in stages)), stages[0].currency)
    opened = sum(each.opportunities for each in stages)
    yield headline("Pipeline", f"{opened} open, worth {weighted} by their chances")
    made = table("Stage", "Chance", "Open", "Late", "Value", "Weighted", "Since", right=tuple(range(1, 7)), grow=0)
    for each in stages:
        made.add_row(
            each.stage, percent(each.chance), number(each.opportunities), number(each.late),
            _money(each.value, each.currency), _money(round(each.weighted), each.currency), _days(each.median_time),
        )  # fmt: skip
    yield section(made)
    if any(each.won or each.lost for each in results):
        listed = table("", "Won", "Lost", "Rate", "95 %", "Contracts", "Time", right=(1, 2, 3, 5, 6), grow=0)
        for result in results[:limit]:
            ends = result.interval
            listed.add_row(
                result.name or ("all" if len(results) == 1 else "without"), number(result.won), number(result.lost),
                percent(result.win_rate),
                "" if ends is None else f"{percent(ends.low)} to {percent(ends.high)}",
                _money(result.amount, result.currency), _days(result.time_to_win),
            )  # fmt: skip
        yield section(words("Won and lost"), listed)
    if losses:
        lost = table("Lost", "Number", "Share", "Value", "Our price over theirs", right=(1, 2, 3, 4), grow=0)
        for loss in losses[:limit]:
            gap = ABSENT if loss.price_gap is None else f"{100 * loss.price_gap:+.0f} % of {loss.priced}"
            lost.add_row(
                loss.name or "without", number(loss.lost), percent(loss.share), _money(loss.value, loss.currency), gap
            )
        yield section(lost)
    if rivals:
        observed = table(
            "Rival", "Lost to it", "Seen", "About", "Theirs", "Ours", "Ours over theirs", right=(1, 4, 5, 6)
        )
        for rival in rivals[:limit]:
            for place, one in enumerate(rival.observations or (None,)):
                begins = ("", "") if place else (rival.rival, number(rival.lost))
                observed.add_row(*begins, *_seen(one))
        yield section(observed)
    if not contracts:
        yield section(words(f"No contract ends within {days} days."))
        return
    ending = table("Contract", "Customer", "About", "Amount", "Ends", "Days", "Owner", right=(3, 5), grow=2)
    for contract in contracts[:limit]:
        ending.add_row(
            contract.contract, contract.customer, contract.what,
            ABSENT if contract.amount is None else str(contract.amount), f"{contract.ends or ABSENT}",
            number(contract.days_left), contract.owner or ABSENT,
        )  # fmt: skip
    yield section(words(f"Contracts that end within {days} days"), ending)


def _seen(each: RivalObservation | None) -> tuple[str, str, str, str, str]:
    if each is None:
        return ABSENT, ABSENT, ABSENT, ABSENT, ABSENT
    theirs = each.words or ABSENT
    if each.price is not None:
        theirs = str(each.price)
    elif each.value is not None:
        theirs = percent(each.value) if each.kind == "share" else f"{each.value:g}"
    ours = (
        ABSENT if each.own_price is None or each.price is None else _money(round(each.own_price), each.price.currency)
    )
    return each.kind, each.about, theirs, ours, ABSENT if each.gap is None else f"{100 * each.gap:+.0f} %"


def _money(amount: int, currency: str) -> str:
    return str(Money(amount, currency))


def _days(time: timedelta | None) -> str:
    return ABSENT if time is None else f"{time / _DAY:.0f} d"
