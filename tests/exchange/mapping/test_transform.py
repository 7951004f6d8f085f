"""Mappings: what they may say, and what becomes of rows."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations.aggregates.customer import (
    GiveFeedback,
    ItemAnswer,
    PurchaseLine,
    RecordPurchase,
    RefundPurchase,
    RegisterCustomer,
)
from relations.errors import InvalidInput, MappingError
from relations.exchange.mapping.model import Mapping, load_mapping, shipped_mappings
from relations.exchange.mapping.transform import Transform
from relations.messages import Money, Tender

PURCHASE = {
    "command": "RecordPurchase",
    "with": {"occurred_at": "at", "customer": "who", "purchase": {"template": "{source}:{row}"}, "amount": "paid"},
}
VALUES: dict[str, Any] = {
    "at": {"column": "day", "type": "time", "zone": "Europe/Vienna"},
    "paid": {"column": "worth", "type": "money", "currency": "EUR"},
}
ROW = {"who": "c1", "day": "2024-05-01", "worth": "12.30"}


def mapping(**parts: Any) -> Mapping:
    return Mapping.model_validate(
        {"name": "shop", "source": {"format": "jsonl"}, "values": VALUES, "command": [PURCHASE], **parts}
    )


def refusal(transform: Transform, row: dict[str, str]) -> InvalidInput:
    with pytest.raises(InvalidInput) as raised:
        transform(1, row)
    return raised.value


def value_of(spec: dict[str, Any], text: str, **others: str) -> Any:
    """Return the result of a value for a text, through a field that accepts anything of its type."""
    field = {"money": "amount", "time": "occurred_at", "boolean": "discounted"}.get(
        spec.get("type", "text"), "category"
    )
    arguments = {**PURCHASE["with"], field: "tested"}  # type: ignore[dict-item]  # a dictionary of two kinds
    rules = mapping(values={**VALUES, "tested": {"column": "text", **spec}}, command=[{**PURCHASE, "with": arguments}])
    (command,) = Transform(rules)(1, {**ROW, "text": text, **others}).commands
    return getattr(command, field)


def test_a_row_becomes_a_command_with_an_id_of_its_own() -> None:
    transform = Transform(mapping())
    assert transform(7, ROW).commands == [
        RecordPurchase(
            occurred_at=datetime(2024, 4, 30, 22, tzinfo=UTC),
            command_id="shop:7",
            actor="import:shop",
            customer="c1",
            purchase="shop:7",
            amount=Money(1230, "EUR"),
        )
    ]
    assert Transform(mapping(), name="other")(7, ROW).commands[0].command_id == "other:7"
    with pytest.raises(MappingError, match="cannot be the name"):
        Transform(mapping(), name="no name")


ANSWER: dict[str, Any] = {
    "command": "GiveFeedback",
    "with": {
        "occurred_at": "at",
        "customer": "who",
        "feedback": {"template": "{source}:{row}"},
        "instrument": {"constant": "servqual"},
        "items": "asked",
        "themes": {
            "column": "about",
            "type": "list",
            "separator": "|",
            "blank": "absent",
            "map": {"N": "noise", "B": "breakfast"},
        },
    },
}
ASKED = {"items": {"empathy-1": ["q1", "e1"], "empathy-2": ["q2", "e2"], "tangibles-1": "q3"}}


def test_a_questionnaire_comes_of_several_columns_and_themes_of_one() -> None:
    transform = Transform(mapping(values={**VALUES, "asked": ASKED}, command=[ANSWER]))
    row = {**ROW, "q1": "5", "e1": "7", "q2": " ", "e2": "6", "q3": "4", "about": "N | B|"}
    (command,) = transform(1, row).commands
    assert isinstance(command, GiveFeedback)
    assert command.items == (ItemAnswer("empathy-1", 5, 7), ItemAnswer("tangibles-1", 4))
    assert command.themes == ("noise", "breakfast")
    assert refusal(transform, {**row, "q1": "5.5"}).code == "not_an_integer"
    assert refusal(transform, {**row, "about": "N|X"}).code == "unknown_word"
    unanswered = {**row, "q1": "", "q3": ""}
    assert refusal(transform, unanswered).code == "blank_value"
    lenient = Transform(mapping(values={**VALUES, "asked": {**ASKED, "blank": "absent"}}, command=[ANSWER]))
    (themes_only,) = lenient(1, unanswered).commands
    assert isinstance(themes_only, GiveFeedback)
    assert (themes_only.items, themes_only.themes) == ((), ("noise", "breakfast"))
    with pytest.raises(MappingError, match="no column 'q3'"):
        Transform(mapping(values={**VALUES, "asked": ASKED}, command=[ANSWER]), [*ROW, "q1", "e1", "q2", "e2", "about"])


@pytest.mark.parametrize("name", ["row", "source"])
def test_reserved_names_are_named_in_the_refusal(name: str) -> None:
    with pytest.raises(ValueError, match=r"Reserved are `row` .* and `source`"):
        mapping(values={**VALUES, name: {"column": "who"}})


def test_the_tenders_of_a_purchase_come_of_several_columns() -> None:
    paid = {"type": "money", "currency": "EUR", "blank": "absent"}
    values = {
        **VALUES,
        "in_points": {"column": "p", **paid},
        "by_voucher": {"column": "v", **paid},
        "parts": {"tenders": {"points": "in_points", "voucher": "by_voucher"}},
    }
    fields: Any = PURCHASE["with"]
    bought = {**PURCHASE, "with": {**fields, "tenders": "parts"}}
    transform = Transform(mapping(values=values, command=[bought]))

    def tenders(points: str, voucher: str) -> Any:
        (command,) = transform(1, {**ROW, "p": points, "v": voucher}).commands
        assert isinstance(command, RecordPurchase)
        return command.tenders

    points = Tender("points", Money(230, "EUR"))
    assert tenders("2.30", "1") == (points, Tender("voucher", Money(100, "EUR")))
    assert tenders("2.30", "0.00") == (points,)
    assert tenders("", " ") == ()
    assert "add up to more" in refusal(transform, {**ROW, "p": "99999", "v": ""}).reason
    wrong = Transform(mapping(values={**values, "in_points": {"column": "p"}}, command=[bought]))
    assert refusal(wrong, {**ROW, "p": "2.30", "v": ""}).code == "not_money"


def test_the_rows_of_a_basket_become_the_lines_of_one_purchase() -> None:
    values = {
        **VALUES,
        "worth": {"column": "price", "type": "money", "currency": "EUR"},
        "total": {"total_of": "worth", "type": "money", "currency": "EUR"},
        "basket": {"lines": {"product": "sku", "amount": "worth", "quantity": "pieces", "category": "kind"}},
    }
    fields: Any = PURCHASE["with"]
    bought = {**PURCHASE, "with": {**fields, "amount": "total", "lines": "basket"}}
    grouped = mapping(values=values, command=[bought], group={"by": ["who"]})
    transform = Transform(grouped)

    def row(sku: str, price: str, pieces: str, kind: str = "") -> dict[str, str]:
        return {**ROW, "sku": sku, "price": price, "pieces": pieces, "kind": kind}

    rows = [row("85123A", "15.30", "6", "lights"), row("71053", "20.34", "2.0"), row("", "0", "")]
    (command,) = transform(1, rows[0], list(enumerate(rows, 1))).commands
    assert isinstance(command, RecordPurchase)
    assert command.amount == Money(3_564, "EUR")
    assert command.lines == (
        PurchaseLine("85123A", Money(1_530, "EUR"), 6, "lights"),
        PurchaseLine("71053", Money(2_034, "EUR"), 2),
    )
    single = Transform(mapping(values={**values, "total": values["worth"]}, command=[bought]))
    (alone,) = single(1, rows[1]).commands
    assert isinstance(alone, RecordPurchase)
    assert alone.lines == (PurchaseLine("71053", Money(2_034, "EUR"), 2),)
    assert refusal(single, row("x", "1", "half")).code == "not_a_number"
    postage = [*rows, row("", "4.95", "")]
    with pytest.raises(InvalidInput, match=r"its rest would be 4\.95 EUR"):
        transform(1, rows[0], list(enumerate(postage, 1)))
    wrong = Transform(
        mapping(
            values={**values, "basket": {"lines": {"product": "sku", "amount": "price"}}},
            command=[bought],
            group={"by": ["who"]},
        )
    )
    assert refusal(wrong, rows[0]).code == "not_money"


def test_several_commands_a_row_under_conditions() -> None:
    register = {
        "command": "RegisterCustomer",
        "when": [{"of": "new", "equals": "yes"}],
        "with": {"occurred_at": "at", "customer": "who"},
    }
    transform = Transform(mapping(command=[PURCHASE, register]))
    both = transform(1, {**ROW, "new": "yes"}).commands
    assert isinstance(both[0], RecordPurchase)
    assert isinstance(both[1], RegisterCustomer)
    assert [command.command_id for command in both] == ["shop:1", "shop:1.2"]
    assert len(transform(2, {**ROW, "new": "no"}).commands) == 1


@pytest.mark.parametrize(
    ("spec", "text", "expected"),
    [
        ({"type": "money", "currency": "JPY"}, "1230", Money(1230, "JPY")),
        ({"type": "money", "currency": "KWD"}, "1.234", Money(1234, "KWD")),
        ({"type": "money", "currency": "EUR", "minor_units": True}, "1230", Money(1230, "EUR")),
        ({"type": "money", "currency": "JPY", "minor_units": True}, "1230", Money(1230, "JPY")),
        ({"type": "money", "currency_from": "currency"}, "5", Money(500, "CHF")),
        ({"type": "money", "currency": "EUR", "decimal_mark": ",", "thousands": "."}, "1.234,50", Money(123450, "EUR")),
        ({"type": "money", "currency": "EUR", "thousands": "'"}, "1'234.5", Money(123450, "EUR")),
        ({"type": "money", "currency": "EUR", "rounding": "half_up"}, "0.125", Money(13, "EUR")),
        ({"type": "money", "currency": "EUR", "rounding": "half_even"}, "0.125", Money(12, "EUR")),
        ({"type": "money", "currency": "EUR", "rounding": "down"}, "0.129", Money(12, "EUR")),
        ({"type": "money", "currency": "EUR", "sign": "absolute"}, "-3", Money(300, "EUR")),
        ({"type": "money", "currency": "EUR", "sign": "negate"}, "-3", Money(300, "EUR")),
        ({"type": "boolean"}, "yes", True),
        ({"type": "boolean", "true": ["J"], "false": ["N"]}, "N", False),
        ({"type": "time"}, "2024-05-01T12:00:00+02:00", datetime(2024, 5, 1, 10, tzinfo=UTC)),
        ({"type": "time", "zone": "Europe/Vienna"}, "2024-05-01 12:00", datetime(2024, 5, 1, 10, tzinfo=UTC)),
        ({"type": "time", "zone": "UTC", "at": "12:00"}, "2024-05-01", datetime(2024, 5, 1, 12, tzinfo=UTC)),
        ({"type": "time", "zone": "UTC", "at": "12:00"}, "2024-05-01T00:00", datetime(2024, 5, 1, tzinfo=UTC)),
        (
            {"type": "time", "format": "%d.%m.%Y", "zone": "America/New_York", "at": "12:00"},
            "01.02.1997",
            datetime(1997, 2, 1, 17, tzinfo=UTC),
        ),
        ({"type": "time", "zone": "Europe/Vienna"}, "2024-10-27 02:30", datetime(2024, 10, 27, 0, 30, tzinfo=UTC)),
        ({"type": "integer", "accept_decimal_zero": True}, "17850.0", "17850"),
        ({"type": "integer"}, "-12", "-12"),
        ({"replace": {"Case ": "c-"}, "case": "lower"}, "Case X", "c-x"),
        ({"pattern": "no ([0-9]+)"}, "order no 12", "12"),
        ({"map": {"a": "one"}, "otherwise": "many"}, "b", "many"),
        ({"cut": 3}, "abcdef", "abc"),
        ({"blank": "absent"}, " ", None),
        ({"default": "none"}, "", "none"),
    ],
)
def test_values_are_read_by_their_type(spec: dict[str, Any], text: str, expected: object) -> None:
    if spec.get("type") == "integer":
        rules = mapping(
            values={**VALUES, "number": {"column": "text", **spec}, "said": {"template": "{number}"}},
            command=[{**PURCHASE, "with": {**PURCHASE["with"], "category": "said"}}],  # type: ignore[dict-item]  # likewise
        )
        (command,) = Transform(rules)(1, {**ROW, "text": text}).commands
        assert isinstance(command, RecordPurchase)
        assert command.category == expected
    else:
        assert value_of(spec, text, currency="CHF") == expected


@pytest.mark.parametrize(
    ("spec", "text", "code"),
    [
        ({"type": "money", "currency": "EUR"}, "NaN", "not_a_number"),
        ({"type": "money", "currency": "EUR"}, "Infinity", "not_a_number"),
        ({"type": "money", "currency": "EUR"}, "1_000", "not_a_number"),
        ({"type": "money", "currency": "EUR"}, "٣", "not_a_number"),
        ({"type": "money", "currency": "EUR"}, "1,50", "not_a_number"),
        ({"type": "money", "currency": "EUR"}, "0.125", "invalid_amount"),
        ({"type": "money", "currency": "EUR"}, "1e30", "invalid_amount"),
        ({"type": "money", "currency": "EUR", "rounding": "half_up"}, "9e99999", "invalid_amount"),
        ({"type": "money", "currency_from": "currency"}, "1", "unknown_currency"),
        ({"type": "time"}, "2024-05-01 12:00", "naive_datetime"),
        ({"type": "time", "zone": "UTC"}, "1997-02-30", "not_a_time"),
        ({"type": "time", "zone": "Europe/Vienna"}, "2024-03-31 02:30", "nonexistent_time"),
        ({"type": "time", "zone": "America/New_York"}, "9999-12-31 23:00", "not_a_time"),
        ({"type": "boolean"}, "perhaps", "not_a_boolean"),
        ({"type": "text", "map": {"a": "one"}}, "b", "unknown_word"),
        ({"pattern": "^[0-9]+$"}, "x", "unlike_pattern"),
        ({}, "", "blank_value"),
        ({}, "x" * 81, "invalid_category"),
    ],
)
def test_what_a_type_does_not_take_rejects_the_row(spec: dict[str, Any], text: str, code: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        value_of(spec, text, currency="XXQ")
    assert raised.value.code == code
    assert raised.value.field


@pytest.mark.parametrize("text", ["17850.5", "x", "1e40", ""])
def test_an_integer_is_a_whole_number(text: str) -> None:
    rules = mapping(values={**VALUES, "n": {"column": "n", "type": "integer", "accept_decimal_zero": True}})
    rules = rules.model_copy(update={"reject": mapping(reject=[_rule("n", below=0)]).reject})
    assert refusal(Transform(rules), {**ROW, "n": text}).code in {"not_an_integer", "not_a_number", "blank_value"}


def _rule(of: str, code: str = "odd", **test: Any) -> dict[str, Any]:
    return {"when": [{"of": of, **test}], "code": code, "reason": "it is odd"}


def test_ids_are_held_to_their_form() -> None:
    for bad in ("x" * 65, "a b", "ä"):
        error = refusal(Transform(mapping()), {**ROW, "who": bad})
        assert (error.code, error.field) == ("invalid_customer", "customer")
        assert "is not an id" in error.reason


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_no_text_gets_anything_but_a_command_or_a_reason(who: str, day: str, worth: str) -> None:
    transform = Transform(mapping())
    row = {"who": who, "day": day, "worth": worth}
    # Anything but `InvalidInput` would come through here and fail.
    with suppress(InvalidInput):
        (command,) = transform(1, row).commands
        assert command.command_id == "shop:1"


@pytest.mark.parametrize(
    ("test", "text", "holds"),
    [
        ({"equals": "x"}, "x", True),
        ({"equals": 2}, "2.0", True),
        ({"in": ["x", "y"]}, "y", True),
        ({"in": [1, 2]}, "3", False),
        ({"matches": "^C"}, "C12", True),
        ({"matches": "[0-9]$"}, "Cx", False),
        ({"blank": True}, "  ", True),
        ({"blank": False}, "  ", False),
        ({"below": 0}, "-1", True),
        ({"below": 0}, "", False),
        ({"at_least": 1.5}, "1.5", True),
        ({"above": 1.5, "at_most": 2}, "2.5", False),
        ({"same_as": "who"}, "c1", True),
        ({"differs_from": "who"}, "c1", False),
    ],
)
def test_conditions(test: dict[str, Any], text: str, holds: bool) -> None:
    transform = Transform(mapping(reject=[_rule("text", **test)]))
    if holds:
        assert refusal(transform, {**ROW, "text": text}).code == "odd"
    else:
        assert transform(1, {**ROW, "text": text}).commands


def test_groups_of_conditions() -> None:
    either = {"any": [{"of": "a", "equals": "1"}, {"of": "b", "equals": "1"}], "none": [{"of": "c", "equals": "1"}]}
    transform = Transform(mapping(reject=[{"when": [either], "code": "odd", "reason": "it is"}]))
    assert refusal(transform, {**ROW, "b": "1"}).code == "odd"
    assert transform(1, {**ROW, "b": "1", "c": "1"}).commands
    assert transform(2, ROW).commands


def test_a_blank_is_asked_of_the_column_also_where_a_value_is_called_as_it() -> None:
    values = {**VALUES, "who": {"template": "c-{number}"}, "number": {"column": "who"}}
    transform = Transform(mapping(values=values, reject=[_rule("number", "nobody", blank=True)]), tuple(ROW))
    assert refusal(transform, {**ROW, "who": ""}).code == "nobody"
    (command,) = transform(1, ROW).commands
    assert command.stream == "customer-c-c1"


def test_the_first_rule_that_holds_gives_the_reason() -> None:
    transform = Transform(mapping(reject=[_rule("who", "first", blank=True), _rule("day", "second", blank=True)]))
    assert refusal(transform, {"who": "", "day": "", "worth": "1"}).code == "first"


def test_a_row_that_gives_nothing_is_noted_or_rejected() -> None:
    rule = {**PURCHASE, "when": [{"of": "who", "equals": "nobody"}]}
    assert refusal(Transform(mapping(command=[rule])), ROW).code == "no_command"
    noted = Transform(mapping(command=[rule], note=[_rule("who", "passed", equals="c1")]))(1, ROW)
    assert (noted.commands, noted.notes) == ([], ["passed"])


def test_counting_and_remembering_within_a_group() -> None:
    values = {
        **VALUES,
        "line": {"count_by": ["who"]},
        "kept": {"count_by": ["who"], "kept_only": True},
        "big": {"count_by": ["who"], "when": [{"of": "paid", "above": 10}]},
        "since": {"first_of": "day", "by": ["who"]},
        "said": {"template": "{line} {kept} {big} {since}"},
    }
    rule = {**PURCHASE, "with": {**PURCHASE["with"], "category": "said"}}  # type: ignore[dict-item]  # as above
    transform = Transform(mapping(values=values, command=[rule], reject=[_rule("day", equals="2024-05-02")]))
    said = []
    for row, (day, worth) in enumerate([("2024-05-01", "5"), ("2024-05-02", "20"), ("2024-05-03", "30")], 1):
        try:
            (command,) = transform(row, {"who": "c1", "day": day, "worth": worth}).commands
        except InvalidInput:
            continue
        assert isinstance(command, RecordPurchase)
        said.append(command.category)
    assert said == ["1 1 0 2024-05-01", "3 2 2 2024-05-01"]


def refunds(order: str = "latest") -> Transform:
    return Transform(
        mapping(
            values={
                **VALUES,
                "paid": {"column": "worth", "type": "money", "currency": "EUR", "sign": "absolute"},
                "pieces": {"column": "n", "type": "integer", "sign": "absolute"},
                "price": {"column": "price", "type": "decimal"},
                "id": {"template": "p{row}"},
            },
            match=[
                {
                    "name": "of",
                    "offer": [{"of": "n", "above": 0}],
                    "seek": [{"of": "n", "below": 0}],
                    "key": ["who", "price"],
                    "give": "id",
                    "quantity": "pieces",
                    "order": order,
                    "code": "names_nothing",
                }
            ],
            command=[
                {**PURCHASE, "when": [{"of": "n", "above": 0}]},
                {
                    "command": "RefundPurchase",
                    "when": [{"of": "n", "below": 0}],
                    "with": {
                        "occurred_at": "at",
                        "customer": "who",
                        "refund": "id",
                        "purchase": "of",
                        "amount": "paid",
                    },
                },
            ],
        )
    )


@pytest.mark.parametrize(
    ("order", "expected"), [("latest", "p2 p1 names_nothing"), ("earliest", "p1 p2 names_nothing")]
)
def test_a_row_finds_an_earlier_one_with_enough_left(order: str, expected: str) -> None:
    transform = refunds(order)
    found: list[str] = []
    for row, (n, price) in enumerate([("3", "2.0"), ("2", "2.00"), ("-2", "2"), ("-2", "2"), ("-2", "2")], 1):
        try:
            (command,) = transform(row, {**ROW, "n": n, "price": price}).commands
        except InvalidInput as error:
            found.append(error.code)
            continue
        if isinstance(command, RefundPurchase):
            found.append(command.purchase)
    assert " ".join(found) == expected


# --- mappings that make no sense ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"command": [{**PURCHASE, "command": "RecordPurchas"}]}, "Did you mean RecordPurchase"),
        ({"command": [{**PURCHASE, "with": {**PURCHASE["with"], "custmer": "who"}}]}, "Did you mean 'customer'"),  # type: ignore[dict-item]  # as above
        ({"command": [{"command": "RecordPurchase", "with": {"customer": "who"}}]}, "needs occurred_at, purchase"),
        ({"values": {**VALUES, "paid": {"column": "Worth", "type": "money", "currency": "EUR"}}}, "mean 'worth'"),
        ({"reject": [_rule("hwo", blank=True)]}, "Did you mean 'who'"),
        ({"values": {**VALUES, "a": {"value": "b"}, "b": {"value": "a"}}}, "depend on each other"),
    ],
)
def test_a_mapping_that_names_what_is_not_there(parts: dict[str, Any], told: str) -> None:
    with pytest.raises(MappingError) as raised:
        Transform(mapping(**parts), ("who", "day", "worth"))
    assert told in str(raised.value)


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ("name = ", "is not TOML"),
        ("name = 'x'", "source"),
        ("[source]\nformat = 'csv'\nencoding = 'klingon'", "klingon"),
        ("[source]\nformat = 'csv'\nencoding = 'base64'", "base64"),
        ("[source]\nformat = 'csv'\nheader = false", "header = true"),
        ("[values.a]\ncolumn = 'a'\nconstant = 1", "exactly one of"),
        ("[values.a]\ncolumn = 'a'\ntype = 'money'", "currency"),
        ("[values.a]\ncolumn = 'a'\ntype = 'money'\ncurrency = 'EUX'", "EUX"),
        ("[values.a]\ncolumn = 'a'\nzone = 'UTC'", "not an option of type = 'text'"),
        ("[values.a]\ncolumn = 'a'\ntype = 'time'\nformat = '%Y'", "`zone` has to say it"),
        ("[values.a]\ncolumn = 'a'\ntype = 'time'\nzone = 'Europe/Wien'", "IANA"),
        ("[values.a]\ntemplate = '{a'", "expected '}'"),
        ("[values.a]\ntemplate = '{a:03}'", "a name and nothing else"),
        ("[values.a]\ncolumn = 'a'\npattern = '('", "regular expression"),
        ("[values.row]\ncolumn = 'a'", "Reserved are `row`"),
        ("[[match]]\nname = 'source'\noffer = []\nseek = []\nkey = ['a']\ngive = 'a'\nquantity = 'a'", "Reserved are"),
        ("[values.a]\ncount_by = ['a']\ndefault = 'x'", "default: has no effect on count_by"),
        ("[values.a]\ncolumn = 'a'\ntype = 'decimal'\nthousands = '.'", "cannot separate thousands"),
        ("[values.a]\ntotal_of = 'b'", "the mapping has none"),
        ("[[reject]]\nwhen = [{ of = 'a' }]\ncode = 'x'\nreason = 'x'", "at least one test"),
        ("[[reject]]\nwhen = []\ncode = 'x'\nreason = 'x'", "at least 1"),
        ("[valves.a]\ncolumn = 'a'", "valves"),
    ],
)
def test_a_mapping_that_makes_no_sense_says_where(tmp_path: Any, toml: str, told: str) -> None:
    path = tmp_path / "mapping.toml"
    whole = toml.startswith("name")
    before = "" if whole else "name = 'x'\n" + ("" if "[source]" in toml else "[source]\nformat = 'csv'\n")
    path.write_text(before + toml + ("" if whole else "\n[[command]]\ncommand = 'X'\n[command.with]\na = 'a'\n"))
    with pytest.raises(MappingError) as raised:
        load_mapping(path)
    assert told in str(raised.value)


def test_no_mapping_of_that_name_lists_those_there_are(tmp_path: Any) -> None:
    with pytest.raises(MappingError) as raised:
        load_mapping("cd_now")
    assert "cdnow" in str(raised.value)
    (tmp_path / "latin.toml").write_bytes(b"name = '\xe4'")
    with pytest.raises(MappingError, match="not UTF-8"):
        load_mapping(tmp_path / "latin.toml")


def test_every_shipped_mapping_compiles_and_says_its_rules() -> None:
    names = shipped_mappings()
    assert {"cdnow", "helpdesk", "online_retail"} <= set(names)
    for name in names:
        rules = load_mapping(name)
        assert Transform(rules, digest=lambda text: str(len(text))).name == name
        assert len(rules.about) > 100


def test_the_form_of_mappings_has_a_json_schema() -> None:
    schema = Mapping.model_json_schema()
    assert {"source", "values", "reject", "match", "note", "command"} <= schema["properties"].keys()
    assert "in" in schema["$defs"]["RowCondition"]["properties"]
