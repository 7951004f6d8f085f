"""Consents of one person under several merged ids.

A merge must not cause anybody to receive more messages than they asked for. So consents recorded under separate ids
before the merge are combined strictly. A consent withdrawn under one id counts as withdrawn, even if it was given later
under another. After the merge, the newest statement holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Change", "Merge", "Word", "order", "said_as_one", "standing_at"]

Change = tuple[int, str | None]
"""A business time in UTC microseconds, and the basis of the consent from then on; None: withdrawn."""
Merge = tuple[int, str, str]
"""The business time of a merge, the merged id and the surviving one."""
Word = tuple[int, Change]
"""A moment, and the change that holds from it on. The moment is later if another id's change overrode it at first."""


def order(change: Change) -> tuple[int, bool, str]:
    """Return the sort key of a change. At the same instant a withdrawal sorts last, so it holds."""
    return change[0], change[1] is None, change[1] or ""


def standing_at(words: Iterable[Word], moment: int) -> Change | None:
    """Return the change that holds at a moment, or None if there was none by then."""
    found = None
    for since, change in words:
        if since > moment:
            break
        found = change
    return found


def said_as_one(said: Mapping[str, Sequence[Change]], merges: Iterable[Merge]) -> list[Word]:
    """Return one person's changes of a consent, in order, from the changes of each of their ids.

    Args:
        said: The changes of each id, in order of business time.
        merges: The merges of these ids. Ids that no merge joins are combined strictly.
    """
    if len(said) == 1:
        return [(change[0], change) for changes in said.values() for change in changes]
    group = {name: name for name in said}
    words = {name: [(change[0], change) for change in changes] for name, changes in said.items()}

    def root(name: str) -> str:
        while group.setdefault(name, name) != name:
            name = group[name]
        return name

    for at, one, other in sorted(merges):
        first, second = root(one), root(other)
        if first != second:
            words[second] = _joined(words.get(second, []), words.pop(first, []), at)
            group[first] = second
    together: list[Word] = []
    for name in sorted(words):
        together = _joined(together, words[name], None)
    return together


def _joined(one: list[Word], other: list[Word], at: int | None) -> list[Word]:
    if not one or not other:
        return one or other
    words = sorted([*one, *other], key=lambda word: (word[0], order(word[1])))
    moments = sorted({since for since, _ in words if at is None or since <= at})
    before = [(moment, _strictest(standing_at(one, moment), standing_at(other, moment))) for moment in moments]
    after = [] if at is None else [word for word in words if word[0] > at]
    return before + after


def _strictest(one: Change | None, other: Change | None) -> Change:
    last = [change for change in (one, other) if change is not None]
    return max([change for change in last if change[1] is None] or last, key=order)
