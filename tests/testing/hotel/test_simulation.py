from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from relations.aggregates.complaint import (
    CheckDeadlines,
    FileComplaint,
    ReopenComplaint,
    WithdrawComplaint,
)
from relations.aggregates.customer import (
    AnswerFeedback,
    DeclineInvitation,
    DropTrait,
    EraseCustomer,
    GiveFeedback,
    LinkIdentity,
    MergeCustomer,
    NoteCulture,
    NoteTrait,
    RecordAcquisitionCost,
    RecordInteraction,
    RecordLapse,
    RecordPurchase,
    RecordWinBack,
    RefundPurchase,
    RegisterCustomer,
    RemindInvitation,
    ScoreSentiment,
    SeeInvitation,
    SendInvitation,
)
from relations.aggregates.loyalty import ExpirePoints, RedeemPoints
from relations.aggregates.policy import AdoptPolicy
from relations.errors import InvalidInput
from relations.messages import Command
from relations.policies import Policy
from relations.policies.complaints.service_levels import SEVERITIES
from relations.testing import Recorded, RecordingClock, is_mistake, simulate, simulate_recorded
from relations.testing.hotel.world import QUESTIONNAIRE, SUBJECTS, THEMES


@pytest.fixture(scope="module")
def history() -> list[Recorded]:
    return list(simulate_recorded(seed=1, customers=2_000))


@pytest.fixture(scope="module")
def commands(history: list[Recorded]) -> list[Command]:
    return [command for _, command in history]


def of(kind: type[Command], commands: Iterable[Command]) -> list[Command]:
    return [command for command in commands if type(command) is kind]


def test_the_same_seed_gives_the_same_history_and_another_seed_another() -> None:
    one, again, other = (list(simulate_recorded(seed=seed, customers=60)) for seed in (7, 7, 8))
    assert one == again
    assert len(one) > 500
    assert [command.model_dump() for _, command in one] != [command.model_dump() for _, command in other]


def test_every_command_is_as_valid_as_if_it_had_come_through_the_door(commands: list[Command]) -> None:
    kinds: Counter[type[Command]] = Counter()
    for command in commands:
        sent = command.model_dump(exclude_unset=True)
        assert type(command).model_validate(sent) == command
        assert list(command.__dict__) == list(type(command).model_fields)
        kinds[type(command)] += 1
    assert len(kinds) >= 25


def test_commands_come_in_the_order_of_recording_and_never_before_they_occur(history: list[Recorded]) -> None:
    assert all(before.recorded_at <= after.recorded_at for before, after in pairwise(history))
    assert all(command.occurred_at <= recorded_at for recorded_at, command in history)
    late = [command for recorded_at, command in history if recorded_at - command.occurred_at > timedelta(days=2)]
    assert {type(command) for command in late} >= {RecordPurchase, FileComplaint}
    assert 0.001 < len(late) / len(history) < 0.05


def test_command_ids_are_unique_but_for_what_is_sent_twice(commands: list[Command]) -> None:
    by_id = defaultdict(list)
    for command in commands:
        by_id[command.command_id].append(command)
    twice = [same for same in by_id.values() if len(same) > 1]
    assert 5 < len(twice) < len(commands) / 200
    assert all(first is second for first, second, *_ in twice)


def test_the_first_command_adopts_the_policy() -> None:
    adopted = next(simulate(customers=1))
    assert isinstance(adopted, AdoptPolicy)
    assert adopted.from_beginning
    mine = Policy(zone="Asia/Tokyo")
    theirs = next(simulate(customers=1, policy=mine))
    assert isinstance(theirs, AdoptPolicy)
    assert theirs.policy == mine


def test_everything_that_a_real_history_has_is_there(commands: list[Command]) -> None:
    kinds = Counter(type(command) for command in commands)
    for kind in (ReopenComplaint, WithdrawComplaint, CheckDeadlines, ExpirePoints, RedeemPoints, EraseCustomer):
        assert kinds[kind] > 0, kind.__name__
    refunds = Counter(command.purchase for command in commands if isinstance(command, RefundPurchase))
    assert max(refunds.values()) >= 2
    assert {command.amount.currency for command in commands if isinstance(command, RecordPurchase)} == {
        "EUR", "CHF", "CNY", "JPY",
    }  # fmt: skip
    languages = {command.language for command in commands if isinstance(command, RegisterCustomer)}
    assert {"zh-CN", "de-AT", "fr-FR", "ja-JP"} <= languages
    outcomes = {command.outcome for command in commands if isinstance(command, RecordInteraction)}
    assert {"booked", "cancelled", "taken up"} <= outcomes
    assert {str(command.command_id).partition("!")[2] for command in commands if is_mistake(command)} >= {
        "refund_beyond_purchase", "refund_of_nothing", "redemption_beyond_balance",
    }  # fmt: skip


def test_guests_are_asked_reminded_and_come_back_to(commands: list[Command]) -> None:
    sent = {command.invitation for command in commands if isinstance(command, SendInvitation)}
    assert len(sent) > 500
    answered = {command.invitation for command in commands if isinstance(command, GiveFeedback)}
    assert 0.2 < len(sent & answered) / len(sent) < 0.7
    kinds = Counter(type(command) for command in commands)
    for kind in (SeeInvitation, RemindInvitation, DeclineInvitation, ScoreSentiment, AnswerFeedback):
        assert kinds[kind] > 20, kind.__name__
    themes = Counter(theme for command in commands if isinstance(command, GiveFeedback) for theme in command.themes)
    assert set(themes) == set(THEMES)


def test_guests_are_persons_and_some_are_known_twice(commands: list[Command]) -> None:
    kinds = Counter(type(command) for command in commands)
    for kind in (NoteTrait, DropTrait, NoteCulture, RecordAcquisitionCost, LinkIdentity, MergeCustomer):
        assert kinds[kind] > 3, kind.__name__
    noted = [command for command in commands if isinstance(command, NoteTrait)]
    assert {command.trait for command in noted} == {"preference", "habit", "taboo", "need"}
    assert any(command.words for command in noted)
    registered = {command.customer for command in commands if isinstance(command, RegisterCustomer)}
    twice = {command.removesuffix("-2") for command in registered if command.endswith("-2")}
    merged = {command.into for command in commands if isinstance(command, MergeCustomer)}
    assert merged < twice <= registered
    assert len(twice) > len(merged) + 5


def test_people_are_invented_and_plainly_so(commands: list[Command]) -> None:
    registered = [command for command in commands if isinstance(command, RegisterCustomer)]
    assert len(registered) > 1_900
    assert all(command.email and command.email.endswith(".example.com") for command in registered)
    assert all(command.phone is None or command.phone.startswith("+999") for command in registered)
    assert len({command.name for command in registered}) > 300


def test_the_figures_are_such_as_a_hotel_has(commands: list[Command]) -> None:
    stays = sum(isinstance(command, RecordInteraction) and command.outcome == "booked" for command in commands)
    complaints = len(of(FileComplaint, commands))
    assert 0.015 < complaints / stays < 0.045
    nps = [
        command.score or 0 for command in commands if isinstance(command, GiveFeedback) and command.instrument == "nps"
    ]
    net = 100 * (sum(score >= 9 for score in nps) - sum(score <= 6 for score in nps)) / len(nps)
    assert len(nps) > 500
    assert 25 < net < 55
    csat = [
        command.score or 0 for command in commands if isinstance(command, GiveFeedback) and command.instrument == "csat"
    ]
    assert 0.75 < sum(score >= 4 for score in csat) / len(csat) < 0.95


def test_guests_who_complained_are_less_content(commands: list[Command]) -> None:
    stays = {str(command.purchase).rpartition("-")[0][1:] for command in commands if isinstance(command, FileComplaint)}
    scores: dict[bool, list[int]] = {True: [], False: []}
    for command in commands:
        if isinstance(command, GiveFeedback) and command.instrument == "csat":
            scores[str(command.invitation)[1:] in stays].append(command.score or 0)
    unhappy, others = scores[True], scores[False]
    assert len(unhappy) > 20
    assert sum(unhappy) / len(unhappy) < sum(others) / len(others) - 0.3


def test_holidays_have_seasons_and_weeks_have_days(commands: list[Command]) -> None:
    nice = Counter(
        command.occurred_at.month
        for command in commands
        if isinstance(command, RecordPurchase) and command.touchpoint == "nice-promenade" and command.category == "room"
    )
    assert sum(nice[month] for month in (6, 7, 8)) > 1.5 * sum(nice[month] for month in (12, 1, 2))
    days = Counter(
        command.occurred_at.weekday()
        for command in commands
        if isinstance(command, RecordPurchase) and command.category == "restaurant"
    )
    assert max(days.values()) > 1.3 * min(days.values())


def test_some_guests_stay_away_for_half_a_year_and_return(commands: list[Command]) -> None:
    visits = defaultdict(list)
    for command in commands:
        if isinstance(command, RecordPurchase):
            visits[command.customer].append(command.occurred_at)
    returns = sum(
        any(after - before > timedelta(days=180) for before, after in pairwise(sorted(times)))
        for times in visits.values()
    )
    again = sum(len({time.date() for time in times}) > 3 for times in visits.values())
    assert returns > 50
    assert 0.2 < again / len(visits) < 0.8


def test_as_many_commands_as_wanted_come_and_they_span_the_months() -> None:
    history = list(simulate_recorded(commands=3_000, months=12))
    assert len(history) == 3_000
    assert history[-1].recorded_at > datetime(2024, 7, 1, tzinfo=UTC)


def test_the_history_stays_within_its_days() -> None:
    history = list(simulate_recorded(customers=50, start=date(2023, 3, 31), months=11))
    assert len(history) > 100
    assert history[0].recorded_at == datetime(2023, 3, 31, tzinfo=UTC)
    assert history[-1].recorded_at < datetime(2024, 2, 29, tzinfo=UTC)


@pytest.mark.parametrize("wrong", [{"customers": 0}, {"commands": 0}, {"months": 0}, {"months": 10**6}])
def test_a_history_of_nothing_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as refused:
        simulate(**wrong)
    assert refused.value.field == next(iter(wrong))


def test_the_recording_clock_stands_at_the_command_last_taken() -> None:
    history = list(simulate_recorded(customers=5))
    clock = RecordingClock(history)
    with pytest.raises(RuntimeError, match="first command"):
        clock()
    assert [(clock(), command) for command in clock] == history


def test_the_severities_are_the_policys() -> None:
    drawn = {severity for subject in SUBJECTS.values for severity in subject.severities.values}
    assert drawn <= set(SEVERITIES)
    assert len(drawn) == 4


def test_batches_end_with_their_day() -> None:
    history = list(simulate_recorded(customers=30))
    clock = RecordingClock(history)
    taken: list[Command] = []
    for batch in clock.batches(size=5):
        taken += batch
        assert len(batch) <= 5
        assert clock() == history[len(taken) - 1].recorded_at
        assert clock().date() == history[len(taken) - len(batch)].recorded_at.date()
    assert taken == [command for _, command in history]


def test_who_recommends_the_house_says_how_the_stay_was(commands: list[Command]) -> None:
    answers = [command for command in commands if isinstance(command, GiveFeedback)]
    recommended = {command.invitation for command in answers if command.instrument == "nps"}
    told = [command for command in answers if command.instrument == QUESTIONNAIRE.id]
    assert len(told) > 500
    assert {command.invitation for command in told} <= recommended
    assert {item.item for command in told for item in command.items} == {item.id for item in QUESTIONNAIRE.items}
    complete = [len(command.items) == len(QUESTIONNAIRE.items) for command in told]
    assert 0.7 < sum(complete) / len(complete) < 0.95
    # A business whose policy does not know the questionnaire does not ask.
    others = simulate(seed=1, customers=60, policy=Policy())
    assert {each.instrument for each in others if isinstance(each, GiveFeedback)} == {"nps", "csat"}


def test_some_say_why_they_leave_and_few_of_them_are_won_back(commands: list[Command]) -> None:
    left = [command for command in commands if isinstance(command, RecordLapse)]
    back = [command for command in commands if isinstance(command, RecordWinBack)]
    assert len({command.reason for command in left}) > 3
    assert 0 < len(back) < len(left)
    assert {command.customer for command in back} <= {command.customer for command in left}
    # What is sent twice is the same command.
    costs = {command.command_id: command for command in commands if isinstance(command, RecordAcquisitionCost)}.values()
    assert len({command.customer for command in costs}) == len(costs) > 100
