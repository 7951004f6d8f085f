"""The forms in which addresses, numbers and names are compared."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations.projections.customers.matching import same_email, same_name, same_phone


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Anna Müller", "MULLER, Anna"),
        ("José  María Núñez", "nunez jose maria"),
        ("Jean-Luc Weiß", "Weiss Jean Luc"),
        ("Aoife O'Connor", "OConnor Aoife"),
        ("J. R. Łoś", "Los, R J"),
        ("王伟", "伟 王"),
        ("佐藤さくら", "さくら　佐藤"),
        ("\u00c5sa", "A\u030asa"),
    ],
)
def test_one_name_in_two_spellings(one: str, other: str) -> None:
    assert same_name(one) == same_name(other) != ""


@pytest.mark.parametrize(
    ("one", "other"), [("Anna Huber", "Anne Huber"), ("原はら", "原ばら"), ("王伟", "王玮"), ("An Na", "Anna")]
)
def test_two_names(one: str, other: str) -> None:
    assert same_name(one) != same_name(other)


@given(st.text(max_size=40), st.randoms(use_true_random=False))
def test_a_name_is_the_same_in_any_order_and_when_it_is_compared_again(name: str, random: st.DataObject) -> None:
    parts = name.split()
    random.shuffle(parts)  # type: ignore[attr-defined]  # Random, as hypothesis draws it
    assert same_name(" ".join(parts)) == same_name(name)
    assert same_name(same_name(name)) == same_name(name)


@pytest.mark.parametrize(
    ("written", "region", "number"),
    [
        ("+43 1 5550199", None, "+4315550199"),
        ("+43 (0)1 555-01 99", None, "+4315550199"),
        ("01 / 555 01 99", "AT", "+4315550199"),
        ("0043 1 5550199", "AT", "+4315550199"),
        ("0043 1 5550199", "at", "+4315550199"),
        ("0043660/1234567", None, "+436601234567"),
        (" 00 43 660 1234567", None, "+436601234567"),
        ("0043660/1234567", "US", "+436601234567"),
        ("0099915550199", None, "+99915550199"),
        ("138 0013 8000", "CN", "+8613800138000"),
        ("01 555 01 99", None, None),
        ("01 555 01 99", "Tyrol", None),
        ("+43 1", None, None),
        ("+999 1 5550199", None, "+99915550199"),
    ],
)
def test_numbers_are_compared_in_the_form_of_e164(written: str, region: str | None, number: str | None) -> None:
    assert same_phone(written, region) == number


def test_addresses_differ_in_more_than_case() -> None:
    assert same_email("Ada.L@Example.ORG") == same_email("ada.l@example.org")
    assert same_email("ada.l@example.org") != same_email("adal@example.org")
