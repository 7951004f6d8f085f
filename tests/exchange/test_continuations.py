"""A row's place is no identity: a file that does not continue an import records nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations.engine import Relations
from relations.errors import SourceError
from relations.exchange import Mapping, import_commands, import_file
from tests.support.effort import part

Rows = Sequence[tuple[str, str]]
JANUARY = [("2026-01-01", "4.50"), ("2026-01-03", "3.00"), ("2026-01-03", "3.00"), ("2026-01-05", "3.50")]
FEBRUARY = [("2026-02-02", "8.00"), *reversed(JANUARY)]


def xes(rows: Rows) -> str:
    events = "".join(
        f'<event><date key="date" value="{day}"/><string key="customer" value="kim"/>'
        f'<string key="amount" value="{amount}"/></event>'
        for day, amount in rows
    )
    return f"<log><trace>{events}</trace></log>"


WRITERS: dict[str, Callable[[Rows], str]] = {
    "csv": lambda rows: "date,customer,amount\n" + "".join(f"{day},kim,{amount}\n" for day, amount in rows),
    "tsv": lambda rows: "date\tcustomer\tamount\n" + "".join(f"{day}\tkim\t{amount}\n" for day, amount in rows),
    "columns": lambda rows: "date customer amount\n" + "".join(f"{day} kim {amount}\n" for day, amount in rows),
    "fixed": lambda rows: "".join(f"{day}kim{amount}\n" for day, amount in rows),
    "jsonl": lambda rows: "".join(
        json.dumps({"date": day, "customer": "kim", "amount": amount}) + "\n" for day, amount in rows
    ),
    "xes": xes,
}
FIXED = [
    {"name": "date", "from": 1, "to": 10},
    {"name": "customer", "from": 11, "to": 13},
    {"name": "amount", "from": 14, "to": 18},
]


def rules(form: str) -> Mapping:
    return Mapping.model_validate(
        {
            "name": "sales",
            "source": {"format": form, **({"fixed": FIXED} if form == "fixed" else {})},
            "values": {
                "at": {"column": "date", "type": "time", "zone": "UTC"},
                "paid": {"column": "amount", "type": "money", "currency": "EUR"},
            },
            "command": [
                {
                    "command": "RecordPurchase",
                    "with": {
                        "occurred_at": "at",
                        "customer": "customer",
                        "purchase": {"template": "{source}:{row}"},
                        "amount": "paid",
                    },
                }
            ],
        }
    )


def write(form: str, path: Path, rows: Rows) -> Path:
    path.write_text(WRITERS[form](rows))
    return path


def spent(engine: Relations) -> Decimal:
    found = [each.event.amount.decimal for each in engine.events() if each.topic == "customer.purchase_recorded"]  # type: ignore[attr-defined]  # of that topic
    return sum(found, Decimal(0))


def test_an_export_in_another_order_is_no_continuation(sqlite_url: str, tmp_path: Path) -> None:
    with Relations.open(sqlite_url, durability="off") as engine:
        import_file(engine, rules("csv"), write("csv", tmp_path / "january.csv", JANUARY))
        assert spent(engine) == Decimal("14.00")  # the two equal lines are two purchases
        head = engine.status().digest
        with pytest.raises(SourceError) as raised:
            import_file(engine, rules("csv"), write("csv", tmp_path / "february.csv", FEBRUARY))
        assert raised.value.code == "not_a_continuation"
        assert "command_id" in str(raised.value.hint)
        assert engine.status().digest == head
        own = rules("csv").model_copy(update={"name": "february"})
        import_file(engine, own, write("csv", tmp_path / "new.csv", FEBRUARY[:1]))
        assert spent(engine) == Decimal("22.00")


@part(80)
@given(form=st.sampled_from(list(WRITERS)), more=st.integers(0, 2), data=st.data())
def test_any_file_under_the_same_name_counts_each_row_once_or_records_nothing(
    tmp_path_factory: pytest.TempPathFactory, form: str, more: int, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("files")
    new = [("2026-02-02", "8.00"), ("2026-02-03", "9.00")][:more]
    second = data.draw(st.permutations([*JANUARY, *new]))
    with Relations.open("sqlite://") as engine:
        import_file(engine, rules(form), write(form, folder / "first", JANUARY))
        before = spent(engine)
        assert before == Decimal("14.00")
        code = None
        try:
            import_file(engine, rules(form), write(form, folder / "second", second))
        except SourceError as error:
            code = error.code
        assert code in (None, "not_a_continuation")
        whole = sum((Decimal(amount) for _, amount in second), Decimal(0))
        assert spent(engine) == (whole if code is None else before)


def test_native_commands_without_ids_of_their_own_are_held_to_it_too(sqlite_url: str, tmp_path: Path) -> None:
    def lines(rows: Rows) -> Path:
        commands: list[dict[str, Any]] = [
            {"command": "RegisterCustomer", "customer": f"c{amount[0]}", "occurred_at": f"{day}T00:00:00Z"}
            for day, amount in rows
        ]
        path = tmp_path / "commands.jsonl"
        path.write_text("".join(json.dumps(each) + "\n" for each in commands))
        return path

    with Relations.open(sqlite_url, durability="off") as engine:
        assert import_commands(engine, lines(JANUARY[:1])).recorded == 1
        with pytest.raises(SourceError) as raised:
            import_commands(engine, lines(FEBRUARY))
        assert raised.value.code == "not_a_continuation"


def test_rows_without_effect_stay_accepted_without_the_old_file_of_rejected_rows(
    sqlite_url: str, tmp_path: Path
) -> None:
    once = rules("csv").model_copy(
        update={"command": (rules("csv").command[0].model_copy(
            update={"command": "RegisterCustomer", "arguments": {"occurred_at": "at", "customer": "customer"}}
        ),)}
    )  # fmt: skip
    source = write("csv", tmp_path / "people.csv", JANUARY)
    with Relations.open(sqlite_url, durability="off") as engine:
        first = import_file(engine, once, source)
        again = import_file(engine, once, source)
    assert (first.accepted, first.rejected) == (4, 0)
    assert (again.accepted, again.rejected, again.recorded) == (4, 0, 0)
