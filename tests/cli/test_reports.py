from __future__ import annotations

import re
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from relations import GiveFeedback, Money, RecordPurchase, RegisterCustomer, Relations
from relations.commands import PlanCampaign, RecordCampaignCost, SendOffer, WithholdOffer
from relations.policies.value import DEFAULT_SEGMENTS
from relations.testing.hotel.simulation import simulate
from tests.cli.conftest import Run

AS_OF = ("--as-of", "2025-12-31")


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database large enough for complaints, and for models to be fitted to."""
    path = tmp_path_factory.mktemp("group") / "group.db"
    with Relations.open(f"sqlite:///{path}", durability="off") as engine:
        engine.execute_many(list(simulate(seed=3, customers=400, months=24)))
    return path


def test_all_views_are_reported_for_people_and_for_programs(run: Run, hotel: Path) -> None:
    shown = run("report", "-d", hotel, *AS_OF)
    assert shown.code == 0
    for heading in ("Board", "Satisfaction", "Retention", "Repair", "Posts", "Agenda"):
        assert heading in shown.out
    document = run("report", "-d", hotel, *AS_OF, "--json").json
    assert document["zone"] == "Europe/Vienna"
    assert document["as_of"] == "2025-12-31T22:59:59.999999Z"
    assert document["satisfaction"]["nps"]["n"] > 0
    assert document["retention"]["lifecycle"]["customers"] > 30
    assert document["board"]["figures"][0]["indicator"] == "nps"
    assert set(document) == {
        "as_of",
        "known",
        "zone",
        "board",
        "satisfaction",
        "retention",
        "repair",
        "posts",
        "agenda",
    }


@pytest.mark.parametrize("view", ["board", "satisfaction", "retention", "repair", "agenda"])
def test_one_view_is_reported_alone(run: Run, hotel: Path, view: str) -> None:
    assert set(run("report", view, "-d", hotel, *AS_OF, "--json").json) == {"as_of", "known", "zone", view}
    assert view.capitalize() in run("report", view, "-d", hotel, *AS_OF).out


def test_satisfaction_is_grouped_as_asked_and_bounded_by_months(run: Run, hotel: Path) -> None:
    whole = run("report", "satisfaction", "-d", hotel, "--json").json["satisfaction"]
    grouped = run(
        "report", "satisfaction", "-d", hotel, "--by", "month", "--by", "touchpoint", "--since", "2025-01", "--json"
    ).json["satisfaction"]
    assert {tuple(figure["group"]) for figure in grouped["csat"]} == {("month", "touchpoint")}
    assert all(figure["group"]["month"] >= "2025-01" for figure in grouped["csat"])
    assert 0 < sum(figure["n"] for figure in grouped["csat"]) < whole["csat"]["n"]


def test_satisfaction_shows_responses_themes_loops_drivers_and_trends(run: Run, hotel: Path) -> None:
    satisfied = run("report", "satisfaction", "-d", hotel, *AS_OF, "--json").json["satisfaction"]
    assert {"response", "themes", "loops", "drivers", "gaps", "scales", "nps_trends"} <= set(satisfied)
    assert len(satisfied["nps_trends"]) > 3
    assert satisfied["loops"]["low"] > 0
    shown = run("report", "satisfaction", "-d", hotel, *AS_OF).out
    for heading in ("Themes of the comments", "Low answers", "by touchpoint (CSAT)"):
        assert heading in shown
    grouped = run("report", "satisfaction", "-d", hotel, *AS_OF, "--by", "language")
    assert "Themes of the comments" in grouped.out


def test_segments_are_those_of_the_moment_asked_for(run: Run, group: Path) -> None:
    by = ("report", "satisfaction", "-d", group, "--by", "segment", "--until", "2024-07", "--json")
    now = run(*by, *AS_OF).json["satisfaction"]["nps"]
    then = run(*by, "--as-of", "2024-06-30").json["satisfaction"]["nps"]
    assert sum(figure["n"] for figure in now) == sum(figure["n"] for figure in then) > 0
    assert now != then
    named = run(*by, *AS_OF, "--segments", "policy").json["satisfaction"]["nps"]
    names = {figure["group"]["segment"] for figure in named}
    assert len(names) > 2
    assert names <= {segment.name for segment in DEFAULT_SEGMENTS} | {None}


def test_as_of_leaves_out_what_came_later(run: Run, hotel: Path) -> None:
    then = run("report", "retention", "-d", hotel, "--as-of", "2024-06-30", "--json").json["retention"]["lifecycle"]
    now = run("report", "retention", "-d", hotel, *AS_OF, "--json").json["retention"]["lifecycle"]
    assert 0 < then["customers"] < now["customers"]
    # An answer of a later month does not count either.
    satisfied = run("report", "satisfaction", "-d", hotel, "--as-of", "2024-06-30", "--json").json["satisfaction"]
    assert {figure["group"]["month"] for figure in satisfied["nps_by_month"]} <= {f"2024-{m:02d}" for m in range(1, 7)}


def test_customers_are_graded_in_the_currency_asked_for(run: Run, hotel: Path) -> None:
    euros = run("report", "retention", "-d", hotel, *AS_OF, "--json").json["retention"]["rfm"]
    francs = run("report", "retention", "-d", hotel, *AS_OF, "--currency", "CHF", "--json").json["retention"]["rfm"]
    assert (euros["currency"], francs["currency"]) == ("EUR", "CHF")
    assert euros["segments"] != francs["segments"]
    assert "--currency CHF or" in " ".join(run("report", "retention", "-d", hotel, *AS_OF).out.split())
    unknown = run("report", "retention", "-d", hotel, "--currency", "XYZ", "--json")
    assert unknown.code == 2
    assert unknown.json["error"]["code"] == "unknown_currency"


@pytest.mark.parametrize(
    ("arguments", "option", "words"),
    [
        (("retention", "--html", "x.html"), "--html", "not retention alone"),
        (("--html", "x.html", "--since", "2024-05"), "--since", "does not apply to the page"),
        (("--html", "x.html", "--by", "month"), "--by", "does not apply to the page"),
        (("--html", "x.html", "--limit", "3"), "--limit", "does not apply to the page"),
        (("--lang", "zh"), "--lang", "applies to the page only"),
        (("retention", "--by", "month"), "--by", "satisfaction"),
        (("repair", "--currency", "CHF"), "--currency", "satisfaction and retention"),
        (("satisfaction", "--ahead", "3"), "--ahead", "repair and agenda"),
        (("agenda", "--since", "2024-05"), "--since", "the report on agenda"),
        (("retention", "--segments", "policy"), "--segments", "satisfaction"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    run: Run, hotel: Path, tmp_path: Path, arguments: tuple[str, ...], option: str, words: str
) -> None:
    asked = [str(tmp_path / each) if each == "x.html" else each for each in arguments]
    refused = run("report", *asked, "-d", hotel, "--json")
    assert refused.code == 2
    assert (refused.json["error"]["code"], refused.json["error"]["field"]) == ("unsuitable_option", option)
    assert words in refused.err
    assert not (tmp_path / "x.html").exists()


def test_retention_shows_all_that_is_known_of_who_stays_and_what_they_are_worth(run: Run, group: Path) -> None:
    document = run("report", "retention", "-d", group, *AS_OF, "--json").json["retention"]
    shown = run("report", "retention", "-d", group, *AS_OF, COLUMNS="120").out
    for heading in (
        "Month by month",
        "Share of each month's new customers who buy again",
        "How long customers stay",
        "Recorded reasons for leaving",
        "Kinds of loyalty",
        "RFM: how recently, how often and how much customers buy",
        "Value grades",
        "Lifetime value: what is expected",
        "parameter ± standard error",
        "Revenue retention",
        "Spending of each month's new customers",
        "The policy's segments",
        "Cost of winning customers",
    ):
        assert heading in shown, heading
    assert document["survival"]["n"] == document["lifecycle"]["buyers"] > 30
    assert f"{document['survival']['n']:,} customers, {document['survival']['events']:,} lost so far" in shown
    assert document["worth"]["expected_value"] > 0
    assert len(document["worth"]["customers"]) == 12
    assert document["worth"]["no_fit"] is None
    assert [span["month"] for span in document["revenue"]][-1] == "2025-12"
    assert document["churn"]["left"] == sum(reason["customers"] for reason in document["churn"]["reasons"]) > 0
    assert all(each["cac"] > 0 for each in document["acquisition"])
    assert len(document["segments"]) > 3


def test_what_a_missing_extra_would_show_is_said_in_its_place(
    run: Run, hotel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in {"scipy", *(name for name in sys.modules if name.startswith("scipy."))}:
        monkeypatch.setitem(sys.modules, module, None)
    shown = run("report", "retention", "-d", hotel, *AS_OF)
    assert shown.code == 0
    assert "relations-engine[analytics]" in shown.out
    assert "Revenue retention" in shown.out
    document = run("report", "retention", "-d", hotel, *AS_OF, "--json").json["retention"]
    assert document["worth"]["no_fit"]["code"] == "missing_extra"
    assert document["worth"]["historic"] > 0
    assert document["worth"]["expected_value"] is None
    assert "Customer value so far" in shown.out


def test_satisfaction_shows_what_goes_with_it(run: Run, hotel: Path) -> None:
    drivers = run("report", "satisfaction", "-d", hotel, "--json").json["satisfaction"]["drivers"]
    shown = run("report", "satisfaction", "-d", hotel).out
    assert drivers["drivers"][0]["name"] == "stay.staff"
    shares = [int(share) for share in re.findall(r"^stay\.\w+ +(\d+)%", shown, re.MULTILINE)]
    assert len(shares) == 5
    assert 98 <= sum(shares) <= 102, "rounded shares of the whole"


def test_repair_shows_how_far_complaints_get(run: Run, group: Path) -> None:
    funnel = run("report", "repair", "-d", group, *AS_OF, "--json").json["repair"]["funnel"]
    shown = run("report", "repair", "-d", group, *AS_OF).out
    assert [step["step"] for step in funnel][::5] == ["filed", "restored"]
    assert funnel[0]["reached"] > 10
    for step, name in zip(funnel, ("Complained", "Answered", "Received an apology"), strict=False):
        assert re.search(rf"{name} +{step['reached']} ", shown)


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("view", ["satisfaction", "retention", "repair", "agenda"])
def test_nothing_is_cut_off_whatever_the_width(run: Run, group: Path, view: str, width: int) -> None:
    lines = run("report", view, "-d", group, *AS_OF, COLUMNS=str(width)).out.splitlines()
    assert len(lines) > 5
    assert not [line for line in lines if len(line.rstrip()) > width]
    assert not [line for line in lines if "\u2026" in line]


def test_a_log_that_has_stood_still_says_when_it_ended(run: Run, hotel: Path) -> None:
    asked = run("report", "agenda", "-d", hotel)
    assert asked.code == 0
    assert "--as-of 2025-12-3" in asked.err
    assert "--as-of" not in run("report", "agenda", "-d", hotel, *AS_OF).err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--as-of", "2024-05-01T10:00"), "naive_datetime", "2024-05-01T10:00Z"),
        (("--as-of", "yesterday"), "invalid_time", "2025-12-31"),
        (("--as-of", "2024-02-30"), "invalid_time", "neither a day nor a time"),
        (("--as-of", "9999-12-31"), "invalid_time", "neither a day nor a time"),
        (("--since", "May"), "invalid_month", "2024-05"),
        (("--until", "2024-13"), "invalid_month", "2024-05"),
    ],
)
def test_a_moment_that_is_none_is_refused_with_what_would_be_right(
    run: Run, hotel: Path, arguments: tuple[str, ...], code: str, words: str
) -> None:
    refused = run("report", "-d", hotel, *arguments, "--json")
    assert refused.code == 2
    assert refused.json["error"]["code"] == code
    assert words in refused.err


def test_a_history_shows_words_times_and_what_came_late(run: Run, hotel: Path) -> None:
    shown = run("history", "g000001", "-d", hotel)
    assert shown.code == 0
    assert "registered" in shown.out
    assert "Times are in Europe/Vienna" in shown.out
    events = run("history", "g000001", "-d", hotel, "--json").json["events"]
    assert events[0]["topic"] == "customer.registered"
    assert events[0]["body"]["email"].endswith("example.com")
    assert len(events[0]["digest"]) == 64
    early = run("history", "g000001", "-d", hotel, "--until", events[0]["occurred_at"], "--json").json["events"]
    assert 0 < len(early) < len(events)
    assert run("history", "g000001", "-d", hotel, "--until", "2024-05-01T00:00").code == 2


def test_an_unknown_customer_has_no_history_and_an_impossible_one_is_refused(run: Run, hotel: Path) -> None:
    unknown = run("history", "nobody", "-d", hotel)
    assert unknown.code == 2
    assert "nothing is recorded" in unknown.err
    too_early = run("history", "g000001", "-d", hotel, "--until", "2001-01-01")
    assert too_early.code == 0
    assert "Nothing had occurred by then" in too_early.out
    overlong = run("history", "x" * 65, "-d", hotel)
    assert overlong.code == 2
    assert "cannot be a customer id" in overlong.err


def test_everything_fits_into_80_columns(run: Run, hotel: Path) -> None:
    for arguments in (
        ("report", *AS_OF), ("history", "g000001"), ("customer", "g000001"), ("status",), ("verify",),
    ):  # fmt: skip
        lines = run(*arguments, "-d", hotel).out.splitlines()
        assert len(lines) > 3
        # Chinese characters take two columns; the tables know, and counting here would have to.
        assert not [line for line in lines if line.isascii() and len(line.rstrip()) > 80]


def test_a_terminal_without_unicode_gets_look_alikes(program: Run, hotel: Path) -> None:
    shown = program("report", "-d", hotel, *AS_OF, PYTHONUTF8="0", PYTHONIOENCODING="ascii", LC_ALL="C")
    assert shown.code == 0
    assert "|--" in shown.out
    assert "#" in shown.out
    assert "Traceback" not in shown.err
    history = program("history", "g000001", "-d", hotel, PYTHONUTF8="0", PYTHONIOENCODING="ascii", LC_ALL="C")
    assert history.code == 0


def test_json_is_utf_8_whatever_the_terminal_is(program: Run, hotel: Path) -> None:
    shown = program("history", "g000001", "-d", hotel, "--json", PYTHONUTF8="0", PYTHONIOENCODING="latin-1")
    assert shown.code == 0
    assert shown.out.encode("latin-1").decode("utf-8").startswith('{"customer":"g000001"')


def test_a_history_shows_what_an_auditor_asks_first(run: Run, hotel: Path) -> None:
    found = run("complaints", "-d", hotel, "--status", "closed", "--json").json["tickets"][0]
    events = run("history", found["customer"], "-d", hotel, "--json").json["events"]
    shown = "".join(run("history", found["customer"], "-d", hotel, COLUMNS="200").out.split())
    assert len(events) > 3
    for event in events:
        assert str(event["position"]) in shown
        assert "".join(event["actor"].split()) in shown
        assert event["command_id"] in shown
    assert f"complaint:{found['complaint']}" in shown
    assert "recorded20" in shown


# --- small, old and unfinished data -----------------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """One customer who bought once, long ago, and answered once."""
    database = tmp_path / "small.db"
    with Relations.open(f"sqlite:///{database}") as engine:
        at = datetime(2015, 5, 4, 12, tzinfo=UTC)
        engine.execute(RecordPurchase(customer="c1", purchase="p1", amount=Money(5_000, "EUR"), occurred_at=at))
        engine.execute(GiveFeedback(customer="c1", feedback="f1", instrument="nps", score=9, occurred_at=at))
    return database


def test_small_and_old_data_make_no_tables_of_nothing(run: Run, small: Path) -> None:
    shown = run("report", "-d", small, COLUMNS="120").out
    assert "Nothing is overdue, and nothing falls due within 14 days." in shown
    assert "No complaints." in shown
    assert "0% of 1 buyer bought again on another day." in shown
    assert not re.findall(r"\b1 (customers|buyers|complaints|points|days|answers)\b", shown)
    for absent in ("Chinese speakers", "by touchpoint (CSAT)", "Low answers", "champions", "Time to each step"):
        assert absent not in shown, absent
    lines = [line for line in shown.splitlines() if re.fullmatch(r"\s*2\d{3}-\d\d\*?(\s+(0|\u2013))+\s*", line)]
    assert not lines, "a month of nothing but zeros"
    assert "2015-05" in shown


def test_nobody_answered_is_said_once(run: Run, tmp_path: Path) -> None:
    database = tmp_path / "empty.db"
    with Relations.open(f"sqlite:///{database}") as engine:
        engine.execute(RegisterCustomer(customer="c1", occurred_at=datetime(2024, 5, 4, tzinfo=UTC)))
    shown = run("report", "satisfaction", "-d", database).out
    assert "Nobody has answered anything yet." in shown
    assert "NPS" not in shown


def test_an_unfinished_month_is_marked_in_the_terminal(run: Run, hotel: Path) -> None:
    day = ("--as-of", "2025-11-15")
    shown = run("report", "satisfaction", "-d", hotel, *day, COLUMNS="120").out
    assert re.search(r"^2025-11\* ", shown, re.MULTILINE)
    assert "* This month is not over yet." in shown
    assert not re.search(r"^2025-10\*", shown, re.MULTILINE)
    stays = run("report", "retention", "-d", hotel, *day, COLUMNS="120").out
    assert re.search(r"^2025-11\* ", stays, re.MULTILINE)
    spans = stays[stays.index("Revenue retention") :]
    assert "2025-10 " in spans
    assert "2025-11" not in spans[: spans.index("Spending of each")]


def test_a_campaign_is_shown_with_its_results(run: Run, tmp_path: Path) -> None:
    march = datetime(2026, 3, 2, tzinfo=UTC)
    spent: dict[str, Any] = {"cost": "ad", "amount": Money.of("100", "EUR")}
    path = tmp_path / "campaigns.db"
    with Relations.open(f"sqlite:///{path}") as engine:
        engine.execute_many(
            [
                PlanCampaign(
                    campaign="spring", kind="win_back", starts=march.date(), ends=date(2026, 4, 1), occurred_at=march
                ),
                RecordCampaignCost(campaign="spring", occurred_at=march, **spent),
                SendOffer(customer="anna", offer="o1", campaign="spring", channel="email", occurred_at=march),
                WithholdOffer(customer="ben", campaign="spring", occurred_at=march),
                RecordPurchase(
                    customer="anna",
                    purchase="p1",
                    amount=Money.of("240", "EUR"),
                    campaign="spring",
                    occurred_at=march,
                ),
            ]
        )
    calendar = run("campaigns", "-d", path)
    assert "spring" in calendar.out
    assert "100.00 EUR" in calendar.out
    shown = run("campaigns", "spring", "-d", path)
    assert "Return on investment" in shown.out
    assert "140%" in shown.out
    assert "a lift of +100.0 points" in " ".join(shown.out.split())
    document = run("campaigns", "spring", "-d", path, "--json").json
    assert (document["result"]["sent"], document["result"]["control"]) == (1, 1)
    assert run("campaigns", "autumn", "-d", path).code == 2
    assert run("campaigns", "-d", path, "--since", "2026-04-01", "--json").json["campaigns"] == []


def test_a_fit_is_recorded_and_used_by_the_file_of_a_customer(run: Run, group: Path, tmp_path: Path) -> None:
    path = tmp_path / "group.db"
    path.write_bytes(group.read_bytes())
    with Relations.open(f"sqlite:///{path}", access="read") as engine:
        last = datetime(2025, 12, 31, tzinfo=UTC)
        customer = engine.views.retention.lifetime_values(as_of=last, limit=1).customers[0].customer
    assert run("customer", customer, "-d", path, *AS_OF, "--json").json["worth"]["expected_purchases"] is None
    fitted = run("fit", "-d", path, *AS_OF, "--json").json
    assert (fitted["model"], fitted["through"], fitted["events"]) == ("bg_nbd", "2025-12-31", 1)
    assert run("fit", "-d", path, *AS_OF, "--json").json["events"] == 0
    worth = run("customer", customer, "-d", path, *AS_OF, "--json").json["worth"]
    assert worth["expected_purchases"] > 0
    assert "Fitted bg_nbd" in run("fit", "-d", path, "--as-of", "2025-06-30").out
    assert run("fit", "-d", path, "--model", "other").code == 2
    assert run("fit", "-d", path, "--currency", "JPY").code == 2


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        (("--k", 3), "--k"),
        (("--rules", "--seed", 2), "--seed"),
        (("--rules", "--model", "bg_nbd"), "--model"),
        (("--clusters", "--currency", "EUR"), "--currency"),
    ],
)
def test_an_option_of_another_fit_is_refused(run: Run, group: Path, options: tuple[object, ...], wrong: str) -> None:
    refused = run("fit", "-d", group, *AS_OF, *options, "--json")
    assert refused.code == 2
    assert (refused.json["error"]["code"], refused.json["error"]["field"]) == ("unsuitable_option", wrong)


def test_ties_are_shown_with_what_must_not_be_lost(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "ties.db"
    for record in (
        ("AssignCustomer", "customer=c1", "owner=olga", "occurred_at=2026-01-01T09:00Z"),
        ("NoteTrait", "customer=c1", "trait=taboo", "about=lilies", "occurred_at=2026-01-02T09:00Z"),
        ("AssignCustomer", "customer=c1", "owner=quinn", "occurred_at=2026-01-03T09:00Z"),
        ("StateRung", "customer=c1", "rung=close", "by=olga", "occurred_at=2026-01-04T09:00Z"),
    ):
        assert run("record", *record, "-d", path).code == 0
    shown = run("ties", "-d", path)
    assert shown.code == 0
    assert "taboos: lilies" in shown.out
    (found,) = run("ties", "--owner", "quinn", "-d", path, "--json").json["handovers"]
    assert (found["previous"], found["owner"], found["taboos"]) == ("olga", "quinn", ["lilies"])
    tie = run("ties", "c1", "-d", path, "--json").json["tie"]
    assert (tie["rung"], tie["stated"], tie["owner"]["owner"]) == ("close", True, "quinn")
    assert run("ties", "c1", "-d", path).code == 0
    assert run("ties", "nobody", "-d", path).code == 2
