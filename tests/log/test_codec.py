from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations import Event, Money
from relations.aggregates import AGGREGATES
from relations.aggregates.maps import EMPTY, LayeredMap
from relations.errors import NewerLog, UndecodableEvent
from relations.log.codec import Codec, decode_state, encode_state, personal_fields
from relations.log.upcasts import UPCASTS, unchanged
from relations.messages import Envelope, Personal
from relations.projections.projection import CustomerRow, Projection, Rows
from relations.testing.laws import LawBroken, check_upcasts


class GreetingSent(Event, frozen=True):
    topic: ClassVar[str] = "test.greeting_sent"
    schema: ClassVar[int] = 3
    language: str
    words: Personal | None = None
    cost: Money | None = None


class CardWritten(Event, frozen=True):
    topic: ClassVar[str] = "test.card_written"
    by: Personal
    size: int = 0


def _with_language(form: dict[str, Any]) -> dict[str, Any]:
    return {**form, "language": form.pop("lang", "de")}


def _with_cost(form: dict[str, Any]) -> dict[str, Any]:
    cents = form.pop("cents", None)
    return form if cents is None else {**form, "cost": [cents, "EUR"]}


STEPS = {(GreetingSent.topic, 1): _with_language, (GreetingSent.topic, 2): _with_cost}
STORED: list[tuple[str, int, bytes, Event]] = [
    (GreetingSent.topic, 1, b"{}", GreetingSent(language="de")),
    (GreetingSent.topic, 1, b'{"lang":"it","cents":5}', GreetingSent(language="it", cost=Money(5, "EUR"))),
    (GreetingSent.topic, 2, b'{"language":"en","cents":7}', GreetingSent(language="en", cost=Money(7, "EUR"))),
    (GreetingSent.topic, 3, b'{"language":"fr","words":"x"}', GreetingSent(language="fr", words="x")),
    (CardWritten.topic, 1, b'{"by":"y"}', CardWritten(by="y")),
]


@pytest.fixture
def codec() -> Codec:
    return Codec([GreetingSent, CardWritten], STEPS)


@pytest.mark.parametrize(("topic", "schema", "body", "meant"), STORED)
def test_old_forms_are_read_as_the_newest(codec: Codec, topic: str, schema: int, body: bytes, meant: Event) -> None:
    assert codec.decode(topic, schema, body) == meant
    newest = codec.topics[topic].schema
    assert codec.decode(topic, newest, codec.encode(meant)) == meant


def test_bodies_to_which_only_fields_were_added_are_decoded_as_they_are() -> None:
    codec = Codec([GreetingSent], {(GreetingSent.topic, 1): _with_language, (GreetingSent.topic, 2): unchanged})
    known = codec.topics[GreetingSent.topic]
    assert list(known.readable) == [2, 3]
    body = b'{"language":"en","words":"x"}'
    assert codec.decode(GreetingSent.topic, 2, body) == known.decode(body) == GreetingSent(language="en", words="x")
    assert codec.decode(GreetingSent.topic, 1, b'{"lang":"it"}') == GreetingSent(language="it")


def test_a_newer_form_is_never_guessed_at(codec: Codec) -> None:
    with pytest.raises(NewerLog, match="schema 4"):
        codec.decode(GreetingSent.topic, 4, b'{"language":"de"}')


@pytest.mark.parametrize("schema", [0, -1])
def test_there_is_no_form_before_the_first(codec: Codec, schema: int) -> None:
    with pytest.raises(UndecodableEvent):
        codec.decode(GreetingSent.topic, schema, b"{}")


def test_an_unknown_topic_is_named(codec: Codec) -> None:
    with pytest.raises(UndecodableEvent, match=r"test\.dance"):
        codec.decode("test.dance", 1, b"{}")


@pytest.mark.parametrize("schema", [1, 2, 3])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b"null",
        b'{"language":7,"lang":7}',
        b"\xff",
        b'{"language":"\xff"}',
        b'"language"',
        b'{"cents":[]}',
    ],
)
def test_a_body_that_does_not_fit_is_undecodable_in_any_form(codec: Codec, schema: int, body: bytes) -> None:
    with pytest.raises(UndecodableEvent) as caught:
        codec.decode(GreetingSent.topic, schema, body)
    assert GreetingSent.topic in caught.value.reason


@given(st.sampled_from([1, 2, 3]), st.binary(max_size=40))
def test_any_bytes_are_read_or_undecodable(schema: int, body: bytes) -> None:
    codec = Codec([GreetingSent, CardWritten], STEPS)
    try:
        event: Event | None = codec.decode(GreetingSent.topic, schema, body)
    except UndecodableEvent:
        event = None
    assert event is None or isinstance(event, GreetingSent)


@pytest.mark.parametrize("error", [AttributeError("x"), IndexError("x"), ZeroDivisionError("x"), KeyError("x")])
def test_a_step_that_fails_makes_the_event_undecodable_and_not_the_engine(error: Exception) -> None:
    def failing(_form: dict[str, Any]) -> dict[str, Any]:
        raise error

    codec = Codec([GreetingSent], {**STEPS, (GreetingSent.topic, 1): failing})
    with pytest.raises(UndecodableEvent):
        codec.decode(GreetingSent.topic, 1, b"{}")


class SameTopic(Event, frozen=True):
    topic: ClassVar[str] = CardWritten.topic


class NoTopic(Event, frozen=True):
    pass


@pytest.mark.parametrize(
    ("events", "steps", "said"),
    [
        ([CardWritten, SameTopic], {}, "taken"),
        ([NoTopic], {}, "empty"),
        ([GreetingSent], {}, "no upcast from schema 1"),
        ([GreetingSent], {(GreetingSent.topic, 1): _with_language}, "no upcast from schema 2"),
    ],
)
def test_a_codec_that_makes_no_sense_is_not_made(events: Any, steps: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Codec(events, steps)


def test_every_step_belongs_to_an_event_and_leads_to_a_schema_that_there_is() -> None:
    schemas = {event.topic: event.schema for aggregate in AGGREGATES for event in aggregate.events}
    assert all(1 <= schema < schemas[topic] for topic, schema in UPCASTS)
    assert len(Codec(event for aggregate in AGGREGATES for event in aggregate.events).topics) > 25


def test_personal_fields_are_known_with_and_without_none() -> None:
    assert personal_fields(GreetingSent) == ("words",)
    assert personal_fields(CardWritten) == ("by",)
    assert personal_fields(NoTopic) == ()


# --- folding what was upcast ----------------------------------------------------------------------------------------


class Greeted(CustomerRow, gc=False):
    table: ClassVar[str] = "greeted"
    cents: int = 0

    def absorb(self, other: Any) -> None:
        raise AssertionError("nobody is merged here")


GREETINGS = Projection("greetings", 1, (Greeted,))


@GREETINGS.on(GreetingSent)
def _greeting_sent(rows: Rows, event: GreetingSent, at: Envelope) -> None:
    rows.need(Greeted, at.customer).cents += event.cost.amount if event.cost else 0


def test_folding_an_old_form_is_folding_the_new_one(codec: Codec) -> None:
    assert check_upcasts(codec, GREETINGS, STORED) == len(STORED)
    wrong = (GreetingSent.topic, 1, b'{"cents":5}', GreetingSent(language="de", cost=Money(6, "EUR")))
    with pytest.raises(LawBroken, match="upcasts to"):
        check_upcasts(codec, GREETINGS, [wrong])


# --- states ---------------------------------------------------------------------------------------------------------


class Item(msgspec.Struct, frozen=True, array_like=True):
    name: str
    count: int | None = None


class Shelf(msgspec.Struct, frozen=True):
    items: Mapping[str, Item] = EMPTY
    names: tuple[str, ...] = ()
    nested: Mapping[str, Mapping[str, int]] = EMPTY


_items = st.builds(Item, st.text(), st.none() | st.integers(-(2**60), 2**60))
shelves = st.builds(
    Shelf,
    items=st.dictionaries(st.text(), st.builds(Item, st.text(), st.none() | st.integers(-(2**60), 2**60))).map(
        LayeredMap
    ),
    names=st.lists(st.text()).map(tuple),
    nested=st.dictionaries(st.text(), st.dictionaries(st.text(), st.integers(0, 9)).map(LayeredMap)).map(LayeredMap),
)


@given(shelves)
def test_a_state_is_its_snapshot(shelf: Shelf) -> None:
    assert decode_state(encode_state(shelf), Shelf) == shelf


@given(shelves, st.randoms())
def test_equal_states_give_equal_bytes(shelf: Shelf, chance: Any) -> None:
    shuffled = list(shelf.items.items())
    chance.shuffle(shuffled)
    assert encode_state(msgspec.structs.replace(shelf, items=LayeredMap(dict(shuffled)))) == encode_state(shelf)


def test_a_state_holds_nothing_that_no_snapshot_can() -> None:
    with pytest.raises(NotImplementedError, match="object"):
        encode_state((object(),))
    with pytest.raises(msgspec.ValidationError):
        decode_state(b'{"items":{"a":["x","y"]}}', Shelf)


def test_every_aggregates_initial_state_can_be_kept() -> None:
    for aggregate in AGGREGATES:
        initial = aggregate.decider.initial
        assert decode_state(encode_state(initial), aggregate.state) == initial
