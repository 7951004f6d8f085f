"""What an import mapping says: how the rows of one kind of file become commands.

A mapping is a TOML file; `Mapping` is its form, and `Mapping.model_json_schema()` its JSON Schema. It has five parts:
`[source]` (how the file is written), `[values.*]` (named values made of a row), `[[reject]]` and `[[note]]` (rows that
are turned away, and rows that are taken and listed), `[[match]]` (rows that refer to an earlier row), and
`[[command]]` (what a row asks for). A name stands for a value of `[values]`, or else for a column; `row` and `source`
are the row's number and the import's name.
"""

from __future__ import annotations

import tomllib
from datetime import time
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from relations.errors import MappingError
from relations.exchange.mapping.checks import sound_encoding, sound_pattern, sound_template
from relations.messages import Id
from relations.policies.codes import known_currency, known_zone

__all__ = [
    "CommandRule",
    "FixedColumn",
    "Mapping",
    "Match",
    "Note",
    "Reject",
    "RowCondition",
    "Source",
    "Value",
    "load_mapping",
    "shipped_mappings",
]

Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Scalar = bool | int | float | str
ValueType = Literal["text", "integer", "decimal", "money", "time", "boolean", "list"]

_OPTIONS: dict[str, frozenset[str]] = {
    "text": frozenset({"cut"}),
    "integer": frozenset({"decimal_mark", "thousands", "accept_decimal_zero", "sign"}),
    "decimal": frozenset({"decimal_mark", "thousands", "sign"}),
    "money": frozenset({"decimal_mark", "thousands", "sign", "currency", "currency_from", "minor_units", "rounding"}),
    "time": frozenset({"format", "zone", "at"}),
    "boolean": frozenset({"true", "false"}),
    "list": frozenset({"separator"}),
}
_ORIGINS = ("column", "constant", "template", "value", "product", "first_of", "count_by", "items")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)


Template = Annotated[str, AfterValidator(sound_template)]
Pattern = Annotated[str, AfterValidator(sound_pattern)]


class FixedColumn(_Part):
    """One column of a file of fixed widths; places count from 1, both ends included, as layouts are written."""

    name: str
    start: Annotated[int, Field(ge=1, alias="from")]
    end: Annotated[int, Field(ge=1, alias="to")]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end < self.start:
            msg = f"column {self.name!r} ends at {self.end}, before it starts at {self.start}"
            raise ValueError(msg)
        return self


class Source(_Part):
    """How the file is written. Gzip is recognised by its first bytes, a byte order mark is taken off.

    Attributes:
        format: `csv`, `tsv`, `columns` (separated by blanks), `fixed` (by place), `jsonl` (an object a line; fields of
            objects inside are `outer.inner`) or `xes` (an event a row; the trace's attributes are `case:…`).
        encoding: Of the text. XML says its own.
        header: Whether the first row names the columns (`csv`, `tsv`, `columns`).
        columns: Their names where the first row does not.
        fixed: The places of the columns, for `fixed`.
        delimiter: One character, for `csv`.
        quote: One character, for `csv` and `tsv`.
        skip_lines: Lines to pass over before anything else.
        blank_words: Words that mean that there is no value, such as `NULL`.
    """

    format: Literal["csv", "tsv", "columns", "fixed", "jsonl", "xes"]
    encoding: Annotated[str, AfterValidator(sound_encoding)] = "utf-8"
    header: bool = True
    columns: tuple[str, ...] = ()
    fixed: tuple[FixedColumn, ...] = ()
    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1)] = ","
    quote: Annotated[str, StringConstraints(min_length=1, max_length=1)] = '"'
    skip_lines: Annotated[int, Field(ge=0)] = 0
    blank_words: frozenset[str] = frozenset()

    @model_validator(mode="after")
    def _columns_are_named_once(self) -> Self:
        if self.format in {"csv", "tsv", "columns"} and self.header == bool(self.columns):
            msg = "columns are named by the file (header = true) or by `columns` (header = false)"
            raise ValueError(msg)
        if (self.format == "fixed") != bool(self.fixed):
            msg = "`fixed` columns go with format = 'fixed', and only with it"
            raise ValueError(msg)
        names = self.columns or tuple(column.name for column in self.fixed)
        if len(set(names)) != len(names):
            msg = "two columns have the same name"
            raise ValueError(msg)
        return self


class RowCondition(_Part):
    """A test of one value of a row; all the tests given must hold. Or a group of conditions: `any`, `none`.

    Attributes:
        of: The value or column tested.
        equals: It is this.
        is_in: (`in`) It is one of these.
        matches: The regular expression is found in it.
        blank: True: there is nothing there. False: there is something.
        below: A number under this; `at_most`, `above`, `at_least` likewise.
        same_as: It is the same as that other value.
        differs_from: It is not the same as that other value.
        any: At least one of these conditions holds.
        none: None of these conditions holds.
    """

    of: str | None = None
    equals: Scalar | None = None
    is_in: Annotated[tuple[Scalar, ...] | None, Field(alias="in")] = None
    matches: Pattern | None = None
    blank: bool | None = None
    below: int | float | None = None
    at_most: int | float | None = None
    above: int | float | None = None
    at_least: int | float | None = None
    same_as: str | None = None
    differs_from: str | None = None
    any: tuple[RowCondition, ...] = ()
    none: tuple[RowCondition, ...] = ()

    @model_validator(mode="after")
    def _tests_something(self) -> Self:
        groups = bool(self.any or self.none)
        tests = self.model_fields_set - {"of", "any", "none"}
        if (self.of is None) == (not groups) or bool(tests) != (self.of is not None):
            msg = "a condition names what it is `of` and at least one test, or is a group: `any` or `none`"
            raise ValueError(msg)
        return self


When = tuple[RowCondition, ...]


class Value(_Part):
    """One value made of a row: where it comes from, how it is cleaned, and what type it has.

    Attributes:
        column: From this column.
        constant: Always this.
        template: Text with names in braces, such as `order:{row}`.
        value: From another value.
        product: The product of these values (numbers).
        first_of: What that value was in the first row that has the same `by`.
        by: The values that put rows together, for `first_of`.
        count_by: How many rows with the same values of these there have been, this one included.
        items: A questionnaire's answers: by item the value of the answer, or `[perceived, expected]`. Blank ones are
            left out, as items that were not answered are.
        when: For `count_by`: only rows of which this holds are counted; the others see the count so far.
        kept_only: For `count_by` and `first_of`: rows that are turned away do not count.
        replace: Texts to replace, each as it stands, in the order given.
        pattern: A regular expression; the first group, or all that it found, is the value.
        case: Put into `upper` or `lower` case.
        map: What each word stands for; of a list, each of its words.
        otherwise: What any other word stands for; without it such a row is rejected.
        type: `text`, `integer`, `decimal`, `money`, `time`, `boolean` or `list` (of texts).
        separator: What stands between the texts of a list.
        cut: Text is cut to this many characters.
        decimal_mark: `.` or `,`.
        thousands: What separates thousands, if anything does.
        accept_decimal_zero: `17850.0` is the integer 17850.
        sign: `keep`, `negate` or `absolute`.
        currency: The currency of every row (ISO 4217).
        currency_from: The value or column with the row's currency.
        minor_units: The number counts cents, not euros.
        rounding: What becomes of decimals beyond the currency's own: `exact` (rejected), `half_even`, `half_up`
            (away from zero), `down` (towards zero).
        format: `iso`, or as for `strptime`.
        zone: The IANA zone of times that do not say theirs. Without it such a row is rejected.
        at: The time of day that a day without one gets.
        true: The words for true.
        false: The words for false.
        blank: What a row without this value gets: `reject`, or `absent` (the command goes without).
        default: What stands in for a blank; read as if it stood in the file.
    """

    column: str | None = None
    constant: Scalar | None = None
    template: Template | None = None
    value: str | None = None
    product: tuple[str, ...] | None = None
    first_of: str | None = None
    by: tuple[str, ...] = ()
    count_by: tuple[str, ...] | None = None
    items: Annotated[dict[Id, str | tuple[str, str]], Field(min_length=1)] | None = None
    when: When = ()
    kept_only: bool = False

    replace: dict[str, str] = {}
    pattern: Pattern | None = None
    case: Literal["upper", "lower"] | None = None
    map: dict[str, Scalar] | None = None
    otherwise: Scalar | None = None

    type: ValueType = "text"
    separator: Annotated[str, StringConstraints(min_length=1, max_length=8)] = ";"
    cut: Annotated[int, Field(ge=1)] | None = None
    decimal_mark: Literal[".", ","] = "."
    thousands: str | None = None
    accept_decimal_zero: bool = False
    sign: Literal["keep", "negate", "absolute"] = "keep"
    currency: Annotated[str, AfterValidator(known_currency)] | None = None
    currency_from: str | None = None
    minor_units: bool = False
    rounding: Literal["exact", "half_even", "half_up", "down"] = "exact"
    format: str = "iso"
    zone: Annotated[str, AfterValidator(known_zone)] | None = None
    at: time | None = None
    true: tuple[str, ...] = ("true", "yes", "1")
    false: tuple[str, ...] = ("false", "no", "0")
    blank: Literal["reject", "absent"] = "reject"
    default: str | None = None

    @field_validator("at", mode="after")
    @classmethod
    def _plain_time(cls, value: time | None) -> time | None:
        if value is not None and value.tzinfo is not None:
            msg = "a time of day has no zone of its own; give `zone`"
            raise ValueError(msg)
        return value

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        origins = [name for name in _ORIGINS if getattr(self, name) is not None]
        if len(origins) != 1:
            msg = f"a value comes from exactly one of {', '.join(_ORIGINS)}; this one from {origins or 'none'}"
            raise ValueError(msg)
        if (self.first_of is not None) != bool(self.by):
            msg = "`by` goes with `first_of`, and `first_of` needs it"
            raise ValueError(msg)
        if self.count_by is None and (self.when or (self.kept_only and self.first_of is None)):
            msg = "`when` goes with `count_by`; `kept_only` with `count_by` or `first_of`"
            raise ValueError(msg)
        if self.otherwise is not None and self.map is None:
            msg = "`otherwise` goes with `map`"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _options_of_its_type(self) -> Self:
        alien = self.model_fields_set & (frozenset().union(*_OPTIONS.values()) - _OPTIONS[self.type])
        if alien:
            msg = f"{', '.join(sorted(alien))}: not an option of type = '{self.type}'"
            raise ValueError(msg)
        if self.type == "money" and (self.currency is None) == (self.currency_from is None):
            msg = "money needs its `currency`, or `currency_from` for the row's own"
            raise ValueError(msg)
        if self.type == "time" and self.format != "iso" and "%z" not in self.format and self.zone is None:
            msg = f"the format {self.format!r} has no zone (%z), so `zone` has to say it"
            raise ValueError(msg)
        return self


class Reject(_Part):
    """Rows of which all of `when` holds are turned away, with this code and reason. The first rule that holds wins."""

    when: Annotated[When, Field(min_length=1)]
    code: Code
    reason: str


class Note(_Part):
    """Rows of which all of `when` holds are listed, with this code and reason, and taken all the same.

    A row that no command comes of must be noted, or it is rejected: nothing is dropped silently.
    """

    when: Annotated[When, Field(min_length=1)]
    code: Code
    reason: str


class Match(_Part):
    """Rows that refer to an earlier row without naming it, such as a credit note to its invoice line.

    Attributes:
        name: The value that a seeking row gets: the `give` of the row found.
        offer: Rows that can be found.
        seek: Rows that look for one.
        key: Values that must be the same in both.
        give: The value of the offering row that names it.
        quantity: The value that says how much it offers, and how much is sought (positive numbers in both).
        order: Which of several is taken: the `latest` or the `earliest` that has enough left.
        code: The code of a seeking row that finds none.
        reason: Its reason.
    """

    name: str
    offer: When
    seek: When
    key: Annotated[tuple[str, ...], Field(min_length=1)]
    give: str
    quantity: str
    order: Literal["latest", "earliest"] = "latest"
    code: Code = "no_match"
    reason: str = "no earlier row matches"


class CommandRule(_Part):
    """A command that a row asks for.

    Attributes:
        command: Its class, such as `RecordPurchase`.
        when: Only for rows of which all of this holds.
        arguments: (`with`) Its fields: the name of a value or column, or a value in place.
        command_id: A template for its id; otherwise made of the import's name and the row.
    """

    command: str
    when: When = ()
    arguments: Annotated[dict[str, str | Value], Field(alias="with")]
    command_id: Template | None = None


class Mapping(_Part):
    """How the rows of one kind of file become commands.

    Attributes:
        name: The first part of every command's id: the same file under the same name is never taken twice.
        about: What the file is, and which rules were chosen, for people.
        source: How the file is written.
        values: The named values.
        reject: Rows turned away.
        match: Rows that refer to earlier ones.
        note: Rows listed.
        command: What a row asks for, in this order.
    """

    name: Annotated[Id, StringConstraints(max_length=48)]
    about: str = ""
    source: Source
    values: dict[str, Value] = {}
    reject: tuple[Reject, ...] = ()
    match: tuple[Match, ...] = ()
    note: tuple[Note, ...] = ()
    command: Annotated[tuple[CommandRule, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _names_are_free(self) -> Self:
        taken = {"row", "source"} & self.values.keys()
        names = [match.name for match in self.match]
        taken |= {name for name in names if name in self.values or names.count(name) > 1}
        if taken:
            msg = f"{', '.join(sorted(taken))}: this name is taken"
            raise ValueError(msg)
        return self


def shipped_mappings() -> list[str]:
    """The names of the mappings that come with the package."""
    folder = resources.files("relations.exchange") / "mappings"
    return sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml"))


def load_mapping(path: str | Path) -> Mapping:
    """Read a mapping: a TOML file, or the name of one that comes with the package (`cdnow`).

    Raises:
        MappingError: There is no such file, it is not TOML, or it does not make sense; says where.
    """
    text = _mapping_text(path)
    try:
        data: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MappingError(f"{path} is not TOML: {error}", code="mapping_not_toml") from None
    try:
        return Mapping.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "mapping"
        more = f" ({error.error_count() - 1} more like it)" if error.error_count() > 1 else ""
        reason = str(first["msg"]).removeprefix("Value error, ")
        raise MappingError(f"{path}: {reason}{more}", field=where) from None


def _mapping_text(path: str | Path) -> str:
    if isinstance(path, str) and path in shipped_mappings():
        return (resources.files("relations.exchange") / "mappings" / f"{path}.toml").read_text("utf-8")
    try:
        return Path(path).read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise MappingError(f"{path} is not UTF-8, as TOML has to be", code="mapping_not_toml") from None
    except (OSError, ValueError) as error:
        raise MappingError(
            f"the mapping {path} cannot be read: {getattr(error, 'strerror', None) or error}",
            code="no_such_mapping",
            hint=f"Give the path of a TOML file, or one of: {', '.join(shipped_mappings())}",
        ) from None
