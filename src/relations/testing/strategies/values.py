"""Hypothesis strategies for the values that everything is made of: ids, moments, money, words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from relations.messages import Money, is_sentence, looks_personal

__all__ = ["channels", "ids", "labels", "moments", "moneys", "terms", "texts"]

CHANNELS = (
    "web", "app", "official_account", "social", "phone", "email", "message", "service_centre", "on_site", "partner",
    "post", "fax",
)  # fmt: skip
_CHARACTERS = st.characters(codec="utf-8", exclude_characters="\0")
_EARLIEST = datetime(2020, 1, 1)  # noqa: DTZ001 - Hypothesis wants bounds without a zone, and adds one
_LATEST = datetime(2030, 1, 1)  # noqa: DTZ001 - likewise
_ID_ALPHABET = "abcXYZ019._:-"
_ZONES = (UTC, timezone(timedelta(hours=8)), timezone(timedelta(hours=-3, minutes=-30)))


def ids(*, among: Sequence[str] | None = None) -> SearchStrategy[str]:
    """Return a strategy of ids: from a pool, or any that the engine accepts.

    Args:
        among: The pool.
    """
    if among is not None:
        return st.sampled_from(among)
    return st.text(_ID_ALPHABET, min_size=1, max_size=64)


def moments(*, earliest: datetime | None = None, latest: datetime | None = None) -> SearchStrategy[datetime]:
    """Return a strategy of aware datetimes in several zones, to the microsecond.

    Args:
        earliest: The first moment; the beginning of 2020 by default.
        latest: The last moment; the beginning of 2030 by default.
    """
    low = _EARLIEST if earliest is None else earliest.astimezone(UTC).replace(tzinfo=None)
    high = _LATEST if latest is None else latest.astimezone(UTC).replace(tzinfo=None)
    naive = st.datetimes(low, high)
    return st.builds(lambda moment, zone: moment.replace(tzinfo=UTC).astimezone(zone), naive, st.sampled_from(_ZONES))


def moneys(
    *, currencies: Sequence[str] = ("EUR", "JPY", "KWD"), smallest: int = 0, largest: int = 1_000_000
) -> SearchStrategy[Money]:
    """Return a strategy of money in currencies of different precision.

    Args:
        currencies: ISO 4217 codes.
        smallest: Minor units.
        largest: Minor units.
    """
    return st.builds(Money, st.integers(smallest, largest), st.sampled_from(currencies))


def channels() -> SearchStrategy[str]:
    """Return a strategy of every channel between business and customer."""
    return st.sampled_from(CHANNELS)


def labels(*, among: Sequence[str] = ("room", "restaurant", "spa")) -> SearchStrategy[str]:
    """Return a strategy of labels of the host: mostly from a pool, sometimes anything that is allowed.

    Args:
        among: The pool.
    """
    words = st.text(_CHARACTERS, min_size=1, max_size=80).filter(lambda text: text.strip() == text != "")
    return st.sampled_from(among) | words


def terms() -> SearchStrategy[str]:
    """Return a strategy of labels recorded in clear, without anything like an address, a phone number or a sentence."""
    return labels().filter(lambda text: not looks_personal(text) and not is_sentence(text))


def texts() -> SearchStrategy[str]:
    """Return a strategy of free text in any script, without surrogates, which no encoding can store."""
    return st.text(_CHARACTERS, min_size=1, max_size=60)
