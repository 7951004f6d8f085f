"""The shipped mappings on the files that they were written for, against a plain reading of those files.

The 541,909 lines of Online Retail are turned into commands whole, and imported up to a line; set RELATIONS_FULL_IMPORT
to import them all (about a minute).
"""

import csv
import gzip
import os
import xml.etree.ElementTree as ET
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest

from relations.aggregates.complaint import FileComplaint
from relations.aggregates.customer import RecordInteraction, RecordPurchase, RefundPurchase
from relations.aggregates.goal import CompleteGoalImprovement, RaiseGoalImprovement, ReviewGoal, SetGoal
from relations.engine import Relations
from relations.errors import InvalidInput
from relations.exchange.files.sources import open_source
from relations.exchange.importing import import_file
from relations.exchange.mapping.model import load_mapping
from relations.exchange.mapping.transform import Transform
from relations.messages import Command
from relations.policies import Care, Policy
from relations.policies.calendars import local_time
from tests.exchange.histories.wilson import wilson_by_hand

RETAIL_PREFIX = {5_000: 3, 20_000: 20}
"""The first lines of Online Retail: how many to import, and more than how many refunds are among them."""
CASES, CASES_EVENTS, CASES_CUSTOMERS = 4_580, 21_348, 397
"""The help desk's log as a whole."""


def commands_of(name: str, path: Path, rejected: Counter[str], noted: Counter[str]) -> Iterator[tuple[int, Command]]:
    rules = load_mapping(name)
    with open_source(rules.source, path) as file:
        transform = Transform(rules, file.columns)
        for row, raw, problem in file.rows:
            noted["rows"] += 1
            try:
                if problem is not None:
                    raise problem
                commands, codes = transform(row, raw)
            except InvalidInput as error:
                rejected[error.code] += 1
                continue
            noted.update(codes)
            noted["accepted"] += 1
            yield from ((row, command) for command in commands)


# --- CDNOW ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cdnow(cdnow_dir: Path) -> list[tuple[str, str, Decimal]]:
    """The master file, read plainly: customer, month, dollars."""
    lines = (cdnow_dir / "CDNOW_master.txt").read_text("ascii").splitlines()[1:]
    cells = [line.split() for line in lines]
    return [(customer, f"{day[:4]}-{day[4:6]}", Decimal(worth)) for customer, day, _, worth in cells]


@pytest.mark.soak
def test_cdnow_is_taken_whole_and_only_once(
    cdnow_dir: Path, database_url: str, cdnow: list[tuple[str, str, Decimal]]
) -> None:
    path = cdnow_dir / "CDNOW_master.txt"
    with Relations.open(database_url, durability="off") as relations:
        report = import_file(relations, "cdnow", path)
        assert (report.rows, report.accepted, report.rejected) == (69_659, 69_659, 0)
        assert report.notes == {"exact_duplicate": 255, "zero_value": 80}

        new_york = local_time("America/New_York")
        customers: set[str] = set()
        cents = 0
        months: Counter[str] = Counter()
        first: dict[str, str] = {}
        for event in relations.events():
            if event.topic != "customer.purchase_recorded":
                continue
            body: Any = event.event
            customers.add(event.customer)
            cents += body.amount.amount
            month = new_york.month(event.occurred_at)
            months[month] += 1
            first[event.customer] = min(first.get(event.customer, month), month)
        assert (len(customers), months.total(), cents) == (23_570, 69_659, 250_031_563)

        expected: dict[str, str] = {}
        for customer, month, _ in cdnow:
            expected[customer] = min(expected.get(customer, month), month)
        assert months == Counter(month for _, month, _ in cdnow)
        assert first == expected
        assert cents == sum(worth for *_, worth in cdnow) * 100

        position = relations.status().position
        again = import_file(relations, "cdnow", path)
        assert (again.recorded, again.repeated, again.accepted) == (0, 69_659, 69_659)
        assert relations.status().position == position


# --- Online Retail --------------------------------------------------------------------------------------------------


def retail_lines(data_dir: Path) -> Iterator[dict[str, str]]:
    path = data_dir / "online_retail" / "online_retail.csv.gz"
    with gzip.open(path, "rt", encoding="utf-8", newline="") as text:
        yield from csv.DictReader(text)


def plain_reading(data_dir: Path) -> tuple[Counter[str], Decimal, Decimal]:
    """Return the expected outcome of every line, without the mapping: counts by outcome, pounds bought and refunded."""
    counts: Counter[str] = Counter()
    seen: Counter[tuple[str, ...]] = Counter()
    left: dict[tuple[str, str, Decimal], list[int]] = defaultdict(list)
    bought = back = Decimal(0)
    for line in retail_lines(data_dir):
        counts["rows"] += 1
        pieces, price = int(line["Quantity"]), Decimal(line["UnitPrice"])
        seen[tuple(line.values())] += 1
        worth = (abs(pieces) * price).quantize(Decimal("0.01"), ROUND_HALF_UP)
        held = left[line["CustomerID"], line["StockCode"], price] if line["CustomerID"] else []
        if price < 0:
            counts["negative_price"] += 1
        elif pieces < 0 and not line["InvoiceNo"].startswith("C"):
            counts["stock_correction"] += 1
        elif not line["CustomerID"]:
            counts["blank_customer"] += 1
        elif pieces > 0:
            counts["bought"] += 1
            bought += worth
            held.append(pieces)
            counts["duplicate_line"] += seen[tuple(line.values())] > 1
        else:
            for place in reversed(range(len(held))):
                if held[place] >= -pieces:
                    held[place] += pieces
                    counts["given_back"] += 1
                    back += worth
                    counts["duplicate_line"] += seen[tuple(line.values())] > 1
                    break
            else:
                counts["refund_names_no_purchase"] += 1
    return counts, bought, back


@pytest.mark.soak
def test_every_line_of_online_retail_is_accounted_for(data_dir: Path) -> None:
    counts, bought, back = plain_reading(data_dir)
    rejected: Counter[str] = Counter()
    noted: Counter[str] = Counter()
    made: Counter[type[Command]] = Counter()
    pence: Counter[type[Command]] = Counter()
    path = data_dir / "online_retail" / "online_retail.csv.gz"
    for _, command in commands_of("online_retail", path, rejected, noted):
        made[type(command)] += 1
        if isinstance(command, RecordPurchase | RefundPurchase):
            pence[type(command)] += command.amount.amount

    assert noted["rows"] == counts["rows"] == 541_909 == noted["accepted"] + rejected.total()
    reasons = ("negative_price", "stock_correction", "blank_customer", "refund_names_no_purchase")
    assert rejected == {reason: counts[reason] for reason in reasons}
    assert rejected == {
        "negative_price": 2,
        "stock_correction": 1_336,
        "blank_customer": 133_742,
        "refund_names_no_purchase": 1_769,
    }
    assert (made[RecordPurchase], made[RefundPurchase]) == (counts["bought"], counts["given_back"]) == (397_924, 7_136)
    assert pence[RecordPurchase] == bought * 100
    assert pence[RefundPurchase] == back * 100
    assert noted["duplicate_line"] == counts["duplicate_line"]


@pytest.mark.parametrize("part", [5_000, pytest.param(20_000, marks=pytest.mark.soak)])
def test_online_retail_goes_in_and_its_refunds_name_purchases(
    data_dir: Path, sqlite_url: str, tmp_path: Path, part: int
) -> None:
    path = data_dir / "online_retail" / "online_retail.csv.gz"
    if not os.environ.get("RELATIONS_FULL_IMPORT"):
        with gzip.open(path, "rt", encoding="utf-8", newline="") as text, gzip.open(tmp_path / "part.gz", "wt") as out:
            out.writelines(line for _, line in zip(range(part + 1), text, strict=False))
        path = tmp_path / "part.gz"
    rejects = tmp_path / "rejects.jsonl"
    with Relations.open(sqlite_url, durability="off") as relations:
        report = import_file(relations, "online_retail", path, rejects=rejects)
        assert report.rows == report.accepted + report.rejected >= part
        # Whatever the mapping lets through, the rules of the domain take.
        assert report.refused == 0
        topics = Counter(event.topic for event in relations.events())
        assert topics["customer.purchase_refunded"] > RETAIL_PREFIX[part]
        assert report.recorded == sum(
            topics[topic]
            for topic in ("customer.registered", "customer.purchase_recorded", "customer.purchase_refunded")
        )
        with rejects.open() as lines:
            assert sum(1 for _ in lines) == report.rejected > part // 20
        again = import_file(relations, "online_retail", path, rejects=rejects)
        assert (again.recorded, again.by_reason) == (0, report.by_reason)


def test_goals_over_online_retail_are_judged_by_a_plain_reading(data_dir: Path, tmp_path: Path) -> None:
    """A fortieth of the customers, all their lines."""
    part = tmp_path / "part.csv"
    bought: Counter[str] = Counter()
    lines: Counter[str] = Counter()
    back: Counter[str] = Counter()
    left: dict[tuple[str, str, Decimal], list[int]] = defaultdict(list)
    with part.open("w", encoding="utf-8", newline="") as out:
        writer = None
        for line in retail_lines(data_dir):
            if not line["CustomerID"] or float(line["CustomerID"]) % 40:
                continue
            writer = writer or csv.DictWriter(out, list(line))
            if not lines:
                writer.writeheader()
            writer.writerow(line)
            pieces, price = int(line["Quantity"]), Decimal(line["UnitPrice"])
            worth = int((abs(pieces) * price * 100).quantize(Decimal(1), ROUND_HALF_UP))
            month = line["InvoiceDate"][:7]
            held = left[line["CustomerID"], line["StockCode"], price]
            if pieces > 0:
                lines[month] += 1
                bought[month] += worth
                held.append(pieces)
                continue
            place = next((each for each in reversed(range(len(held))) if held[each] >= -pieces), None)
            if place is not None:
                held[place] += pieces
                back[month] += worth
    end = datetime(2012, 1, 1, tzinfo=UTC)
    with Relations.open("sqlite://", clock=lambda: end) as relations:
        relations.adopt(Policy(currency="GBP", zone="Europe/London"), from_beginning=True)
        assert import_file(relations, "online_retail", part).refused == 0
        month = "2011-10"
        revenue = Decimal(bought[month] - back[month]) / 100
        for name, target in (("revenue", revenue), ("average_order_value", Decimal(10**6))):
            relations.execute(
                SetGoal(
                    goal=name, indicator=name, target=target, starts=date(2011, 10, 1), ends=date(2011, 11, 1),
                    occurred_at=end,
                )
            )  # fmt: skip
        names = ["revenue", "average_order_value"]
        sold, order = relations.views.board.figures(month=month, indicators=names)
        assert sold.month.value == pytest.approx(float(revenue))
        assert order.month.value == pytest.approx(bought[month] / lines[month] / 100)
        assert (sold.light, order.light) == ("green", "red")
        series = relations.views.board.series("revenue", since="2010-12", until="2012-01")
        assert [each.value for each in series] == [
            pytest.approx((bought[each.month] - back[each.month]) / 100) for each in series
        ]
        assert len(series) == 13
        assert sum(back.values()) > 0


def test_care_over_online_retail_is_that_of_a_plain_reading(data_dir: Path, tmp_path: Path) -> None:
    """A hundredth of the customers are in the plan 611. From July on, every second one of them is contacted."""
    part, first, end = tmp_path / "part.csv", dict[str, date](), datetime(2012, 1, 1, tzinfo=UTC)
    bought: Counter[str] = Counter()
    with part.open("w", encoding="utf-8", newline="") as out:
        writer = None
        for line in retail_lines(data_dir):
            if not line["CustomerID"] or float(line["CustomerID"]) % 100 or int(line["Quantity"]) < 0:
                continue
            if writer is None:
                writer = csv.DictWriter(out, list(line))
                writer.writeheader()
            writer.writerow(line)
            first.setdefault(str(int(float(line["CustomerID"]))), date.fromisoformat(line["InvoiceDate"][:10]))
            worth = (int(line["Quantity"]) * Decimal(line["UnitPrice"]) * 100).quantize(Decimal(1), ROUND_HALF_UP)
            bought[line["InvoiceDate"][:7]] += int(worth)
    steps = {"message-1": 8, "message-2": 22, "message-3": 38, "short-call": 45, "message-4": 52, "message-5": 68,
             "message-6": 82, "long-call": 90}  # fmt: skip
    done: Counter[str] = Counter()
    lapsed: Counter[str] = Counter()
    contacts = []
    for customer, day in first.items():
        number, since, begins = 1, day, day + timedelta(days=1)
        while begins <= end.date():
            for step, after in steps.items():
                due = since + timedelta(days=after)
                if due >= date(2011, 7, 1) and due < end.date() and int(customer) % 200 == 0:
                    done[f"{due:%Y-%m}"] += 1
                    contacts.append(
                        RecordInteraction(
                            customer=customer, interaction=f"{number}-{step}", direction="outbound", kind="care",
                            channel="phone" if step.endswith("call") else "email",
                            regarding=f"care 611-{number} {step}",
                            occurred_at=datetime(due.year, due.month, due.day, 12, tzinfo=UTC),
                        )
                    )  # fmt: skip
                else:
                    lapsed[f"{due:%Y-%m}"] += due + timedelta(days=7) <= end.date()
            following = three_months_after(since)
            begins = max(since + timedelta(days=97), following)
            number, since = number + 1, following
    care = Care(plans=("611",), quiet_days=0, consent_purpose=None)
    with Relations.open("sqlite://", clock=lambda: end) as relations:
        relations.adopt(Policy(currency="GBP", zone="Europe/London", care=care), from_beginning=True)
        assert import_file(relations, "online_retail", part).refused == 0
        assert not relations.advance_time(end).rejections
        assert not relations.execute_many(contacts).rejections
        months = {each.month: (each.done, each.lapsed) for each in relations.views.care.kept_months()}
        assert months == {name: (done[name], lapsed[name]) for name in sorted({*+done, *+lapsed})}
        assert sum(done.values()) == len(contacts) > 100

        improved = datetime(2011, 6, 30, tzinfo=UTC)
        for indicator, target in (("care_kept", "0.4"), ("revenue", "100000")):
            goal: dict[str, Any] = {"goal": indicator, "occurred_at": improved}
            relations.execute(
                SetGoal(
                    indicator=indicator, target=Decimal(target), starts=date(2011, 7, 1), ends=date(2012, 1, 1), **goal
                )
            )
            relations.execute(ReviewGoal(finding="nobody calls", decision="call every second customer", **goal))
            relations.execute(RaiseGoalImprovement(improvement="calls", what="call", **goal))
            relations.execute(CompleteGoalImprovement(improvement="calls", **goal))
            effect = relations.views.board.effect(indicator, "calls")
            relations.execute(effect.command(end))
            (recorded,) = relations.views.board.goal(indicator).improvements
            assert recorded.effect == pytest.approx((effect.after.value or 0) - (effect.before.value or 0))
            spans = (
                (("2011-03", "2011-04", "2011-05"), effect.before),
                (("2011-07", "2011-08", "2011-09"), effect.after),
            )
            for names, side in spans:
                assert side.since == names[0]
                if indicator == "revenue":
                    assert side.value == pytest.approx(sum(bought[name] for name in names) / 3 / 100)
                    continue
                count = sum(done[name] + lapsed[name] for name in names)
                share = sum(done[name] for name in names) / count
                assert side.value == pytest.approx(share)
                assert side.n == count
                assert (side.low, side.high) == pytest.approx(wilson_by_hand(share, count))
        figure, *_ = relations.views.board.figures(month="2011-09", indicators=["care_kept"])
        share = done["2011-09"] / (done["2011-09"] + lapsed["2011-09"])
        assert figure.month.value == pytest.approx(share)
        assert figure.light == ("green" if share >= 0.4 else "red")


def three_months_after(day: date) -> date:
    """Return the same day three months later, or the last one of that month."""
    year, month = day.year + (day.month + 2) // 12, (day.month + 2) % 12 + 1
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month, min(day.day, last))
        except ValueError:
            continue
    raise AssertionError


# --- the help desk --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cases(helpdesk: Path) -> dict[str, list[dict[str, str]]]:
    """The log, read plainly: the events of each case."""
    space = "{http://www.xes-standard.org/}"
    with gzip.open(helpdesk) as file:
        root = ET.parse(file).getroot()
    found = {}
    for trace in root.iter(f"{space}trace"):
        name = next(part.get("value", "") for part in trace if part.get("key") == "concept:name")
        found[name] = [
            {part.get("key", ""): part.get("value", "") for part in event} for event in trace.iter(f"{space}event")
        ]
    return found


def test_the_help_desk_in_commands(helpdesk: Path, nth_case: int, cases: dict[str, list[dict[str, str]]]) -> None:
    rejected: Counter[str] = Counter()
    noted: Counter[str] = Counter()
    commands = [command for _, command in commands_of("helpdesk", helpdesk, rejected, noted)]
    filed = {command.complaint: command for command in commands if isinstance(command, FileComplaint)}
    assert len(filed) == len(cases) >= CASES // nth_case
    assert {getattr(command, "customer", None) for command in commands} - {None} == {
        event["customer"].replace("Value ", "hd-") for events in cases.values() for event in events
    }
    assert {f"Case {name.removeprefix('helpdesk-')}" for name in filed} == set(cases)
    assert noted["rows"] == noted["accepted"] == sum(map(len, cases.values()))
    assert not rejected

    activities = {name: [event["concept:name"] for event in events] for name, events in cases.items()}
    again = {name: told.count("Resolve ticket") for name, told in activities.items()}
    seen = [sum(count > 1 for count in again.values())]
    assert noted["resolved_again"] == sum(count - 1 for count in again.values() if count > 1)
    after = {name: told[told.index("Closed") + 1 :] for name, told in activities.items() if "Closed" in told}
    seen.append(sum(bool(rest) for rest in after.values()))
    assert noted["work_after_closing"] == sum(map(len, after.values()))
    others = [event["customer"] != events[0]["customer"] for events in cases.values() for event in events]
    assert noted["second_customer"] == sum(others) > 0
    if nth_case == 1:
        assert (seen, noted["rows"], len(cases)) == ([386, 17], CASES_EVENTS, CASES)
    assert min(seen) > 0


def test_the_help_desk_through_the_complaints_rules(
    helpdesk: Path, nth_case: int, sqlite_url: str, tmp_path: Path, cases: dict[str, list[dict[str, str]]]
) -> None:
    rejects = tmp_path / "rejects.jsonl"
    with Relations.open(sqlite_url, durability="off") as relations:
        report = import_file(relations, "helpdesk", helpdesk, rejects=rejects, notes=tmp_path / "notes.jsonl")
        assert report.rows == sum(map(len, cases.values())) == report.accepted + report.rejected
        assert report.commands == report.recorded + report.repeated + report.unchanged + report.refused
        events = list(relations.events())
        assert len({event.stream for event in events if event.topic == "complaint.filed"}) == len(cases)
        known = {event["customer"] for told in cases.values() for event in told}
        assert len({event.customer for event in events} - {""}) == len(known)
        if nth_case == 1:
            assert (report.rows, len(cases), len(known)) == (CASES_EVENTS, CASES, CASES_CUSTOMERS)
        reopened = {event.stream for event in events if event.topic == "complaint.reopened"}
        closed_early = {
            f"complaint-helpdesk-{name.removeprefix('Case ')}"
            for name, told in cases.items()
            if "Closed" in (activities := [event["concept:name"] for event in told])
            and {*activities[activities.index("Closed") + 1 :]} - {"Closed"}
        }
        # Work after closing is on record as a reopening; a second resolution is one too.
        assert closed_early <= reopened
        assert len(closed_early) > 0

        position = relations.status().position
        again = import_file(relations, "helpdesk", helpdesk, rejects=rejects, notes=tmp_path / "notes.jsonl")
        assert relations.status().position == position
        assert (again.accepted, again.by_reason, again.notes) == (report.accepted, report.by_reason, report.notes)
        assert again.passed_over == report.unchanged
    assert len((tmp_path / "notes.jsonl").read_text().splitlines()) == sum(report.notes.values())
