"""The house rules, read from the sources themselves."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import relations
from relations.aggregates import AGGREGATES
from relations.messages import Event
from relations.projections import PROJECTIONS, VIEWS

SOURCES = Path(relations.__file__).parent

LAYERS = (
    {
        "version",
        "errors",
        "extras",
        "json_form",
        "currencies",
        "months",
        "messages",
        "decider",
        "telemetry",
    },
    {"policies"},
    {"aggregates", "commands", "events"},
    {"reactions"},
    {"log", "analytics"},
    {"projections"},
    {"execution", "past", "engine", "views", "verification"},
    {"aio"},
    {"audit", "exchange", "sentiment"},
    {"report"},
    {"relay"},
    {"observability", "fleet", "operations"},
    {"testing", "cli", "asgi", "__main__"},
)
"""What may import what: a module imports its own layer and those before it."""

PURE = ("policies", "aggregates", "reactions")
IMPURE_PACKAGES = {
    "eventsourcing",
    "sqlalchemy",
    "structlog",
    "time",
    "random",
    "secrets",
    "os",
    "uuid",
    "sqlite3",
    "logging",
    "socket",
    "pathlib",
}
OWN = {projection.name for projection in PROJECTIONS} - {"aliases"}
"""Of `projections`, the projections' own packages; everything else there runs or carries any of them."""
READS = {view.projection.name: {read.projection.name for read in view.reads} for view in VIEWS}
"""By view, the views that it is computed from."""


def module_of(file: Path) -> str:
    parts = file.relative_to(SOURCES.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_of(file): file for file in sorted(SOURCES.rglob("*.py"))}


@cache
def nodes_of(module: str) -> list[ast.AST]:
    """The syntax tree of a module, and every node of it; read when a test asks, for each worker collects this file."""
    return list(ast.walk(ast.parse(FILES[module].read_text(encoding="utf-8"))))


def trees() -> Iterator[tuple[str, ast.Module]]:
    """Every module and its syntax tree."""
    for module in FILES:
        yield module, tree_of(module)


def tree_of(module: str) -> ast.Module:
    tree = nodes_of(module)[0]
    assert isinstance(tree, ast.Module)
    return tree


@cache
def imports_of(module: str) -> list[tuple[str, str]]:
    """Every import of a module, wherever it stands: what from, and which name."""
    return list(_imports_of(module))


def _imports_of(module: str) -> Iterator[tuple[str, str]]:
    package = module if FILES[module].name == "__init__.py" else module.rpartition(".")[0]
    for node in nodes_of(module):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, ""
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base]).rstrip(".")
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield (inner, "") if inner in FILES else (base, alias.name)


def layer_of(module: str) -> int:
    part = module.split(".")[1] if "." in module else "engine"  # `relations` itself gives the engine
    found = [number for number, layer in enumerate(LAYERS) if part in layer]
    assert found, f"{module} is in no layer: the house has no such room"
    return found[0]


def test_every_module_is_in_the_house() -> None:
    assert len(FILES) > 60
    for module in FILES:
        layer_of(module)


def test_imports_point_one_way() -> None:
    own = [
        (module, imported)
        for module in FILES
        if module != "relations"
        for imported, _ in imports_of(module)
        if imported.split(".")[0] == "relations"
    ]
    assert len(own) > 2_000
    assert [f"{module} imports {other}" for module, other in own if layer_of(other) > layer_of(module)] == []


def circles(edges: dict[str, set[str]]) -> list[set[str]]:
    """The groups of modules in which each leads to every other (Tarjan)."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def visit(module: str) -> None:
        order[module] = lowest[module] = len(order)
        stack.append(module)
        for other in edges[module]:
            if other not in order:
                visit(other)
                lowest[module] = min(lowest[module], lowest[other])
            elif other in stack:
                lowest[module] = min(lowest[module], order[other])
        if lowest[module] == order[module]:
            group = set(stack[stack.index(module) :])
            del stack[stack.index(module) :]
            if len(group) > 1:
                found.append(group)

    for module in edges:
        if module not in order:
            visit(module)
    return found


def test_no_imports_go_in_a_circle() -> None:
    """Neither at run time nor for type checkers."""
    edges = {
        module: {imported for imported, _ in imports_of(module) if imported in FILES and imported != module}
        for module in FILES
        if module != "relations"
    }
    assert sum(map(len, edges.values())) > 500
    assert circles(edges | {"relations": set()}) == []


def test_a_circle_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == [{"b", "c"}]


MODULES_MAX = 15


def test_no_folder_has_too_many_modules() -> None:
    counted = Counter(module.rpartition(".")[0] for module, file in FILES.items() if file.name != "__init__.py")
    assert len(counted) > 20
    assert {folder: n for folder, n in counted.items() if n > MODULES_MAX} == {}


ALONE = "relations.audit.checker"
"""A program of its own, which is handed over as one file and imports nothing of ours."""


def test_no_public_class_is_defined_twice() -> None:
    defined: dict[str, list[str]] = {}
    for module, tree in trees():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and module != ALONE:
                defined.setdefault(node.name, []).append(module)
    assert len(defined) > 400
    assert {name: modules for name, modules in defined.items() if len(modules) > 1} == {}


def test_rules_know_no_machinery() -> None:
    seen = 0
    for module in FILES:
        if module.split(".")[1:2] and module.split(".")[1] in PURE:
            seen += 1
            packages = {imported.split(".")[0] for imported, _ in imports_of(module)}
            assert not packages & IMPURE_PACKAGES, module
    assert seen > 12


def test_rules_read_no_clock() -> None:
    """No now(), today(), utcnow() and no time(): business time comes with the command."""
    for module, tree in trees():
        if module.startswith(("relations.policies", "relations.aggregates", "relations.reactions")):
            calls = {
                node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                for node in ast.walk(tree)
                if isinstance(node, ast.Call)
            }
            assert not calls & {"now", "today", "utcnow", "time", "time_ns", "uuid4", "open", "print", "urandom"}, (
                module
            )


def test_one_aggregate_never_imports_another() -> None:
    kinds = {aggregate.name for aggregate in AGGREGATES}
    assert kinds >= {"policy", "customer", "complaint", "loyalty", "programme", "goal"}
    for module in FILES:
        parts = module.split(".")
        if parts[1:2] == ["aggregates"] and len(parts) > 2:
            for imported, _ in imports_of(module):
                other = imported.split(".")
                if other[:2] == ["relations", "aggregates"] and len(other) > 2 and other[2] in kinds:
                    assert other[2] == parts[2], f"{module} imports {imported}"


def test_a_projection_knows_events_and_policies_and_nothing_of_the_log_or_of_deciding() -> None:
    seen = set()
    for module in FILES:
        parts = module.split(".")
        if parts[1:2] != ["projections"] or parts[2:3] == [] or parts[2] not in OWN:
            continue
        seen.add(parts[2])
        for imported, name in imports_of(module):
            assert not imported.startswith("relations.log."), f"{module} imports {imported}"
            assert imported not in ("relations.log", "relations.reactions", "relations.decider"), module
            assert name not in ("decide", "evolve", "AGGREGATE", "Customer", "Complaint", "Account"), (
                f"{module}: {name}"
            )
            assert not imported.endswith((".rules", ".state", ".decide", ".evolve")), f"{module} imports {imported}"
            assert imported.split(".")[0] != "eventsourcing", module
    assert seen == OWN


def test_a_view_imports_only_the_views_that_it_reads() -> None:
    seen = 0
    for module in FILES:
        parts = module.split(".")
        if parts[1:2] != ["projections"] or parts[2:3] == [] or parts[2] not in OWN:
            continue
        for imported, _ in imports_of(module):
            other = imported.split(".")
            if other[:2] == ["relations", "projections"] and len(other) > 2 and other[2] in OWN:
                seen += 1
                assert other[2] in {parts[2]} | READS[parts[2]], f"{module} imports {imported}: name its view in reads"
    assert seen > 50


def test_the_machinery_names_no_aggregate_and_no_event() -> None:
    """The machinery names no aggregate: everything it needs is declared on `Aggregate`."""
    named = {kind.__name__ for aggregate in AGGREGATES for kind in (*aggregate.events, *aggregate.commands)}
    seen = 0
    for module in FILES:
        if module.startswith(("relations.log", "relations.execution", "relations.decider")):
            seen += 1
            for imported, _ in imports_of(module):
                assert not imported.startswith(("relations.aggregates", "relations.reactions")), (
                    f"{module} imports {imported}"
                )
            for node in nodes_of(module):
                name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
                assert name not in named, f"{module} names {name}"
    assert seen > 20


def test_no_star_imports_and_no_imports_from_nowhere() -> None:
    for module in FILES:
        for imported, name in imports_of(module):
            assert name != "*" or module == "relations", module
            if imported.split(".")[0] == "relations":
                assert imported in FILES, f"{module} imports {imported}, which there is not"


def test_what_a_module_offers_is_sorted_and_there() -> None:
    seen = 0
    for module in FILES:
        loaded = importlib.import_module(module)
        offered = getattr(loaded, "__all__", ())
        seen += len(offered)
        assert list(offered) == sorted(set(offered), key=_as_ruff_sorts), module
        for name in offered:
            assert hasattr(loaded, name), f"{module} offers {name}, and has it not"
    assert seen > 2_000


def _as_ruff_sorts(name: str) -> tuple[int, str]:
    kind = 0 if name.isupper() else 1 if name[:1].isupper() else 2
    return kind, name


def test_everybody_may_see_what_a_module_offers() -> None:
    with_classes = [module for module, tree in trees() if any(isinstance(node, ast.ClassDef) for node in tree.body)]
    assert len(with_classes) > 30
    for module in with_classes:
        public = [
            node.name
            for node in tree_of(module).body
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
        ]
        if public and hasattr(importlib.import_module(module), "__all__"):
            assert ast.get_docstring(tree_of(module)), module


# --- words ----------------------------------------------------------------------------------------------------------

FORBIDDEN = re.compile(
    r"manager|handler|processor|dto|helper|utils?$|^service$|_service$|^misc$|^common$", re.IGNORECASE
)


def _names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg


def test_names_are_the_words_of_this_house() -> None:
    for module, tree in trees():
        assert not any(FORBIDDEN.search(part) for part in module.split(".")), module
        for name in _names(tree):
            if name not in {"GetCoreSchemaHandler", "handler"}:  # pydantic's own word, in its own protocol
                assert not FORBIDDEN.search(name), f"{module}: {name}"
            assert name != "apply", module
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                assert not re.search(r"Service$|Updated$|Impl$|Base$", node.name), f"{module}: {node.name}"


EVENTS = [event for aggregate in AGGREGATES for event in aggregate.events]
COMMANDS = [command for aggregate in AGGREGATES for command in aggregate.commands]


def test_every_event_says_what_happened() -> None:
    topics = [event.topic for event in EVENTS]
    assert len(set(topics)) == len(topics) == len(EVENTS) > 30
    for aggregate in AGGREGATES:
        for event in aggregate.events:
            assert re.fullmatch(rf"{aggregate.name}\.[a-z]+(_[a-z]+)*", event.topic), event
            assert not event.__name__.endswith("Updated"), event
            assert not event.topic.endswith("updated"), event
            assert event.__doc__, event
            assert len(event.topic) <= 40, event
            assert event.schema >= 1, event
            assert event.__struct_config__.frozen, event
            assert event.__struct_config__.omit_defaults, event


def test_every_command_says_what_is_wanted() -> None:
    names = [command.__name__ for command in COMMANDS]
    assert len(set(names)) == len(names) > 20
    for command in COMMANDS:
        assert command.__doc__, command
        assert not re.search(r"(ed|Command|Request)$", command.__name__), command


def test_every_event_and_command_that_there_is_belongs_to_its_aggregate() -> None:
    for aggregate in AGGREGATES:
        package = f"relations.aggregates.{aggregate.name}"
        loaded = [
            importlib.import_module(module) for module in FILES if module == package or module.startswith(f"{package}.")
        ]
        defined = {
            value
            for module in loaded
            for value in vars(module).values()
            if isinstance(value, type) and value.__module__.startswith(package)
        }
        events = {kind for kind in defined if issubclass(kind, Event) and kind.topic}
        assert events == set(aggregate.events), aggregate.name
        commands = {kind for kind in defined if kind in COMMANDS}
        assert commands == set(aggregate.commands), aggregate.name
        stated = {
            kind.__name__ for kind in defined if hasattr(kind, "model_fields") and "occurred_at" in kind.model_fields
        }
        bases = {f"{aggregate.name.title()}Command"}
        assert stated - bases == {command.__name__ for command in aggregate.commands}, aggregate.name


def test_every_projection_folds_events_that_there_are() -> None:
    assert {projection.name for projection in PROJECTIONS} >= {"satisfaction", "retention", "repair", "agenda"}
    for projection in PROJECTIONS:
        assert projection.folds, projection.name
        assert set(projection.folds) <= set(EVENTS), projection.name
        tables = [row.table for row in projection.tables]
        assert len(set(tables)) == len(tables), projection.name
    folded = {event for projection in PROJECTIONS for event in projection.folds}
    assert len(folded) > 20


# --- without the extras ---------------------------------------------------------------------------------------------

WITHOUT_EXTRAS = """
import sys
absent = "polars pyarrow scipy statsmodels snownlp vaderSentiment psycopg psycopg_binary pandas pytest"
absent += " python_calamine ijson"
for package in absent.split():
    sys.modules[package] = None
import relations, relations.exchange, relations.sentiment, relations.testing, relations.log, relations.projections
from datetime import datetime, UTC
from relations import Money, RecordPurchase, Relations
with Relations.open("sqlite://") as engine:
    at = datetime(2024, 5, 1, tzinfo=UTC)
    engine.execute(RecordPurchase(customer="c1", purchase="p1", amount=Money.of(5, "EUR"), occurred_at=at))
    engine.rebuild()
    assert engine.verify().good
try:
    Relations.open("postgresql://nobody@localhost/none")
except relations.errors.MissingExtra as error:
    assert "relations-engine[postgres]" in str(error)
print("eventsourcing" in sys.modules, len(engine.__class__.__name__))
"""


def test_the_core_runs_without_the_extras() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_EXTRAS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[1] == "9"


def test_the_command_line_says_which_extra_is_missing_and_starts_without() -> None:
    script = WITHOUT_EXTRAS.partition("from datetime")[0] + "import relations.cli\nprint('started')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "started\n"


def test_worker_processes_are_started_in_one_place() -> None:
    """A pool made elsewhere would leave its workers running when its process is killed."""
    users = {
        module
        for module, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("ProcessPoolExecutor")
    }
    assert users == {"relations.projections.running.worker_processes"}
