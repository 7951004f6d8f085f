"""The state of a relation, read from the times of what was done and from the customer's own evidence.

Healthy → strained → acknowledged → apologised → remedied → verifying → restored; aside of these relapsed, withdrawn,
lapsed and won back.
A complaint goes as far as the furthest step taken since it was filed or last reopened, whatever the order of the
steps; the relation is where its least mended complaint is. Nothing is remembered between two readings: as of any time
the same times give the same state, in whatever order they were recorded.

Resolving or closing a complaint leads to verifying and no further: restored takes evidence that came from the customer,
a follow-up score at or above the policy's, or a purchase on a later local day than the resolution. A follow-up score at
or below the policy's says the contrary, and then only a better score, or another round, mends it. A complaint that was
withdrawn is settled without the business having mended anything; a purchase later restores that too.

A customer with a damaged relation, who had bought before and of whom nothing is heard for the policy's time, has
lapsed: no purchase, no complaint, no word. That is inferred. If they buy again after so long a silence, and that
restores the relation, they are won back.

Double deviation is a failure upon a failure: the recovery failed and the complaint was reopened, the same kind of thing
went wrong again, or anything did soon after (Bitner, Booms and Tetreault, "The service encounter", *Journal of
Marketing* 54, 1990, pages 71 to 84, who name it). An import's reopenings of what was worked on after its end are none:
they say that somebody worked, not that something failed.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import accumulate, groupby, pairwise
from typing import Literal, TypeAlias, get_args

from relations.policies import Repair
from relations.policies.calendars import LocalTime
from relations.projections.repair.cases import Case, CaseStep, Lesson, Patron, Tick

__all__ = [
    "MENDED",
    "STATES",
    "ClockStanding",
    "ComplaintHistory",
    "Deviation",
    "DeviationKind",
    "Relation",
    "Round",
    "State",
    "is_running",
    "relation_state",
    "was_met",
]

State: TypeAlias = Literal[
    "healthy",
    "lapsed",
    "relapsed",
    "strained",
    "acknowledged",
    "apologised",
    "remedied",
    "verifying",
    "withdrawn",
    "restored",
    "won_back",
]
STATES: tuple[State, ...] = get_args(State)
"""Healthy, then from the least mended to restored: a relation is where its first complaint in this order is.

No complaint is lapsed or won back; a whole relation is.
"""

MENDED: frozenset[State] = frozenset({"restored", "won_back"})
"""What the customer's own evidence shows to be whole again."""

DeviationKind: TypeAlias = Literal["reopened", "same_kind", "soon_after"]

_DAY = 86_400_000_000
_ENDS = frozenset({"met", "missed", "cancelled"})
_NEVER = 2**63
_ANSWERS = frozenset({"acknowledged", "apologised", "asked", "held", "proposed", "carried_out", "resolved"})
"""What tells the customer that they were heard."""
_AS = {"approved": "proposed"}
"""An offer that had to be approved reaches the customer by that."""


@dataclass(slots=True)
class ClockStanding:
    """A clock as of a moment.

    Attributes:
        due_at: Its deadline, UTC microseconds. While it is paused, the one that it had before.
        ended: met, missed or cancelled, where that is recorded.
        is_paused: Whether it stands still.
        started_at: When, UTC microseconds; for acknowledge and resolve that of their round.
    """

    due_at: int
    ended: str | None = None
    is_paused: bool = False
    started_at: int = 0


@dataclass(slots=True)
class Round:
    """One run of a complaint's clocks: from its filing or a reopening to the next. Times in UTC microseconds.

    Attributes:
        number: 1, and one more for each reopening.
        opened_at: When.
        opened_by: filed, reopened, or resumed by an import.
        clocks: By name and number.
        first: The first time of each step taken in the round.
        answers: The times of all steps that tell the customer that they were heard.
        scores: Of follow-ups, with their times.
        ends_at: When it was reopened.
        verdicts: What the customer's evidence said, and when: restored or not, by a score or a purchase.
        is_relapse: Whether it opened on a relation that was restored, or soon after a resolution.
    """

    number: int
    opened_at: int
    opened_by: str
    clocks: dict[tuple[str, int], ClockStanding]
    first: dict[str, int] = field(default_factory=dict)
    answers: list[int] = field(default_factory=list)
    scores: list[tuple[int, int]] = field(default_factory=list)
    ends_at: int | None = None
    verdicts: list[tuple[int, bool, str]] = field(default_factory=list)
    is_relapse: bool = False

    @property
    def answered_at(self) -> int | None:
        """The first answer."""
        return self.answers[0] if self.answers else None

    @property
    def acknowledge_by(self) -> int:
        """The deadline of the first answer."""
        return self.clocks["acknowledge", 1].due_at

    @property
    def resolve_by(self) -> int:
        """The deadline of the resolution."""
        return self.clocks["resolve", 1].due_at

    @property
    def settled_at(self) -> int | None:
        """When it was resolved, withdrawn or merged into another."""
        first = self.first
        return first.get("merged", first.get("withdrawn", first.get("resolved")))

    def restored_at(self, moment: int) -> int | None:
        """Since when the evidence had said restored, as of a moment; None where it did not."""
        found = None
        for at, restored, _ in self.verdicts:
            if at > moment:
                break
            found = at if restored else None
        return found

    def position(self) -> tuple[State, int]:
        """The state that this round has led to, and since when."""
        start: State = "relapsed" if self.is_relapse else "strained"
        if self.verdicts:
            at, restored, _ = self.verdicts[-1]
            if restored:
                return "restored", at
            return ("relapsed" if any(entry[1] for entry in self.verdicts) else start), at
        first = self.first
        for end in ("merged", "withdrawn"):
            if end in first:
                return "withdrawn", first[end]
        if "resolved" in first:
            return "verifying", first["resolved"]
        if "carried_out" in first:
            return "remedied", first["carried_out"]
        if "apologised" in first:
            return "apologised", first["apologised"]
        if self.answered_at is not None:
            return "acknowledged", self.answered_at
        return start, self.opened_at


@dataclass(frozen=True, slots=True)
class ComplaintHistory:
    """A complaint as of a moment.

    Attributes:
        case: Its row.
        rounds: At least one.
        taken: The steps taken by then, in order.
        lessons: The steps of improvements taken by then, in order.
    """

    case: Case
    rounds: list[Round]
    taken: list[CaseStep]
    lessons: list[Lesson]

    @property
    def is_merged(self) -> bool:
        """Whether it was a duplicate, which tells nothing that the other complaint does not."""
        return "merged" in self.rounds[-1].first

    @property
    def severity(self) -> str:
        """As last assessed by then, or as filed."""
        return self._last("assessed") or self.case.severity

    @property
    def category(self) -> str | None:
        """As last assessed by then."""
        return self._last("categorised")

    @property
    def cause(self) -> str | None:
        """The root cause as last named by then."""
        return self._last("cause_named")

    def _last(self, what: str) -> str | None:
        return next((step.detail for step in reversed(self.taken) if step.what == what and step.detail), None)


@dataclass(frozen=True, slots=True)
class Deviation:
    """A failure upon a failure.

    Attributes:
        complaint: The one that it is about.
        kind: Reopened; the same subject as an earlier one; or soon after any earlier one.
        at: When, UTC microseconds.
        interval: Since the earlier failure, or for a reopening since the resolution, in microseconds.
    """

    complaint: str
    kind: DeviationKind
    at: int
    interval: int


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation as of a moment.

    Attributes:
        state: Where it stands.
        since: Since when, UTC microseconds; None where it is healthy.
        complaint: The complaint that it stands at.
        histories: All complaints, by the time of filing.
        deviations: By time.
    """

    state: State
    since: int | None
    complaint: str | None
    histories: list[ComplaintHistory]
    deviations: list[Deviation]


def relation_state(
    patron: Patron | None, cases: Iterable[Case], policy: Repair, *, as_of: int, local: LocalTime
) -> Relation:
    """The state of one customer's relation.

    Args:
        patron: The customer's row.
        cases: All their complaints.
        policy: What counts as evidence and as relapse.
        as_of: UTC microseconds; later steps do not count. A purchase counts from the beginning of its local day.
        local: The business's own days.
    """
    bought = patron.purchase_days(local.day(as_of)) if patron else []
    days = bought if policy.purchase_restores else []
    histories = [history for case in cases if (history := _read(case, days, policy, as_of, local)) is not None]
    histories.sort(key=lambda history: (history.rounds[0].opened_at, history.case.complaint))
    if not histories:
        return Relation("healthy", None, None, [], [])
    # A duplicate is no second failure, and mended with the other; where nothing else is left, it stands for it.
    counting = [history for history in histories if not history.is_merged]
    _mark_relapses(counting, policy)
    positions = [(*history.rounds[-1].position(), history.case.complaint) for history in counting or histories]
    state = min((found[0] for found in positions), key=STATES.index)
    there = [(since, complaint) for found, since, complaint in positions if found == state]
    since, complaint = max(there) if state == "restored" else min(there)
    if bought:  # of people who never bought, silence says nothing
        state, since = _heard_of(state, since, histories, bought, policy.lapse_days * _DAY, as_of, local)
    return Relation(state, since, complaint, histories, _deviations(counting, policy))


def _heard_of(
    state: State,
    since: int,
    histories: Sequence[ComplaintHistory],
    bought: Sequence[int],
    silence: int,
    as_of: int,
    local: LocalTime,
) -> tuple[State, int]:
    """The state in view of the customer's silence: lapsed where it lasts, won back where a purchase ended it."""
    if state != "restored":
        lapsed_at = _last_heard(histories, bought, as_of + 1, local) + silence
        return ("lapsed", lapsed_at) if lapsed_at <= as_of else (state, since)
    by_purchase = [(since, True, "purchase")] in [history.rounds[-1].verdicts[-1:] for history in histories]
    if by_purchase and bought[0] < local.day(since) and _last_heard(histories, bought, since, local) + silence <= since:
        return "won_back", since
    return state, since


def _last_heard(histories: Sequence[ComplaintHistory], bought: Sequence[int], before: int, local: LocalTime) -> int:
    """The customer's last sign of life before a moment: they bought, complained, came back, or answered."""
    # A purchase counts from the beginning of its day, so the day of `before` may count or not.
    until = bisect_right(bought, local.day(before))
    signs = [local.start(date.fromordinal(day)) for day in bought[max(until - 2, 0) : until]]
    for history in histories:
        for opened in history.rounds:
            if opened.opened_by != "resumed":
                signs.append(opened.opened_at)
            signs.extend(at for at, _ in opened.scores)
    return max((at for at in signs if at < before), default=before)


# --- one complaint --------------------------------------------------------------------------------------------------


def _read(case: Case, days: Sequence[int], policy: Repair, as_of: int, local: LocalTime) -> ComplaintHistory | None:
    """A complaint's rounds; None where it was not filed by then."""
    if case.filed_at is None or case.filed_at > as_of:
        return None
    taken = [step for step in case.steps if step.at <= as_of]
    rounds = _rounds(taken)
    if not rounds:
        return None
    _set_clocks(rounds, [tick for tick in case.ticks if tick.at <= as_of])
    for opened in rounds:
        _judge(opened, days, policy, as_of, local)
    return ComplaintHistory(case, rounds, taken, [lesson for lesson in case.lessons if lesson.at <= as_of])


def _rounds(taken: Sequence[CaseStep]) -> list[Round]:
    """Return the runs of a complaint, from its filing and from each reopening.

    Steps dated before the filing, as other systems' files have them, count as taken at the filing, in their order.
    """
    filing = next((step for step in taken if step.what == "filed"), None)
    if filing is None:
        return []
    rounds: list[Round] = []
    for step in (filing, *(step for step in taken if step is not filing)):
        at = max(step.at, filing.at)
        if step.due is None:
            _note(rounds[-1], step, at)
            continue
        if rounds:
            rounds[-1].ends_at = at
        acknowledge_by, resolve_by = step.due
        clocks = {("acknowledge", 1): ClockStanding(acknowledge_by), ("resolve", 1): ClockStanding(resolve_by)}
        rounds.append(Round(len(rounds) + 1, at, step.what, clocks))
    return rounds


def _set_clocks(rounds: Sequence[Round], ticks: Iterable[Tick]) -> None:
    """What became of the clocks, in the order of the stream: each deadline was reckoned from what came before it."""
    for tick in ticks:
        if not 0 < tick.round <= len(rounds):
            continue  # of a round that is dated later
        clocks = rounds[tick.round - 1].clocks
        clock = clocks.get((tick.clock, tick.number))
        if clock is None:
            if tick.due_at is None:
                continue
            clock = clocks[tick.clock, tick.number] = ClockStanding(tick.due_at, started_at=tick.at)
        if tick.due_at is not None:
            clock.due_at = tick.due_at
        if tick.what in _ENDS:
            clock.ended = tick.what
        elif tick.what != "moved":
            clock.is_paused = tick.what == "paused"


def _note(opened: Round, step: CaseStep, at: int) -> None:
    what = _AS.get(step.what, step.what)
    if what == "followed_up" and opened.settled_at is None:
        return  # dated before the settlement that it asks about: it says nothing of it
    opened.first.setdefault(what, at)
    if what in _ANSWERS:
        opened.answers.append(at)
    if step.score is not None:
        opened.scores.append((at, step.score))


def _judge(opened: Round, days: Sequence[int], policy: Repair, as_of: int, local: LocalTime) -> None:
    """Hear the customer's evidence in its order: what came after the settlement and before the next round."""
    settled_at = opened.settled_at
    if settled_at is None:
        return
    heard = [
        (at, "score", score >= policy.restored_score_min)
        for at, score in opened.scores
        if not policy.broken_score_max < score < policy.restored_score_min
    ]
    purchased_at = _purchased_after(settled_at, days, local)
    if purchased_at is not None and purchased_at <= as_of and (opened.ends_at is None or purchased_at < opened.ends_at):
        heard.append((purchased_at, "purchase", True))
    for at, by, good in sorted(heard):
        says = opened.verdicts[-1][1] if opened.verdicts else None
        # A purchase is weaker evidence than words: it does not overrule a score, and changes nothing once restored.
        if says != good and not (by == "purchase" and says is not None):
            opened.verdicts.append((at, good, by))


def _purchased_after(moment: int, days: Sequence[int], local: LocalTime) -> int | None:
    """The beginning of the first day with a purchase after the day of a moment."""
    later = bisect_right(days, local.day(moment))
    return local.start(date.fromordinal(days[later])) if later < len(days) else None


def was_met(opened: Round, name: str, as_of: int, number: int = 1) -> bool | None:
    """Return whether a clock ended in time; None while it runs or is paused, and where it was cancelled.

    What truly happened counts: a clock whose miss is recorded was met if its step turns out to be dated before the
    deadline.
    """
    clock = opened.clocks.get((name, number))
    if clock is None or clock.ended == "cancelled":
        return None
    if clock.ended is not None:
        return clock.ended == "met" or was_corrected(opened, name, number)
    done_at = _done_at(opened, name, number)
    if done_at is not None:
        return done_at < clock.due_at
    if clock.is_paused:
        return None
    stopped_at = opened.settled_at if opened.settled_at is not None and name != "follow_up" else as_of
    return False if clock.due_at <= stopped_at else None


def was_corrected(opened: Round, name: str, number: int = 1) -> bool:
    """Return whether a clock is recorded as missed, but its step was taken in time and recorded late."""
    clock = opened.clocks.get((name, number))
    if clock is None or clock.ended != "missed":
        return False
    done_at = _done_at(opened, name, number)
    return done_at is not None and done_at < clock.due_at


def is_running(opened: Round, name: str, number: int = 1) -> bool:
    """Whether what a clock waits for is still to be done; it may be overdue, or stand still."""
    clock = opened.clocks.get((name, number))
    if clock is None or clock.ended in ("met", "cancelled") or _done_at(opened, name, number) is not None:
        return False
    if name == "follow_up":
        return opened.ends_at is None
    # A miss does not end the waiting: it is overdue until it is done.
    return opened.settled_at is None and opened.ends_at is None


def _done_at(opened: Round, name: str, number: int) -> int | None:
    match name:
        case "acknowledge":
            return opened.answered_at
        case "resolve":
            return opened.first.get("resolved")
        case "follow_up":
            return opened.first.get("followed_up")
    started_at = opened.clocks[name, number].started_at
    return next((at for at in opened.answers if at >= started_at), None)


# --- failures upon failures -----------------------------------------------------------------------------------------


def _mark_relapses(histories: Sequence[ComplaintHistory], policy: Repair) -> None:
    """Mark the rounds that opened on a relation that was restored, or soon after a resolution.

    A reopening looks at the round before it, a new complaint at all others. Customers may have thousands, so the
    spells in which anything was mended are laid out once and looked up.
    """
    spells = sorted(spell for history in histories for opened in history.rounds for spell in _mended(opened, policy))
    starts = [start for start, _ in spells]
    ends = list(accumulate((end for _, end in spells), max))
    for history in histories:
        first, *reopened = history.rounds
        before = bisect_left(starts, first.opened_at)
        first.is_relapse = before > 0 and ends[before - 1] >= first.opened_at
        for earlier, opened in zip(history.rounds, reopened, strict=False):
            opened.is_relapse = opened.opened_by == "reopened" and any(
                start <= opened.opened_at <= end for start, end in _mended(earlier, policy)
            )


def _mended(opened: Round, policy: Repair) -> Iterator[tuple[int, int]]:
    """When a failure would be a relapse, from and to: while restored, and for the policy's days after a resolution."""
    ends_at = _NEVER if opened.ends_at is None else opened.ends_at
    verdicts = opened.verdicts
    for n, (at, restored, _) in enumerate(verdicts):
        if restored:
            yield at, verdicts[n + 1][0] if n + 1 < len(verdicts) else ends_at
    resolved_at = opened.first.get("resolved")
    if resolved_at is not None:
        yield resolved_at, min(resolved_at + policy.relapse_days * _DAY, ends_at)


def _deviations(histories: Sequence[ComplaintHistory], policy: Repair) -> list[Deviation]:
    """Failures upon failures, by time."""
    found: list[Deviation] = []
    last: int | None = None
    last_of: dict[str, int] = {}
    # Complaints of one moment are one failure told in several, none upon another.
    for opened_at, together in groupby(histories, key=lambda history: history.rounds[0].opened_at):
        for case in (now := [history.case for history in together]):
            alike = last_of.get(case.subject)
            if alike is not None:
                found.append(Deviation(case.complaint, "same_kind", opened_at, opened_at - alike))
            elif last is not None and opened_at - last <= policy.double_deviation_days * _DAY:
                found.append(Deviation(case.complaint, "soon_after", opened_at, opened_at - last))
        last = opened_at
        last_of.update((case.subject, opened_at) for case in now)
    for history in histories:
        for before, after in pairwise(history.rounds):
            if after.opened_by == "reopened":
                since = before.settled_at if before.settled_at is not None else before.opened_at
                found.append(Deviation(history.case.complaint, "reopened", after.opened_at, after.opened_at - since))
    return sorted(found, key=lambda deviation: (deviation.at, deviation.complaint, deviation.kind))
