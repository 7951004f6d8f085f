"""Every report answers with `--known` and `--as-of` as it does on a log that ends there."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer
from typer.testing import CliRunner

from relations.cli.app import app
from tests.audit.test_what_if import LIFE
from tests.past.test_as_of import lived, prefix_of
from tests.support.asking import START

REPORTS: dict[str, tuple[str, ...]] = {
    "audience": ("--channel", "email", "--purpose", "surveys"),
    "audit explain": ("loyalty", "c1"),
    "campaigns": (),
    "care": (),
    "clusters": (),
    "complaint": ("k1",),
    "complaints": (),
    "contacts": (),
    "customer": ("c1",),
    "duplicates": (),
    "forecast": (),
    "frame": ("retention.Patronage",),
    "history": ("c1",),
    "liability": (),
    "loyalty": ("c1",),
    "pipeline": (),
    "policy show": (),
    "recommend": ("c1",),
    "repair": (),
    "report": (),
    "team": (),
    "ties": (),
}
"""Every command that shows what is in the views or the history, with its arguments."""
OF_THE_PRESENT = {
    *("demo", "record", "import", "score", "fit", "policy adopt", "board measure"),  # they record
    *("rebuild", "run", "index", "migrate", "backup", "restore", "outbox-view"),  # they keep a database in order
    *("relay", "dead-letters", "fleet status", "fleet run", "fleet rebuild", "fleet verify", "fleet relay"),
    *("status", "verify", "export", "audit export"),  # they are about the log itself
    *("audit seal", "audit seals", "audit prove", "audit continue", "audit cosign", "audit check"),
    *("audit diff", "audit what-if"),  # they compare, and take moments or policies of their own
    *("audit access", "audit erase-certificate", "audit clear-words"),  # what is held on people now
    *("find", "policy check"),  # words are found as they are now; a file is compared with the policy in force
}
WITHOUT_AS_OF = {"history"}
"""Reports in the order of recording."""


class Logs(NamedTuple):
    """A log and the same log as it was."""

    whole: str
    position: int
    prefix: str


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Logs:
    folder = tmp_path_factory.mktemp("known")
    with lived(LIFE, f"sqlite:///{folder}/whole.db") as engine:
        position = engine.status().position - 4
        with prefix_of(engine, position, START, f"sqlite:///{folder}/prefix.db"):
            pass
    return Logs(f"{folder}/whole.db", position, f"{folder}/prefix.db")


def commands() -> dict[str, set[str]]:
    """Every command that works on a database, with its options."""
    found: dict[str, set[str]] = {}

    def walk(command: Any, path: tuple[str, ...]) -> None:
        for name, each in getattr(command, "commands", {}).items():
            walk(each, (*path, name))
        options = {option for parameter in command.params for option in parameter.opts}
        if not hasattr(command, "commands") and "--database" in options:
            found[" ".join(path)] = options

    walk(typer.main.get_command(app), ())
    return found


def test_every_report_takes_both_options() -> None:
    found = commands()
    with_known = {name for name, options in found.items() if "--known" in options}
    assert with_known == set(REPORTS), "a report takes --known, and REPORTS has its arguments"
    assert {name for name in with_known if "--as-of" in found[name]} == with_known - WITHOUT_AS_OF
    assert set(found) - set(REPORTS) == OF_THE_PRESENT, "add the program to REPORTS, or to OF_THE_PRESENT if it is none"


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_answers_as_on_a_log_that_ends_there(name: str, logs: Logs, tmp_path: Path) -> None:
    as_of = () if name in WITHOUT_AS_OF else ("--as-of", (START + timedelta(days=6)).isoformat())
    known = answered(name, logs.whole, tmp_path, *as_of, "--known", str(logs.position))
    assert known == answered(name, logs.prefix, tmp_path, *as_of)
    assert known


def test_the_page_answers_as_on_a_log_that_ends_there(logs: Logs, tmp_path: Path) -> None:
    pages = []
    as_of = "--as-of", (START + timedelta(days=6)).isoformat()
    for database, known in ((logs.whole, ("--known", str(logs.position))), (logs.prefix, ())):
        page = tmp_path / "page.html"
        ran = CliRunner().invoke(app, ["report", "--database", database, "--html", str(page), *as_of, *known])
        assert ran.exit_code == 0, ran.output
        pages.append(page.read_text(encoding="utf-8").replace(Path(database).name, ""))
    assert pages[0] == pages[1]


def answered(name: str, database: str, folder: Path, *options: str) -> Any:
    """The answer of a report, without the name of its database."""
    arguments = [*name.split(), *REPORTS[name], *options, "--database", database, "--json"]
    if name == "frame":
        arguments += ["--output", str(folder / "rows.csv")]
    ran = CliRunner().invoke(app, arguments)
    assert ran.exit_code == 0, ran.output
    found = json.loads(ran.stdout)
    if name == "frame":
        return found | {"file": (folder / "rows.csv").read_text(encoding="utf-8")}
    return {key: value for key, value in found.items() if key not in {"database"}}
