"""A mapping's conditions as functions of a row."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from relations.errors import InvalidInput, MappingError
from relations.exchange.mapping.model import RowCondition
from relations.exchange.mapping.values import RowValues
from relations.messages import Money

__all__ = ["Test", "compile_conditions"]

Test = Callable[[RowValues], bool]

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "below": operator.lt,
    "at_most": operator.le,
    "above": operator.gt,
    "at_least": operator.ge,
}


def compile_conditions(conditions: Iterable[RowCondition], raw_columns: dict[str, str]) -> Test:
    """Return one function that is true if all conditions hold.

    Args:
        conditions: The conditions. No conditions hold always.
        raw_columns: The columns of values that are read from one. Blanks are tested on the column, so that a blank is
            not an error.
    """
    tests = [test for condition in conditions for test in _tests(condition, raw_columns)]
    if not tests:
        return lambda _values: True
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        first, second = tests
        return lambda values: first(values) and second(values)

    def every(values: RowValues) -> bool:
        for test in tests:  # noqa: SIM110 - a generator in all() costs twice as much, for every row
            if not test(values):
                return False
        return True

    return every


def _tests(condition: RowCondition, raw_columns: dict[str, str]) -> list[Test]:
    tests: list[Test] = []
    if condition.any:
        tests.append(_any([compile_conditions([inner], raw_columns) for inner in condition.any]))
    if condition.none:
        some = _any([compile_conditions([inner], raw_columns) for inner in condition.none])
        tests.append(lambda values: not some(values))
    if condition.of is not None:
        tests.extend(_plain_tests(condition.of, condition, raw_columns))
    return tests


def _any(tests: list[Test]) -> Test:
    return lambda values: any(test(values) for test in tests)


def _plain_tests(of: str, condition: RowCondition, raw_columns: dict[str, str]) -> list[Test]:
    tests: list[Test] = []
    if condition.blank is not None:
        tests.append(_blank(raw_columns.get(of, of), condition.blank))
    if condition.equals is not None:
        tests.append(_equals(of, condition.equals))
    if condition.is_in is not None:
        wanted = [_equals(of, word) for word in condition.is_in]
        words = frozenset(word for word in condition.is_in if isinstance(word, str))
        tests.append(_one_of(of, words) if len(words) == len(condition.is_in) else _any(wanted))
    if condition.matches is not None:
        tests.append(_matches(of, condition.matches))
    for name, compare in _COMPARISONS.items():
        bound = getattr(condition, name)
        if bound is not None:
            tests.append(_compare(of, compare, Decimal(str(bound))))
    if condition.same_as is not None:
        tests.append(_same(of, condition.same_as))
    if condition.differs_from is not None:
        same = _same(of, condition.differs_from)
        tests.append(lambda values: not same(values))
    return tests


def _blank(of: str, wanted: bool) -> Test:
    return lambda values: (values[of] is None) is wanted


def _equals(of: str, wanted: bool | int | float | str) -> Test:
    if isinstance(wanted, str | bool):
        return lambda values: bool(values[of] == wanted)
    exact = Decimal(str(wanted))
    return lambda values: (number := _number(of, values[of])) is not None and number == exact


def _one_of(of: str, words: frozenset[str]) -> Test:
    return lambda values: values[of] in words


def _matches(of: str, pattern: str) -> Test:
    search = re.compile(pattern).search
    # Most rules ask how a text begins.
    if (plain := re.fullmatch(r"\^([A-Za-z0-9 _-]+)", pattern)) is not None:
        start = plain[1]
        return lambda values: (found := values[of]) is not None and str(found).startswith(start)
    return lambda values: (found := values[of]) is not None and search(str(found)) is not None


def _same(of: str, other: str) -> Test:
    return lambda values: bool(values[of] == values[other])


def _compare(of: str, compare: Callable[[Any, Any], bool], bound: Decimal) -> Test:
    return lambda values: (number := _number(of, values[of])) is not None and compare(number, bound)


def _number(of: str, found: Any) -> Decimal | int | None:
    """Return the number to compare; None for a blank, for which no comparison holds."""
    match found:
        case None | Decimal() | int():
            return found
        case str():
            try:
                number = Decimal(found)
            except ArithmeticError:
                number = Decimal("NaN")
            if not number.is_finite():
                raise InvalidInput(f"{found[:60]!r} is not a number", code="not_a_number", field=of)
            return number
        case Money():
            return found.decimal
        case _:
            raise MappingError(f"{of} is not a number and cannot be compared with one", field=of)
