"""The subject of an interaction: a plain value that both the command and the event carry."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from relations.messages import Id

__all__ = ["Regarding", "RegardingKind"]

RegardingKind = Literal["care", "offer", "opportunity", "complaint"]


class Regarding(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The subject of an interaction.

    In a command it may be given as a text, such as `"offer spring-sale"` or `"care 611-2 call-45"`.

    Attributes:
        kind: `care` (a step of a care plan), `offer`, `opportunity` or `complaint`.
        id: The id of the care plan's round, the offer, the opportunity or the complaint.
        step: The id of the step, for a care plan.
    """

    kind: str
    id: str
    step: str | None = None

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        fields = core_schema.typed_dict_schema(
            {
                "kind": core_schema.typed_dict_field(handler.generate_schema(RegardingKind)),
                "id": core_schema.typed_dict_field(handler.generate_schema(Id)),
                "step": core_schema.typed_dict_field(handler.generate_schema(Id | None), required=False),
            },
            extra_behavior="forbid",
        )

        def as_fields(value: Any) -> Any:
            if isinstance(value, str):  # in a mapping or a shell: the parts, with blanks between them
                return dict(zip(("kind", "id", "step"), value.split(), strict=False))
            return _fields(value) if isinstance(value, Regarding) else value

        def parse(found: dict[str, Any]) -> Regarding:
            value = cls(found["kind"], found["id"], found.get("step"))
            if (value.step is not None) != (value.kind == "care"):
                msg = "a step must be given for a care plan, and only for a care plan"
                raise ValueError(msg)
            return value

        return core_schema.no_info_after_validator_function(
            parse,
            core_schema.no_info_before_validator_function(as_fields, fields),
            serialization=core_schema.plain_serializer_function_ser_schema(_fields),
        )


def _fields(value: Regarding) -> dict[str, str | None]:
    return {"kind": value.kind, "id": value.id, "step": value.step}
