"""Random damage to the file of a database: it is found, or without effect, and never a wrong answer or a raw error."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from relations import Relations
from relations.errors import RelationsError
from relations.execution.states import States
from relations.log.codec import encode_state
from tests.support.making import START, complaint, day, purchase, register

CUSTOMERS = 6


def _history(file: Path) -> None:
    with Relations.open(f"sqlite:///{file}", snapshot_every=70, clock=lambda: day(60)) as engine:
        for number in range(CUSTOMERS):
            name = f"c{number}"
            engine.execute(register(name, name=f"Ada {number}"))
            engine.execute_many([purchase(i, name, euros=i + 1) for i in range(90)])
            engine.execute(complaint(number, name, text="The room was cold"))
        engine.catch_up()
        engine.log.database.purge()


def _answers(file: Path) -> dict[str, Any]:
    """Everything that callers may ask: events, states as decisions use them, and answers of views."""
    found: dict[str, Any] = {}
    with Relations.open(f"sqlite:///{file}", create=False, clock=lambda: day(60)) as engine:
        for number in range(CUSTOMERS):
            for kind in ("customer", "loyalty"):
                found[f"{kind} {number}"] = encode_state(engine.load(kind, f"c{number}"))
            found[f"history {number}"] = msgspec.json.encode(engine.history(f"c{number}"))
        as_of = START + timedelta(days=50)
        found["lifecycle"] = repr(engine.views.retention.lifecycle(as_of=as_of))
        found["repair"] = repr(engine.views.repair.summary(as_of=as_of))
        found["agenda"] = repr(engine.views.agenda.due(until=day(400)))
        found["desk"] = repr(engine.views.desk.load(as_of=as_of))
    return found


def _problems(file: Path) -> list[str]:
    with Relations.open(f"sqlite:///{file}", create=False, access="read") as engine:
        return [problem.code for problem in engine.verify().problems]


def _asked(ask: Callable[[Path], Any], file: Path) -> Any:
    """Ask, and return one of our errors as the answer; any other is a fault."""
    try:
        return ask(file)
    except RelationsError as error:
        return error


def _flip(tmp_path: Path, flips: int, seed: int) -> Counter[str]:
    whole = tmp_path / "whole.db"
    _history(whole)
    stored = whole.read_bytes()
    expected = _answers(whole)
    assert _problems(whole) == []
    chosen = random.Random(seed)
    outcomes: Counter[str] = Counter()
    for number in range(flips):
        place, bit = chosen.randrange(len(stored)), 1 << chosen.randrange(8)
        damaged = bytearray(stored)
        damaged[place] ^= bit
        file = tmp_path / f"flip{number}.db"
        file.write_bytes(damaged)
        problems, answers = _asked(_problems, file), _asked(_answers, file)
        if problems == [] and not isinstance(problems, RelationsError):
            assert answers == expected, f"seed {seed}: byte {place}, bit {bit}: a good verify and another answer"
            outcomes["no effect"] += 1
        else:
            outcomes["found"] += 1
        for each in tmp_path.glob(f"{file.name}*"):
            each.unlink()
    return outcomes


def test_flipped_bytes_are_found(tmp_path: Path) -> None:
    outcomes = _flip(tmp_path, flips=6, seed=3)
    assert outcomes.total() == 6
    assert outcomes["found"]


@pytest.mark.soak
def test_three_hundred_flipped_bytes_are_found(tmp_path: Path, soak_seed: int) -> None:
    outcomes = _flip(tmp_path, flips=300, seed=soak_seed)
    assert outcomes["found"] > 100
    assert outcomes.total() == 300


def test_a_snapshot_is_compared_with_the_fold_of_its_events(tmp_path: Path) -> None:
    file = tmp_path / "whole.db"
    _history(file)
    with Relations.open(f"sqlite:///{file}") as engine, engine.log.database.reading() as connection:
        states = States(engine.log, engine.codec, engine._executor.states._by_name.values())  # type: ignore[arg-type]
        assert list(states.bad_snapshots(connection)) == []
