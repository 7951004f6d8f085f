"""Whatever happens, rules and recommendations equal those of a slow count over all events."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from relations import Money, RecordPurchase, Relations
from relations.aggregates.customer import DropTrait, EraseCustomer, MergeCustomer, NoteTrait, UnmergeCustomer
from relations.errors import CommandRefused, NoFit
from relations.events import PurchaseLine
from relations.messages import Command
from relations.policies import Policy
from relations.testing.oracle.baskets import SlowBaskets
from tests.support.effort import part

START = datetime(2024, 5, 1, 12, tzinfo=UTC)
NOW = datetime(2024, 6, 20, 12, tzinfo=UTC)
PRODUCTS = ("tea", "cup", "jam", "Pot", "spoon")
CUSTOMERS = ("c1", "c2", "c3", "c4")


@st.composite
def steps(draw: st.DrawFn) -> Command:
    customer, other = draw(st.permutations(CUSTOMERS))[:2]
    at = {"occurred_at": START + timedelta(hours=draw(st.integers(0, 60 * 24)))}
    about = draw(st.sampled_from((*PRODUCTS, "drinks", "TEA")))
    products = draw(st.lists(st.sampled_from(PRODUCTS), min_size=1, max_size=4))
    category = draw(st.sampled_from((None, "drinks", "Pots")))
    lines = tuple(PurchaseLine(name, Money(100, "EUR"), category=category) for name in products)
    purchase = RecordPurchase(
        customer=customer, purchase=f"p{draw(st.integers(1, 999))}", amount=Money(100 * len(lines), "EUR"), lines=lines,
        **at,
    )  # fmt: skip
    rare: list[Command] = [
        NoteTrait(customer=customer, trait="taboo", about=about, **at),
        DropTrait(customer=customer, trait="taboo", about=about, **at),
        MergeCustomer(customer=customer, into=other, **at),
        UnmergeCustomer(customer=customer, **at),
        EraseCustomer(customer=customer, **at),
    ]
    return draw(st.sampled_from([purchase] * 2 + [draw(st.sampled_from(rare))]))


def shop() -> Iterator[Command]:
    """Baskets that give rules: of these, those with tea often have a cup, and those with jam a spoon."""
    baskets = ["tea cup", "tea cup", "tea cup", "tea Pot", "jam spoon", "jam spoon tea", "jam spoon", "Pot", "cup"]
    baskets += ["Pot spoon cup", "Pot spoon cup", "Pot spoon cup jam", "Pot jam", "cup jam", "Pot tea"]
    baskets += ["lid Pot cup"] * 3  # a lid never goes without a pot, and a cup adds nothing to that
    for number, names in enumerate(baskets):
        lines = tuple(PurchaseLine(name, Money(100, "EUR"), category="drinks") for name in names.split())
        yield RecordPurchase(
            customer=CUSTOMERS[number % 3], purchase=f"first-{number}", amount=Money(100 * len(lines), "EUR"),
            lines=lines, occurred_at=START - timedelta(days=1),
        )  # fmt: skip


@given(
    st.lists(steps(), min_size=1, max_size=25),
    st.sampled_from((0.0, 0.1, 0.3)),
    st.sampled_from((0.0, 0.4)),
    st.integers(1, 3),
)
@part(50)
def test_rules_and_recommendations_are_those_of_a_slow_count(
    commands: list[Command], support: float, confidence: float, left: int
) -> None:
    with Relations.open("sqlite://", clock=lambda: NOW, durability="off") as engine:
        engine.adopt(Policy(zone="Asia/Shanghai"), from_beginning=True)
        for command in (*shop(), *commands):
            try:
                engine.execute(command)
            except CommandRefused:
                continue
        slow = SlowBaskets(list(engine.events()), ZoneInfo("Asia/Shanghai"))
        expected = slow.rules(NOW, min_support=support, min_confidence=confidence, most=40, left=left)
        view = engine.views.recommendations
        try:
            engine.fit_rules(as_of=NOW, min_support=support, min_confidence=confidence, most=40, left=left)
        except NoFit:
            assert expected == []
            return
        found = view.rules(as_of=NOW).rules
        assert [((each.product, *each.also), each.recommended) for each in found] == [
            (each.left, each.recommended) for each in expected
        ]
        assert [(each.baskets, each.with_product, each.with_recommended) for each in found] == [
            (each.together, each.alone, each.other) for each in expected
        ]
        known = {each.customer for each in engine.events() if each.customer}
        for customer in sorted(known):
            for at in (NOW, START + timedelta(days=20)):
                answer = view.recommend(customer, as_of=at, limit=None)
                if at < NOW:
                    assert answer.products == ()  # the rules were found later
                    continue
                products, avoided = slow.recommended(expected, customer, at)
                assert [(each.product, (each.because, *each.because_also)) for each in answer.products] == products
                assert answer.avoided == avoided
