"""The factory for eventsourcing: `PERSISTENCE_MODULE=relations.log` and `RELATIONS_URL=sqlite:///….db`."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from threading import Lock
from typing import Any, TypeVar, get_args

from eventsourcing import persistence
from eventsourcing.persistence import InfrastructureFactory
from eventsourcing.utils import Environment, EnvType, resolve_topic, strtobool

from relations.errors import InvalidInput
from relations.log.database import Database, Durability
from relations.log.eventsourcing.recorders import (
    AggregateRecorder,
    ApplicationRecorder,
    IdType,
    ProcessRecorder,
    SnapshotRecorder,
    TrackingRecorder,
    persistence_errors,
)
from relations.log.eventsourcing.versions import ERRORS
from relations.log.log import Log

__all__ = ["Factory"]

R = TypeVar("R")
V = TypeVar("V")


class Factory(InfrastructureFactory[TrackingRecorder]):
    """A factory of recorders on the log that environment variables name.

    The variables, each with or without the application's name and an underscore in front:

    - `RELATIONS_URL`: an SQLAlchemy URL of SQLite or PostgreSQL. Required.
    - `RELATIONS_DURABILITY`: `full` (the default), `normal` or `off`.
    - `RELATIONS_BUSY_SECONDS`: the seconds that a writer waits for its turn.
    - `CREATE_TABLE`: `no` if the log must exist already.
    - `ORIGINATOR_ID_TYPE`: `text` (the default), or `uuid` to get UUIDs in stored events and notifications.
      Aggregates with UUIDs work with both.

    Raises:
        OSError: A value is missing or invalid.
        MissingExtra: The URL is of PostgreSQL, and its driver is not installed.
    """

    RELATIONS_URL = "RELATIONS_URL"
    RELATIONS_DURABILITY = "RELATIONS_DURABILITY"
    RELATIONS_BUSY_SECONDS = "RELATIONS_BUSY_SECONDS"
    CREATE_TABLE = "CREATE_TABLE"
    ORIGINATOR_ID_TYPE = "ORIGINATOR_ID_TYPE"

    def __init__(self, env: Environment | EnvType | None) -> None:
        super().__init__(env)
        url = self.env.get(self.RELATIONS_URL)
        if not url:
            keys = " or ".join(self.env.create_keys(self.RELATIONS_URL))
            msg = f"no database: set {keys} to an SQLAlchemy URL, such as sqlite:///hotel.db"
            raise OSError(msg)
        durability: Durability = self._read(
            self.RELATIONS_DURABILITY, "full", lambda text: _one_of(text, get_args(Durability))
        )
        busy_seconds = self._read(self.RELATIONS_BUSY_SECONDS, "30", float)
        self._id_type: IdType = self._read(
            self.ORIGINATOR_ID_TYPE, "text", lambda text: _one_of(text, get_args(IdType))
        )
        try:
            self.database = Database(url, durability=durability, busy_seconds=busy_seconds)
        except InvalidInput as error:
            raise OSError(str(error)) from error
        # Eventsourcing's runners leave some factories unclosed, and rely on what they hold to close itself.
        weakref.finalize(self.database, self.database.engine.dispose)
        self._log: Log | None = None
        self._lock = Lock()

    def _read(self, key: str, default: str, convert: Callable[[str], V]) -> V:
        text = (self.env.get(key) or default).strip()
        try:
            return convert(text)
        except ValueError as error:
            msg = f"{key} is {text!r}: {error}"
            raise OSError(msg) from None

    @property
    def log(self) -> Log:
        """The log. It is opened on first use, and created if it is missing.

        Raises:
            OperationalError: The database cannot be read, or has no log and must not be given one.
        """
        create = self._read(self.CREATE_TABLE, "yes", strtobool)
        with self._lock, persistence_errors():
            if self._log is None:
                self._log = Log(self.database, create=bool(create))
            return self._log

    def _make(self, kind: type[R]) -> R:
        make: Any = kind
        recorder: R = make(self.log, name=self.env.name, id_type=self._id_type)
        return recorder

    def _chosen(self, key: str, default: type[R]) -> type[R]:
        topic = self.env.get(key)
        if not topic:
            return default
        kind = resolve_topic(topic)
        if not issubclass(kind, default):
            msg = f"{key} is {topic!r}, which is no {default.__module__}.{default.__name__}"
            raise OSError(msg)
        chosen: type[R] = kind
        return chosen

    def aggregate_recorder(self, purpose: str = "events") -> persistence.AggregateRecorder:
        """Return a recorder of events or, with the purpose `snapshots`, of snapshots."""
        if purpose == "events":
            return self._make(AggregateRecorder)
        if purpose == "snapshots":
            return self._make(SnapshotRecorder)
        msg = f"the log keeps events and snapshots, not {purpose!r}"
        raise ERRORS["ProgrammingError"](msg)

    def application_recorder(self) -> persistence.ApplicationRecorder:
        """Return a recorder of events with positions; `APPLICATION_RECORDER_TOPIC` may name a subclass."""
        return self._make(self._chosen(self.APPLICATION_RECORDER_TOPIC, ApplicationRecorder))

    def tracking_recorder(self, tracking_recorder_class: type[TrackingRecorder] | None = None) -> TrackingRecorder:
        """Return a recorder of trackings; the argument or `TRACKING_RECORDER_TOPIC` may name a subclass."""
        return self._make(tracking_recorder_class or self._chosen(self.TRACKING_RECORDER_TOPIC, TrackingRecorder))

    def process_recorder(self) -> persistence.ProcessRecorder:
        """Return a recorder of events and trackings; `PROCESS_RECORDER_TOPIC` may name a subclass."""
        return self._make(self._chosen(self.PROCESS_RECORDER_TOPIC, ProcessRecorder))

    def close(self) -> None:
        """Close every connection."""
        self.database.close()


def _one_of(text: str, allowed: tuple[str, ...]) -> Any:
    if text.lower() not in allowed:
        msg = f"it must be one of {', '.join(allowed)}"
        raise ValueError(msg)
    return text.lower()
