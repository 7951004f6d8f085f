"""Random search that goes on until it has come upon everything that is wanted, and says how long that took.

What a search comes upon depends on more than its seed: Hypothesis also tries constants of the modules that happen to
be loaded. So a test that takes a number of examples and looks at what they had in them holds by luck. One that goes on
until it has everything costs little where that is common, and fails only where it cannot be had.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from hypothesis import Phase, find, settings
from hypothesis.errors import NoSuchExample
from hypothesis.strategies import SearchStrategy


def reach(wanted: Iterable[object], strategy: SearchStrategy[Collection[object]], *, examples_max: int) -> None:
    """Draw examples until all that is wanted was come upon.

    Args:
        wanted: What is looked for.
        strategy: What each example has in it.
        examples_max: After so many it is given up; ten times as many as it ever took, at the least.

    Raises:
        AssertionError: It was given up; names what is missing.
    """
    missing = set(wanted)
    assert missing, "nothing is looked for"

    def is_all(drawn: Collection[object]) -> bool:
        missing.difference_update(drawn)
        return not missing

    try:
        # Neither shrunk nor kept: all that counts is what was come upon on the way.
        find(strategy, is_all, settings=settings(phases=[Phase.generate], max_examples=examples_max, database=None))
    except NoSuchExample:
        names = sorted(each.__name__ if isinstance(each, type) else str(each) for each in missing)
        raise AssertionError(f"not come upon in {examples_max} examples: {', '.join(names)}") from None
