from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run

AS_OF = ("--as-of", "2025-12-31")


def test_all_views_are_reported_for_people_and_for_programs(run: Run, hotel: Path) -> None:
    shown = run("report", "-d", hotel, *AS_OF)
    assert shown.code == 0
    for heading in ("Satisfaction", "Retention", "Repair", "Agenda"):
        assert heading in shown.out
    document = run("report", "-d", hotel, *AS_OF, "--json").json
    assert document["zone"] == "Europe/Vienna"
    assert document["as_of"] == "2025-12-31T22:59:59.999999Z"
    assert document["satisfaction"]["nps"]["n"] > 0
    assert document["retention"]["lifecycle"]["customers"] > 30
    assert set(document) == {"as_of", "zone", "satisfaction", "retention", "repair", "agenda"}


@pytest.mark.parametrize("view", ["satisfaction", "retention", "repair", "agenda"])
def test_one_view_is_reported_alone(run: Run, hotel: Path, view: str) -> None:
    assert set(run("report", view, "-d", hotel, *AS_OF, "--json").json) == {"as_of", "zone", view}
    assert view.capitalize() in run("report", view, "-d", hotel, *AS_OF).out


def test_satisfaction_is_grouped_as_asked_and_bounded_by_months(run: Run, hotel: Path) -> None:
    whole = run("report", "satisfaction", "-d", hotel, "--json").json["satisfaction"]
    grouped = run(
        "report", "satisfaction", "-d", hotel, "--by", "month", "--by", "touchpoint", "--since", "2025-01", "--json"
    ).json["satisfaction"]
    assert {tuple(figure["group"]) for figure in grouped["csat"]} == {("month", "touchpoint")}
    assert all(figure["group"]["month"] >= "2025-01" for figure in grouped["csat"])
    assert 0 < sum(figure["n"] for figure in grouped["csat"]) < whole["csat"]["n"]


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
    assert "Nothing is recorded" in too_early.out
    overlong = run("history", "x" * 65, "-d", hotel)
    assert overlong.code == 2
    assert "cannot be a customer's id" in overlong.err


def test_everything_fits_into_80_columns(run: Run, hotel: Path) -> None:
    for arguments in (
        ("report", *AS_OF), ("history", "g000001"), ("customer", "g000001"), ("duplicates",), ("status",), ("verify",),
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
