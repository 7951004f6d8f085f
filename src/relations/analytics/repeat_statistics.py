"""What the models of repeat buying need to know of a customer: four numbers, whatever the length of the history.

The conventions are those of the literature (P. S. Fader, B. G. S. Hardie, K. L. Lee, "'Counting your customers' the
easy way", Marketing Science 24 (2005) 275-284, and their spreadsheet note): the first purchase makes somebody a
customer and is not counted; purchases of one day are one purchase; time is counted from the first purchase day.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from relations.errors import InvalidInput

__all__ = ["RepeatStatistics", "checked", "repeat_statistics"]


class RepeatStatistics(NamedTuple):
    """A customer's buying, as much of it as the models use. Whole numbers, so that equal customers can be counted.

    Attributes:
        frequency: Days with a purchase after the first such day; 0 for who bought on one day only.
        recency_days: Days from the first purchase day to the last.
        age_days: Days from the first purchase day to the end of the observation.
        repeat_amount: What was spent on the days that `frequency` counts, in minor units, less what the caller deducts.
    """

    frequency: int
    recency_days: int
    age_days: int
    repeat_amount: int = 0


def repeat_statistics(purchases: Iterable[tuple[int, int]], *, until: int) -> RepeatStatistics | None:
    """Sum up one customer's purchases; None for who had not bought by then.

    Args:
        purchases: The ordinal of a day and an amount in minor units each, in any order. A refund may be given as a
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
    """The same as a list, each possible in itself.

    Raises:
        InvalidInput: A frequency, recency or age that no history has.
    """
    found = list(statistics)
    for one in found:
        frequency, recency, age, _ = one
        # Purchases of one day are one purchase, so nobody comes back without a day's passing for each time.
        if not (0 <= frequency <= recency <= age and (frequency > 0) == (recency > 0)):
            raise InvalidInput(
                f"no history has frequency {frequency}, recency {recency} and age {age}",
                code="invalid_statistics",
                hint="A day has one purchase, recency is at most the age, and is 0 exactly where the frequency is",
            )
    return found
