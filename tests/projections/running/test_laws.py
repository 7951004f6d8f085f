"""The laws on every projection that ships, on both databases; and that the laws find what breaks them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from relations import Command, Money, RecordPurchase, RedeemPoints
from relations.aggregates.customer import PurchaseRecorded
from relations.commands import MergeCustomer, NoteTrait, UnmergeCustomer
from relations.errors import ProjectionFailed
from relations.events import PurchaseLine
from relations.messages import Envelope
from relations.projections import PROJECTIONS, CustomerRow, Projection, Rows, Tally
from relations.testing import simulate
from relations.testing.laws import LawBroken, check_laws
from tests.projections.campaigns.test_campaigns import history as campaign
from tests.projections.posts.test_posts import post
from tests.support import host
from tests.support.filling import filling
from tests.support.fits import small_fits
from tests.support.making import HASH_SEEDS, OF_THE_DATABASE, START, purchase

COMMANDS = [purchase(number, f"c{number % 4}", euros=number) for number in range(1, 25)]


@pytest.fixture(scope="module")
def history() -> list[Command]:
    simulated = list(simulate(seed=11, customers=20, months=9))
    last = max(command.occurred_at for command in simulated)
    # Nobody in the simulation has two ids, so a few are merged here, and some of them not for good.
    names = sorted({command.customer for command in simulated if isinstance(command, RecordPurchase)})[:9]
    merges = [MergeCustomer(customer=name, into=names[-1], occurred_at=last) for name in names[:-1]]
    unmerges = [UnmergeCustomer(customer=name, occurred_at=last) for name in names[:3]]
    posts = [post(number, score=1 + number % 5) for number in range(9)]
    baskets = [
        RecordPurchase(
            customer=name, purchase="basket", amount=Money(300, "EUR"), occurred_at=last,
            lines=(PurchaseLine("soap", Money(100, "EUR"), category="bath"), PurchaseLine(name, Money(200, "EUR"))),
        )
        for name in names
    ]  # fmt: skip
    taboos = [NoteTrait(customer=name, trait="taboo", about="soap", occurred_at=last) for name in names[:5]]
    return [
        *simulated,
        *baskets,
        *taboos,
        *small_fits(last),
        *campaign(),
        *posts,
        *filling(last, *names),
        *merges,
        *unmerges,
    ]


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda projection: projection.name)
def test_every_projection_keeps_the_laws(projection: Projection, history: list[Command], database_url: str) -> None:
    more = {"hash_seeds": HASH_SEEDS} if database_url.startswith("sqlite") else OF_THE_DATABASE
    small = 5 if database_url.startswith("sqlite") else 40
    report = check_laws(projection, history, url=database_url, batches=(small, 1_000), shards=(1, 3), points=3, **more)
    assert report.events > 100
    assert report.folded >= 5, f"{projection.name} folds too little: add its commands to tests/support/filling.py"
    assert report.checks >= 2 + 1 + 2 + 3 + 3 + (2 if more is not OF_THE_DATABASE else 0)
    assert report.size > 200


# --- folds that break a law -----------------------------------------------------------------------------------------


class Count(CustomerRow, gc=False):
    table: ClassVar[str] = "count"
    number: int = 0
    seen: str = ""
    seen_at: int = 0

    def absorb(self, other: Count) -> None:
        self.number += other.number
        if other.seen_at > self.seen_at:
            self.seen, self.seen_at = other.seen, other.seen_at


class All(Tally, gc=False):
    table: ClassVar[str] = "all"
    key: ClassVar[tuple[str, ...]] = ("kind",)
    kind: str
    number: int = 0


def counting(fold: Callable[[Rows, Any, Envelope], None]) -> Projection:
    return Projection("counting", 1, (Count, All), {PurchaseRecorded: fold})


def _lawful(rows: Rows, event: PurchaseRecorded, at: Envelope) -> None:
    row = rows.need(Count, at.customer)
    row.number += event.amount.amount
    if at.occurred_at > row.seen_at:
        row.seen, row.seen_at = event.purchase, at.occurred_at
    rows.need(All, "purchases").number += 1


def _hashes_text(rows: Rows, event: PurchaseRecorded, at: Envelope) -> None:
    rows.need(Count, at.customer).number += hash(event.purchase) & 1


def _takes_the_order_of_a_set(rows: Rows, event: PurchaseRecorded, at: Envelope) -> None:
    row = rows.need(Count, at.customer)
    row.seen = ",".join(set(row.seen.split(",")) | {event.purchase})


def _keeps_what_was_recorded_last(rows: Rows, event: PurchaseRecorded, at: Envelope) -> None:
    rows.need(Count, at.customer).seen = event.purchase


def _with_hidden_state() -> Callable[[Rows, Any, Envelope], None]:
    hidden: dict[str, int] = {}

    def fold(rows: Rows, event: PurchaseRecorded, at: Envelope) -> None:
        hidden[at.customer] = hidden.get(at.customer, 0) + event.amount.amount
        rows.need(Count, at.customer).number = hidden[at.customer]

    return fold


def _reads_a_tally(rows: Rows, _event: PurchaseRecorded, at: Envelope) -> None:
    tally = rows.need(All, "purchases")
    tally.number += 1
    rows.need(Count, at.customer).number = tally.number


def _depends_on_the_batch(rows: Rows, _event: PurchaseRecorded, at: Envelope) -> None:
    rows.need(Count, at.customer).number += len(rows.tables[Count])


def _sets_a_tally(rows: Rows, event: PurchaseRecorded, at: Envelope) -> None:
    rows.need(Count, at.customer).number += 1
    rows.need(All, "largest").number = max(rows.need(All, "largest").number, event.amount.amount)


def _touches_another(rows: Rows, _event: PurchaseRecorded, at: Envelope) -> None:
    rows.need(Count, "everybody").number += 1


def _looks_at_another(rows: Rows, _event: PurchaseRecorded, at: Envelope) -> None:
    other = rows.get(Count, "c0")
    rows.need(Count, at.customer).number += other.number + 1 if other else 1


def _depends_on_when_it_runs() -> Callable[[Rows, Any, Envelope], None]:
    calls = iter(range(10**9))

    def fold(rows: Rows, _event: PurchaseRecorded, at: Envelope) -> None:
        rows.need(Count, at.customer).number = next(calls)

    return fold


BROKEN = {
    "hidden state": _with_hidden_state(),
    "a tally that is read": _reads_a_tally,
    "a tally that is set": _sets_a_tally,
    "the batch": _depends_on_the_batch,
    "another customer's row written": _touches_another,
    "another customer's row read": _looks_at_another,
    "when it runs": _depends_on_when_it_runs(),
}
SUBTLE = {
    "hash(str)": (_hashes_text, "PYTHONHASHSEED="),
    "the order of a set": (_takes_the_order_of_a_set, "PYTHONHASHSEED="),
    "last recorded instead of latest": (_keeps_what_was_recorded_last, "recorded in another order"),
}


@pytest.mark.parametrize("fold", BROKEN.values(), ids=BROKEN)
def test_the_laws_find_what_breaks_them(fold: Callable[[Rows, Any, Envelope], None]) -> None:
    with pytest.raises((LawBroken, ProjectionFailed), match="counting"):
        check_laws(counting(fold), COMMANDS, hash_seeds=())


@pytest.mark.parametrize(("fold", "law"), SUBTLE.values(), ids=SUBTLE)
def test_the_laws_find_what_differs_only_elsewhere_or_in_another_order(
    fold: Callable[[Rows, Any, Envelope], None], law: str
) -> None:
    with pytest.raises(LawBroken, match=law) as broken:
        check_laws(counting(fold), COMMANDS, batches=(7,), shards=(2,), points=1)
    difference = broken.value.difference
    assert difference is not None
    assert (difference.table, difference.key[0][0]) == ("counting_count", "c")
    assert difference.column in ("number", "seen")
    assert difference.found != difference.expected
    assert f"row {difference.key[0]}, column {difference.column}: found " in str(broken.value)


def test_folds_that_no_other_process_can_import_are_refused_there() -> None:
    def nameless(rows: Rows, event: PurchaseRecorded, at: Envelope) -> None:
        _lawful(rows, event, at)

    with pytest.raises(ValueError, match="top level of a module"):
        check_laws(counting(nameless), COMMANDS, points=1)
    assert check_laws(counting(nameless), COMMANDS, points=1, hash_seeds=()).exchanged > 0


def test_commands_that_no_aggregate_decides_are_not_dropped() -> None:
    with pytest.raises(ValueError, match="no aggregate decides ReserveTable"):
        check_laws(counting(_lawful), [host.ReserveTable(table="t1", customer="c", guests=2, occurred_at=START)])
    refused = RedeemPoints(customer="c1", redemption="r", points=1, occurred_at=START)
    assert check_laws(counting(_lawful), [*COMMANDS, refused], points=1).refused == 1


def test_a_lawful_fold_passes_the_same_check(database_url: str) -> None:
    report = check_laws(counting(_lawful), COMMANDS, url=database_url)
    assert report.folded == len(COMMANDS)
    assert report.checks > 20


class Average(CustomerRow, gc=False):
    table: ClassVar[str] = "average"
    mean: float = 0.0

    def absorb(self, other: Average) -> None:
        raise AssertionError


class Doubled(CustomerRow, gc=False):
    table: ClassVar[str] = "doubled"
    number: int = 0


class Words(Tally, gc=False):
    table: ClassVar[str] = "words"
    key: ClassVar[tuple[str, ...]] = ("kind",)
    kind: str
    text: str = ""


class KeyLast(CustomerRow, gc=False):
    table: ClassVar[str] = "key_last"
    key: ClassVar[tuple[str, ...]] = ("number", "customer")
    number: int = 0


@pytest.mark.parametrize(
    ("row", "said"), [(Average, "float"), (Words, "tally"), (Doubled, "needs an absorb"), (KeyLast, "key")]
)
def test_rows_that_cannot_be_lawful_are_refused_at_once(row: Any, said: str) -> None:
    projection = replace(counting(_lawful), tables=(row,))
    with pytest.raises(TypeError, match=said):
        check_laws(projection, COMMANDS)


def test_seeing_nothing_is_no_proof() -> None:
    with pytest.raises(ValueError, match="nothing would be seen"):
        check_laws(replace(counting(_lawful), folds={}), COMMANDS)
    refused = RedeemPoints(customer="c1", redemption="r", points=1, occurred_at=START)
    with pytest.raises(ValueError, match="nothing would be seen"):
        check_laws(counting(_lawful), [refused])
