"""Rows into commands, by the rules of a mapping.

For each row, values that count are counted, rules that reject are tested, and references to earlier rows are resolved.
Notes are taken, and commands are made. Counts and references depend on the order of the rows. The same file always
gives the same commands with the same ids.
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
from relations.exchange.jsonlines.commands import command_class
from relations.exchange.mapping.checks import template_names
from relations.exchange.mapping.conditions import Test, compile_conditions
from relations.exchange.mapping.model import CommandRule, Mapping, Match, RowCondition, Value
from relations.exchange.mapping.objects import items_of
from relations.exchange.mapping.values import (
    Counter,
    Digest,
    Getter,
    RowValues,
    compile_column,
    compile_template,
    compile_value,
    group_key,
)
from relations.messages import ID_PATTERN, Command, invalid_value

__all__ = ["RowCommands", "Transform"]

_WITHDRAWN = "consent_withdrawn"


class RowCommands(NamedTuple):
    """The result of a row.

    Attributes:
        commands: The commands in the order of the mapping's rules.
        notes: The codes of the row's notes.
    """

    commands: list[Command]
    notes: Sequence[str]


class _Rule(NamedTuple):
    holds: Test
    code: str
    reason: str
    each: str | None = None


class _Maker(NamedTuple):
    """A command's rule as functions: its condition (None: always), what makes it, and when it is left out."""

    holds: Test | None
    make: Callable[[RowValues], Command]
    each: str | None
    guarded: bool
    once: bool


class Transform:
    """The rules of a mapping, to be called for each row.

    Args:
        mapping: The rules.
        columns: The file's columns, if they are the same for all rows.
        name: The import's name instead of the mapping's: the first part of command ids, and `{source}`.
        digest: The function that makes keyed digests, such as `engine.digest`.
        withdrawn: A function that returns True if the consent of a `GiveConsent` has been withdrawn.
        known: A function that returns True if the customer of a `RegisterCustomer` is known.

    Raises:
        MappingError: The mapping names a column, value, command or field that does not exist.
    """

    def __init__(
        self,
        mapping: Mapping,
        columns: Sequence[str] | None = None,
        *,
        name: str | None = None,
        digest: Digest | None = None,
        withdrawn: Callable[[Command], bool] | None = None,
        known: Callable[[Command], bool] | None = None,
    ) -> None:
        self._digest = digest
        self._withdrawn = withdrawn or (lambda _command: False)
        self._known = known or (lambda _command: False)
        self.mapping = mapping
        self.name = name or mapping.name
        if re.fullmatch(ID_PATTERN, self.name) is None:
            raise MappingError(
                f"{self.name!r} cannot be the name of an import", hint="Use letters, digits and . _ : -", field="name"
            )
        self._columns = columns
        self._compute: dict[str, Getter] = {}
        self._counters: list[Counter] = []
        self._raw_columns: dict[str, str] = {}
        self._names = {"row", "source", *mapping.values, *(match.name for match in mapping.match)}
        self._source = mapping.source
        self._read: set[str] = set()
        for value_name, column in _raw_columns(mapping).items():
            self._must_exist(column, column_only=True)
            # Under a key that no name can be, for a value may be called as a column is.
            self._raw_columns[value_name] = f"\0{column}"
            self._compute[f"\0{column}"] = compile_column(column, self._source)
        for value_name, value in mapping.values.items():
            self._compute[value_name] = self._value(value_name, value)
        _refuse_circles(mapping)
        makers = [self._rule(number, rule) for number, rule in enumerate(mapping.command, 1)]
        self._makers = [
            _Maker(test if rule.when else None, make, rule.each, rule.unless_withdrawn, rule.unless_known)
            for rule, (test, make) in zip(mapping.command, makers, strict=True)
        ]
        self._rejects = [_Rule(self._test(rule.when), rule.code, rule.reason) for rule in mapping.reject]
        self._notes = [_Rule(self._test(rule.when), rule.code, rule.reason, rule.each) for rule in mapping.note]
        self._lists = mapping.inner_lists
        self._read.update(self._lists)
        self._inner: dict[str, None] = {}
        self._decided = [*(counter.name for counter in self._counters), *(match.name for match in mapping.match)]
        self._matches = [self._matching(match) for match in mapping.match]
        for counter in self._counters:
            self._needs(counter.names)
            self._needs(each for each in (counter.value.first_of, counter.value.previous) if each is not None)
            counter.holds = self._test(counter.value.when) if counter.value.when else None
        self._early = [counter.see for counter in self._counters if not counter.value.kept_only]
        self._late = [counter.see for counter in self._counters if counter.value.kept_only]
        self.reasons = {rule.code: rule.reason for rule in mapping.note}
        self.reasons |= {
            f"{value}_left_out": f"{value} cannot be read, and is left out" for value in self._optional(mapping)
        }
        self.reasons[_WITHDRAWN] = "the customer has withdrawn this consent, which the row would give again"
        for column in (*mapping.group.by, *mapping.group.fill) if mapping.group is not None else ():
            self._must_exist(column, column_only=True)

    def __call__(self, row: int, raw: dict[str, str], lines: Sequence[tuple[int, dict[str, str]]] = ()) -> RowCommands:
        """Return the commands of a row.

        Args:
            row: The row's number.
            raw: The row as the file has it.
            lines: All rows of a group, this one first.

        Raises:
            InvalidInput: The row is rejected, with a code and a reason.
        """
        values = self._row(row, raw)
        values.lines = [values, *(self._row(number, self._filled(raw, line)) for number, line in lines[1:])]
        for see in self._early:
            see(values)
        for rule in self._rejects:
            if rule.holds(values):
                raise InvalidInput(rule.reason, code=rule.code)
        for matching in self._matches:
            matching(values)
        for see in self._late:
            see(values)
        if self._lists:
            lists: dict[str | None, list[RowValues]] = {None: [values]}
            lists |= {each: self._items(row, raw, each, values) for each in self._lists}
            asked = [(rule, item) for rule in self._makers for item in lists[rule.each]]
            notes = [rule.code for rule in self._notes if any(map(rule.holds, lists[rule.each]))]
        else:
            asked = [(rule, values) for rule in self._makers]
            notes = [rule.code for rule in self._notes if rule.holds(values)]
        commands = []
        left_out = False
        for (holds, make, _, guarded, once), item in asked:
            if holds is None or holds(item):
                command = make(item)
                if guarded and self._withdrawn(command):
                    notes.append(_WITHDRAWN)
                elif once and self._known(command):
                    left_out = True
                else:
                    commands.append(command)
        if self._lists:
            commands.sort(key=lambda command: command.occurred_at)
        if values.left_out:
            notes += [f"{name}_left_out" for name in dict.fromkeys(values.left_out)]
        if not commands and not notes and not left_out:
            raise InvalidInput(
                "the mapping has no command for this row",
                code="no_command",
                hint="Add a [[command]] for it, or a [[note]] that says why there is none",
            )
        return RowCommands(commands, notes)

    def _items(self, row: int, raw: dict[str, str], each: str, values: RowValues) -> list[RowValues]:
        """Return the values of a row for each object of one of its lists."""
        found = []
        for item in items_of(raw, each):
            if len(self._inner) <= self.mapping.source.limits.columns:
                self._inner |= dict.fromkeys(item)
            one = self._row(row, raw | item)
            one.lines, one.left_out = values.lines, values.left_out
            # What counts rows or refers to others was decided for the whole row.
            one.update((name, values[name]) for name in self._decided)
            found.append(one)
        return found

    def _filled(self, first: dict[str, str], line: dict[str, str]) -> dict[str, str]:
        """Return a row of a group with the texts that only the group's first row has."""
        fill = self.mapping.group.fill if self.mapping.group is not None else ()
        return line | {name: first[name] for name in fill if name in first and not line.get(name, "").strip()}

    def _row(self, number: int, raw: dict[str, str]) -> RowValues:
        values = RowValues(row=number, source=self.name)
        values.raw, values.compute, values.lines, values.left_out = raw, self._compute, [], []
        return values

    @property
    def columns_read(self) -> frozenset[str]:
        """The columns that the mapping reads."""
        return frozenset(self._read)

    @property
    def inner_fields(self) -> list[str]:
        """The fields of the objects in the lists of the rows so far, such as `comments.body`."""
        return list(self._inner)

    # --- compiling ---------------------------------------------------------------------------------------------------

    def _need(self, name: str) -> None:
        """Make a name known: it is a value, otherwise a column."""
        if name not in self._names and name not in self._compute:
            self._must_exist(name)
            self._compute[name] = compile_column(name, self._source)

    def _must_exist(self, column: str, *, column_only: bool = False) -> None:
        self._read.add(column)
        if self._columns is None or column in {*self._columns, *self._source.optional, *self._source.defaults}:
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
        if value.column is not None:
            self._must_exist(value.column, column_only=True)
        self._needs(_names_of(value))
        return compile_value(name, value, self._counters, self._source, self._digest)

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
            elif argument.count_by is not None or argument.first_of is not None or argument.previous is not None:
                raise MappingError("values that count or remember rows belong in [values]", field=field)
            elif argument.constant is not None and argument.type == "text" and argument.map is None:
                constants[field] = argument.constant
            else:
                parts.append((field, self._value(field, argument)))
        optional = {
            field: argument if isinstance(argument, str) else field
            for field, argument in rule.arguments.items()
            if _is_optional(self.mapping, argument)
        }
        return self._test(rule.when), _maker(cls, constants, parts, self._command_id(number, rule), optional)

    def _command_id(self, number: int, rule: CommandRule) -> Getter:
        if rule.command_id is not None:
            self._needs(template_names(rule.command_id))
            return compile_template(rule.command_id, field="command_id")
        suffix = "" if number == 1 else f".{number}"
        return compile_template(f"{self.name}:{{row}}{suffix}", field="command_id")

    @staticmethod
    def _optional(mapping: Mapping) -> list[str]:
        """Return the names of values that may be left out where they cannot be read."""
        named = [name for name, value in mapping.values.items() if value.unreadable == "absent"]
        return named + [
            field
            for rule in mapping.command
            for field, argument in rule.arguments.items()
            if isinstance(argument, Value) and argument.unreadable == "absent"
        ]

    def _matching(self, match: Match) -> Callable[[RowValues], None]:
        self._needs([*match.key, match.give, match.quantity])
        return _Ledger(match, self._test(match.offer), self._test(match.seek)).see


class _Ledger:
    """The offers of earlier rows, with the quantities that are left."""

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
            raise InvalidInput("the quantity to match is not a positive number", code="not_a_number")
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


def _is_optional(mapping: Mapping, argument: str | Value) -> bool:
    value = mapping.values.get(argument) if isinstance(argument, str) else argument
    return value is not None and value.unreadable == "absent"


def _maker(
    cls: type[Command],
    constants: dict[str, Any],
    parts: list[tuple[str, Getter]],
    command_id: Getter,
    optional: dict[str, str],
) -> Callable[[RowValues], Command]:
    """Return the function that makes a command of a row.

    Args:
        cls: The command's class.
        constants: Fields that are the same for every row.
        parts: The functions of the other fields.
        command_id: The function of the command's id.
        optional: Fields that are left out where the command does not accept their value, with the values' names.
    """
    validate = cls.__pydantic_validator__.validate_python
    parts = [*parts, ("command_id", command_id)]

    def make(values: RowValues) -> Command:
        fields = constants.copy()
        for field, get in parts:
            found = get(values)
            if found is not None:
                fields[field] = found
        while True:
            try:
                command: Command = validate(fields)
            except ValidationError as error:
                wrong = {str(each["loc"][0]) for each in error.errors(include_url=False) if each["loc"]}
                if not wrong or not wrong <= optional.keys() & fields.keys():
                    raise invalid_value(cls, error) from None
                for field in wrong:
                    del fields[field]
                    values.left_out.append(optional[field])
            else:
                return command

    return make


def _check_fields(cls: type[Command], rule: CommandRule) -> None:
    for field in rule.arguments:
        if field not in cls.model_fields or field == "command_id":
            known = [name for name in cls.model_fields if name != "command_id"]
            close = difflib.get_close_matches(field, known, 1)
            raise MappingError(
                f"{rule.command} has no field {field!r} that a mapping can set",
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
    names = [*(value.product or ()), *(value.sum or ()), *(value.coalesce or ()), *(value.count_by or ()), *value.by]
    single = (value.value, value.first_of, value.previous, value.total_of, value.currency_from)
    names += [name for name in single if name is not None]
    names += [days for days in (value.plus_days, value.minus_days) if isinstance(days, str)]
    if value.template is not None:
        names += template_names(value.template)
    for asked in (value.items or {}).values():
        names += [asked] if isinstance(asked, str) else asked
    names += (value.tenders or {}).values()
    if value.lines is not None:
        parts = (value.lines.product, value.lines.amount, value.lines.quantity, value.lines.category)
        names += [name for name in parts if name is not None]
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
                f"the values {', '.join(sorted(waiting))} depend on each other", code="circular_value", field=name
            )
