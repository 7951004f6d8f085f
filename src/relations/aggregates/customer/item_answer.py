"""The answer to one item of a questionnaire: a plain value that both the command and the event carry."""

from __future__ import annotations

from typing import Any

import msgspec
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

__all__ = ["ItemAnswer"]


class ItemAnswer(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The answer to one item of a questionnaire. An item without an answer is absent, never 0.

    Attributes:
        item: The item's id in its instrument.
        score: The answer, or the perception.
        expected: The expectation, if the instrument asks for both (SERVQUAL).
    """

    item: str
    score: int
    expected: int | None = None

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def parse(value: Any) -> ItemAnswer:
            try:
                return value if isinstance(value, ItemAnswer) else cls(**value)
            except TypeError:
                msg = 'an item answer must be an object such as {"item": "staff-is-prompt", "score": 6, "expected": 7}'
                raise ValueError(msg) from None

        def checked(value: Any) -> ItemAnswer:
            found = parse(value)
            numbers = [found.score] if found.expected is None else [found.score, found.expected]
            if not isinstance(found.item, str) or any(type(number) is not int for number in numbers):
                msg = "an item must be a string, and its score and expected must be whole numbers"
                raise ValueError(msg)
            return found

        return core_schema.no_info_plain_validator_function(
            checked,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda answer: {"item": answer.item, "score": answer.score, "expected": answer.expected}
            ),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {
            "title": "ItemAnswer",
            "type": "object",
            "properties": {
                "item": {"type": "string"},
                "score": {"type": "integer"},
                "expected": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
            },
            "required": ["item", "score"],
            "additionalProperties": False,
        }
