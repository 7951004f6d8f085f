"""The airline's members and all 405,624 member-months through the mappings, against a plain reading of the two files.

The plain reading follows the rules that the mappings state, and knows nothing of lots: an account is the points that it
holds. That an import can be run again is shown on the file's first lines. `make test` takes every twentieth member,
`make soak` all of them.
"""

from __future__ import annotations

import csv
import gzip
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from relations import Policy, Relations
from relations.exchange.importing import import_file
from relations.policies import Programme
from relations.projections.loyalty.view import AccountRow

AGAIN = 5_000
POLICY = Policy(programme=Programme(months_to_expiry=None, tiers=()))
Row = dict[str, str]


def rows_of(path: Path) -> Iterator[Row]:
    with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as text:
        yield from csv.DictReader(text)


def every_nth(whole: Path, step: int, folder: Path) -> Path:
    """The file with the rows of every nth member only."""
    if step == 1:
        return whole
    path = folder / whole.name
    with gzip.open(whole, "rt", encoding="utf-8-sig", newline="") as text, gzip.open(path, "wt", newline="") as out:
        reader = csv.DictReader(text)
        writer = csv.DictWriter(out, reader.fieldnames or [])
        writer.writeheader()
        writer.writerows(row for row in reader if int(row["Loyalty Number"]) % step == 0)
    return path


@pytest.fixture(scope="module", params=[20, pytest.param(1, marks=pytest.mark.soak)], ids=["a twentieth", "all"])
def step(request: pytest.FixtureRequest) -> int:
    number: int = request.param
    return number


@pytest.fixture(scope="module")
def members_file(data_dir: Path, step: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    whole = data_dir / "airline_loyalty" / "customer_loyalty_history.csv.gz"
    return every_nth(whole, step, tmp_path_factory.mktemp("airline"))


@pytest.fixture(scope="module")
def activity_file(data_dir: Path, step: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    whole = data_dir / "airline_loyalty" / "customer_flight_activity.csv.gz"
    return every_nth(whole, step, tmp_path_factory.mktemp("airline"))


@pytest.fixture(scope="module")
def first_lines(activity_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    part = tmp_path_factory.mktemp("airline") / activity_file.name
    with (
        gzip.open(activity_file, "rt", encoding="utf-8", newline="") as text,
        gzip.open(part, "wt", encoding="utf-8") as out,
    ):
        out.writelines(line for _, line in zip(range(AGAIN + 1), text, strict=False))
    return part


class PlainReading:
    """The expected outcome of every row: counts by rule, and each member's points at the end."""

    def __init__(self, members: Path, activity: Path) -> None:
        self.enrolled = {
            row["Loyalty Number"]: (int(row["Enrollment Year"]), int(row["Enrollment Month"]))
            for row in rows_of(members)
        }
        self.rejected: Counter[str] = Counter()
        self.noted: Counter[str] = Counter()
        self.rows = 0
        self.held: dict[str, dict[tuple[int, int], int]] = defaultdict(lambda: defaultdict(int))
        self.keys: Counter[tuple[str, ...]] = Counter()
        self.alike: Counter[tuple[str, ...]] = Counter()
        for row in rows_of(activity):
            self.rows += 1
            code = self.read(row)
            if code is not None:
                self.rejected[code] += 1

    def read(self, row: Row) -> str | None:
        """Take a row; the code of the rule that turns it away, if one does."""
        member, month = row["Loyalty Number"], (int(row["Year"]), int(row["Month"]))
        self.keys[member, row["Year"], row["Month"]] += 1
        self.alike[tuple(row.values())] += 1
        if self.alike[tuple(row.values())] > 1:
            return "exact_duplicate"
        whole, _, fraction = row["Points Accumulated"].partition(".")
        earned, redeemed = int(whole), int(row["Points Redeemed"])
        self.noted["duplicate_key"] += self.keys[member, row["Year"], row["Month"]] > 1
        self.noted["fractional_points"] += bool(fraction.strip("0"))
        self.noted["no_points"] += not earned and not redeemed
        held = self.held[member]
        early = month < self.enrolled[member]
        if earned and not early:
            held[month] += earned
        if redeemed and not early:
            if sum(points for when, points in held.items() if when <= month) < redeemed:
                return "insufficient_points"
            for when in sorted(when for when in held if when <= month):
                taken = min(held[when], redeemed)
                held[when] -= taken
                redeemed -= taken
        return "before_enrolment" if early and (earned or redeemed) else None


def test_the_airlines_members_and_their_points(
    members_file: Path, activity_file: Path, first_lines: Path, step: int, tmp_path: Path, sqlite_url: str
) -> None:
    plain = PlainReading(members_file, activity_file)
    rejects = tmp_path / "rejects.jsonl"
    with Relations.open(sqlite_url, durability="off") as relations:
        relations.adopt(POLICY, from_beginning=True)
        members = import_file(relations, "airline_members", members_file)
        cancelled = sum(bool(row["Cancellation Year"]) for row in rows_of(members_file))
        assert (members.rows, members.accepted, members.rejected) == (len(plain.enrolled), len(plain.enrolled), 0)
        assert members.notes == {"cancelled": cancelled}
        assert step > 1 or (members.rows, cancelled) == (16_737, 2_067)

        report = import_file(relations, "airline_activity", activity_file, rejects=rejects)
        assert report.rows == plain.rows == report.accepted + report.rejected
        assert step > 1 or report.rows == 405_624
        assert report.by_reason == dict(plain.rejected)
        assert report.notes == {code: count for code, count in plain.noted.items() if count}
        assert len(plain.rejected) == 3
        assert report.by_reason["exact_duplicate"] > 50
        assert step > 1 or report.by_reason["exact_duplicate"] == 1_864
        with rejects.open() as lines:
            assert sum(1 for line in lines if '"raw"' in line) == report.rejected

        view = relations.views.loyalty
        owed = view.liability()
        assert owed.points == sum(sum(held.values()) for held in plain.held.values()) > 0
        assert (owed.debt, [month.month for month in owed.months]) == (0, [None])
        with_points = view.table(AccountRow).c.points > 0
        balances = {row.customer: row.points for row in view.rows(AccountRow, with_points)}
        assert balances == {
            f"al-{member}": sum(held.values()) for member, held in plain.held.items() if sum(held.values())
        }
        for customer in sorted(balances)[:20]:
            assert relations.load("loyalty", customer).balance == balances[customer]
            assert view.statement(customer).closing == balances[customer]

        position = relations.status().position
        again = import_file(relations, "airline_activity", first_lines, rejects=rejects)
        assert (again.rows, again.recorded) == (AGAIN, 0)
        assert again.by_reason == dict(PlainReading(members_file, first_lines).rejected)
        assert relations.status().position == position

        closed = import_file(relations, "airline_cancellations", members_file)
        assert (closed.rows, closed.accepted, closed.recorded) == (members.rows, members.rows, cancelled)
        left = {f"al-{row['Loyalty Number']}" for row in rows_of(members_file) if row["Cancellation Year"]}
        assert view.liability().points == sum(points for name, points in balances.items() if name not in left)
