"""Whatever stands on the command line, the answer is words and a documented code, and never a fault of ours."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relations.cli.app import app
from relations.cli.exits import ExitCode
from tests.cli.conftest import Ran, Run, invoke

KNOWN = {int(code) for code in ExitCode} - {int(ExitCode.FAULT)}
SCHEMES = [
    "sqlite", "sqlite+pysqlite", "sqlite+nothing", "postgresql", "postgres", "postgresql+psycopg", "postgresql+pg8000",
    "mysql", "oracle", "mssql+pyodbc", "http", "file", "none", "", "a b", "SQLITE", "post\u0000gres",
]  # fmt: skip
PORTS = [":1", ":0", ":99999", ":-1", ":abc", ":1:2", ":\u0661"]
HOSTS = ["127.0.0.1", "[::1", "user:p@127.0.0.1", "%zz@127.0.0.1", "u%40:@127.0.0.1", "\x80"]
NAMES = ["", "/none", "/none?connect_timeout=1", "/?x=y", "?timeout=x", "/a?mode=memory&uri=true", "/%00", "//", "#"]
urls = st.one_of(
    st.builds(
        lambda scheme, host, port, name: f"{scheme}://{host}{port}{name}",
        st.sampled_from(SCHEMES), st.sampled_from(HOSTS), st.sampled_from(PORTS), st.sampled_from(NAMES),
    ),
    st.text(max_size=30).filter(lambda text: "://" not in text),
    st.text(max_size=20).map("sqlite:///{}".format),
    st.text(max_size=20).map("postgresql://127.0.0.1:1/{}".format),
)  # fmt: skip


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "1")
    yield
    for path in tmp_path.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def said(ran: Ran) -> None:
    assert ran.code in KNOWN, ran
    assert "fault" not in ran.err, ran.err
    assert "Traceback" not in ran.err + ran.out
    if ran.code not in (0, 1, 3):
        assert ran.err.strip()


fuzzed = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@settings(fuzzed, max_examples=12)
@given(urls)
def test_any_database_is_opened_or_refused_in_words(url: str) -> None:
    said(invoke("status", "-d", url))


@pytest.mark.soak
@settings(fuzzed, max_examples=2_000)
@given(urls)
def test_very_many_databases_are_opened_or_refused_in_words(url: str) -> None:
    said(invoke("status", "-d", url))


@settings(fuzzed, max_examples=8)
@given(st.binary(max_size=80) | st.just(b"ab" * 32))
def test_any_key_file_is_read_or_refused_in_words(key: bytes) -> None:
    Path("key").write_bytes(key)
    said(invoke("status", "-d", "x.db", "--master-key-file", "key"))


COMMANDS = {
    "report": ["--as-of", "--since", "--until", "--by", "--segments", "--ahead", "--limit", "--currency", "--lang"],
    "customer": ["--as-of", "--events"],
    "history": ["--until"],
    "loyalty": ["--since", "--until", "--limit", "--after", "--programme"],
    "complaints": ["--since", "--until", "--after", "--owner", "--severity", "--load", "--limit"],
    "repair": ["--as-of", "--since", "--until", "--by", "--ahead", "--limit"],
    "liability": ["--as-of", "--programme"],
    "duplicates": ["--limit", "--after", "--shared-by-at-most"],
    "verify": ["--expect"],
    "frame": ["--with", "--part", "--as-of", "--output"],
    "export": ["--after", "--until"],
}
ODD = (
    "", "-1", "0", "1e9", "9" * 20, "nan", "2024-02-30", "0001-01-01", "9999-12-31", "24:00", "2024-05-01T10:00",
    "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2024-13", "EUR", "x=y", "as_of=1", "1:00000000",
    "../x.csv", "x.csv", "retention.cohorts", "g000001",
)  # fmt: skip
values = st.one_of(st.text(max_size=20), st.sampled_from(ODD))


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    command = draw(st.sampled_from(list(COMMANDS)))
    line = [command]
    if command in {"customer", "history", "loyalty", "frame"}:
        line.append(draw(values | st.sampled_from(["g000001", "retention.stages", "repair.steps"])))
    for option in draw(st.lists(st.sampled_from(COMMANDS[command]), max_size=3)):
        line += [option, draw(values)]
    return line


@settings(fuzzed, max_examples=12)
@given(command_lines())
def test_any_arguments_are_understood_or_refused_in_words(line: list[str]) -> None:
    Path("empty.db").unlink(missing_ok=True)
    said(invoke(*line, "-d", "empty.db"))


@pytest.mark.soak
@settings(fuzzed, max_examples=1_500)
@given(command_lines())
def test_very_many_arguments_are_understood_or_refused_in_words(hotel: Path, line: list[str]) -> None:
    said(invoke(*line, "-d", hotel))


def every_command() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the program and each group and command of it, with the words that call it."""
    groups: list[tuple[tuple[str, ...], Any]] = [((), typer.main.get_command(app))]
    for path, command in groups:
        groups += [((*path, name), each) for name, each in getattr(command, "commands", {}).items()]
        yield path, command


def refused_values() -> Iterator[tuple[str, ...]]:
    """Yield the command lines with a value that an option or argument of a command does not take."""
    for path, command in every_command():
        own = [] if hasattr(command, "commands") else command.params
        options = {each.opts[0] for each in own if each.opts[0].startswith("-") and not each.is_flag}
        for line in [*((option,) for option in sorted(options)), ("--",)]:
            for value in ("no-such-word", "-7"):
                try:
                    command.make_context(path[-1] if path else "", [*line, value]).close()
                except typer.BadParameter as error:
                    if "Invalid value for" in error.format_message():
                        yield *path, *line, value
                except Exception:
                    pass


def test_every_wrong_choice_and_number_is_refused_in_plain_words() -> None:
    """No option or argument answers with the words of the library that checks it."""
    refused = set()
    for line in refused_values():
        ran = invoke(*line)
        assert ran.code == 2
        assert "Invalid value for" in ran.err
        assert not any(words in ran.err for words in ("Value error", "Input should", "unable to parse")), line
        refused.add(line[:-1])
    assert {("care", "--"), ("complaints", "--kind"), ("care", "--limit"), ("demo", "--guests")} <= refused


def test_a_usage_has_one_pair_of_brackets_for_each_argument() -> None:
    """Typer puts the brackets and the dots around the name of an argument."""
    usages = [
        command.make_context("relations", [], resilient_parsing=True).get_usage() for _, command in every_command()
    ]
    assert "Usage: relations [OPTIONS] [COMMAND] [KEY=VALUE]..." in usages
    assert not [usage for usage in usages if "[[" in usage or "...]" in usage or "...}" in usage]


def test_a_position_beyond_every_database_is_refused(hotel: Path) -> None:
    ran = invoke("export", "--after", str(2**63), "-d", hotel)
    assert (ran.code, "too large" in ran.err) == (2, True)


@pytest.mark.parametrize(
    ("database", "code", "words"),
    [
        ("postgresql+pg8000://u@127.0.0.1/x", 2, "not supported"),
        ("postgresql://u@127.0.0.1:1/none", 4, "cannot be reached"),
        ("postgres://u@127.0.0.1:1/none", 4, "cannot be reached"),
        ("postgresql://u@127.0.0.1:abc/none", 2, "URL"),
        (".", 4, "folder"),
        ("", 2, "no database"),
    ],
)
def test_what_is_wrong_with_a_database_is_said(run: Run, database: str, code: int, words: str) -> None:
    ran = run("status", "-d", database)
    said(ran)
    assert (ran.code, words in ran.err) == (code, True), ran.err
