"""How satisfied customers say they are: NPS and CSAT by month, touchpoint and channel, each with its interval.

The table is one tally: how many answers with this score, of this instrument, at this touchpoint, through this channel,
in this month of the business's own zone. All figures are reckoned from it when they are asked for, under the policy in
force then. That an invitation is counted once is decided where feedback is given; here every event counts, but for
answers under two ids of one customer: see `Answered`.

Scores of complaints' follow-ups (1 to 5) are kept as an instrument of their own, `complaint_csat`, at the touchpoint
`complaint`: they measure the handling of a failure, asked only of those who had one, so that adding them to `csat`
would let the number of complaints move the satisfaction with everything else.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from relations.aggregates.complaint import ComplaintFollowedUp
from relations.aggregates.customer import FeedbackGiven
from relations.analytics.intervals import Interval, net_promoters, wilson
from relations.errors import InvalidInput
from relations.messages import Envelope
from relations.policies import Surveys
from relations.projections.projection import CustomerRow, Projection, Rows, Tally
from relations.projections.view import View

__all__ = [
    "PROJECTION",
    "Answered",
    "Answers",
    "CsatFigure",
    "NpsFigure",
    "SatisfactionReport",
    "SatisfactionView",
    "csat_figures",
    "nps_figures",
]

Dimension: TypeAlias = Literal["month", "touchpoint", "channel"]
CsatInstrument: TypeAlias = Literal["csat", "complaint_csat"]

DIMENSIONS: tuple[Dimension, ...] = ("month", "touchpoint", "channel")
PROMOTERS_FROM = 9
DETRACTORS_TO = 6
CSAT_SCORES = range(1, 6)

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


# --- rows and folds -------------------------------------------------------------------------------------------------


class Answers(Tally, gc=False):
    """How many answers had this score. An unknown touchpoint or channel is the empty string."""

    table: ClassVar[str] = "answers"
    key: ClassVar[tuple[str, ...]] = ("month", "touchpoint", "channel", "instrument", "score")
    month: str
    touchpoint: str
    channel: str
    instrument: str
    score: int
    answers: int = 0


class Answered(CustomerRow, gc=False):
    """An invitation that was answered, and where its answer was counted.

    Rules see to it that one customer answers an invitation once by an instrument. Where the same invitation was
    answered under two ids that later turn out to be one customer's, all answers but the first recorded are left out
    when figures are asked for.

    Attributes:
        position: Of its event in the log.
    """

    table: ClassVar[str] = "answered"
    key: ClassVar[tuple[str, ...]] = ("customer", "invitation", "instrument")
    invitation: str
    instrument: str
    score: int = 0
    month: str = ""
    touchpoint: str = ""
    channel: str = ""
    position: int = 0


PROJECTION = Projection(name="satisfaction", version=2, tables=(Answers, Answered))


@PROJECTION.on(FeedbackGiven)
def feedback_given(rows: Rows, event: FeedbackGiven, at: Envelope) -> None:
    """Count the answer in the month in which it was given."""
    if event.score is None or (event.kind or event.instrument) not in ("csat", "nps"):
        return
    month = rows.local.month(at.occurred_at)
    key = (month, event.touchpoint or "", event.channel or "", event.instrument, event.score)
    row = rows.tables[Answers].get(key) or rows.need(Answers, *key)
    row.answers += 1
    invitation = event.invitation
    if invitation is not None:
        answered = at.customer, invitation, event.instrument
        rows.tables[Answered][answered] = Answered(*answered, event.score, *key[:3], at.position)


@PROJECTION.on(ComplaintFollowedUp)
def complaint_followed_up(rows: Rows, event: ComplaintFollowedUp, at: Envelope) -> None:
    """Count the score of the handling, where one was given."""
    if event.score is not None:
        month = rows.local.month(at.occurred_at)
        rows.need(Answers, month, "complaint", "", "complaint_csat", event.score).answers += 1


# --- figures --------------------------------------------------------------------------------------------------------


class Figure(BaseModel):
    """What every figure says of itself.

    Attributes:
        group: The group's value in each dimension asked for: `month` as `2024-05`, `touchpoint`, `channel`; None is
            unknown. Empty for the whole.
        n: How many answered.
        suppressed: True where fewer answered than the policy's `minimum_answers`; all else but `n` is then absent.
            This keeps few answers from being read as a trend; it is no disclosure control, since a whole and its
            other parts tell the rest.
        mean: The arithmetic mean of the scores; absent where nobody answered.
        interval: The confidence interval of the figure at the policy's level; absent where nobody answered.
    """

    model_config = ConfigDict(frozen=True)

    group: dict[Dimension, str | None]
    n: int
    suppressed: bool
    mean: float | None = None
    interval: Interval | None = None


class NpsFigure(Figure):
    """A net promoter score, from -100 to 100, never without its number of answers and its interval.

    Sources: Reichheld 2003 for the score; Rocks 2016 for the adjusted value and the interval, which has the score's
    unit (see `relations.analytics.intervals`).

    Attributes:
        nps: 100 x (promoters - detractors) / n; absent where suppressed, undefined (absent) where nobody answered.
        adjusted: The adjusted estimate, which few answers cannot drive to 100.
        promoters: Answers of 9 or 10.
        passives: Answers of 7 or 8.
        detractors: Answers of 0 to 6.
    """

    nps: float | None = None
    adjusted: float | None = None
    promoters: int | None = None
    passives: int | None = None
    detractors: int | None = None

    def __str__(self) -> str:
        if self.nps is None or self.interval is None:
            return _absent(self)
        return f"NPS {round(self.nps)} [{self.interval.low:.1f}, {self.interval.high:.1f}], n = {self.n}"


class CsatFigure(Figure):
    """The share of satisfied answers, from 0 to 1, with Wilson's interval in the same unit.

    Attributes:
        instrument: `csat`, or `complaint_csat` for the handling of complaints.
        share: Satisfied answers / n; absent where suppressed, undefined (absent) where nobody answered.
        satisfied: Answers at or above the policy's `csat_satisfied_from` (4 of 5: the usual top two).
        counts: How many answers each score from 1 to 5 had.
    """

    instrument: CsatInstrument
    share: float | None = None
    satisfied: int | None = None
    counts: dict[int, int] | None = None

    def __str__(self) -> str:
        if self.share is None or self.interval is None:
            return _absent(self)
        return f"CSAT {self.share:.1%} [{self.interval.low:.1%}, {self.interval.high:.1%}], n = {self.n}"


class SatisfactionReport(BaseModel):
    """Satisfaction at a glance: the whole, then by month, touchpoint and channel.

    Attributes:
        zone: The IANA zone that the months are counted in.
        minimum_answers: Fewer answers than this are suppressed.
        confidence: The level of all intervals.
        complaint_csat: How customers saw the handling of their complaints, as a whole.
    """

    model_config = ConfigDict(frozen=True)

    zone: str
    minimum_answers: int
    confidence: float
    nps: NpsFigure
    nps_by_month: list[NpsFigure]
    nps_by_touchpoint: list[NpsFigure]
    nps_by_channel: list[NpsFigure]
    csat: CsatFigure
    csat_by_month: list[CsatFigure]
    csat_by_touchpoint: list[CsatFigure]
    csat_by_channel: list[CsatFigure]
    complaint_csat: CsatFigure
    complaint_csat_by_month: list[CsatFigure]


def nps_figures(rows: Iterable[Answers], *, by: Sequence[Dimension], surveys: Surveys) -> list[NpsFigure]:
    """The net promoter score of every group that answered, in the groups' order; of the whole where `by` is empty."""
    return [_nps(group, scores, surveys) for group, scores in _grouped(rows, "nps", by)]


def csat_figures(
    rows: Iterable[Answers], *, by: Sequence[Dimension], surveys: Surveys, instrument: CsatInstrument = "csat"
) -> list[CsatFigure]:
    """The share satisfied in every group that answered, in the groups' order; of the whole where `by` is empty."""
    return [_csat(group, scores, surveys, instrument) for group, scores in _grouped(rows, instrument, by)]


Group: TypeAlias = dict[Dimension, str | None]


def _nps(group: Group, scores: dict[int, int], surveys: Surveys) -> NpsFigure:
    n = sum(scores.values())
    if n < surveys.minimum_answers:
        return NpsFigure(group=group, n=n, suppressed=n > 0)
    promoters = sum(count for score, count in scores.items() if score >= PROMOTERS_FROM)
    detractors = sum(count for score, count in scores.items() if score <= DETRACTORS_TO)
    passives = n - promoters - detractors
    found = net_promoters(promoters, passives, detractors, surveys.confidence)
    assert found is not None  # noqa: S101 - the minimum is at least 1, so n is not 0
    return NpsFigure(
        group=group,
        n=n,
        suppressed=False,
        mean=_mean(scores, n),
        interval=found.interval,
        nps=found.score,
        adjusted=found.adjusted,
        promoters=promoters,
        passives=passives,
        detractors=detractors,
    )


def _csat(group: Group, scores: dict[int, int], surveys: Surveys, instrument: CsatInstrument) -> CsatFigure:
    n = sum(scores.values())
    if n < surveys.minimum_answers:
        return CsatFigure(group=group, n=n, suppressed=n > 0, instrument=instrument)
    satisfied = sum(count for score, count in scores.items() if score >= surveys.csat_satisfied_from)
    return CsatFigure(
        group=group,
        n=n,
        suppressed=False,
        mean=_mean(scores, n),
        interval=wilson(satisfied, n, surveys.confidence),
        instrument=instrument,
        share=satisfied / n,
        satisfied=satisfied,
        counts={score: scores.get(score, 0) for score in CSAT_SCORES},
    )


def _mean(scores: dict[int, int], n: int) -> float:
    return sum(score * count for score, count in scores.items()) / n


def _absent(figure: Figure) -> str:
    return f"suppressed, n = {figure.n}" if figure.suppressed else "undefined, n = 0"


def _grouped(rows: Iterable[Answers], instrument: str, by: Sequence[Dimension]) -> list[tuple[Group, dict[int, int]]]:
    found: dict[tuple[str, ...], dict[int, int]] = {} if by else {(): {}}
    for row in rows:
        if row.instrument == instrument:
            scores = found.setdefault(tuple(getattr(row, dimension) for dimension in by), {})
            scores[row.score] = scores.get(row.score, 0) + row.answers
    return [
        ({dimension: value or None for dimension, value in zip(by, group, strict=True)}, scores)
        for group, scores in sorted(found.items())
    ]


# --- the view -------------------------------------------------------------------------------------------------------


class SatisfactionView(View):
    """What customers answered. `since` and `until` are months such as `2024-05`: from `since` on and before `until`."""

    projection: ClassVar[Projection] = PROJECTION

    def nps(
        self, *, by: Sequence[Dimension] = (), since: str | None = None, until: str | None = None
    ) -> list[NpsFigure]:
        """Net promoter scores by any of `month`, `touchpoint`, `channel`; one figure of the whole without any.

        Raises:
            InvalidInput: An unknown or doubled dimension, or a bound that is no month.
        """
        by = _checked(by)
        return nps_figures(self._answers(since, until, "nps"), by=by, surveys=self.policy.surveys)

    def csat(
        self,
        *,
        by: Sequence[Dimension] = (),
        since: str | None = None,
        until: str | None = None,
        instrument: CsatInstrument = "csat",
    ) -> list[CsatFigure]:
        """Shares of satisfied answers by any of `month`, `touchpoint`, `channel`; of the whole without any.

        Args:
            by: The dimensions to group by.
            since: The first month.
            until: The month after the last one.
            instrument: `complaint_csat` asks for the follow-ups of complaints instead.

        Raises:
            InvalidInput: An unknown or doubled dimension, an unknown instrument, or a bound that is no month.
        """
        by = _checked(by)
        if instrument not in ("csat", "complaint_csat"):
            raise InvalidInput(
                f"{instrument!r} is not an instrument with scores 1 to 5",
                code="unknown_instrument",
                field="instrument",
                remedy="Give csat or complaint_csat",
            )
        rows = self._answers(since, until, instrument)
        return csat_figures(rows, by=by, surveys=self.policy.surveys, instrument=instrument)

    def report(self, *, since: str | None = None, until: str | None = None) -> SatisfactionReport:
        """Everything at a glance, from one reading of the table.

        Raises:
            InvalidInput: A bound that is no month.
        """
        policy = self.policy
        return satisfaction_report(self._answers(since, until), zone=policy.zone, surveys=policy.surveys)

    def _answers(self, since: str | None, until: str | None, instrument: str | None = None) -> list[Answers]:
        columns = self.table(Answers).c
        where = []
        if since is not None:
            where.append(columns.month >= _month(since, "since"))
        if until is not None:
            where.append(columns.month < _month(until, "until"))
        if instrument is not None:
            where.append(columns.instrument == instrument)
        rows = self.rows(Answers, *where)
        again = self._answered_again()
        for row in rows if again else ():
            row.answers -= again[row.month, row.touchpoint, row.channel, row.instrument, row.score]
        return [row for row in rows if row.answers]

    def _answered_again(self) -> Counter[tuple[str, str, str, str, int]]:
        """Where answers were counted to invitations that the same customer had answered before under another id."""
        aliases = self.aliases
        if not aliases:
            return Counter()
        found = self.rows_as_recorded(Answered, [name for group in aliases.groups.values() for name in group])
        again: Counter[tuple[str, str, str, str, int]] = Counter()
        answered = set()
        for row in sorted(found, key=lambda row: row.position):
            key = aliases.survivor(row.customer), row.invitation, row.instrument
            if key in answered:
                again[row.month, row.touchpoint, row.channel, row.instrument, row.score] += 1
            answered.add(key)
        return again


def satisfaction_report(rows: Sequence[Answers], *, zone: str, surveys: Surveys) -> SatisfactionReport:
    """The report over these rows."""

    def nps(*by: Dimension) -> list[NpsFigure]:
        return nps_figures(rows, by=by, surveys=surveys)

    def csat(*by: Dimension, instrument: CsatInstrument = "csat") -> list[CsatFigure]:
        return csat_figures(rows, by=by, surveys=surveys, instrument=instrument)

    return SatisfactionReport(
        zone=zone,
        minimum_answers=surveys.minimum_answers,
        confidence=surveys.confidence,
        nps=nps()[0],
        nps_by_month=nps("month"),
        nps_by_touchpoint=nps("touchpoint"),
        nps_by_channel=nps("channel"),
        csat=csat()[0],
        csat_by_month=csat("month"),
        csat_by_touchpoint=csat("touchpoint"),
        csat_by_channel=csat("channel"),
        complaint_csat=csat(instrument="complaint_csat")[0],
        complaint_csat_by_month=csat("month", instrument="complaint_csat"),
    )


def _checked(by: Sequence[Dimension]) -> tuple[Dimension, ...]:
    if isinstance(by, str) or not set(by) <= set(DIMENSIONS) or len(set(by)) != len(by):
        raise InvalidInput(
            f"cannot group by {by!r}",
            code="unknown_dimension",
            field="by",
            remedy="Give any of month, touchpoint and channel, each once, as a tuple",
        )
    return tuple(by)


def _month(value: str, field: str) -> str:
    if not isinstance(value, str) or not _MONTH.fullmatch(value):
        raise InvalidInput(f"{value!r} is not a month", code="invalid_month", field=field, remedy="Write 2024-05")
    return value
