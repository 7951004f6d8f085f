"""Measurement of fitting models of customer value to all of CDNOW, against the package `lifetimes`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from statistics import median
from typing import Any

from benchmarks.cdnow import MASTER, SAMPLE, data_file, read, statistics
from benchmarks.harness import SMALL, Line, Timing, Work, Workspace, alternate
from benchmarks.lifetimes_peer import REQUIREMENT, LifetimesPeer, peer_python, running_lifetimes
from relations.analytics import BuyingModel, RepeatStatistics, SpendingModel, fit_buying, fit_spending

NAME = "value"
ABOUT = "fitting BG/NBD, MBG/NBD and Gamma-Gamma to 23,570 customers, against lifetimes"

_TITLES = {"bg_nbd": "BG/NBD", "mbg_nbd": "MBG/NBD", "gamma_gamma": "Gamma-Gamma"}
_BUDGET_SECONDS = 3.0
_TURNS, _FEWER_TURNS = 7, 2


def measure(workspace: Workspace) -> list[Line]:
    """Return the lines of this measurement."""
    small = workspace.scale == SMALL
    try:
        path = data_file(SAMPLE if small else MASTER)
    except FileNotFoundError as error:
        workspace.say(f"left out: {error}")
        return []
    customers = statistics(read(path))
    ours: dict[str, Any] = {
        "bg_nbd": partial(fit_buying, customers),
        "mbg_nbd": partial(fit_buying, customers, model="mbg_nbd"),
        "gamma_gamma": partial(fit_spending, customers),
    }
    workspace.say("fitting models of customer value")
    python = peer_python(workspace.directory, install=not small)
    with ExitStack() as stack:
        peer = stack.enter_context(running_lifetimes(python, customers)) if python else None
        works: dict[str, Work] = dict(ours)
        if peer is not None:
            works |= {f"peer {name}": partial(peer.fit, name) for name in ours}
        for work in works.values():
            work()  # what is imported or made on first use is no part of a fit
        times = alternate(works, _FEWER_TURNS if small else _TURNS)
        notes = {name: _agreement(work(), name, peer) for name, work in ours.items()}
    return [_line(_TITLES[name], customers, times[name], times.get(f"peer {name}"), notes[name]) for name in ours] + [
        _within_budget(customers, [times[name] for name in ours])
    ]


def _line(
    title: str, customers: Sequence[RepeatStatistics], ours: list[Timing], theirs: list[Timing] | None, note: str
) -> Line:
    turns = [one.wall for one in ours]
    ratios = [other.wall / one for one, other in zip(turns, theirs, strict=True)] if theirs else turns
    return Line(
        measurement=NAME,
        what=f"fit of {title} to {len(customers):,} customers",
        against=f"peer: {REQUIREMENT}" if theirs else f"nothing: {REQUIREMENT} could not be had",
        unit="s",
        ours=median(turns),
        theirs=median(turn.wall for turn in theirs) if theirs else None,
        value=median(ratios),
        lowest=min(ratios),
        highest=max(ratios),
        turns=len(ratios),
        note=note,
    )


def _within_budget(customers: Sequence[RepeatStatistics], times: Sequence[list[Timing]]) -> Line:
    sums = [sum(turn.wall for turn in together) for together in zip(*times, strict=True)]
    return Line(
        measurement=NAME,
        what=f"all three fits, {len(customers):,} customers",
        against="the budget itself",
        unit="s",
        ours=median(sums),
        theirs=None,
        value=median(sums),
        lowest=min(sums),
        highest=max(sums),
        budget=_BUDGET_SECONDS,
        direction="at most",
        turns=len(sums),
    )


def _agreement(fitted: BuyingModel | SpendingModel, name: str, peer: LifetimesPeer | None) -> str:
    """Both fits' parameters in weeks and dollars: a fast answer that is another one would be worth nothing."""
    if isinstance(fitted, BuyingModel):
        found = {"r": fitted.r, "alpha": fitted.alpha_days / 7, "a": fitted.a, "b": fitted.b}
    else:
        found = {"p": fitted.p, "q": fitted.q, "v": fitted.v / 100}
    ours = ", ".join(f"{parameter} {value:.4f}" for parameter, value in found.items())
    if peer is None:
        return ours
    known = peer.fit(name)
    return f"{ours}; lifetimes {peer.version}: " + ", ".join(
        f"{parameter} {known[parameter]:.4f}" for parameter in found
    )
