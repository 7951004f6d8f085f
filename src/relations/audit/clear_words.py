"""Personal words in places that are never sealed: ids, terms, actors and command ids.

Nothing can recognise a name in a text. But the log knows each customer's own name, address and number. They are opened
and looked for in everything that the log stores unencrypted about the same customer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from relations.aggregates.customer import CustomerRegistered, IdentityLinked, ProfileCorrected
from relations.engine import Relations
from relations.log.personal import ERASED, UNREADABLE
from relations.messages import RecordedEvent

__all__ = ["ClearText", "clear_texts"]

_LETTERS_MIN: Final = 5
"""A word needs this many letters and digits: a short name is found in words that have nothing to do with it."""
_DIGITS_MIN: Final = 7
_NO_LETTER: Final = re.compile(r"[\W_]+")


class ClearText(msgspec.Struct, frozen=True):
    """A word of a customer that the log stores unencrypted.

    Attributes:
        position: The position of the event.
        customer: The customer's id.
        place: The column of the log (`customer`, `stream`, `actor`, `command_id`) or the field of the event.
        word: The kind of word: `name`, `email`, `phone`, `birthday` or `external_id`.
    """

    position: int
    customer: str
    place: str
    word: str


def clear_texts(engine: Relations) -> Iterator[ClearText]:
    """Look for the words of customers in everything that is stored unencrypted about them.

    The log is read twice. Words of erased customers cannot be looked for: run this before you erase somebody.

    Args:
        engine: The engine. Open it with the master key, if the keys are wrapped by one.

    Yields:
        The finds in order of position. An id is reported once for each customer.
    """
    words: dict[str, list[tuple[str, str]]] = {}
    for recorded in engine.events(of=[CustomerRegistered, ProfileCorrected, IdentityLinked]):
        known = words.setdefault(recorded.customer, [])
        known += [each for each in _words_of(recorded.event) if each not in known]
    if not any(words.values()):
        return
    reported: set[tuple[str, str]] = set()
    for recorded in engine.events():
        for place, text in _clear_places(engine, recorded):
            plain = _letters(text)
            for kind, word in words.get(recorded.customer, ()):
                if word not in plain:
                    continue
                if place in ("customer", "stream"):
                    if (recorded.customer, text) in reported:
                        continue
                    reported.add((recorded.customer, text))
                yield ClearText(recorded.position, recorded.customer, place, kind)
                break


def _words_of(event: Any) -> Iterator[tuple[str, str]]:
    for kind in ("name", "email", "phone", "birthday", "external_id"):
        text = getattr(event, kind, None)
        if text is None or text in (ERASED, UNREADABLE):
            continue
        found = [text]
        if kind == "name":
            found += text.split()
        elif kind == "email":
            found.append(text.partition("@")[0])
        for each in found:
            plain = _letters(each)
            if kind == "phone":
                plain = plain[-9:]  # with or without the code of the country
            if len(plain) >= (_DIGITS_MIN if plain.isdecimal() else _LETTERS_MIN):
                yield kind, plain


def _letters(text: str) -> str:
    return _NO_LETTER.sub("", text).casefold()


def _clear_places(engine: Relations, recorded: RecordedEvent) -> Iterator[tuple[str, str]]:
    for column in ("customer", "stream", "actor", "command_id"):
        yield column, getattr(recorded, column)
    topic = engine.codec.topics.get(recorded.topic)
    if topic is None:
        return
    for name in recorded.event.__struct_fields__:
        if name in topic.personal:
            continue
        value = getattr(recorded.event, name)
        if isinstance(value, str):
            yield name, value
        elif isinstance(value, tuple):
            yield from ((name, each) for each in value if isinstance(each, str))
