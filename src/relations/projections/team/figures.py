"""The figures of the team, computed from handled cases without a database."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Literal, NamedTuple, TypeAlias

from relations.analytics.intervals import mean_by_respondent, share_difference, wilson
from relations.extras import np
from relations.policies import Surveys
from relations.policies.calendars import LocalTime
from relations.policies.complaints.repair import Repair
from relations.projections.desk.tickets import Ticket
from relations.projections.keeping import span_around
from relations.projections.repair.cases import Case, deadlines_of, times_of
from relations.projections.repair.figures import nearest_rank
from relations.projections.repair.relation_state import ComplaintHistory, case_history, was_met
from relations.projections.satisfaction.disclosure import Disclosure
from relations.projections.team.profiles import EffectShare, TeamFigure

__all__ = [
    "HandledCase",
    "HandledCases",
    "OtherWork",
    "TeamBy",
    "effect_share",
    "handled_case",
    "handled_cases",
    "satisfied_share",
    "team_figures",
]

TeamBy: TypeAlias = Literal["staff", "department"]
_RESOLVED = frozenset({"resolved", "closed"})


class HandledCase(NamedTuple):
    """A case with what counts for its owner and department.

    Attributes:
        customer: The customer who filed it.
        complaint: Its id.
        month: The local month in which it was filed.
        filed_at: The time of filing, UTC microseconds.
        owner: Its present or last owner; None without one.
        department: Its present or last department, or else that of its owner; None without one.
        kind: Its kind.
        cause: The root cause as last named; None if nobody named one or the case was merged.
        is_open: True if it is open.
        is_resolved: True if it is resolved or closed.
        was_resolved: True if it was ever resolved.
        was_reopened: True if it was ever reopened.
        waits: The time to the first answer of each round, microseconds.
        met: The number of first answers in time.
        missed: The number of those that were not.
        scores: The customer's scores after the resolution.
    """

    customer: str
    complaint: str
    month: str
    filed_at: int
    owner: str | None
    department: str | None
    kind: str
    cause: str | None
    is_open: bool
    is_resolved: bool
    was_resolved: bool
    was_reopened: bool
    waits: tuple[int, ...]
    met: int
    missed: int
    scores: tuple[int, ...]


class HandledCases(NamedTuple):
    """The cases of a customer, and the moments for which they are as they are here.

    Attributes:
        cases: Those that were filed by then.
        since: The first of these moments, UTC microseconds.
        until: The moment after the last one: the next at which a step counts or a promise runs out.
    """

    cases: tuple[HandledCase, ...]
    since: int
    until: int

    def hold(self, moment: int) -> bool:
        """Return True if they are the same at a moment."""
        return self.since <= moment < self.until


class OtherWork(NamedTuple):
    """The other work of a staff member: steps of care plans, and contacts."""

    done: int = 0
    lapsed: int = 0
    contacts: int = 0
    minutes: int = 0


def handled_case(ticket: Ticket, history: ComplaintHistory, month: str, as_of: int) -> HandledCase:
    """Return what counts for the owner of a case. Rounds that an import resumed have no promise to the customer.

    Args:
        ticket: The case on the desk.
        history: Its rounds.
        month: The local month in which it was filed.
        as_of: The moment, UTC microseconds.
    """
    rounds = [opened for opened in history.rounds if opened.opened_by != "resumed"]
    ended = Counter(was_met(opened, "acknowledge", as_of) for opened in rounds)
    return HandledCase(
        customer=ticket.customer,
        complaint=ticket.complaint,
        month=month,
        filed_at=ticket.filed_at,
        owner=ticket.owner,
        department=ticket.department,
        kind=ticket.kind,
        cause=None if history.is_merged else history.cause,
        is_open=ticket.is_open,
        is_resolved=ticket.status in _RESOLVED,
        was_resolved=any("resolved" in opened.first for opened in history.rounds),
        was_reopened=any(opened.opened_by == "reopened" for opened in history.rounds),
        waits=tuple(opened.answered_at - opened.opened_at for opened in rounds if opened.answered_at is not None),
        met=ended[True],
        missed=ended[False],
        scores=tuple(step.score for step in history.taken if step.what == "followed_up" and step.score is not None),
    )


def handled_cases(pairs: Iterable[tuple[Ticket, Case]], rules: Repair, as_of: int, local: LocalTime) -> HandledCases:
    """Return the cases of a customer at a moment, and for how long they stay so.

    Args:
        pairs: Each case on the desk, with its steps.
        rules: The rules of evidence.
        as_of: The moment, UTC microseconds.
        local: The local days of the business.
    """
    found: list[HandledCase] = []
    turns: list[int] = []
    for ticket, case in pairs:
        history = case_history(case, (), rules, as_of, local)
        if history is not None:
            found.append(handled_case(ticket, history, local.month(ticket.filed_at), as_of))
        turns += times_of(case)
        turns += deadlines_of(case)
    return HandledCases(tuple(found), *span_around(turns, as_of))


def team_figures(
    cases: Sequence[HandledCase], work: Mapping[str | None, OtherWork], by: TeamBy, surveys: Surveys
) -> list[TeamFigure]:
    """Return the figures of each staff member or department by name; those without one last.

    Args:
        cases: The cases.
        work: The other work of each.
        by: `staff` or `department`.
        surveys: The rules of what may be shown.
    """
    groups: defaultdict[str | None, list[HandledCase]] = defaultdict(list)
    for case in cases:
        groups[case.owner if by == "staff" else case.department].append(case)
    shown = _shown(cases, surveys.minimum_answers)
    return [
        _figure(name, groups.get(name, ()), work.get(name, OtherWork()), surveys, is_shown=(by, name) in shown)
        for name in sorted(groups.keys() | work.keys(), key=lambda name: (name is None, name or ""))
    ]


def _shown(cases: Sequence[HandledCase], minimum: int) -> set[tuple[str, str | None]]:
    """Return the groups whose scores are shown next to each other, to the whole and to months, whatever is asked."""
    scored = [case for case in cases if case.scores]
    sorts = sorted({_sort(case) for case in scored}, key=repr)
    place = {sort: number for number, sort in enumerate(sorts)}
    people = {name: number for number, name in enumerate(sorted({case.customer for case in scored}))}
    pairs = sorted({(place[_sort(case)], people[case.customer]) for case in scored})
    counted = [
        frozenset({("all", None), ("month", month), ("staff", owner), ("department", department)})
        for month, owner, department in sorts
    ]
    numbers = np.array(pairs, np.int64).reshape(-1, 2)
    disclosure = Disclosure(minimum, counted, numbers[:, 0], numbers[:, 1])
    every = {name for names in counted for name in names}
    found: set[tuple[str, str | None]] = set()
    for kind in ("all", "month", "department", "staff"):
        found |= disclosure.admit(name for name in every if name[0] == kind)
    return found


def _sort(case: HandledCase) -> tuple[str, str | None, str | None]:
    return case.month, case.owner, case.department


def _figure(
    name: str | None, cases: Sequence[HandledCase], work: OtherWork, surveys: Surveys, *, is_shown: bool
) -> TeamFigure:
    confidence = surveys.confidence
    waits = sorted(wait for case in cases for wait in case.waits)
    met, missed = sum(case.met for case in cases), sum(case.missed for case in cases)
    resolved = [case for case in cases if case.was_resolved]
    reopened = sum(case.was_reopened for case in resolved)
    by_customer: defaultdict[str, list[int]] = defaultdict(list)
    for case in cases:
        by_customer[case.customer] += case.scores
    scores = [score for case in cases for score in case.scores]
    is_shown = is_shown and bool(scores)
    return TeamFigure(
        name=name,
        cases=len(cases),
        open=sum(case.is_open for case in cases),
        resolved=sum(case.is_resolved for case in cases),
        first_answer=timedelta(microseconds=nearest_rank(waits, 50)) if waits else None,
        met=met,
        missed=missed,
        on_time=_share(met, met + missed),
        on_time_interval=wilson(met, met + missed, confidence),
        reopened=sum(case.was_reopened for case in cases),
        reopened_share=_share(reopened, len(resolved)),
        reopened_interval=wilson(reopened, len(resolved), confidence),
        answers=len(scores),
        suppressed=bool(scores) and not is_shown,
        satisfaction=sum(scores) / len(scores) if is_shown else None,
        satisfaction_interval=mean_by_respondent(by_customer.values(), confidence) if is_shown else None,
        care_done=work.done,
        care_lapsed=work.lapsed,
        care_kept=_share(work.done, work.done + work.lapsed),
        contacts=work.contacts,
        minutes=work.minutes,
    )


def _share(hits: int, n: int) -> float | None:
    return hits / n if n else None


def effect_share(before: tuple[int, int], after: tuple[int, int], confidence: float) -> EffectShare:
    """Return a share before and after a training, with Newcombe's interval of the difference.

    Args:
        before: Hits and cases before.
        after: Hits and cases after.
        confidence: The two-sided confidence level.
    """
    found = EffectShare(before=before[0], before_of=before[1], after=after[0], after_of=after[1])
    if not before[1] or not after[1]:
        return found
    interval = share_difference(after, before, confidence)
    difference = after[0] / after[1] - before[0] / before[1]
    return found.model_copy(update={"difference": difference, "low": interval.low, "high": interval.high})


def satisfied_share(before: Iterable[HandledCase], after: Iterable[HandledCase], surveys: Surveys) -> EffectShare:
    """Return the share of satisfied scores before and after a training, unless too few customers gave them."""
    counts, people = [], []
    for cases in (before, after):
        scored = [case for case in cases if case.scores]
        scores = [score for case in scored for score in case.scores]
        counts.append((sum(score >= surveys.csat_satisfied_from for score in scores), len(scores)))
        people.append(len({case.customer for case in scored}))
    if any(0 < count < surveys.minimum_answers for count in people):
        return EffectShare(before=0, before_of=0, after=0, after_of=0, suppressed=True)
    return effect_share(counts[0], counts[1], surveys.confidence)
