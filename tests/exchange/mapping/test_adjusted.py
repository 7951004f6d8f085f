"""Mappings for files that lack something: known customers, columns of a group's first row, defaults, headings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relations.engine import Relations
from relations.errors import MappingError
from relations.exchange import import_file
from relations.exchange.mapping.model import Mapping

ORDERS: dict[str, Any] = {
    "name": "orders",
    "source": {"format": "csv"},
    "group": {"by": ["order"], "fill": ["currency"]},
    "values": {
        "at": {"column": "day", "type": "time"},
        "paid": {"column": "total", "type": "money", "currency_from": "currency"},
        "worth": {"column": "price", "type": "money", "currency_from": "currency"},
        "pieces": {"column": "quantity", "type": "integer"},
        "basket": {"lines": {"product": "product", "amount": "worth", "quantity": "pieces"}},
    },
    "command": [
        {
            "command": "RegisterCustomer",
            "command_id": "{source}:customer-{who}",
            "unless_known": True,
            "with": {"occurred_at": "at", "customer": "who", "name": "called"},
        },
        {
            "command": "RecordPurchase",
            "command_id": "{source}:order-{order}",
            "with": {
                "occurred_at": "at",
                "customer": "who",
                "purchase": "order",
                "amount": "paid",
                "lines": "basket",
            },
        },
    ],
}
HEAD = "order,who,called,day,total,currency,product,price,quantity\n"
FIRST = "o1,c1,Anna,2024-05-01T10:00Z,30.00,EUR,towel,20.00,2\no1,,,,,,soap,10.00,1\n"
SECOND = "o2,c1,Ann,2024-05-02T10:00Z,5.00,EUR,soap,5.00,1\n"


@pytest.fixture
def engine(either_url: str) -> Iterator[Relations]:
    with Relations.open(either_url) as opened:
        yield opened


def written(folder: Path, text: str) -> Path:
    path = folder / "orders.csv"
    path.write_text(text, "utf-8")
    return path


def made_of(engine: Relations, kind: str) -> list[Any]:
    return [event.event for event in engine.events() if type(event.event).__name__ == kind]


def test_rows_of_a_group_take_what_only_the_first_one_has(engine: Relations, tmp_path: Path) -> None:
    report = import_file(engine, Mapping.model_validate(ORDERS), written(tmp_path, HEAD + FIRST))
    assert (report.rows, report.accepted) == (2, 2)
    (purchase,) = made_of(engine, "PurchaseRecorded")
    assert [(line.product, str(line.amount.decimal), line.quantity) for line in purchase.lines] == [
        ("towel", "20.00", 2),
        ("soap", "10.00", 1),
    ]
    without = ORDERS | {"group": {"by": ["order"]}}
    report = import_file(engine, Mapping.model_validate(without), written(tmp_path, HEAD + FIRST), name="without")
    assert report.by_reason == {"unknown_currency": 2}
    unknown = ORDERS | {"group": {"by": ["order"], "fill": ["curency"]}}
    with pytest.raises(MappingError, match="curency"):
        import_file(engine, Mapping.model_validate(unknown), written(tmp_path, HEAD + FIRST), name="unknown")


@pytest.mark.parametrize("batch", [1, 1000])
def test_a_customer_is_registered_once_whatever_later_rows_say(engine: Relations, tmp_path: Path, batch: int) -> None:
    rules = Mapping.model_validate(ORDERS)
    report = import_file(engine, rules, written(tmp_path, HEAD + FIRST + SECOND), batch=batch)
    assert (report.rejected, report.recorded) == (0, 3)
    assert len(made_of(engine, "CustomerRegistered")) == 1
    later = "o3,c1,Anne,2024-05-03T10:00Z,5.00,EUR,soap,5.00,1\no4,c2,Bo,2024-05-03T11:00Z,5.00,EUR,soap,5.00,1\n"
    report = import_file(engine, rules, written(tmp_path, HEAD + later), batch=batch)
    assert (report.rejected, report.recorded) == (0, 3)
    assert [event.name is not None for event in made_of(engine, "CustomerRegistered")] == [True, True]


def test_a_row_of_a_known_customer_alone_is_accepted(engine: Relations, tmp_path: Path) -> None:
    people = {"name": "people", "source": {"format": "csv"}, "values": {"at": ORDERS["values"]["at"]}}
    rules = Mapping.model_validate(people | {"command": ORDERS["command"][:1]})
    path = written(tmp_path, "who,called,day\nc1,Anna,2024-05-01T10:00Z\nc1,Anna,2024-05-02T10:00Z\n")
    report = import_file(engine, rules, path)
    assert (report.accepted, report.rejected, report.recorded) == (2, 0, 1)
    again = import_file(engine, rules, path)
    assert (again.accepted, again.rejected, again.recorded) == (2, 0, 0)


def test_unless_known_belongs_to_a_registration() -> None:
    wrong = ORDERS | {"command": [ORDERS["command"][1] | {"unless_known": True}]}
    with pytest.raises(ValueError, match="belongs to the command RegisterCustomer"):
        Mapping.model_validate(wrong)


def test_a_default_stands_for_a_blank_and_for_a_missing_column(engine: Relations, tmp_path: Path) -> None:
    rules = Mapping.model_validate(ORDERS)
    path = written(tmp_path, "order,who,called,total,product,price,quantity\no1,c1,Anna,5.00,soap,5.00,\n")
    with pytest.raises(MappingError) as raised:
        import_file(engine, rules, path)
    assert raised.value.code == "unknown_column"
    given = {"day": "2024-05-01T10:00Z", "currency": "EUR", "quantity": "3"}
    assert import_file(engine, rules, path, defaults=given).recorded == 2
    (purchase,) = made_of(engine, "PurchaseRecorded")
    assert (purchase.lines[0].quantity, purchase.amount.currency) == (3, "EUR")


def test_headings_zone_and_encoding_are_given_for_a_file(engine: Relations, tmp_path: Path) -> None:
    rules = Mapping.model_validate(ORDERS)
    path = tmp_path / "orders.csv"
    text = (
        "Bestellung,who,called,day,total,currency,product,price,quantity\no1,c1,Jörg,2024-05-01T10:00,5,EUR,soap,5,1\n"
    )
    path.write_bytes(text.encode("cp1252"))
    given: dict[str, Any] = {"headings": {"order": "Bestellung"}, "zone": "Europe/Vienna", "encoding": "cp1252"}
    assert import_file(engine, rules, path, **given).recorded == 2
    assert engine.history("c1")[0].occurred_at == 1714550400000000
    wrongs: list[dict[str, Any]] = [
        {"zone": "Vienna"},
        {"encoding": "latin-99"},
        {"headings": {"order": "who", "who": "who"}},
    ]
    for wrong in wrongs:
        with pytest.raises(MappingError):
            rules.adjusted(**wrong)


def test_a_rejected_row_of_json_keeps_its_numbers(engine: Relations, tmp_path: Path) -> None:
    people = {"name": "people", "source": {"format": "jsonl"}, "values": {"at": ORDERS["values"]["at"]}}
    rules = Mapping.model_validate(people | {"command": ORDERS["command"][:1]})
    path = written(tmp_path, '{"who": "c 1", "called": "Anna", "day": "2024-05-01T10:00Z", "age": 41.50}\n')
    rejects = tmp_path / "rejects.jsonl"
    for _ in range(2):
        report = import_file(engine, rules, path, rejects=rejects)
        assert report.by_reason == {"invalid_customer": 1}
        assert json.loads(rejects.read_text("utf-8"))["raw"]["age"] == "41.50"
    rejects.write_text(rejects.read_text("utf-8").replace("c 1", "c1"), "utf-8")
    assert import_file(engine, rules, rejects).recorded == 1
