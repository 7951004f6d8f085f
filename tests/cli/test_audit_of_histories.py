"""Every command for auditors on two real histories: a help desk's cases and the purchases of CDNOW.

Each test reads what the command shows, and compares it with the log.
"""

from __future__ import annotations

import gzip
import json
import re
import sqlite3
import xml.etree.ElementTree as ET
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from relations.exchange.policies import policy_to_toml
from relations.policies import Policy, Programme
from tests.cli.conftest import Ran, invoke

XES = "{http://www.xes-standard.org/}"
SHORT = {"medium": {"acknowledge": "PT1M", "resolve": "PT2M"}}


class History(NamedTuple):
    """A database with a real history, and one of its customers with many events."""

    name: str
    path: Path
    customer: str

    def ask(self, *arguments: object, code: int = 0) -> Ran:
        found = invoke(*arguments, "--database", self.path, COLUMNS="160")
        assert found.code == code, found.out + found.err
        return found

    def rows(self, statement: str) -> list[Any]:
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(statement).fetchall()

    @property
    def events(self) -> int:
        found: int = self.rows("SELECT max(position) FROM relations_log")[0][0]
        return found


def helpdesk_of(data: Path, target: Path) -> Path:
    """A fortieth of the help desk's cases."""
    with gzip.open(data / "helpdesk" / "helpdesk.xes.gz") as file:
        tree = ET.parse(file)
    root = tree.getroot()
    for trace in root.findall(f"{XES}trace"):
        name = trace.find(f"{XES}string[@key='concept:name']")
        assert name is not None
        if int(name.attrib["value"].removeprefix("Case ")) % 40:
            root.remove(trace)
    with gzip.open(target, "wb", compresslevel=1) as out:
        tree.write(out, encoding="utf-8", xml_declaration=True)
    return target


@pytest.fixture(scope="module", params=["helpdesk", "cdnow"])
def history(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> History:
    folder = tmp_path_factory.mktemp("audit")
    if request.param == "helpdesk":
        file = helpdesk_of(request.getfixturevalue("data_dir"), folder / "part.xes.gz")
    else:
        lines = (request.getfixturevalue("cdnow_dir") / "CDNOW_master.txt").read_text("ascii").splitlines()
        file = folder / "part.txt"
        file.write_text("\n".join([lines[0], *(line for line in lines[1:] if line.split()[0] <= "00080")]) + "\n")
    path = folder / "log.db"
    imported = invoke("import", file, "--mapping", request.param, "--database", path)
    assert imported.code == 0, imported.err
    made = History(request.param, path, "")
    invoke("rebuild", "--database", path)
    ((customer, _count),) = made.rows(
        "SELECT customer, count(*) FROM relations_log GROUP BY customer ORDER BY 2 DESC, 1 LIMIT 1"
    )
    return made._replace(customer=customer)


def test_a_log_is_verified_with_its_views(history: History) -> None:
    shown = history.ask("verify")
    assert "The log is good." in shown.out
    found = history.ask("verify", "--json").json
    assert (found["events"], found["problems"]) == (history.events, [])
    assert len(found["views"]) > 10


def test_every_kind_of_event_is_explained(history: History) -> None:
    """Given one event of each kind, the page names rule, policy, event, and the command that it began with."""
    kinds = history.rows("SELECT topic, min(position) FROM relations_log GROUP BY topic")
    assert len(kinds) >= 3
    for topic, position in kinds:
        shown = history.ask("audit", "explain", "--event", position).out
        assert f"Why event {position} was recorded: {topic.partition('.')[2].replace('_', ' ')}" in shown
        assert re.search(r"Policy: version 1[.,]", shown)
        assert "It began with the command" in shown
        assert "… (whole" not in shown
        found = history.ask("audit", "explain", "--event", position, "--json").json
        assert (found["event"]["topic"], found["policy"]) == (topic, 1)
        assert found["rule"] in " ".join(shown.split())


def test_the_rows_of_a_customer_are_explained_step_by_step(history: History) -> None:
    view = "desk" if history.name == "helpdesk" else "retention"
    shown = history.ask("audit", "explain", view, history.customer, "--limit", 3).out
    assert f"How {view} came to know {history.customer}" in shown
    assert "earlier steps not shown" in shown
    assert "* recorded more than a day after it occurred" in shown  # an old log, imported today
    found = history.ask("audit", "explain", view, history.customer, "--json").json
    known = {position for (position,) in history.rows("SELECT position FROM relations_log")}
    assert len(found["steps"]) > 10
    assert {step["event"]["position"] for step in found["steps"]} <= known


def test_figures_are_explained_by_customers_and_events(history: History) -> None:
    asked: tuple[tuple[str, ...], ...] = (
        ("repair", "--figure", "step_on_time", "--of", "step=resolved"),
        ("repair", "--figure", "funnel", "--of", "step=resolved"),
        ("repair", "--figure", "cause_share", "--of", "by=subject", "--of", "cause=service type 1"),
        ("board", "--figure", "complaints", "--of", "month=2012-05"),
        ("board", "--figure", "first_response_on_time", "--of", "month=2012-05"),
    )
    if history.name == "cdnow":
        asked = (
            ("retention", "--figure", "repeat_rate", "--of", "period=1997-03"),
            ("retention", "--figure", "churn", "--of", "period=1998"),
            ("board", "--figure", "repeat_rate", "--of", "month=1997-03"),
        )
    for arguments in asked:
        found = history.ask("audit", "explain", *arguments, "--limit", 10_000, "--json").json
        shown = history.ask("audit", "explain", *arguments, "--limit", 10_000).out
        assert found["rule"] in " ".join(shown.split())
        assert len({each["customer"] for each in found["contributions"]}) == found["customers"] > 0
        for name, total in found["sums"].items():
            assert sum(each["added"].get(name, 0) for each in found["contributions"]) == pytest.approx(total)
            assert f"{name} {total:,.0f}" in shown
        assert all(each["events"] for each in found["contributions"])


def test_two_moments_are_compared_with_the_events_between(history: History) -> None:
    middle = history.events - 5
    found = history.ask("audit", "diff", "--from", middle, "--limit", 200, "--json").json
    because = {event["position"] for row in found["rows"] for event in row["events_only_after"]}
    assert because
    assert min(because) > middle
    shown = history.ask("audit", "diff", "--from", middle, "--view", "board").out
    assert "see explain board --tally" in shown or "Both states are equal." in shown
    assert "Both states are equal." in history.ask("audit", "diff", "--from", history.events).out
    assert "Both states are equal." in history.ask("audit", "diff", "--other", history.path).out


def test_the_past_is_shown_as_it_was_known(history: History) -> None:
    middle = history.events // 2
    report = "repair" if history.name == "helpdesk" else "retention"
    then = history.ask("report", report, "--known", middle)
    assert f"the first {middle:,} of {history.events:,} events" in then.out + then.err
    assert then.out != history.ask("report", report).out


def test_another_policy_is_tried_and_the_same_one_changes_nothing(history: History, tmp_path: Path) -> None:
    assert "No decision would have been another one." in history.ask("audit", "what-if").out
    other = tmp_path / "other.toml"
    policy = Policy(programme=Programme(rates={"USD": "1"}))
    if history.name == "helpdesk":
        policy = Policy.model_validate({"service_levels": SHORT})
    other.write_text(policy_to_toml(policy), encoding="utf-8")
    found = history.ask("audit", "what-if", "--policy", other, "--json").json
    before = history.events
    if history.name == "helpdesk":
        assert found["differing"] > 10
        missed = [each for each in found["figures"] if each["happened"] != each["instead"]]
        assert missed
    else:
        assert found["differing"] == 0  # nobody has joined the programme
    assert history.events == before


def test_seals_and_proofs_are_made_and_checked(history: History, tmp_path: Path) -> None:
    key, policy = tmp_path / "log.key", tmp_path / "policy.txt"
    first, proof, more = tmp_path / "first.note", tmp_path / "event.proof", tmp_path / "more.txt"
    assert invoke("audit", "keygen", "log.example/history", "--key", key, "--policy", policy).code == 0
    count = history.events
    assert f"Sealed {count:,} events" in history.ask("audit", "seal", "--key", key, "--output", first).out
    assert f"{count:,} events" in history.ask("audit", "seals").out
    valid = invoke("audit", "check", first, "--policy", policy)
    assert f"Valid  checkpoint of {count:,} events" in valid.out
    assert "Ed25519" in valid.out
    assert "ML-DSA-44" in valid.out
    for position in (1, count // 2, count):
        history.ask("audit", "prove", position, "--output", proof)
        ((leaf,),) = history.rows(f"SELECT lower(hex(digest)) FROM relations_log WHERE position = {position}")
        checked = invoke("audit", "check", proof, "--policy", policy, "--leaf", leaf)
        assert f"position {position:,} is one of the {count:,} sealed events" in checked.out
        wrong = invoke("audit", "check", proof, "--policy", policy, "--leaf", "00" * 32)
        assert (wrong.code, "not valid" in wrong.err) == (1, True)
    history.ask("record", "RegisterCustomer", "customer=late", "name=Ada")
    history.ask("audit", "seal", "--key", key)
    history.ask("audit", "continue", first, "--output", more)
    continued = invoke("audit", "check", more, "--policy", policy, "--old", first)
    assert f"{history.events:,} events continue the older checkpoint of {count:,}" in continued.out


def test_exports_have_every_event(history: History, tmp_path: Path) -> None:
    for form in ("ocel-json", "ocel-sqlite", "ocel-parquet", "xes", "cloudevents"):
        assert " events are in " in history.ask("audit", "export", "--format", form, "--output", tmp_path / form).out
    strict = tmp_path / "strict.json"
    history.ask("audit", "export", "--schema-strict", "--output", strict)
    count = history.events
    assert len(json.loads((tmp_path / "ocel-json").read_text())["events"]) == count
    assert len(json.loads(strict.read_text())["events"]) == count
    with closing(sqlite3.connect(tmp_path / "ocel-sqlite")) as connection:
        assert connection.execute("SELECT count(*) FROM event").fetchone() == (count,)
    lines = (tmp_path / "cloudevents").read_text(encoding="utf-8").splitlines()
    assert [int(json.loads(line)["relationsposition"]) for line in lines] == list(range(1, count + 1))
    of_customers = history.rows("SELECT count(*) FROM relations_log WHERE customer <> ''")[0][0]
    assert len(ET.parse(tmp_path / "xes").getroot().findall(f".//{XES}event")) == of_customers


def test_access_erasure_and_its_certificate(history: History, tmp_path: Path) -> None:
    mine = history.rows(f"SELECT count(*) FROM relations_log WHERE customer = '{history.customer}'")[0][0]
    folder = tmp_path / "access"
    folder.mkdir()
    assert (
        f"{mine:,} events of {history.customer}"
        in history.ask("audit", "access", history.customer, "--output", folder).out
    )
    assert {path.suffix for path in folder.iterdir()} == {".md", ".html", ".json"}
    page = next(folder.glob("*.md")).read_text(encoding="utf-8")
    assert not re.search(r"\d{15,}", page)  # no times as numbers
    assert "None of the customers' known words" in history.ask("audit", "clear-words").out
    history.ask("record", "EraseCustomer", f"customer={history.customer}")
    certificate = tmp_path / "certificate.json"
    history.ask("audit", "erase-certificate", history.customer, "--output", certificate)
    assert "The certificate is valid" in history.ask("audit", "erase-certificate", "--check", certificate).out
    assert "- Erased: no" not in history.ask("audit", "access", history.customer).out
    assert "The log is good." in history.ask("verify").out
