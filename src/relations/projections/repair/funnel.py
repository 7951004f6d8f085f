"""How far complaints get on the way from the filing to a restored relation: a funnel."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict

from relations.projections.repair.relation_state import ComplaintHistory

__all__ = ["FunnelName", "FunnelStep", "repair_funnel"]

FunnelName: TypeAlias = Literal["filed", "acknowledged", "apologised", "carried_out", "resolved", "restored"]


class FunnelStep(BaseModel):
    """One step of the way.

    Attributes:
        step: Which. `acknowledged` is the first answer of any kind, `carried_out` a remedy, `restored` the customer's
            own evidence that the relation is whole again, whether or not it lasted.
        reached: How many complaints came to it or to a step behind it: never more than at the step before.
        taken: With how many of these it was really taken; the others went past it.
        share: Reached, by all complaints filed, from 0 to 1; None where there were none.
        onward: Reached, by those who reached the step before; None for the first, and where nobody did.
    """

    model_config = ConfigDict(frozen=True)

    step: FunnelName
    reached: int
    taken: int
    share: float | None
    onward: float | None


def repair_funnel(histories: Iterable[ComplaintHistory]) -> list[FunnelStep]:
    """How many complaints reached each step, the first one first. Duplicates are no complaints of their own.

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
        for step in steps[: 1 + max(steps.index(step) for step in done)]:
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


def _done(history: ComplaintHistory) -> set[FunnelName]:
    """What was done about a complaint in any of its rounds."""
    done: set[FunnelName] = {"filed"}
    for opened in history.rounds:
        if opened.answered_at is not None:
            done.add("acknowledged")
        if any(restored for _, restored, _ in opened.verdicts):
            done.add("restored")
        steps: tuple[FunnelName, ...] = ("apologised", "carried_out", "resolved")
        done.update(step for step in steps if step in opened.first)
    return done
