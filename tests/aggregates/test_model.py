"""Fitted models: parameters that contradict each other are refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from relations.errors import InvalidInput
from relations.messages import Checked
from tests.support.fits import small_fits

FIT, RULES, CLUSTERS, FORECASTS = small_fits(datetime(2024, 5, 6, 9, tzinfo=UTC))
FOUND = CLUSTERS.clusters
WHOLE = FORECASTS.forecasts.whole


@pytest.mark.parametrize(
    ("known", "wrong", "said"),
    [
        (FIT, {"currency": "XQX"}, "XQX"),
        (RULES.rules.rules[0], {"baskets": 11}, "cannot have more baskets with both products than with one of them"),
        (RULES.rules, {"baskets": 11}, "cannot have more baskets than there are"),
        (FOUND.features[0], {"word": "much"}, "net_amount is a number"),
        (FOUND.features[0], {"fact": "region"}, "region needs a word"),
        (FOUND, {"customers": 24}, "the clusters together must have all customers of the fit"),
        (FOUND, {"features": FOUND.features * 2}, "a centre needs one number for each feature"),
        (FOUND, {"currency": "XQX"}, "XQX"),
        (FORECASTS, {"currency": "XQX"}, "XQX"),
        (FORECASTS.forecasts, {"left_out": ("bar",)}, "every other forecast has one of its own"),
        (FORECASTS.forecasts, {"whole": FORECASTS.forecasts.touchpoints[0]}, "the whole business has no touchpoint"),
        (WHOLE.purchases, {"season": (1.0,)}, "a season has 12 months"),
        (WHOLE.revenue, {"harmonics": 1}, "a season has 12 months, and there is none without waves"),
        (WHOLE.revenue, {"quantile_95": 1.0}, "the 95 % interval cannot be narrower than that of 80 %"),
        (WHOLE.purchases.test, {"within_95": 2}, "the wider interval has at least as many months"),
    ],
)
def test_parameters_that_contradict_each_other_are_refused(known: Checked, wrong: dict[str, Any], said: str) -> None:
    assert type(known)(**dict(known)) == known
    with pytest.raises(InvalidInput, match=said):
        type(known)(**dict(known) | wrong)
