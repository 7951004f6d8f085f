"""Commands typed as `key=value` pairs: whatever a command holds can be typed, and what cannot be meant is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations.aggregates import AGGREGATES
from relations.errors import InvalidInput, MappingError
from relations.exchange.jsonlines.commands import command_from_json, command_to_json, known_commands
from relations.exchange.jsonlines.pairs import CommandField, command_fields, command_from_pairs
from relations.messages import Command, Money
from relations.testing.strategies import commands

TIME = "2024-05-01T10:00:00Z"


def typed(command: Command) -> list[str]:
    """Return the pairs that somebody would type for a command."""
    document = json.loads(command_to_json(command))
    fields = command_fields(type(command))
    return [_pair(fields[name], value) for name, value in document.items() if name != "command"]


def _pair(field: CommandField, value: Any) -> str:
    match field.form, value:
        case "money", {"amount": amount, "currency": currency}:
            return f"{field.name}={Money(amount, currency).decimal} {currency}"
        case "yes or no", bool():
            return f"{field.name}={'yes' if value else 'no'}"
        case "list", list() if value and all(each == each.strip() and "," not in each for each in value):
            return f"{field.name}={','.join(value)}"
        case "list" | "JSON", _:
            return f"{field.name}:={json.dumps(value)}"
    return f"{field.name}={value}"


@given(st.data())
def test_every_command_can_be_typed(data: st.DataObject) -> None:
    aggregate = data.draw(st.sampled_from(AGGREGATES), "aggregate")
    command = data.draw(commands(data.draw(st.sampled_from(aggregate.commands), "command")), "fields")
    assert command_from_json(command_to_json(command)) == command
    assert command_from_pairs(type(command).__name__, typed(command)) == command


def test_the_fields_of_every_command_have_a_form() -> None:
    forms = {field.form for command in known_commands().values() for field in command_fields(command).values()}
    assert forms == {"text", "number", "yes or no", "money", "time", "day", "list", "JSON"}
    purchase = command_fields(known_commands()["RecordPurchase"])
    assert [name for name, field in purchase.items() if field.required] == [
        "occurred_at",
        "customer",
        "purchase",
        "amount",
    ]
    assert "social" in purchase["channel"].words


@pytest.mark.parametrize(
    ("pairs", "code", "said"),
    [
        (["customer"], "malformed_pair", "'customer' is not a field with a value"),
        (["=c1"], "malformed_pair", "Write key=value after RecordPurchase"),
        (["custmer=c1"], "unknown_field", "Did you mean customer?"),
        (["customer=c1", "customer=c2"], "duplicate_field", "given twice"),
        (["customer=c1"], "missing_field", "RecordPurchase needs purchase and amount"),
        (["customer=c1", "purchase=p1", "amount=12,30 EUR"], "invalid_amount", "such as 12.30 EUR"),
        (["customer=c1", "purchase=p1", "amount=12.305 EUR"], "invalid_amount", "more decimals than EUR"),
        (["customer=c1", "purchase=p1", "amount=1 XXY"], "unknown_currency", "XXY"),
        (["customer=c1", "purchase=p1", "amount=1 EUR", "discounted=perhaps"], "invalid_discounted", "yes or no"),
        (["customer=c1", "purchase=p1", "amount=1 EUR", "channel=emial"], "invalid_channel", "Did you mean email?"),
        (["customer=c1", "purchase=p1", "amount=1 EUR", "occurred_at=1714557600"], "invalid_occurred_at", "its zone"),
        (["customer=c1", "purchase=p1", "amount=1 EUR", "occurred_at=2024-05-01"], "invalid_occurred_at", "its zone"),
        (["customer=c 1", "purchase=p1", "amount=1 EUR"], "invalid_customer", "is not an id"),
        (["customer=c1", "purchase=p1", "amount=1 EUR", "tenders=card"], "needs_json", "tenders:=JSON"),
        (["customer=c1", "purchase=p1", "amount=1 EUR", "tenders:=[card]"], "malformed_json", "is not JSON"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_would_be_right(pairs: list[str], code: str, said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        command_from_pairs("RecordPurchase", pairs, occurred_at=TIME)
    assert refused.value.code == code
    assert said in str(refused.value)


def test_a_command_that_there_is_not_is_refused() -> None:
    with pytest.raises(MappingError, match="Did you mean RecordPurchase") as refused:
        command_from_pairs("RecordPurchas", [], occurred_at=TIME)
    assert refused.value.code == "unknown_command"
