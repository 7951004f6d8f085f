"""Random histories of care against a slow count of the plain list of events."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from relations import Relations
from relations.commands import (
    BeginPlan,
    EndPlan,
    EraseCustomer,
    GiveConsent,
    MergeCustomer,
    RecordInteraction,
    RegisterCustomer,
    SkipStep,
    UnmergeCustomer,
    WithdrawConsent,
)
from relations.errors import CommandRefused, InvalidInput
from relations.messages import Command
from relations.policies import Care, CarePlan, CareStep, Policy
from relations.testing.oracle.care import SlowCare
from tests.support.effort import part

START = datetime(2024, 1, 30, 12, tzinfo=UTC)
HOURS = 150 * 24
SEEN: Counter[str] = Counter()


class Action(NamedTuple):
    """An action at an hour: its kind, the customer, and two numbers that choose a round, the last
    one first, and a step."""

    hour: int
    what: str
    customer: str
    back: int
    step: int


actions = st.builds(
    Action,
    st.integers(1, HOURS),
    st.sampled_from(
        ("contact", "contact", "contact", "stay", "stay", "skip", "end", "begin", "withdraw", "give", "merge", "erase")
    ),
    st.sampled_from("abc"),
    st.sampled_from((1, 1, 1, 2)),
    st.integers(0, 2),
)


@st.composite
def plans(draw: st.DrawFn) -> CarePlan:
    steps = tuple(
        CareStep(id=f"s{n}", what=("message", "short_call", "message")[n], day=draw(st.integers(1, 22)),
                 days_valid=draw(st.integers(1, 8)))
        for n in range(draw(st.integers(1, 3)))
    )  # fmt: skip
    after = CareStep(
        id="t", what="message", day=draw(st.integers(0, 30)), on="stay_end", days_valid=draw(st.integers(1, 8))
    )
    for months in draw(st.permutations([1, 2, None])):
        try:
            return CarePlan(id="p", repeats_months=months, steps=steps if months is None else (*steps, after))
        except InvalidInput:
            continue
    raise AssertionError


def at(hour: float) -> datetime:
    return START + timedelta(hours=hour)


def command(engine: Relations, number: int, action: Action, merged: set[str]) -> Command | None:
    """Return the command of an action; None if it makes no sense now. Only `c` speaks of consent: it never merges."""
    common: dict[str, Any] = {"customer": action.customer, "occurred_at": at(action.hour)}
    rounds = engine.views.care.plans(action.customer)
    round_ = rounds[-min(action.back, len(rounds))] if rounds else None
    # Every third contact is about the last step that a stay added, if there is one.
    stays = [each.step for each in ([] if round_ is None else round_.steps) if each.step.startswith("t-")]
    step = stays[-1] if stays and number % 3 == 0 else f"s{action.step}"
    about = "p-1" if round_ is None else round_.round, step
    match action.what:
        case _ if action.customer in merged and action.what != "merge":
            return None
        case "contact":
            return RecordInteraction(
                interaction=f"i{number}", channel="email" if action.step != 1 else "phone", kind="message",
                direction="outbound", regarding=f"care {about[0]} {about[1]}", **common,
            )  # fmt: skip
        case "stay":
            return RecordInteraction(interaction=f"i{number}", channel="on_site", kind="check_out", **common)
        case "skip":
            return SkipStep(round=about[0], step=about[1], reason="travelling", **common)
        case "end":
            return EndPlan(plan="p", reason="asked", **common)
        case "begin":
            return BeginPlan(plan="p", **common)
        case "withdraw" | "give" if action.customer == "c":
            kind = WithdrawConsent if action.what == "withdraw" else GiveConsent
            return kind(purpose="care", channel=("email", "phone", "message")[action.step], source="link", **common)
        case "merge" if action.customer == "b":
            return UnmergeCustomer(**common) if "b" in merged else MergeCustomer(into="a", **common)
        case "erase" if action.step == 0 and not merged:
            return EraseCustomer(**common)
    return None


def play(engines: list[Relations], history: list[Action], stops: list[int], hours: int) -> None:
    """Execute a history with time advanced before each action and at each stop, by all engines at once."""
    one, merged = engines[0], set[str]()
    for customer in "abc":
        one.execute(
            RegisterCustomer(customer=customer, email=f"{customer}@example.com", phone="+436641234567",
                             occurred_at=START)
        )  # fmt: skip
        one.execute(BeginPlan(customer=customer, plan="p", occurred_at=START))
    steps = sorted([*((each.hour, number) for number, each in enumerate(history)), *((hour, -1) for hour in stops)])
    with ThreadPoolExecutor(len(engines)) as pool:
        for hour, number in [*(each for each in steps if each[0] < hours), (hours, -1)]:
            list(pool.map(lambda engine: engine.advance_time(at(hour)), engines))  # noqa: B023 - waited for
            wanted = None if number < 0 else command(one, number, history[number], merged)
            if wanted is None:
                continue
            try:
                one.execute(wanted)
            except CommandRefused:
                SEEN["refused"] += 1
                continue
            SEEN[type(wanted).__name__] += 1
            if isinstance(wanted, MergeCustomer):
                merged.add("b")
            merged -= {"b"} if isinstance(wanted, UnmergeCustomer) else set()


@part(34, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    plan=plans(),
    history=st.lists(actions, min_size=6, max_size=25, unique_by=lambda each: each.hour),
    stops=st.lists(st.integers(1, HOURS), max_size=5),
    quiet=st.integers(0, 2),
    days=st.integers(40, 150),
)
def test_any_history_of_care_is_as_a_slow_count_has_it(
    tmp_path_factory: Any, plan: CarePlan, history: list[Action], stops: list[int], quiet: int, days: int
) -> None:
    path: Path = tmp_path_factory.mktemp("care")
    policy = Policy(care=Care(plans=(plan,), quiet_days=quiet))
    end, events = at(24 * days), []
    for name, between, count in (("few", [], 1), ("many", stops, 1), ("two", stops, 2)):
        engines = [Relations.open(f"sqlite:///{path}/{name}.db", clock=lambda: end) for _ in range(count)]
        engines[0].adopt(policy, from_beginning=True)
        play(engines, history, between, 24 * days)
        for engine in engines:
            recorded = list(engine.events())
            slow = SlowCare.of(recorded, policy, end)
            kept = {
                each.plan: (each.done, each.lapsed, each.skipped)
                for each in engine.views.care.kept()
                if each.plan and not each.what
            }
            counted = tuple(slow.outcomes["p", each] for each in ("done", "lapsed", "skipped"))
            assert kept.get("p", (0, 0, 0)) == counted
            SEEN.update(f"{count} {name}" for (_, name), count in slow.outcomes.items() if count)
            due = {(each.customer, each.round, each.step) for each in engine.views.care.due(as_of=end)}
            assert due == slow.due(end)
            SEEN["after a stay"] += sum(name.startswith("t-") for each in slow.rounds for name in each.steps)
            for each in slow.rounds:
                (known,) = [
                    one
                    for one in engine.views.care.plans(each.customer)
                    if one.round == each.name and one.since == each.since
                ][:1]
                if each.customer in ("a", "c") or known.ended_at is None:
                    assert (known.ended_at is not None) == each.is_over
            SEEN["due"] += len(due)
            SEEN["rounds"] += len(slow.rounds)
        care = [each for each in recorded if each.topic.startswith(("customer.plan_", "customer.step_"))]
        events.append(Counter((each.stream, each.occurred_at, str(each.event)) for each in care))
        for engine in engines:
            engine.close()
    assert events[0] == events[1] == events[2]


def test_such_histories_had_everything() -> None:
    for what in ("RecordInteraction", "rounds", "after a stay"):
        assert SEEN[what], what
