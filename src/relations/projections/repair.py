"""Whether damaged relations mend: where each stands, what is due and overdue, how long each step takes, what it costs.

The rows hold times (`relations.projections.cases`), the state is read from them when a question is asked
(`relations.projections.relation_state`): as of any time, under the policy in force then.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict
from sqlalchemy import or_

from relations.errors import InvalidInput
from relations.messages import from_micros, to_micros
from relations.projections.cases import PROJECTION, Case, Outcome, Patron, Step
from relations.projections.projection import Projection
from relations.projections.relation_state import (
    STATES,
    DeviationKind,
    History,
    Relation,
    Round,
    State,
    relation_state,
)
from relations.projections.repair_figures import (
    CLOCKS,
    ClockName,
    DueStep,
    Named,
    RelationStanding,
    RepairSummary,
    StepTime,
    due_steps,
    read_relations,
    repair_summary,
    standing,
    step_times,
)
from relations.projections.view import View

__all__ = [
    "PROJECTION",
    "Case",
    "ClockName",
    "ComplaintProfile",
    "DeviationProfile",
    "DueStep",
    "Outcome",
    "Patron",
    "RelationProfile",
    "RelationStanding",
    "RepairSummary",
    "RepairView",
    "RoundProfile",
    "State",
    "Step",
    "StepTime",
    "relation_profile",
]

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


class RoundProfile(BaseModel):
    """One run of a complaint's clocks.

    Attributes:
        number: 1, and one more for each reopening.
        opened_by: filed, reopened, or resumed by an import.
        opened_at: When.
        acknowledge_by: The deadline of the first answer.
        resolve_by: The deadline of the resolution.
        steps: The first time of each step taken.
        scores: What the customer answered, in order.
        restored_at: Since when their evidence says that the relation is restored.
        restored_by: score or purchase.
        relapse: Whether it opened on a mended relation.
    """

    model_config = ConfigDict(frozen=True)

    number: int
    opened_by: str
    opened_at: datetime
    acknowledge_by: datetime
    resolve_by: datetime
    steps: dict[str, datetime]
    scores: tuple[int, ...]
    restored_at: datetime | None
    restored_by: str | None
    relapse: bool


class ComplaintProfile(BaseModel):
    """One complaint, with all its rounds.

    Attributes:
        complaint: Its id.
        subject: What it is about.
        severity: As filed.
        state: Where it stands.
        since: Since when.
        rounds: At least one.
    """

    model_config = ConfigDict(frozen=True)

    complaint: str
    subject: str
    severity: str
    state: State
    since: datetime
    rounds: tuple[RoundProfile, ...]


class DeviationProfile(BaseModel):
    """A failure upon a failure.

    Attributes:
        complaint: The one that it is about.
        kind: Reopened; the same subject as an earlier one; or soon after any earlier one.
        at: When.
        interval: Since the earlier failure, or for a reopening since the resolution.
    """

    model_config = ConfigDict(frozen=True)

    complaint: str
    kind: DeviationKind
    at: datetime
    interval: timedelta


class RelationProfile(BaseModel):
    """One customer's relation with all that it rests on.

    Attributes:
        standing: Where it stands.
        complaints: By the time of filing.
        deviations: By time.
    """

    model_config = ConfigDict(frozen=True)

    standing: RelationStanding
    complaints: tuple[ComplaintProfile, ...]
    deviations: tuple[DeviationProfile, ...]


def relation_profile(customer: str, relation: Relation) -> RelationProfile:
    """A relation with all that it rests on, as callers see it."""
    return RelationProfile(
        standing=standing(customer, relation),
        complaints=tuple(_complaint(history) for history in relation.histories),
        deviations=tuple(
            DeviationProfile(
                complaint=deviation.complaint,
                kind=deviation.kind,
                at=from_micros(deviation.at),
                interval=timedelta(microseconds=deviation.interval),
            )
            for deviation in relation.deviations
        ),
    )


def _complaint(history: History) -> ComplaintProfile:
    state, since = history.rounds[-1].position()
    return ComplaintProfile(
        complaint=history.case.complaint,
        subject=history.case.subject,
        severity=history.case.severity,
        state=state,
        since=from_micros(since),
        rounds=tuple(_round(opened) for opened in history.rounds),
    )


def _round(opened: Round) -> RoundProfile:
    at, restored, by = opened.verdicts[-1] if opened.verdicts else (0, False, "")
    return RoundProfile(
        number=opened.number,
        opened_by=opened.opened_by,
        opened_at=from_micros(opened.opened_at),
        acknowledge_by=from_micros(opened.acknowledge_by),
        resolve_by=from_micros(opened.resolve_by),
        steps={what: from_micros(moment) for what, moment in opened.first.items()},
        scores=tuple(score for _, score in opened.scores),
        restored_at=from_micros(at) if restored else None,
        restored_by=by if restored else None,
        relapse=opened.is_relapse,
    )


class RepairView(View):
    """Whether damaged relations mend. Without `as_of` the present is meant; what is dated after it is left out."""

    projection: ClassVar[Projection] = PROJECTION

    def relations(
        self, *, as_of: datetime | None = None, state: State | None = None, limit: int | None = 100, offset: int = 0
    ) -> list[RelationStanding]:
        """Relations that anything has damaged: the least mended first, of these the longest so, restored ones last.

        Args:
            as_of: The moment; now where absent.
            state: Only this one. Healthy relations are listed only if asked for, by customer.
            limit: At most so many; None for all.
            offset: After so many.

        Raises:
            InvalidInput: There is no such state, or `limit` or `offset` is negative.
        """
        if state is not None and state not in STATES:
            raise InvalidInput(
                f"{state!r} is no state of a relation",
                code="unknown_state",
                field="state",
                remedy=f"Give one of {', '.join(STATES)}",
            )
        if offset < 0 or (limit is not None and limit < 0):
            raise InvalidInput(
                "a page has no negative limit or offset",
                code="invalid_page",
                field="offset" if offset < 0 else "limit",
            )
        page = slice(offset, None if limit is None else offset + limit)
        moment = self._moment(as_of)
        if state == "healthy":
            return self._healthy(moment)[page]
        found = [named for named in self._read(moment) if state in (None, named[1].state)]
        found.sort(key=lambda named: (STATES.index(named[1].state), named[1].since, named[0]))
        return [standing(*named) for named in found[page]]

    def relation(self, customer: str, *, as_of: datetime | None = None) -> RelationProfile:
        """One customer's relation with all that it rests on; healthy where nothing was ever filed."""
        cases = self.rows(Case, customer=customer)
        patrons = self.rows(Patron, customer=customer)
        relation = relation_state(
            patrons[0] if patrons else None,
            cases,
            self.policy.repair,
            as_of=self._moment(as_of),
            local=self.local,
        )
        return relation_profile(self.aliases.survivor(customer), relation)

    def overdue(self, *, as_of: datetime | None = None, clock: ClockName | None = None) -> list[DueStep]:
        """What should have been done by now and is not, the longest overdue first.

        Args:
            as_of: The moment; now where absent.
            clock: Only this one.

        Raises:
            InvalidInput: There is no such clock.
        """
        moment = self._moment(as_of)
        return self._due(moment, clock, begin=None, end=moment)

    def due(self, *, within: timedelta, as_of: datetime | None = None, clock: ClockName | None = None) -> list[DueStep]:
        """What is to be done within some time from now, the soonest first; what is overdue is not in it.

        Args:
            within: How far to look.
            as_of: The moment; now where absent.
            clock: Only this one.

        Raises:
            InvalidInput: `within` is negative, or there is no such clock.
        """
        if within < timedelta(0):
            raise InvalidInput(f"{within} lies in the past", code="invalid_range", field="within")
        moment = self._moment(as_of)
        return self._due(moment, clock, begin=moment, end=moment + within // timedelta(microseconds=1))

    def steps(
        self,
        *,
        as_of: datetime | None = None,
        severity: str | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> list[StepTime]:
        """Median and 90th percentile of the time to each step, and the share on time.

        Args:
            as_of: The moment; now where absent.
            severity: Only complaints of this severity.
            since: Only complaints filed in this month, such as `2024-05`, or later.
            until: Only complaints filed before this month.

        Raises:
            InvalidInput: A bound that is no month.
        """
        first, after = _month(since, "since"), _month(until, "until")
        moment, local = self._moment(as_of), self.local

        def chosen(case: Case) -> bool:
            month = local.month(case.filed_at or 0)
            return (
                severity in (None, case.severity)
                and (first is None or month >= first)
                and (after is None or month < after)
            )

        histories = (
            history for _, relation in self._read(moment) for history in relation.histories if chosen(history.case)
        )
        return step_times(histories, as_of=moment)

    def summary(self, *, as_of: datetime | None = None) -> RepairSummary:
        """All relations at a glance, with what their repair cost."""
        moment = self._moment(as_of)
        relations = self._read(moment)
        columns = self.table(Patron).c
        return repair_summary(relations, customers=self.count(Patron, columns.known_at <= moment), as_of=moment)

    def _moment(self, as_of: datetime | None) -> int:
        return self.now if as_of is None else to_micros(as_of)

    def _read(self, moment: int, *where: Any) -> list[Named]:
        cases = self.table(Case).c
        rows = self.rows(Case, *where, order_by=(cases.customer, cases.complaint))
        patrons = self.rows(Patron, self.table(Patron).c.complaints > 0)
        return list(read_relations(patrons, rows, self.policy.repair, as_of=moment, local=self.local))

    def _due(self, moment: int, clock: ClockName | None, *, begin: int | None, end: int) -> list[DueStep]:
        if clock is not None and clock not in CLOCKS:
            raise InvalidInput(
                f"{clock!r} is no clock", code="unknown_clock", field="clock", remedy=f"Give one of {', '.join(CLOCKS)}"
            )
        # What is settled for good and was so by then cannot be due; all other complaints are few.
        cases = self.table(Case).c
        relations = self._read(moment, or_(cases.pending, cases.last_at > moment))
        found = due_steps(
            relations, begin=begin, end=end, as_of=moment, follow_up_days=self.policy.surveys.follow_up_days
        )
        return [step for step in found if clock in (None, step.clock)]

    def _healthy(self, moment: int) -> list[RelationStanding]:
        damaged = {customer for customer, _ in self._read(moment)}
        known = self.customers(Patron, self.table(Patron).c.known_at <= moment)
        healthy = Relation("healthy", None, None, [], [])
        return [standing(customer, healthy) for customer in known if customer not in damaged]


def _month(value: str | None, field: str) -> str | None:
    if value is not None and (not isinstance(value, str) or not _MONTH.fullmatch(value)):
        raise InvalidInput(f"{value!r} is not a month", code="invalid_month", field=field, remedy="Write 2024-05")
    return value
