from __future__ import annotations

from hypothesis import HealthCheck, settings

from relations.testing.machines import LedgerMachine


class TestLedger(LedgerMachine.TestCase):  # type: ignore[misc, valid-type] # Hypothesis makes the class at run time
    settings = settings(
        max_examples=150, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
    )
