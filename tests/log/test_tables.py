from __future__ import annotations

import pytest
from sqlalchemy import create_engine, inspect, text

from relations import Relations
from relations.log.tables import COLUMNS, FORMAT, metadata
from tests.support.making import purchase, register


@pytest.fixture
def log_url(database_url: str) -> str:
    with Relations.open(database_url) as relations:
        relations.execute(register())
        relations.execute(purchase(1))
    return database_url


def test_the_columns_are_fixed() -> None:
    """The chain covers them in this order; to change them is a new format."""
    assert FORMAT == 1
    assert COLUMNS == (
        "position",
        "stream",
        "version",
        "topic",
        "schema",
        "customer",
        "occurred_at",
        "recorded_at",
        "actor",
        "command_id",
        "command_seq",
        "command_hash",
        "cause",
        "body",
        "digest",
    )


def test_all_tables_are_ours_by_name(log_url: str) -> None:
    assert all(table.name.startswith("relations_") for table in metadata.sorted_tables)
    engine = create_engine(log_url)
    assert {table.name for table in metadata.sorted_tables} <= set(inspect(engine).get_table_names())
    engine.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE relations_log SET body = body",
        "UPDATE relations_log SET actor = 'nobody' WHERE position = 1",
        "DELETE FROM relations_log",
        "DELETE FROM relations_log WHERE position = (SELECT max(position) FROM relations_log)",
    ],
)
def test_no_row_is_ever_changed_or_deleted(log_url: str, statement: str) -> None:
    engine = create_engine(log_url)
    with pytest.raises(Exception, match="append-only"), engine.begin() as connection:
        connection.execute(text(statement))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM relations_log")).scalar() == 3
    engine.dispose()


@pytest.mark.parametrize("statement", ["TRUNCATE relations_log", "TRUNCATE relations_log CASCADE"])
def test_the_log_is_not_emptied_at_once_either(postgres_url: str, statement: str) -> None:
    Relations.open(postgres_url).close()
    engine = create_engine(postgres_url)
    with pytest.raises(Exception, match="append-only"), engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


COPY = "INSERT INTO relations_log SELECT {} FROM relations_log WHERE position = 3"


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"position": "position + 1"},
        {"position": "position + 1", "version": "version + 1"},
        {"position": "position + 1", "command_seq": "command_seq + 1"},
        {"position": "position - 1", "version": "version + 1", "command_seq": "command_seq + 1"},
    ],
)
def test_no_row_is_ever_written_over(log_url: str, changed: dict[str, str]) -> None:
    engine = create_engine(log_url)
    verbs = ["INSERT", "INSERT OR REPLACE", "REPLACE"] if engine.dialect.name == "sqlite" else ["INSERT"]
    columns = ", ".join(changed.get(column, column) for column in COLUMNS)
    with engine.connect() as connection:
        before = connection.execute(text("SELECT * FROM relations_log ORDER BY position")).all()
    for verb in verbs:
        with pytest.raises(Exception, match=r"append-only|unique"), engine.begin() as connection:
            connection.execute(text(COPY.format(columns).replace("INSERT", verb, 1)))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT * FROM relations_log ORDER BY position")).all() == before
    engine.dispose()


def test_upserts_do_not_get_past_the_trigger(postgres_url: str) -> None:
    with Relations.open(postgres_url) as relations:
        relations.execute(register())
    engine = create_engine(postgres_url)
    upsert = (
        "INSERT INTO relations_log SELECT * FROM relations_log WHERE position = 1"
        " ON CONFLICT (position) DO UPDATE SET actor = 'nobody'"
    )
    with pytest.raises(Exception, match="append-only"), engine.begin() as connection:
        connection.execute(text(upsert))
    engine.dispose()
