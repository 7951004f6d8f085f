"""Differences between two states of views: two moments of a log, two databases, or what happened and what if."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from relations.errors import InvalidInput
from relations.messages import RecordedEvent
from relations.past.explaining import RowsExplanation, rows_explained
from relations.past.questions import Questions
from relations.projections.projection import CustomerRow, Row
from relations.projections.view import View

__all__ = ["DifferenceFinder", "RowDifference", "applied"]

Key = tuple[Any, ...]
_ACCOUNTS_MAX = 100
Rows = dict[tuple[str, str, Key], dict[str, Any]]
"""By view, class of row and key, the values of the columns."""
_SEALED = "sealed:"
_HIDDEN = "[sealed]"


class RowDifference(msgspec.Struct, frozen=True):
    """A row that differs.

    Attributes:
        view: The name of the view.
        table: The class of the row.
        key: The row's key; it begins with the customer, unless the row is a tally.
        customer: The customer that the row belongs to; None for a tally.
        before: The columns before; None where there was no such row.
        after: The columns after; None where there is no such row.
    """

    view: str
    table: str
    key: Key
    customer: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None

    @property
    def columns(self) -> tuple[tuple[str, Any, Any], ...]:
        """Each column that differs, with its value before and after."""
        before, after = self.before or {}, self.after or {}
        names = dict.fromkeys((*before, *after))
        return tuple((name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name))


class DifferenceFinder:
    """A comparison of the same views in two states.

    Two logs seal the same personal words differently, each with its own keys. So between two logs, sealed words read
    `[sealed]` and are not compared.

    Args:
        before: The one state: an engine, or a past.
        after: The other, of the same or of another database.

    Raises:
        InvalidInput: They have no view in common.
    """

    def __init__(self, before: Questions, after: Questions) -> None:
        self._before, self._after = before, after
        self._hides = before.log.id != after.log.id
        self.views = [name for name in vars(before.views) if name in vars(after.views)]
        self._accounts: dict[tuple[bool, str, str], RowsExplanation | None] = {}
        if not self.views:
            raise InvalidInput("the two engines have no view in common", code="unknown_view", field="views")

    def rows(self, views: Iterable[str] | None = None) -> Iterator[RowDifference]:
        """Yield the rows that differ, by view, table and key.

        Args:
            views: The names of the views; all by default.

        Raises:
            InvalidInput: There is no such view.
        """
        for name in self.views if views is None else views:
            if name not in self.views:
                raise InvalidInput(
                    f"there is no view {name!r}",
                    code="unknown_view",
                    field="view",
                    hint=f"Choose one of {', '.join(self.views)}",
                )
            before: View = getattr(self._before.views, name)
            after: View = getattr(self._after.views, name)
            for table in before.projection.tables:
                for difference in _differences(name, table, before, after):
                    found = _hidden_in(difference) if self._hides else difference
                    if found.before != found.after:
                        yield found

    def events(self, difference: RowDifference) -> tuple[list[RecordedEvent], list[RecordedEvent]]:
        """Return the events that made a row of a customer differ.

        Args:
            difference: One of `rows`, not a tally.

        Returns:
            The events that changed the row before and are not known after, and those that changed it only after.
        """
        if difference.customer is None:
            return [], []
        touching = [self._touching(is_after=is_after, difference=difference) for is_after in (False, True)]
        known = [{_identity(event) for event in events} for events in touching]
        return (
            [event for event in touching[0] if _identity(event) not in known[1]],
            [event for event in touching[1] if _identity(event) not in known[0]],
        )

    def _touching(self, difference: RowDifference, *, is_after: bool) -> list[RecordedEvent]:
        customer = difference.customer or ""
        place = is_after, difference.view, customer
        if place not in self._accounts:
            if len(self._accounts) >= _ACCOUNTS_MAX:
                self._accounts.clear()  # rows come by customer: earlier ones are not asked for again
            self._accounts[place] = _account(self._after if is_after else self._before, difference.view, customer)
        account = self._accounts[place]
        row = difference.table, difference.key
        return [
            step.event
            for step in (account.steps if account else ())
            if row in step.removed or any((change.table, change.key) == row for change in step.changes)
        ]


def applied(rows: Mapping[tuple[str, str, Key], dict[str, Any]], differences: Iterable[RowDifference]) -> Rows:
    """Return rows with differences applied to them: the rows before become those after."""
    found = dict(rows)
    for each in differences:
        place = each.view, each.table, each.key
        if each.after is None:
            del found[place]
        else:
            found[place] = each.after
    return found


def _account(questions: Questions, view: str, customer: str) -> RowsExplanation | None:
    return rows_explained(questions, view, customer) if questions.history(customer) else None


def _identity(event: RecordedEvent) -> tuple[Any, ...]:
    """Return what is the same about an event in two logs: digests and positions differ after the first other event."""
    return event.stream, event.topic, event.occurred_at, msgspec.json.encode(event.event)


def _differences(name: str, table: type[Row], before: View, after: View) -> Iterator[RowDifference]:
    """Merge the rows of two tables, both in the order of their keys."""
    width = len(table.key)
    left, right = before.stored(table), after.stored(table)
    one, other = next(left, None), next(right, None)

    def difference(old: Key | None, new: Key | None) -> RowDifference:
        key = (old or new or ())[:width]
        customer = str(key[0]) if issubclass(table, CustomerRow) else None
        return RowDifference(
            name, table.__name__, key, customer, _columns(before, table, old), _columns(after, table, new)
        )

    while one is not None or other is not None:
        if other is None or (one is not None and one[:width] < other[:width]):
            yield difference(one, None)
            one = next(left, None)
        elif one is None or other[:width] < one[:width]:
            yield difference(None, other)
            other = next(right, None)
        else:
            if one != other:
                yield difference(one, other)
            one, other = next(left, None), next(right, None)


def _hidden_in(difference: RowDifference) -> RowDifference:
    return msgspec.structs.replace(difference, before=_hidden(difference.before), after=_hidden(difference.after))


def _hidden(value: Any) -> Any:
    """Return a value of a row with `[sealed]` in place of each sealed word, however deep it stands."""
    if isinstance(value, str):
        return _HIDDEN if value.startswith(_SEALED) else value
    if isinstance(value, dict):
        return {name: _hidden(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_hidden, value))
    return value


def _columns(view: View, table: type[Row], values: Key | None) -> dict[str, Any] | None:
    if values is None:
        return None
    found: dict[str, Any] = msgspec.to_builtins(view.decoded(table, values))
    return found
