"""Every public question of every view, asked: what tests mean by "over all views"."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import msgspec
from pydantic import BaseModel

from relations.errors import RelationsError
from relations.past.questions import Questions
from relations.policies.value import DEFAULT_SEGMENTS
from relations.projections.agenda.view import AgendaItem
from relations.projections.view import View

START = datetime(2024, 1, 1, tzinfo=UTC)
LATER = START + timedelta(days=400)
IDS = ("c1", "c2", "c3", "c4")
Answers = dict[tuple[str, str], Any]
"""By question, and what it was asked with."""

_MACHINERY = frozenset((*dir(View), "projection"))
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "answer": ("accepted",),
    "as_of": (LATER,),
    "campaign": ("spring",),
    "channel": ("email",),
    "complaint": ("k1", "k2", "k3"),
    "customer": IDS,
    "customers": (IDS,),
    "external_id": ("77",),
    "goal": ("g1",),
    "improvement": ("i1",),
    "indicator": ("nps", "retention", "revenue", "open_cases"),
    "instrument": ("ces",),
    "months": (("2024-01", "2024-03"),),
    "opportunity": ("n1", "n3"),
    "own_id": ("c1",),
    "owner": ("ann",),
    "purpose": ("surveys",),
    "rung": ("loose",),
    "segment": (DEFAULT_SEGMENTS[0].name,),
    "source": ("crm",),
    "staff": ("own-li",),
    "training": ("listening",),
    "until": (LATER + timedelta(days=2_000),),
    "within": (timedelta(days=2_000),),
}
"""What is asked with, by the name of the argument."""
_GROUPS: tuple[dict[str, Any], ...] = (
    *({"by": (name,)} for name in ("month", "touchpoint", "channel", "language", "region", "complaint_outcome")),
    {"by": ("segment",), "segments": {"c1": ("loyal", "near"), "c2": ("near",)}},
)
"""By every dimension of satisfaction."""
ALSO: dict[str, tuple[dict[str, Any], ...]] = {
    "desk.load": ({"by": "department"},),
    "repair.relations": ({"state": "healthy"},),
    "retention.acquisition": ({"campaigns": True},),
    "satisfaction.csat": _GROUPS,
    "satisfaction.gaps": ({"items": True}, *_GROUPS),
    "satisfaction.nps": _GROUPS,
    "satisfaction.response_rates": ({"by": ("month", "touchpoint")}, {"by": ("instrument",)}),
    "satisfaction.themes": _GROUPS,
    "pipeline.losses": ({"by": "rival"},),
    "pipeline.results": tuple({"by": name} for name in ("owner", "partner", "campaign", "what")),
    "team.figures": ({"by": "department"},),
    "satisfaction.trends": tuple(group for group in _GROUPS if group["by"] != ("month",)),
}
"""What is asked with beside that."""


def questions(relations: Questions) -> dict[str, Callable[..., Any]]:
    """Every public question of every view."""
    return {
        f"{name}.{question}": getattr(view, question)
        for name, view in vars(relations.views).items()
        for question in dir(view)
        if not question.startswith("_") and question not in _MACHINERY
    }


def needed_by(name: str, question: Callable[..., Any], *more: str) -> list[str]:
    """Return the arguments that a question has to be given, and those of `more` that it takes."""
    parameters = inspect.signature(question).parameters.values()
    wanted = [each.name for each in parameters if each.default is each.empty or each.name in more]
    missing = [each for each in wanted if each not in ARGUMENTS]
    assert not missing, f"{name} needs {missing}: give values in ARGUMENTS in tests/support/asking.py"
    return wanted


def arguments_of(name: str, question: Callable[..., Any], customers: tuple[str, ...] = IDS) -> list[dict[str, Any]]:
    """Everything to ask a question with: each combination of what it has to be told, and of its moment."""
    values_of = {**ARGUMENTS, "customer": customers}
    wanted = needed_by(name, question, "as_of")
    asked = [dict(zip(wanted, values, strict=True)) for values in product(*(values_of[each] for each in wanted))]
    return asked + [each | also for each in asked for also in ALSO.get(name, ())]


def answers(relations: Questions, *, customers: tuple[str, ...] = IDS, but: Iterable[str] = ()) -> Answers:
    """Return every view's answer to every question as plain data, or the error's code if there is none.

    Args:
        relations: Whose views.
        customers: Whom to ask about, where it is one customer that is asked about.
        but: What not to ask: questions, or whole views.
    """
    found: Answers = {}
    left_out = tuple(but)
    for name, question in questions(relations).items():
        for asked in [] if name.startswith(left_out) else arguments_of(name, question, customers):
            try:
                said = _plain(question(**asked))
            except RelationsError as error:
                said = error.code
            found[name, ", ".join(f"{key}={value}" for key, value in asked.items() if key != "as_of")] = said
    return found


def _plain(value: Any) -> Any:
    match value:
        case AgendaItem():  # which event made it due is no part of what is due
            return value.model_dump(mode="json", exclude={"again"})
        case BaseModel():
            return value.model_dump(mode="json")
        case msgspec.Struct():
            return msgspec.to_builtins(value)
        case list() | tuple() | Iterator():
            return [_plain(each) for each in value]
    return value


def without(found: Answers, names: Iterable[str]) -> Answers:
    return {key: said for key, said in found.items() if key[0] not in names}


def of_customer(found: Answers, customer: str) -> dict[str, Any]:
    """The answers to questions about one customer."""
    return {name: said for (name, asked), said in found.items() if asked == f"customer={customer}"}
