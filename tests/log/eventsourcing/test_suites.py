"""Eventsourcing's own suites for whoever writes a recorder, run on our log in both databases."""

from __future__ import annotations

import sys
from threading import enumerate as enumerate_threads
from typing import Any, ClassVar
from unittest import TestCase
from uuid import uuid4

import eventsourcing.cryptography
import pytest
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    InfrastructureFactory,
    ProcessRecorder,
    TrackingRecorder,
)
from eventsourcing.utils import Environment

import relations.log.eventsourcing.factory
import relations.log.eventsourcing.recorders
from relations.log import Factory

# Eventsourcing ships one cipher twice, on pycryptodome and on cryptography. Its suites import the first; we have the
# second, whose interface is the same.
sys.modules.setdefault("eventsourcing.cipher", eventsourcing.cryptography)

from eventsourcing.tests.persistence import (  # noqa: E402 - after the cipher that it imports
    AggregateRecorderTestCase,
    ApplicationRecorderTestCase,
    InfrastructureFactoryTestCase,
    NonInterleavingNotificationIDsBaseCase,
    ProcessRecorderTestCase,
    TrackingRecorderTestCase,
)


class OnLog(TestCase):
    """Gives a suite a fresh database of the kind that `fixture` names, and text for originator ids."""

    fixture: ClassVar[str]
    env: Environment
    factory: Factory
    test_performance: Any = None  # it times, and asserts nothing; speed is measured by `make bench`

    @pytest.fixture(autouse=True)
    def infrastructure(self, request: pytest.FixtureRequest) -> object:
        url = request.getfixturevalue(self.fixture)
        self.env = Environment(env={"PERSISTENCE_MODULE": "relations.log", "RELATIONS_URL": url})
        factory = InfrastructureFactory.construct(self.env)
        assert isinstance(factory, Factory)
        self.factory = factory
        threads = set(enumerate_threads())
        yield
        # The suites leave readers behind that are told to end, but not waited for.
        for thread in set(enumerate_threads()) - threads:
            thread.join()
        factory.close()

    def new_originator_id(self) -> str:
        return f"customer-{uuid4()}"


class OnSQLite(OnLog):
    fixture = "sqlite_url"


class OnPostgreSQL(OnLog):
    fixture = "postgres_url"


class OfAggregates(OnLog):
    def create_recorder(self) -> AggregateRecorder:
        return self.factory.aggregate_recorder()


class TestAggregatesOnSQLite(OfAggregates, OnSQLite, AggregateRecorderTestCase):
    pass


class TestAggregatesOnPostgreSQL(OfAggregates, OnPostgreSQL, AggregateRecorderTestCase):
    pass


class OfSnapshots(OnLog):
    def create_recorder(self) -> AggregateRecorder:
        return self.factory.aggregate_recorder("snapshots")


class TestSnapshotsOnSQLite(OfSnapshots, OnSQLite, AggregateRecorderTestCase):
    pass


class TestSnapshotsOnPostgreSQL(OfSnapshots, OnPostgreSQL, AggregateRecorderTestCase):
    pass


class OfApplications(OnLog):
    def create_recorder(self) -> ApplicationRecorder:
        return self.factory.application_recorder()


class TestApplicationsOnSQLite(OfApplications, OnSQLite, ApplicationRecorderTestCase):
    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestApplicationsOnPostgreSQL(OfApplications, OnPostgreSQL, ApplicationRecorderTestCase):
    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestNonInterleavingOnSQLite(OfApplications, OnSQLite, NonInterleavingNotificationIDsBaseCase):
    pass


class TestNonInterleavingOnPostgreSQL(OfApplications, OnPostgreSQL, NonInterleavingNotificationIDsBaseCase):
    pass


class OfTrackings(OnLog):
    def create_recorder(self) -> TrackingRecorder:
        return self.factory.tracking_recorder()


class TestTrackingsOnSQLite(OfTrackings, OnSQLite, TrackingRecorderTestCase):
    pass


class TestTrackingsOnPostgreSQL(OfTrackings, OnPostgreSQL, TrackingRecorderTestCase):
    pass


class OfProcesses(OnLog):
    def create_recorder(self) -> ProcessRecorder:
        return self.factory.process_recorder()


class TestProcessesOnSQLite(OfProcesses, OnSQLite, ProcessRecorderTestCase):
    pass


class TestProcessesOnPostgreSQL(OfProcesses, OnPostgreSQL, ProcessRecorderTestCase):
    pass


class Positions(relations.log.eventsourcing.recorders.TrackingRecorder):
    """Some application's own kind of tracking recorder."""


class OfFactories(OnLog):
    def expected_factory_class(self) -> type[Factory]:
        return relations.log.eventsourcing.factory.Factory

    def expected_aggregate_recorder_class(self) -> type[AggregateRecorder]:
        return relations.log.eventsourcing.recorders.AggregateRecorder

    def expected_application_recorder_class(self) -> type[ApplicationRecorder]:
        return relations.log.eventsourcing.recorders.ApplicationRecorder

    def expected_tracking_recorder_class(self) -> type[TrackingRecorder]:
        return relations.log.eventsourcing.recorders.TrackingRecorder

    def tracking_recorder_subclass(self) -> type[TrackingRecorder]:
        return Positions

    def expected_process_recorder_class(self) -> type[ProcessRecorder]:
        return relations.log.eventsourcing.recorders.ProcessRecorder


class TestFactoriesOnSQLite(OfFactories, OnSQLite, InfrastructureFactoryTestCase[Factory]):
    pass


class TestFactoriesOnPostgreSQL(OfFactories, OnPostgreSQL, InfrastructureFactoryTestCase[Factory]):
    pass
