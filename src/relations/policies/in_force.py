"""The policies in force over time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple

from relations.policies.policy import Policy

__all__ = ["InForce", "Span"]

_BEGINNING = -(2**62)


class Span(NamedTuple):
    """A period in which one policy is in force.

    Attributes:
        since: Its first moment, UTC microseconds; None is the beginning of time.
        until: The first moment after it, UTC microseconds; None if it does not end.
        policy: The policy.
    """

    since: int | None
    until: int | None
    policy: Policy


@cache
def _default() -> Policy:
    return Policy()


class InForce:
    """All adopted policies, and when each is in force.

    At any moment the policy in force is the last adopted one that is effective by then. Before the first takes effect,
    it is the first. If none was adopted, it is the default.

    Args:
        adopted: Policies in the order of adoption, each with `effective_from`.

    Attributes:
        adopted: The same.
        spans: Consecutive periods that cover all time; neighbours have different policies.
    """

    __slots__ = ("_starts", "adopted", "spans")

    def __init__(self, adopted: Iterable[Policy] = ()) -> None:
        self.adopted = tuple(adopted)
        starts = sorted({each.effective_from for each in self.adopted if each.effective_from is not None})
        found: list[tuple[int | None, Policy]] = []
        for start in (None, *starts):
            policy = self._chosen(start)
            if not found or found[-1][1] is not policy:
                found.append((start, policy))
        ends = [since for since, _ in found[1:]]
        pairs = zip(found, [*ends, None], strict=True)
        self.spans = tuple(Span(since, until, policy) for (since, policy), until in pairs)
        self._starts = [_BEGINNING if span.since is None else span.since for span in self.spans]

    def _chosen(self, at: int | None) -> Policy:
        for policy in reversed(self.adopted):
            if policy.effective_from is None or (at is not None and policy.effective_from <= at):
                return policy
        return self.adopted[0] if self.adopted else _default()

    def at(self, moment: int) -> Policy:
        """Return the policy in force at a moment in UTC microseconds."""
        spans = self.spans
        return spans[0].policy if len(spans) == 1 else spans[bisect_right(self._starts, moment) - 1].policy

    def until(self, moment: int | None) -> Iterator[Span]:
        """Yield the spans that begin by a moment, in order. The last one ends there. For None, yield all of them."""
        for span in self.spans:
            if moment is None:
                yield span
            elif span.since is None or span.since <= moment:
                end = moment + 1 if span.until is None else min(span.until, moment + 1)
                yield span._replace(until=end)
