"""Consents of one person under several ids.

A merge is found by chance, and must not cause anybody to hear more than they asked for. So what the ids said apart
before the merge is combined strictly: whoever withdrew a consent under one id has withdrawn it, even if they gave it
later under another. What is said after the merge is said by one person, and the newest word holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Change", "Merge", "Word", "order", "said_as_one", "standing_at"]

Change = tuple[int, str | None]
"""A basis from a business time on, in UTC microseconds; None: withdrawn."""
Merge = tuple[int, str, str]
"""The business time of a merge, the merged id and the surviving one."""
Word = tuple[int, Change]
"""The change that holds from a moment on; the moment is later where another id's change stopped hiding it."""


def order(change: Change) -> tuple[int, bool, str]:
    """Return the sort key of a change: at one instant, a withdrawal comes last and so holds."""
    return change[0], change[1] is None, change[1] or ""


def standing_at(words: Iterable[Word], moment: int) -> Change | None:
    """Return the change that holds at a moment; None where nothing was said by then."""
    found = None
    for since, change in words:
        if since > moment:
            break
        found = change
    return found


def said_as_one(said: Mapping[str, Sequence[Change]], merges: Iterable[Merge]) -> list[Word]:
    """Return what one person said of a consent, in order, from what each of their ids said.

    Args:
        said: The changes of each id, in order of business time.
        merges: The merges that made the ids one person. Ids that no merge joins are combined strictly.
    """
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
