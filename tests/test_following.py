"""Following the log from the engine, also where another application writes to the same log."""

from __future__ import annotations

from datetime import UTC, datetime
from threading import Thread
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

from relations import EnrolMember, Relations
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


class Room(Aggregate):
    @event("Booked")
    def book(self, guest: str) -> None:
        self.guest = guest


def test_another_applications_events_share_the_log_and_disturb_nothing(database_url: str) -> None:
    environment = {"PERSISTENCE_MODULE": "relations.log", "RELATIONS_URL": database_url}
    with Relations.open(database_url) as relations:
        relations.execute(EnrolMember(customer="anna", occurred_at=NOW))
        with Application[UUID](env=environment) as hotel:
            room = Room()
            room.book("anna")
            hotel.save(room)
        relations.execute(interaction(1))
        found = relations.verify()
        assert found.good
        assert found.events == relations.status().position
        ours = [recorded.topic for recorded in relations.events()]
        assert len(ours) == found.events - 2  # the room was created and booked
        assert ours[-1] == "customer.interaction_recorded"
        assert relations.views.retention.lifecycle(as_of=NOW).customers == 1
