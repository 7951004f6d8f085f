"""The statistics of a customer that the models of repeat buying need: four numbers, however long the history.

The conventions are those of the literature. The first purchase makes somebody a customer and is not counted. Several
purchases on one day are one. Time runs from the first purchase day. Source: P. S. Fader, B. G. S. Hardie, K. L. Lee,
"'Counting your customers' the easy way", Marketing Science 24 (2005) 275-284, and their spreadsheet note.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from relations.errors import InvalidInput

__all__ = ["RepeatStatistics", "checked", "repeat_statistics"]


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
