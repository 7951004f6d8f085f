"""The people that may be addressed: with their consent, after the quiet time, and with what has to be minded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from relations.json_form import ViewAnswer
from relations.projections.customers.portraits import SaidTrait

__all__ = ["ADDRESSES", "Addressee", "addressee", "speaks", "wanted_fields"]

ADDRESSES: Mapping[str, str] = {"email": "email", "phone": "phone", "message": "phone", "fax": "phone"}
"""The field of the profile that has the address of a channel. For the others the id has to do."""
_TABOO = "trait taboo "


class Addressee(ViewAnswer):
    """A customer who may be addressed.

    Attributes:
        customer: The surviving id, which views answer for.
        name: The name.
        address: The e-mail address or telephone number of the channel; None for a channel without one.
        language: The language in which to address them.
        taboos: The taboos to mind: the noted terms, and the words on culture.
    """

    customer: str
    name: str | None
    address: str | None
    language: str | None
    taboos: tuple[str, ...] = ()


def wanted_fields(channel: str, said: Iterable[Mapping[str, Sequence[SaidTrait]]]) -> set[str]:
    """Return the subjects of portraits that an addressee is made of."""
    taboos = {about for each in said for about in each if about.startswith(_TABOO)}
    address = ADDRESSES.get(channel)
    return {"name", "language", "culture taboos", *taboos, *([] if address is None else [address])}


def speaks(language: str | None, wanted: str | None) -> bool:
    """Return whether a language is the one wanted, or a variant of it: `zh` includes `zh-Hant`."""
    return wanted is None or (language is not None and (language == wanted or language.startswith(f"{wanted}-")))


def addressee(customer: str, channel: str, standing: Mapping[str, SaidTrait]) -> Addressee | None:
    """Return a customer to address; None if the channel needs an address that is not known."""
    said = {about: each.value for about, each in standing.items()}
    field = ADDRESSES.get(channel)
    address = None if field is None else said.get(field)
    if field is not None and address is None:
        return None
    taboos = [about.removeprefix(_TABOO) for about in sorted(said) if about.startswith(_TABOO)]
    words = said.get("culture taboos")
    return Addressee(
        customer=customer,
        name=said.get("name"),
        address=address,
        language=said.get("language"),
        taboos=(*taboos, *([] if words is None else [words])),
    )
