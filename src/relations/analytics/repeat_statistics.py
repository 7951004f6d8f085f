"""The statistics of a customer that the models of repeat buying need: four numbers, however long the history.

The conventions are those of the literature. The first purchase makes somebody a customer and is not counted. Several
purchases on one day are one. Time runs from the first purchase day. Source: P. S. Fader, B. G. S. Hardie, K. L. Lee,
"'Counting your customers' the easy way", Marketing Science 24 (2005) 275-284, and their spreadsheet note.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from relations.analytics.extra import scientific
from relations.errors import InvalidInput

__all__ = ["RepeatColumns", "RepeatStatistics", "checked", "columns_of", "distinct_places", "repeat_statistics"]


class RepeatStatistics(NamedTuple):
    """A customer's purchases, as far as the models use them. Whole numbers, so that equal customers can be counted.

    Attributes:
        frequency: The number of purchase days after the first one; 0 for a customer with one purchase day.
        recency_days: Days from the first purchase day to the last.
        age_days: Days from the first purchase day to the end of the observation.
        repeat_amount: The amount spent on the days that `frequency` counts, in minor units, less any deductions.
    """

    frequency: int
    recency_days: int
    age_days: int
    repeat_amount: int = 0


def repeat_statistics(purchases: Iterable[tuple[int, int]], *, until: int) -> RepeatStatistics | None:
    """Sum up one customer's purchases; None if there are none by then.

    Args:
        purchases: For each, the ordinal of the day and the amount in minor units, in any order. A refund may be a
            negative amount on the day of its purchase.
        until: The ordinal of the last day that counts, such as the end of a calibration.
    """
    amounts: dict[int, int] = {}
    for day, amount in purchases:
        if day <= until:
            amounts[day] = amounts.get(day, 0) + amount
    if not amounts:
        return None
    first = min(amounts)
    return RepeatStatistics(
        frequency=len(amounts) - 1,
        recency_days=max(amounts) - first,
        age_days=until - first,
        repeat_amount=sum(amounts.values()) - amounts[first],
    )


@dataclass(frozen=True, slots=True)
class RepeatColumns:
    """The statistics of many customers as arrays of whole numbers, one entry a customer.

    Attributes:
        frequency: As in `RepeatStatistics`.
        recency_days: Likewise.
        age_days: Likewise.
        repeat_amount: Likewise; beyond 64 bits they are Python's own numbers.
    """

    frequency: Any
    recency_days: Any
    age_days: Any
    repeat_amount: Any

    def __len__(self) -> int:
        return len(self.frequency)

    def __iter__(self) -> Iterator[RepeatStatistics]:
        columns = (self.frequency, self.recency_days, self.age_days, self.repeat_amount)
        return map(RepeatStatistics._make, zip(*(column.tolist() for column in columns), strict=True))

    def where(self, chosen: Any) -> RepeatColumns:
        """Return the customers that an array is true for."""
        return RepeatColumns(
            self.frequency[chosen], self.recency_days[chosen], self.age_days[chosen], self.repeat_amount[chosen]
        )


def columns_of(statistics: Iterable[RepeatStatistics], purpose: str) -> RepeatColumns:
    """Return statistics as checked columns.

    Args:
        statistics: The statistics, or columns of them.
        purpose: The purpose, for the error.

    Raises:
        MissingExtra: numpy is not installed.
        InvalidInput: No history has such a frequency, recency or age.
    """
    np = scientific("numpy", purpose)
    if isinstance(statistics, RepeatColumns):
        x, recency, age = statistics.frequency, statistics.recency_days, statistics.age_days
        possible = (x >= 0) & (x <= recency) & (recency <= age) & ((x > 0) == (recency > 0))
        if not possible.all():
            checked(statistics.where(~possible))
        return statistics
    found = checked(statistics)
    x, recency, age = np.array([one[:3] for one in found], dtype=np.int64).reshape(-1, 3).T
    amounts = [one.repeat_amount for one in found]
    try:
        amount = np.array(amounts, dtype=np.int64)
    except OverflowError:
        amount = np.array(amounts, dtype=object)
    return RepeatColumns(x, recency, age, amount)


def distinct_places(purpose: str, *columns: Any) -> tuple[Any, Any]:
    """Return where each different combination of values occurs first, in this order, and which one each entry has.

    Args:
        purpose: The purpose, for the error.
        *columns: Arrays of whole numbers of the same length, at least one.

    Raises:
        MissingExtra: numpy is not installed.
    """
    np = scientific("numpy", purpose)
    # Numbers beyond 64 bits cannot be sorted together with others, but their ranks can.
    ranks = [np.unique(each, return_inverse=True)[1] if each.dtype == object else each for each in columns]
    order = np.lexsort(ranks)
    begins = np.ones(len(order), bool)
    begins[1:] = np.any([each[order][1:] != each[order][:-1] for each in ranks], axis=0)
    first = order[begins]  # the sort is stable, so each combination begins with its first occurrence
    by_place = np.argsort(first)
    number = np.empty(len(first), np.int64)
    number[by_place] = np.arange(len(first))
    which = np.empty(len(order), np.int64)
    which[order] = number[np.cumsum(begins) - 1]
    return first[by_place], which


def checked(statistics: Iterable[RepeatStatistics]) -> list[RepeatStatistics]:
    """Return statistics as a list after checking each of them.

    Raises:
        InvalidInput: No history has such a frequency, recency or age.
    """
    found = list(statistics)
    for one in found:
        frequency, recency, age, _ = one
        # Purchases of one day are one purchase, so nobody comes back without a day's passing for each time.
        if not (0 <= frequency <= recency <= age and (frequency > 0) == (recency > 0)):
            raise InvalidInput(
                f"no history has frequency {frequency}, recency {recency} and age {age}",
                code="invalid_statistics",
                hint="Count one purchase a day; recency is at most the age, and 0 if and only if the frequency is 0",
            )
    return found
