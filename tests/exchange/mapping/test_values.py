"""Values that are made of several columns or rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from relations.aggregates.customer import GiveConsent, RecordPurchase, RegisterCustomer, WithdrawConsent
from relations.engine import Relations
from relations.errors import InvalidInput
from relations.exchange import Mapping, import_file
from relations.exchange.mapping.transform import Transform
from relations.messages import Money
from tests.exchange.mapping.test_transform import PURCHASE, ROW, VALUES, mapping, refusal


def category(values: dict[str, Any], row: dict[str, str], **parts: Any) -> str | None:
    """Return what a value called `tested` is, seen through a field that takes any text."""
    arguments = {**PURCHASE["with"], "category": "tested"}  # type: ignore[dict-item]  # a dictionary of two kinds
    rules = mapping(values={**VALUES, **values}, command=[{**PURCHASE, "with": arguments}], **parts)
    (command,) = Transform(rules)(1, {**ROW, **row}).commands
    assert isinstance(command, RecordPurchase)
    return command.category


def test_the_default_and_the_blank_of_a_template_count() -> None:
    assert category({"tested": {"template": "{a}-{b}", "default": "none"}}, {"a": "x"}) == "none"
    assert category({"tested": {"template": "{a}-{b}", "blank": "absent"}}, {"a": "x"}) is None
    assert category({"tested": {"template": "{a}-{b}", "blank": "absent"}}, {"a": "x", "b": "y"}) == "x-y"
    with pytest.raises(InvalidInput, match="made of b"):
        category({"tested": {"template": "{a}-{b}"}}, {"a": "x"})


def test_a_sum_and_a_product_of_columns() -> None:
    row = {"a": "1.5", "b": "2", "c": ""}
    assert category({"tested": {"sum": ["a", "b"]}}, row) == "3.5"
    assert category({"tested": {"product": ["a", "b"]}}, row) == "3.0"
    assert category({"tested": {"sum": ["a", "c"], "default": "0"}}, row) == "0"
    zero = {"zero": {"column": "c", "type": "decimal", "default": "0"}}
    assert category({**zero, "tested": {"sum": ["a", "zero"]}}, row) == "1.5"
    with pytest.raises(InvalidInput) as raised:
        category({"tested": {"sum": ["a", "c"]}}, row)
    assert raised.value.code == "blank_value"


def test_the_first_of_several_that_is_not_blank() -> None:
    row = {"a": " ", "b": "x", "c": "y"}
    assert category({"tested": {"coalesce": ["a", "b", "c"]}}, row) == "x"
    assert category({"tested": {"coalesce": ["a"], "blank": "absent"}}, row) is None


@pytest.mark.parametrize(("text", "expected"), [("0", False), ("0.0", False), ("3", True), ("-1", True), ("x", None)])
def test_a_number_as_a_boolean(text: str, expected: bool | None) -> None:
    arguments = {**PURCHASE["with"], "discounted": {"column": "n", "type": "boolean", "nonzero": True}}  # type: ignore[dict-item]  # likewise
    transform = Transform(mapping(command=[{**PURCHASE, "with": arguments}]))
    if expected is None:
        assert refusal(transform, {**ROW, "n": text}).code == "not_a_number"
        return
    (command,) = transform(1, {**ROW, "n": text}).commands
    assert isinstance(command, RecordPurchase)
    assert command.discounted is expected


def test_a_day_some_days_later_or_earlier() -> None:
    at = {"column": "day", "type": "time", "zone": "Europe/Vienna", "at": "12:00"}
    for shift, days, expected in (
        ({"minus_days": "lead"}, "40", datetime(2024, 3, 22, 11, tzinfo=UTC)),
        ({"plus_days": 1, "minus_days": "lead"}, "1", datetime(2024, 5, 1, 10, tzinfo=UTC)),
    ):
        (command,) = Transform(mapping(values={**VALUES, "at": {**at, **shift}}))(1, {**ROW, "lead": days}).commands
        assert command.occurred_at == expected
    shifted = Transform(mapping(values={**VALUES, "at": {**at, "minus_days": "lead"}}))
    assert refusal(shifted, {**ROW, "lead": "9999999"}).code == "not_a_time"


def test_the_value_of_the_row_before() -> None:
    values = {**VALUES, "before": {"previous": "state", "by": ["who"]}}
    changed = {**PURCHASE, "when": [{"of": "state", "differs_from": "before"}]}
    note = [{"when": [{"of": "state", "same_as": "before"}], "code": "unchanged", "reason": "the state is the same"}]
    transform = Transform(mapping(values=values, command=[changed], note=note))
    rows = [("c1", "a"), ("c2", "a"), ("c1", "a"), ("c1", "b"), ("c1", "a")]
    made = [len(transform(n, {**ROW, "who": who, "state": state}).commands) for n, (who, state) in enumerate(rows, 1)]
    assert made == [1, 1, 0, 1, 1]


def test_messages_have_no_regular_expression_and_write_money_as_people_do() -> None:
    error = refusal(
        Transform(mapping(values={**VALUES, "tested": {"column": "t", "pattern": "^[0-9]{3}$"}},
                          reject=[{"when": [{"of": "tested", "equals": "x"}], "code": "x", "reason": "x"}])),
        {**ROW, "t": "12"},
    )  # fmt: skip
    assert error.code == "unlike_pattern"
    assert "[0-9]" not in str(error)
    negative = refusal(Transform(mapping()), {**ROW, "worth": "-63.80"})
    assert "\N{MINUS SIGN}63.80 EUR" in negative.reason
    assert "Money(" not in negative.reason
    bad_phone = {"command": "RegisterCustomer", "with": {"occurred_at": "at", "customer": "who", "phone": "phone"}}
    assert "^" not in str(refusal(Transform(mapping(command=[bad_phone])), {**ROW, "phone": "9.23E+11x" * 9}))


REGISTER: dict[str, Any] = {
    "command": "RegisterCustomer",
    "with": {"occurred_at": "at", "customer": "who", "language": "speaks"},
}


def test_an_optional_value_that_cannot_be_read_is_left_out_with_a_note() -> None:
    values = {**VALUES, "speaks": {"column": "lang", "unreadable": "absent", "blank": "absent"}}
    transform = Transform(mapping(values=values, command=[REGISTER]))
    result = transform(1, {**ROW, "lang": "not a language!"})
    assert result.notes == ["speaks_left_out"]
    assert transform.reasons["speaks_left_out"] == "speaks cannot be read, and is left out"
    (command,) = result.commands
    assert isinstance(command, RegisterCustomer)
    assert command.language is None
    (command,) = transform(2, {**ROW, "lang": "de"}).commands
    assert isinstance(command, RegisterCustomer)
    assert command.language == "de"
    assert refusal(transform, {**ROW, "who": "not an id", "lang": "!!"}).code == "invalid_customer"
    number = {**VALUES, "n": {"column": "n", "type": "integer", "unreadable": "absent"}, "speaks": {"value": "n"}}
    number["speaks"] = {"value": "n", "blank": "absent"}
    assert Transform(mapping(values=number, command=[REGISTER]))(1, {**ROW, "n": "9.23E"}).notes == ["n_left_out"]


BASKETS = Mapping.model_validate(
    {
        "name": "tills",
        "source": {"format": "csv"},
        "group": {"by": ["receipt"]},
        "values": {
            "at": {"column": "day", "type": "time", "zone": "UTC"},
            "line": {"column": "price", "type": "money", "currency": "EUR"},
            "paid": {"total_of": "line", "type": "money", "currency": "EUR"},
        },
        "command": [
            {
                "command": "RecordPurchase",
                "with": {"occurred_at": "at", "customer": "who", "purchase": "receipt", "amount": "paid"},
            }
        ],
    }
)


@pytest.fixture
def imported(sqlite_url: str, tmp_path: Path) -> Callable[..., Any]:
    def run(rules: Mapping, text: str, check: Callable[[Relations], Any], **options: Any) -> tuple[Any, Any]:
        source = tmp_path / "rows.csv"
        source.write_text(text)
        with Relations.open(sqlite_url, durability="off") as engine:
            report = import_file(engine, rules, source, **options)
            return report, check(engine)

    return run


def test_the_lines_of_a_basket_become_one_purchase(imported: Callable[..., Any], tmp_path: Path) -> None:
    text = (
        "receipt,who,day,price\nb1,c1,2024-01-01,1.50\nb1,c1,2024-01-01,2.25\n"
        "b2,c1,2024-01-02,4\nb3,c1,2024-01-02,x\nb3,c1,2024-01-02,1\n"
    )
    rejects = tmp_path / "rejects.jsonl"

    def bought(engine: Relations) -> list[Any]:
        return [each.event.amount for each in engine.events() if each.topic == "customer.purchase_recorded"]  # type: ignore[attr-defined]  # of that topic

    report, amounts = imported(BASKETS, text, bought, rejects=rejects)
    assert amounts == [Money(375, "EUR"), Money(400, "EUR")]
    assert (report.rows, report.accepted, report.rejected) == (5, 3, 2)
    rejects.write_text(rejects.read_text().replace('"price":"x"', '"price":"2"'))
    report, amounts = imported(BASKETS, rejects.read_text(), bought)
    assert (report.rows, report.accepted, amounts[-1]) == (2, 2, Money(300, "EUR"))
    report, amounts = imported(BASKETS, text, bought)
    assert (len(amounts), report.recorded) == (3, 0)


DIGESTS = Mapping.model_validate(
    {
        "name": "guests",
        "source": {"format": "csv"},
        "values": {
            "at": {"column": "day", "type": "time", "zone": "UTC"},
            "who": {"column": "email", "case": "lower", "digest": True},
            "address": {"column": "email"},
        },
        "command": [
            {"command": "RegisterCustomer", "with": {"occurred_at": "at", "customer": "who", "email": "address"}},
        ],
    }
)


def test_an_address_that_is_the_only_key_is_in_no_byte_after_the_erasure(
    imported: Callable[..., Any], sqlite_url: str
) -> None:
    from relations.aggregates.customer import EraseCustomer

    at = datetime(2024, 5, 1, tzinfo=UTC)

    def ids(engine: Relations) -> set[str]:
        found = {each.customer for each in engine.events() if each.topic == "customer.registered"}
        for customer in found:
            engine.execute(EraseCustomer(customer=customer, occurred_at=at))
        engine.log.database.purge()
        return found

    text = (
        "email,day\nAnna.Guest@example.org,2024-01-01\nanna.guest@example.org,2024-01-02\nbo@example.org,2024-01-02\n"
    )
    _, customers = imported(DIGESTS, text, ids)
    assert len(customers) == 2
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    stored = b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*")).lower()
    assert b"customer.registered" in stored
    assert b"anna.guest" not in stored
    assert b"example.org" not in stored


CONSENTS = Mapping.model_validate(
    {
        "name": "newsletter",
        "source": {"format": "csv"},
        "values": {"at": {"column": "day", "type": "time", "zone": "UTC"}},
        "command": [
            {
                "command": "GiveConsent",
                "unless_withdrawn": True,
                "with": {
                    "occurred_at": "at",
                    "customer": "who",
                    "purpose": {"constant": "marketing"},
                    "channel": {"constant": "email"},
                },
            }
        ],
    }
)


def test_a_list_does_not_subscribe_again_who_has_left(imported: Callable[..., Any], sqlite_url: str) -> None:
    with Relations.open(sqlite_url, durability="off") as engine:
        for who in ("left", "stays", "moved"):
            consent = {"customer": who, "purpose": "marketing", "channel": "email"}
            engine.execute(GiveConsent(**consent, occurred_at=datetime(2023, 1, 1, tzinfo=UTC)))
        for channel in ("email", "phone"):
            engine.execute(
                WithdrawConsent(
                    customer="left" if channel == "email" else "moved",
                    purpose="marketing",
                    channel=channel,
                    occurred_at=datetime(2023, 6, 1, tzinfo=UTC),
                )
            )

    def allowed(engine: Relations) -> set[str]:
        return {
            who
            for who in ("left", "stays", "moved", "fresh")
            if any(each.allowed and each.channel == "email" for each in engine.views.customers.portrait(who).consents)
        }

    text = "who,day\nleft,2024-01-01\nstays,2024-01-01\nmoved,2024-01-01\nfresh,2024-01-01\n"
    report, found = imported(CONSENTS, text, allowed)
    assert found == {"stays", "moved", "fresh"}
    assert (report.accepted, report.notes) == (4, {"consent_withdrawn": 1})
