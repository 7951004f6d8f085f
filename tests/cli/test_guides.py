"""The guides for auditors can be followed by copy and paste, in the order in which they are written."""

from __future__ import annotations

import re
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from relations import EraseCustomer, RegisterCustomer, Relations
from relations.projections.loyalty.rows import Movement
from tests.cli.conftest import invoke

GUIDES = Path(__file__).parents[2] / "docs" / "how-to"
NEEDS_A_NETWORK = ("audit cosign", "audit timestamp", "--timestamp", "postgresql")
NEEDS_ITS_OWN = ("--check anna.json -d hotel.db --policy",)
"""Run by other tests, with what they need."""
MADE_BEFORE = re.compile(r"relations demo|^python |^export |^#")


def lines_of(guide: str) -> list[str]:
    """The commands of a guide, each a line."""
    text = (GUIDES / f"{guide}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return [line.split(" #")[0].strip() for block in blocks for line in block.replace("\\\n", " ").splitlines() if line]


@pytest.fixture(scope="module")
def folder(_hotel: Path, played: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh folder with a hotel's log, a customer who was erased, and a copy of the log."""
    assert played
    found = tmp_path_factory.mktemp("auditor")
    (found / "key").write_text("ab" * 32)
    for name in ("hotel.db", "copy.db"):
        (found / name).write_bytes(_hotel.read_bytes())
        with Relations.open(f"sqlite:///{found / name}") as engine:
            now = datetime(2025, 12, 30, tzinfo=UTC)
            engine.execute(RegisterCustomer(customer="anna", name="Anna Lind", occurred_at=now))
            engine.execute(EraseCustomer(customer="anna", reason="asked", actor="maria", occurred_at=now))
            engine.rebuild()
    return found


def in_this_log(line: str, folder: Path) -> str:
    """A command with the ids and digests of this log, which an auditor fills in."""
    with Relations.open(f"sqlite:///{folder / 'hotel.db'}", access="read") as engine:
        row = engine.views.loyalty.rows(Movement, limit=1)[0]
        status = engine.status()
        event = next(iter(engine.events(after=1233)))
        lasting = engine.views.retention.lifetime_values(limit=1).customers[0].customer
    return (
        line.replace("--key 20190 --key 2025-12", f"--key {row.day} --key {shlex.quote(row.expires)}")
        .replace("POSITION:DIGEST", f"{status.position}:{status.digest}")
        .replace("DIGEST", event.digest.hex())
        .replace("g000006", lasting)
        .replace("g000002", lasting)
        .replace("~/audit-states", str(folder / "states"))
    )


@pytest.mark.parametrize(
    "guide",
    [
        "audit-a-log",
        "verify-a-log",
        "prove-a-history",
        *(pytest.param(name, marks=pytest.mark.soak) for name in ("ask-the-past", "seal-a-log", "export-for-auditors")),
    ],
)
def test_a_guide_can_be_followed(guide: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    ran = 0
    for line in lines_of(guide):
        if MADE_BEFORE.search(line) or any(part in line for part in (*NEEDS_A_NETWORK, *NEEDS_ITS_OWN)):
            continue
        words = shlex.split(in_this_log(line, folder))
        assert words[0] == "relations"
        target = next((Path(words[n + 1]) for n, word in enumerate(words[:-1]) if word == ">"), None)
        found = invoke(*words[1 : words.index(">") if target else None])
        assert found.code == 0, (line, found.out, found.err)
        if target is not None:
            target.write_text(found.out, encoding="utf-8")
        ran += 1
    assert ran >= 1
