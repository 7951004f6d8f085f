"""Staff, opportunities, contracts and rivals come in from one table each, once, and go out and in as JSON Lines."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from relations import Relations
from relations.exchange import export_events, import_events
from relations.exchange.importing import import_file
from relations.messages import Money

TEAM = """\
row_kind,staff,id,at,role,department,languages,skills,interests,about,due_at,score,reason
joined,olga,,2024-01-08,concierge,desk,de;zh-Hans,mediation,wine;opera,,,,
joined,paul,,2024-01-08,waiter,bar,,,,,,,
changed,paul,,2024-02-01,,desk,en,,,,,,
training_planned,paul,t1,2024-02-02,,,,,,noise;late answer,2024-03-01,,
training_completed,paul,t1,2024-02-20 17:00,,,,,,,,85,
recognised,olga,r1,2024-03-01,,,,,,,,,kept her word
left,paul,,2024-05-01,,,,,,,,,moved
promoted,paul,,2024-05-02,,,,,,,,,
"""
PIPELINE = """\
row_kind,opportunity,id,customer,at,about,stage,amount,expected_on,owner,campaign,partner,starts,ends,reason,rival,value,words,source
opened,o1,,firm,2024-01-08,conference,,9000,2024-03-01,olga,fair,agency,,,,,,,
advanced,o1,,,2024-01-20,,quoted,9500,,,,,,,,,,,
quoted,o1,q1,,2024-01-21,,,9400.50,,,,,,2024-02-21,,,,,
won,o1,k1,,2024-02-01,,,9000,,,,,2024-03-01,2025-03-01,,,,,
renewed,o1,,,2025-01-10,,,9900,,,,,,2026-03-01,,,,,
opened,o2,,firm,2024-02-01,banquet,,2000,,paul,,,,,,,,,
lost,o2,,,2024-02-15,,,1800,,,,,,,price,palace,,,
ended,o1,,,2025-06-01,,,,,,,,,,closed,,,,
price,,b1,,2024-02-10,double room,,120,,,,,,,,palace,,,portal
rating,,b2,,2024-02-10,portal,,,,,,,,,,palace,4.5,,portal
service,,b3,,2024-02-10,breakfast,,,,,,,,,,palace,,vegan buffet,
sighed,,b4,,2024-02-10,breakfast,,,,,,,,,,palace,,,
"""


@pytest.fixture
def engine() -> Relations:
    return Relations.open("sqlite://", clock=lambda: datetime(2025, 7, 1, tzinfo=UTC))


def come_in(engine: Relations, mapping: str, table: str, folder: Path) -> tuple[int, int]:
    file = folder / f"{mapping}.csv"
    file.write_text(table, "utf-8")
    report = import_file(engine, mapping, file)
    position = engine.status().position
    assert import_file(engine, mapping, file).accepted == report.accepted
    assert engine.status().position == position
    return report.accepted, report.rejected


def test_staff_come_in_from_one_table(engine: Relations, tmp_path: Path) -> None:
    assert come_in(engine, "team", TEAM, tmp_path) == (7, 1)
    olga, paul = engine.views.team.members(left=True)
    assert (olga.role, olga.languages, olga.interests) == ("concierge", ("de", "zh-Hans"), ("wine", "opera"))
    assert (paul.role, paul.department, paul.languages) == ("waiter", "desk", ("en",))
    (course,) = paul.trainings
    assert (course.training, course.score, course.about) == ("t1", 85, ("noise", "late answer"))
    assert [each.staff for each in engine.views.team.members()] == ["olga"]


def test_opportunities_and_rivals_come_in_from_one_table(engine: Relations, tmp_path: Path) -> None:
    assert come_in(engine, "pipeline", PIPELINE, tmp_path) == (11, 1)
    view = engine.views.pipeline
    won, lost = view.opportunity("o1"), view.opportunity("o2")
    assert (won.status, won.quoted, won.campaign, won.partner) == ("won", Money(940_050, "EUR"), "fair", "agency")
    assert (lost.status, lost.rival, lost.price) == ("lost", "palace", Money(180_000, "EUR"))
    (contract,) = view.contracts(ended=True)
    assert (contract.status, contract.ends, contract.amount) == ("ended", date(2026, 3, 1), Money(990_000, "EUR"))
    (rival,) = view.rivals()
    assert {each.kind: each.price or each.value or each.words for each in rival.observations} == {
        "price": Money(12_000, "EUR"), "rating": 4.5, "service": "vegan buffet",
    }  # fmt: skip


def test_they_go_out_and_come_in_again_as_json_lines(engine: Relations, tmp_path: Path) -> None:
    come_in(engine, "team", TEAM, tmp_path)
    come_in(engine, "pipeline", PIPELINE, tmp_path)
    lines = tmp_path / "events.jsonl"
    export_events(engine, lines)
    assert '"rival.observed"' in lines.read_text("utf-8")
    with Relations.open("sqlite://", clock=lambda: datetime(2025, 7, 1, tzinfo=UTC)) as other:
        import_events(other, lines)
        questions: tuple[Callable[[Relations], list[Any]], ...] = (
            lambda one: one.views.team.members(left=True),
            lambda one: one.views.pipeline.opportunities(),
            lambda one: one.views.pipeline.contracts(ended=True),
            lambda one: one.views.pipeline.rivals(),
        )
        for ask in questions:
            assert ask(other) == ask(engine) != []
