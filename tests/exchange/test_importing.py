"""Files into the log: rows add up, rejected rows can be mended, an import can be run again at any point."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations.engine import Relations
from relations.errors import MappingError, SourceError
from relations.exchange.import_run import ImportProgress
from relations.exchange.importing import import_commands, import_file
from relations.exchange.mapping.model import Mapping
from tests.support.effort import part
from tests.support.making import killable

SHOP = Mapping.model_validate(
    {
        "name": "shop",
        "source": {"format": "csv"},
        "values": {
            "at": {"column": "day", "type": "time", "zone": "UTC"},
            "paid": {"column": "worth", "type": "money", "currency": "EUR", "sign": "absolute"},
        },
        "reject": [{"when": [{"of": "who", "blank": True}], "code": "blank_customer", "reason": "nobody"}],
        "command": [
            {
                "command": "RecordPurchase",
                "when": [{"of": "worth", "at_least": 0}],
                "with": {"occurred_at": "at", "customer": "who", "purchase": "id", "amount": "paid"},
            },
            {
                "command": "RefundPurchase",
                "when": [{"of": "worth", "below": 0}],
                "with": {
                    "occurred_at": "at",
                    "customer": "who",
                    "refund": {"template": "r{row}"},
                    "purchase": "id",
                    "amount": "paid",
                },
            },
        ],
    }
)
ROWS = [
    "id,who,day,worth",
    "p1,c1,2024-01-01,10",
    "p2,,2024-01-02,10",
    "p1,c1,2024-01-03,-4",
    "p9,c1,2024-01-04,-4",
    "p3,c2,2024-01-05,7.5",
    "p1,c1,2024-01-06,-7",
]


@pytest.fixture
def relations(sqlite_url: str) -> Iterator[Relations]:
    with Relations.open(sqlite_url, durability="off") as opened:
        yield opened


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.csv"
    path.write_text("\n".join(ROWS) + "\n")
    return path


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def positions(relations: Relations) -> list[tuple[str, str]]:
    return [(event.topic, event.command_id) for event in relations.events()]


def test_rows_in_are_rows_taken_and_rows_rejected(relations: Relations, shop: Path, tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.jsonl"
    seen: list[ImportProgress] = []
    report = import_file(relations, SHOP, shop, rejects=rejects, on_progress=seen.append)

    assert (report.rows, report.accepted, report.rejected) == (6, 3, 3)
    assert (report.commands, report.recorded, report.refused) == (5, 3, 2)
    assert report.by_reason == {"blank_customer": 1, "refund_names_no_purchase": 1, "refund_exceeds_purchase": 1}
    assert [(line["row"], line["code"], line["command"]) for line in records(rejects)] == [
        (2, "blank_customer", None),
        (4, "refund_names_no_purchase", "RefundPurchase"),
        (6, "refund_exceeds_purchase", "RefundPurchase"),
    ]
    assert records(rejects)[1]["raw"] == {"id": "p9", "who": "c1", "day": "2024-01-04", "worth": "-4"}
    assert [line["row"] for line in report.examples] == [2, 4, 6]
    assert (seen[-1].rows, seen[-1].bytes_read) == (6, seen[-1].bytes_total)
    assert not list(tmp_path.glob("*.partial"))


def test_run_again_nothing_is_written_and_the_same_is_said(relations: Relations, shop: Path, tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.jsonl"
    first = import_file(relations, SHOP, shop, rejects=rejects)
    before, said = positions(relations), rejects.read_text()
    again = import_file(relations, SHOP, shop, rejects=rejects)
    assert positions(relations) == before
    assert len(before) > 3
    assert (again.recorded, again.repeated, again.events) == (0, 3, 0)
    assert (again.rows, again.accepted, again.by_reason) == (first.rows, first.accepted, first.by_reason)
    assert rejects.read_text() == said


def test_what_an_earlier_run_refused_is_not_decided_again(relations: Relations, shop: Path) -> None:
    import_file(relations, SHOP, shop, batch=1)
    before = positions(relations)
    # Now p9 exists, but the row that named it before was refused in its own time.
    shop.write_text(shop.read_text() + "p9,c1,2024-01-07,50\n")
    again = import_file(relations, SHOP, shop, batch=1)
    assert positions(relations)[len(before) :] == [("customer.purchase_recorded", "shop:7")]
    assert again.by_reason["not_recorded_before"] == 1
    assert again.rows == again.accepted + again.rejected == 7


@part(40)
@given(stop=st.integers(0, 6), batch=st.integers(1, 4))
def test_interrupted_anywhere_and_run_again_is_as_never_interrupted(
    tmp_path_factory: pytest.TempPathFactory, stop: int, batch: int
) -> None:
    folder = tmp_path_factory.mktemp("run")
    shop, rejects = folder / "shop.csv", folder / "rejects.jsonl"
    shop.write_text("\n".join(ROWS) + "\n")

    class Stopped(Exception):
        pass

    def stop_after(progress: ImportProgress) -> None:
        if progress.rows >= stop:
            raise Stopped

    with Relations.open(f"sqlite:///{folder / 'a.db'}", durability="off") as relations:
        with pytest.raises(Stopped):
            import_file(relations, SHOP, shop, rejects=rejects, batch=batch, on_progress=stop_after)
        report = import_file(relations, SHOP, shop, rejects=rejects, batch=batch)
        resumed = positions(relations)
    with Relations.open(f"sqlite:///{folder / 'b.db'}", durability="off") as relations:
        straight = import_file(relations, SHOP, shop, rejects=folder / "straight.jsonl", batch=batch)
        assert positions(relations) == resumed
    assert len(resumed) > 3
    assert (report.accepted, report.by_reason) == (straight.accepted, straight.by_reason)
    assert rejects.read_text() == (folder / "straight.jsonl").read_text()


def test_rejected_rows_are_mended_and_sent_again(relations: Relations, shop: Path, tmp_path: Path) -> None:
    rejects, mended = tmp_path / "rejects.jsonl", tmp_path / "mended.jsonl"
    import_file(relations, SHOP, shop, rejects=rejects)
    mended.write_text(rejects.read_text().replace('"who":""', '"who":"c7"').replace('"p9"', '"p1"'))
    report = import_file(relations, SHOP, mended, rejects=rejects)
    assert (report.rows, report.accepted, report.rejected) == (3, 2, 1)
    assert [line["row"] for line in records(rejects)] == [6]
    assert {command_id for _, command_id in positions(relations)} >= {"shop:2", "shop:4.2"}

    # And the whole file again: the log knows the corrected rows by their ids, now with other contents.
    before = positions(relations)
    with pytest.raises(SourceError) as raised:
        import_file(relations, SHOP, shop, rejects=rejects)
    assert (raised.value.code, positions(relations)) == ("not_a_continuation", before)
    # With the corrected rows in the file's place all is as it was.
    again = import_file(relations, SHOP, shop, rejects=tmp_path / "other.jsonl", corrected=mended)
    assert (again.recorded, again.repeated) == (0, 5)


@pytest.mark.parametrize("values", [True, False])
def test_rows_corrected_in_the_file_itself_are_recorded_next_to_the_old_rejects(
    relations: Relations, shop: Path, tmp_path: Path, *, values: bool
) -> None:
    rejects = tmp_path / "rejects.jsonl"
    import_file(relations, SHOP, shop, rejects=rejects, reject_values=values)
    shop.write_text(shop.read_text().replace("p2,,", "p2,c7,").replace("p9,c1", "p1,c1" if values else "p9,c1"))
    again = import_file(relations, SHOP, shop, rejects=rejects, reject_values=values)
    assert (again.accepted, again.rejected, again.passed_over) == ((5, 1, 0) if values else (4, 2, 0))
    assert again.events == again.recorded + 1 == (3 if values else 2)  # and the registration of c7
    third = import_file(relations, SHOP, shop, rejects=rejects, reject_values=values)
    assert (third.recorded, third.accepted, third.by_reason) == (0, again.accepted, again.by_reason)


def test_a_file_of_rejected_rows_may_be_mended_in_place(relations: Relations, shop: Path, tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.jsonl"
    import_file(relations, SHOP, shop, rejects=rejects)
    rejects.write_text(rejects.read_text().replace('"who":""', '"who":"c7"') + "no row\n")
    report = import_file(relations, SHOP, rejects, rejects=rejects)
    assert (report.rows, report.accepted) == (4, 1)
    assert report.by_reason["malformed_row"] == 1


def test_rejected_rows_of_another_import_are_refused(relations: Relations, shop: Path, tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.jsonl"
    import_file(relations, SHOP, shop, rejects=rejects)
    with pytest.raises(SourceError) as raised:
        import_file(relations, SHOP, rejects, name="other")
    assert raised.value.code == "other_source"


def test_a_row_of_which_one_command_is_refused_says_so(relations: Relations, tmp_path: Path) -> None:
    both = SHOP.model_copy(
        update={"command": tuple(rule.model_copy(update={"when": ()}) for rule in SHOP.command), "name": "both"}
    )
    source, rejects = tmp_path / "both.csv", tmp_path / "rejects.jsonl"
    source.write_text("id,who,day,worth\np1,c1,2024-01-01,10\np1,c1,2024-01-02,-7\n")
    report = import_file(relations, both, source, rejects=rejects)
    assert (report.rows, report.accepted, report.commands, report.recorded) == (2, 1, 4, 2)
    (line,) = records(rejects)
    assert (line["row"], line["command"], line["recorded"]) == (2, "RecordPurchase", 0)


def test_a_file_that_breaks_off_leaves_what_was_before(relations: Relations, shop: Path, tmp_path: Path) -> None:
    shop.write_bytes(shop.read_bytes() + b"p4,c2,2024-01-07,\xff\n")
    with pytest.raises(SourceError) as raised:
        import_file(relations, SHOP, shop, batch=1)
    assert raised.value.code == "wrong_encoding"
    assert relations.status().position >= 0
    shop.write_text("\n".join(ROWS) + "\n")
    assert import_file(relations, SHOP, shop).rows == 6


def test_a_column_that_is_not_there(relations: Relations, shop: Path) -> None:
    shop.write_text("id,customer,day,worth\n")
    with pytest.raises(MappingError) as raised:
        import_file(relations, SHOP, shop)
    assert raised.value.code == "unknown_column"
    assert "customer" in str(raised.value)


def test_a_place_where_nothing_can_be_written(relations: Relations, shop: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError) as raised:
        import_file(relations, SHOP, shop, rejects=tmp_path / "none" / "rejects.jsonl")
    assert raised.value.code == "unwritable_rejects"
    assert relations.status().position == 0


def test_notes_are_listed(relations: Relations, shop: Path, tmp_path: Path) -> None:
    noting = Mapping.model_validate(
        {
            **SHOP.model_dump(by_alias=True, exclude_defaults=True),
            "note": [{"when": [{"of": "worth", "above": 8}], "code": "big", "reason": "much"}],
        }
    )
    report = import_file(relations, noting, shop, notes=tmp_path / "notes.jsonl")
    assert report.notes == {"big": 1}
    assert [(line["row"], line["reason"]) for line in records(tmp_path / "notes.jsonl")] == [(1, "much")]


def test_commands_in_the_native_form(relations: Relations, tmp_path: Path) -> None:
    source, rejects = tmp_path / "commands.jsonl", tmp_path / "rejects.jsonl"
    money = {"amount": 1000, "currency": "EUR"}
    lines = [
        {"command": "RecordPurchase", "customer": "c1", "purchase": "p1", "amount": money},
        {"command": "RecordPurchase", "customer": "c 1", "purchase": "p1", "amount": money},
        {"command": "RefundPurchase", "customer": "c1", "purchase": "p2", "refund": "r", "amount": money},
    ]
    text = "\n".join(json.dumps({**line, "occurred_at": "2024-01-01T00:00:00Z"}) for line in lines)
    source.write_text(f"{text}\nno json\n")
    report = import_commands(relations, source, rejects=rejects)
    assert (report.rows, report.accepted, report.rejected) == (4, 1, 3)
    assert [line["code"] for line in records(rejects)] == [
        "invalid_customer",
        "refund_names_no_purchase",
        "malformed_row",
    ]
    again = import_commands(relations, source, rejects=rejects)
    assert (again.repeated, again.events, again.rejected) == (1, 0, 3)
    rejects.write_text(rejects.read_text().replace("c 1", "c2").replace('"p2"', '"p1"'))
    mended = import_commands(relations, rejects)
    assert (mended.rows, mended.accepted, mended.recorded) == (3, 2, 2)


def import_until_killed(url: str, source: Path, rows: int) -> None:
    def kill(progress: ImportProgress) -> None:
        if progress.rows >= rows:
            os.kill(os.getpid(), signal.SIGKILL)

    import_file(Relations.open(url), "cdnow", source, batch=100, on_progress=kill)


def test_killed_and_run_again_nothing_is_lost_or_doubled(database_url: str, tmp_path: Path) -> None:
    source = tmp_path / "cdnow.txt"
    source.write_text("customer_id date number_of_cds dollar_value\n" + "1 19970101 1 2.50\n" * 1_000)
    for rows in (100, 500):
        died = killable(import_until_killed, database_url, source, rows)
        died.join()
        assert died.exitcode == -signal.SIGKILL
    with Relations.open(database_url) as relations:
        assert relations.status().position >= 500
        report = import_file(relations, "cdnow", source)
        assert (report.accepted, report.recorded + report.repeated) == (1_000, 1_000)
        assert report.repeated >= 500
        found = [event.command_id for event in relations.events() if event.topic == "customer.purchase_recorded"]
        assert found == [f"cdnow:{row}" for row in range(1, 1_001)]
        assert relations.verify().good
