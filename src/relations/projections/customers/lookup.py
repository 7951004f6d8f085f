"""Finding customers by a name, an address, a number or an id in another system.

Words are sealed, so they are found by their marks (`relations.log.people.marks`). A mark may be shared, and is kept for
words that were corrected since. So the present words of every candidate are compared before they count as found.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from relations.aggregates.customer import CustomerRegistered, ProfileCorrected
from relations.errors import InvalidInput
from relations.json_form import ViewAnswer
from relations.messages import Event
from relations.projections.customers.matching import same_email, same_name, same_phone

__all__ = ["Criterion", "FoundCustomer", "guessed", "matches", "paged", "wanted_words", "words_of"]

Criterion = Literal["name", "email", "phone", "external_id"]
Word = tuple[str, str]

_PAGE_LEAST = 50
_SHORT, _LONG = 4, 7
"""A telephone number is found by its last digits: this many, or this many if more are given."""
_SPELT_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})
_EXTENSION = re.compile(r"(;ext=| *ext\.? *| *x *| *# *)[0-9]{1,7}$", re.IGNORECASE)


class FoundCustomer(ViewAnswer):
    """A customer who was found.

    Attributes:
        customer: The surviving id, which views answer for.
        matched_id: The id under which the words were recorded; the same, unless ids were merged.
        name: The name recorded under that id.
        email: The e-mail address recorded under it.
        phone: The phone number recorded under it.
    """

    customer: str
    matched_id: str
    name: str | None = None
    email: str | None = None
    phone: str | None = None


def words_of(event: Event) -> Iterator[Word]:
    """Yield the normalised words of an event by which its customer can be found."""
    if not isinstance(event, (CustomerRegistered, ProfileCorrected)):
        return
    if event.email is not None:
        yield "email", same_email(event.email)
    if event.phone is not None:
        digits, significant = _digits(event.phone)
        yield "phone", digits[-_SHORT:]
        if len(significant) >= _LONG:
            yield "phone", significant[-_LONG:]
    if event.name is not None:
        for word in _spellings(event.name):
            yield "name", word


def wanted_words(kind: Criterion, text: str) -> list[Word]:
    """Return the words whose marks a customer has who is to be found.

    Raises:
        InvalidInput: The text has no letter, or a number has fewer than four digits.
    """
    if kind == "email":
        return [("email", same_email(text))]
    if kind == "phone":
        digits, significant = _digits(text)
        if len(digits) < _SHORT:
            raise InvalidInput(
                f"a telephone number is found by at least {_SHORT} of its last digits",
                code="too_few_digits",
                field="phone",
                hint="Give more digits",
            )
        return [("phone", significant[-_LONG:] if len(significant) >= _LONG else digits[-_SHORT:])]
    words = same_name(text).split()
    if not words:
        raise InvalidInput(
            "the name has no letter", code="empty_name", field="name", hint="Give at least one part of the name"
        )
    return [("name", word) for word in dict.fromkeys(words)]


def matches(kind: Criterion, text: str, known: str, country: str | None) -> bool:
    """Return whether a recorded name, address or number is the one that was asked for.

    A name has all parts of the one asked for, in any order, without regard to case and accents. A number is the same in
    E.164, or one ends with the other.
    """
    if kind == "email":
        return same_email(known) == same_email(text)
    if kind == "name":
        return set(same_name(text).split()) <= _spellings(known)
    full = same_phone(text, country)
    if full is not None and full == same_phone(known, country):
        return True
    (asked, significant), (have, have_significant) = _digits(text), _digits(known)
    return (
        have.endswith(asked)
        or (len(significant) >= _LONG and have.endswith(significant))
        or (len(have_significant) >= _LONG and asked.endswith(have_significant))
    )


def guessed(text: str) -> Criterion:
    """Return the kind of a text that a person typed: an address, a number, or a name."""
    if "@" in text:
        return "email"
    return "phone" if re.fullmatch(r"\+?[0-9 ()./-]+", text.strip()) and len(_digits(text)[0]) >= _SHORT else "name"


def _digits(number: str) -> tuple[str, str]:
    """Return the digits of a number without its extension, and the same without the zeros of a prefix."""
    bare = _EXTENSION.sub("", number.strip())
    digits = "".join(str(unicodedata.digit(each)) for each in bare if each.isdecimal())
    return digits, digits.lstrip("0")


def _spellings(name: str) -> set[str]:
    """Return the parts of a name, also with German and Nordic letters spelt out: müller is muller and mueller."""
    words = {*same_name(name).split()}
    return words if name.isascii() else words.union(same_name(name.casefold().translate(_SPELT_OUT)).split())


def paged(
    candidates: Callable[[str, int], list[str]],
    confirmed: Callable[[Sequence[str]], Iterator[FoundCustomer]],
    limit: int,
) -> list[FoundCustomer]:
    """Return the first customers whose words are right, taking candidates page by page."""
    size = max(limit, _PAGE_LEAST)
    found: dict[str, FoundCustomer] = {}
    after = ""
    while len(found) < limit:
        page = candidates(after, size)
        for each in confirmed(page):
            found.setdefault(each.customer, each)
        if len(page) < size:
            break
        after = page[-1]
    return list(found.values())[:limit]
