"""Commands to streams that are one thing under several ids: which of them decides, and on what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from relations.decider import Merging
from relations.execution.states import State

__all__ = ["states_together"]


def states_together(
    merging: Merging[Any], customer: str, found: State, load: Callable[[str], State]
) -> dict[str, State]:
    """The states of all ids that are one with this one: itself first, the others in order.

    Args:
        merging: What states say of each other.
        customer: The id.
        found: Its version and state.
        load: The version and state of another id.
    """
    together = {customer: found}
    open_ids = [customer]
    while open_ids:
        name = open_ids.pop()
        for other in merging.next_to(together[name][1]):
            if other in together:
                continue
            state = load(other)
            # An id that says that it took another in proves nothing; the other one has to say so too.
            if name in merging.next_to(state[1]):
                together[other] = state
                open_ids.append(other)
    return {customer: found} | {name: together[name] for name in sorted(together) if name != customer}
