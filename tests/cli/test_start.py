"""Starting is cheap: the package and the program load what they need when they need it."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import relations
from relations.cli.app import app


def loaded_by(code: str) -> set[str]:
    script = f"{code}\nimport sys\nprint(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.splitlines()[-1].split())


def test_importing_the_package_loads_nothing_else() -> None:
    loaded = loaded_by("import relations")
    assert "relations" in loaded
    assert not {name for name in loaded if name.startswith("relations.")}
    assert not {"pydantic", "sqlalchemy", "msgspec", "rich", "phonenumbers"} & loaded


def test_every_public_name_is_found_and_is_the_one_of_its_module() -> None:
    assert len(relations.__all__) > 15
    for name in relations.__all__:
        assert getattr(relations, name) is not None
        assert name in dir(relations)
    assert relations.Relations is import_module("relations.engine").Relations


def test_type_checkers_read_the_modules_that_names_are_loaded_from() -> None:
    tree = ast.parse(Path(relations.__file__).read_text("utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    read = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    assert {node.module for node in read} == {f"relations.{home}" for home in relations._HOMES}
    assert {alias.name for node in read for alias in node.names} - {"*"} == set(relations.__all__)


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Frobnicate"):
        relations.Frobnicate  # noqa: B018


HEAVY = {"sqlalchemy", "pydantic", "polars", "rich", "phonenumbers", "hypothesis", "relations.engine"}


def test_help_loads_none_of_the_engine() -> None:
    code = "from relations.cli.app import app\nfrom typer.main import get_command"
    loaded = loaded_by(f"{code}\nassert len(dict(get_command(app).commands)) > 40")
    assert "relations.cli.commands.upkeep" in loaded
    assert not HEAVY & loaded


def test_only_the_command_that_is_run_is_made() -> None:
    code = """
import sys, typer.main
from relations.cli.app import app
made = []
make = typer.main.get_command_from_info
typer.main.get_command_from_info = lambda info, **options: made.append(info.name) or make(info, **options)
try:
    app(["status", "--help"], prog_name="relations")
except SystemExit:
    print(*made, file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "relations status" in done.stdout
    assert done.stderr.split() == ["status"]


LATER = {"numpy", "structlog", "rich", "phonenumbers", "iso4217", "scipy", "polars", "sqlalchemy.dialects.postgresql"}


def test_opening_a_log_loads_only_what_opening_needs(tmp_path: Path) -> None:
    """Packages that some answers need are loaded by those answers, and models are built by their first values."""
    url = f"sqlite:///{tmp_path / 'log.db'}"
    code = f"""
from relations import Relations
from relations.json_form import ViewAnswer
from relations.messages import Command

def kinds(of):
    for kind in of.__subclasses__():
        yield kind
        yield from kinds(kind)

with Relations.open({url!r}):
    every = [*kinds(Command), *kinds(ViewAnswer)]
    assert len(every) > 250, len(every)
    assert [kind.__name__ for kind in every if kind.__pydantic_complete__] == []
"""
    loaded = loaded_by(code)
    assert "relations.engine" in loaded
    assert not LATER & loaded
    assert len(loaded) < 900


def test_every_model_can_be_built_later() -> None:
    code = """
import relations.cli.app, relations.engine, relations.exchange
from relations.json_form import ViewAnswer
from relations.messages import Checked

def kinds(of):
    for kind in of.__subclasses__():
        yield kind
        yield from kinds(kind)

every = [*kinds(Checked), *kinds(ViewAnswer)]
assert len(every) > 300, len(every)
print(*(kind.__name__ for kind in every if kind.model_rebuild(raise_errors=False) is False))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


def test_threads_that_need_a_model_first_all_get_it() -> None:
    code = """
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from relations.commands import RecordPurchase
from relations.messages import Money

assert not RecordPurchase.__pydantic_complete__
barrier = Barrier(8)

def make(number):
    barrier.wait()
    return RecordPurchase(
        customer="c1", purchase=f"p{number}", amount=Money(100, "EUR"), occurred_at=datetime(2024, 5, 1, tzinfo=UTC)
    )

with ThreadPoolExecutor(8) as threads:
    print(sorted(each.purchase for each in threads.map(make, range(8))))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{[f'p{number}' for number in range(8)]}\n"


def program(*arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "relations", *arguments], stderr=subprocess.PIPE, **options)


def test_hardly_any_garbage_is_searched_for_while_the_program_loads() -> None:
    code = """
import atexit, gc, sys
found = []
gc.callbacks.append(lambda phase, info: found.append(phase))
sys.argv = ["relations", "schema", "commands", "RecordPurchase"]
from relations.cli import main
found.clear()
atexit.register(lambda: print(found.count("start"), file=sys.stderr))
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "amount" in done.stdout
    assert int(done.stderr) < 5


def test_an_interrupt_that_python_ignores_comes_again() -> None:
    """Python drops a KeyboardInterrupt that it raises in the callback of a weak reference."""
    script = """
import signal, sys, time, weakref
import relations.cli, relations.cli.app

class Thing: pass

def run_app():
    thing = Thing()
    watched = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGINT))
    del thing
    print("goes on", flush=True)
    time.sleep(60)
    return 0

relations.cli.app.run_app = run_app
relations.cli.main()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=50, check=False)
    assert done.stdout == "goes on\n"
    assert (done.returncode, done.stderr) == (130, "Interrupted. Nothing was changed.\n")


@pytest.mark.parametrize(("given", "threads"), [({}, "1"), ({"OPENBLAS_NUM_THREADS": "3"}, "3")])
def test_fits_use_one_thread_unless_somebody_asks_for_more(given: dict[str, str], threads: str) -> None:
    """The number is set before numpy is imported, which reads it once."""
    script = """
import os, sys
import relations.cli, relations.cli.app

def run_app():
    print(os.environ["OPENBLAS_NUM_THREADS"], "numpy" in sys.modules)
    return 0

relations.cli.app.run_app = run_app
relations.cli.main()
"""
    others = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=others | given
    )
    assert done.stdout == f"{threads} False\n"


def test_it_runs_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "relations", "--help"], capture_output=True, text=True, check=True)
    assert "relations demo" in done.stdout


def test_a_reader_that_has_gone_before_the_help_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    process = program("--help", stdout=write)
    os.close(write)
    assert process.communicate(timeout=60)[1] == b""
    assert process.returncode == 0


INTERRUPTED = """
import sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "relations.cli.app":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupting())
from relations.cli import main
main()
"""


def test_an_interrupt_while_the_program_is_loading_ends_with_the_documented_code() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "Interrupted. Nothing was changed.\n")


def asking(line: str) -> dict[str, str]:
    """Return what a shell sets in the environment to have a line completed."""
    return {"_RELATIONS_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split()))}


def completed(line: str) -> list[str]:
    return CliRunner().invoke(app, [], env=asking(line), prog_name="relations").stdout.split()


def test_mappings_views_and_questions_are_completed() -> None:
    assert {"cdnow", "helpdesk"} <= set(completed("relations import x.csv --mapping "))
    assert "retention" in completed("relations rebuild ")
    assert {"retention.cohorts", "retention.Patronage"} <= set(completed("relations frame "))


def test_a_shell_gets_completions_from_the_program() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from relations.cli import main; main()"],
        env={**os.environ, **asking("relations report ")}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert {"board", "satisfaction", "retention", "repair", "agenda"} <= set(done.stdout.split())
