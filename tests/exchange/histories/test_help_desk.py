"""The help desk's log under a service-level policy, against figures computed from the file without the engine."""

from __future__ import annotations

import gzip
import json
import math
import xml.etree.ElementTree as ET
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from relations.aggregates.customer import PlanBegun, RecordInteraction
from relations.aggregates.goal import CompleteGoalImprovement, RaiseGoalImprovement, ReviewGoal, SetGoal
from relations.engine import Relations
from relations.exchange.importing import import_file
from relations.policies import Care, Policy, ServiceLevels
from relations.policies.complaints.service_levels import ServiceLevel
from relations.projections.repair.view import StepTime
from tests.exchange.histories.wilson import wilson_by_hand

END = datetime(2014, 12, 31, tzinfo=UTC)
LEVELS = {"Value 1": "low", "Value 2": "medium", "Value 3": "high", "Value 4": "critical"}
"""The names in the log are made anonymous: which level is worst is not known, only that there are four."""
PROMISES = {
    "low": (timedelta(days=2), timedelta(days=14)),
    "medium": (timedelta(days=1), timedelta(days=7)),
    "high": (timedelta(hours=8), timedelta(days=5)),
    "critical": (timedelta(hours=12), timedelta(days=10)),
}


# --- the file, read plainly -----------------------------------------------------------------------------------------


class Told(NamedTuple):
    """An event of the file."""

    activity: str
    at: datetime
    level: str
    customer: str
    resource: str


@pytest.fixture(scope="module")
def told(helpdesk: Path) -> dict[str, list[Told]]:
    """The events of each case, in the file's order."""
    space = "{http://www.xes-standard.org/}"
    with gzip.open(helpdesk) as file:
        root = ET.parse(file).getroot()
    found = {}
    for trace in root.iter(f"{space}trace"):
        name = next(part.get("value", "") for part in trace if part.get("key") == "concept:name")
        events = [{part.get("key"): part.get("value") or "" for part in event} for event in trace.iter(f"{space}event")]
        found[name.replace("Case ", "helpdesk-")] = [
            Told(
                event["concept:name"],
                datetime.fromisoformat(event["time:timestamp"]),
                event["service_level"],
                event["customer"],
                event["org:resource"],
            )
            for event in events
        ]
    return found


class Figures(NamedTuple):
    """The figures of one service level."""

    reached: int
    median: timedelta
    p90: timedelta
    met: int
    missed: int


class Run(NamedTuple):
    """From the beginning of a case, or a reopening, to its first answer and its resolution."""

    begin: datetime
    acknowledged: datetime | None
    resolved: datetime | None


ANSWERS = ("Take in charge ticket", "Resolve ticket")


def runs(events: list[Told]) -> list[Run]:
    """A case's runs: the first one, and one for each reopening.

    What the mapping says of the file, in other words: activities that are no commands reopen a case after it was
    closed. Answering or resolving what was resolved already begins no run: that is work after the end.
    """
    found = [Run(events[0].at, None, None)]
    is_closed = False
    charged = 0
    for n, (activity, at, *_) in enumerate(events):
        is_ended = found[-1].resolved is not None
        charged += activity == "Take in charge ticket"
        if activity == "Closed":
            is_closed = True
        elif activity in ANSWERS:
            if not is_ended and (activity == "Resolve ticket" or charged == 1 or is_closed):
                begin, acknowledged, _ = found[-1]
                found[-1] = Run(begin, acknowledged or at, at if activity == "Resolve ticket" else None)
        elif is_closed and is_ended and n:
            found.append(Run(at, None, None))
    return found


def expected_figures(told: dict[str, list[Told]], step: str) -> dict[str, Figures]:
    """The first answer or the resolution in each run of a case, by the service level that the case began with."""
    times: dict[str, list[timedelta]] = defaultdict(list)
    met: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for events in told.values():
        level = LEVELS[events[0].level]
        promised = PROMISES[level][step == "resolved"]
        for run in runs(events):
            done = run.acknowledged if step == "acknowledged" else run.resolved
            if done is not None:
                times[level].append(done - run.begin)
            if done is not None and done - run.begin < promised:
                met[level] += 1
            elif done is not None or END - run.begin >= promised:
                missed[level] += 1

    def rank(level: str, share: float) -> timedelta:
        ordered = sorted(times[level])
        return ordered[math.ceil(len(ordered) * share) - 1]

    return {
        level: Figures(len(times[level]), rank(level, 0.5), rank(level, 0.9), met[level], missed[level])
        for level in LEVELS.values()
    }


# --- the engine's -----------------------------------------------------------------------------------------------------


def mapping_by_level(folder: Path) -> Path:
    """The mapping that ships, but a complaint is as severe as its first event's service level says."""
    text = (resources.files("relations.exchange") / "mappings" / "helpdesk.toml").read_text("utf-8")
    pairs = ", ".join(f'"{name}" = "{severity}"' for name, severity in LEVELS.items())
    assert text.count('severity = { constant = "medium" }') == 1
    text = text.replace('severity = { constant = "medium" }', 'severity = "severity"')
    text = text.replace(
        "[values.case]", f'[values.severity]\ncolumn = "service_level"\nmap = {{ {pairs} }}\n\n[values.case]'
    )
    path = folder / "by_level.toml"
    path.write_text(text, "utf-8")
    return path


@pytest.fixture(scope="module")
def replayed(
    helpdesk: Path, told: dict[str, list[Told]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Relations, Path]]:
    """The whole log, imported under the policy; and the file of what was noted."""
    folder = tmp_path_factory.mktemp("help-desk")
    levels = {name: ServiceLevel(acknowledge=answer, resolve=resolve) for name, (answer, resolve) in PROMISES.items()}
    with Relations.open(f"sqlite:///{folder / 'desk.db'}", durability="off") as relations:
        care = Care(plans=("after_complaint",), quiet_days=0, consent_purpose=None)
        relations.adopt(Policy(service_levels=ServiceLevels(**levels), care=care), from_beginning=True)
        report = import_file(
            relations,
            str(mapping_by_level(folder)),
            helpdesk,
            rejects=folder / "rejects.jsonl",
            notes=folder / "notes.jsonl",
        )
        assert report.rows == sum(map(len, told.values()))
        yield relations, folder


@pytest.mark.parametrize("step", ["acknowledged", "resolved"])
def test_shares_met_and_times_are_those_of_a_plain_reading(
    replayed: tuple[Relations, Path], told: dict[str, list[Told]], nth_case: int, step: str
) -> None:
    relations, _ = replayed
    expected = expected_figures(told, step)
    for level in LEVELS.values():
        found: StepTime = next(
            entry for entry in relations.views.repair.steps(as_of=END, severity=level) if entry.step == step
        )
        assert (found.reached, found.median, found.p90, found.met, found.missed) == expected[level], level
        assert found.on_time == expected[level].met / (expected[level].met + expected[level].missed)
    assert sum(entry.met + entry.missed for entry in expected.values()) >= len(told) >= 4_580 // nth_case
    both = [level for level, entry in expected.items() if entry.met and entry.missed]
    assert len(both) >= (len(LEVELS) if nth_case == 1 else 3), "the promises tell the levels apart"


def test_every_history_that_breaks_the_rules_is_listed_with_its_rows(
    replayed: tuple[Relations, Path], told: dict[str, list[Told]], nth_case: int
) -> None:
    _, folder = replayed
    rows: dict[int, str] = {}
    for name, events in told.items():
        for _ in events:
            rows[len(rows) + 1] = name
    listed: dict[str, set[str]] = defaultdict(set)
    for line in (folder / "notes.jsonl").read_text("utf-8").splitlines():
        note = json.loads(line)
        listed[note["code"]].add(rows[note["row"]])
    activities = {name: [event.activity for event in events] for name, events in told.items()}
    after_closing = {
        name for name, done in activities.items() if "Closed" in done and done.index("Closed") < len(done) - 1
    }
    resolved_again = {name for name, done in activities.items() if done.count("Resolve ticket") > 1}
    two_customers = {name for name, events in told.items() if len({event.customer for event in events}) > 1}
    counts = (len(after_closing), len(resolved_again), len(two_customers))
    assert counts == (17, 386, 7) if nth_case == 1 else min(counts) > 0
    assert listed["work_after_closing"] == after_closing
    assert listed["resolved_again"] == resolved_again
    assert listed["second_customer"] == two_customers


def test_every_case_is_with_who_took_it_in_charge_last_before_it_was_settled(
    replayed: tuple[Relations, Path], told: dict[str, list[Told]], nth_case: int
) -> None:
    relations, _ = replayed
    expected: dict[str, str | None] = {}
    for name, events in told.items():
        expected[name] = None
        for event in events:
            if event.activity in ("Resolve ticket", "Closed"):
                break
            if event.activity == "Take in charge ticket":
                expected[name] = event.resource.replace("Value ", "resource ")
    found: dict[str, str | None] = {}
    after = None
    while True:
        page = relations.views.desk.search(limit=1_000, after=after)
        found.update({ticket.complaint: ticket.owner for ticket in page.tickets})
        after = page.next
        if after is None:
            break
    assert found == expected
    assert sum(owner is not None for owner in found.values()) > 3_000 // nth_case


# --- goals over it --------------------------------------------------------------------------------------------------


def is_open_at(events: list[Told], moment: datetime) -> bool | None:
    """Return whether a case is open at a moment, read plainly; None before it began."""
    known: bool | None = None
    is_closed = False
    charged = 0
    for activity, at, *_ in events:
        if at > moment:
            break
        first, known = known is None, True if known is None else known
        charged += activity == "Take in charge ticket"
        if activity == "Resolve ticket":
            known = False
        elif activity == "Closed":
            is_closed = True
        elif not first and not known:
            known = is_closed or (activity == "Take in charge ticket" and charged == 1)
    return known


def month_of(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m}"


def test_goals_over_the_help_desk_are_judged_by_a_plain_reading(
    replayed: tuple[Relations, Path], told: dict[str, list[Told]]
) -> None:
    relations, _ = replayed
    filed = Counter(month_of(events[0].at) for events in told.values())
    month = max(filed, key=lambda name: (filed[name], name))
    after = f"{int(month[:4]) + (month[5:] == '12')}-{int(month[5:]) % 12 + 1:02d}"
    end = datetime.fromisoformat(f"{after}-01T00:00:00+00:00") - timedelta(microseconds=1)
    answered = [
        (run, PROMISES[LEVELS[events[0].level]][0])
        for events in told.values()
        if month_of(events[0].at) == month
        for run in runs(events)
    ]
    met = sum(run.acknowledged is not None and run.acknowledged - run.begin < promised for run, promised in answered)
    missed = sum(
        run.acknowledged - run.begin >= promised if run.acknowledged is not None else END - run.begin >= promised
        for run, promised in answered
    )
    expected = {
        "complaints": float(filed[month]),
        "first_response_on_time": met / (met + missed),
        "open_cases": float(sum(is_open_at(events, end) is True for events in told.values())),
    }
    starts = date.fromisoformat(f"{month}-01")
    for name, value in expected.items():
        relations.execute(
            SetGoal(
                goal=f"{name}-{month}", indicator=name, target=Decimal(repr(round(value, 6))), starts=starts,
                ends=starts + timedelta(days=31), occurred_at=END - timedelta(days=1),
            )
        )  # fmt: skip
    figures = {
        figure.indicator: figure
        for figure in relations.views.board.figures(month=month, as_of=END, indicators=list(expected))
    }
    for name, value in expected.items():
        found = figures[name]
        assert found.month.value == pytest.approx(value), name
        assert found.target == pytest.approx(value, abs=1e-6)
        assert found.light in ("green", "red")
    assert figures["complaints"].light == figures["open_cases"].light == "green"
    assert met > missed > 0


def test_a_goal_for_the_first_answer_leads_to_an_effect_that_a_plain_reading_has_too(
    replayed: tuple[Relations, Path], told: dict[str, list[Told]]
) -> None:
    """Given an improvement in effect from May 2011 on, the share answered in time is that of the cases of the file."""
    relations, _ = replayed
    spans = (("2011-02", "2011-03", "2011-04"), ("2011-06", "2011-07", "2011-08"))
    expected = []
    for names in spans:
        those = [events for events in told.values() if month_of(events[0].at) in names]
        waits = [
            ((run.acknowledged or END) - run.begin < PROMISES[LEVELS[events[0].level]][0], run.acknowledged is None)
            for events in those
            for run in runs(events)
        ]
        met = sum(soon and not waiting for soon, waiting in waits)
        expected.append((met, sum(not soon or not waiting for soon, waiting in waits)))
    shares = [met / count for met, count in expected]
    assert min(count for _, count in expected) > 40

    goal: dict[str, Any] = {"goal": "soon", "occurred_at": datetime(2011, 5, 20, tzinfo=UTC)}
    for command in (
        SetGoal(
            indicator="first_response_on_time", target=Decimal("0.9"), starts=date(2011, 1, 1), ends=date(2012, 1, 1),
            **goal,
        ),
        ReviewGoal(finding="cases wait for somebody", root_cause="nobody looks", decision="one looks", **goal),
        RaiseGoalImprovement(improvement="watch", what="one looks each morning", **goal),
        CompleteGoalImprovement(improvement="watch", **goal),
    ):  # fmt: skip
        relations.execute(command)
    effect = relations.views.board.effect("soon", "watch", as_of=END)
    relations.execute(effect.command(END))
    (recorded,) = relations.views.board.goal("soon", as_of=END).improvements
    assert recorded.effect == pytest.approx(shares[1] - shares[0], abs=2e-6)  # six places are recorded
    for side, share, (_, count) in zip((effect.before, effect.after), shares, expected, strict=True):
        assert side.value == pytest.approx(share)
        assert side.n == count
        assert (side.low, side.high) == pytest.approx(wilson_by_hand(share, count))
    assert recorded.proved == (wilson_by_hand(shares[1], expected[1][1])[0] > shares[0])


# --- care over it ---------------------------------------------------------------------------------------------------

CARE_STEPS = {"call": 3, "message": 21, "long-call": 60}
"""The steps of the plan `after_complaint` by day; each can be done for a week."""
WEEK = timedelta(days=7)


def care_begins(told: dict[str, list[Told]]) -> list[tuple[str, int, date]]:
    """Return each customer's rounds of care, read plainly: the customer, the round's number, and its first day.

    A resolution begins a round unless one is in progress on the next day. A case that is resolved again is reopened by
    that, so it is a resolution too.
    """
    resolved: dict[str, set[date]] = defaultdict(set)
    for events in told.values():
        days = {event.at.astimezone(UTC).date() for event in events if event.activity == "Resolve ticket"}
        resolved[events[0].customer] |= days
    found = []
    for customer, days in resolved.items():
        number, over = 0, date.min
        for day in sorted(days):
            if day + timedelta(days=1) >= over and day < END.date():
                number, over = number + 1, day + timedelta(days=CARE_STEPS["long-call"]) + WEEK
                found.append((customer, number, day))
    return found


def test_care_after_the_help_desks_cases_is_that_of_a_plain_reading(
    replayed: tuple[Relations, Path], told: dict[str, list[Told]]
) -> None:
    """The customers with an even number are called, and every third round has its message."""
    relations, _ = replayed
    relations.advance_time(END)
    expected: Counter[tuple[str, str]] = Counter()
    calls, rounds = [], care_begins(told)
    begun = {
        (each.customer, int(each.event.round.rpartition("-")[2]), date.fromisoformat(each.event.since))
        for each in relations.events()
        if isinstance(each.event, PlanBegun)
    }
    assert begun == {(customer.replace("Value ", "hd-"), number, since) for customer, number, since in rounds}
    for place, (customer, number, since) in enumerate(rounds):
        for step, day in CARE_STEPS.items():
            due = datetime(since.year, since.month, since.day, 12, tzinfo=UTC) + timedelta(days=day)
            is_even = int(customer.removeprefix("Value ")) % 2 == 0
            if due < END and {"call": is_even, "message": place % 3 == 0}.get(step, False):
                expected[step, "done"] += 1
                calls.append(
                    RecordInteraction(
                        customer=customer.replace("Value ", "hd-"), interaction=f"care-{number}-{step}",
                        channel="email" if step == "message" else "phone", kind="care", direction="outbound",
                        regarding=f"care after_complaint-{number} {step}", occurred_at=due,
                    )
                )  # fmt: skip
            else:
                expected[step, "lapsed"] += due.replace(hour=0) + WEEK <= END
    report = relations.execute_many(calls)
    assert not report.rejections
    kept = {each.what: each for each in relations.views.care.kept("after_complaint") if each.plan}
    for step, what in (("call", "short_call"), ("message", "message"), ("long-call", "long_call")):
        assert (kept[what].done, kept[what].lapsed) == (expected[step, "done"], expected[step, "lapsed"]), step
    assert expected["call", "done"] > 50
    assert expected["message", "lapsed"] > expected["message", "done"] > 50
    assert kept[""].kept == len(calls) / (len(calls) + sum(expected[step, "lapsed"] for step in CARE_STEPS))
