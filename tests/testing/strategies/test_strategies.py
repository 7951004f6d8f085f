from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations.aggregates import AGGREGATES, loyalty
from relations.aggregates.complaint import FileComplaint
from relations.aggregates.customer import GiveFeedback, RecordPurchase
from relations.decider import due_before, fold
from relations.messages import ID_PATTERN, Command, minor_digits
from relations.policies import Policy, Surveys
from relations.policies.in_force import InForce
from relations.testing import histories, strategies
from tests.support.effort import part
from tests.support.reaching import reach

EVERY_COMMAND = [kind for aggregate in AGGREGATES for kind in aggregate.commands]
EVERY_AGGREGATE = pytest.mark.parametrize("aggregate", AGGREGATES, ids=lambda aggregate: aggregate.name)
EVENTFUL = pytest.mark.parametrize(
    "aggregate", [each for each in AGGREGATES if len(each.events) > 1], ids=lambda aggregate: aggregate.name
)


@pytest.mark.parametrize("kind", EVERY_COMMAND, ids=lambda kind: kind.__name__)
def test_every_command_has_a_strategy_that_draws_valid_ones(kind: type[Command]) -> None:
    drawn = []

    @part(40)
    @given(strategies.commands_of(kind))
    def draw(command: Command) -> None:
        assert type(command) is kind
        assert kind.model_validate_json(command.model_dump_json()) == command
        drawn.append(command)

    draw()
    assert len(drawn) > 1


@pytest.mark.soak
def test_all_commands_together_reach_every_class() -> None:
    assert len(EVERY_COMMAND) > 25
    together = st.lists(strategies.commands(), min_size=20, max_size=40)
    reach(EVERY_COMMAND, together.map(lambda commands: {type(command) for command in commands}), examples_max=5_000)


@pytest.mark.parametrize(
    ("strategy", "prefix"),
    [
        (strategies.customer_commands(customer=st.just("c9")), "customer-c9"),
        (strategies.complaint_commands(complaint=st.just("k9")), "complaint-k9"),
        (strategies.loyalty_commands(customer=st.just("c9")), "loyalty-c9"),
    ],
)
def test_commands_of_one_aggregate_go_to_its_stream(strategy: st.SearchStrategy[Command], prefix: str) -> None:
    @given(strategy)
    def draw(command: Command) -> None:
        assert command.stream == prefix

    draw()


@given(strategies.commands_of(RecordPurchase, purchase=st.just("p77"), category=st.none()))
def test_fields_can_be_given(command: RecordPurchase) -> None:
    assert (command.purchase, command.category) == ("p77", None)


@given(strategies.commands_of(GiveFeedback))
def test_scores_suit_their_instruments(command: GiveFeedback) -> None:
    instrument = Surveys().instrument(command.instrument)
    assert instrument is not None
    if instrument.scored:
        assert instrument.lowest is not None
        assert instrument.highest is not None
        assert command.score is not None
        assert instrument.lowest <= command.score <= instrument.highest
    else:
        assert command.score is None
        assert bool(command.items) == bool(instrument.items)


def test_a_type_that_is_not_known_asks_for_a_strategy() -> None:
    class Odd(Command):
        weights: Annotated[dict[str, float], "of guests"]

    with pytest.raises(TypeError, match=r"no strategy for Odd.weights .* commands_of\(\.\.\., weights=\.\.\.\)"):
        strategies.commands_of(Odd)

    @given(strategies.commands_of(Odd, weights=st.just({"Ada": 61.5})))
    def draw(command: Odd) -> None:
        assert command.weights == {"Ada": 61.5}

    draw()


@given(strategies.ids(), strategies.moments(), strategies.moneys(), strategies.channels())
def test_values_are_what_the_engine_takes(name: str, moment: datetime, money: Any, channel: str) -> None:
    assert re.fullmatch(ID_PATTERN, name)
    assert moment.utcoffset() is not None
    assert minor_digits(money.currency) in (0, 2, 3)
    FileComplaint(complaint=name, customer=name, subject="noise", channel=channel, occurred_at=moment)


def test_moments_keep_to_their_bounds() -> None:
    earliest, latest = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC)

    @given(strategies.moments(earliest=earliest, latest=latest))
    def draw(moment: datetime) -> None:
        assert earliest <= moment <= latest

    draw()


@given(strategies.policies())
def test_policies_survive_their_own_json(policy: Policy) -> None:
    assert Policy.model_validate_json(policy.model_dump_json()) == policy


@EVERY_AGGREGATE
def test_histories_are_what_the_rules_made_of_their_commands(aggregate: Any) -> None:
    @part(50)
    @given(histories(aggregate, policies=strategies.policies()))
    def hold(history: Any) -> None:
        assert fold(aggregate.decider, history.events) == history.state
        assert all(not step.events and step.before == step.after for step in history.steps if step.refusal is not None)

    hold()


@given(histories(loyalty.AGGREGATE, policies=strategies.policies()))
def test_histories_leave_nothing_undone_that_fell_due_before_a_command(history: Any) -> None:
    rules = InForce([history.policy])
    for step in history.steps:
        assert list(due_before(loyalty.AGGREGATE, step.before, step.command, rules)) == []


@EVERY_AGGREGATE
def test_histories_are_of_one_stream(aggregate: Any) -> None:
    several = []

    @part(100)
    @given(histories(aggregate, commands_min=2))
    def hold(history: Any) -> None:
        assert len({command.stream for command in history.commands}) == 1
        several.append(len({type(command) for command in history.commands}) > 1)

    hold()
    apart = len(aggregate.commands) == 1 or aggregate.name == "model"
    assert any(several) is not apart


@EVENTFUL
def test_histories_have_refusals_and_repetitions_in_them(aggregate: Any) -> None:
    def what_became(history: Any) -> Iterator[str]:
        if any(step.refusal is not None for step in history.steps):
            yield "refused"
        if len(history.commands) > len({id(command) for command in history.commands}):
            yield "repeated"
        if any(step.command.actor == "agenda" for step in history.steps):
            yield "due"

    refusals = importlib.import_module(f"relations.aggregates.{aggregate.name}").REFUSALS
    wanted = {"repeated"} | ({"refused"} if refusals else set()) | (set() if aggregate.due is None else {"due"})
    reach(
        wanted,
        histories(aggregate, policies=strategies.policies()).map(lambda found: set(what_became(found))),
        examples_max=2_000,
    )


LONG = {"complaint", "customer", "loyalty"}
"""Aggregates with events that come after many others; `make soak` looks for all of theirs."""


@pytest.mark.parametrize(
    "aggregate",
    [
        pytest.param(each, marks=[pytest.mark.soak] if each.name in LONG else [], id=each.name)
        for each in AGGREGATES
        if len(each.events) > 1
    ],
)
def test_histories_reach_every_event(aggregate: Any) -> None:
    kinds = {event.__name__ for event in aggregate.events}
    # Long where there are many, for some events take five or six steps: recommended, joined, bought, and given back.
    # A model's are in streams of their own.
    steps = 1 if aggregate.name == "model" else len(kinds)
    least, most = min(30, 2 * steps), min(60, 4 * steps)
    found = histories(aggregate, policies=strategies.policies(), commands_min=least, commands_max=most)
    reach(kinds, found.map(lambda history: {type(event).__name__ for event in history.events}), examples_max=10_000)


def test_a_history_can_be_steered() -> None:
    complaint = next(aggregate for aggregate in AGGREGATES if aggregate.name == "complaint")

    @given(
        histories(
            complaint, fields={"complaint": st.just("k7"), "severity": st.just("low")}, commands_min=2, commands_max=5
        )
    )
    def draw(history: Any) -> None:
        assert 2 <= len(history.commands) <= 5
        assert all(command.stream == "complaint-k7" for command in history.commands)
        assert all(getattr(command, "severity", "low") == "low" for command in history.commands)

    draw()
