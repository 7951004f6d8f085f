"""Measurement of finding and addressing people in a log of many customers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from statistics import median
from typing import Any

from benchmarks.harness import Line, Timing, Workspace, timed
from benchmarks.postgres import running_postgres
from relations import Relations
from relations.commands import GiveConsent, RecordPurchase, RegisterCustomer
from relations.messages import Command, Money
from relations.policies import Condition, Policy, Segment
from relations.policies.lifecycle import Lifecycle

NAME = "people"
ABOUT = "finding customers by name, number and address, and addressing an audience"

_START = datetime(2024, 1, 1, tzinfo=UTC)
_NOW = datetime(2025, 1, 1, tzinfo=UTC)
_FIRST = ("Anna", "Jörg", "Li", "Sofía", "Ivan", "Mia", "Noah", "Emma", "Łukasz", "Zoë", "Omar", "Aiko")
_SYLLABLES = ("lin", "ber", "mül", "hof", "stein", "wald", "gra", "kor", "vel", "tan", "mor", "sen", "ric", "dal")
_EVERY = 10
"""One customer in this many gave their consent, so that a million customers have an audience of 100,000."""
_ASKED = 50


def measure(workspace: Workspace) -> list[Line]:
    """Return the lines of this measurement."""
    customers = max(200, workspace.scale.events // 10)
    return [
        line
        for database, opened in (("SQLite", _sqlite(workspace)), ("PostgreSQL", _postgres()))
        for engine in opened
        for line in _measured(workspace, engine, database, customers)
    ]


def _now() -> datetime:
    return _NOW


def _sqlite(workspace: Workspace) -> Iterator[Relations]:
    url = f"sqlite:///{workspace.path('people')}"
    with closing(Relations.open(url, clock=_now, durability="off")) as engine:
        yield engine


def _postgres() -> Iterator[Relations]:
    with running_postgres() as url, Relations.open(url.render_as_string(hide_password=False), clock=_now) as engine:
        yield engine


def _measured(workspace: Workspace, engine: Relations, database: str, customers: int) -> Iterator[Line]:
    workspace.say(f"recording {customers:,} customers on {database}")
    fill(engine, customers)
    workspace.say("bringing the views up to date")
    engine.catch_up()
    workspace.say(f"finding customers on {database}, and listing an audience")
    of = f"{customers:,} customers on {database}"
    yield from _found(engine, customers, of)
    yield _audience(engine, customers, of)


def fill(relations: Relations, customers: int) -> None:
    """Record that many customers: a name, an address, a number; a consent and a purchase of one in ten."""
    segment = Segment(name="buyers", kind="behavioural", conditions=(Condition(fact="purchases", at_least=1),))
    relations.adopt(Policy(country="AT", lifecycle=Lifecycle(segments=(segment,))), since=_START)
    report = relations.execute_many(_commands(customers))
    assert not report.rejections


def person(number: int) -> tuple[str, str, str]:
    """Return the name, the address and the number of a customer."""
    random = Random(number)
    family = "".join(random.choice(_SYLLABLES) for _ in range(random.choice((2, 3, 3, 4)))).title()
    return f"{random.choice(_FIRST)} {family}", f"guest{number}@example.org", f"+43 664 {number:07d}"


def _commands(customers: int) -> Iterator[Command]:
    for number in range(customers):
        name, email, phone = person(number)
        at = _START + timedelta(seconds=number % 20_000_000)
        common = {"customer": f"c{number}", "occurred_at": at}
        yield RegisterCustomer(name=name, email=email, phone=phone, language=("de", "en", "zh")[number % 3], **common)
        if number % _EVERY == 0:
            yield GiveConsent(purpose="marketing", channel="email", **common)
            yield RecordPurchase(purchase=f"p{number}", amount=Money(10_000, "EUR"), **common)


def _found(relations: Relations, customers: int, of: str) -> Iterator[Line]:
    people = [person(number) for number in Random(7).sample(range(customers), _ASKED)]
    find = relations.views.customers.find
    questions: tuple[tuple[str, list[dict[str, Any]]], ...] = (
        ("a full name", [{"name": name} for name, _, _ in people]),
        ("a family name", [{"name": name.split()[1]} for name, _, _ in people]),
        ("a first name, the first 50", [{"name": name.split()[0]} for name, _, _ in people]),
        ("an e-mail address", [{"email": email} for _, email, _ in people]),
        ("a telephone number", [{"phone": phone} for _, _, phone in people]),
        ("the last four digits of a number, the first 50", [{"phone": phone[-4:]} for _, _, phone in people]),
    )
    for what, asked in questions:
        times = [timed(partial(find, **words)) for words in asked]
        assert all(find(**words) for words in asked)
        yield _line(f"find by {what}, {of}", "ms", times, 50, "the slowest counts")


def _audience(relations: Relations, customers: int, of: str) -> Line:
    count = -(-customers // _EVERY)

    def address() -> None:
        found = relations.views.customers.audience(segment="buyers", channel="email", purpose="marketing")
        assert sum(bool(each.address) for each in found) == count

    times = [timed(address) for _turn in range(2)]
    return _line(f"an audience of {count:,} of {of}", "s", times, 10, "with opened words")


def _line(what: str, unit: str, turns: list[Timing], budget: float, note: str) -> Line:
    scale = 1_000 if unit == "ms" else 1
    times = [turn.wall * scale for turn in turns]
    return Line(
        measurement=NAME,
        what=what,
        against="the budget itself: the slowest",
        unit=unit,
        ours=median(times),
        theirs=None,
        value=max(times),
        lowest=min(times),
        highest=max(times),
        value_cpu=max(turn.cpu for turn in turns) * scale,
        budget=budget,
        direction="at most",
        turns=len(times),
        note=note,
    )
