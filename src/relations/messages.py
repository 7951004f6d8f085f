"""Commands, events, and the types that both are made of.

A command is a frozen pydantic model, validated when it is created. An event is a frozen `msgspec.Struct` that holds
only the body; its envelope holds who, when and where. Times in commands are aware datetimes. In envelopes and bodies
they are UTC microseconds since 1970 (`int`), because arithmetic and decoding have to be fast there.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, get_args

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
    ValidationError,
    ValidationInfo,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from relations.currencies import minor_digits
from relations.errors import InvalidInput
from relations.json_form import JsonForm

__all__ = [
    "CHANNELS",
    "ID_PATTERN",
    "LATEST",
    "RECORDED",
    "Channel",
    "Checked",
    "ClearText",
    "Command",
    "Envelope",
    "Event",
    "Id",
    "Label",
    "Money",
    "Personal",
    "PolicyNumber",
    "RecordedEvent",
    "SealedSince",
    "Tender",
    "Term",
    "Text",
    "from_micros",
    "invalid_value",
    "is_sentence",
    "looks_personal",
    "minor_digits",
    "shown",
    "to_micros",
    "without_personal_data",
]

ID_PATTERN = r"^[A-Za-z0-9._:\-]{1,64}$"
"""The pattern of ids, which the host chooses: 1 to 64 letters, digits and `. _ : -`."""

Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
# PostgreSQL's type text cannot hold the character NUL, and no name or sentence needs it.
_NO_NUL = r"^[^\x00]*$"

Label = Annotated[str, StringConstraints(min_length=1, max_length=80, strip_whitespace=True, pattern=_NO_NUL)]
"""A short name from the host's own vocabulary: a touchpoint, a category, a department."""


def looks_personal(words: str) -> bool:
    """Return True if a text looks like an address or has a long number in it, such as a telephone number."""
    return "@" in words or _LONG_NUMBER.search(words) is not None


def without_personal_data(words: str) -> str:
    """Return words that are stored unencrypted.

    Raises:
        PydanticCustomError: They look like an address or have a long number in them.
    """
    if looks_personal(words):
        raise PydanticCustomError(
            "personal_term",
            "a term is stored unencrypted for ever: it must not contain an address or a long number",
        )
    return words


_LONG_NUMBER = re.compile(r"\d(?:[ ./-]?\d){6,}")
"""Seven digits or more, as in the number of a telephone, card or passport."""

RECORDED = "recorded"
"""Set in the validation context of what is read from the log, where nothing new is decided."""
_SENTENCE = re.compile(r"[\n\r!?;\"“”„«»。！？；]|\.\s+\S")  # noqa: RUF001 - Chinese punctuation is meant
"""Signs of whole sentences: line breaks, their punctuation, quotation marks, or a full stop before another word."""


def is_sentence(words: str) -> bool:
    """Return True if a text has the signs of whole sentences, which a code has not."""
    return _SENTENCE.search(words) is not None


def _no_sentence(words: str, info: ValidationInfo) -> str:
    if is_sentence(words) and not (info.context or {}).get(RECORDED):
        raise PydanticCustomError(
            "sentence_for_term",
            "a term is a code such as 'late delivery', not a sentence: write it without line breaks, quotation marks,"
            " ! ? ; and inner full stops",
        )
    return words


Term = Annotated[Label, AfterValidator(without_personal_data), AfterValidator(_no_sentence)]
"""A label that is stored unencrypted and compared or counted, such as a topic or a cause.

It is a code, not words about a person. Text that looks like an address, a telephone number or a sentence is refused.
"""
Text = Annotated[str, StringConstraints(min_length=1, max_length=10_000, pattern=_NO_NUL)]
ClearText = Annotated[Text, AfterValidator(without_personal_data)]
"""Text about no customer, which is stored unencrypted.

Text that looks like an address or a telephone number is refused.
"""
_Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_NO_NUL)]

Personal = Annotated[str, msgspec.Meta(extra={"personal": True})]
"""A field of an event that holds personal data. The log stores it encrypted under the customer's own key."""
SealedSince = Annotated[str, msgspec.Meta(extra={"personal": True, "once_clear": True})]
"""A personal field that older versions stored unencrypted. Those events stay readable and unchanged.

For an erased customer the rest of the event is recorded, and the field holds `[erased]`.
"""
PolicyNumber = Annotated[int, msgspec.Meta(extra={"policy": True})]
"""A field of an event that names the adopted policy that decided it. `verify` checks that it was adopted before."""

CHANNELS = (
    "web", "app", "official_account", "social", "phone", "email", "message", "service_centre", "on_site", "partner",
    "post", "fax",
)  # fmt: skip
"""Every channel."""
Channel = Annotated[str, StringConstraints(pattern=f"^({'|'.join(CHANNELS)})$")]
"""The channel through which the business and the customer met."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
"""Business times lie between these two.

Times outside are placeholders of other systems (0001-01-01, 9999-12-31). A deadline or an expiry computed from one of
those would leave the calendar.
"""
_AMOUNT_MAX = 10**15
_DIGITS_MAX = 20
_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)
"""A context in which decimals are never rounded; the default context silently rounds to 28 digits."""


def to_micros(moment: datetime) -> int:
    """Return an aware datetime as UTC microseconds since 1970, exactly.

    Raises:
        InvalidInput: The datetime is naive.
    """
    try:
        return (moment - _EPOCH) // _MICROSECOND
    except TypeError:  # no zone, or a zone without an offset
        raise InvalidInput(
            f"{moment.isoformat()} has no time zone", code="naive_datetime", hint="Give an aware datetime"
        ) from None


def from_micros(micros: int) -> datetime:
    """Return UTC microseconds since 1970 as an aware datetime in UTC."""
    return _EPOCH + timedelta(microseconds=micros)


class Money(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An amount in the minor unit of its currency: `Money(1230, "EUR")` is twelve euros thirty.

    Args:
        amount: Minor units, from -10^15 to 10^15.
        currency: ISO 4217 code.
    """

    amount: int
    currency: str

    @classmethod
    def of(cls, amount: str | int | Decimal, currency: str) -> Self:
        """Return money from a decimal amount, exactly.

        Raises:
            InvalidInput: The amount is not a finite number or has more decimals than the currency, or the currency is
                unknown.
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
                f"{amount} has more decimals than {currency} allows ({digits})",
                code="invalid_amount",
                field="amount",
                hint="Round the amount first",
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
        """The amount in major units, with the currency's number of decimals."""
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
                msg = 'money must be an object such as {"amount": 1230, "currency": "EUR"}, in minor units'
                raise ValueError(msg)
            if not isinstance(amount, int) or isinstance(amount, bool) or not isinstance(currency, str):
                msg = "the amount of money must be a whole number of minor units, and its currency a string"
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
    """One part of a purchase's payment.

    Attributes:
        kind: The means of payment, in the host's own words, such as `card`, `points` or `gift_card`.
        amount: The amount paid with it, above zero.
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
    # The amount itself is left out: Python refuses to print a number with thousands of digits.
    return InvalidInput(
        f"an amount must be between -{_AMOUNT_MAX} and {_AMOUNT_MAX} minor units", code="invalid_amount", field="amount"
    )


_SHOWN = 60
_PYDANTIC_TYPES = frozenset(get_args(core_schema.ErrorType))
"""The kinds of errors that are pydantic's own; the others are codes of this package, such as `negative_amount`."""


def shown(found: Any) -> str:
    """Return a value as messages quote it: money as people write it, texts not longer than a line."""
    if isinstance(found, Money):
        return str(found).replace("-", "\N{MINUS SIGN}")
    text = found if isinstance(found, str) else str(found)
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")


def plainly(said: str) -> str:
    """Return what pydantic says of a value without words about its own working, to follow the name of a field."""
    said = said.removeprefix("Value error, ").removeprefix("Assertion failed, ").removeprefix("Input ")
    return said.partition(", unable to ")[0]


def invalid_value(cls: type[BaseModel], error: ValidationError) -> InvalidInput:
    """Return the first mistake in the values of a command, or of a part of a policy, as an error for people."""
    found = error.errors(include_url=False, include_context=False)
    # A misspelt field is both unknown and missing: its name says more.
    first = next((each for each in found if each["type"] == "extra_forbidden"), found[0])
    field = ".".join(str(part) for part in first["loc"])
    given, said, hint = shown(first["input"]), plainly(first["msg"]), None
    match first["type"]:
        case "missing":
            reason = f"{cls.__name__} needs it, and it is missing"
            hint = f"Give {field}"
        case "string_pattern_mismatch" if ID_PATTERN in said:
            reason = f"{given} is not an id: 1 to 64 of letters, digits and . _ : -"
            hint = "Leave out spaces and other characters"
        case "string_pattern_mismatch":
            reason = f"{given} does not have the form that {cls.__name__} needs"
            hint = f"Match the pattern {said.partition(' pattern ')[2]}"
        case "timezone_aware":
            reason = f"{given} has no time zone"
            hint = "Add the zone: 2024-05-01T10:00:00Z, or in Python datetime(2024, 5, 1, 10, tzinfo=UTC)"
        case "extra_forbidden":
            reason = f"{cls.__name__} has no such field"
            close = difflib.get_close_matches(field.rpartition(".")[2], cls.model_fields, 1)
            hint = f"Did you mean {close[0]}?" if close else f"The fields are: {', '.join(cls.model_fields)}"
        case "literal_error" | "enum":
            reason = f"{given} is not one of {said.removeprefix('should be ')}"
        case _ if said.startswith("should be "):
            reason = f"{given} is not {said.removeprefix('should be ')}"
        case _:
            reason = f"{said} (given: {given})" if field else said
    known = first["type"] in _PYDANTIC_TYPES
    code = f"invalid_{(field or cls.__name__).split('.')[0]}".lower() if known else first["type"]
    return InvalidInput(reason, code=code, field=field or cls.__name__, hint=hint)


if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass as _Type
else:

    class _Type(type(BaseModel)):
        def __new__(mcs, *args: Any, **options: Any) -> Any:
            return super().__new__(mcs, *args, **{"defer_build": True, **options})

        def __call__(cls, /, *args: Any, **values: Any) -> Any:
            if args:
                return super().__call__(*args, **values)  # explains that values are given by name
            try:
                return cls.__pydantic_validator__.validate_python(values)
            except ValidationError as error:
                raise invalid_value(cls, error) from None


class Checked(BaseModel, metaclass=_Type):
    """Values that are checked when they are put together: a command, or a part of a policy.

    A wrong value in a call of the class raises `InvalidInput`, with the field and what would be right. Only
    pydantic's own methods, such as `model_validate`, raise pydantic's `ValidationError`. What checks the values of a
    class is built when the first of them are put together.
    """

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        """Let adapters of the class be built at once: FastAPI does more around the making of its own."""
        super().__pydantic_init_subclass__(**options)
        cls.model_config = {**cls.model_config, "defer_build": False}


class Command(Checked):
    """A request to record or change something.

    Attributes:
        occurred_at: Business time, with a zone, from 1900 to 2199: when it happened, or should happen.
        command_id: The caller's own key. The same id again returns the first receipt and writes nothing. Generated if
            absent.
        actor: Who sends it: a user, a system or an import.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    added: ClassVar[frozenset[str]] = frozenset()
    """Optional fields of later versions. At their defaults they are left out of the command's fingerprint. A command
    that an older version recorded is thus recognised when it is sent again."""

    occurred_at: Annotated[AwareDatetime, Field(ge=_EARLIEST, lt=LATEST)]
    command_id: _Name | None = None
    actor: _Name = "system"

    @property
    def stream(self) -> str:
        """The stream in which this command is decided, such as `customer-c42`."""
        raise NotImplementedError

    @property
    def follows(self) -> str:
        """The command that this one always follows; empty if callers send it.

        Such a command is decided as a reaction to the other's events. Sent alone it would record only half of a
        transaction, such as points that nobody gave.
        """
        return ""

    @property
    def at(self) -> int:
        """`occurred_at` in UTC microseconds."""
        return (self.occurred_at - _EPOCH) // _MICROSECOND  # it was checked to have a zone


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The body of an event. Subclasses set their `topic`, and their `schema` once it is above 1.

    Attributes:
        topic: The short name that the log stores and that never changes, such as `complaint.filed`.
        schema: The version of the body's form. Whenever the form changes it is raised, and an upcast is added.
        upcasts: For events of a host: by old schema, the function from a body of that schema to one of the next.
    """

    topic: ClassVar[str] = ""
    schema: ClassVar[int] = 1
    upcasts: ClassVar[Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]]] = {}


class Envelope(JsonForm, msgspec.Struct, frozen=True, gc=False):
    """Everything that a rule or a fold may know about an event besides its body.

    Attributes:
        position: Its position in the log, from 1, without gaps.
        stream: The aggregate's stream, such as `complaint-k7`.
        version: Its position in the stream, from 1.
        customer: The customer whose history it belongs to; empty if there is none.
        occurred_at: Business time, UTC microseconds.
        recorded_at: When the log recorded it, UTC microseconds.
    """

    position: int
    stream: str
    version: int
    customer: str
    occurred_at: int
    recorded_at: int

    @property
    def id(self) -> str:
        """The aggregate's id: the stream's name without its kind."""
        return self.stream.partition("-")[2]


class RecordedEvent(Envelope, frozen=True, kw_only=True, gc=False):
    """An event as stored in the log.

    Attributes:
        topic: The event's stable name.
        schema: The version of the body's form as stored; `event` always has the newest form.
        actor: Who sent the command.
        command_id: The command that led to it.
        command_seq: Its index among that command's events, from 0.
        cause: For reactions, `stream@version` of the event that led to it.
        event: The body.
        digest: Its link in the chain, a SHA-256 digest.
    """

    topic: str
    schema: int
    actor: str
    command_id: str
    command_seq: int
    cause: str | None
    event: Event
    digest: bytes
