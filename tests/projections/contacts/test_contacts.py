"""The last contact, what contact sells, silence, and the audience that may be addressed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from relations import Relations
from relations.commands import (
    CorrectProfile,
    EraseCustomer,
    GiveConsent,
    MergeCustomer,
    NoteCulture,
    NoteTrait,
    RecordInteraction,
    RecordPurchase,
    RegisterCustomer,
    UnmergeCustomer,
    WithdrawConsent,
)
from relations.errors import InvalidInput
from relations.messages import Command, Money
from relations.policies import Care, Condition, Policy, Segment
from relations.policies.lifecycle import Lifecycle
from relations.projections.contacts import PROJECTION
from relations.testing.laws import check_laws

START = datetime(2024, 5, 1, 12, tzinfo=UTC)
NOW = datetime(2024, 8, 1, 12, tzinfo=UTC)
BUYERS = Segment(name="buyers", kind="behavioural", conditions=(Condition(fact="purchases", at_least=1),))


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def contact(customer: str, at: int, **fields: Any) -> RecordInteraction:
    values: dict[str, Any] = {
        "interaction": f"i{at}", "channel": "phone", "kind": "short_call", "direction": "outbound", **fields,
    }  # fmt: skip
    return RecordInteraction(customer=customer, occurred_at=day(at), **values)


def person(number: int, **fields: Any) -> list[Command]:
    customer = f"c{number}"
    values = {"name": f"Person {number}", "email": f"p{number}@example.org", "language": "de", **fields}
    return [
        RegisterCustomer(customer=customer, occurred_at=START, **values),
        GiveConsent(customer=customer, purpose="marketing", channel="email", occurred_at=START),
        RecordPurchase(customer=customer, purchase="p", amount=Money(100, "EUR"), occurred_at=START),
    ]


HISTORY: list[Command] = [
    *person(1),
    *person(2, language="de-AT"),
    *person(3, language="en"),
    *person(4),
    *person(5, email=None),
    RegisterCustomer(customer="c6", name="Silent", occurred_at=day(3)),
    contact("c1", 4, sells=True, minutes=10),
    contact("c1", 9, kind="long_call", minutes=20, by="anna"),
    contact("c1", 20, direction="inbound"),
    contact("c2", 40, kind="message", channel="email", sells=True),
    contact("c2", 90, kind="message", channel="email", purpose="marketing"),
    contact("c3", 10, regarding="complaint k1"),
    WithdrawConsent(customer="c4", purpose="care", channel="phone", occurred_at=day(1)),
    contact("c4", 30, lenient=True),
]


def opened(url: str, **care: Any) -> Relations:
    engine = Relations.open(url, clock=lambda: NOW)
    policy = Policy(lifecycle=Lifecycle(segments=(BUYERS,)), care=Care(**{"quiet_days": 5, **care}))
    engine.adopt(policy, since=START)
    assert not engine.execute_many(HISTORY).rejections
    return engine


def audience(engine: Relations, **asked: Any) -> list[str]:
    values = {"channel": "email", "purpose": "marketing", **asked}
    found = [each.customer for each in engine.views.customers.audience(**values)]
    assert len(set(found)) == len(found)
    return sorted(found)


def test_the_last_contact_and_the_quiet_time_after_it(either_url: str) -> None:
    with opened(either_url) as engine:
        view = engine.views.contacts
        one = view.last("c1")
        assert (one.reached_at, one.last_at, one.quiet_until) == (day(9), day(20), None)
        assert (one.inbound, one.outbound, one.selling, one.minutes) == (1, 2, 1, 30)
        assert view.last("c2").quiet_until == day(95)
        assert view.last("c3").quiet_until is None
        assert view.last("c6").reached_at is None
        engine.execute(MergeCustomer(customer="c2", into="c1", occurred_at=day(91)))
        both = view.last("c2")
        assert (both.customer, both.outbound, both.reached_at, both.quiet_until) == ("c1", 4, day(90), day(95))
        engine.execute(UnmergeCustomer(customer="c2", occurred_at=day(91)))
        assert view.last("c1") == one


def test_the_share_of_contacts_that_sell_nothing(either_url: str) -> None:
    with opened(either_url) as engine:
        whole, *kinds = engine.views.contacts.figures()
        assert (whole.contacts, whole.inbound, whole.outbound, whole.selling, whole.minutes) == (7, 1, 6, 2, 30)
        assert whole.not_selling_share == pytest.approx(4 / 6)
        assert [(each.kind, each.contacts) for each in kinds] == [("short_call", 4), ("message", 2), ("long_call", 1)]
        assert engine.views.contacts.figures(since="2024-06", until="2024-07")[0].contacts == 1
        assert engine.views.contacts.figures(since="2030-01") == []
        assert engine.views.contacts.breaches() == {"consent_withdrawn": 1}


def test_the_customers_nobody_contacted(either_url: str) -> None:
    with opened(either_url) as engine:
        view = engine.views.contacts
        found = view.silent(days=60)
        assert [(each.customer, each.days, each.contacted) for each in found] == [
            ("c5", 92, False), ("c6", 89, False), ("c1", 83, True), ("c3", 82, True), ("c4", 62, True),
        ]  # fmt: skip
        assert view.count_silent(days=60) == 5
        assert [each.customer for each in view.silent(days=60, limit=2)] == ["c5", "c6"]
        assert [each.customer for each in view.silent(days=60, limit=2, after="c6")] == ["c1", "c3"]
        then = view.silent(days=60, as_of=day(80))
        assert [(each.customer, each.days) for each in then] == [("c5", 80), ("c6", 77), ("c1", 71), ("c3", 70)]
        assert view.count_silent(days=60, as_of=day(80)) == len(then)
        engine.execute(MergeCustomer(customer="c5", into="c2", occurred_at=day(91)))
        engine.execute(EraseCustomer(customer="c6", occurred_at=day(91)))
        assert [each.customer for each in view.silent(days=60)] == ["c1", "c3", "c4"]
        assert view.count_silent(days=60) == 3
        with pytest.raises(InvalidInput):
            view.silent(days=-1)


def test_an_audience_has_consent_and_its_quiet_time_is_over(either_url: str) -> None:
    with opened(either_url) as engine:
        assert audience(engine) == ["c1", "c3", "c4"]
        assert audience(engine, language="de") == ["c1", "c4"]
        assert audience(engine, segment="buyers") == ["c1", "c3", "c4"]
        assert audience(engine, purpose="surveys") == []
        assert audience(engine, channel="phone") == []
        engine.execute_many(
            [
                NoteTrait(customer="c1", trait="taboo", about="clocks", words="never", occurred_at=day(50)),
                NoteCulture(customer="c1", taboos="white flowers", occurred_at=day(50)),
                CorrectProfile(customer="c1", name="Anna New", occurred_at=day(50)),
            ]
        )
        (first, *_) = engine.views.customers.audience(channel="email", purpose="marketing")
        assert (first.name, first.address, first.language) == ("Anna New", "p1@example.org", "de")
        assert first.taboos == ("clocks", "white flowers")
        engine.execute(WithdrawConsent(customer="c3", purpose="marketing", channel="email", occurred_at=day(60)))
        engine.execute(EraseCustomer(customer="c4", occurred_at=day(60)))
        assert audience(engine) == ["c1"]
        engine.execute(MergeCustomer(customer="c1", into="c3", occurred_at=day(70)))
        assert audience(engine) == []
        engine.execute(UnmergeCustomer(customer="c1", occurred_at=day(70)))
        assert audience(engine) == ["c1"]
        for wrong in ({"segment": "nobody"}, {"channel": "pigeon"}):
            with pytest.raises(InvalidInput):
                audience(engine, **wrong)


def test_a_merged_customer_is_addressed_once(either_url: str) -> None:
    with opened(either_url, quiet_days=0) as engine:
        assert audience(engine) == ["c1", "c2", "c3", "c4"]
        engine.execute(MergeCustomer(customer="c1", into="c4", occurred_at=day(70)))
        assert audience(engine) == ["c2", "c3", "c4"]
        assert audience(engine, segment="buyers", language="de") == ["c2", "c4"]


def test_the_rows_of_contact_keep_the_laws(either_url: str) -> None:
    more = [
        MergeCustomer(customer="c2", into="c1", occurred_at=day(50)),
        EraseCustomer(customer="c3", occurred_at=day(60)),
        contact("c5", 70),
        contact("c5", 66),
    ]
    report = check_laws(PROJECTION, [*HISTORY, *more], url=either_url)
    assert report.folded > 15
