"""The note of the last good verification, in the table of facts about the database."""

from __future__ import annotations

from datetime import datetime

import msgspec

from relations.json_form import JsonForm
from relations.log.database import Database
from relations.log.tables import fact, record_facts
from relations.messages import from_micros

__all__ = ["Verified", "last_verified", "note_verified"]

_NAME = "verified"


class Verified(JsonForm, msgspec.Struct, frozen=True):
    """A verification that found no problem.

    Attributes:
        position: The position up to which the log was good.
        digest: Its digest, hexadecimal.
        at: When it was verified.
    """

    position: int
    digest: str
    at: datetime


def note_verified(database: Database, position: int, digest: str, at: int) -> None:
    """Note a good verification in place of the one before."""
    note = msgspec.json.encode(Verified(position, digest, from_micros(at))).decode()
    with database.writing() if database.is_sqlite else database.transaction() as connection:
        record_facts(connection, {_NAME: note})


def last_verified(database: Database) -> Verified | None:
    """Return the last noted verification, or None. Nothing is written."""
    with database.reading() as connection:
        found = fact(connection, _NAME)
    try:
        return None if found is None else msgspec.json.decode(found, type=Verified)
    except msgspec.MsgspecError:  # it proves nothing and only informs
        return None
