"""Normal forms for comparing e-mail addresses, phone numbers and names.

None of these forms is stored, except as keyed digests. The log keeps the original values; they are normalised when
they are compared.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Literal

from relations.extras import Later

if TYPE_CHECKING:
    import phonenumbers
else:
    phonenumbers = Later("phonenumbers")

__all__ = ["form_versions", "same_birthday", "same_email", "same_first_name", "same_name", "same_phone"]

_VERSION = 1
"""Raised when a normal form changes, so that digests of earlier ones are not compared with those of later ones."""
_KANA_MARKS = "\u3099\u309a"
"""Japanese marks that change the sound of a letter, and so the name."""
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "\u0131": "i", "þ": "th"})
"""Letters that Unicode does not decompose."""
_LEFT_OUT = dict.fromkeys(map(ord, "'\u2019."))
"""Signs that do not divide a name: O'Connor and OConnor, J.R. and JR."""
_ASCII_WORD = re.compile("[a-z0-9]+")
_IDEOGRAPHIC = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL")
_ABROAD = "00"
"""The prefix for dialling abroad in most countries."""
_MEXICO = 52
_MEXICAN_MOBILE = re.compile("(?:1|044|045)?([0-9]{10})")
"""Until 2019 Mexican mobiles were written with 1 after the country code, or dialled with 044 or 045."""
_DIGITS_MIN, _DIGITS_MAX = 5, 15


def form_versions() -> str:
    """Return the versions of everything that normal forms depend on."""
    return f"{_VERSION} {phonenumbers.__version__} {unicodedata.unidata_version}"


def _folded(text: str, form: Literal["NFKC", "NFKD"]) -> str:
    """Return a text without case, normalised again until nothing changes."""
    # Normalising can produce a capital that case folding does not change, and folding can produce a composed letter.
    while (folded := unicodedata.normalize(form, unicodedata.normalize(form, text).casefold())) != text:
        text = folded
    return text


def same_email(address: str) -> str:
    """Return an e-mail address for comparison, in lower case, because all large providers ignore case.

    Dots, and a plus sign with its suffix, stay, because their meaning depends on the provider.
    """
    return _folded(address, "NFKC").strip()


def same_phone(number: str, region: str | None = None) -> str | None:
    """Return a phone number in the form of ITU-T E.164, such as `+4315550199`.

    An extension follows as in RFC 3966, `+4315550199;ext=12`, because it distinguishes two people at one switchboard.

    Args:
        number: The number as it was written.
        region: The region in which it is dialled, if the number does not name a country (ISO 3166, such as AT).

    Returns:
        The number; None if neither it nor the region names a country, or if no number has this length. An unassigned
        country code is kept if the length is possible. The number is first read as dialled in the region. Only if that
        is not a valid number does a leading 00 count as the plus sign.
    """
    known = region.upper() if region and region.upper() in phonenumbers.SUPPORTED_REGIONS else None
    stripped = number.strip()
    read = [_parsed(stripped, known)]
    if stripped.startswith(_ABROAD):
        stripped = "+" + stripped.removeprefix(_ABROAD)
        read.append(_parsed(stripped, None))
    dialled = [each for each in read if each is not None]
    found = next(filter(phonenumbers.is_valid_number, dialled), None)
    if found is None:
        # A number dialled like a call abroad is one, if it is not a valid number in the region.
        found = next(filter(phonenumbers.is_possible_number, reversed(dialled)), None)
    if found is not None:
        extension = f";ext={found.extension}" if found.extension else ""
        return phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164) + extension
    digits = "".join(character for character in stripped if character.isdecimal())
    spelled = read[-1] is None and stripped.startswith("+") and _DIGITS_MIN <= len(digits) <= _DIGITS_MAX
    return f"+{digits}" if spelled else None


def _parsed(number: str, region: str | None) -> phonenumbers.PhoneNumber | None:
    try:
        found = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None
    if found.country_code == _MEXICO:
        mobile = _MEXICAN_MOBILE.fullmatch(phonenumbers.national_significant_number(found))
        if mobile is not None:
            found.national_number = int(mobile[1])
            found.italian_leading_zero = None
    return found


def same_name(name: str) -> str:
    """Return a person's name without case, accents, hyphens and full stops, its parts in alphabetical order.

    Chinese, Japanese and Korean names are compared character by character, because many people write no space between
    the parts.
    """
    return " ".join(sorted(_ascii_words(name) if name.isascii() else _words(name)))


def _ascii_words(name: str) -> list[str]:
    """Return the same as `_words` for a name in ASCII, in which nothing has to be normalised."""
    return _ASCII_WORD.findall(name.lower().translate(_LEFT_OUT))


def _words(name: str) -> list[str]:
    """Return the parts of a name in their normal form."""
    apart = _folded(name, "NFKD").translate(_LETTERS)
    bare = "".join(letter for letter in apart if letter in _KANA_MARKS or not unicodedata.combining(letter))
    words: list[str] = [""]
    for letter in unicodedata.normalize("NFC", bare):
        if not letter.isalnum():
            if ord(letter) not in _LEFT_OUT:
                words.append("")
        elif not letter.isascii() and unicodedata.name(letter, "").startswith(_IDEOGRAPHIC):
            words += [letter, ""]
        else:
            words[-1] += letter
    return [word for word in words if word]


def same_first_name(one: str, other: str) -> bool:
    """Return whether two names can belong to the same person, judging by their first names.

    Middle names, the order, initials and the family name make no difference. Chinese, Japanese and Korean names must be
    the same, except that characters may be left out.
    """
    words, others = set(same_name(one).split()), set(same_name(other).split())
    if not words or not others or words <= others or others <= words:
        return True
    first, second = _first_name(one), _first_name(other)
    if _is_ideographic(first) or _is_ideographic(second):
        return False
    return _is_among(first, others) or _is_among(second, words)


def _first_name(name: str) -> str:
    """Return the first name in its normal form: the part after a comma, or else the first word."""
    _, comma, given = name.partition(",")
    return next((same_name(part) for part in (given if comma else name).split() if same_name(part)), "")


def _is_ideographic(word: str) -> bool:
    return bool(word) and unicodedata.name(word[0], "").startswith(_IDEOGRAPHIC)


def _is_among(word: str, words: set[str]) -> bool:
    return word in words or any(
        short == long[:1] for each in words for short, long in ((word, each), (each, word)) if len(short) == 1
    )


def same_birthday(one: str, other: str) -> bool:
    """Return whether two birthdays can belong to the same person; either may lack the year, as `--02-29`."""
    if one.startswith("--") or other.startswith("--"):
        return one[-5:] == other[-5:]
    return one == other
