"""Notes on a customer, the cost of winning them, and their leaving and coming back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from relations.aggregates.customer import (
    AGGREGATE,
    AcquisitionCostRecorded,
    CultureNoted,
    CustomerLapsed,
    CustomerRegistered,
    CustomerWonBack,
    DropTrait,
    EraseCustomer,
    NoteCulture,
    NoteTrait,
    PurchaseRecorded,
    RecordAcquisitionCost,
    RecordLapse,
    RecordPurchase,
    RecordWinBack,
    TraitDropped,
    TraitNoted,
)
from relations.errors import InvalidInput
from relations.messages import Money
from relations.testing.scenario import Scenario

NOBODY = Scenario(AGGREGATE)


def day(number: int) -> datetime:
    return datetime(2024, 5, number, 12, tzinfo=UTC)


def note(at: int = 2, **fields: Any) -> NoteTrait:
    values: dict[str, Any] = {"trait": "preference", "about": "pillow", **fields}
    return NoteTrait(customer="c1", occurred_at=day(at), **values)


def drop(at: int = 5) -> DropTrait:
    return DropTrait(customer="c1", trait="preference", about="pillow", occurred_at=day(at))


def lapse(at: int, reason: str | None = "moved away") -> RecordLapse:
    return RecordLapse(customer="c1", reason=reason, occurred_at=day(at))


def test_a_trait_makes_known_and_holds_until_it_is_dropped() -> None:
    noted = NOBODY.when(note(words="hard, two of them")).then(CustomerRegistered, TraitNoted)
    assert "hard" not in repr(noted.state)
    noted.when(note(3)).then_nothing()
    noted.when(note(3, words="soft now")).then(TraitNoted)
    dropped = noted.when(drop()).then(TraitDropped)
    dropped.when(drop(6)).then_nothing()
    dropped.when(note(7)).then(TraitNoted)
    NOBODY.when(drop()).then_nothing()


def test_a_trait_noted_late_does_not_overturn_its_dropping() -> None:
    NOBODY.given(note(2), drop(5)).when(drop(8)).then_nothing()
    NOBODY.given(note(2), drop(5), note(4, words="harder")).when(drop(8)).then_nothing()


def test_only_needs_have_a_sort() -> None:
    NOBODY.when(note(trait="need", about="quiet", need="emotional")).then(CustomerRegistered, TraitNoted)
    misplaced: tuple[dict[str, Any], ...] = ({"trait": "need"}, {"trait": "taboo", "need": "social"})
    for fields in misplaced:
        with pytest.raises(InvalidInput) as refused:
            note(**fields)
        assert refused.value.code == "need_sort_misplaced"


def test_culture_says_at_least_one_thing() -> None:
    culture = NoteCulture(customer="c1", languages=("zh-Hant", "en"), customs="mid-autumn", occurred_at=day(2))
    noted = NOBODY.when(culture).then(CustomerRegistered, CultureNoted)
    assert "mid-autumn" not in repr(noted.state)
    with pytest.raises(InvalidInput) as refused:
        NoteCulture(customer="c1", occurred_at=day(2))
    assert refused.value.code == "nothing_noted"


def test_a_cost_is_recorded_once() -> None:
    cost = RecordAcquisitionCost(
        customer="c1", acquisition="a1", amount=Money(500, "EUR"), channel="social", occurred_at=day(1)
    )
    paid = NOBODY.when(cost).then(CustomerRegistered, AcquisitionCostRecorded)
    paid.when(cost).then_nothing()
    paid.when(cost.model_copy(update={"campaign": "spring"})).then_refused("acquisition_id_reused")


def test_a_lapse_is_news_once_and_only_who_left_is_won_back() -> None:
    back = RecordWinBack(customer="c1", campaign="letter", occurred_at=day(9))
    NOBODY.when(back).then_nothing()
    left = NOBODY.when(lapse(3)).then(CustomerRegistered, CustomerLapsed)
    left.when(lapse(4)).then_nothing()
    left.when(lapse(4, "prices")).then(CustomerLapsed)
    bought = RecordPurchase(customer="c1", purchase="p1", amount=Money(100, "EUR"), occurred_at=day(5))
    again = left.when(bought).then(PurchaseRecorded)
    again.when(lapse(4)).then_nothing()
    again.when(lapse(6)).then(CustomerLapsed).when(lapse(7)).then_nothing()
    won = left.when(back).then(CustomerWonBack)
    won.when(back).then_nothing()
    won.when(lapse(12)).then(CustomerLapsed)


def test_nothing_is_noted_of_who_was_erased_but_books_go_on() -> None:
    gone = NOBODY.given(note(2), EraseCustomer(customer="c1", occurred_at=day(3)))
    gone.when(note(4, about="tea")).then_refused("customer_erased")
    gone.when(NoteCulture(customer="c1", pace="slow", occurred_at=day(4))).then_refused("customer_erased")
    cost = RecordAcquisitionCost(customer="c1", acquisition="a1", amount=Money(5, "EUR"), occurred_at=day(4))
    gone.when(cost).then(AcquisitionCostRecorded)


def test_the_same_note_on_culture_is_taken_once() -> None:
    def culture(at: int, **fields: Any) -> NoteCulture:
        return NoteCulture(customer="c1", occurred_at=day(at), **fields)

    noted = NOBODY.when(culture(2, languages=("de", "en"), pace="slow")).then(CustomerRegistered, CultureNoted)
    noted.when(culture(2, languages=("de", "en"), pace="slow")).then_nothing()
    noted.when(culture(9, pace="slow")).then_nothing()
    noted.when(culture(1, pace="slow")).then(CultureNoted)
    noted.when(culture(9, languages=("en", "de"))).then(CultureNoted)
    worded = noted.when(culture(9, customs="no handshake")).then(CultureNoted)
    # What the words say is not known here: only the same moment makes it the same note.
    worded.when(culture(9, customs="no handshake")).then_nothing()
    worded.when(culture(10, customs="no handshake")).then(CultureNoted)
