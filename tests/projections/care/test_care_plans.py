"""Care plans through the engine: rounds that time advances, triggers, birthdays, festivals, merges and erasure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, text

from relations import Relations
from relations.commands import (
    AdoptPolicy,
    AdvancePlan,
    AnswerOffer,
    BeginPlan,
    CorrectProfile,
    EndContract,
    EndPlan,
    EraseCustomer,
    FileComplaint,
    MergeCustomer,
    NoteCulture,
    OpenOpportunity,
    RecordInteraction,
    RecordPurchase,
    RefundPurchase,
    RegisterCustomer,
    RenewContract,
    SendOffer,
    SkipStep,
    UnmergeCustomer,
    WinOpportunity,
    WithdrawConsent,
)
from relations.errors import CommandRefused, InvalidInput
from relations.messages import Money, to_micros
from relations.policies import (
    CARE_PLANS,
    Care,
    CarePlan,
    CareStep,
    CareTemplate,
    Condition,
    Festival,
    Policy,
    festivals,
)
from relations.projections.agenda import PROJECTION as AGENDA
from relations.projections.care import PROJECTION
from relations.testing.laws import check_laws

START = datetime(2024, 1, 10, 12, tzinfo=UTC)
MIDNIGHT = datetime(2024, 1, 10, tzinfo=UTC)
CALENDAR = (
    Festival(name="Chinese New Year", own_name="春节", languages=("zh",), dates=(date(2024, 2, 10), date(2025, 1, 29))),
    Festival(name="Christmas", languages=("de", "en"), dates=(date(2024, 12, 25),)),
)


def day(number: float) -> datetime:
    return MIDNIGHT + timedelta(days=number)


def opened(url: str, *plans: str | CarePlan, **care: Any) -> Relations:
    engine = Relations.open(url, clock=lambda: day(900))
    policy = Policy(care=Care(plans=plans, **{"quiet_days": 0, "festivals": CALENDAR, **care}))
    engine.adopt(policy, from_beginning=True)
    return engine


def buyers(engine: Relations, *customers: str, **profile: Any) -> None:
    for customer in customers:
        engine.execute(RegisterCustomer(customer=customer, occurred_at=START, **profile))
        engine.execute(RecordPurchase(customer=customer, purchase="p", amount=Money(100, "EUR"), occurred_at=START))


def contact(customer: str, step: str, at: float, **fields: Any) -> RecordInteraction:
    values: dict[str, Any] = {"channel": "email", "kind": "message", "direction": "outbound", **fields}
    return RecordInteraction(
        customer=customer, interaction=f"i-{step.replace(' ', '.')}-{at}", regarding=f"care {step}",
        occurred_at=day(at), **values,
    )  # fmt: skip


def told(engine: Relations) -> dict[str, list[Any]]:
    """Everything that was recorded, by stream; the order of streams does not matter."""
    found: dict[str, list[Any]] = {}
    for each in engine.events():
        found.setdefault(each.stream, []).append((each.topic, each.occurred_at, each.event))
    return found


def topics(engine: Relations, customer: str) -> Counter[str]:
    return Counter(topic.removeprefix("customer.") for topic, *_ in told(engine)[f"customer-{customer}"])


def due(engine: Relations, until: float, kind: Any = "contact") -> list[tuple[str, str, datetime]]:
    items = engine.views.agenda.due(until=day(until), kind=kind, as_of=day(until))
    return [(item.customer, item.detail, item.due_at) for item in items]


# --- rounds ---------------------------------------------------------------------------------------------------------


def quarter(url: str, steps: Iterator[float] | list[float], customers: int = 3) -> dict[str, list[Any]]:
    with opened(url, "611") as engine:
        buyers(engine, *(f"c{n}" for n in range(customers)))
        for step in steps:
            engine.advance_time(day(step))
        return told(engine)


def test_any_way_of_advancing_time_records_the_same_quarter(either_url: str) -> None:
    with opened(either_url, "611") as engine, Relations.open(either_url, clock=lambda: day(900)) as other:
        buyers(engine, "c0", "c1", "c2")
        with ThreadPoolExecutor(2) as pool:
            for to in (60, 220):
                reports = [*pool.map(lambda one, to=to: one.advance_time(day(to)), (engine, other))]
                assert not any(report.rejections for report in reports)
        assert told(engine) == quarter("sqlite://", [220])
        assert told(engine) == quarter("sqlite://", [n * 11.3 for n in range(20)])


def test_a_full_round_of_611_is_six_messages_a_short_call_and_a_long_one(either_url: str) -> None:
    with opened(either_url, "611") as engine:
        buyers(engine, "c")
        engine.advance_time(day(1))
        found = engine.views.agenda.due(until=day(96), kind="contact", as_of=day(1))
        assert [(item.due_at - MIDNIGHT).days for item in found] == [8, 22, 38, 45, 52, 68, 82, 90]
        for item in found:
            step = item.detail
            channel = "phone" if "call" in step else "email"
            engine.execute(contact("c", step, (item.due_at - MIDNIGHT).days + 0.5, channel=channel))
        engine.advance_time(day(97))
        assert topics(engine, "c") == {
            "registered": 1, "purchase_recorded": 1, "plan_begun": 1, "interaction_recorded": 8, "plan_renewed": 1,
        }  # fmt: skip
        assert engine.load("customer", "c").rounds["611-2"].since == "2024-04-10"


def test_rounds_never_overlap(either_url: str) -> None:
    with opened(either_url, "611") as engine:
        buyers(engine, "c")
        engine.advance_time(day(500))
        rounds = list(engine.load("customer", "c").rounds.values())
        assert len(rounds) == 6
        for one, following in pairwise(rounds):
            assert one.ended_at == following.began_at
            last, first = max(step.until for step in one.steps), min(step.due_at or 0 for step in following.steps)
            assert last <= first
        with pytest.raises(CommandRefused) as refused:
            engine.execute(BeginPlan(customer="c", plan="611", occurred_at=day(501)))
        assert refused.value.code == "plan_in_progress"


def test_a_step_is_done_once_early_or_in_time_and_lapses_otherwise(either_url: str) -> None:
    with opened(either_url, "611") as engine:
        buyers(engine, "c")
        engine.advance_time(day(1))
        engine.execute(contact("c", "611-1 message-1", 3))
        engine.execute(contact("c", "611-1 message-1", 9))
        assert engine.load("customer", "c").rounds["611-1"].done == ("message-1",)
        assert due(engine, 10) == []
        engine.execute(contact("c", "611-1 message-2", 29))
        engine.advance_time(day(46))
        state = engine.load("customer", "c").rounds["611-1"]
        assert (state.done, state.over) == (("message-1",), ("message-2", "message-3"))
        # A contact that was made in time, and recorded after the lapse, counts.
        engine.execute(contact("c", "611-1 message-3", 40))
        assert engine.load("customer", "c").rounds["611-1"].done == ("message-1", "message-3")
        with pytest.raises(CommandRefused) as refused:
            engine.execute(contact("c", "611-1 message-9", 41))
        assert refused.value.code == "unknown_step"
        lenient = engine.execute(contact("c", "611-1 message-9", 41, lenient=True))
        assert lenient.events[0].event.breaches == ("unknown_step",)  # type: ignore[attr-defined]


def test_withdrawn_consent_stops_messages_and_the_step_is_skipped(either_url: str) -> None:
    with opened(either_url, "611") as engine:
        buyers(engine, "c", "d")
        engine.advance_time(day(1))
        assert {customer for customer, *_ in due(engine, 9)} == {"c", "d"}
        for channel in ("email", "message", "app", "official_account"):
            engine.execute(WithdrawConsent(customer="c", purpose="care", channel=channel, occurred_at=day(2)))
        assert {customer for customer, *_ in due(engine, 9)} == {"d"}
        with pytest.raises(CommandRefused):
            engine.execute(contact("c", "611-1 message-1", 9))
        engine.advance_time(day(53))
        assert topics(engine, "c")["step_skipped"] == 3
        assert topics(engine, "c")["step_lapsed"] == 1
        assert topics(engine, "d")["step_lapsed"] == 4


def test_a_step_that_is_over_is_not_skipped_under_another_id(sqlite_url: str) -> None:
    with opened(sqlite_url, "support") as engine:
        for customer in ("c", "d"):
            engine.execute(RegisterCustomer(customer=customer, occurred_at=START))
            engine.execute(BeginPlan(customer=customer, plan="support", occurred_at=START))
        engine.execute(MergeCustomer(customer="d", into="c", occurred_at=day(1)))
        engine.advance_time(day(60))
        # The plan of the merged id stands still: no step of it lapses. Its days are over all the same.
        assert engine.load("customer", "d").rounds["support-1"].is_open("training")
        for customer in ("c", "d"):
            skip = SkipStep(customer=customer, round="support-1", step="training", reason="late", occurred_at=day(60))
            assert engine.execute(skip).events == ()
        assert next(each.skipped for each in engine.views.care.kept() if each.plan == "support") == 0


def test_a_plan_is_begun_skipped_and_ended_by_hand(either_url: str) -> None:
    with opened(either_url, "support") as engine:
        engine.execute(RegisterCustomer(customer="c", occurred_at=START))
        engine.execute(BeginPlan(customer="c", plan="support", owner="anna", occurred_at=START))
        skip = SkipStep(customer="c", round="support-1", step="training", reason="knows it", occurred_at=day(3))
        assert len(engine.execute(skip).events) == 1
        assert engine.execute(skip.model_copy(update={"command_id": "again"})).events == ()
        engine.advance_time(day(20))
        assert engine.load("customer", "c").rounds["support-1"].over == ("training", "call")
        end = EndPlan(customer="c", plan="support", reason="moved away", occurred_at=day(20))
        assert len(engine.execute(end).events) == 1
        assert engine.execute(end.model_copy(update={"command_id": "again"})).events == ()
        assert due(engine, 200) == due(engine, 200, "lapse") == due(engine, 200, "renewal") == []
        again = engine.execute(BeginPlan(customer="c", plan="support", occurred_at=day(30)))
        assert again.events[0].event.round == "support-2"  # type: ignore[attr-defined]
        for wrong, code in (
            (BeginPlan(customer="c", plan="nothing", occurred_at=START), "unknown_plan"),
            (BeginPlan(customer="nobody", plan="support", occurred_at=START), "unknown_customer"),
            (SkipStep(customer="c", round="support-9", step="call", reason="x", occurred_at=START), "unknown_step"),
        ):
            with pytest.raises(CommandRefused) as refused:
                engine.execute(wrong)
            assert refused.value.code == code


# --- triggers -------------------------------------------------------------------------------------------------------


def begun(engine: Relations, customer: str) -> list[tuple[str, str, str]]:
    return [
        (event.plan, event.since, event.because)
        for topic, _, event in told(engine)[f"customer-{customer}"]
        if topic == "customer.plan_begun"
    ]


def test_what_a_customer_does_begins_plans(either_url: str) -> None:
    with opened(either_url, "lapsing", "won_back", "after_stay", "support") as engine:
        buyers(engine, "c")
        engine.execute(
            RecordPurchase(
                customer="c", purchase="q", amount=Money(100, "EUR"), occurred_at=START + timedelta(days=400)
            )
        )
        engine.advance_time(day(420))
        assert sorted(begun(engine, "c")) == [
            ("after_stay", "2024-01-10", "purchase"),
            ("after_stay", "2025-02-13", "purchase"),
            ("lapsing", "2024-07-09", "stage"),
            ("support", "2024-01-10", "first_purchase"),
            ("won_back", "2025-02-13", "stage"),
        ]


def test_a_plan_is_meant_for_those_who_meet_its_conditions_on_the_day_of_the_trigger(either_url: str) -> None:
    step = CareStep(id="call", what="short_call", day=2)
    graded = CarePlan(id="graded", begins="value_grade", of=("high",), steps=(step,))
    chosen = CarePlan(
        id="chosen", begins="first_purchase", steps=(step,),
        meant_for=(Condition(fact="language", one_of=("de",)), Condition(fact="net_amount", at_least=500)),
    )  # fmt: skip
    with opened(either_url, chosen, graded) as engine:
        for customer, language, amount in (("a", "de", 600), ("b", "en", 600), ("c", "de", 400), ("d", "de", 200_000)):
            engine.execute(RegisterCustomer(customer=customer, language=language, occurred_at=START))
            engine.execute(
                RecordPurchase(customer=customer, purchase="p", amount=Money(amount, "EUR"), occurred_at=START)
            )
        # What happens after the day of the trigger changes nothing.
        refund = RefundPurchase(
            customer="a", purchase="p", refund="r", amount=Money(600, "EUR"), occurred_at=START + timedelta(days=2)
        )
        engine.execute(refund)
        engine.advance_time(day(40))
        assert {name: begun(engine, name) for name in "abcd"} == {
            "a": [("chosen", "2024-01-10", "first_purchase")],
            "b": [],
            "c": [],
            "d": [("chosen", "2024-01-10", "first_purchase"), ("graded", "2024-01-31", "value_grade")],
        }


def test_a_plan_begins_only_by_the_policy_in_force_at_its_trigger(either_url: str) -> None:
    with Relations.open(either_url, clock=lambda: day(900)) as engine:
        engine.adopt(Policy(), from_beginning=True)
        engine.adopt(Policy(care=Care(plans=("support",))), since=day(5))
        buyers(engine, "early")
        engine.execute(
            RecordPurchase(customer="late", purchase="p", amount=Money(1, "EUR"), occurred_at=START + timedelta(days=6))
        )
        engine.advance_time(day(10))
        assert (begun(engine, "early"), begun(engine, "late")) == ([], [("support", "2024-01-16", "first_purchase")])


def test_an_accepted_offer_and_the_end_of_a_stay_begin_plans(either_url: str) -> None:
    step = CareStep(id="call", what="short_call", day=2)
    spring = CarePlan(id="spring", begins="offer_accepted", of=("spring",), steps=(step,))
    offered = CarePlan(id="offered", begins="offer_accepted", steps=(step,))
    stayed = CarePlan(id="stayed", begins="stay_ended", steps=(step,))
    with opened(either_url, spring, offered, stayed) as engine:
        for customer, campaign, answer in (
            ("a", "spring", "accepted"),
            ("b", "autumn", "accepted"),
            ("c", "spring", "declined"),
        ):
            engine.execute(RegisterCustomer(customer=customer, occurred_at=START))
            offer = {"customer": customer, "offer": f"o-{customer}", "campaign": campaign}
            engine.execute(SendOffer(channel="email", occurred_at=day(1), **offer))
            del offer["campaign"]
            engine.execute(AnswerOffer(answer=answer, occurred_at=day(3), **offer))
        for kind, at in (("check_in", 4), ("check_out", 6), ("check_out", 20)):
            engine.execute(
                RecordInteraction(
                    customer="c", interaction=f"{kind}-{at}", channel="on_site", kind=kind, occurred_at=day(at)
                )
            )
        engine.advance_time(day(40))
        assert {name: sorted(begun(engine, name)) for name in "abc"} == {
            "a": [("offered", "2024-01-13", "offer_accepted"), ("spring", "2024-01-13", "offer_accepted")],
            "b": [("offered", "2024-01-13", "offer_accepted")],
            "c": [("stayed", "2024-01-16", "stay_ended"), ("stayed", "2024-01-30", "stay_ended")],
        }


def test_a_contract_begins_a_plan_on_its_first_day_once(either_url: str) -> None:
    step = CareStep(id="training", what="training", day=2)
    onboarding = CarePlan(id="onboarding", begins="contract", steps=(step,))
    with opened(either_url, onboarding) as engine:
        for customer, won, starts in (("a", 5, 30), ("b", 20, 10), ("c", 5, 30), ("d", 5, 30), ("e", 5, 90)):
            engine.execute(RegisterCustomer(customer=customer, occurred_at=START))
            about = {"opportunity": f"o-{customer}"}
            engine.execute(OpenOpportunity(customer=customer, what="meetings", occurred_at=day(1), **about))
            engine.execute(
                WinOpportunity(
                    contract=f"k-{customer}", amount=Money(900, "EUR"), starts=day(starts).date(),
                    ends=day(starts + 20).date(), occurred_at=day(won), **about,
                )
            )  # fmt: skip
        engine.execute(RenewContract(opportunity="o-a", ends=day(80).date(), occurred_at=day(45)))
        engine.execute(EndContract(opportunity="o-c", occurred_at=day(29)))
        engine.execute(EraseCustomer(customer="d", occurred_at=day(29)))
        engine.execute(MergeCustomer(customer="b", into="a", occurred_at=day(22)))
        engine.advance_time(day(70))
        assert {name: begun(engine, name) for name in "abcde"} == {
            # The survivor has both contracts.
            "a": [("onboarding", "2024-01-30", "contract"), ("onboarding", "2024-02-09", "contract")],
            "b": [],
            "c": [],
            "d": [],
            "e": [],
        }
        engine.advance_time(day(92))
        assert begun(engine, "e") == [("onboarding", "2024-04-09", "contract")]


def test_conditions_may_ask_for_what_other_views_know(either_url: str) -> None:
    step = CareStep(id="call", what="short_call", day=2)
    grown = CarePlan(
        id="grown", begins="first_purchase", steps=(step,), meant_for=(Condition(fact="age", at_least=18),)
    )
    strained = CarePlan(
        id="strained", begins="first_purchase", steps=(step,),
        meant_for=(Condition(fact="relation", one_of=("healthy",), otherwise=True),),
    )  # fmt: skip
    with opened(either_url, grown, strained) as engine:
        buyers(engine, "old", birthday="1980-05-01")
        buyers(engine, "young", birthday="2010-05-01")
        buyers(engine, "cross")
        engine.execute(
            FileComplaint(
                complaint="k", customer="cross", subject="noise", channel="email", severity="high", occurred_at=START
            )
        )
        engine.advance_time(day(2))
        assert {name: [plan for plan, *_ in begun(engine, name)] for name in ("old", "young", "cross")} == {
            "old": ["grown"], "young": [], "cross": ["strained"],
        }  # fmt: skip


def test_a_plan_ends_with_the_round_in_which_a_customer_stops_meeting_its_conditions(either_url: str) -> None:
    plan = CarePlan(
        id="monthly", begins="first_purchase", repeats_months=1,
        meant_for=(Condition(fact="net_amount", at_least=100),),
        steps=(CareStep(id="call", what="short_call", day=5),),
    )  # fmt: skip
    recorded = []
    for stops in ([100], range(1, 101, 3)):
        with Relations.open("sqlite://", clock=lambda: day(900)) as engine:
            engine.adopt(Policy(care=Care(plans=(plan,), quiet_days=0)), from_beginning=True)
            buyers(engine, "stays", "leaves")
            refund = RefundPurchase(
                customer="leaves", purchase="p", refund="r", amount=Money(1, "EUR"), occurred_at=day(35)
            )
            engine.execute(refund)
            for stop in stops:
                engine.advance_time(day(stop))
            assert topics(engine, "stays")["plan_renewed"] == 3
            ended = [each for each in told(engine)["customer-leaves"] if each[0] == "customer.plan_ended"]
            # Renewed once before the refund; the second round is finished.
            assert topics(engine, "leaves")["plan_renewed"] == 1
            assert [(at, event.round, event.reason) for _, at, event in ended] == [
                (to_micros(datetime(2024, 3, 10, tzinfo=UTC)), "monthly-2", "no_longer_meant")
            ]
            assert topics(engine, "leaves")["step_lapsed"] == 2
            assert begun(engine, "leaves") == [("monthly", "2024-01-10", "first_purchase")]
            recorded.append(told(engine))
    assert recorded[0] == recorded[1]
    with opened(either_url, plan) as engine:
        buyers(engine, "c")
        engine.execute(EraseCustomer(customer="c", occurred_at=day(3)))
        engine.advance_time(day(60))
        assert topics(engine, "c")["plan_renewed"] == 0


# --- birthdays and festivals ----------------------------------------------------------------------------------------


def test_a_birthday_on_29_february_is_kept_on_the_28th_in_other_years(either_url: str) -> None:
    with opened(either_url, "birthday") as engine:
        buyers(engine, "c", birthday="1980-02-29")
        buyers(engine, "unknown")
        engine.advance_time(day(1))
        assert due(engine, 50) == [("c", "birthday-1 greeting", datetime(2024, 2, 29, tzinfo=UTC))]
        assert due(engine, 60) == []
        assert topics(engine, "c")["step_lapsed"] == 0
        engine.advance_time(day(400))
        assert topics(engine, "c")["step_lapsed"] == 1
        assert due(engine, 416) == [("c", "birthday-2 greeting", datetime(2025, 2, 28, tzinfo=UTC))]
        assert begun(engine, "unknown") == []
        engine.execute(CorrectProfile(customer="unknown", birthday="--03-03", occurred_at=day(401)))
        engine.execute(CorrectProfile(customer="c", birthday="1980-03-02", occurred_at=day(401)))
        engine.advance_time(day(403))
        assert due(engine, 418) == [
            ("c", "birthday-2 greeting", datetime(2025, 3, 2, tzinfo=UTC)),
            ("unknown", "birthday-1 greeting", datetime(2025, 3, 3, tzinfo=UTC)),
        ]


def test_a_festival_is_that_of_the_customers_culture(either_url: str) -> None:
    with opened(either_url, "festivals") as engine:
        buyers(engine, "li", language="zh-Hant")
        buyers(engine, "max", language="de")
        buyers(engine, "mei", language="en")
        engine.execute(NoteCulture(customer="mei", languages=("zh", "en"), occurred_at=START))
        engine.advance_time(day(1))
        new_year = datetime(2024, 2, 10, tzinfo=UTC)
        assert due(engine, 31) == [
            ("li", "festivals-1 greeting-20240210", new_year), ("mei", "festivals-1 greeting-20240210", new_year),
        ]  # fmt: skip
        engine.advance_time(day(350))
        assert due(engine, 351) == [("max", "festivals-1 greeting-20241225", datetime(2024, 12, 25, tzinfo=UTC))]
        engine.advance_time(day(370))
        assert [customer for customer, *_ in due(engine, 386)] == ["li", "mei"]


def test_chinese_new_year_comes_from_the_extra(either_url: str) -> None:
    pytest.importorskip("holidays")
    with opened(either_url, "festivals", festivals=festivals(range(2024, 2027))) as engine:
        buyers(engine, "li", language="zh-CN")
        buyers(engine, "max", language="de")
        engine.advance_time(day(375))
        assert due(engine, 386) == [("li", "festivals-2 greeting-20250129", datetime(2025, 1, 29, tzinfo=UTC))]
        steps = [step.step for each in engine.views.care.plans("li") for step in each.steps]
    assert steps == [
        "greeting-20240210", "greeting-20240917", "greeting-20250129", "greeting-20251006",
    ]  # fmt: skip


STAYS = CarePlan(
    id="stays",
    begins="registered",
    repeats_months=12,
    steps=(
        CareStep(id="hello", what="message", day=3),
        CareStep(id="thanks", what="message", day=2, on="stay_end", days_valid=5, owner_role="host"),
        CareStep(id="ask", what="short_call", day=10, on="stay_end"),
    ),
)


def stay(customer: str, at: float) -> RecordInteraction:
    return RecordInteraction(
        customer=customer, interaction=f"out-{at}", channel="on_site", kind="check_out", occurred_at=day(at)
    )


def steps_of(engine: Relations, customer: str, number: int = 1) -> dict[str, tuple[float, float]]:
    """Return the steps of a round, with the days from which and until which they can be done."""
    steps = engine.load("customer", customer).rounds[f"stays-{number}"].steps
    count = to_micros(day(1)) - to_micros(day(0))
    return {each.step: tuple((at - to_micros(day(0))) / count for at in (each.due_at, each.until)) for each in steps}


def test_each_end_of_a_stay_adds_its_steps_to_the_round_in_which_they_are_due(either_url: str) -> None:
    with opened(either_url, STAYS) as engine:
        buyers(engine, "c")
        engine.execute(stay("c", 0.4))
        engine.advance_time(day(1))
        first = {"hello": (3, 10), "thanks-20240110": (2, 7), "ask-20240110": (10, 17)}
        assert steps_of(engine, "c") == first
        added = engine.execute(stay("c", 50.5)).events[-1]
        assert (added.topic, added.occurred_at) == ("customer.steps_added", to_micros(day(50.5)))
        # Another stay that ends on the same day, and the same record again, add nothing.
        assert len(engine.execute(stay("c", 50.8)).events) == 1
        assert engine.execute(stay("c", 50.5)).events == ()
        assert steps_of(engine, "c") == first | {"thanks-20240229": (52, 57), "ask-20240229": (60, 67)}
        assert due(engine, 53)[-1] == ("c", "stays-1 thanks-20240229", day(52))
        engine.execute(contact("c", "stays-1 thanks-20240229", 53))
        # The year ends on day 366. What is due later belongs to the next round.
        engine.execute(stay("c", 360))
        engine.advance_time(day(380))
        assert steps_of(engine, "c")["thanks-20250104"] == (362, 366)
        assert "ask-20250104" not in steps_of(engine, "c")
        assert steps_of(engine, "c", 2) == {"hello": (369, 376), "ask-20250104": (370, 377)}
        kept = engine.views.care.kept("stays")[0]
        assert (kept.done, kept.lapsed) == (1, 7)


def test_the_steps_after_a_stay_have_words_and_end_with_an_erasure(either_url: str) -> None:
    with opened(either_url, STAYS.model_copy(update={"steps": with_words(STAYS)})) as engine:
        buyers(engine, "c", name="Ada", email="ada@example.org", language="de")
        engine.advance_time(day(1))
        engine.execute(stay("c", 20.5))
        found = engine.views.care.due(as_of=day(23))
        assert [(each.step, each.text, each.address) for each in found] == [
            ("thanks-20240130", "Danke, Ada!", "ada@example.org")
        ]
        engine.execute(EraseCustomer(customer="c", occurred_at=day(24)))
        engine.execute(stay("c", 25))
        assert engine.views.care.due(as_of=day(28)) == []


def with_words(plan: CarePlan) -> tuple[CareStep, ...]:
    return tuple(
        step.model_copy(update={"templates": (CareTemplate(text="Danke, {name}!"),)}) if step.id == "thanks" else step
        for step in plan.steps
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [({"day": -1}, "nobody knows that day before"), ({"day": 1}, "must repeat")],
)
def test_a_step_after_a_stay_needs_a_plan_that_repeats_and_a_day_after_it(fields: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        CarePlan(id="p", steps=(CareStep(id="s", what="message", on="stay_end", **fields),))


# --- people with several ids, and erased ones -----------------------------------------------------------------------


def test_merged_customers_are_in_a_plan_once_and_unmerged_ones_as_before(either_url: str) -> None:
    with opened(either_url, "611") as engine:
        buyers(engine, "c", "d", "e")
        engine.advance_time(day(1))
        before = due(engine, 10), due(engine, 200, "lapse")
        engine.execute(MergeCustomer(customer="d", into="c", occurred_at=day(2)))
        assert due(engine, 10) == [each for each in before[0] if each[0] != "d"]
        assert due(engine, 200, "lapse") == [each for each in before[1] if each[0] != "d"]
        engine.execute(contact("d", "611-1 message-1", 3))
        engine.advance_time(day(9))
        engine.execute(UnmergeCustomer(customer="d", occurred_at=day(4)))
        assert engine.load("customer", "c").rounds["611-1"].steps == engine.load("customer", "e").rounds["611-1"].steps
        assert due(engine, 200, "renewal") == [
            (name, "611-1", due(engine, 200, "renewal")[0][2]) for name in ("c", "d", "e")
        ]


def test_nothing_is_due_of_an_erased_customer(either_url: str) -> None:
    with opened(either_url, "611", "birthday") as engine:
        buyers(engine, "c", birthday="1980-02-29")
        engine.advance_time(day(1))
        assert due(engine, 45)
        engine.execute(EraseCustomer(customer="c", occurred_at=day(40)))
        assert all(due(engine, 400, kind) == [] for kind in ("contact", "lapse", "renewal"))
        before = len(told(engine)["customer-c"])
        assert not engine.advance_time(day(400)).rejections
        assert len(told(engine)["customer-c"]) == before
        with pytest.raises(CommandRefused) as refused:
            engine.execute(BeginPlan(customer="c", plan="611", occurred_at=day(41)))
        assert refused.value.code == "customer_erased"


def stored_texts(engine: Relations) -> str:
    """Every row of every table as text."""
    database = engine.log.database
    with database.reading() as connection:
        names = inspect(connection).get_table_names()
        rows = [row for name in names for row in connection.execute(text(f'SELECT * FROM "{name}"'))]
    return repr([[bytes(each) if isinstance(each, memoryview) else each for each in row] for row in rows])


@pytest.mark.parametrize("erased", [False, True])
def test_no_file_has_the_date_of_a_birthday(either_url: str, tmp_path: Path, erased: bool) -> None:
    born = datetime(2024, 5, 17, tzinfo=UTC)
    with opened(either_url, "birthday", "611") as engine:
        buyers(engine, "c", birthday="1980-05-17")
        engine.advance_time(day(60))
        assert due(engine, 130) == [("c", "birthday-1 greeting", born)]
        if erased:
            engine.execute(EraseCustomer(customer="c", occurred_at=day(130)))
        engine.advance_time(day(400))
        engine.catch_up()
        known = stored_texts(engine)
    assert "birthday-1" in known or erased
    traces = [*(str(to_micros(born + timedelta(days=shift))) for shift in (0, 7)), "1980-05-17", "-05-17"]
    assert not [trace for trace in traces if trace in known]
    files = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
    assert files or "postgres" in either_url
    for mark in (*(trace.encode() for trace in traces), to_micros(born).to_bytes(8, "big")):
        assert not any(mark in each for each in files)


@pytest.mark.soak
def test_a_quarter_of_a_thousand_customers_is_the_same_in_one_step_in_many_and_from_two_processes(
    either_url: str,
) -> None:
    at_once = quarter("sqlite://", [98], customers=1_000)
    assert quarter("sqlite://", list(range(1, 99)), customers=1_000) == at_once
    with opened(either_url, "611") as engine:
        buyers(engine, *(f"c{n}" for n in range(1_000)))
        with ProcessPoolExecutor(2) as pool:
            for to in (40, 98):
                assert [*pool.map(advance, [either_url] * 2, [to] * 2)] == [0, 0]
        assert told(engine) == at_once
    for n in range(1_000):
        counted = Counter(topic for topic, *_ in at_once[f"customer-c{n}"])
        assert (counted["customer.step_lapsed"], counted["customer.plan_renewed"]) == (8, 1)


def advance(url: str, to: float) -> int:
    """Advance time in another process; return the number of refused commands."""
    with Relations.open(url, clock=lambda: day(900)) as engine:
        return len(engine.advance_time(day(to)).rejections)


def test_the_rows_of_care_keep_the_laws(either_url: str) -> None:
    policy = Policy(care=Care(plans=("611", "birthday", STAYS), quiet_days=0))
    history: list[Any] = [
        AdoptPolicy(policy=policy, from_beginning=True, occurred_at=START),
        RegisterCustomer(customer="c", birthday="1980-02-29", occurred_at=START),
        RegisterCustomer(customer="d", occurred_at=START),
        BeginPlan(customer="c", plan="611", occurred_at=START),
        BeginPlan(customer="c", plan="birthday", occurred_at=START),
        BeginPlan(customer="d", plan="611", occurred_at=START),
        contact("c", "611-1 message-1", 9),
        SkipStep(customer="d", round="611-1", step="message-1", reason="asked", occurred_at=day(9)),
        *advances("c", 29, 45, 97),
        *advances("d", 29),
        BeginPlan(customer="c", plan="stays", occurred_at=day(2)),
        RecordInteraction(customer="c", interaction="out", channel="on_site", kind="check_out", occurred_at=day(10)),
        contact("c", f"stays-1 thanks-{day(10):%Y%m%d}", 12),
        contact("c", "611-1 message-2", 24),
        MergeCustomer(customer="d", into="c", occurred_at=day(30)),
        EndPlan(customer="c", plan="611", reason="asked", occurred_at=day(99)),
        EraseCustomer(customer="d", occurred_at=day(100)),
    ]
    for projection in (PROJECTION, AGENDA):
        report = check_laws(projection, history, url=either_url, batches=(1, 7), shards=(2,), points=4, hash_seeds=())
        assert report.folded > 10
        assert report.refused == 0


def advances(customer: str, *days: float) -> list[Any]:
    return [AdvancePlan(customer=customer, occurred_at=day(each)) for each in days]


def test_a_plan_that_does_not_ship_is_refused_with_those_that_do() -> None:
    with pytest.raises(InvalidInput, match="no care plan '612' ships; there are 611, birthday"):
        Care(plans=("611", "612"))


def test_every_shipped_plan_can_be_adopted_by_its_id() -> None:
    assert list(CARE_PLANS) == [
        "611", "birthday", "festivals", "after_stay", "lapsing", "won_back", "after_complaint", "support",
    ]  # fmt: skip
    policy = Policy(care=Care(plans=tuple(CARE_PLANS)))
    assert Policy.recorded(policy.model_dump_json()) == policy
    for plan in CARE_PLANS.values():
        for step in plan.steps:
            assert step.template("zh-Hant", None) != step.template("de", None)
