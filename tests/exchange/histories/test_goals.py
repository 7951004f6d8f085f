"""Goals from the target to the measured effect over real purchases, against a plain reading of the files.

CDNOW comes with the package `lifetimes`, Online Retail is a file of the real histories.
"""

from __future__ import annotations

import csv
import gzip
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from relations.commands import CompleteGoalImprovement, RaiseGoalImprovement, ReviewGoal, SetGoal
from relations.engine import Relations
from relations.exchange.importing import import_file
from relations.policies import Policy
from relations.policies.lifecycle import Lifecycle
from tests.exchange.histories.wilson import wilson_by_hand

INDICATORS = ("repeat_rate", "retention")
LOST_DAYS = 90
Days = Mapping[str, list[date]]
"""The days on which each customer bought, ascending."""


class History(NamedTuple):
    """A part of a file, the same read plainly, and the month in which something improves an indicator."""

    preset: str
    path: Path
    days: Days
    zone: str
    currency: str
    improved: Mapping[str, str]


def each_day(pairs: Iterable[tuple[str, date]]) -> Days:
    found: defaultdict[str, set[date]] = defaultdict(set)
    for customer, day in pairs:
        found[customer].add(day)
    return {customer: sorted(days) for customer, days in found.items()}


@pytest.fixture(scope="module")
def cdnow(cdnow_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> History:
    """Every fiftieth customer of CDNOW."""
    head, *lines = (cdnow_dir / "CDNOW_master.txt").read_text("ascii").splitlines()
    part = [line for line in lines if not int(line.split()[0]) % 50]
    path = tmp_path_factory.mktemp("cdnow") / "part.txt"
    path.write_text("\n".join([head, *part, ""]), "ascii")
    cells = [line.split() for line in part]
    days = each_day((customer, date.fromisoformat(day)) for customer, day, *_ in cells)
    return History("cdnow", path, days, "America/New_York", "USD", {"repeat_rate": "1997-04", "retention": "1997-09"})


@pytest.fixture(scope="module")
def retail(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> History:
    """Every fiftieth customer of Online Retail, without credit notes: one line of each invoice is enough."""
    path, seen, pairs = tmp_path_factory.mktemp("retail") / "part.csv", set[str](), list[tuple[str, date]]()
    whole = data_dir / "online_retail" / "online_retail.csv.gz"
    with (
        gzip.open(whole, "rt", encoding="utf-8", newline="") as text,
        path.open("w", encoding="utf-8", newline="") as out,
    ):
        lines = csv.DictReader(text)
        writer = csv.DictWriter(out, lines.fieldnames or ())
        writer.writeheader()
        for line in lines:
            customer, invoice = line["CustomerID"], line["InvoiceNo"]
            if not customer or float(customer) % 50 or int(line["Quantity"]) <= 0 or invoice in seen:
                continue
            seen.add(invoice)
            writer.writerow(line)
            pairs.append((str(int(float(customer))), date.fromisoformat(line["InvoiceDate"][:10])))
    return History(
        "online_retail",
        path,
        each_day(pairs),
        "Europe/London",
        "GBP",
        {"repeat_rate": "2011-06", "retention": "2011-06"},
    )


@pytest.fixture(params=["cdnow", "retail"])
def history(request: pytest.FixtureRequest) -> History:
    found: History = request.getfixturevalue(request.param)
    return found


def months_around(month: str) -> tuple[list[str], list[str]]:
    """The three months before a month, and the three after it."""
    number = int(month[:4]) * 12 + int(month[5:]) - 1
    names = [f"{each // 12}-{each % 12 + 1:02d}" for each in range(number - 3, number + 4)]
    return names[:3], names[4:]


def counted(days: Days, indicator: str, month: str) -> tuple[int, int]:
    """Return the part and the whole that an indicator counts in a month, read plainly."""
    first = date.fromisoformat(f"{month}-01")
    after = date.fromisoformat(f"{months_around(month)[1][0]}-01")
    found = []
    for bought in days.values():
        before, until = bisect_left(bought, first), bisect_left(bought, after)
        if indicator == "repeat_rate":
            if before < until:
                found.append(bool(before) or until - before > 1)
            continue
        evening, last = first - timedelta(days=1), after - timedelta(days=1)
        if before and (evening - bought[before - 1]).days <= LOST_DAYS:
            found.append((last - bought[bisect_right(bought, last) - 1]).days <= LOST_DAYS)
    return sum(found), len(found)


@pytest.mark.parametrize("indicator", INDICATORS)
def test_a_goal_leads_to_an_effect_that_a_plain_reading_has_too(history: History, indicator: str) -> None:
    end = datetime(2012, 1, 1, tzinfo=UTC)
    month = history.improved[indicator]
    improved = datetime.fromisoformat(f"{month}-15T12:00:00+00:00")
    before, after = months_around(month)
    expected = [[sum(values) for values in zip(*(counted(history.days, indicator, each) for each in span), strict=True)]
                for span in (before, after)]  # fmt: skip
    shares = [part / whole for part, whole in expected]
    assert all(whole > 40 for _, whole in expected)

    lifecycle = Lifecycle(new_days=30, lapsing_days=60, lost_days=LOST_DAYS)
    policy = Policy(currency=history.currency, zone=history.zone, lifecycle=lifecycle)
    with Relations.open("sqlite://", clock=lambda: end) as engine:
        engine.adopt(policy, from_beginning=True)
        assert import_file(engine, history.preset, history.path).refused == 0
        target = Decimal(repr(round(shares[0] + 0.05, 4)))
        goal, year = {"goal": "back", "occurred_at": improved}, improved.year
        for command in (
            SetGoal(indicator=indicator, target=target, starts=date(year, 1, 1), ends=date(year + 1, 1, 1), **goal),
            ReviewGoal(finding="few come back", root_cause="nobody writes", decision="write after a month", **goal),
            RaiseGoalImprovement(improvement="letters", what="write after a month", **goal),
            CompleteGoalImprovement(improvement="letters", **goal),
        ):
            engine.execute(command)
        view = engine.views.board
        effect = view.effect("back", "letters", as_of=end)
        engine.execute(effect.command(end))
        (recorded,) = view.goal("back").improvements
        assert recorded.effect == pytest.approx(shares[1] - shares[0], abs=2e-6)  # six places are recorded
        for side, (part, whole), names in zip((effect.before, effect.after), expected, (before, after), strict=True):
            assert (side.since, side.n) == (names[0], whole)
            assert side.value == pytest.approx(part / whole)
            assert (side.low, side.high) == pytest.approx(wilson_by_hand(part / whole, whole))
        assert recorded.proved == (wilson_by_hand(shares[1], expected[1][1])[0] > shares[0])

        series = {each.month: each.value for each in view.series(indicator, since=before[0], until=after[-1])}
        for month in (*before, *after[:-1]):
            part, whole = counted(history.days, indicator, month)
            assert series[month] == pytest.approx(part / whole)
            figure = view.figures(month=month, indicators=[indicator])[0]
            assert figure.light == ("green" if Decimal(repr(part / whole)) >= target else "red")
        lost = engine.views.retention.moves(period=after[1], move="lost")
        part, whole = counted(history.days, "retention", after[1])
        assert len(lost) == whole - part
