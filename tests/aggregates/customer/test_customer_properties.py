"""Laws of a customer after any history of commands, in any order of business times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from relations.aggregates.customer import (
    AGGREGATE,
    REFUSALS,
    AbsorbCustomer,
    CorrectProfile,
    Customer,
    CustomerAbsorbed,
    CustomerCommand,
    CustomerErased,
    CustomerMerged,
    CustomerRegistered,
    CustomerReleased,
    CustomerUnmerged,
    EraseAlias,
    EraseCustomer,
    FeedbackGiven,
    GiveConsent,
    GiveFeedback,
    LinkIdentity,
    MergeCustomer,
    PurchaseRecorded,
    PurchaseRefunded,
    RecordInteraction,
    RecordPurchase,
    RefundPurchase,
    RegisterCustomer,
    ReleaseCustomer,
    UnmergeCustomer,
    WithdrawConsent,
)
from relations.decider import fold
from relations.errors import CommandRefused
from relations.log.codec import decode_state, encode_state
from relations.messages import Event, Money
from relations.policies import Policy
from tests.support.any_event import any_event

DECIDER = AGGREGATE.decider
POLICY = Policy()
START = datetime(2024, 1, 1, tzinfo=UTC)

times = st.integers(0, 20).map(lambda hours: START + timedelta(hours=hours))
ids = st.sampled_from(["a", "b", "c"])
maybe = st.none() | ids
currencies = st.sampled_from(["EUR", "EUR", "EUR", "USD"])
channels = st.sampled_from(["web", "email"])
languages = st.none() | st.sampled_from(["de", "zh-Hant"])


def _to_c1(command: type[CustomerCommand], /, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.builds(command, customer=st.just("c1"), occurred_at=times, **fields)


buying: st.SearchStrategy[CustomerCommand] = st.one_of(
    _to_c1(RecordPurchase, purchase=ids, amount=st.builds(Money, st.integers(0, 50), currencies), category=maybe),
    _to_c1(RefundPurchase, refund=ids, purchase=ids, amount=st.builds(Money, st.integers(1, 20), currencies)),
)
commands: st.SearchStrategy[CustomerCommand] = st.one_of(
    buying,
    _to_c1(
        GiveFeedback,
        feedback=ids,
        instrument=st.sampled_from(["nps", "csat"]),
        score=st.integers(1, 5),
        invitation=maybe,
        comment=maybe,
    ),
    _to_c1(GiveConsent, purpose=st.just("offers"), channel=channels, basis=ids),
    _to_c1(WithdrawConsent, purpose=st.just("offers"), channel=channels),
    _to_c1(RecordInteraction, interaction=ids, channel=channels, kind=ids),
    _to_c1(RegisterCustomer, name=maybe, language=languages, source=maybe),
    _to_c1(CorrectProfile, name=maybe, language=languages, region=maybe),
    _to_c1(EraseCustomer),
    _to_c1(LinkIdentity, source=st.just("crm"), external_id=ids),
    _to_c1(MergeCustomer, into=st.sampled_from(["c1", "c2", "c3"])),
    _to_c1(UnmergeCustomer),
    _to_c1(AbsorbCustomer, merged=st.sampled_from(["c1", "c2", "c3"])),
    _to_c1(ReleaseCustomer, merged=st.sampled_from(["c2", "c3"])),
    _to_c1(EraseAlias, other=st.sampled_from(["c2", "c3"])),
)
histories = st.lists(commands, min_size=8, max_size=40)


def execute(state: Customer, command: CustomerCommand) -> tuple[Customer, list[Event]]:
    try:
        events = DECIDER.decide(state, command, POLICY)
    except CommandRefused as refused:
        event(REFUSALS[refused.code])
        return state, []
    return fold(DECIDER, events, state), events


def recorded(history: list[CustomerCommand]) -> tuple[Customer, list[Event]]:
    state, events = DECIDER.initial, []
    for command in history:
        state, new = execute(state, command)
        events += new
    return state, events


@given(histories)
def test_right_events_harmless_retry(history: list[CustomerCommand]) -> None:
    state = DECIDER.initial
    for command in history:
        state, events = execute(state, command)
        assert len(events) <= 2
        again, more = execute(state, command)
        # Words cannot be compared, so a correction of words is recorded again: the same words for the same words.
        corrects_words = isinstance(command, CorrectProfile) and command.name is not None
        assert more == [] or corrects_words
        assert again == state or corrects_words


@given(histories)
def test_a_whole_history_sent_again_changes_no_sum(history: list[CustomerCommand]) -> None:
    state, _ = recorded(history)
    again = state
    for command in history:
        again, _ = execute(again, command)
    assert all(again.purchases[name] == first for name, first in state.purchases.items())
    assert set(again.refunded) >= set(state.refunded)
    for refund, first in state.refunds.items():
        assert again.refunds[refund] == first


@given(st.lists(buying, min_size=8, max_size=40))
def test_refunds_never_exceed_their_purchase(history: list[CustomerCommand]) -> None:
    _, events = recorded(history)
    bought = {each.purchase: each for each in events if isinstance(each, PurchaseRecorded)}
    refunds = [each for each in events if isinstance(each, PurchaseRefunded)]
    assert len(bought) == sum(isinstance(each, PurchaseRecorded) for each in events)
    assert len({each.refund for each in refunds}) == len(refunds)
    given_back = dict.fromkeys(bought, 0)
    for each in refunds:
        purchase = bought[each.purchase]
        given_back[each.purchase] += each.amount.amount
        assert each.amount.currency == purchase.amount.currency
        assert (each.refunded, each.bought, each.bought_at) == (
            given_back[each.purchase],
            purchase.amount.amount,
            purchase.at,
        )
        assert 0 < each.refunded <= each.bought
    event(f"{min(len(refunds), 3)} refunds")


@given(histories)
def test_one_invitation_and_instrument_count_once(history: list[CustomerCommand]) -> None:
    _, events = recorded(history)
    answers = [each for each in events if isinstance(each, FeedbackGiven)]
    invited = [(each.instrument, each.invitation) for each in answers if each.invitation]
    assert len(set(invited)) == len(invited)
    assert len({each.feedback for each in answers}) == len(answers)
    event("answered" if invited else "no invitation answered")


@given(histories)
def test_a_customer_becomes_known_first_and_at_most_twice(history: list[CustomerCommand]) -> None:
    _, events = recorded(history)
    registered = [each.implicit for each in events if isinstance(each, CustomerRegistered)]
    assert registered in ([], [True], [False], [True, False])
    # A merge makes nobody known, so that undoing it leaves nothing behind.
    merging = (CustomerMerged, CustomerUnmerged, CustomerAbsorbed, CustomerReleased)
    others = [each for each in events if not isinstance(each, merging)]
    if others:
        assert isinstance(others[0], CustomerRegistered | CustomerErased)


@given(histories)
def test_no_words_come_after_an_erasure(history: list[CustomerCommand]) -> None:
    _, events = recorded(history)
    erased = False
    for each in events:
        if erased:
            assert getattr(each, "name", None) is None
            assert getattr(each, "comment", None) is None
        erased = erased or isinstance(each, CustomerErased)
    event("erased" if erased else "not erased")


consents = st.lists(
    _to_c1(GiveConsent, purpose=st.just("x"), channel=st.just("web"))
    | _to_c1(WithdrawConsent, purpose=st.just("x"), channel=st.just("web")),
    min_size=1,
)


@given(consents)
def test_a_withdrawal_holds_until_a_consent_of_later_business_time(history: list[CustomerCommand]) -> None:
    state, _ = recorded(history)
    [changes] = state.consents.values()
    withdrawn = [command.at for command in history if isinstance(command, WithdrawConsent)]
    in_force = changes[-1][1] is not None
    if in_force:
        assert all(at < changes[-1][0] for at in withdrawn)
    if not withdrawn:
        assert in_force
    event("in force" if in_force else "withdrawn")


@given(histories)
def test_a_snapshot_anywhere_changes_nothing(history: list[CustomerCommand]) -> None:
    state = DECIDER.initial
    for command in history:
        state, _ = execute(state, command)
        assert decode_state(encode_state(state), Customer) == state


# --- evolve takes whatever was recorded -----------------------------------------------------------------------------


@given(st.lists(st.one_of([any_event(kind) for kind in AGGREGATE.events]), min_size=1, max_size=30), histories)
def test_evolve_never_refuses_what_was_recorded(past: list[Event], history: list[CustomerCommand]) -> None:
    state = fold(DECIDER, past)
    assert isinstance(state, Customer)
    for command in history:
        state, _ = execute(state, command)


def test_an_unknown_event_changes_nothing() -> None:
    state, _ = recorded([RegisterCustomer(customer="c1", occurred_at=START)])
    assert DECIDER.evolve(state, Event()) is state
