"""The form of an import mapping, which turns the rows of one kind of file into commands.

A mapping is a TOML file; `Mapping.model_json_schema()` is its JSON Schema. Its parts are `[source]` (the format),
`[group]` (consecutive rows that belong together) and `[values.*]` (named values of a row). `[[reject]]` and `[[note]]`
are rejected rows, and accepted rows to list. `[[match]]` is a reference to an earlier row, and `[[command]]` a command.
A name stands for a value of `[values]`, otherwise for a column. `row` and `source` are reserved: the row's number and
the import's name.
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
from relations.messages import Id, plainly
from relations.policies.codes import known_currency, known_zone

__all__ = [
    "CommandRule",
    "FixedColumn",
    "Limits",
    "LineParts",
    "Mapping",
    "Match",
    "Note",
    "Preset",
    "Reject",
    "RowCondition",
    "RowGroup",
    "Source",
    "Surprise",
    "Value",
    "load_mapping",
    "shipped_mappings",
    "shipped_presets",
]

Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Scalar = bool | int | float | str
ValueType = Literal["text", "integer", "decimal", "money", "time", "boolean", "list"]

_OPTIONS: dict[str, frozenset[str]] = {
    "text": frozenset({"cut", "markup"}),
    "integer": frozenset({"decimal_mark", "thousands", "accept_decimal_zero", "sign"}),
    "decimal": frozenset({"decimal_mark", "thousands", "sign"}),
    "money": frozenset({"decimal_mark", "thousands", "sign", "currency", "currency_from", "minor_units", "rounding"}),
    "time": frozenset({"format", "zone", "at", "plus_days", "minus_days"}),
    "boolean": frozenset({"true", "false", "nonzero"}),
    "list": frozenset({"separator"}),
}
_ORIGINS = (
    "column", "constant", "template", "value", "coalesce", "product", "sum", "total_of", "first_of", "previous",
    "count_by", "items", "tenders", "lines",
)  # fmt: skip
_FINISHED = frozenset({"first_of", "previous", "count_by", "items", "tenders", "lines"})
"""Origins that give a finished value, which is neither cleaned nor converted."""
_CONVERSIONS = frozenset(
    {"replace", "pattern", "case", "map", "otherwise", "type", "digest", "default", "unreadable"}
).union(*_OPTIONS.values())
_ZONED = frozenset({"iso", "epoch_seconds", "epoch_milliseconds", "json_date"})
_TABLES = frozenset({"csv", "tsv", "table", "xlsx"})
RESERVED = ("row", "source")
"""Names that a mapping cannot give to its own values: the row's number and the import's name."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)


Template = Annotated[str, AfterValidator(sound_template)]
Pattern = Annotated[str, AfterValidator(sound_pattern)]


class FixedColumn(_Part):
    """One column of a file of fixed widths. Positions count from 1, and both ends are included."""

    name: str
    start: Annotated[int, Field(ge=1, alias="from")]
    end: Annotated[int, Field(ge=1, alias="to")]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end < self.start:
            msg = f"column {self.name!r} ends at {self.end}, before it starts at {self.start}"
            raise ValueError(msg)
        return self


class Limits(_Part):
    """The most that one row may hold. A row beyond them is an error instead of filling the memory.

    Attributes:
        line: Characters in one row of text, quoted line breaks included.
        columns: Columns of a row.
        depth: Levels of objects inside objects (`jsonl`, `json`), attributes inside attributes (`xes`) or elements
            inside elements (`xml`).
        unpacked: Bytes of a workbook once it is unpacked (`xlsx`).
        cells: Cells of a sheet between its first row and column and its last ones, empty ones included (`xlsx`).
    """

    line: Annotated[int, Field(ge=1)] = 1_000_000
    columns: Annotated[int, Field(ge=1)] = 2_000
    depth: Annotated[int, Field(ge=1, le=500)] = 32
    unpacked: Annotated[int, Field(ge=1)] = 512_000_000
    cells: Annotated[int, Field(ge=1)] = 10_000_000


class Source(_Part):
    """The format of the file. Gzip and zip are recognised by the first bytes; a byte order mark is removed.

    Attributes:
        format: `csv`, `tsv`, `columns` (separated by blanks) or `fixed` (by position). `xlsx` is a sheet of a workbook.
            `table` is a sheet, or text with the delimiter that its first line shows. `jsonl` is one object a line, and
            `json` a document with objects at `rows`; fields of inner objects are `outer.inner`. `xml` is a document
            with elements at `rows`; what is inside is `outer/inner` and `outer/@attribute`. `xes` is one event a row;
            attributes of its trace are `case:…`.
        encoding: The encoding of the text. XML names its own; JSON documents are UTF-8.
        header: The first row names the columns (`csv`, `tsv`, `columns`).
        columns: The columns' names where the first row does not name them.
        fixed: The positions of the columns, for `fixed`.
        delimiter: The character between cells, for `csv`.
        quote: The quote character, for `csv` and `tsv`.
        skip_lines: The number of lines to skip before anything else; in a sheet, of rows.
        blank_words: Words that stand for a missing value, such as `NULL`. In tables, `#N/A` and the other errors of a
            spreadsheet's formulas always do.
        rows: The path of the rows: `data.items` of a list in a JSON document, `envelope/case` of an XML element.
        sheet: The sheet of a workbook, by its name or its number from 1. The first visible one by default.
        member: The names of an archive's files to read, such as `Case*.csv`. All by default.
        headings: Other headings of a column, as other languages and versions of a product write them. Case and blanks
            do not count.
        optional: Columns that a file may lack. They are then blank in each row.
        defaults: The texts of columns where they are blank or missing.
        footer: A regular expression that matches the first line below the rows. It and the lines below it are not rows.
        skip_blank_rows: Leave out rows without any text. Empty lines, and blank rows of a sheet, are always left out.
        formula_guards: Remove the apostrophe of texts such as `'=1+1` or `'@anna`, which some products add. Before a
            number it is always removed in tables.
        zone: The IANA zone of times without one, for values that name none.
        limits: The most that one row may hold.
    """

    format: Literal["csv", "tsv", "table", "xlsx", "columns", "fixed", "jsonl", "json", "xml", "xes"]
    encoding: Annotated[str, AfterValidator(sound_encoding)] = "utf-8"
    header: bool = True
    columns: tuple[str, ...] = ()
    fixed: tuple[FixedColumn, ...] = ()
    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1)] = ","
    quote: Annotated[str, StringConstraints(min_length=1, max_length=1)] = '"'
    skip_lines: Annotated[int, Field(ge=0)] = 0
    blank_words: frozenset[str] = frozenset()
    rows: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = None
    sheet: Annotated[int, Field(ge=1)] | str | None = None
    member: Annotated[str, StringConstraints(min_length=1, max_length=200)] = "*"
    headings: dict[str, tuple[str, ...]] = {}
    optional: tuple[str, ...] = ()
    defaults: dict[str, str] = {}
    footer: Pattern | None = None
    skip_blank_rows: bool = False
    formula_guards: bool = False
    zone: Annotated[str, AfterValidator(known_zone)] | None = None
    limits: Limits = Limits()

    @property
    def is_table(self) -> bool:
        """True if a spreadsheet may have written the file."""
        return self.format in _TABLES

    @model_validator(mode="after")
    def _columns_are_named_once(self) -> Self:
        if self.format in {*_TABLES, "columns"} and self.header == bool(self.columns):
            msg = "columns are named by the file (header = true) or by `columns` (header = false)"
            raise ValueError(msg)
        if (self.format == "fixed") != bool(self.fixed):
            msg = "`fixed` columns go with format = 'fixed', and only with it"
            raise ValueError(msg)
        if (self.rows is not None and self.format not in {"json", "xml"}) or (
            self.rows is None and self.format == "xml"
        ):
            msg = "`rows` is the path of the rows of a json or xml document; xml needs it"
            raise ValueError(msg)
        said = [" ".join(each.casefold().split()) for name, others in self.headings.items() for each in (name, *others)]
        twice = sorted({each for each in said if said.count(each) > 1})
        if twice:
            msg = f"{', '.join(twice)}: the heading of two columns"
            raise ValueError(msg)
        names = self.columns or tuple(column.name for column in self.fixed)
        if len(set(names)) != len(names):
            msg = "two columns have the same name"
            raise ValueError(msg)
        return self


class RowCondition(_Part):
    """A test of one value of a row, all of whose parts must hold; or a group of conditions: `any`, `none`.

    Attributes:
        of: The value or column tested.
        equals: It is this.
        is_in: (`in`) It is one of these.
        matches: The regular expression is found in it.
        blank: True if there is no value, False if there is one.
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


class LineParts(_Part):
    """The values of a row that make a line of a purchase. A row without a product gives no line.

    Attributes:
        product: The value or column that has the product.
        amount: The value of type `money` that has the amount of the line.
        quantity: The value or column that has the number of pieces, a whole number. Without it each line is one piece.
        category: The value or column that has the product's category.
    """

    product: str
    amount: str
    quantity: str | None = None
    category: str | None = None


class Value(_Part):
    """One value of a row: its origin, its cleaning, and its type.

    Attributes:
        column: This column.
        constant: Always this.
        template: Text with names in braces, such as `order:{row}`.
        value: Another value.
        coalesce: The first of these values that is not blank.
        product: The product of these values (numbers).
        sum: The sum of these values (numbers).
        total_of: The sum of that value over all rows of the `[group]`.
        first_of: The value of that name in the first row with the same `by`.
        previous: The value of that name in the row before with the same `by`; blank in the first.
        by: The values that put rows together, for `first_of` and `previous`.
        count_by: The number of rows so far with the same values of these, this row included.
        items: The answers of a questionnaire: for each item the value of the answer, or `[perceived, expected]`. Blank
            answers are left out.
        tenders: How a purchase was paid: for each means of payment the value that has its amount. Amounts that are
            blank or zero are left out.
        lines: The products of a purchase, one for each row of the `[group]`, or one for the row if there is no group.
        when: For `count_by`: count only rows that meet these conditions; other rows get the count so far.
        kept_only: For `count_by`, `first_of` and `previous`: leave out rejected rows.
        replace: Texts to replace, in the order given.
        pattern: A regular expression; its first group, or the whole match, is the value.
        case: Change the text to `upper` or `lower` case.
        map: The replacement of each word; in a list, of each of its words.
        otherwise: The replacement of any other word. Without it such a row is rejected.
        digest: Replace the text by a keyed digest, an id from which nobody can read the text. The same text has the
            same digest in this log, and another one in every other log.
        type: `text`, `integer`, `decimal`, `money`, `time`, `boolean` or `list` (of texts).
        separator: The separator between the texts of a list.
        markup: Remove the marks of `html` from the text, as a browser shows it.
        cut: Cut the text to this many characters.
        decimal_mark: `.` or `,`.
        thousands: The separator of thousands, if there is one.
        accept_decimal_zero: Read `17850.0` as the integer 17850.
        sign: `keep`, `negate` or `absolute`.
        currency: The currency of every row (ISO 4217).
        currency_from: The value or column that has the row's currency.
        minor_units: The number counts cents, not euros.
        rounding: The treatment of decimals beyond the currency's own: `exact` (rejected), `half_even`, `half_up`
            (away from zero), `down` (towards zero).
        format: `iso`; a format of `strptime`; `excel` or `excel_1904` (days as a number, as spreadsheets store them);
            `epoch_seconds` or `epoch_milliseconds` (since 1970, UTC); `json_date` (`/Date(1714557600000)/`). Several
            are tried in this order.
        zone: The IANA zone of times without a zone; that of the file by default. Without it such a row is rejected.
        at: The time of day of a day without one.
        plus_days: Days to add to a time: a number, or the value or column that has it.
        minus_days: Days to subtract from a time, likewise.
        true: The words for true.
        false: The words for false.
        nonzero: Read a boolean from a number: 0 is false, any other number is true.
        blank: The treatment of a missing value: `reject` the row, or `absent` (the command goes without).
        unreadable: The treatment of a value that cannot be read or that its command does not accept. `reject` rejects
            the row. With `absent` the command goes without, and the row gets the note `<name>_left_out`.
        default: The text to use instead of a blank.
    """

    column: str | None = None
    constant: Scalar | None = None
    template: Template | None = None
    value: str | None = None
    coalesce: Annotated[tuple[str, ...] | None, Field(min_length=1)] = None
    product: Annotated[tuple[str, ...] | None, Field(min_length=1)] = None
    sum: Annotated[tuple[str, ...] | None, Field(min_length=1)] = None
    total_of: str | None = None
    first_of: str | None = None
    previous: str | None = None
    by: tuple[str, ...] = ()
    count_by: tuple[str, ...] | None = None
    items: Annotated[dict[Id, str | tuple[str, str]], Field(min_length=1)] | None = None
    tenders: Annotated[dict[str, str], Field(min_length=1)] | None = None
    lines: LineParts | None = None
    when: When = ()
    kept_only: bool = False

    replace: dict[str, str] = {}
    pattern: Pattern | None = None
    case: Literal["upper", "lower"] | None = None
    map: dict[str, Scalar] | None = None
    otherwise: Scalar | None = None
    digest: bool = False

    type: ValueType = "text"
    separator: Annotated[str, StringConstraints(min_length=1, max_length=8)] = ";"
    markup: Literal["html"] | None = None
    cut: Annotated[int, Field(ge=1)] | None = None
    decimal_mark: Literal[".", ","] = "."
    thousands: Annotated[str, StringConstraints(min_length=1, max_length=1)] | None = None
    accept_decimal_zero: bool = False
    sign: Literal["keep", "negate", "absolute"] = "keep"
    currency: Annotated[str, AfterValidator(known_currency)] | None = None
    currency_from: str | None = None
    minor_units: bool = False
    rounding: Literal["exact", "half_even", "half_up", "down"] = "exact"
    format: str | Annotated[tuple[str, ...], Field(min_length=1)] = "iso"
    zone: Annotated[str, AfterValidator(known_zone)] | None = None
    at: time | None = None
    plus_days: int | str | None = None
    minus_days: int | str | None = None
    true: tuple[str, ...] = ("true", "yes", "1")
    false: tuple[str, ...] = ("false", "no", "0")
    nonzero: bool = False
    blank: Literal["reject", "absent"] = "reject"
    unreadable: Literal["reject", "absent"] = "reject"
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
            msg = f"a value has exactly one of {', '.join(_ORIGINS)}; this one has {', '.join(origins) or 'none'}"
            raise ValueError(msg)
        remembers = self.first_of is not None or self.previous is not None
        if remembers != bool(self.by):
            msg = "`by` belongs to `first_of` and `previous`, which need it"
            raise ValueError(msg)
        if self.count_by is None and (self.when or (self.kept_only and not remembers)):
            msg = "`when` belongs to `count_by`; `kept_only` to `count_by`, `first_of` or `previous`"
            raise ValueError(msg)
        useless = self.model_fields_set & _CONVERSIONS if origins[0] in _FINISHED else set()
        if useless:
            msg = f"{', '.join(sorted(useless))}: has no effect on {origins[0]}; convert the value that it is made of"
            raise ValueError(msg)
        if self.digest and self.type != "text":
            msg = "a digest is a text"
            raise ValueError(msg)
        if self.otherwise is not None and self.map is None:
            msg = "`otherwise` belongs to `map`"
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
        if self.thousands == self.decimal_mark or (self.thousands or "").isalnum():
            msg = f"thousands = {self.thousands!r} cannot separate thousands with decimal_mark = {self.decimal_mark!r}"
            raise ValueError(msg)
        return self

    @property
    def formats(self) -> tuple[str, ...]:
        """The formats of a time, in the order in which they are tried."""
        return (self.format,) if isinstance(self.format, str) else self.format

    @property
    def lacks_zone(self) -> bool:
        """True for a time with a format that has no zone, where the value names none."""
        zoned = (each in _ZONED or "%z" in each for each in self.formats)
        return self.type == "time" and self.zone is None and not all(zoned)


class Reject(_Part):
    """A rule that rejects rows that meet all of `when`, with a code and a reason. The first rule that holds wins."""

    when: Annotated[When, Field(min_length=1)]
    code: Code
    reason: str


class Note(_Part):
    """A rule that lists rows that meet all of `when`, with a code and a reason. They are accepted all the same.

    A row without any command needs a note, or it is rejected. Nothing is dropped silently. With `each`, the name of a
    list inside the row, a row is listed if one of the list's objects meets them.
    """

    when: Annotated[When, Field(min_length=1)]
    each: str | None = None
    code: Code
    reason: str


class Match(_Part):
    """A rule for rows that refer to an earlier row without naming it, such as a credit note to its invoice line.

    Attributes:
        name: The value that a seeking row gets: the `give` of the row found.
        offer: The conditions of rows that can be found.
        seek: The conditions of rows that look for one.
        key: The values that both must share.
        give: The value of the offering row that names it.
        quantity: The value that has the quantity offered or sought (positive in both).
        order: The row to take where several have enough left: the `latest` or the `earliest`.
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


class RowGroup(_Part):
    """Consecutive rows that become one row, such as the lines of a basket.

    Columns and values are those of the first row; `total_of` adds a value up over all rows.

    Attributes:
        by: The columns that have the same text in all rows of a group.
        fill: Columns that only the first row of a group has. The others take their texts from it.
    """

    by: Annotated[tuple[str, ...], Field(min_length=1)]
    fill: tuple[str, ...] = ()


class CommandRule(_Part):
    """A command that is made of a row.

    Attributes:
        command: Its class, such as `RecordPurchase`.
        when: The conditions that a row has to meet.
        arguments: (`with`) Its fields: the name of a value or column, or a value.
        each: The name of a list inside the row, such as the comments of a ticket. The command is made of each of its
            objects; their fields are `comments.body`. It needs a `command_id`, and the row's commands are recorded in
            the order of their times. Only in `json` and `jsonl`.
        command_id: A template for its id. Without it the id is made of the import's name and the row.
        unless_withdrawn: For `GiveConsent`: leave the command out where the customer has withdrawn this consent, and
            give the row the note `consent_withdrawn`.
        unless_known: For `RegisterCustomer`: leave the command out where the log knows the customer, or an earlier row
            of the file names them.
    """

    command: str
    when: When = ()
    arguments: Annotated[dict[str, str | Value], Field(alias="with")]
    each: str | None = None
    command_id: Template | None = None
    unless_withdrawn: bool = False
    unless_known: bool = False

    @model_validator(mode="after")
    def _has_an_id_of_its_own(self) -> Self:
        if self.each is not None and self.command_id is None:
            msg = "a command for `each` object of a list needs a `command_id` with a field of that object"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _is_about_registration(self) -> Self:
        if self.unless_known and self.command != "RegisterCustomer":
            msg = "`unless_known` belongs to the command RegisterCustomer"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _is_about_consent(self) -> Self:
        if self.unless_withdrawn and self.command != "GiveConsent":
            msg = "`unless_withdrawn` belongs to the command GiveConsent"
            raise ValueError(msg)
        return self


class Surprise(_Part):
    """A part of a product's file that is not as one would guess.

    Attributes:
        guess: The guess.
        seen: What the file has instead.
        source: Where that is documented, with the version.
    """

    guess: str
    seen: str
    source: str


class Preset(_Part):
    """A mapping for the files of a product: how to recognise them, and what to mind.

    Attributes:
        product: The product.
        reads: The kind of file.
        export: How to get such a file out of the product.
        recognise: The columns by which a file is recognised, all of which it has.
        needs: What the file does not say and an import has to: `zone`, the zone of its times.
        languages: The languages other than English in which the product writes the headings.
        second: A sentence about those headings, where there is something to say.
        traps: What to mind.
        surprise: What is not as one would guess.
        sources: Where the layout is documented.
    """

    product: str
    reads: str
    export: str
    recognise: Annotated[tuple[str, ...], Field(min_length=2)]
    needs: frozenset[Literal["zone"]] = frozenset()
    languages: tuple[str, ...] = ()
    second: str = ""
    traps: Annotated[tuple[str, ...], Field(min_length=1)]
    surprise: tuple[Surprise, ...] = ()
    sources: Annotated[tuple[str, ...], Field(min_length=1)]


class Mapping(_Part):
    """The rules that turn the rows of one kind of file into commands.

    Attributes:
        name: The first part of every command's id. The same file under the same name is never recorded twice.
        about: A description of the file and of the chosen rules, for people.
        preset: For a mapping that is a preset: its product.
        source: The format of the file.
        group: Consecutive rows that belong together.
        values: The named values.
        reject: Rows to reject.
        match: Rows that refer to earlier ones.
        note: Accepted rows to list.
        command: The commands of a row, in this order.
    """

    name: Annotated[Id, StringConstraints(max_length=48)]
    about: str = ""
    preset: Preset | None = None
    source: Source
    group: RowGroup | None = None
    values: dict[str, Value] = {}
    reject: tuple[Reject, ...] = ()
    match: tuple[Match, ...] = ()
    note: tuple[Note, ...] = ()
    command: Annotated[tuple[CommandRule, ...], Field(min_length=1)]

    def adjusted(
        self,
        *,
        zone: str | None = None,
        encoding: str | None = None,
        headings: dict[str, str] | None = None,
        defaults: dict[str, str] | None = None,
    ) -> Mapping:
        """Return the mapping for files in another zone or encoding, or with other headings.

        Args:
            zone: The zone of times without one, for values that name none.
            encoding: The encoding of the file.
            headings: Other headings of the file, by the mapping's names of their columns.
            defaults: The texts of columns where they are blank or missing.

        Raises:
            MappingError: There is no such zone or encoding, or the preset needs a zone and there is none.
        """
        given: dict[str, Any] = {"zone": zone, "encoding": encoding}
        if headings:
            known = self.source.headings
            given["headings"] = known | {name: (*known.get(name, ()), each) for name, each in headings.items()}
        if defaults:
            given["defaults"] = self.source.defaults | defaults
        changed = {name: value for name, value in given.items() if value is not None}
        try:
            source = Source.model_validate(self.source.model_dump(by_alias=True) | changed) if changed else self.source
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            reason = plainly(first["msg"])
            raise MappingError(reason, field=".".join(map(str, first["loc"])) or "source") from None
        if self.preset is not None and "zone" in self.preset.needs and source.zone is None:
            raise MappingError(
                f"the times of {self.preset.product} have no zone",
                code="zone_missing",
                field="zone",
                hint="Name the zone that the export was made in, such as --zone Europe/Vienna",
            )
        return self.model_copy(update={"source": source})

    @property
    def inner_lists(self) -> tuple[str, ...]:
        """The lists inside rows over which rules go with `each`."""
        names = [*(rule.each for rule in self.command), *(rule.each for rule in self.note)]
        return tuple(dict.fromkeys(name for name in names if name is not None))

    @property
    def makes_digests(self) -> bool:
        """True if a value becomes a keyed digest, so that what it is made of is personal."""
        return any(value.digest for value in self.values.values())

    @model_validator(mode="after")
    def _names_are_free(self) -> Self:
        names = [match.name for match in self.match]
        reserved = set(RESERVED) & {*self.values, *names}
        if reserved:
            msg = (
                f"{', '.join(sorted(reserved))}: a value cannot have this name. "
                "Reserved are `row` (the row's number) and `source` (the import's name)"
            )
            raise ValueError(msg)
        twice = {name for name in names if name in self.values or names.count(name) > 1}
        if twice:
            msg = f"{', '.join(sorted(twice))}: two values have this name"
            raise ValueError(msg)
        inline = [each for rule in self.command for each in rule.arguments.values() if isinstance(each, Value)]
        asks = self.preset is not None and "zone" in self.preset.needs
        for value in () if asks or self.source.zone is not None else [*self.values.values(), *inline]:
            if value.lacks_zone:
                msg = f"the format {value.format!r} has no zone (%z), so `zone` has to say it"
                raise ValueError(msg)
        if self.inner_lists and self.source.format not in {"json", "jsonl"}:
            msg = "`each` goes over a list inside a row, which only `json` and `jsonl` have"
            raise ValueError(msg)
        if self.group is None and any(value.total_of is not None for value in self.values.values()):
            msg = "`total_of` adds up the rows of a [group], and the mapping has none"
            raise ValueError(msg)
        return self


def shipped_mappings() -> list[str]:
    """Return the names of the mappings that come with the package."""
    return _shipped("mappings")


def shipped_presets() -> list[str]:
    """Return the names of the presets: mappings for the files of well-known products."""
    return _shipped("presets")


def _shipped(kind: str) -> list[str]:
    folder = resources.files("relations.exchange") / kind
    return sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml"))


def load_mapping(path: str | Path) -> Mapping:
    """Read a mapping from a TOML file, or by the name of a shipped one (`cdnow`) or of a preset (`shopify-orders`).

    Raises:
        MappingError: The file is missing, is not TOML, or has a mistake; the message says where.
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
        reason = plainly(first["msg"])
        raise MappingError(f"{path}: {reason}{more}", field=where) from None


def _mapping_text(path: str | Path) -> str:
    for kind in ("mappings", "presets"):
        if isinstance(path, str) and path in _shipped(kind):
            return (resources.files("relations.exchange") / kind / f"{path}.toml").read_text("utf-8")
    try:
        return Path(path).read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise MappingError(f"{path} is not UTF-8, as TOML has to be", code="mapping_not_toml") from None
    except (OSError, ValueError) as error:
        raise MappingError(
            f"the mapping {path} cannot be read: {getattr(error, 'strerror', None) or error}",
            code="no_such_mapping",
            hint=f"Give the path of a TOML file, or one of: {', '.join([*shipped_mappings(), *shipped_presets()])}",
        ) from None
