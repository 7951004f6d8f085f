"""The meaning of a currency does not depend on the version of a package."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from iso4217 import Currency

from relations import InvalidInput, Money, Policy, RecordPurchase, Relations
from relations.aggregates.customer import PurchaseRecorded
from relations.currencies import last_day_of, minor_digits, withdrawn


def test_all_currencies_of_the_installed_list_are_pinned_with_its_digits() -> None:
    listed = {each.code: each.exponent for each in Currency if each.exponent is not None}
    assert len(listed) > 150
    assert {code: minor_digits(code) for code in listed} == listed


@pytest.mark.parametrize(
    ("code", "digits", "last"),
    [("HRK", 2, "2023-01-14"), ("BGN", 2, "2026-01-31"), ("ITL", 0, "2002-02-28"), ("LTL", 2, "2015-01-15")],
)
def test_withdrawn_currencies_are_known(code: str, digits: int, last: str) -> None:
    assert minor_digits(code) == digits
    assert str(last_day_of(code)) == last
    assert code in withdrawn()
    assert last_day_of("EUR") is None


def test_withdrawn_currencies_without_a_minor_unit_are_these() -> None:
    """As ISO 4217 had them; Java's `Currency` has the same digits."""
    whole = {code for code in withdrawn() if minor_digits(code) == 0}
    assert whole == {"ADP", "BEF", "BYB", "BYR", "ESP", "GRD", "ITL", "LUF", "MGF", "PTE", "ROL", "TPE", "TRL"}
    assert {minor_digits(code) for code in withdrawn() - whole} == {2}


def test_a_withdrawn_currency_needs_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """BGN is in iso4217 1.14 and gone in 1.16; with this module neither is asked."""

    def ask(code: str) -> Currency:
        raise AssertionError(code)

    monkeypatch.setattr("relations.currencies.iso4217.Currency", ask)
    minor_digits.cache_clear()
    assert [minor_digits(code) for code in ("BGN", "HRK", "EUR", "JPY", "KWD")] == [2, 2, 2, 0, 3]
    minor_digits.cache_clear()


def test_a_history_in_withdrawn_currencies_is_recorded_and_can_be_verified(either_url: str) -> None:
    bought = [("HRK", datetime(2022, 7, 1, tzinfo=UTC)), ("BGN", datetime(2025, 7, 1, tzinfo=UTC))]
    with Relations.open(either_url) as engine:
        engine.adopt(Policy(currency="BGN"), from_beginning=True)
        for number, (code, at) in enumerate(bought):
            engine.execute(
                RecordPurchase(
                    customer="c1", purchase=f"p{number}", amount=Money.of("12.30", code), channel="web", occurred_at=at
                )
            )
        assert engine.policy.currency == "BGN"
    with Relations.open(either_url) as engine:
        assert engine.policy.currency == "BGN"
        bodies = [recorded.event for recorded in engine.history("c1")]
        assert [str(each.amount) for each in bodies if isinstance(each, PurchaseRecorded)] == ["12.30 HRK", "12.30 BGN"]
        assert engine.verify().problems == []


@pytest.mark.parametrize("code", ["HRK", "BGN"])
def test_nothing_is_bought_in_a_currency_after_its_last_day(code: str) -> None:
    last = last_day_of(code)
    assert last is not None
    at = datetime(last.year, last.month, last.day, 23, tzinfo=UTC)
    purchase = {"customer": "c1", "purchase": "p1", "amount": Money.of(1, code)}
    assert RecordPurchase(occurred_at=at, **purchase)
    with pytest.raises(InvalidInput, match=f"{code} is no longer in use"):
        RecordPurchase(occurred_at=at.replace(year=last.year + 1), **purchase)


@pytest.mark.parametrize("code", ["XAU", "XXX", "eur", "EURO", "", "ABC"])
def test_other_codes_are_refused(code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        minor_digits(code)
    assert caught.value.code == "unknown_currency"
