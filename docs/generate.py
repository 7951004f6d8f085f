"""Write the generated pages of the reference and the generated modules, or check that they are current.

    python docs/generate.py            writes docs/reference/*.md and the modules in PUBLIC
    python docs/generate.py --check    fails if a file is out of date, and names it

Everything on these pages comes from the code: from docstrings, annotations and the tables of refusals. So the pages
cannot contradict the code.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from functools import cache
from importlib import import_module
from pathlib import Path
from types import MemberDescriptorType
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

import msgspec
from pydantic import BaseModel
from typer import Context, Typer
from typer.models import ArgumentInfo, OptionInfo

import relations
from relations import errors
from relations.aggregates import AGGREGATES, complaint, customer, loyalty
from relations.aggregates import policy as policy_aggregate
from relations.cli.app import COMMANDS
from relations.cli.exits import MEANINGS, ExitCode, exit_code
from relations.engine import Relations
from relations.errors import RelationsError
from relations.exchange.frames.columns import is_record, without_none
from relations.exchange.frames.questions import frame_of, questions, tables
from relations.exchange.mapping.model import load_mapping, shipped_presets
from relations.log.codec import personal_fields
from relations.messages import ID_PATTERN, Command, Envelope, Event, RecordedEvent
from relations.policies import FACTS, Policy
from relations.policies.facts import NUMBER_FACTS
from relations.projections import VIEWS, CustomerRow, Projection, Row, Rows, Tally, View, ViewContext
from relations.projections.views import Views
from relations.projections.who import who_of
from relations.verification.findings import MEANINGS as FINDINGS

ROOT = Path(__file__).parent
REFERENCE = ROOT / "reference"
_WIDTH = 120
SOURCE = ROOT.parent / "src" / "relations"
NOTE = "<!-- Generated from the code by docs/generate.py; change the code instead. -->"
MODULES = {"policy": policy_aggregate, "customer": customer, "complaint": complaint, "loyalty": loyalty}


# --- docstrings -----------------------------------------------------------------------------------------------------


class Doc(NamedTuple):
    """A docstring taken apart.

    Attributes:
        text: The text before the sections.
        sections: The text of each section, by its heading.
    """

    text: str
    sections: dict[str, str]

    def entries(self, section: str) -> dict[str, str]:
        """Return the entries of a section by name; none if the section is missing."""
        return _entries(self.sections.get(section, ""))


_SECTION = re.compile(r"^(Args|Attributes|Raises|Returns|Yields):$", re.MULTILINE)


def doc_of(item: Any) -> Doc:
    """Return the docstring of a module, class or function; a class does not inherit one."""
    text = inspect.cleandoc(item.__dict__.get("__doc__") or "" if isinstance(item, type) else item.__doc__ or "")
    parts = _SECTION.split(text)
    return Doc(parts[0].strip(), dict(zip(parts[1::2], parts[2::2], strict=True)))


def _entries(section: str) -> dict[str, str]:
    found: dict[str, str] = {}
    name = ""
    for line in inspect.cleandoc("\n" + section).splitlines():
        match = re.match(r"(\*{0,2}\w+): (.*)", line)
        if match:
            name = match[1]
            found[name] = match[2]
        elif name and line.strip():
            found[name] += " " + line.strip()
    return found


def attributes_of(cls: type) -> dict[str, str]:
    """Return the descriptions of the attributes of a class and its bases; those of the class itself win."""
    found: dict[str, str] = {}
    for each in reversed(_own_classes(cls)):
        found.update(doc_of(each).entries("Attributes"))
    return found


# --- Markdown -------------------------------------------------------------------------------------------------------


def table(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Return a table; nothing without rows."""
    listed = list(rows)
    if not listed:
        return []
    lines = ["| " + " | ".join(headings) + " |", "|" + "---|" * len(headings)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in listed]
    return [*lines, ""]


def page(title: str, intro: str, parts: list[str]) -> str:
    """Return a whole page."""
    body = "\n".join([NOTE, "", f"# {title}", "", intro.strip(), "", *parts])
    return re.sub(r"\n{3,}", "\n\n", body).rstrip() + "\n"


def paragraph(text: str) -> str:
    """Return the text of a docstring as Markdown: without `::` before examples, and with links to other pages."""
    return re.sub(r"`docs/([\w/-]+\.md)`", r"[\1](../\1)", text.replace("::\n", ":\n"))


# --- types, from JSON Schema ----------------------------------------------------------------------------------------


def schema_words(schema: dict[str, Any], defs: dict[str, Any]) -> str:
    """Return a field's JSON Schema in a few words."""
    match schema:
        case {"$ref": str(reference)}:
            name = reference.rpartition("/")[2]
            if name == "Money":
                return "money"
            return schema_words(defs[name], defs) if "enum" in defs.get(name, {}) else f"`{name}`"
        case {"anyOf": options} | {"oneOf": options}:
            return " or ".join(dict.fromkeys(schema_words(option, defs) for option in options if option != _NULL))
        case {"enum": values}:
            return ", ".join(f"`{value}`" for value in values)
        case {"const": value}:
            return f"`{value}`"
        case {"title": "Money"}:
            return "money"
        case {"type": "array", "prefixItems": items}:
            return "(" + ", ".join(schema_words(item, defs) for item in items) + ")"
        case {"type": "array", "items": dict(items)}:
            return f"list of {schema_words(items, defs)}"
        case {"type": "object", "additionalProperties": dict(values)}:
            return f"map to {schema_words(values, defs)}"
        case {"type": str(kind)}:
            return _with_limits(kind, schema)
        case {"allOf": [dict(only)]}:
            return schema_words(only, defs)
    return "anything"


_NULL = {"type": "null"}
_ANY_TEXT = (r"^[^\x00]*$",)
"""Patterns that are not worth showing: they only exclude the character NUL."""


def _with_limits(kind: str, schema: dict[str, Any]) -> str:
    words = {"string": "text", "integer": "whole number", "number": "number", "boolean": "yes or no"}.get(kind, kind)
    if schema.get("format") == "date-time":
        return "time with a zone"
    if schema.get("format") == "duration":
        return "duration (ISO 8601)"
    pattern = schema.get("pattern", "")
    if re.fullmatch(r"\^\([\w|]+\)\$", pattern):
        return ", ".join(f"`{word}`" for word in pattern[2:-2].split("|"))
    if pattern == ID_PATTERN:
        return "id"
    if pattern and pattern not in _ANY_TEXT:
        return f"{words} like `{pattern}`"
    low = schema.get("minimum", schema.get("minLength"))
    high = schema.get("maximum", schema.get("maxLength"))
    unit = " characters" if kind == "string" else ""
    match low, high:
        case None, None:
            return words
        case None, _:
            return f"{words}, at most {high}{unit}"
        case _, None:
            return words if kind == "string" else f"{words} from {low}"
        case _:
            return f"{words}, {low} to {high}{unit}"


def fields_of(schema: dict[str, Any], meanings: dict[str, str], left_out: frozenset[str]) -> Iterator[tuple[str, ...]]:
    """Yield rows of name, type, default and meaning."""
    defs = schema.get("$defs", {})
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        if name in left_out:
            continue
        default = "**required**" if name in required else _default(field.get("default"))
        yield f"`{name}`", schema_words(field, defs), default, meanings.get(name, field.get("description", ""))


def _default(value: Any) -> str:
    match value:
        case None:
            return ""
        case dict() | list() if len(str(value)) > 60:
            return "see there"
    return f"`{msgspec.json.encode(value).decode()}`"


# --- public objects -------------------------------------------------------------------------------------------------


def import_line(name: str, module: str) -> str:
    """Return the line that imports a name: from `relations` if it has that name, otherwise from the module."""
    return f"from {'relations' if name in relations.__all__ else module} import {name}"


def documented(name: str, item: Any, level: int, module: str = "") -> list[str]:
    """Return the section of a public module, class, function or property.

    Args:
        name: The name in the heading.
        item: The object.
        level: The level of the heading.
        module: The module to import it from, if the section has an import line.

    Raises:
        LookupError: The object, or a public part of it, has no docstring.
    """
    doc = doc_of(item)
    if not doc.text:
        msg = f"{name} is on a page of the reference, but has no docstring"
        raise LookupError(msg)
    signature = signature_of(name, item)
    lines = [f"{'#' * level} {name}", ""]
    lines += [f"`{import_line(name, module)}`", ""] if module else []
    lines += ["```python", signature, "```", ""] if signature else []
    lines += [paragraph(doc.text), ""]
    lines += table(("argument", "meaning"), _named_entries(doc.entries("Args")))
    if isinstance(item, type):
        lines += table(("attribute", "type", "default", "meaning"), _fields(item))
    for section in ("Returns", "Yields"):
        if section in doc.sections:
            lines += [f"{section}: {' '.join(doc.sections[section].split())}", ""]
    lines += table(("raises", "when"), _named_entries(doc.entries("Raises")))
    for part, member in public_parts(item).items():
        lines += documented(f"{name}.{part}", member, level + 1)
    return lines


def _named_entries(entries: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(f"`{name}`", meaning) for name, meaning in entries.items()]


def public_parts(item: Any) -> dict[str, Any]:
    """Return the public names of a module, or the public methods and properties of a class and its bases."""
    if inspect.ismodule(item):
        return {name: getattr(item, name) for name in item.__all__}
    bases = reversed(_own_classes(item)) if isinstance(item, type) else ()
    return {
        name: getattr(item, name) if isinstance(member, classmethod | staticmethod) else member
        for base in bases
        for name, member in vars(base).items()
        if not name.startswith("_")
        and (inspect.isroutine(member) or isinstance(member, property | classmethod | staticmethod))
        and not isinstance(member, MemberDescriptorType)
    }


def signature_of(name: str, item: Any) -> str:
    """Return the signature as the source has it; empty for a module, and for a class that callers do not construct."""
    if isinstance(item, property):
        return f"{name}: {ast.unparse(_definition(item.fget).returns)}"
    if isinstance(item, type):
        if "Args" not in doc_of(item).sections:
            return ""
        arguments, returns = _arguments(_definition(item.__init__).args)[1:], ""
    elif callable(item):
        function = _definition(item)
        method = "." in item.__qualname__ and not isinstance(item, staticmethod)
        arguments, returns = _arguments(function.args)[method:], f" -> {ast.unparse(function.returns)}"
    else:
        return ""
    line = f"{name}({', '.join(arguments)}){returns}"
    return (
        line if len(line) <= _WIDTH else "\n".join([f"{name}(", *(f"    {each}," for each in arguments), f"){returns}"])
    )


def _arguments(of: ast.arguments) -> list[str]:
    plain = [*of.posonlyargs, *of.args]
    defaults = [None] * (len(plain) - len(of.defaults)) + of.defaults
    found = [_argument(*each) for each in zip(plain, defaults, strict=True)]
    if of.posonlyargs:
        found.insert(len(of.posonlyargs), "/")
    if of.vararg or of.kwonlyargs:
        found.append(f"*{ast.unparse(of.vararg) if of.vararg else ''}")
    found += [_argument(*each) for each in zip(of.kwonlyargs, of.kw_defaults, strict=True)]
    return [*found, f"**{ast.unparse(of.kwarg)}"] if of.kwarg else found


def _argument(argument: ast.arg, default: ast.expr | None) -> str:
    return ast.unparse(argument) + (f" = {_value(default)}" if default else "")


def _value(default: ast.expr) -> str:
    """Return a default as the source has it; a private name is of no use to a reader."""
    return "..." if isinstance(default, ast.Name) and default.id.startswith("_") else ast.unparse(default)


def _fields(cls: type) -> list[tuple[str, ...]]:
    """Return a row for each public attribute of a class: its name, type, default and meaning."""
    declared: dict[str, tuple[str, str]] = {}
    for base in reversed(_own_classes(cls)):
        for node in _definition(base).body:
            if isinstance(node, ast.AnnAssign) and not (name := ast.unparse(node.target)).startswith("_"):
                default = f"`{_value(node.value)}`" if node.value else ""
                declared[name] = (f"`{ast.unparse(node.annotation)}`", default)
    meanings = attributes_of(cls)
    missing = declared.keys() - meanings.keys()
    if missing:
        msg = f"the docstring of {cls.__name__} does not describe {', '.join(sorted(missing))}"
        raise LookupError(msg)
    return [(f"`{name}`", *declared.get(name, ("", "")), meaning) for name, meaning in meanings.items()]


def _own_classes(cls: type) -> list[type]:
    """Return the class and those of its bases that are classes of relations."""
    return [base for base in cls.__mro__ if base is cls or base.__module__.startswith("relations.")]


def _definition(item: Any) -> Any:
    """Return the syntax tree of the statement that defines a class or a function."""
    found: Any = _tree_of(item.__module__)
    for name in item.__qualname__.split("."):
        found = next(node for node in reversed(found.body) if getattr(node, "name", None) == name)
    return found


@cache
def _tree_of(module: str) -> ast.Module:
    return ast.parse(inspect.getsource(sys.modules[module]))


class ModulePage(NamedTuple):
    """A page on the public objects of one module.

    Attributes:
        title: The title of the page.
        module: The module; its docstring is the introduction.
        first: The object to begin with.
    """

    title: str
    module: str
    first: str = ""

    def __call__(self) -> str:
        """Return the page."""
        module = import_module(self.module)
        names = sorted(module.__all__, key=lambda name: (name != self.first, not name[0].isupper(), name))
        parts = [line for name in names for line in documented(name, getattr(module, name), 2, self.module)]
        return page(self.title, paragraph(doc_of(module).text), parts)


# --- pages ----------------------------------------------------------------------------------------------------------


def commands_page() -> str:
    """Return the page of commands, by aggregate."""
    parts: list[str] = []
    common = frozenset(Command.model_fields)
    parts += ["## Fields that every command has", ""]
    parts += table(
        ("field", "type", "default", "meaning"),
        fields_of(Command.model_json_schema(), attributes_of(Command), frozenset()),
    )
    for aggregate in AGGREGATES:
        parts += [f"## {aggregate.name.capitalize()}", ""]
        for command in aggregate.commands:
            parts += [f"### {command.__name__}", "", f"`{import_line(command.__name__, 'relations.commands')}`", ""]
            parts += [paragraph(doc_of(command).text), ""]
            rows = fields_of(command.model_json_schema(), attributes_of(command), common)
            parts += table(("field", "type", "default", "meaning"), rows)
    intro = """
Execute a command with `engine.execute(command)`. A command is a frozen pydantic model, and is validated when it is
created. An id has 1 to 64 letters, digits and `. _ : -`. Money is `{"amount": 1230, "currency": "EUR"}`, in minor
units. The [errors](errors.md) list the refusals, and the [events](events.md) what commands lead to.
`relations schema commands` prints the JSON Schema of all commands.
"""
    return page("Commands", intro, parts)


def events_page() -> str:
    """Return the page of events, by aggregate."""
    parts: list[str] = []
    for aggregate in AGGREGATES:
        parts += [f"## {aggregate.name.capitalize()}", ""]
        for event in aggregate.events:
            parts += _event(event)
    intro = """
The events as the log stores them: the topic is in the column `topic`, and the fields are the JSON in `body`. Times are
whole microseconds since 1970 in UTC. Money is `[amount, currency]` in minor units. A field marked *personal* is
encrypted under the customer's own key, and can never be read again once the customer is erased. Fields at their
defaults are left out. Topics and forms never change: a new form gets a new schema number, and the old one is upcast.
"""
    return page("Events", intro, parts)


def _event(event: type[Event]) -> list[str]:
    full = msgspec.json.schema(event)
    schema = full["$defs"][event.__name__]
    defs = full["$defs"]
    personal = personal_fields(event)
    meanings = attributes_of(event)
    rows = []
    for name, field in schema.get("properties", {}).items():
        meaning = meanings.get(name, "")
        if name == "at" and not meaning:
            meaning = "Business time, as in the envelope."
        if name in personal:
            meaning = f"*personal* {meaning}".strip()
        default = "" if name in schema.get("required", ()) else _default(field.get("default"))
        rows.append((f"`{name}`", schema_words(field, defs), default, meaning))
    version = f", schema {event.schema}" if event.schema > 1 else ""
    return [
        f"### {event.__name__}",
        "",
        f"`{event.topic}`{version}",
        "",
        f"`{import_line(event.__name__, 'relations.events')}`",
        "",
        paragraph(doc_of(event).text),
        "",
        *table(("field", "type", "default", "meaning"), rows),
    ]


def policies_page() -> str:
    """Return the page of the policy and its parts."""
    parts: list[str] = []
    for model in _models(Policy, []):
        schema = model.model_json_schema()
        parts += [f"## {model.__name__}", "", f"`{import_line(model.__name__, door_of(model))}`", ""]
        parts += [paragraph(doc_of(model).text), ""]
        parts += table(("field", "type", "default", "meaning"), fields_of(schema, attributes_of(model), frozenset()))
    facts = [(f"`{name}`", "number" if name in NUMBER_FACTS else "words", about) for name, about in FACTS.items()]
    parts += ["## Facts for conditions", "", "`from relations.policies import FACTS`", ""]
    parts += ["What conditions of segments may ask for, as of the evening of a day.", ""]
    parts += table(("fact", "kind", "meaning"), facts)
    intro = """
The business's own rules as data. A policy is adopted by a command (`engine.adopt(policy)`), so it is recorded in the
log like everything else. An event keeps the figures that it was decided by. Views use the policy in force when they
are asked. `relations schema policy` prints the JSON Schema.
"""
    return page("Policies", intro, parts)


def _models(model: type[BaseModel], found: list[type[BaseModel]]) -> list[type[BaseModel]]:
    """Return a model and the models in its fields, each once, in the order in which they are found."""
    if model not in found:
        found.append(model)
        for field in model.model_fields.values():
            for kind in _classes(field.annotation):
                _models(kind, found)
    return found


def _classes(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel) and get_origin(annotation) is None:
        yield annotation
    for argument in get_args(annotation):
        yield from _classes(argument)


class Raised(NamedTuple):
    """An error with a code of its own, as the source raises it."""

    code: str
    error: str
    message: str


def errors_page() -> str:
    """Return the page of errors: the tree, every code of refusal, and every other code."""
    tree = inspect.cleandoc(errors.__doc__ or "").partition("::\n")[2].partition("\n\nAll of them")[0]
    parts = ["## The tree", "", "```text", inspect.cleandoc(tree), "```", ""]
    classes = [getattr(errors, name) for name in errors.__all__]
    rows = [
        (f"`{cls.__name__}`", f"`{cls.code}`", str(int(_exit_of(cls))), doc_of(cls).text.splitlines()[0])
        for cls in classes
    ]
    parts += table(("error", "its own code", "exit code of the CLI", "meaning"), rows)
    parts += ["```python", *(import_line(cls.__name__, "relations.errors") for cls in classes), "```", ""]
    listed: set[str] = set()
    for name, module in MODULES.items():
        refusals: dict[str, str] = dict(getattr(module, "REFUSALS", {}))
        if refusals:
            parts += [f"## Refusals of a {name}", ""]
            parts += table(("code", "when"), [(f"`{code}`", when) for code, when in sorted(refusals.items())])
            listed |= refusals.keys()
    own = {cls.code for cls in classes}
    others = [raised for raised in raised_codes() if raised.code not in listed | own]
    parts += ["## Other codes", "", "`…` stands for words that are known only when the error is raised.", ""]
    parts += table(
        ("code", "error", "for example"),
        [(f"`{raised.code}`", f"`{raised.error}`", raised.message) for raised in others],
    )
    intro = """
Every error is a `RelationsError` with a stable `code`, the `field`, the `reason` and a `hint`. Match on the code: the
words can change at any time. A refused command writes nothing.
"""
    return page("Errors", intro, parts)


def _exit_of(cls: type[RelationsError]) -> ExitCode:
    error = cls.__new__(cls)
    error.code = cls.code
    return exit_code(error)


def raised_codes() -> list[Raised]:
    """Return every code in the source that is given to an error, with the longest of its messages."""
    found: dict[str, Raised] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            cls = getattr(errors, node.func.id, None)
            codes = [word.value for word in node.keywords if word.arg == "code"]
            if cls is None or not codes or not isinstance(codes[0], ast.Constant) or not node.args:
                continue
            code = str(codes[0].value)
            raised = Raised(code, node.func.id, _spelt(node.args[0]))
            found[code] = max(found.get(code, raised), raised, key=lambda each: len(each.message))
    return [found[code] for code in sorted(found)]


def _spelt(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(str(value.value) if isinstance(value, ast.Constant) else "…" for value in values)
    return "…"


# --- the command line -----------------------------------------------------------------------------------------------


def cli_page() -> str:
    """Return the page of the command line, from its functions' signatures."""
    commands = list(_commands(COMMANDS))
    parts = ["```text", "relations [--version] [--help] COMMAND …", "```", ""]
    parts += table(
        ("command", "what it does"),
        [
            (f"[`relations {name}`](#relations-{name.replace(' ', '-')})", _first_sentence(call))
            for name, call in commands
        ],
    )
    for name, call in commands:
        parts += _command(name, call)
    parts += ["## Exit codes", ""]
    parts += table(("code", "name", "meaning"), [(str(int(code)), code.name, MEANINGS[code]) for code in ExitCode])
    parts += ["## Findings of verify", ""]
    parts += table(("code", "meaning"), [(f"`{code}`", f"{meaning}.") for code, meaning in FINDINGS.items()])
    intro = """
Results go to stdout; progress bars, messages and errors to stderr. With `--json` stdout holds exactly one JSON
document: the result, or `{"error": {"code", "field", "reason", "hint", "exit_code"}}` (a command line that cannot be
understood is answered on stderr alone). Errors are never tracebacks. Colours appear on terminals only. If a terminal's
encoding lacks a character, a similar one is shown. `-d` can be left out if `RELATIONS_URL` is set. Commands that only
read never create a database.
"""
    return page("The command line", intro, parts)


def _commands(commands: Mapping[str, Callable[..., Any] | Typer]) -> Iterator[tuple[str, Callable[..., Any]]]:
    groups = {name: each for name, each in commands.items() if isinstance(each, Typer)}
    yield from ((name, each) for name, each in commands.items() if not isinstance(each, Typer))
    for name, group in groups.items():
        yield from ((f"{name} {info.name}", info.callback) for info in group.registered_commands if info.callback)


def _first_sentence(call: Callable[..., Any]) -> str:
    return doc_of(call).text.split("\n\n")[0].replace("\n", " ")


def _command(name: str, call: Callable[..., Any]) -> list[str]:
    hints = get_type_hints(call, include_extras=True)
    arguments: list[tuple[str, ...]] = []
    options: list[tuple[str, ...]] = []
    usage = [f"relations {name}"]
    for parameter in inspect.signature(call).parameters.values():
        if hints[parameter.name] is Context:
            continue  # Typer's own
        kind, info = _annotated(hints[parameter.name])
        required = parameter.default is inspect.Parameter.empty
        if isinstance(info, ArgumentInfo):
            shown = info.metavar or parameter.name.upper()
            shown = (shown if required else f"[{shown}]") + ("..." if _is_list(kind) else "")
            usage.append(shown)
            arguments.append((f"`{shown}`", _kind(kind, info), info.help or ""))
        else:
            spelt = _spellings(parameter.name, info)
            if required:
                usage.append(f"{spelt[0]} {info.metavar or '…'}")
            names = ", ".join(f"`{each}`" for each in spelt)
            default = "**required**" if required else _option_default(parameter.default)
            meaning = (info.help or "") + (f" Or the environment's `{info.envvar}`." if info.envvar else "")
            options.append((names, _kind(kind, info), default, meaning))
    return [
        f"## relations {name}",
        "",
        "```text",
        " ".join([*usage, "[OPTIONS]"]),
        "```",
        "",
        paragraph(doc_of(call).text),
        "",
        *table(("argument", "", "meaning"), arguments),
        *table(("option", "", "default", "meaning"), options),
    ]


def _annotated(hint: Any) -> tuple[Any, ArgumentInfo | OptionInfo]:
    kind, *rest = get_args(hint)
    info = next(each for each in rest if isinstance(each, ArgumentInfo | OptionInfo))
    return kind, info


def _is_list(kind: Any) -> bool:
    return any(get_origin(each) is list for each in (kind, *get_args(kind)))


def _spellings(name: str, info: OptionInfo) -> list[str]:
    # Inside of Annotated the first spelling stands where a default would: that is how Typer's options are written.
    declared = [info.default, *(info.param_decls or ())]
    spelt = [each for each in declared if isinstance(each, str) and each.startswith("-")]
    return spelt or [f"--{name.replace('_', '-')}"]


def _kind(kind: Any, info: ArgumentInfo | OptionInfo) -> str:
    """Return the kind of value that an option takes; nothing for a switch."""
    classes = [each for each in (kind, *get_args(kind)) if isinstance(each, type) and each is not type(None)]
    inner = [each for group in get_args(kind) for each in get_args(group) if isinstance(each, type)]
    for cls in [*inner, *classes]:
        if issubclass(cls, Enum):
            return ", ".join(f"`{member.value}`" for member in cls)
    if bool in classes:
        return ""
    if info.metavar:
        return info.metavar.strip("[].")
    word = "number" if int in classes or float in classes else "text"
    if info.min is not None or info.max is not None:
        low = "" if info.min is None else f" from {info.min:,}"
        return f"{word}{low}" + ("" if info.max is None else f" to {info.max:,}")
    return word


def _option_default(value: Any) -> str:
    return "" if value is None or value is False else f"`{value}`"


# --- the states of a complaint --------------------------------------------------------------------------------------


def _spaced(kinds: Iterable[type[Command]]) -> str:
    return ", ".join(f"`{kind.__name__}`" for kind in kinds)


def _diagram() -> list[str]:
    """Return every move from one state to another; commands that lead the same way share an arrow."""
    lines = ["```mermaid", "stateDiagram-v2", "    direction TB"]
    for state, moves in complaint.MOVES.items():
        ways: dict[str, list[str]] = {}
        for command, after in moves.items():
            if after != state:
                ways.setdefault(after, []).append(command.__name__)
        begin = "[*]" if state == "unfiled" else state
        lines += [f"    {begin} --> {after}: {'<br/>'.join(names)}" for after, names in ways.items()]
    return [*lines, "```", ""]


def complaint_states_page() -> str:
    """Return the page of a complaint's states: the table of moves as a diagram and in words."""
    intro = (
        "The commands that are possible in each state of a complaint, and the state that they lead to. An offer above "
        "its author's limit changes nothing until it is approved. `CheckDeadlines` is possible in every state and "
        "changes none. Any other command is refused with `illegal_move`, which names the state and the possible "
        "commands."
    )
    stays = [
        (f"`{state}`", _spaced(command for command, after in moves.items() if after == state))
        for state, moves in complaint.MOVES.items()
        if any(after == state for after in moves.values())
    ]
    remedies = [
        (f"`{state}`", ", ".join(f"`{command.__name__}` → `{after}`" for command, after in moves.items()) or "nothing")
        for state, moves in complaint.REMEDY_MOVES.items()
    ]
    improvements = [(f"`{state}`", _spaced(kinds)) for state, kinds in complaint.IMPROVEMENT_MOVES.items()]
    justice = [(f"`{event.__name__}`", kind) for event, kind in complaint.JUSTICE.items()]
    parts = ["## Moves", "", *_diagram()]
    parts += ["## Commands that leave the state as it is", "", *table(("State", "Commands"), stays)]
    parts += ["## Each remedy", "", *table(("State", "Moves"), remedies)]
    parts += ["## Each improvement", "", *table(("State", "Commands"), improvements)]
    parts += ["## The justice that each repair action serves", "", *table(("Event", "Justice"), justice)]
    return page("The states of a complaint", intro, parts)


# --- views ----------------------------------------------------------------------------------------------------------

DTYPES = {
    "Int64": "integer", "Float64": "number", "Boolean": "boolean", "String": "text", "Date": "day",
    "Datetime": "time, UTC", "Duration": "span",
}  # fmt: skip


def views_page() -> str:
    """Return the page of views: every question with the columns of its answer."""
    parts = []
    with Relations.open("sqlite://") as engine:
        for name, view in sorted(vars(engine.views).items()):
            parts += [f"## views.{name}", ""]
            parts += [f"`{import_line(type(view).__name__, 'relations.views')}` · `engine.views.{name}`", ""]
            parts += [paragraph(doc_of(type(view)).text), ""]
            first_by_entry: dict[Any, str] = {}
            for question, ask in questions(view).items():
                parts += _question(question, ask, first_by_entry)
                if lead := view.leads.get(question):
                    parts += [f"Who they are: `{who_of(name, lead).command()}`", ""]
            for row, kind in tables(view).items():
                parts += [f"### Table {row}", "", paragraph(doc_of(kind).text), "", *_columns(kind)]
    intro = """
The questions of each view, such as `engine.views.retention.cohorts()`, and the columns of each answer as a frame
(`relations.exchange.frame(engine.views.retention.cohorts)`, `relations frame retention.cohorts`). A single object is a
frame of one row. Times in tables are UTC microseconds, as whole numbers.
"""
    return page("Views", intro, parts)


def _question(name: str, ask: Callable[..., Any], first_by_entry: dict[Any, str]) -> list[str]:
    """Return a question's section. Only the first question with a kind of entry lists its columns."""
    lines = documented(name, ask, 3)
    kind = without_none(get_type_hints(ask)["return"])
    entry = get_args(kind)[0] if get_origin(kind) is list else kind
    first = first_by_entry.setdefault(entry, name)
    return lines + (_columns(kind) if first == name else [f"The columns are those of `{first}`.", ""])


def _columns(kind: Any) -> list[str]:
    entry = get_args(kind)[0] if get_origin(kind) is list else kind
    about = attributes_of(entry) if is_record(entry) else {}
    columns = frame_of(None, kind).schema.items()
    return table(
        ("column", "type", "meaning"), [(f"`{name}`", _dtype(dtype), about.get(name, "")) for name, dtype in columns]
    )


def _dtype(dtype: Any) -> str:
    """Return a polars type in words."""
    match type(dtype).__name__:
        case "List":
            return f"list of {_dtype(dtype.inner)}"
        case "Struct":
            return f"{{{', '.join(field.name for field in dtype.fields)}}}"
        case "Enum":
            return ", ".join(f"`{word}`" for word in dtype.categories)
        case plain:
            return DTYPES[plain]


# --- public modules -------------------------------------------------------------------------------------------------


def classes_in(annotations: Iterable[Any]) -> set[type]:
    """Return the classes of relations that annotations name, and those in their own fields."""
    found: set[type] = set()
    waiting = list(annotations)
    while waiting:
        annotation = waiting.pop()
        waiting += [part for part in get_args(annotation) if not isinstance(part, str)]
        if isinstance(annotation, type) and annotation.__module__.startswith("relations.") and annotation not in found:
            found.add(annotation)
            if issubclass(annotation, msgspec.Struct | BaseModel):
                waiting += get_type_hints(annotation).values()
    return found


def door_of(kind: type) -> str:
    """Return the module to import a class from: the outermost package whose `__all__` has it."""
    parts = kind.__module__.split(".")
    for depth in range(2, len(parts) + 1):
        door = ".".join(parts[:depth])
        module = import_module(door)
        if kind.__name__ in getattr(module, "__all__", ()) and getattr(module, kind.__name__) is kind:
            return door
    return kind.__module__


def public_module(title: str, kinds: Iterable[type], registries: Mapping[str, str]) -> str:
    """Return the source of a module that gives these classes and registries."""
    found = {kind.__name__: door_of(kind) for kind in kinds} | registries
    names = sorted(found, key=lambda name: (not name.isupper(), name))
    homes: dict[str, list[str]] = {}
    for name in sorted(names, key=lambda name: (not name.isupper(), name.lower())):
        homes.setdefault(found[name], []).append(name)
    lines = [f'"""{title}', "", "Generated from the registries by docs/generate.py.", '"""', ""]
    for home in sorted(homes):
        line = f"from {home} import {', '.join(homes[home])}"
        lines += [line] if len(line) <= _WIDTH else [f"from {home} import (", *(f"    {n}," for n in homes[home]), ")"]
    return "\n".join([*lines, "", "__all__ = [", *(f'    "{name}",' for name in names), "]", ""])


def commands_module() -> str:
    """Return the source of `relations.commands`."""
    kinds = [command for aggregate in AGGREGATES for command in aggregate.commands]
    hints = (hint for kind in kinds for hint in get_type_hints(kind).values())
    values = {kind for kind in classes_in(hints) if not kind.__module__.startswith("relations.policies")}
    about = "Every command, the values in their fields, and the registry for a host that adds an aggregate."
    return public_module(about, {*kinds, *values, Command}, {"AGGREGATES": "relations.aggregates"})


def events_module() -> str:
    """Return the source of `relations.events`."""
    kinds = [event for aggregate in AGGREGATES for event in aggregate.events]
    hints = (hint for kind in kinds for hint in get_type_hints(kind).values())
    values = {kind for kind in classes_in(hints) if not kind.__module__.startswith("relations.policies")}
    about = "Every event, and the values in their fields."
    return public_module(about, {*kinds, *values, Event, Envelope, RecordedEvent}, {})


def views_module() -> str:
    """Return the source of `relations.views`."""
    hints = [get_type_hints(ask).get("return") for view in VIEWS for ask in asked_of(view)]
    values = {
        kind
        for kind in classes_in(hints)
        if kind.__module__.startswith(("relations.projections", "relations.analytics"))
    }
    return public_module(
        "Every view, everything that its questions return, and the parts of a view of your own.",
        {*VIEWS, *values, Views, View, ViewContext, Projection, CustomerRow, Row, Rows, Tally},
        {"PROJECTIONS": "relations.projections", "VIEWS": "relations.projections"},
    )


def asked_of(view: type[View]) -> list[Callable[..., Any]]:
    """Return the questions of a class of views."""
    names = [name for name in dir(view) if not name.startswith("_") and name not in dir(View)]
    return [found for found in (getattr(view, name) for name in names) if callable(found)]


PUBLIC: dict[str, Callable[[], str]] = {
    "commands.py": commands_module,
    "events.py": events_module,
    "views.py": views_module,
}


def presets_page() -> str:
    """Return the page of the presets: how to export the files, what becomes of them, and what to mind."""
    parts: list[str] = []
    for mapping in map(load_mapping, shipped_presets()):
        preset = mapping.preset
        if preset is None:
            continue
        parts += [f"## {mapping.name}", "", f"{preset.product}, {preset.reads}.", "", mapping.about.strip(), ""]
        facts = [("Export", preset.export), ("Recognised by", ", ".join(f"`{name}`" for name in preset.recognise))]
        facts.append(("Becomes", ", ".join(f"`{name}`" for name in dict.fromkeys(r.command for r in mapping.command))))
        facts += [("Asks for", f"`--{need}`") for need in sorted(preset.needs)]
        facts += [("Languages", preset.second)] if preset.second else []
        parts += table(("", ""), facts)
        parts += ["Mind:", "", *(f"- {trap}" for trap in preset.traps), ""]
        parts += table(
            ("One would guess", "The file has", "Source"), [(s.guess, s.seen, s.source) for s in preset.surprise]
        )
        parts += ["Sources:", "", *(f"- {source}" for source in preset.sources), ""]
    guide = "[A guide](../how-to/import-with-a-preset.md) shows how to use them."
    intro = (
        f"Mappings for the files of well-known products. {guide}\n\n`from relations.exchange import shipped_presets`"
    )
    return page("Presets", intro, parts)


PAGES: dict[str, Callable[[], str]] = {
    "cli.md": cli_page,
    "commands.md": commands_page,
    "complaint-states.md": complaint_states_page,
    "events.md": events_page,
    "policies.md": policies_page,
    "errors.md": errors_page,
    "views.md": views_page,
    "engine.md": ModulePage("The engine", "relations.engine", first="Relations"),
    "aio.md": ModulePage("The engine for asyncio", "relations.aio", first="AsyncRelations"),
    "asgi.md": ModulePage("HTTP", "relations.asgi", first="lifespan"),
    "testing.md": ModulePage("The test kit", "relations.testing", first="Scenario"),
    "exchange.md": ModulePage("Exchange", "relations.exchange"),
    "presets.md": presets_page,
    "relay.md": ModulePage("Relay", "relations.relay"),
    "fleet.md": ModulePage("Fleet", "relations.fleet"),
    "operations.md": ModulePage("Operations", "relations.operations"),
    "observability.md": ModulePage("Observability", "relations.observability"),
    "analytics.md": ModulePage("Analytics", "relations.analytics"),
    "audit.md": ModulePage("Audit", "relations.audit", first="Seals"),
}


_DOCS = Path(__file__).parent
QUOTING = _DOCS / "how-to" / "embed-in-fastapi.md"
"""The page that quotes the example, part by part."""

_QUOTED = re.compile(r"(<!-- (\S+) \[(\w+)\] -->\n```python\n).*?```", re.DOTALL)


def quoting_page() -> str:
    """Return the page that quotes the example, with the parts as they now are."""

    def quoted(found: re.Match[str]) -> str:
        text = (_DOCS.parent / "examples" / "hotel" / found[2]).read_text("utf-8")
        part = re.search(rf"^# --- \[{found[3]}\]\n(.*?)(?=^# --- \[|\Z)", text, re.DOTALL | re.MULTILINE)
        if part is None:
            msg = f"{found[2]} has no part {found[3]}"
            raise LookupError(msg)
        return f"{found[1]}{part[1].strip()}\n```"

    return _QUOTED.sub(quoted, QUOTING.read_text("utf-8"))


def outputs() -> Iterator[tuple[Path, Callable[[], str]]]:
    """Yield every generated file with the function that writes its text."""
    yield QUOTING, quoting_page
    yield from ((SOURCE / name, make) for name, make in PUBLIC.items())
    yield from ((REFERENCE / name, make) for name, make in PAGES.items())


def stale() -> list[str]:
    """Return the names of the generated files that are out of date."""
    return [path.name for path, make in outputs() if not path.is_file() or path.read_text("utf-8") != make()]


def main() -> int:
    """Write the generated files, or check them."""
    if "--check" in sys.argv[1:]:
        old = stale()
        for name in old:
            print(f"{name} is out of date; run: make docs", file=sys.stderr)
        return 1 if old else 0
    REFERENCE.mkdir(exist_ok=True)
    for path, make in outputs():
        path.write_text(make(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
