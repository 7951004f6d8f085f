"""The state of a relation, computed from the times of the steps taken and the customer's own evidence.

The states are healthy → strained → acknowledged → apologised → remedied → verifying → restored; and besides these
relapsed, withdrawn, lapsed and won back. The state of a complaint is that of the furthest step since it was filed or
last reopened, in any order of the steps. The state of the relation is that of its least repaired complaint. Nothing is
stored: the same times give the same state, in whatever order they were recorded.

Resolving or closing a complaint leads to verifying, no further. Restored needs evidence from the customer. That is a
follow-up score at or above the policy's threshold, or a purchase on a later local day than the resolution. After a low
follow-up score, only a better score or another round restores the relation. A withdrawn complaint is settled without
any repair; a later purchase restores the relation, too.

A former buyer with a damaged relation has lapsed after the policy's time without a purchase, a complaint or a message.
That is inferred. If they buy again after that, and the purchase restores the relation, they are won back.

A double deviation is a repeated failure: a complaint was reopened, the same kind of failure happened again, or any
failure happened soon after another. The term is by Bitner, Booms and Tetreault ("The service encounter", *Journal of
Marketing* 54, 1990, pages 71 to 84). Reopenings that an import recorded for work after the end do not count: they show
work, not a failure.
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
    "RESTORED",
    "STATES",
    "ClockStanding",
    "ComplaintHistory",
    "Deviation",
    "DeviationKind",
    "Relation",
    "Round",
    "State",
    "case_history",
    "is_running",
    "lapses_at",
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
"""The states: healthy, then from the least repaired to restored. A relation has the first state of its complaints.

A complaint is never lapsed or won back, only a whole relation.
"""

RESTORED: frozenset[State] = frozenset({"restored", "won_back"})
"""The states in which the customer's own evidence shows a restored relation."""

DeviationKind: TypeAlias = Literal["reopened", "same_kind", "soon_after"]

_DAY = 86_400_000_000
_ENDS = frozenset({"met", "missed", "cancelled"})
_NEVER = 2**63
_ANSWERS = frozenset(
    {"acknowledged", "apologised", "asked", "held", "message_sent", "proposed", "carried_out", "resolved"}
)
"""The steps that answer the customer."""
_AS = {"approved": "proposed"}
"""The step by which a remedy that needed approval reaches the customer."""


@dataclass(slots=True)
class ClockStanding:
    """A clock as of a moment.

    Attributes:
        due_at: The deadline, UTC microseconds; while the clock is paused, the one before the pause.
        ended: `met`, `missed` or `cancelled`, if that is recorded.
        is_paused: True if it is paused.
        started_at: The start, UTC microseconds; for `acknowledge` and `resolve` that of their round.
    """

    due_at: int
    ended: str | None = None
    is_paused: bool = False
    started_at: int = 0


@dataclass(slots=True)
class Round:
    """One run of a complaint's clocks: from its filing or a reopening to the next. Times in UTC microseconds.

    Attributes:
        number: 1 from the filing, one more for each reopening.
        opened_at: The time at which it began.
        opened_by: `filed`, `reopened`, or `resumed` by an import.
        clocks: The clocks by name and number.
        first: The first time of each step taken in the round.
        answers: The times of all steps that answer the customer.
        scores: The follow-up scores with their times.
        ends_at: The time of the next reopening; None if there was none.
        verdicts: The customer's evidence by time: restored or not, by a score or a purchase.
        is_relapse: True if it began on a restored relation, or soon after a resolution.
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
        """The time of the first answer; None if there was none."""
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
        """The time at which it was resolved, withdrawn or merged; None if it was not."""
        first = self.first
        return first.get("merged", first.get("withdrawn", first.get("resolved")))

    def restored_at(self, moment: int) -> int | None:
        """Return the time since when the evidence shows restored, as of a moment; None if it does not."""
        found = None
        for at, restored, _ in self.verdicts:
            if at > moment:
                break
            found = at if restored else None
        return found

    def position(self) -> tuple[State, int]:
        """Return the state to which this round has led, and since when."""
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
        case: The complaint's row.
        rounds: The rounds, at least one.
        taken: The steps taken by then, in order.
        lessons: The steps of improvements taken by then, in order.
    """

    case: Case
    rounds: list[Round]
    taken: list[CaseStep]
    lessons: list[Lesson]

    @property
    def is_merged(self) -> bool:
        """True if it was merged into another complaint, which has all its evidence."""
        return "merged" in self.rounds[-1].first

    @property
    def severity(self) -> str:
        """The severity as last assessed by then, or as filed."""
        return self._last("assessed") or self.case.severity

    @property
    def category(self) -> str | None:
        """The category as last assessed by then."""
        return self._last("categorised")

    @property
    def cause(self) -> str | None:
        """The root cause as last named by then."""
        return self._last("cause_named")

    def _last(self, what: str) -> str | None:
        return next((step.detail for step in reversed(self.taken) if step.what == what and step.detail), None)


@dataclass(frozen=True, slots=True)
class Deviation:
    """A double deviation: a repeated failure.

    Attributes:
        complaint: The complaint about it.
        kind: Reopened, the same subject as an earlier complaint, or soon after any earlier one.
        at: The time, UTC microseconds.
        interval: The time since the earlier failure, or for a reopening since the resolution, in microseconds.
    """

    complaint: str
    kind: DeviationKind
    at: int
    interval: int


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation as of a moment.

    Attributes:
        state: The state.
        since: The time since when it is in this state, UTC microseconds; None if it is healthy.
        complaint: The complaint that determines the state.
        histories: All complaints, by the time of filing.
        deviations: The repeated failures, by time.
    """

    state: State
    since: int | None
    complaint: str | None
    histories: list[ComplaintHistory]
    deviations: list[Deviation]


def relation_state(
    patron: Patron | None, cases: Iterable[Case], policy: Repair, *, as_of: int, local: LocalTime
) -> Relation:
    """Return the state of one customer's relation.

    Args:
        patron: The customer's row.
        cases: All their cases. Those that are no complaints do not touch the relation.
        policy: The rules of evidence and relapse.
        as_of: The moment, UTC microseconds; later steps do not count. Purchases count from the start of the local day.
        local: The local days of the business.
    """
    bought = patron.purchase_days(local.day(as_of)) if patron else []
    days = bought if policy.purchase_restores else []
    complaints = (case for case in cases if case.kind == "complaint")
    histories = [
        history for case in complaints if (history := case_history(case, days, policy, as_of, local)) is not None
    ]
    histories.sort(key=lambda history: (history.rounds[0].opened_at, history.case.complaint))
    if not histories:
        return Relation("healthy", None, None, [], [])
    # A duplicate is not a second failure: it is skipped unless there is nothing else.
    counting = [history for history in histories if not history.is_merged]
    _mark_relapses(counting, policy)
    positions = [(*history.rounds[-1].position(), history.case.complaint) for history in counting or histories]
    state = min((found[0] for found in positions), key=STATES.index)
    there = [(since, complaint) for found, since, complaint in positions if found == state]
    since, complaint = max(there) if state == "restored" else min(there)
    if bought:  # the silence of people who never bought means nothing
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
    """Return the state after a long silence: lapsed while it lasts, won back if a purchase ended it."""
    if state != "restored":
        lapsed_at = _last_heard(histories, bought, as_of + 1, local) + silence
        return ("lapsed", lapsed_at) if lapsed_at <= as_of else (state, since)
    by_purchase = [(since, True, "purchase")] in [history.rounds[-1].verdicts[-1:] for history in histories]
    if by_purchase and bought[0] < local.day(since) and _last_heard(histories, bought, since, local) + silence <= since:
        return "won_back", since
    return state, since


def lapses_at(relation: Relation, patron: Patron | None, policy: Repair, as_of: int, local: LocalTime) -> int | None:
    """Return when a buyer's damaged relation lapses if nothing more is heard of them; None for other relations."""
    bought = patron.purchase_days(local.day(as_of)) if patron else []
    if not bought or not relation.histories:
        return None
    return _last_heard(relation.histories, bought, as_of + 1, local) + policy.lapse_days * _DAY


def _last_heard(histories: Sequence[ComplaintHistory], bought: Sequence[int], before: int, local: LocalTime) -> int:
    """Return the last time before a moment at which the customer bought, complained, reopened or answered."""
    # A purchase counts from the start of its day, so the day of `before` may or may not count.
    until = bisect_right(bought, local.day(before))
    signs = [local.start(date.fromordinal(day)) for day in bought[max(until - 2, 0) : until]]
    for history in histories:
        for opened in history.rounds:
            if opened.opened_by != "resumed":
                signs.append(opened.opened_at)
            signs.extend(at for at, _ in opened.scores)
    return max((at for at in signs if at < before), default=before)


# --- one complaint --------------------------------------------------------------------------------------------------


def case_history(
    case: Case, days: Sequence[int], policy: Repair, as_of: int, local: LocalTime
) -> ComplaintHistory | None:
    """Return a case with its rounds; None if it was not filed by then.

    Args:
        case: The case.
        days: The local days on which its customer bought, as evidence of a restored relation.
        policy: The rules of evidence.
        as_of: The moment, UTC microseconds.
        local: The local days of the business.
    """
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
    """Apply the clock events in the order of the stream: each deadline was computed from what came before it."""
    for tick in ticks:
        if not 0 < tick.round <= len(rounds):
            continue  # the round is dated later
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
        return  # dated before the settlement, so it is not about it
    opened.first.setdefault(what, at)
    if what in _ANSWERS:
        opened.answers.append(at)
    if step.score is not None:
        opened.scores.append((at, step.score))


def _judge(opened: Round, days: Sequence[int], policy: Repair, as_of: int, local: LocalTime) -> None:
    """Apply the customer's evidence in order: from the settlement to the next round."""
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
        # A purchase is weaker evidence than a score: it does not overrule one, and changes nothing once restored.
        if says != good and not (by == "purchase" and says is not None):
            opened.verdicts.append((at, good, by))


def _purchased_after(moment: int, days: Sequence[int], local: LocalTime) -> int | None:
    """Return the start of the first day with a purchase after the day of a moment; None without one."""
    later = bisect_right(days, local.day(moment))
    return local.start(date.fromordinal(days[later])) if later < len(days) else None


def was_met(opened: Round, name: str, as_of: int, number: int = 1) -> bool | None:
    """Return whether a clock ended in time; None if it runs, is paused or was cancelled.

    A clock with a recorded miss was met if its step is dated before the deadline and was only recorded late.
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
    stopped_at = _stopped_at(opened, name, clock)
    return False if clock.due_at <= (as_of if stopped_at is None else stopped_at) else None


def was_corrected(opened: Round, name: str, number: int = 1) -> bool:
    """Return whether a clock is recorded as missed, but its step was taken in time and recorded late."""
    clock = opened.clocks.get((name, number))
    if clock is None or clock.ended != "missed":
        return False
    done_at = _done_at(opened, name, number)
    return done_at is not None and done_at < clock.due_at


def is_running(opened: Round, name: str, number: int = 1) -> bool:
    """Return True if the step of a clock is still to be done; the clock may be overdue or paused."""
    clock = opened.clocks.get((name, number))
    if clock is None or clock.ended in ("met", "cancelled") or _done_at(opened, name, number) is not None:
        return False
    # A missed clock is overdue until its step is done.
    return opened.ends_at is None and _stopped_at(opened, name, clock) is None


def _stopped_at(opened: Round, name: str, clock: ClockStanding) -> int | None:
    """Return the settlement if it stops a clock; not the follow-up, nor the answer to a message after the end."""
    settled_at = opened.settled_at
    begins_after = name == "next_response" and settled_at is not None and clock.started_at >= settled_at
    return None if name == "follow_up" or begins_after else settled_at


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


# --- repeated failures ----------------------------------------------------------------------------------------------


def _mark_relapses(histories: Sequence[ComplaintHistory], policy: Repair) -> None:
    """Mark the rounds that began on a restored relation, or soon after a resolution.

    A reopening depends on the round before it, a new complaint on all other complaints. Customers may have thousands,
    so the restored periods are listed once and looked up.
    """
    spells = sorted(
        spell for history in histories for opened in history.rounds for spell in _restored_periods(opened, policy)
    )
    starts = [start for start, _ in spells]
    ends = list(accumulate((end for _, end in spells), max))
    for history in histories:
        first, *reopened = history.rounds
        before = bisect_left(starts, first.opened_at)
        first.is_relapse = before > 0 and ends[before - 1] >= first.opened_at
        for earlier, opened in zip(history.rounds, reopened, strict=False):
            opened.is_relapse = opened.opened_by == "reopened" and any(
                start <= opened.opened_at <= end for start, end in _restored_periods(earlier, policy)
            )


def _restored_periods(opened: Round, policy: Repair) -> Iterator[tuple[int, int]]:
    """Return the periods in which a failure is a relapse: while restored, and the policy's days after a resolution."""
    ends_at = _NEVER if opened.ends_at is None else opened.ends_at
    verdicts = opened.verdicts
    for n, (at, restored, _) in enumerate(verdicts):
        if restored:
            yield at, verdicts[n + 1][0] if n + 1 < len(verdicts) else ends_at
    resolved_at = opened.first.get("resolved")
    if resolved_at is not None:
        yield resolved_at, min(resolved_at + policy.relapse_days * _DAY, ends_at)


def _deviations(histories: Sequence[ComplaintHistory], policy: Repair) -> list[Deviation]:
    """Return the repeated failures, by time."""
    found: list[Deviation] = []
    last: int | None = None
    last_of: dict[str, int] = {}
    # Several complaints at the same moment are one failure, not repeated ones.
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
