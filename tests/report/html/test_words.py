"""The words of the page: both languages say the same, and every name of the library's own has words."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from html import unescape
from importlib import resources
from pathlib import Path
from typing import Any, get_args

import pytest

import relations
import relations.report
from relations import Policy
from relations.aggregates.rival import RivalKind
from relations.commands import RecordInteraction
from relations.policies import CARE_PLANS
from relations.policies.care_plans.plan import Contact
from relations.policies.complaints.service_levels import CASE_KINDS, CLOCKS, SEVERITIES
from relations.policies.facts import CLUSTER_FACTS
from relations.policies.indicators import INDICATORS
from relations.policies.instruments import SERVQUAL
from relations.policies.value import DEFAULT_SEGMENTS, ValueGrade
from relations.projections.agenda.view import KINDS as AGENDA_KINDS
from relations.projections.board.profiles import Light
from relations.projections.posts import PostSignal
from relations.projections.repair.figures import StepName
from relations.projections.repair.funnel import FunnelName
from relations.projections.repair.relation_state import STATES
from relations.projections.retention.loyalty_kinds import KINDS
from relations.projections.retention.stages import PERIOD_MOVES, STAGES
from relations.report import LANGUAGES
from relations.report.html.sections import board
from relations.testing.hotel.world import QUESTIONNAIRE


def keys(words: Mapping[str, Any], prefix: str = "") -> set[str]:
    """All keys; the forms of one noun are one key."""
    found: set[str] = set()
    for name, value in words.items():
        is_group = isinstance(value, dict) and prefix != "count."
        found |= keys(value, f"{prefix}{name}.") if is_group else {prefix + name}
    return found


def catalogue(language: str) -> dict[str, Any]:
    folder = resources.files("relations.report.html").joinpath("words", f"{language}.toml")
    return tomllib.loads(folder.read_text("utf-8"))


def test_both_languages_say_the_same_things() -> None:
    english, chinese = catalogue("en"), catalogue("zh")
    assert keys(english) == keys(chinese)
    assert len(keys(english)) > 90
    for key in keys(english):
        one: Any = english
        other: Any = chinese
        for part in key.split("."):
            one, other = one[part], other[part]
        for form in one.values() if isinstance(one, dict) else [one]:
            said = other["other"] if isinstance(other, dict) else other
            assert set(re.findall(r"{(\w+)}", form)) == set(re.findall(r"{(\w+)}", said)), key


POLICY = Policy()
CHANNELS = RecordInteraction.model_json_schema()["properties"]["channel"]["pattern"].strip("^()$").split("|")
OWN: dict[str, set[str]] = {
    "stage": set(STAGES),
    "kind": set(KINDS),
    "move": set(PERIOD_MOVES),
    "state": {str(state) for state in STATES if state != "healthy"},
    "step": {*get_args(FunnelName), *get_args(StepName)},
    "grade": set(get_args(ValueGrade)),
    "segment": {segment.name for segment in POLICY.lifecycle.rfm.segments},
    "group": {segment.name for segment in DEFAULT_SEGMENTS},
    "due_kind": {str(kind) for kind in (*AGENDA_KINDS, *CLOCKS) if kind != "follow_up_deadline"},
    "indicator": set(INDICATORS),
    "light": set(get_args(Light)),
    "severity": set(SEVERITIES),
    "case_kind": set(CASE_KINDS),
    "post_signal": set(get_args(PostSignal)),
    "contact_kind": set(get_args(Contact)),
    "rung": {rung.name for rung in POLICY.lifecycle.ladder},
    "rival_kind": set(get_args(RivalKind)),
    "sales_stage": set(POLICY.pipeline.names),
    "care_plan": set(CARE_PLANS),
    "tier": {tier.name for tier in POLICY.programme.tiers},
    "programme": {POLICY.programme.name},
    "channel": set(CHANNELS),
    "cluster_high": set(CLUSTER_FACTS),
    "cluster_low": set(CLUSTER_FACTS),
}
"""The names of the library's own that reach the page, by the group of their words."""
NAMED_BY_THEIR_KEY = {*OWN, "column", "driver", "aspect"}
"""Groups of words that the page looks up by name. The last three are also for names of a business."""
OF_A_BUSINESS = {"losses", "reasons", "causes", "training", "tickets", "contracts"}
"""Figures with words of the business: what it says is shown as it is, also where it says what the library does."""


def test_every_word_is_used() -> None:
    folder = Path(relations.report.__file__).parent
    files = [*folder.rglob("*.py"), *folder.rglob("*.jinja")]
    source = "\n".join(file.read_text("utf-8") for file in files)
    views = Path(relations.__file__).parent
    codes = "\n".join(
        file.read_text("utf-8") for part in ("analytics", "projections") for file in (views / part).rglob("*.py")
    ) + (views / "errors.py").read_text("utf-8").replace("code = ", "code=")
    for key in keys(catalogue("en")):
        group, _, name = key.rpartition(".")
        if group in NAMED_BY_THEIR_KEY:
            continue
        if group == "count":
            assert re.search(rf'count\(\s*"{name}"', source), key
        elif group == "reason":
            assert f'"{name}"' in source or f'code="{name}"' in codes, key
        else:
            assert f'"{key}"' in source or f"'{key}'" in source or f'"{name}"' in source, key


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("group", OWN)
def test_every_name_of_the_library_has_words(group: str, language: str) -> None:
    assert set(catalogue(language)[group]) == OWN[group]


def test_every_group_of_names_is_compared_with_the_library() -> None:
    folder = Path(relations.report.__file__).parent
    source = "\n".join(file.read_text("utf-8") for file in folder.rglob("*.py"))
    looked_up = set(re.findall(r"""\bname\(\s*["'](\w+)["'],""", source))
    assert looked_up <= NAMED_BY_THEIR_KEY
    assert len(looked_up) > 15
    english = catalogue("en")
    assert {item.dimension for item in SERVQUAL.items} <= set(english["aspect"])
    assert {item.id for item in QUESTIONNAIRE.items} <= set(english["aspect"])


def test_no_name_of_the_library_is_left_in_english_on_the_chinese_page(pages: dict[str, str]) -> None:
    english, chinese = catalogue("en"), catalogue("zh")
    names = {
        said
        for group in OWN
        for name in OWN[group]
        for said in (name, english[group][name])
        if said != chinese[group][name] and "{" not in said and said != "NPS"
    }
    page = re.sub(r"(?s)<(style|script|title)\b.*?</\1>", "", pages["zh"])
    found: dict[str, set[str]] = {}
    seen = 0
    for figure, text in of_figures(page):
        pieces = {piece.strip() for piece in re.split(r" · |:|\uff1a", unescape(text))}
        seen += len(pieces)
        if figure not in OF_A_BUSINESS and pieces & names:
            found.setdefault(figure, set()).update(pieces & names)
    assert found == {}
    assert seen > 1_000


def of_figures(page: str) -> Iterator[tuple[str, str]]:
    """Yield the name of each figure with every text in it; texts before the first one have no name."""
    figure = ""
    for tag, text in re.findall(r"(<[^>]*>)|([^<]+)", page):
        if (known := re.search(r'data-figure="([^"]+)"', tag)) is not None:
            figure = known[1]
        elif text.strip():
            yield figure, text


def test_every_indicator_leads_to_a_section(pages: dict[str, str]) -> None:
    assert board._SECTIONS.keys() == INDICATORS.keys()
    assert all(f'<section id="{name}">' in pages["en"] for name in board._SECTIONS.values())
    assert set(board._SCOPES) == {"severity", "channel", "segment"}


def test_two_kinds_of_customers_do_not_share_a_name_in_chinese() -> None:
    chinese = catalogue("zh")
    assert (chinese["kind"]["latent"], chinese["segment"]["potential loyalists"]) == ("潜在忠诚", "潜力客户")
    assert "留存曲线" in chinese["retention"]["survival"]
    assert (chinese["value"]["net"], chinese["value"]["gross"]) == ("净留存率", "总留存率")
    for group in ("segment", "stage", "kind", "state", "grade"):
        assert len(set(chinese[group].values())) == len(chinese[group]), group
