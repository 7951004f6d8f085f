from __future__ import annotations

from itertools import pairwise
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations import Event, Money
from relations.aggregates.customer import CustomerErased, PurchaseRecorded
from relations.log import Codec
from relations.messages import Envelope
from relations.policies.calendars import local_time
from relations.projections import CustomerRow, Projection, Rows
from relations.projections.projection import Folds
from relations.projections.running.folding import COLUMNS, Folding


class Seen(CustomerRow, gc=False):
    table: ClassVar[str] = "seen"
    positions: tuple[int, ...] = ()

    def absorb(self, other: Any) -> None:
        raise AssertionError("nobody is merged here")


class Told(Event, frozen=True):
    topic: ClassVar[str] = "test.told"
    schema: ClassVar[int] = 2
    words: str


def _stumble(form: dict[str, Any]) -> dict[str, Any]:
    if "stumble" in form:
        raise LookupError("over a stone")
    return {"words": form["text"]}


CODEC = Codec([PurchaseRecorded, CustomerErased, Told], {(Told.topic, 1): _stumble})


def seeing(name: str, *events: type[Event], fails_at: int | None = None) -> Projection:
    projection = Projection(name, 1, (Seen,))

    @projection.on(*events)
    def see(rows: Rows, _event: Event, at: Envelope) -> None:
        if at.position == fails_at:
            raise ZeroDivisionError(f"at {at.position}")
        row = rows.need(Seen, at.customer)
        row.positions = (*row.positions, at.position)

    return projection


def row_of(position: int, topic: str, body: bytes, schema: int = 1, customer: str = "c1") -> tuple[Any, ...]:
    values = {
        "position": position,
        "stream": f"customer-{customer}",
        "version": position,
        "topic": topic,
        "schema": schema,
        "customer": customer,
        "occurred_at": 0,
        "recorded_at": 0,
        "body": body,
    }
    return tuple(values[name] for name in COLUMNS)


BOUGHT = CODEC.encode(PurchaseRecorded(purchase="p", amount=Money(5, "EUR")))
ERASED = CODEC.encode(CustomerErased(reason="asked"))


def folding_of(*projections: Projection) -> Folding:
    return Folding(CODEC, projections, local_time("UTC"))


def seen(folding: Folding, name: str) -> list[int]:
    return [position for row in folding.rows[name].tables[Seen].values() for position in row.positions]


PAGE = [
    row_of(1, "customer.purchase_recorded", BOUGHT),
    row_of(2, "customer.erased", ERASED),
    row_of(3, "somebody.elses", b"\xff not ours"),
    row_of(4, "test.told", b'{"text":"old"}', 1),
    row_of(5, "customer.purchase_recorded", BOUGHT, customer="c2"),
    row_of(6, "customer.erased", ERASED),
]


def test_each_projection_folds_what_it_asked_for_and_the_rest_passes() -> None:
    folding = folding_of(seeing("all", PurchaseRecorded, CustomerErased, Told), seeing("erased", CustomerErased))
    folding.fold([PAGE])
    assert sorted(seen(folding, "all")) == [1, 2, 4, 5, 6]
    assert seen(folding, "erased") == [2, 6]
    assert (folding.position, folding.count, folding.failures) == (6, 6, {})


@given(st.lists(st.integers(1, 5), unique=True).map(sorted))
def test_pages_do_not_matter(cuts: list[int]) -> None:
    edges = [0, *cuts, len(PAGE)]
    folding = folding_of(seeing("all", PurchaseRecorded, CustomerErased, Told))
    folding.fold(PAGE[first:last] for first, last in pairwise(edges) if first < last)
    assert sorted(seen(folding, "all")) == [1, 2, 4, 5, 6]
    assert folding.count == 6


@pytest.mark.parametrize("fails_at", [1, 2, 5, 6])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_fold_that_fails_stops_its_own_and_no_other(fails_at: int, place: int) -> None:
    others = [seeing("one", PurchaseRecorded, CustomerErased), seeing("two", CustomerErased, PurchaseRecorded)]
    broken = seeing("broken", PurchaseRecorded, CustomerErased, fails_at=fails_at)
    folding = folding_of(*others[:place], broken, *others[place:])
    folding.fold([PAGE[:3], PAGE[3:]])
    assert sorted(seen(folding, "one")) == sorted(seen(folding, "two")) == [1, 2, 5, 6]
    assert seen(folding, "broken") == [position for position in (1, 2, 5, 6) if position < fails_at]
    failure = folding.failures["broken"]
    assert set(folding.failures) == {"broken"}
    assert (failure.position, failure.reason) == (fails_at, f"ZeroDivisionError: at {fails_at}")
    assert folding.position == 6


def test_several_may_fail_at_one_event_and_later_ones() -> None:
    folding = folding_of(
        seeing("a", PurchaseRecorded, fails_at=1),
        seeing("b", PurchaseRecorded),
        seeing("c", PurchaseRecorded, fails_at=1),
        seeing("d", PurchaseRecorded, fails_at=5),
    )
    folding.fold([PAGE])
    assert {name: failure.position for name, failure in folding.failures.items()} == {"a": 1, "c": 1, "d": 5}
    assert seen(folding, "b") == [1, 5]
    assert seen(folding, "d") == [1]


@pytest.mark.parametrize(
    ("body", "schema"),
    [
        (b"{", 1),
        (b"[]", 1),
        (b'{"stumble":1}', 1),
        (b"{}", 1),
        (b'{"words":7}', 2),
        (b"\xff", 2),
        (b'{"words":"x"}', 3),
        (b'{"words":"x"}', 0),
    ],
)
def test_a_body_that_cannot_be_read_stops_those_that_fold_it(body: bytes, schema: int) -> None:
    """Whatever is wrong: bytes, form, an upcast that stumbles, a schema from the future."""
    folding = folding_of(seeing("told", Told, PurchaseRecorded), seeing("erased", CustomerErased))
    page = [*PAGE[:3], row_of(4, "test.told", body, schema), *PAGE[4:]]
    folding.fold([page])
    assert seen(folding, "told") == [1]
    assert seen(folding, "erased") == [2, 6]
    assert folding.failures["told"].position == 4
    assert folding.failures["told"].stream == "customer-c1"


class _Stop(BaseException):
    pass


def test_what_is_no_error_is_not_taken_for_one() -> None:
    projection = Projection("stops", 1, (Seen,))

    @projection.on(PurchaseRecorded)
    def stop(_rows: Rows, _event: PurchaseRecorded, _at: Envelope) -> None:
        raise _Stop

    folding = folding_of(projection)
    with pytest.raises(_Stop):
        folding.fold([PAGE])
    assert folding.failures == {}


def test_an_event_is_folded_once_by_a_projection() -> None:
    projection = seeing("twice", CustomerErased)
    with pytest.raises(ValueError, match="twice"):
        projection.on(CustomerErased)(lambda _rows, _event, _at: None)


def test_folds_of_several_modules_are_joined_where_none_folds_what_another_does() -> None:
    some, others, again = Folds(), Folds(), Folds()
    for folds, event in ((some, CustomerErased), (others, PurchaseRecorded), (again, PurchaseRecorded)):
        folds.on(event)(_nothing)
    assert Folds.of(some, others) == {CustomerErased: _nothing, PurchaseRecorded: _nothing}
    with pytest.raises(ValueError, match="PurchaseRecorded is folded twice"):
        Folds.of(others, some, again)


def _nothing(_rows: Rows, _event: Event, _at: Envelope) -> None:
    pass
