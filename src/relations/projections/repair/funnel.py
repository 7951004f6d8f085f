"""The funnel of complaints, from the filing to a restored relation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias, get_args

from relations.json_form import ViewAnswer
from relations.projections.repair.relation_state import ComplaintHistory

__all__ = ["FunnelName", "FunnelStep", "repair_funnel", "steps_reached"]

FunnelName: TypeAlias = Literal["filed", "acknowledged", "apologised", "carried_out", "resolved", "restored"]


class FunnelStep(ViewAnswer):
    """One step of the funnel.

    Attributes:
        step: The step. `acknowledged` is the first answer of any kind, and `carried_out` a remedy. `restored` is the
            customer's own evidence that the relation is restored, whether or not it lasted.
        reached: The number of complaints that reached it or a later step: never more than at the step before.
        taken: The number of these in which it was taken; the others skipped it.
        share: `reached` divided by all complaints filed, from 0 to 1; None if there were none.
        onward: `reached` divided by that of the step before; None for the first step, or if none reached it.
    """

    step: FunnelName
    reached: int
    taken: int
    share: float | None
    onward: float | None


def repair_funnel(histories: Iterable[ComplaintHistory]) -> list[FunnelStep]:
    """Return the number of complaints that reached each step, in order, without duplicates.

    Args:
        histories: The complaints, as of a moment.
    """
    steps = get_args(FunnelName)
    taken = dict.fromkeys(steps, 0)
    reached = dict.fromkeys(steps, 0)
    for history in histories:
        if history.is_merged:
            continue
        done = _done(history)
        for step in done:
            taken[step] += 1
        for step in _up_to_last(done):
            reached[step] += 1
    filed = reached["filed"]
    before = (None, *(reached[step] for step in steps))
    return [
        FunnelStep(
            step=step,
            reached=reached[step],
            taken=taken[step],
            share=reached[step] / filed if filed else None,
            onward=reached[step] / earlier if earlier else None,
        )
        for step, earlier in zip(steps, before, strict=False)
    ]


def steps_reached(history: ComplaintHistory) -> tuple[FunnelName, ...]:
    """Return the steps that a complaint reached, with those that it skipped."""
    return _up_to_last(_done(history))


def _up_to_last(done: set[FunnelName]) -> tuple[FunnelName, ...]:
    steps = get_args(FunnelName)
    return steps[: 1 + max(steps.index(step) for step in done)]


def _done(history: ComplaintHistory) -> set[FunnelName]:
    """Return the steps taken in any round of a complaint."""
    done: set[FunnelName] = {"filed"}
    for opened in history.rounds:
        if opened.answered_at is not None:
            done.add("acknowledged")
        if any(restored for _, restored, _ in opened.verdicts):
            done.add("restored")
        steps: tuple[FunnelName, ...] = ("apologised", "carried_out", "resolved")
        done.update(step for step in steps if step in opened.first)
    return done
