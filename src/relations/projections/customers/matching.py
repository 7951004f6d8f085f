"""One form for what different people write differently, so that the same address, number or name is found to be one.

Nothing of this is stored: what was sent is kept as it is, and brought to these forms where it is compared.
"""

from __future__ import annotations

import unicodedata

import phonenumbers

__all__ = ["same_email", "same_name", "same_phone"]

_KANA_MARKS = "\u3099\u309a"
"""In Japanese these marks make another sound, and another name, of a letter."""
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "\u0131": "i", "þ": "th"})
"""Letters that Unicode does not take apart."""
_IDEOGRAPHIC = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL")
_ABROAD = "00"
"""What a country code is dialled behind in most of the world; no number within a country begins with it."""
_DIGITS_MIN, _DIGITS_MAX = 5, 15


def same_email(address: str) -> str:
    """An e-mail address for comparing: without regard to case, as every provider of note delivers it.

    Dots and what stands after a plus sign stay: what they mean is the provider's own affair.
    """
    return unicodedata.normalize("NFKC", address).strip().casefold()


def same_phone(number: str, region: str | None = None) -> str | None:
    """A telephone number in the form of ITU-T E.164, such as `+4315550199`.

    Args:
        number: As it was written.
        region: Where it is dialled if it does not say so itself (ISO 3166, such as AT).

    Returns:
        None where it says no country, and none is given; and where no number can be so long or so short. A country
        code that no country has is taken as it is, as long as the number is one by its length. 00 in front stands for
        the plus sign, wherever it is dialled.
    """
    stripped = number.lstrip()
    if stripped.startswith(_ABROAD):
        number = "+" + stripped.removeprefix(_ABROAD)
    known = region.upper() if region and region.upper() in phonenumbers.SUPPORTED_REGIONS else None
    try:
        parsed = phonenumbers.parse(number, known)
    except phonenumbers.NumberParseException:
        digits = "".join(character for character in number if character.isdecimal())
        spelled = number.lstrip().startswith("+") and _DIGITS_MIN <= len(digits) <= _DIGITS_MAX
        return f"+{digits}" if spelled else None
    if not phonenumbers.is_possible_number(parsed):
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def same_name(name: str) -> str:
    """A person's name without regard to case, accents, spaces, hyphens, full stops, and the order of its parts.

    Chinese, Japanese and Korean names are compared by their characters, for many write no space between the parts.
    """
    apart = unicodedata.normalize("NFKD", name.casefold()).translate(_LETTERS)
    bare = "".join(letter for letter in apart if letter in _KANA_MARKS or not unicodedata.combining(letter))
    words: list[str] = [""]
    for letter in unicodedata.normalize("NFC", bare):
        if not letter.isalnum():
            if letter not in "'\u2019.":  # O'Connor and OConnor, J.R. and JR
                words.append("")
        elif not letter.isascii() and unicodedata.name(letter, "").startswith(_IDEOGRAPHIC):
            words += [letter, ""]
        else:
            words[-1] += letter
    return " ".join(sorted(word for word in words if word))
