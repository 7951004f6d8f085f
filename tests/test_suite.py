"""The suite itself: what `make test` leaves to `make soak`."""

from __future__ import annotations

import pytest


def test_a_rule_of_the_business_is_tested_on_one_kind_of_database(
    request: pytest.FixtureRequest, either_url: str
) -> None:
    mine = [item for item in request.session.items if getattr(item, "function", None) is request.function]
    assert len([item for item in mine if item.get_closest_marker("soak") is None]) <= 1
    assert either_url.startswith(request.node.callspec.params["either_url"])
