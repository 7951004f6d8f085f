"""Everything that the agenda lists can be executed at the moment asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import event, given
from hypothesis import strategies as st

from relations import Policy, Relations
from relations.aggregates.customer import (
    DeclineInvitation,
    GiveConsent,
    GiveFeedback,
    MergeCustomer,
    RegisterCustomer,
    RemindInvitation,
    SeeInvitation,
    SendInvitation,
    WithdrawConsent,
)
from relations.errors import RelationsError
from relations.messages import Command
from relations.policies import Surveys

START = datetime(2026, 1, 1, tzinfo=UTC)
SURVEYS = Surveys(reminders=2, reminder_days=7, quarantine_days=14, reminder_valid_days=None)


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def send(customer: str, invitation: str, at: float, channel: str = "email") -> SendInvitation:
    return SendInvitation(
        customer=customer, invitation=invitation, instrument="nps", channel=channel, occurred_at=day(at)
    )


def consent(kind: type[GiveConsent] | type[WithdrawConsent], customer: str, at: float) -> Command:
    return kind(customer=customer, purpose=SURVEYS.consent_purpose or "surveys", channel="email", occurred_at=day(at))


def opened(history: list[Command], surveys: Surveys = SURVEYS) -> Relations:
    engine = Relations.open("sqlite://", clock=lambda: day(400), durability="off")
    engine.adopt(Policy(surveys=surveys), from_beginning=True)
    for command in history:
        try:
            engine.execute(command)
        except RelationsError:
            event("refused")
    return engine


def reminders(engine: Relations, until: float) -> list[str]:
    return [item.detail for item in engine.views.agenda.due(until=day(until), kind="reminder")]


def test_a_reminder_is_not_listed_while_it_would_be_refused() -> None:
    with opened([send("c1", "i1", 0), consent(WithdrawConsent, "c1", 3)]) as engine:
        assert reminders(engine, 10) == []
        assert [item.kind for item in engine.views.agenda.for_customer("c1")] == []
        engine.execute(consent(GiveConsent, "c1", 12))
        assert reminders(engine, 13) == ["i1"]
        engine.execute(send("c1", "i2", 13))
        engine.execute(SeeInvitation(customer="c1", invitation="i2", occurred_at=day(14)))
        assert reminders(engine, 21) == ["i2"], "c1 saw i2 lately, so i1 has to wait"
        assert reminders(engine, 29) == ["i1", "i2"]
        engine.adopt(Policy(surveys=SURVEYS.model_copy(update={"reminders": 0})))
        assert reminders(engine, 500) == []


def test_a_consent_withdrawn_under_another_id_counts_after_a_merge() -> None:
    known = [RegisterCustomer(customer=each, occurred_at=day(0)) for each in ("c1", "c2")]
    with opened([*known, send("c1", "i1", 0), consent(WithdrawConsent, "c2", 3)]) as engine:
        assert reminders(engine, 10) == ["i1"]
        engine.execute(MergeCustomer(customer="c2", into="c1", occurred_at=day(9)))
        assert reminders(engine, 10) == []
        engine.execute(consent(GiveConsent, "c2", 11))
        assert reminders(engine, 12) == ["i1"]


names = st.sampled_from(["c1", "c2"])
invitations = st.sampled_from(["i1", "i2", "i3"])
days = st.integers(0, 60)
steps = st.one_of(
    st.builds(send, names, invitations, days, st.sampled_from(["email", "app"])),
    st.builds(consent, st.sampled_from([GiveConsent, WithdrawConsent]), names, days),
    st.builds(
        lambda kind, name, invitation, at: kind(customer=name, invitation=invitation, occurred_at=day(at)),
        st.sampled_from([SeeInvitation, DeclineInvitation, RemindInvitation]),
        names,
        invitations,
        days,
    ),
    st.builds(
        lambda name, invitation, at: GiveFeedback(
            customer=name, feedback=f"f{at}", instrument="nps", score=9, invitation=invitation, occurred_at=day(at)
        ),
        names,
        invitations,
        days,
    ),
    st.builds(lambda at: MergeCustomer(customer="c1", into="c2", occurred_at=day(at)), days),
)


@given(st.lists(steps, min_size=4, max_size=14), st.integers(10, 120))
def test_every_reminder_that_is_listed_can_be_sent(history: list[Command], until: int) -> None:
    with opened(history) as engine:
        items = engine.views.agenda.due(until=day(until), kind="reminder")
        for item in items:
            event("listed")
            receipt = engine.execute(
                RemindInvitation(
                    customer=item.stream.removeprefix("customer-"), invitation=item.detail, occurred_at=day(until)
                )
            )
            assert receipt.events
