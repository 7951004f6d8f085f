"""Commands that an older version recorded are recognised when this version sends them again."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from relations.aggregates import AGGREGATES
from relations.aggregates.customer import RecordPurchase
from relations.engine import Relations
from relations.errors import IdempotencyConflict
from relations.log.tables import log as log_table
from relations.messages import Money, Tender
from relations.policies import Policy, Repair

FIELDS = json.loads((Path(__file__).with_name("command_fields.json")).read_text())
"""The fields of every command as they were when commands were first recorded. New commands need not be added."""

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
PURCHASE = RecordPurchase(
    customer="c1", purchase="p1", amount=Money.of("240.00", "EUR"), touchpoint="Seeblick", occurred_at=NOON,
    command_id="pms:1", actor="pms",
)  # fmt: skip
RECORDED = "d2ad20a738411dd176fd949c46a6e520"
"""The fingerprint that the first version recorded of this purchase."""


def hash_of(engine: Relations, command_id: str) -> str:
    with engine.log.database.reading() as connection:
        row = connection.execute(log_table.select().where(log_table.c.command_id == command_id)).first()
    assert row is not None
    return bytes(row.command_hash).hex()


def test_every_field_that_was_added_is_left_out_of_the_fingerprint_at_its_default() -> None:
    kinds = {command.__name__: command for aggregate in AGGREGATES for command in aggregate.commands}
    assert len(FIELDS) > 80
    assert FIELDS.keys() <= kinds.keys()
    for name, fields in FIELDS.items():
        assert set(kinds[name].model_fields) - set(fields) == kinds[name].added, name
        assert set(fields) <= set(kinds[name].model_fields), name


def test_a_purchase_has_the_fingerprint_of_the_first_version_until_its_tenders_are_named() -> None:
    with Relations.open("sqlite://") as engine:
        engine.execute(PURCHASE)
        assert hash_of(engine, "pms:1") == RECORDED
        assert engine.execute(PURCHASE).repeated
        paid = PURCHASE.model_copy(update={"tenders": (Tender(kind="card", amount=Money.of("240.00", "EUR")),)})
        with pytest.raises(IdempotencyConflict):
            engine.execute(paid)


def test_a_policy_that_an_older_version_adopted_may_be_adopted_again(tmp_path: Path) -> None:
    """A service adopts its policy at every start; a version with more rules must not refuse to start."""
    path = tmp_path / "log.db"
    policy = Policy()
    with Relations.open(f"sqlite:///{path}") as engine:
        engine.adopt(policy, since=NOON, command_id="start")
        with engine.log.database.transaction() as connection:  # as an older version left it: another hash
            connection.execute(text("DROP TRIGGER relations_log_no_update"))
            connection.execute(
                log_table.update().where(log_table.c.command_id == "start").values(command_hash=bytes(16))
            )
    with Relations.open(f"sqlite:///{path}") as engine:
        assert engine.adopt(policy, since=NOON, command_id="start").repeated
        other = policy.model_copy(update={"repair": Repair(purchase_restores=not policy.repair.purchase_restores)})
        for changed, since in ((other, NOON), (policy, datetime(2026, 5, 5, tzinfo=UTC))):
            with pytest.raises(IdempotencyConflict):
                engine.adopt(changed, since=since, command_id="start")
