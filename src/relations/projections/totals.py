"""Money added up over many: unlike a single amount it has no upper limit."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from relations.messages import Money

__all__ = ["Total"]


def _total(value: Any) -> Money:
    if isinstance(value, Money):
        return value
    match value:
        case {"amount": int(amount), "currency": str(currency), **other} if not other:
            return Money(amount, currency)
    msg = 'a total is an object such as {"amount": 1230, "currency": "EUR"}, in minor units'
    raise ValueError(msg)


Total = Annotated[
    Money,
    PlainValidator(_total),
    PlainSerializer(lambda money: {"amount": money.amount, "currency": money.currency}),
    WithJsonSchema(
        {
            "title": "Total",
            "type": "object",
            "properties": {"amount": {"type": "integer"}, "currency": {"type": "string", "pattern": "^[A-Z]{3}$"}},
            "required": ["amount", "currency"],
            "additionalProperties": False,
        }
    ),
]
"""Minor units and currency of a sum."""
