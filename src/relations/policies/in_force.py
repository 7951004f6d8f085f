"""Which policy is in force when."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from relations.policies.policy import Policy

__all__ = ["InForce", "Span"]

_BEGINNING = -(2**62)


class Span(NamedTuple):
    """A time in which one policy is in force.

    Attributes:
        since: Its first moment, UTC microseconds; None is the beginning of time.
        until: The first moment after it; None is never.
        policy: The policy.
    """

    since: int | None
    until: int | None
    policy: Policy


class InForce:
    """Every policy that was adopted, and when each is in force.

    For a moment it is the last adopted of those that are effective by then. Before any of them is, it is the first one,
    and where none was adopted the default.

    Args:
        adopted: Policies in the order of adoption, each with `effective_from`.

    Attributes:
        adopted: The same.
        spans: The whole of time, each with its policy; neighbours differ.
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
        return self.adopted[0] if self.adopted else Policy()

    def at(self, moment: int) -> Policy:
        """The policy in force at a moment, UTC microseconds."""
        spans = self.spans
        return spans[0].policy if len(spans) == 1 else spans[bisect_right(self._starts, moment) - 1].policy

    def until(self, moment: int | None) -> Iterator[Span]:
        """The spans that begin by a moment, in their order, the last one cut off behind it; all of them for None."""
        for span in self.spans:
            if moment is None:
                yield span
            elif span.since is None or span.since <= moment:
                end = moment + 1 if span.until is None else min(span.until, moment + 1)
                yield span._replace(until=end)
