"""Rows into commands: a mapping, compiled.

For every row in turn: values that count are counted, rules that reject are asked, references to earlier rows are
looked up, notes are taken, and commands are made. The order of the rows matters, for counts and references remember
what came before; the same file always gives the same commands with the same ids.
"""

from __future__ import annotations

import difflib
import re
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from operator import itemgetter
from typing import Any, NamedTuple

from pydantic import ValidationError

from relations.errors import InvalidInput, MappingError
from relations.exchange.jsonlines.commands import command_class, invalid_command
from relations.exchange.mapping.checks import template_names
from relations.exchange.mapping.conditions import Test, compile_conditions
from relations.exchange.mapping.model import CommandRule, Mapping, Match, RowCondition, Value
from relations.exchange.mapping.values import (
    Counter,
    Getter,
    RowValues,
    compile_column,
    compile_template,
    compile_value,
    group_key,
)
from relations.messages import ID_PATTERN, Command

__all__ = ["RowCommands", "Transform"]


class RowCommands(NamedTuple):
    """What came of a row.

    Attributes:
        commands: In the order of the mapping's rules.
        notes: The codes of the notes that hold for it.
    """

    commands: list[Command]
    notes: Sequence[str]


class _Rule(NamedTuple):
    holds: Test
    code: str
    reason: str


class Transform:
    """A mapping's rules, ready to be called row by row.

    Args:
        mapping: The rules.
        columns: The file's columns, where they are the same for all rows.
        name: The import's name in place of the mapping's own: the first part of command ids, and `{source}`.

    Raises:
        MappingError: The mapping names what does not exist: a column, a value, a command, a field.
    """

    def __init__(self, mapping: Mapping, columns: Sequence[str] | None = None, *, name: str | None = None) -> None:
        self.mapping = mapping
        self.name = name or mapping.name
        if re.fullmatch(ID_PATTERN, self.name) is None:
            raise MappingError(
                f"{self.name!r} is no name for an import", hint="Give letters, digits and . _ : -", field="name"
            )
        self._columns = columns
        self._compute: dict[str, Getter] = {}
        self._counters: list[Counter] = []
        self._raw_columns: dict[str, str] = {}
        self._names = {"row", "source", *mapping.values, *(match.name for match in mapping.match)}
        self._blank_words = mapping.source.blank_words
        for value_name, column in _raw_columns(mapping).items():
            self._must_exist(column, column_only=True)
            # Under a key that no name can be, for a value may be called as a column is.
            self._raw_columns[value_name] = f"\0{column}"
            self._compute[f"\0{column}"] = compile_column(column, self._blank_words)
        for value_name, value in mapping.values.items():
            self._compute[value_name] = self._value(value_name, value)
        _refuse_circles(mapping)
        makers = [self._rule(number, rule) for number, rule in enumerate(mapping.command, 1)]
        self._makers = [(test if rule.when else None, make) for rule, (test, make) in zip(mapping.command, makers)]  # noqa: B905 - one each
        self._rejects = [_Rule(self._test(rule.when), rule.code, rule.reason) for rule in mapping.reject]
        self._notes = [_Rule(self._test(rule.when), rule.code, rule.reason) for rule in mapping.note]
        self._matches = [self._matching(match) for match in mapping.match]
        for counter in self._counters:
            self._needs(counter.names)
            self._needs([counter.value.first_of] if counter.value.first_of else [])
            counter.holds = self._test(counter.value.when) if counter.value.when else None
        self._early = [counter.see for counter in self._counters if not counter.value.kept_only]
        self._late = [counter.see for counter in self._counters if counter.value.kept_only]
        self.reasons = {rule.code: rule.reason for rule in mapping.note}

    def __call__(self, row: int, raw: dict[str, str]) -> RowCommands:
        """The commands of a row.

        Raises:
            InvalidInput: The row is rejected; says with which code and why.
        """
        values = RowValues(row=row, source=self.name)
        values.raw = raw
        values.compute = self._compute
        for see in self._early:
            see(values)
        for rule in self._rejects:
            if rule.holds(values):
                raise InvalidInput(rule.reason, code=rule.code)
        for matching in self._matches:
            matching(values)
        for see in self._late:
            see(values)
        notes = [rule.code for rule in self._notes if rule.holds(values)] if self._notes else ()
        commands = [make(values) for holds, make in self._makers if holds is None or holds(values)]
        if not commands and not notes:
            raise InvalidInput(
                "no command of the mapping is for such a row",
                code="no_command",
                hint="Add a [[command]] for it, or a [[note]] that says why it is passed over",
            )
        return RowCommands(commands, notes)

    # --- compiling ---------------------------------------------------------------------------------------------------

    def _need(self, name: str) -> None:
        """See to it that a name means something: a value, or else a column."""
        if name not in self._names and name not in self._compute:
            self._must_exist(name)
            self._compute[name] = compile_column(name, self._blank_words)

    def _must_exist(self, column: str, *, column_only: bool = False) -> None:
        if self._columns is None or column in self._columns:
            return
        known = [*self._columns] if column_only else [*self._columns, *sorted(self._names)]
        close = difflib.get_close_matches(column, known, 1)
        raise MappingError(
            f"the file has no column {column!r}" + ("" if column_only else ", and the mapping no value of that name"),
            code="unknown_column",
            field=column,
            hint=f"{f'Did you mean {close[0]!r}? ' if close else ''}There are: {', '.join(known)}",
        )

    def _needs(self, names: Iterable[str]) -> None:
        for name in names:
            self._need(name)

    def _value(self, name: str, value: Value) -> Getter:
        self._needs(_names_of(value))
        return compile_value(name, value, self._counters, self._blank_words)

    def _test(self, when: tuple[RowCondition, ...]) -> Test:
        for condition in when:
            self._needs(_condition_names(condition))
        return compile_conditions(when, self._raw_columns)

    def _rule(self, number: int, rule: CommandRule) -> tuple[Test, Callable[[RowValues], Command]]:
        cls = command_class(rule.command)
        _check_fields(cls, rule)
        constants: dict[str, Any] = {"actor": f"import:{self.name}"}
        parts: list[tuple[str, Getter]] = []
        for field, argument in rule.arguments.items():
            if isinstance(argument, str):
                self._need(argument)
                parts.append((field, itemgetter(argument)))
            elif argument.count_by is not None or argument.first_of is not None:
                raise MappingError("counts and firsts belong in [values], to see every row", field=field)
            elif argument.constant is not None and argument.type == "text" and argument.map is None:
                constants[field] = argument.constant
            else:
                parts.append((field, self._value(field, argument)))
        return self._test(rule.when), _maker(cls, constants, parts, self._command_id(number, rule))

    def _command_id(self, number: int, rule: CommandRule) -> Getter:
        if rule.command_id is not None:
            self._needs(template_names(rule.command_id))
            return compile_template(rule.command_id, field="command_id")
        suffix = "" if number == 1 else f".{number}"
        return compile_template(f"{self.name}:{{row}}{suffix}", field="command_id")

    def _matching(self, match: Match) -> Callable[[RowValues], None]:
        self._needs([*match.key, match.give, match.quantity])
        return _Ledger(match, self._test(match.offer), self._test(match.seek)).see


class _Ledger:
    """What earlier rows offer, and how much of it is left."""

    __slots__ = ("_holds", "_match", "_offers", "_seeks")

    def __init__(self, match: Match, offers: Test, seeks: Test) -> None:
        self._match = match
        self._offers = offers
        self._seeks = seeks
        # Name, quantity, name, quantity …: flat, for there is one for every row that offers.
        self._holds: dict[str | bytes, list[Any]] = {}

    def see(self, values: RowValues) -> None:
        match = self._match
        values[match.name] = None
        if self._offers(values):
            held = self._holds.setdefault(self._key(values), [])
            held.append(values[match.give])
            held.append(self._quantity(values))
        elif self._seeks(values):
            values[match.name] = self._take(values)

    def _key(self, values: RowValues) -> str | bytes:
        found = [values[name] for name in self._match.key]
        # 2.10 and 2.1 are the same price.
        return group_key(part.normalize() if part.__class__ is Decimal else part for part in found)

    def _quantity(self, values: RowValues) -> Decimal | int:
        quantity: Decimal | int | None = values[self._match.quantity]
        if not isinstance(quantity, Decimal | int) or quantity < 0:
            raise InvalidInput("the quantity to match is no positive number", code="not_a_number")
        return quantity

    def _take(self, values: RowValues) -> Any:
        wanted = self._quantity(values)
        held = self._holds.get(self._key(values), [])
        places = range(1, len(held), 2)
        for place in reversed(places) if self._match.order == "latest" else places:
            if held[place] >= wanted:
                held[place] -= wanted
                return held[place - 1]
        raise InvalidInput(self._match.reason, code=self._match.code)


def _maker(
    cls: type[Command], constants: dict[str, Any], parts: list[tuple[str, Getter]], command_id: Getter
) -> Callable[[RowValues], Command]:
    validate = cls.__pydantic_validator__.validate_python
    parts = [*parts, ("command_id", command_id)]

    def make(values: RowValues) -> Command:
        fields = constants.copy()
        for field, get in parts:
            found = get(values)
            if found is not None:
                fields[field] = found
        try:
            command: Command = validate(fields)
        except ValidationError as error:
            raise invalid_command(cls, error) from None
        return command

    return make


def _check_fields(cls: type[Command], rule: CommandRule) -> None:
    for field in rule.arguments:
        if field not in cls.model_fields or field == "command_id":
            known = [name for name in cls.model_fields if name != "command_id"]
            close = difflib.get_close_matches(field, known, 1)
            raise MappingError(
                f"{rule.command} has no field {field!r} that a mapping gives",
                field=field,
                hint=f"{f'Did you mean {close[0]!r}? ' if close else ''}It has: {', '.join(known)}",
            )
    missing = [name for name, info in cls.model_fields.items() if info.is_required() and name not in rule.arguments]
    if missing:
        raise MappingError(f"{rule.command} needs {', '.join(missing)}", field="command.with")


# --- names ----------------------------------------------------------------------------------------------------------


def _raw_columns(mapping: Mapping) -> dict[str, str]:
    return {name: value.column for name, value in mapping.values.items() if value.column is not None}


def _names_of(value: Value) -> list[str]:
    names = [*(value.product or ()), *(value.count_by or ()), *value.by]
    names += [name for name in (value.value, value.first_of, value.currency_from) if name is not None]
    if value.template is not None:
        names += template_names(value.template)
    for asked in (value.items or {}).values():
        names += [asked] if isinstance(asked, str) else asked
    for condition in value.when:
        names += _condition_names(condition)
    return names


def _condition_names(condition: RowCondition) -> list[str]:
    names = [name for name in (condition.of, condition.same_as, condition.differs_from) if name is not None]
    for inner in (*condition.any, *condition.none):
        names += _condition_names(inner)
    return names


def _refuse_circles(mapping: Mapping) -> None:
    graph = {name: set(_names_of(value)) for name, value in mapping.values.items()}
    done: set[str] = set()
    waiting = deque(graph)
    idle = 0
    while waiting:
        name = waiting.popleft()
        if graph[name] & graph.keys() <= done:
            done.add(name)
            idle = 0
            continue
        waiting.append(name)
        idle += 1
        if idle > len(waiting):
            raise MappingError(
                f"the values {', '.join(sorted(waiting))} are made of one another", code="circular_value", field=name
            )
