"""Measurement of every question of every view: asked first, asked again, and asked after 100 new events.

Each question gets an engine that has answered nothing yet. Its first answer is timed, then the same question with
nothing new, then the same question after one new purchase of each of 100 customers. The last time includes folding
these purchases. The budgets hold for the slowest question.

The same is asked on SQLite and on PostgreSQL, with the same log. There, the server's processor time counts, too.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from random import Random
from statistics import median
from typing import Any, NamedTuple

from benchmarks.counting import Cost, Counter
from benchmarks.harness import Line, Workspace
from benchmarks.histories import bring_up_to_date, copy_log, folded_log, open_log, some_customers
from benchmarks.postgres import running_postgres
from relations import Relations
from relations.commands import RecordPurchase
from relations.messages import Money
from relations.policies.value import DEFAULT_SEGMENTS
from relations.projections.view import View

NAME = "questions"
ABOUT = "every question of every view: asked first, again, and after 100 new events"

__all__ = ["ABOUT", "NAME", "Asked", "ask_all", "measure", "questions_of"]

_NEW = 100
_REPEATS = 10
_DATABASES = 2.0
_FIRST_MS, _AGAIN_MS, _AFTER_MS = 500.0, 20.0, 100.0
_LISTED = 5
"""The number of slowest questions that a note names."""


class Asked(NamedTuple):
    """The cost of one question. Times are those of the processor: nothing waits for a disk."""

    question: str
    first: Cost
    again: Cost
    after: Cost


_FIRST: Callable[[Asked], Cost] = attrgetter("first")
_AGAIN: Callable[[Asked], Cost] = attrgetter("again")
_AFTER: Callable[[Asked], Cost] = attrgetter("after")


def measure(workspace: Workspace) -> list[Line]:
    """Return the lines of this measurement."""
    lines: list[Line] = []
    for events in dict.fromkeys((workspace.scale.fewer_events, workspace.scale.events)):
        path = workspace.copy(folded_log(workspace, events), "questions")
        workspace.say(f"asking every question, {events:,} events in the log")
        found = ask_all(lambda path=path: open_log(path, durability="off"))  # type: ignore[misc]  # bound on purpose
        budgets = events <= 1_000_000
        lines += [
            _line(f"asked first, {events:,} events", found, _FIRST, _FIRST_MS if budgets else None),
            _line(f"asked again, {events:,} events", found, _AGAIN, _AGAIN_MS if budgets else None),
            _line(
                f"asked after {_NEW} new events of {_NEW} customers, {events:,} events",
                found,
                _AFTER,
                _AFTER_MS if budgets else None,
            ),
        ]
    return lines + _databases(workspace)


def _databases(workspace: Workspace) -> list[Line]:
    """Return the lines that compare the two databases. Small questions are asked again often enough to be measured."""
    events = min(workspace.scale.events, workspace.scale.base_events)
    path = workspace.copy(folded_log(workspace, events), "databases")
    with running_postgres() as server:
        url = server.render_as_string(hide_password=False)
        with open_log(path) as original, Relations.open(url, durability="off") as copy:
            copy_log(original, copy)
            bring_up_to_date(copy)
            with copy.log.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("VACUUM ANALYZE")
        workspace.say(f"asking every question of both databases, {events:,} events in the log")
        ours = ask_all(lambda: Relations.open(url, durability="off"), repeats=_REPEATS)
    theirs = ask_all(lambda: open_log(path, durability="off"), repeats=_REPEATS)
    return [
        _compared(f"{how}, {events:,} events", [(of(one), of(two)) for one, two in zip(ours, theirs, strict=True)])
        for how, of in (("asked first", _FIRST), ("asked again", _AGAIN), (f"asked after {_NEW} new events", _AFTER))
    ]


def ask_all(
    open_engine: Callable[[], Relations], only: Callable[[str], bool] = lambda _name: True, *, repeats: int = 1
) -> list[Asked]:
    """Return what every question takes.

    Args:
        open_engine: Returns a new engine on the same log.
        only: Returns whether to ask a question, given its name, such as `retention.rfm`.
        repeats: How often it is asked again. The mean counts.
    """
    with open_engine() as engine:
        names = [name for name in questions_of(engine) if only(name)]
        customers, last = some_customers(engine, _NEW)
    found: list[Asked] = []
    for number, name in enumerate(names):
        with open_engine() as engine:
            engine.policy  # noqa: B018 - every service has read it before the first question
            question = questions_of(engine)[name]
            values = _arguments(question, customers[0], last)
            asking = Counter(engine)
            first, again = asking.cost(question, values), asking.cost(question, values, repeats)
            buying = Random(number).sample(customers, min(_NEW, len(customers)))
            engine.execute_many(
                RecordPurchase(
                    customer=customer, purchase=f"bench-{number}", amount=Money(1_000, "EUR"), occurred_at=last
                )
                for customer in buying
            )
            found.append(Asked(name, first, again, asking.cost(question, values)))
    return found


def questions_of(engine: Relations) -> dict[str, Callable[..., Any]]:
    """Return every question of every view by name, such as `retention.rfm`."""
    return {
        f"{name}.{question}": getattr(view, question)
        for name, view in vars(engine.views).items()
        for question in dir(view)
        if not question.startswith("_") and question not in dir(View) and question != "projection"
    }


def _arguments(question: Callable[..., Any], customer: str, last: datetime) -> dict[str, Any]:
    """Return the arguments that a question needs. A moment is the log's last, so that every answer has its figures."""
    known: dict[str, Any] = {
        "as_of": last,
        "months": [f"{last:%Y-%m}"],
        "now": last,
        "customer": customer,
        "external_id": "77",
        "indicator": "nps",
        "channel": "email",
        "purpose": "surveys",
        "segment": DEFAULT_SEGMENTS[0].name,
        "customers": ["c1"],
        "instrument": "ces",
        "source": "crm",
        "until": last + timedelta(days=30),
        "within": timedelta(days=30),
    }
    parameters = inspect.signature(question).parameters.values()
    return {
        each.name: known.get(each.name, f"{each.name}-of-nobody")
        for each in parameters
        if each.default is each.empty or each.name in ("as_of", "now")
    }


def _line(what: str, found: list[Asked], of: Callable[[Asked], Cost], budget: float | None) -> Line:
    def took(one: Asked) -> float:
        return of(one).milliseconds

    slowest = sorted(found, key=took, reverse=True)
    worst = took(slowest[0])
    named = ", ".join(f"{one.question} {took(one):,.0f} ms" for one in slowest[:_LISTED])
    return Line(
        measurement=NAME,
        what=f"the slowest of {len(found)} questions, {what}",
        against="the budget itself: the slowest" if budget else "no budget",
        unit="ms",
        ours=worst,
        theirs=None,
        value=worst,
        lowest=took(slowest[-1]),
        highest=worst,
        budget=budget,
        direction="at most",
        turns=len(found),
        note=f"{what}: {named}; {sum(took(one) > 300 for one in found)} of {len(found)} over 300 ms",
    )


def _compared(what: str, asked: Sequence[tuple[Cost, Cost]]) -> Line:
    """Return the line that compares PostgreSQL with SQLite, question by question."""
    ratios = [one.milliseconds / two.milliseconds for one, two in asked]
    ours, theirs = (median(each.milliseconds for each in side) for side in zip(*asked, strict=True))
    sent = sum(one.statements for one, _ in asked)
    return Line(
        measurement=NAME,
        what=f"each of {len(asked)} questions on PostgreSQL, {what}",
        against="the same question on SQLite",
        unit="ms",
        ours=ours,
        theirs=theirs,
        value=median(ratios),
        lowest=min(ratios),
        highest=max(ratios),
        budget=_DATABASES,
        direction="at most",
        turns=len(asked),
        note=f"{what}: {sum(ratio > _DATABASES for ratio in ratios)} of {len(ratios)} take more than twice the time; "
        f"{sent / len(asked):.1f} statements a question",
    )
