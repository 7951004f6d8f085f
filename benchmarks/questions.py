"""Measurement of every question of every view: asked first, asked again, and asked after 100 new events.

Each question gets an engine that has answered nothing yet. Its first answer is timed, then the same question with
nothing new, then the same question after one new purchase of each of 100 customers. The last time includes folding
these purchases. The budgets hold for the slowest question.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from random import Random
from time import process_time
from typing import Any, NamedTuple

from benchmarks.harness import Line, Workspace
from benchmarks.histories import folded_log, open_log, some_customers
from relations import Relations
from relations.commands import RecordPurchase
from relations.errors import InvalidInput
from relations.messages import Money
from relations.policies.value import DEFAULT_SEGMENTS
from relations.projections.view import View

NAME = "questions"
ABOUT = "every question of every view: asked first, again, and after 100 new events"

__all__ = ["ABOUT", "NAME", "Asked", "ask_all", "measure", "questions_of"]

_NEW = 100
_FIRST_MS, _AGAIN_MS, _AFTER_MS = 500.0, 20.0, 100.0
_LISTED = 5
"""The number of slowest questions that a note names."""


class Asked(NamedTuple):
    """The times of one question, in milliseconds of processor time: nothing waits for a disk."""

    question: str
    first: float
    again: float
    after: float


def measure(workspace: Workspace) -> list[Line]:
    """Return the lines of this measurement."""
    lines: list[Line] = []
    for events in dict.fromkeys((workspace.scale.fewer_events, workspace.scale.events)):
        path = workspace.copy(folded_log(workspace, events), "questions")
        workspace.say(f"asking every question, {events:,} events in the log")
        found = ask_all(lambda path=path: open_log(path, durability="off"))  # type: ignore[misc]  # bound on purpose
        budgets = events <= 1_000_000
        lines += [
            _line(f"asked first, {events:,} events", found, lambda one: one.first, _FIRST_MS if budgets else None),
            _line(f"asked again, {events:,} events", found, lambda one: one.again, _AGAIN_MS if budgets else None),
            _line(
                f"asked after {_NEW} new events of {_NEW} customers, {events:,} events",
                found,
                lambda one: one.after,
                _AFTER_MS if budgets else None,
            ),
        ]
    return lines


def ask_all(open_engine: Callable[[], Relations], only: Callable[[str], bool] = lambda _name: True) -> list[Asked]:
    """Return the times of every question.

    Args:
        open_engine: Returns a new engine on the same log.
        only: Returns whether to ask a question, given its name, such as `retention.rfm`.
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
            first, again = _milliseconds(question, values), _milliseconds(question, values)
            buying = Random(number).sample(customers, min(_NEW, len(customers)))
            engine.execute_many(
                RecordPurchase(
                    customer=customer, purchase=f"bench-{number}", amount=Money(1_000, "EUR"), occurred_at=last
                )
                for customer in buying
            )
            found.append(Asked(name, first, again, _milliseconds(question, values)))
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


def _milliseconds(question: Callable[..., Any], values: dict[str, Any]) -> float:
    begun = process_time()
    with suppress(InvalidInput):  # a small log has too few answers for some figures
        question(**values)
    return (process_time() - begun) * 1_000


def _line(what: str, found: list[Asked], of: Callable[[Asked], float], budget: float | None) -> Line:
    slowest = sorted(found, key=of, reverse=True)
    worst = of(slowest[0])
    named = ", ".join(f"{one.question} {of(one):,.0f} ms" for one in slowest[:_LISTED])
    return Line(
        measurement=NAME,
        what=f"the slowest of {len(found)} questions, {what}",
        against="the budget itself: the slowest" if budget else "no budget",
        unit="ms",
        ours=worst,
        theirs=None,
        value=worst,
        lowest=of(slowest[-1]),
        highest=worst,
        budget=budget,
        direction="at most",
        turns=len(found),
        note=f"{what}: {named}; {sum(of(one) > 300 for one in found)} of {len(found)} over 300 ms",
    )
