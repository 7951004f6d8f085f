"""Every aggregate is registered, with every event and command that its package defines."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from relations import aggregates
from relations.aggregates import AGGREGATES
from relations.messages import Command, Event


def modules(name: str) -> Iterator[Any]:
    """Yield a module and, if it is a package, the modules in it."""
    module = import_module(name)
    yield module
    for found in pkgutil.walk_packages(getattr(module, "__path__", []), f"{name}."):
        yield import_module(found.name)


def defined_in(name: str) -> tuple[set[type[Event]], set[type[Command]]]:
    """Return the events and the commands that a package defines."""
    kinds = [
        kind
        for module in modules(name)
        for kind in vars(module).values()
        if isinstance(kind, type) and kind.__module__ == module.__name__
    ]
    return (
        {kind for kind in kinds if issubclass(kind, Event) and "topic" in vars(kind)},
        {kind for kind in kinds if issubclass(kind, Command) and not kind.__subclasses__()},
    )


def test_every_aggregate_is_registered_with_all_its_events_and_commands() -> None:
    defined = {
        found.name: defined_in(f"relations.aggregates.{found.name}")
        for found in pkgutil.iter_modules(aggregates.__path__)
    }
    defined = {name: found for name, found in defined.items() if any(found)}
    registered = {each.name: (set(each.events), set(each.commands)) for each in AGGREGATES}
    assert defined.keys() == registered.keys(), "add AGGREGATE to AGGREGATES in relations/aggregates/__init__.py"
    for name, (events, commands) in defined.items():
        assert registered[name] == (events, commands), f"{name}: name its events and commands in its AGGREGATE"


def test_topics_are_unique() -> None:
    topics = [event.topic for aggregate in AGGREGATES for event in aggregate.events]
    assert len(topics) == len(set(topics)) > 100
