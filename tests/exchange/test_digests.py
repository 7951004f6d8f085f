"""Files whose only key is an address: no address is left after an erasure, in whatever file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import MetaData, select

from relations import Relations
from relations.commands import EraseCustomer
from relations.exchange.importing import import_file
from relations.exchange.mapping import Mapping

NOW = datetime(2024, 6, 1, tzinfo=UTC)
SHOP = Mapping.model_validate(
    {
        "name": "shop",
        "source": {"format": "csv"},
        "values": {
            "customer": {"column": "email", "case": "lower", "pattern": "^[^ ]+@[^ ]+$", "digest": True},
            "at": {"column": "day", "type": "time", "zone": "UTC"},
            "paid": {"column": "worth", "type": "money", "currency": "EUR"},
        },
        "note": [{"when": [{"of": "worth", "equals": "0"}], "code": "free", "reason": "nothing was paid"}],
        "command": [
            {"command": "RegisterCustomer", "with": {"customer": "customer", "email": "email", "occurred_at": "at"}},
            {
                "command": "RecordPurchase",
                "with": {"occurred_at": "at", "customer": "customer", "purchase": "id", "amount": "paid"},
            },
        ],
    }
)
ROWS = """email,id,day,worth
Anna.Lindner@Example.org,p1,2024-01-01,10
anna.lindner@example.org,p2,2024-01-02,0
anna.lindner@example.org,p3,2024-01-03,-5
anna lindner at example,p4,2024-01-04,5
karl@example.org,p5,2024-01-05,a lot
"""
WORDS = (b"lindner", b"karl@example.org")


def stored(engine: Relations) -> bytes:
    """Return everything in the tables of a database, in lower case."""
    found: list[str] = []
    with engine.log.database.reading() as connection:
        tables = MetaData()
        tables.reflect(connection)
        for table in tables.sorted_tables:
            for row in connection.execute(select(table)):
                found += [
                    bytes(value).decode("latin-1") if isinstance(value, bytes | memoryview) else str(value)
                    for value in row
                ]
    return "\n".join(found).lower().encode()


def test_after_an_erasure_no_address_is_left_in_any_file(database_url: str, tmp_path: Path) -> None:
    source = tmp_path / "shop.csv"
    source.write_text(ROWS)
    out = tmp_path / "out"
    out.mkdir()
    with Relations.open(database_url, clock=lambda: NOW) as engine:
        report = import_file(engine, SHOP, source, rejects=out / "rejects.jsonl", notes=out / "notes.jsonl")
        assert (report.rows, report.rejected) == (5, 3)
        customer = engine.digest("anna.lindner@example.org")
        (found,) = engine.views.customers.find(email="ANNA.lindner@example.org")
        assert (found.customer, found.email) == (customer, "Anna.Lindner@Example.org")
        assert len(engine.views.retention.stages()) == 1
        engine.execute(EraseCustomer(customer=customer, occurred_at=NOW))
        assert engine.views.customers.find(email="anna.lindner@example.org") == []
        everything = stored(engine)
    assert customer.encode() in everything
    files = [file for folder in (out, Path(database_url.removeprefix("sqlite:///")).parent)
             if folder.is_dir() for file in folder.iterdir() if file.is_file() and file != source]  # fmt: skip
    assert {"rejects.jsonl", "notes.jsonl"} <= {file.name for file in files}
    for word in WORDS:
        assert word not in everything
        for file in files:
            assert word not in file.read_bytes().lower(), (word, file)


@pytest.mark.parametrize(("given", "kept"), [(None, False), (True, True), (False, False)])
def test_rejected_rows_of_such_a_file_have_values_only_if_asked(given: bool | None, kept: bool, tmp_path: Path) -> None:
    source, rejects = tmp_path / "shop.csv", tmp_path / "rejects.jsonl"
    source.write_text(ROWS)
    with Relations.open("sqlite://", clock=lambda: NOW) as engine:
        import_file(engine, SHOP, source, rejects=rejects, reject_values=given)
        assert ("lindner" in rejects.read_text()) is kept
        assert '"row":4' in rejects.read_text()
        assert "unlike_pattern" in rejects.read_text()
