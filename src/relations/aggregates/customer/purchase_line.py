"""One line of a purchase: a plain value that both the command and the event carry."""

from __future__ import annotations

from typing import Any

import msgspec
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from relations.messages import Label, Money

__all__ = ["PurchaseLine"]

_QUANTITY_MAX = 10**9


class PurchaseLine(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One product of a purchase.

    Attributes:
        product: The product, by the host's own id or name.
        amount: The amount paid for all of this line, not for one piece. It may be zero.
        quantity: The number of pieces, at least 1. Goods sold by weight count as one piece.
        category: The host's own category of the product.
    """

    product: str
    amount: Money
    quantity: int = 1
    category: str | None = None

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        quantity = core_schema.int_schema(ge=1, le=_QUANTITY_MAX, strict=True)
        fields = core_schema.typed_dict_schema(
            {
                "product": core_schema.typed_dict_field(handler.generate_schema(Label)),
                "amount": core_schema.typed_dict_field(handler.generate_schema(Money)),
                "quantity": core_schema.typed_dict_field(quantity, required=False),
                "category": core_schema.typed_dict_field(
                    core_schema.nullable_schema(handler.generate_schema(Label)), required=False
                ),
            },
            extra_behavior="forbid",
        )

        def as_fields(value: Any) -> Any:
            if not isinstance(value, PurchaseLine):
                return value
            return {name: getattr(value, name) for name in cls.__struct_fields__}

        def parse(found: dict[str, Any]) -> PurchaseLine:
            if found["amount"].amount < 0:
                msg = "the amount of a line must not be negative; give a discount on the whole purchase as `rest`"
                raise ValueError(msg)
            return cls(**found)

        def written(line: PurchaseLine) -> dict[str, Any]:
            amount = {"amount": line.amount.amount, "currency": line.amount.currency}
            return {"product": line.product, "amount": amount, "quantity": line.quantity, "category": line.category}

        return core_schema.no_info_after_validator_function(
            parse,
            core_schema.no_info_before_validator_function(as_fields, fields),
            serialization=core_schema.plain_serializer_function_ser_schema(written),
        )
