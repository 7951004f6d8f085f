"""Long searches: the marker `soak`, the seed that they share, and an end to them after some minutes.

`make test` leaves out what is marked `soak`. `make soak` runs it, and every property besides, with many examples and
a new seed. The tests run in an order that follows from the seed, the marked ones first, so that a search that is cut
off by its minutes has looked elsewhere each time.
"""

from __future__ import annotations

import random
import time
from typing import Any
from zlib import crc32

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of a search."""
    group = parser.getgroup("soak", "long searches")
    group.addoption("--soak-seed", type=int, default=None, help="Repeat the search that had this seed.")
    group.addoption("--soak-minutes", type=float, default=None, help="Start no further test after this many minutes.")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and settle on a seed that all processes share."""
    config.addinivalue_line("markers", "soak: a long search that `make soak` runs and `make test` leaves out")
    if config.option.soak_seed is None:
        config.option.soak_seed = random.SystemRandom().randrange(2**32)  # xdist passes options on to its workers
    elif config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = str(config.option.soak_seed)
    config.stash[_ENDS] = time.monotonic() + 60 * (config.option.soak_minutes or 0)


_ENDS = pytest.StashKey[float]()
_LONG_MINUTES = 10


def pytest_report_header(config: pytest.Config) -> str:
    """Return the line that says how to repeat this run."""
    return f"seed: {config.option.soak_seed} (again with: --soak-seed {config.option.soak_seed})"


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item: pytest.Item) -> None:
    """Leave one kind of database to the long searches where a test asks for `either_url`; its name decides which."""
    if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
        kind = item.callspec.params.get("either_url")
        if kind is not None and kind != ("sqlite", "postgresql")[crc32(item.originalname.encode()) % 2]:
            item.add_marker(pytest.mark.soak)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Shuffle the tests of a search, so that its last minute does not always cut off the same ones."""
    if config.option.soak_minutes is not None:
        random.Random(config.option.soak_seed).shuffle(items)
        # The long tests come first where there is time for them, and last in a short search, which must end soon.
        is_short = config.option.soak_minutes < _LONG_MINUTES
        items.sort(key=lambda item: (item.get_closest_marker("soak") is None) != is_short)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what would start after the last minute."""
    if item.config.option.soak_minutes is not None and time.monotonic() > item.config.stash[_ENDS]:
        pytest.skip("the minutes of this search are over")


@pytest.fixture
def soak_seed(request: pytest.FixtureRequest) -> int:
    """The seed of a random search: new in every run, and printed at the top of it."""
    seed: Any = request.config.option.soak_seed
    return int(seed)
