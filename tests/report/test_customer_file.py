"""The file of one customer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from relations import Money, RecordPurchase, Relations
from relations.errors import InvalidInput
from relations.report.customer_file import customer_file

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_customer_whose_purchases_lie_ahead_is_not_called_unknown() -> None:
    with Relations.open("sqlite://", clock=lambda: NOW) as engine:
        ahead = NOW + timedelta(days=5 * 365)
        engine.execute(RecordPurchase(customer="c1", purchase="p1", amount=Money(100, "EUR"), occurred_at=ahead))
        with pytest.raises(InvalidInput, match="dated after") as refused:
            customer_file(engine, "c1")
        assert refused.value.code == "customer_lies_ahead"
        assert len(customer_file(engine, "c1", as_of=ahead).history) == 2
        with pytest.raises(InvalidInput, match="nothing is recorded"):
            customer_file(engine, "c2")
