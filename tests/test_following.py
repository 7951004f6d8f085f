"""Following the log from the engine."""

from __future__ import annotations

from datetime import UTC, datetime
from threading import Thread

from relations import Relations
from relations.commands import RecordInteraction

NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)


def interaction(number: int) -> RecordInteraction:
    return RecordInteraction(
        customer="anna",
        interaction=f"i{number}",
        channel="phone",
        kind="call",
        occurred_at=NOW,
        command_id=f"i{number}",
    )


def test_a_subscriber_sees_what_was_there_and_what_comes(database_url: str) -> None:
    with Relations.open(database_url) as relations:
        relations.execute(interaction(1))
        with relations.subscribe(after=0) as subscription:
            Thread(target=lambda: relations.execute(interaction(2))).start()
            seen = []
            for recorded in subscription:
                seen.append(recorded)
                if recorded.command_id == "i2":
                    break
        assert [recorded.position for recorded in seen] == list(range(1, len(seen) + 1))
        assert [recorded.topic for recorded in seen][-1] == "customer.interaction_recorded"


def test_without_a_position_it_begins_with_what_comes(database_url: str) -> None:
    with Relations.open(database_url) as relations:
        relations.execute(interaction(1))
        with relations.subscribe() as subscription:
            relations.execute(interaction(2))
            assert next(subscription).command_id == "i2"
