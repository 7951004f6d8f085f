"""An eventsourcing application and the engine write to the same log."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

from relations import EnrolMember, Relations
from relations.commands import RecordInteraction

NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
CALL = RecordInteraction(customer="anna", interaction="i1", channel="phone", kind="call", occurred_at=NOW)


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
        relations.execute(CALL)
        found = relations.verify()
        assert found.good
        assert found.events == relations.status().position
        ours = [recorded.topic for recorded in relations.events()]
        assert len(ours) == found.events - 2  # the room was created and booked
        assert ours[-1] == "customer.interaction_recorded"
        assert relations.views.retention.lifecycle(as_of=NOW).customers == 1
