"""The generated reference says what the code says, and every command of the program has its help and its page."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from types import ModuleType

import pytest
from typer import Typer
from typer.testing import CliRunner

from relations.aggregates import AGGREGATES
from relations.aggregates.complaint import MOVES
from relations.cli.app import COMMANDS, app
from relations.engine import Relations
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def pages(generate: ModuleType) -> dict[str, str]:
    return {name: make() for name, make in generate.PAGES.items()}


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_docs", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_generated_pages_are_current(generate: ModuleType) -> None:
    assert len(generate.PAGES) > 15
    assert generate.stale() == [], "run: python docs/generate.py"


def test_the_diagram_of_a_complaint_and_its_table_of_moves_say_the_same(generate: ModuleType) -> None:
    """Read back from the page: whoever drew it, it has every move and no other."""
    page = generate.complaint_states_page()
    read = set()
    for state, after, commands in re.findall(r"^    (\S+) --> (\w+): (\S+)$", page, re.MULTILINE):
        read |= {("unfiled" if state == "[*]" else state, command, after) for command in commands.split("<br/>")}
    stays = page.split("## Commands that leave the state as it is")[1].split("\n## ")[0]
    for state, commands in re.findall(r"^\| `(\w+)` \| (.*) \|$", stays, re.MULTILINE):
        read |= {(state, command.strip("` "), state) for command in commands.split(",")}
    moves = {(state, kind.__name__, after) for state, row in MOVES.items() for kind, after in row.items()}
    assert len(moves) > 100
    assert read == moves


def test_every_command_has_its_help_and_its_page(generate: ModuleType) -> None:
    page = generate.cli_page()
    assert set(COMMANDS) >= {
        "demo", "import", "export", "rebuild", "report", "history", "loyalty", "liability", "status", "verify", "run",
        "schema", "complaints", "complaint", "repair", "customer", "duplicates", "frame", "score", "record",
    }  # fmt: skip
    assert {name for name, each in COMMANDS.items() if isinstance(each, Typer)} >= {"policy", "programme", "audit"}
    assert "\n## relations programme check\n" in page
    for name, command in COMMANDS.items():
        if isinstance(command, Typer):
            continue
        told = (command.__doc__ or "").strip()
        assert told, name
        assert f"\n## relations {name}\n" in page
        shown = CliRunner().invoke(app, [name, "--help"])
        assert shown.exit_code == 0
        assert told.split(".")[0].split(":")[0] in " ".join(shown.stdout.split())


def test_every_argument_and_option_says_what_it_means(generate: ModuleType) -> None:
    rows = [line for line in generate.cli_page().splitlines() if re.match(r"\| `(-|\[?[A-Z])", line)]
    assert len(rows) > 40
    assert not [row for row in rows if row.endswith("|  |")]


def test_every_command_event_and_refusal_is_on_its_page(generate: ModuleType) -> None:
    commands, events, errors = generate.commands_page(), generate.events_page(), generate.errors_page()
    for aggregate in AGGREGATES:
        for command in aggregate.commands:
            assert f"### {command.__name__}\n" in commands
        for event in aggregate.events:
            assert f"### {event.__name__}\n\n`{event.topic}`" in events
    assert "`refund_exceeds_purchase`" in errors
    assert "`illegal_move`" in errors


PUBLIC_MODULES = ("engine", "testing", "exchange", "analytics", "audit")


@pytest.mark.parametrize("name", PUBLIC_MODULES)
def test_the_page_of_a_module_lists_exactly_its_public_names(pages: dict[str, str], name: str) -> None:
    names = importlib.import_module(f"relations.{name}").__all__
    headings = re.findall(r"^## (.+)$", pages[f"{name}.md"], re.MULTILINE)
    assert len(headings) >= 5
    assert sorted(headings) == sorted(names)


def test_every_public_part_of_the_engine_is_on_its_page(pages: dict[str, str]) -> None:
    page = pages["engine.md"]
    methods = {name for name in dir(Relations) if not name.startswith("_")}
    assert {"open", "execute", "policy"} <= methods
    assert set(re.findall(r"^### Relations\.(\w+)$", page, re.MULTILINE)) == methods
    with Relations.open("sqlite://") as engine:
        attributes = {name for name in vars(engine) if not name.startswith("_")}
    section = page.split("\n### ")[0]
    assert "views" in attributes
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == attributes


def test_a_public_object_without_a_docstring_stops_the_generator(
    generate: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Undescribed: ...

    module = ModuleType("relations.undescribed", "A module.")
    vars(module).update(__all__=["Undescribed"], Undescribed=Undescribed)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    with pytest.raises(LookupError, match="Undescribed is on a page of the reference, but has no docstring"):
        generate.ModulePage("A page", module.__name__)()


class HalfDescribed:
    """A class with two attributes, one of them described.

    Attributes:
        known: The first.
    """

    known: int
    unknown: int


class UndescribedMethod:
    """A class whose method has no docstring."""

    def ask(self) -> None: ...


def test_a_public_attribute_or_method_without_a_description_stops_the_generator(generate: ModuleType) -> None:
    with pytest.raises(LookupError, match="HalfDescribed does not describe unknown"):
        generate.documented("HalfDescribed", HalfDescribed, 2)
    with pytest.raises(LookupError, match=r"UndescribedMethod\.ask is on a page of the reference"):
        generate.documented("UndescribedMethod", UndescribedMethod, 2)


def test_every_import_line_of_the_reference_works(pages: dict[str, str]) -> None:
    lines: dict[str, set[str]] = {}
    for name, page in pages.items():
        lines[name] = set(re.findall(r"^`?(from relations[\w.]* import \w+)`?", page, re.MULTILINE))
    events = sum(len(aggregate.events) for aggregate in AGGREGATES)
    assert len(lines["events.md"]) == events
    assert {name for name, found in lines.items() if not found} == {"cli.md", "complaint-states.md"}
    for line in set().union(*lines.values()):
        _, module, _, name = line.split()
        assert name in importlib.import_module(module).__all__, line
        assert hasattr(importlib.import_module(module), name), line


def test_the_readme_links_every_page_and_the_pages_link_files_that_exist(pages: dict[str, str]) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in pages if f"](docs/reference/{name})" not in readme] == []
    links = {link for page in pages.values() for link in re.findall(r"\]\(([\w./-]+\.md)\)", page)}
    assert "../how-to/test-with-the-kit.md" in links
    assert [link for link in links if not (ROOT / "docs" / "reference" / link).is_file()] == []


def test_no_page_knows_the_machine_that_it_was_made_on(pages: dict[str, str]) -> None:
    for name, page in pages.items():
        assert str(ROOT) not in page, name
        assert "object at 0x" not in page, name
        assert "\x1b" not in page, name


def test_the_check_fails_where_a_page_is_out_of_date(
    generate: ModuleType, tmp_path: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate, "REFERENCE", tmp_path)
    monkeypatch.setattr(generate, "SOURCE", tmp_path)
    monkeypatch.setattr(sys, "argv", ["generate.py", "--check"])
    assert generate.main() == 1
    assert "cli.md is out of date" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["generate.py"])
    assert generate.main() == 0
    assert generate.stale() == []
