"""What travels: commands in, events out, and the few types that both are made of.

A command is a frozen pydantic model, validated at the door. An event is a frozen `msgspec.Struct` that holds the body
only; who, when and where stand in its envelope. All times are aware datetimes in commands, and UTC microseconds since
1970 (`int`) in envelopes and in bodies, where arithmetic and decoding have to be fast.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal, InvalidOperation
from typing import Annotated, Any, ClassVar, Self

import msgspec
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from relations.currencies import minor_digits
from relations.errors import InvalidInput

__all__ = [
    "ID_PATTERN",
    "Channel",
    "Command",
    "Envelope",
    "Event",
    "Id",
    "Label",
    "Money",
    "Personal",
    "RecordedEvent",
    "SealedSince",
    "Tender",
    "Term",
    "Text",
    "from_micros",
    "looks_personal",
    "minor_digits",
    "to_micros",
]

ID_PATTERN = r"^[A-Za-z0-9._:\-]{1,64}$"
"""Ids are the host's own: 1 to 64 of letters, digits and `. _ : -`."""

Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
# PostgreSQL's text cannot hold the character NUL, and no name or sentence needs it.
_NO_NUL = r"^[^\x00]*$"

Label = Annotated[str, StringConstraints(min_length=1, max_length=80, strip_whitespace=True, pattern=_NO_NUL)]
"""A short name from the host's own vocabulary: a touchpoint, a category, a department."""


def looks_personal(words: str) -> bool:
    """Return True if a text looks like an address or has a long number in it, such as a telephone number."""
    return "@" in words or _LONG_NUMBER.search(words) is not None


def _without_personal_data(words: str) -> str:
    if looks_personal(words):
        raise PydanticCustomError(
            "personal_term",
            "this is a term of the business's own, recorded in clear for ever: it cannot hold an address or a number",
        )
    return words


_LONG_NUMBER = re.compile(r"\d(?:[ ./-]?\d){6,}")
"""Seven digits or more: a telephone number, a card, a passport."""

Term = Annotated[Label, AfterValidator(_without_personal_data)]
"""A label that is recorded in clear and compared or counted: a topic, a reason. It is a code, not words about a person;
what looks like an address or a telephone number is refused."""
Text = Annotated[str, StringConstraints(min_length=1, max_length=10_000, pattern=_NO_NUL)]
_Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_NO_NUL)]

Personal = Annotated[str, msgspec.Meta(extra={"personal": True})]
"""A field of an event that says something of a person: encrypted in the log under the customer's own key."""
SealedSince = Annotated[str, msgspec.Meta(extra={"personal": True, "once_clear": True})]
"""A personal field that older versions recorded in clear. Those events stay readable, and stay as they are.

For an erased customer the rest of the event is recorded, and the field reads `[erased]`.
"""

Channel = Annotated[
    str,
    StringConstraints(
        pattern=r"^(web|app|official_account|social|phone|email|message|service_centre|on_site|partner|post|fax)$"
    ),
]
"""How the business and the customer met."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
"""Business times lie in between. Beyond are placeholders of other systems (0001-01-01, 9999-12-31), and a deadline or
an expiry reckoned from one of those would fall out of the calendar."""
_AMOUNT_MAX = 10**15
_DIGITS_MAX = 20
_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)
"""Decimals that are never rounded; the usual context rounds to 28 digits without a word."""


def to_micros(moment: datetime) -> int:
    """UTC microseconds since 1970 of an aware datetime, exactly.

    Raises:
        InvalidInput: The datetime is naive.
    """
    try:
        return (moment - _EPOCH) // _MICROSECOND
    except TypeError:  # no zone, or one that does not know its offset
        raise InvalidInput(
            f"{moment.isoformat()} has no time zone", code="naive_datetime", hint="Give an aware datetime"
        ) from None


def from_micros(micros: int) -> datetime:
    """The aware UTC datetime of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=micros)


class Money(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An amount in the minor unit of its currency: `Money(1230, "EUR")` is twelve euros thirty.

    Args:
        amount: Minor units, at most 10^15 either way.
        currency: ISO 4217 code.
    """

    amount: int
    currency: str

    @classmethod
    def of(cls, amount: str | int | Decimal, currency: str) -> Self:
        """Money from a decimal amount, exactly.

        Raises:
            InvalidInput: Not a finite number, more decimals than the currency has, or an unknown currency.
        """
        digits = minor_digits(currency)
        try:
            exact = Decimal(amount)
        except InvalidOperation:
            exact = Decimal("NaN")
        if not exact.is_finite():
            raise InvalidInput(f"{amount!r} is not an amount of money", code="invalid_amount", field="amount")
        if exact and exact.adjusted() > _DIGITS_MAX:
            raise _beyond()
        minor = exact.scaleb(digits, _EXACT) if exact else exact
        if minor != minor.to_integral_value(context=_EXACT):
            raise InvalidInput(
                f"{amount} has more decimals than {currency} has ({digits})",
                code="invalid_amount",
                field="amount",
                hint="Round it first, by a rule you choose",
            )
        return cls._checked(int(minor), currency)

    @classmethod
    def _checked(cls, amount: int, currency: str) -> Self:
        minor_digits(currency)
        if abs(amount) > _AMOUNT_MAX:
            raise _beyond()
        return cls(amount, currency)

    @property
    def decimal(self) -> Decimal:
        """The amount in major units, with the currency's own number of decimals."""
        return Decimal(self.amount).scaleb(-minor_digits(self.currency))

    def __str__(self) -> str:
        return f"{self.decimal:,} {self.currency}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def parse(value: Any) -> Money:
            if isinstance(value, Money):
                amount, currency = value.amount, value.currency
            elif isinstance(value, dict) and value.keys() == {"amount", "currency"}:
                amount, currency = value["amount"], value["currency"]
            else:
                msg = 'money is an object such as {"amount": 1230, "currency": "EUR"}, in minor units'
                raise ValueError(msg)
            if not isinstance(amount, int) or isinstance(amount, bool) or not isinstance(currency, str):
                msg = "money's amount is a whole number of minor units, its currency a string"
                raise ValueError(msg)
            try:
                return cls._checked(amount, currency)
            except InvalidInput as error:
                raise ValueError(error.reason) from None

        return core_schema.no_info_plain_validator_function(
            parse,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda money: {"amount": money.amount, "currency": money.currency}
            ),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {
            "title": "Money",
            "type": "object",
            "properties": {
                "amount": {"type": "integer", "minimum": -_AMOUNT_MAX, "maximum": _AMOUNT_MAX},
                "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
            },
            "required": ["amount", "currency"],
            "additionalProperties": False,
        }


class Tender(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A part of a purchase, by how it was paid.

    Attributes:
        kind: The means of payment in the host's own word, such as `card`, `points` or `gift_card`.
        amount: The part that was paid with it, above zero.
    """

    kind: str
    amount: Money

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        fields = core_schema.typed_dict_schema(
            {
                "kind": core_schema.typed_dict_field(handler.generate_schema(Label)),
                "amount": core_schema.typed_dict_field(handler.generate_schema(Money)),
            },
            extra_behavior="forbid",
        )

        def as_fields(value: Any) -> Any:
            return {"kind": value.kind, "amount": value.amount} if isinstance(value, Tender) else value

        def parse(found: dict[str, Any]) -> Tender:
            if found["amount"].amount <= 0:
                msg = "a tender must be above zero; leave it out if nothing was paid with it"
                raise ValueError(msg)
            return cls(found["kind"], found["amount"])

        return core_schema.no_info_after_validator_function(
            parse,
            core_schema.no_info_before_validator_function(as_fields, fields),
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda tender: {
                    "kind": tender.kind,
                    "amount": {"amount": tender.amount.amount, "currency": tender.amount.currency},
                }
            ),
        )


def _beyond() -> InvalidInput:
    # Without the amount itself: Python prints no number of thousands of digits.
    return InvalidInput(
        f"the amount is beyond {_AMOUNT_MAX} minor units either way", code="invalid_amount", field="amount"
    )


class Command(BaseModel):
    """What somebody wants.

    Attributes:
        occurred_at: Business time, with a zone, from 1900 to 2199: when it happened, or is wanted.
        command_id: The caller's own key. The same id again returns the first receipt and writes nothing. Made up if
            absent.
        actor: Who wants it: a user, a system, an import.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    added: ClassVar[frozenset[str]] = frozenset()
    """Optional fields of later versions. At their defaults they are left out of the command's fingerprint, so a command
    that an older version recorded is recognised when it is sent again."""

    occurred_at: Annotated[AwareDatetime, Field(ge=_EARLIEST, lt=_LATEST)]
    command_id: _Name | None = None
    actor: _Name = "system"

    @property
    def stream(self) -> str:
        """The stream that this command is decided in, such as `customer-c42`."""
        raise NotImplementedError

    @property
    def follows(self) -> str:
        """The command from which this one only ever follows; empty where a caller sends it.

        It is decided as a reaction to that one's events. Sent by itself it would bring about one half of something:
        points that nobody gave, a reward for nothing.
        """
        return ""

    @property
    def at(self) -> int:
        """`occurred_at` in UTC microseconds."""
        return to_micros(self.occurred_at)


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What happened: the body of an event. Subclasses name their `topic`, and their `schema` once it is above 1.

    Attributes:
        topic: A short name that never changes, such as `complaint.filed`. What the log stores.
        schema: The version of the body's form. Raised with an upcast whenever the form changes.
    """

    topic: ClassVar[str] = ""
    schema: ClassVar[int] = 1


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """What a rule or a fold may know of an event beside its body.

    Attributes:
        position: Its place in the log, from 1, without gaps.
        stream: The aggregate's stream, such as `complaint-k7`.
        version: Its place in the stream, from 1.
        customer: Whose history it belongs to; empty for events of no customer.
        occurred_at: Business time, UTC microseconds.
        recorded_at: When the log took it, UTC microseconds.
    """

    position: int
    stream: str
    version: int
    customer: str
    occurred_at: int
    recorded_at: int

    @property
    def id(self) -> str:
        """The aggregate's own id: the stream's name without its kind."""
        return self.stream.partition("-")[2]


class RecordedEvent(Envelope, frozen=True, kw_only=True, gc=False):
    """An event as the log holds it.

    Attributes:
        topic: The event's stable name.
        schema: The version of the body's form as stored; `event` is always of the newest form.
        actor: Who wanted it.
        command_id: The command it came from.
        command_seq: Its place among that command's events, from 0.
        cause: `stream@version` of the event that led to it, for reactions.
        event: The body.
        digest: Its link in the chain: SHA-256.
    """

    topic: str
    schema: int
    actor: str
    command_id: str
    command_seq: int
    cause: str | None
    event: Event
    digest: bytes
