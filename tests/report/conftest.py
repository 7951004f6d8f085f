"""A small hotel group's year and a half, and its pages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from relations import Relations
from relations.report import LANGUAGES, render_html
from relations.testing.hotel.simulation import simulate

AS_OF = datetime(2025, 6, 30, 21, tzinfo=UTC)


@pytest.fixture(scope="session")
def group() -> Iterator[Relations]:
    """The engine, at the end of its history."""
    with Relations.open("sqlite://", durability="off", clock=lambda: AS_OF) as engine:
        assert engine.execute_many(list(simulate(seed=3, customers=400, months=18, stories=True))).events > 3_000
        engine.advance_time(AS_OF)
        engine.fit_clusters(as_of=AS_OF, clusters=3)
        engine.fit_rules(as_of=AS_OF)
        engine.fit_forecasts(as_of=AS_OF)
        yield engine


@pytest.fixture(scope="session")
def pages(group: Relations) -> dict[str, str]:
    """Its page in every language."""
    return {language: render_html(group, language, as_of=AS_OF) for language in LANGUAGES}
