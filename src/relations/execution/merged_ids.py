"""Commands to merged streams: the states of all ids that are one customer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from relations.decider import Merging
from relations.execution.states import State

__all__ = ["states_together"]


def states_together(
    merging: Merging[Any], customer: str, found: State, load: Callable[[str], State]
) -> dict[str, State]:
    """Return the states of all ids that are merged with this one, itself first and the others in order.

    Args:
        merging: How states name the ids that they are merged with.
        customer: The id.
        found: The id's version and state.
        load: Returns the version and state of another id.
    """
    together = {customer: found}
    open_ids = [customer]
    while open_ids:
        name = open_ids.pop()
        for other in merging.next_to(together[name][1]):
            if other in together:
                continue
            state = load(other)
            # One id alone can claim anything, so both have to name each other.
            if name in merging.next_to(state[1]):
                together[other] = state
                open_ids.append(other)
    return {customer: found} | {name: together[name] for name in sorted(together) if name != customer}
