"""The page as text: its words, its figures, and that it asks nothing of any network."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from relations import FileComplaint, Policy, RecordPurchase, RegisterCustomer, Relations
from relations.aggregates.customer import GiveFeedback, PurchaseLine
from relations.aggregates.opportunity import LoseOpportunity, OpenOpportunity
from relations.aggregates.rival import ObserveRival
from relations.cli.app import app
from relations.cli.options import moment
from relations.cli.pages.report import agenda
from relations.cli.pages.report.question import Question
from relations.commands import BeginPlan, RecordAcquisitionCost, RecordInteraction, RecordLapse, RecordWinBack
from relations.errors import InvalidInput, MissingExtra
from relations.messages import Command, Money
from relations.policies import Care, Instrument, Programme, Surveys
from relations.policies.instruments import InstrumentItem
from relations.policies.loyalty.offers import Tier
from relations.report import LANGUAGES, render_html
from relations.report.html.figures import Scale
from relations.report.html.wording import Wording
from relations.testing.hotel.simulation import simulate_recorded
from relations.testing.hotel.world import QUESTIONNAIRE
from tests.report.conftest import AS_OF as GROUP_AS_OF

AS_OF = datetime(2025, 12, 31, 12, tzinfo=UTC)

FIGURES = {
    "board",
    "nps", "csat", "drivers", "places", "stages", "rates", "cohorts", "survival", "kinds", "revenue", "kept", "rfm",
    "segments", "grades", "worth", "funnel", "states", "steps", "causes", "liability", "tiers", "due", "next",
    "reasons", "groups", "winning", "cases", "tickets", "posts", "unanswered", "contacts", "silent",
    "owners", "training", "tenure", "stages-of-sales", "losses", "rivals", "contracts", "campaigns", "partners",
    "ladder", "handovers", "clusters", "rules", "forecast", "places-ahead",
}  # fmt: skip

CARE = {"care-next", "care-kept"}
"""The figures of a page on a business that has care plans."""


class Reader(HTMLParser):
    """Collects tags with their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def read(page: str) -> list[tuple[str, dict[str, str | None]]]:
    reader = Reader()
    reader.feed(page)
    return reader.tags


@pytest.fixture(scope="module")
def empty() -> Iterator[Relations]:
    with Relations.open("sqlite://") as engine:
        yield engine


def test_figures_about_customers_lead_to_who_they_are(pages: Mapping[str, str], group: Relations) -> None:
    page = pages["en"]
    for name in ("stages", "kinds", "segments", "grades", "groups", "states", "tiers"):
        begin = page.index(f'id="people-{name}"')
        assert f'href="#people-{name}"' in page
        listed = re.findall(r"(?:g[0-9]{6}|story-[a-z-]+)", page[begin : page.index("</table>", begin)])
        assert listed, name
        assert all(group.views.customers.portrait(customer).customer for customer in listed[:3])
    # Each indicator of the board leads to the section that has its details.
    tiles = re.findall(r'<div class="name"><a href="#([a-z]+)">', page)
    assert len(tiles) == page.count('<div class="tile ') > 10
    assert all(f'<section id="{name}">' in page for name in tiles)
    assert "board" not in tiles


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_empty_log_says_why_there_is_nothing(empty: Relations, language: str) -> None:
    page = render_html(empty, language, as_of=AS_OF)
    tags = read(page)
    assert not [tag for tag, _ in tags if tag in ("svg", "script")]
    figures = [attributes for tag, attributes in tags if tag == "figure"]
    # Its policy has no care plans.
    assert {figure["data-figure"] for figure in figures} == FIGURES - {"care-next", "care-kept"}
    assert page.count('class="said empty"') == len(figures)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_is_the_same_every_time_and_complete(group: Relations, pages: dict[str, str], language: str) -> None:
    assert render_html(group, language, as_of=GROUP_AS_OF) == pages[language]
    figures = {attributes["data-figure"] for tag, attributes in read(pages[language]) if tag == "figure"}
    goals = {name for name in figures if name is not None and name.startswith("goal-")}
    assert figures - goals == FIGURES | CARE
    assert goals
    assert "said empty" not in pages[language]


def figure(page: str, name: str) -> str:
    """The markup of one figure."""
    begin = page.index(f'<figure data-figure="{name}"')
    return page[begin : page.index("</figure>", begin)]


def words(page: str, name: str) -> str:
    """Return the words of one figure."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", figure(page, name))))


def test_the_shares_of_drivers_sum_to_all_that_is_explained(pages: dict[str, str]) -> None:
    for language, first in (("en", "staff"), ("zh", "员工")):
        drawn = figure(pages[language], "drivers")
        shares = [float(value) for value in re.findall(r'data-value="([^"]+)"', drawn)]
        assert len(shares) == 5
        assert sum(shares) == pytest.approx(1)
        assert first in drawn
        assert "stay." not in drawn


def test_what_goes_with_satisfaction_is_named_in_every_language() -> None:
    surveys = Surveys(instruments=(*Surveys().instruments, QUESTIONNAIRE))
    english, chinese = Wording("en"), Wording("zh")
    assert (english.driver("csat", surveys), chinese.driver("csat", surveys)) == ("satisfaction", "满意度")
    assert (english.driver("servqual.empathy", surveys), chinese.driver("servqual.empathy", surveys)) == (
        "empathy",
        "移情性",
    )
    own = Instrument(id="mood", kind="likert", lowest=1, highest=5, items=(InstrumentItem(id="x", text="Calm"),))
    assert english.driver("mood.x", Surveys(instruments=(own,))) == "Calm"
    assert english.driver("mood.y", Surveys(instruments=(own,))) == "y"


def test_where_nothing_goes_with_satisfaction_the_page_says_why() -> None:
    with Relations.open("sqlite://") as engine:
        for number in range(8):
            for instrument, score in (("nps", number % 11), ("csat", 3)):
                engine.execute(
                    GiveFeedback(
                        customer=f"c{number}", feedback=f"f{number}{instrument}", instrument=instrument, score=score,
                        regarding=f"r{number}", occurred_at=AS_OF,
                    )
                )  # fmt: skip
        assert "everybody gave the same answers to the other questions" in words(
            render_html(engine, as_of=AS_OF), "drivers"
        )
        assert "其他问题的回答全都相同" in words(render_html(engine, "zh", as_of=AS_OF), "drivers")


def purchases(*customers: tuple[str, int, str]) -> list[Command]:
    """A purchase a customer: their id, how many days ago, and the currency."""
    return [
        RecordPurchase(
            customer=customer, purchase=f"p-{customer}-{ago}", amount=Money(5_000, currency),
            occurred_at=AS_OF - timedelta(days=ago),
        )
        for customer, ago, currency in customers
    ]  # fmt: skip


def test_where_nothing_is_to_be_expected_the_page_says_why_and_not_that_nobody_bought() -> None:
    pytest.importorskip("scipy")
    with Relations.open("sqlite://") as engine:
        engine.execute_many(purchases(*((f"c{number}", 30 * number, "EUR") for number in range(5))))
        page = render_html(engine, as_of=AS_OF)
        assert "no customer has come back yet" in words(page, "worth")
        assert "5 buyers brought €250" in words(page, "worth")
        assert "5 位消费客户至今带来" in words(render_html(engine, "zh", as_of=AS_OF), "worth")
        assert sum(float(value) for value in re.findall(r'data-value="([\d.]+)"', figure(page, "worth"))) == 25_000
        assert 'data-marks="25"' in figure(page, "rfm")


def test_why_customers_left_and_what_it_cost_to_win_them_is_on_the_page() -> None:
    def cost(customer: str, amount: int, channel: str, campaign: str | None = None) -> Command:
        return RecordAcquisitionCost(
            customer=customer, acquisition=f"a-{channel}", amount=Money(amount, "EUR"), channel=channel,
            campaign=campaign, occurred_at=AS_OF - timedelta(days=300),
        )  # fmt: skip

    with Relations.open("sqlite://", clock=lambda: AS_OF) as engine:
        engine.execute_many(
            [
                *purchases(*((f"c{number}", 10 * number, "EUR") for number in range(1, 5))),
                cost("c1", 1_000, "web", "spring"),
                cost("c2", 3_000, "official_account"),
                RecordLapse(customer="c3", reason="price", occurred_at=AS_OF - timedelta(days=9)),
                RecordLapse(customer="c4", reason="price", occurred_at=AS_OF - timedelta(days=9)),
                RecordWinBack(customer="c4", occurred_at=AS_OF - timedelta(days=8)),
            ]
        )
        english, chinese = render_html(engine, as_of=AS_OF), render_html(engine, "zh", as_of=AS_OF)
    won = words(english, "winning")
    for said in ("web · spring €10 · 5.0\u00d7", "official account €30 · 1.7\u00d7"):
        assert said in won
    assert "公众号" in words(chinese, "winning")
    assert "price 2 · 100%" in words(english, "reasons")
    assert "2 departures of 2 customers; 1 ended with a recorded return" in words(english, "reasons")
    assert "2 位客户" in words(chinese, "reasons")
    assert "regulars" not in words(english, "groups"), "nobody is one"


def test_without_the_extra_for_models_only_what_needs_it_is_missing(
    group: Relations, pages: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in [name for name in sys.modules if name.partition(".")[0] == "scipy"]:
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, "scipy", None)
    # Another engine on the same log: this one keeps the answers that it gave with the extra.
    page = render_html(Relations(group.log, clock=group.clock), as_of=GROUP_AS_OF)
    assert "pip install 'relations-engine[analytics]'" in words(page, "worth")
    assert "buyers brought" in words(page, "worth")
    for name in FIGURES - {"worth", "winning"}:
        assert figure(page, name) == figure(pages["en"], name)


def test_without_the_extra_for_pages_the_error_names_it(empty: Relations, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtra) as refused:
        render_html(empty)
    assert refused.value.extra == "report"


def test_the_day_is_the_business_s_own() -> None:
    late = datetime(2024, 6, 30, 23, 30, tzinfo=UTC)
    with Relations.open("sqlite://", clock=lambda: late) as engine:
        engine.adopt(Policy(zone="Asia/Shanghai"))
        assert "As of 1 July 2024" in render_html(engine)
        assert "2024年7月1日" in render_html(engine, "zh")
        assert "As of 1 July 2024" in render_html(engine, as_of=late)


@pytest.mark.parametrize("given", ["2024-10-31", pytest.param("2024-09-17", marks=pytest.mark.soak)])
def test_as_of_a_day_gone_by_nothing_of_what_came_later_is_told(given: str) -> None:
    day = moment(given, "Europe/Vienna")
    assert day is not None

    def recorded(commands: Iterable[Command]) -> Iterator[str]:
        with Relations.open("sqlite://", durability="off") as engine:
            engine.execute_many(list(commands))
            yield from (
                re.sub(r"Made on .*? digest \w+\.|生成于.*?摘要 \w+。", "", render_html(engine, language, as_of=day))
                for language in LANGUAGES
            )

    # What is told late changes the past for good reasons; here nothing is.
    told = [one for one in simulate_recorded(seed=5, customers=300, months=14)
            if not one.command.occurred_at <= day < one.recorded_at]  # fmt: skip
    commands = [one.command for one in told]
    before = [command for command in commands if command.occurred_at <= day]
    assert 1_000 < len(before) < len(commands) - 500
    whole, cut = list(recorded(commands)), list(recorded(before))
    for one, other in zip(whole, cut, strict=True):
        for name in sorted(FIGURES - {"care-next", "care-kept"}):  # the policy has no care plans
            assert figure(one, name) == figure(other, name), name
        assert one == other


def test_a_month_that_was_not_over_is_left_out_of_what_is_counted_by_month(group: Relations) -> None:
    page = render_html(group, as_of=datetime(2025, 3, 15, 12, tzinfo=UTC))
    assert "end with Feb 2025" in page
    for name in ("nps", "csat", "rates", "revenue", "kept"):
        table = page[page.index(f'id="table-{name}"') :]
        table = table[: table.index("</table>")]
        assert "Feb 2025" in table, name
        assert "Mar 2025" not in table, name


def test_every_amount_is_in_the_currency_asked_for() -> None:
    with Relations.open("sqlite://") as engine:
        engine.execute_many(purchases(("euro", 40, "EUR"), ("franc", 40, "CHF"), ("franc", 3, "CHF")))
        euros, francs = render_html(engine, as_of=AS_OF), render_html(engine, as_of=AS_OF, currency="CHF")
        assert "Amounts in EUR" in euros
        assert "Not included: 1 customer who bought only in other currencies" in euros
        assert "Amounts in CHF" in francs
        assert "Not included: 1 customer who bought only in other currencies" in francs
        assert re.findall(r"CHF\d+", francs[francs.index('id="table-segments"') :]).count("CHF100") == 1
        graded = [int(value) for value in re.findall(r'data-value="(\d+)"', figure(francs, "grades"))]
        assert sum(graded) == 1, "nobody is graded by what they spent in another currency"
    with pytest.raises(InvalidInput) as refused, Relations.open("sqlite://") as engine:
        render_html(engine, currency="XYZ")
    assert refused.value.code == "unknown_currency"


def test_a_name_from_the_log_cannot_become_markup() -> None:
    tier = Tier(name="<script>alert(1)</script>", threshold=0)
    with Relations.open("sqlite://") as engine:
        engine.adopt(Policy(programme=Programme(tiers=(tier,))))
        engine.execute(RegisterCustomer(customer="c1", occurred_at=AS_OF))
        engine.execute(RecordPurchase(customer="c1", purchase="p", amount=Money(100, "EUR"), occurred_at=AS_OF))
        page = render_html(engine, as_of=AS_OF)
    assert "script" not in {tag for tag, _ in read(page)}


def test_another_language_is_refused(empty: Relations) -> None:
    with pytest.raises(InvalidInput) as refused:
        render_html(empty, "tlh")
    assert refused.value.code == "unknown_language"


def test_numbers_months_and_money_are_written_as_each_language_does() -> None:
    english, chinese = Wording("en"), Wording("zh")
    assert (english.month("2024-05"), chinese.month("2024-05")) == ("May 2024", "2024年5月")
    assert (english.number(1234.5, 1), english.percent(0.256), english.percent(None)) == ("1,234.5", "26%", "\u2013")
    assert (english.number(-0.4), english.number(-41), english.percent(-0.001)) == ("0", "\u221241", "0%")
    assert (english.share(0.001), english.share(0), english.share(0.012)) == ("<1%", "0%", "1%")
    assert (english.short_money(250_000_00, "EUR"), chinese.short_money(250_000_00, "EUR")) == ("€250K", "€25万")
    assert [chinese.short_money(euros * 100, "EUR") for euros in (5_000, 10_000, 12_500, 15_000, 20_000)] == [
        "€5000", "€1万", "€1.25万", "€1.5万", "€2万",
    ]  # fmt: skip
    assert [english.short_money(euros * 100, "EUR") for euros in (500, 1_000, 1_500)] == ["€500", "€1K", "€1.5K"]
    assert (english.short_month("2024-05"), chinese.short_month("2024-05")) == ("May 24", "24年5月")
    assert english.money(123_456, "EUR") == "€1,235"
    assert "1,235" in chinese.money(1_235, "JPY")


@given(top=st.integers(1_000, 10**13), language=st.sampled_from(LANGUAGES))
def test_amounts_on_one_axis_differ_in_writing(top: int, language: str) -> None:
    ticks = Scale([0, top]).ticks
    assert len(ticks) > 2
    assert len({Wording(language).short_money(tick, "EUR") for tick in ticks}) == len(ticks)


def test_chinese_text_has_chinese_punctuation(pages: dict[str, str]) -> None:
    page = unescape(pages["zh"])
    said = [*re.findall(r'title="([^"]+)"', page), *re.findall(r">([^<]+)<", page[page.index("<body>") :])]
    chinese = [each for each in said if re.search(r"[\u4e00-\u9fff]", each)]
    assert len(chinese) > 100
    assert [each for each in chinese if re.search(r"[\u4e00-\u9fff\d%] ?[,;:!?()](?!\d)|[(]", each)] == []


def test_the_command_writes_the_page(tmp_path: Path) -> None:
    database = tmp_path / "x.db"
    with Relations.open(f"sqlite:///{database}") as engine:
        engine.execute(RecordPurchase(customer="c1", purchase="p", amount=Money(100, "EUR"), occurred_at=AS_OF))
    target = tmp_path / "page.html"
    asked = ["report", "-d", str(database), "--html", str(target), "--lang", "zh", "--as-of", "2025-12-31"]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 0, result.output
    written = target.read_text("utf-8")
    assert '<html lang="zh-Hans">' in written
    assert "http" not in re.sub(r"xmlns(:xlink)?=\"[^\"]+\"|http-equiv", "", written)


# --- small, old and unfinished data -----------------------------------------------------------------------------------


def test_nouns_agree_with_their_number() -> None:
    english, chinese = Wording("en"), Wording("zh")
    assert [english.count("customers", n) for n in (0, 1, 2)] == ["0 customers", "1 customer", "2 customers"]
    assert [chinese.count("customers", n) for n in (0, 1, 2)] == ["0 位客户", "1 位客户", "2 位客户"]
    with Relations.open("sqlite://") as engine:
        engine.execute_many(purchases(("c1", 40, "EUR")))
        page = render_html(engine, as_of=AS_OF, ahead=timedelta(days=1))
    assert "1 customer known." in page
    assert "falls due within 1 day." in page
    assert "1 buyer brought" in words(page, "worth")
    assert not re.findall(r"\b1 (customers|buyers|days|answers|members|points|months)\b", page)


def test_a_reason_is_only_given_where_it_is_true() -> None:
    filed = FileComplaint(
        customer="c9", complaint="k1", channel="phone", subject="noise", occurred_at=AS_OF - timedelta(days=3)
    )
    with Relations.open("sqlite://", clock=lambda: AS_OF) as engine:
        engine.execute(filed)
        page = render_html(engine)
        assert "no step has been taken yet" in words(page, "steps")
        assert "no customer has bought or answered anything yet" in words(page, "kinds")
        for name in ("rates", "cohorts", "survival"):
            assert "no purchases yet" in words(page, name), name
        engine.execute_many(purchases(("c1", 40, "CHF"), ("c2", 4, "CHF")))
        page = render_html(engine)
        assert "no purchases yet" not in page
        assert "no spending in EUR" in words(page, "rfm")
        francs = render_html(engine, currency="CHF")
        assert figure(francs, "segments").count('class="mark') == 2, "segments without customers are left out"
        assert figure(francs, "worth").count('class="mark') == 2, "so are tenths without buyers"


def test_old_revenue_is_shown_with_its_last_month_and_not_denied() -> None:
    with Relations.open("sqlite://") as engine:
        old = [("c1", 3_000 + 31 * number, "EUR") for number in range(6)]
        engine.execute_many(purchases(*old))
        page = render_html(engine, as_of=AS_OF)
        assert "Nothing has been spent since Oct 2017" in words(page, "revenue")
        assert "no spending" not in page
        assert 0 < figure(page, "revenue").count('class="mark') <= 2 * 24
        assert figure(page, "cohorts").count('class="mark') <= 24
        assert "no spending in CHF" in words(render_html(engine, as_of=AS_OF, currency="CHF"), "revenue")
    with Relations.open("sqlite://") as engine:
        engine.execute_many(purchases(("c1", 3_000, "EUR")))
        assert "no customer has come back yet" in words(render_html(engine, as_of=AS_OF), "cohorts")


def test_a_month_that_is_not_over_is_marked_or_left_out() -> None:
    with Relations.open("sqlite://", clock=lambda: AS_OF - timedelta(days=20)) as engine:
        engine.execute_many(purchases(*((f"c{n % 3}", 20 + 30 * n, "EUR") for n in range(12))))
        answers = [
            GiveFeedback(
                customer=f"c{n}",
                feedback=f"f{n}-{ago}",
                instrument="nps",
                score=9,
                occurred_at=AS_OF - timedelta(days=ago),
            )
            for n in range(6)
            for ago in (20, 60)
        ]
        engine.execute_many(answers)
        page, chinese = render_html(engine), render_html(engine, "zh")
    for name in ("nps", "revenue", "grades", "kinds"):
        assert "Dec 2025 is not over yet" in words(page, name), name
        assert "2025年12月尚未结束" in words(chinese, name), name
    for name in ("rates", "kept"):
        table = page[page.index(f'id="table-{name}"') :]
        assert "Dec 2025" not in table[: table.index("</table>")], name
    assert "Dec 2025" not in figure(page, "cohorts")


def test_the_page_names_the_place_where_chance_explains_nothing() -> None:
    """The whole looks even, for what one place loses the other wins; so only the places tell."""
    with Relations.open("sqlite://", clock=lambda: AS_OF) as engine:
        commands: list[Command] = []
        for month in range(12):
            for n in range(40):
                turned = month == 11
                low = (n % 2 == 0) if not turned else n < 20
                place = "lobby" if n < 20 else "spa"
                commands.append(
                    GiveFeedback(
                        customer=f"c{n}", feedback=f"f{month}-{n}", instrument="nps", score=2 if low else 10,
                        touchpoint=place, occurred_at=AS_OF - timedelta(days=31 * (11 - month)),
                    )
                )  # fmt: skip
        engine.execute_many(commands)
        page, chinese = render_html(engine), render_html(engine, "zh")
        trends = engine.views.satisfaction.trends(by=("touchpoint",))
    assert [bool(each.chart and each.chart.signals) for each in trends] == [True, True]
    assert "No month differs" in words(page, "nps")
    for place in ("lobby", "spa"):
        assert re.search(f"At {place}, chance does not explain [^.]*Dec 2025", words(page, "nps"))
    assert "触点“lobby”出现异常波动的月份" in words(chinese, "nps")


def test_the_terminal_and_the_page_count_overdue_alike(group: Relations, pages: dict[str, str]) -> None:
    found = agenda.read(group, Question(as_of=GROUP_AS_OF, zone="Europe/Vienna", asked=True))
    drawn = figure(pages["en"], "due")
    parts = {
        colour: sum(map(int, re.findall(rf'mark {colour}" data-value="(\d+)"', drawn))) for colour in ("orange", "blue")
    }
    assert parts == {"orange": len(found.overdue), "blue": len(found.due)}
    late = [item for item in found.overdue if item.stream.startswith("complaint-") and item.kind != "escalation"]
    assert {(item.stream, item.kind) for item in late} >= {
        (f"complaint-{step.complaint}", step.clock) for step in group.views.repair.overdue(as_of=GROUP_AS_OF)
    }
    assert found.due


def test_a_fit_s_standard_errors_stand_next_to_what_is_expected(pages: dict[str, str]) -> None:
    pytest.importorskip("scipy")
    said = words(pages["en"], "worth")
    assert re.search(r"BG/NBD, parameter ± standard error: r [\d.]+ ± [\d.]+, alpha days [\d.]+ ± [\d.]+, a ", said)
    assert "Gamma-Gamma, parameter ± standard error: p " in said
    assert "标准误" in words(pages["zh"], "worth")


def test_the_page_shows_what_contact_sells_and_the_customers_nobody_contacted() -> None:
    calls = [("c1", 10, True), ("c1", 20, False), ("c2", 30, False), ("c3", 200, False)]
    clock = [AS_OF]
    with Relations.open("sqlite://", clock=lambda: clock[0]) as engine:
        for number in range(1, 5):
            engine.execute(RegisterCustomer(customer=f"c{number}", occurred_at=AS_OF - timedelta(days=300)))
        for customer, days, sells in calls:
            engine.execute(
                RecordInteraction(
                    customer=customer, interaction=f"i{days}", channel="phone", kind="short_call", sells=sells,
                    direction="outbound", occurred_at=AS_OF - timedelta(days=days),
                )
            )  # fmt: skip
        page, chinese = render_html(engine), render_html(engine, "zh")
        past = render_html(engine, as_of=AS_OF - timedelta(days=60))
        clock[0] += timedelta(days=365)
        later = render_html(engine, as_of=AS_OF)
    assert "Of 4 contacts that the business began, 75% sell nothing." in words(page, "contacts")
    assert "short call" in words(page, "contacts")
    silent = words(page, "silent")
    assert "2 customers heard nothing from the business for 90 days or more." in silent
    assert silent.index("c4") < silent.index("c3")
    assert "never" in silent
    assert "短通话" in words(chinese, "contacts")
    assert "75%" in words(chinese, "contacts")
    assert "从未" in words(chinese, "silent")
    assert "only known for the present" in words(past, "silent")
    assert words(later, "silent") == silent, "days count up to the moment asked about"


@pytest.mark.parametrize(
    ("lang", "title", "kind", "plan"),
    [("en", "Care plans", "short call", "support"), ("zh", "客户关怀计划", "简短通话", "使用支持")],
)
def test_care_is_a_section_where_the_policy_has_plans(lang: str, title: str, kind: str, plan: str) -> None:
    with Relations.open("sqlite://", clock=lambda: AS_OF) as engine:
        engine.execute(RegisterCustomer(customer="eve", occurred_at=AS_OF - timedelta(days=40)))
        assert 'id="care"' not in render_html(engine, lang)
        engine.adopt(Policy(care=Care(plans=("support",))), from_beginning=True)
        assert title in render_html(engine, lang)
        for customer, days in (("ada", 40), ("bea", 3)):
            began = AS_OF - timedelta(days=days)
            engine.execute(RegisterCustomer(customer=customer, occurred_at=began, phone="+43 1 5550199"))
            engine.execute(BeginPlan(customer=customer, plan="support", occurred_at=began))
        engine.advance_time(AS_OF)
        page = render_html(engine, lang)
        assert f"<td>bea</td><td>{kind}</td><td>{plan}</td>" in page
        assert 'data-figure="care-kept" data-kind="bars"' in page
        past = words(render_html(engine, lang, as_of=AS_OF - timedelta(days=1)), "care-next")
        assert {"en": "only known for the present", "zh": "该项只有当前数据"}[lang] in past


@pytest.mark.parametrize(
    ("language", "seen"),
    [
        ("en", ("price: double room", "€120", "€150", "25%", "market share: Vienna", "30%", "vegan", "palace 1")),
        ("zh", ("价格：double room", "€120", "€150", "25%", "市场份额：Vienna", "30%", "vegan", "palace 1")),  # noqa: RUF001 - Chinese
    ],
)  # fmt: skip
def test_rivals_stand_next_to_our_own_prices_and_what_was_lost_to_them(language: str, seen: tuple[str, ...]) -> None:
    at = datetime(2024, 6, 1, 12, tzinfo=UTC)
    line = PurchaseLine(product="double room", quantity=2, amount=Money(30_000, "EUR"))
    palace = {"rival": "palace", "occurred_at": at}
    commands: list[Command] = [
        RecordPurchase(customer="ann", purchase="p1", amount=line.amount, lines=(line,), occurred_at=at),
        ObserveRival(**palace, observation="o1", kind="price", about="double room", price=Money(12_000, "EUR")),
        ObserveRival(**palace, observation="o2", kind="share", about="Vienna", value="0.3"),
        ObserveRival(**palace, observation="o3", kind="service", about="breakfast", words="vegan buffet"),
        OpenOpportunity(opportunity="d", customer="ann", what="party", value=Money(200_000, "EUR"), occurred_at=at),
        LoseOpportunity(opportunity="d", reason="price", rival="palace", occurred_at=at),
    ]
    with Relations.open("sqlite://", clock=lambda: at) as engine:
        engine.execute_many(commands)
        shown = words(render_html(engine, language), "rivals")
    assert [text for text in seen if text not in shown] == []
