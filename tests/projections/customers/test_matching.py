"""The forms in which addresses, numbers and names are compared."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations.projections.customers.matching import (
    _ascii_words,
    _words,
    same_birthday,
    same_email,
    same_first_name,
    same_name,
    same_phone,
)


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


@given(st.text(st.characters(max_codepoint=127)))
def test_a_name_in_ascii_has_the_words_of_any_other(name: str) -> None:
    assert _ascii_words(name) == _words(name)


@pytest.mark.parametrize("name", ["\U0001d670", "\u0130", "\u03d2\u0301", "\uff21\u030a", "\u1e9e", "\u0345A"])
def test_a_name_is_folded_until_nothing_changes(name: str) -> None:
    assert same_name(name) == same_name(same_name(name)) == same_name(name.casefold())


@given(st.text(max_size=40))
def test_an_address_is_the_same_when_it_is_compared_again(address: str) -> None:
    assert same_email(same_email(address)) == same_email(address)


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
        ("0011 43 1 5550199", "AU", "+4315550199"),
        ("001 43 1 5550199", "HK", "+4315550199"),
        ("00700 43 1 5550199", "KR", "+4315550199"),
        ("001 43 1 5550199", "SG", "+4315550199"),
        ("001 43 1 5550199", "TH", "+4315550199"),
        ("002 43 1 5550199", "TW", "+4315550199"),
        ("0021 43 1 5550199", "BR", "+4315550199"),
        ("009 43 1 5550199", "CO", "+4315550199"),
        ("0061 2 9374 4000", "AU", "+61293744000"),
        ("00852 2345 6789", "HK", "+85223456789"),
        ("+52 1 55 1234 5678", None, "+525512345678"),
        ("+52 55 1234 5678", None, "+525512345678"),
        ("044 55 1234 5678", "MX", "+525512345678"),
        ("01 5550199 ext. 12", "AT", "+4315550199;ext=12"),
        ("+4315550199;ext=12", None, "+4315550199;ext=12"),
        ("01 5550199 x13", "AT", "+4315550199;ext=13"),
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


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Anna Huber", "Anna Maria Huber", True),
        ("Huber, Anna", "Anna Mayer", True),
        ("A. Huber", "Anna Huber", True),
        ("Anna Huber", "Bert Huber", False),
        ("Huber, Anna", "Huber, Bert", False),
        ("王伟", "王芳", False),
        ("王伟", "伟 王", True),
        ("", "Anna", True),
    ],
)
def test_first_names_speak_for_or_against(one: str, other: str, *, same: bool) -> None:
    assert same_first_name(one, other) is same
    assert same_first_name(other, one) is same


def test_birthdays_without_a_year_are_compared_by_the_day() -> None:
    assert same_birthday("1980-02-29", "--02-29")
    assert not same_birthday("1980-02-29", "1981-02-28")
    assert not same_birthday("--02-28", "--02-29")
