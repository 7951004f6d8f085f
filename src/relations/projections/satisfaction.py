"""How satisfied customers say they are: every instrument, by month, place, channel and who answers; trends and drivers.

Figures are reckoned when they are asked for, under the policy in force then: see `satisfaction_figures` for what each
is and when it is not shown, `respondents` for what is told from who answered, `answers` for what is kept.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, get_args

from pydantic import BaseModel, ConfigDict

from relations.analytics.control_charts import ControlChart, NpsSample, ShareSample, nps_chart, p_chart
from relations.analytics.drivers import DriverReport
from relations.errors import InvalidInput
from relations.messages import to_micros
from relations.policies import Instrument, Surveys
from relations.projections.answers import COMPLAINT_CSAT, PROJECTION, Answers, Given, ItemAnswers, Respondent
from relations.projections.projection import Projection
from relations.projections.respondents import (
    OpenLoop,
    OpenLoops,
    ResponseDimension,
    ResponseRate,
    ThemeFigure,
    each_answer,
    given_once,
    open_loops,
    response_rates,
    survey_drivers,
    theme_figures,
)
from relations.projections.satisfaction_figures import (
    DIMENSIONS,
    CsatFigure,
    CsatInstrument,
    Dimension,
    GapFigure,
    NpsFigure,
    ScaleFigure,
    csat_figures,
    gap_figures,
    nps_figures,
    scale_figures,
)
from relations.projections.view import View

__all__ = [
    "PROJECTION",
    "Answers",
    "CsatFigure",
    "GapFigure",
    "ItemAnswers",
    "NpsFigure",
    "OpenLoop",
    "OpenLoops",
    "Respondent",
    "ResponseRate",
    "SatisfactionReport",
    "SatisfactionView",
    "ScaleFigure",
    "ThemeFigure",
    "csat_figures",
    "nps_figures",
    "satisfaction_report",
]

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


class SatisfactionReport(BaseModel):
    """Satisfaction at a glance: the whole, then by month, touchpoint and channel.

    Attributes:
        zone: The IANA zone that the months are counted in.
        minimum_answers: Fewer answers than this are suppressed, and what would give them away.
        confidence: The level of all intervals.
        nps_trend: Which months' NPS is more than chance; absent where no month is shown.
        csat_trend: The same of CSAT.
        complaint_csat: How customers saw the handling of their complaints, as a whole.
        scales: Every other instrument of one score that anybody answered, as a whole.
        gaps: Every questionnaire that anybody answered: its dimensions and the whole.
    """

    model_config = ConfigDict(frozen=True)

    zone: str
    minimum_answers: int
    confidence: float
    nps: NpsFigure
    nps_by_month: list[NpsFigure]
    nps_by_touchpoint: list[NpsFigure]
    nps_by_channel: list[NpsFigure]
    nps_trend: ControlChart | None
    csat: CsatFigure
    csat_by_month: list[CsatFigure]
    csat_by_touchpoint: list[CsatFigure]
    csat_by_channel: list[CsatFigure]
    csat_trend: ControlChart | None
    complaint_csat: CsatFigure
    complaint_csat_by_month: list[CsatFigure]
    scales: list[ScaleFigure]
    gaps: list[GapFigure]


class SatisfactionView(View):
    """What customers answered. `since` and `until` are months such as `2024-05`: from `since` on and before `until`.

    `by` is any of `month`, `touchpoint`, `channel`, `language`, `region`, `complaint_outcome` and, where `segments`
    says who is in which, `segment`; without any, one figure is given of the whole. The first three are the fastest.
    """

    projection: ClassVar[Projection] = PROJECTION

    def nps(
        self,
        *,
        by: Sequence[Dimension] = (),
        since: str | None = None,
        until: str | None = None,
        segments: Mapping[str, str] | None = None,
    ) -> list[NpsFigure]:
        """Net promoter scores.

        Args:
            by: The dimensions to group by.
            since: The first month.
            until: The month after the last one.
            segments: The segment of each customer, by surviving id.

        Raises:
            InvalidInput: An unknown or doubled dimension, or a bound that is no month.
        """
        rows = self._counts("nps", by, since, until, segments)
        return nps_figures(rows, by=by, surveys=self.policy.surveys)

    def csat(
        self,
        *,
        by: Sequence[Dimension] = (),
        since: str | None = None,
        until: str | None = None,
        instrument: CsatInstrument = "csat",
        segments: Mapping[str, str] | None = None,
    ) -> list[CsatFigure]:
        """Shares of satisfied answers.

        Args:
            by: The dimensions to group by.
            since: The first month.
            until: The month after the last one.
            instrument: `complaint_csat` asks for the follow-ups of complaints instead.
            segments: The segment of each customer, by surviving id.

        Raises:
            InvalidInput: An unknown or doubled dimension, an unknown instrument, or a bound that is no month.
        """
        _checked(by, segments)
        if instrument not in get_args(CsatInstrument):
            raise InvalidInput(
                f"{instrument!r} is not an instrument with scores 1 to 5",
                code="unknown_instrument",
                field="instrument",
                remedy="Give csat or complaint_csat",
            )
        rows = self._counts(instrument, by, since, until, segments)
        return csat_figures(rows, by=by, surveys=self.policy.surveys, instrument=instrument)

    def scale(
        self,
        instrument: str,
        *,
        by: Sequence[Dimension] = (),
        since: str | None = None,
        until: str | None = None,
        segments: Mapping[str, str] | None = None,
    ) -> list[ScaleFigure]:
        """Mean, spread and counts of an instrument of one score: customer effort, agreement, stars of reviews.

        Args:
            instrument: Its id.
            by: The dimensions to group by.
            since: The first month.
            until: The month after the last one.
            segments: The segment of each customer, by surviving id.

        Raises:
            InvalidInput: An unknown instrument or one of items, an unknown or doubled dimension, or a bound that is no
                month.
        """
        known = self._instrument(instrument)
        if not known.scored:
            raise InvalidInput(
                f"{instrument!r} is not answered by one score",
                code="unsuitable_instrument",
                field="instrument",
                remedy="Ask gaps() for questionnaires, themes() for notes",
            )
        rows = self._counts(instrument, by, since, until, segments)
        return scale_figures(rows, known, by=by, surveys=self.policy.surveys)

    def ces(
        self, *, by: Sequence[Dimension] = (), since: str | None = None, until: str | None = None
    ) -> list[ScaleFigure]:
        """Customer effort: every instrument of that kind, as `scale` gives it, with its scale and method.

        Raises:
            InvalidInput: An unknown or doubled dimension, or a bound that is no month.
        """
        kinds = [each for each in self.policy.surveys.instruments if each.kind == "ces"]
        return [figure for each in kinds for figure in self.scale(each.id, by=by, since=since, until=until)]

    def gaps(
        self,
        instrument: str = "servqual",
        *,
        by: Sequence[Dimension] = (),
        since: str | None = None,
        until: str | None = None,
        items: bool = False,
    ) -> list[GapFigure]:
        """A questionnaire's dimensions and the whole of it, or its items: SERVQUAL, semantic differential, Likert.

        Args:
            instrument: Its id.
            by: Any of `month`, `touchpoint`, `channel`.
            since: The first month.
            until: The month after the last one.
            items: Each item by itself: of a semantic differential, the profile.

        Raises:
            InvalidInput: An unknown instrument or one without items, an unknown or doubled dimension, or a bound that
                is no month.
        """
        known = self._instrument(instrument)
        if not known.items:
            raise InvalidInput(
                f"{instrument!r} has no items",
                code="unsuitable_instrument",
                field="instrument",
                remedy="Ask scale(), nps() or csat() for it",
            )
        if not set(_checked(by, None)) <= set(DIMENSIONS):
            raise InvalidInput(
                f"questionnaires cannot be grouped by {by!r}",
                code="unknown_dimension",
                field="by",
                remedy="Give any of month, touchpoint and channel",
            )
        return gap_figures(
            self._item_rows(since, until, instrument), known, by=by, surveys=self.policy.surveys, items=items
        )

    def trend(
        self, instrument: str = "nps", *, since: str | None = None, until: str | None = None
    ) -> ControlChart | None:
        """Month by month against what chance alone would do; None where no month is shown.

        Months that are not shown in the figures by month are not on the chart either.

        Args:
            instrument: `nps`, `csat` or `complaint_csat`.
            since: The first month.
            until: The month after the last one.

        Raises:
            InvalidInput: Another instrument, or a bound that is no month.
        """
        if instrument == "nps":
            return _nps_trend(self.nps(by=("month",), since=since, until=until))
        if instrument in ("csat", COMPLAINT_CSAT):
            chosen: CsatInstrument = "csat" if instrument == "csat" else "complaint_csat"
            return _csat_trend(self.csat(by=("month",), since=since, until=until, instrument=chosen))
        raise InvalidInput(
            f"there is no chart of {instrument!r}",
            code="unknown_instrument",
            field="instrument",
            remedy="Give nps, csat or complaint_csat",
        )

    def drivers(
        self, outcome: str = "nps", drivers: Sequence[str] = (), *, as_of: datetime | None = None
    ) -> DriverReport:
        """What goes with an outcome: correlations, standardised coefficients, Shapley shares that sum to R squared.

        Args:
            outcome: An instrument of one score.
            drivers: Names such as `csat`, `servqual.empathy` (a dimension) or `mood.cold-warm` (an item), asked on the
                same invitation, or about the same thing, as the outcome. Empty: all that mostly were.
            as_of: Only answers given by then; all where absent.

        Raises:
            InvalidInput: Too few occasions with all of them, nothing that varies, or more than twelve drivers.
        """
        self._instrument(outcome)
        moment = None if as_of is None else to_micros(as_of)
        return survey_drivers(self.rows(Respondent), outcome, self.policy.surveys, drivers, until=moment)

    def response_rates(self, *, by: Sequence[ResponseDimension] = ()) -> list[ResponseRate]:
        """How many of those who were asked answered, by any of `month`, `instrument`, `touchpoint`, `channel`.

        The month is that of sending.

        Raises:
            InvalidInput: An unknown or doubled dimension.
        """
        if isinstance(by, str) or not set(by) <= set(get_args(ResponseDimension)) or len(set(by)) != len(by):
            raise _unknown_dimension(by, get_args(ResponseDimension))
        return response_rates(self.rows(Respondent), by=by, local=self.local, confidence=self.policy.surveys.confidence)

    def open_loops(self) -> OpenLoops:
        """Low answers nobody has come back on, the oldest first, and how many were closed how soon."""
        return open_loops(self.rows(Respondent), self.policy.surveys, now=self.now)

    def themes(self) -> list[ThemeFigure]:
        """What words are about, the most frequent first, with how favourable they are where that was scored."""
        return theme_figures(self.rows(Respondent), self.policy.surveys)

    def report(self, *, since: str | None = None, until: str | None = None) -> SatisfactionReport:
        """Everything at a glance.

        Raises:
            InvalidInput: A bound that is no month.
        """
        policy = self.policy
        return satisfaction_report(
            self._answers(since, until),
            zone=policy.zone,
            surveys=policy.surveys,
            items=self._item_rows(since, until),
        )

    # --- reading ----------------------------------------------------------------------------------------------------

    def _instrument(self, name: str) -> Instrument:
        found = self.policy.surveys.instrument(name)
        if found is None:
            raise InvalidInput(
                f"the policy has no instrument {name!r}",
                code="unknown_instrument",
                field="instrument",
                remedy=f"Give one of {', '.join(each.id for each in self.policy.surveys.instruments)}",
            )
        return found

    def _counts(
        self,
        instrument: str,
        by: Sequence[Dimension],
        since: str | None,
        until: str | None,
        segments: Mapping[str, str] | None,
    ) -> list[Any]:
        """Counts of answers that can be grouped as asked."""
        if set(_checked(by, segments)) <= set(DIMENSIONS):
            return list(self._answers(since, until, instrument))
        first, after = _month(since, "since"), _month(until, "until")
        return [
            answer
            for answer in each_answer(self.rows(Respondent), self.local, segments)
            if answer.instrument == instrument
            and (first is None or answer.month >= first)
            and (after is None or answer.month < after)
        ]

    def _answers(self, since: str | None, until: str | None, instrument: str | None = None) -> list[Answers]:
        rows = self.rows(Answers, *self._within(Answers, since, until, instrument))
        again = self._answered_again()
        for row in rows if again else ():
            row.answers -= again[row.month, row.touchpoint, row.channel, row.instrument, row.score]
        return [row for row in rows if row.answers]

    def _item_rows(self, since: str | None, until: str | None, instrument: str | None = None) -> list[ItemAnswers]:
        rows = self.rows(ItemAnswers, *self._within(ItemAnswers, since, until, instrument))
        again = [
            ((month, given.touchpoint, given.channel, given.instrument, answer.item), answer)
            for month, given in self._repeated()
            for answer in given.items
        ]
        if again:
            by_key = {(row.month, row.touchpoint, row.channel, row.instrument, row.item): row for row in rows}
            for key, answer in again:
                if key in by_key:
                    by_key[key].count(answer, -1)
        return [row for row in rows if row.answers]

    def _within(
        self, row: type[Answers] | type[ItemAnswers], since: str | None, until: str | None, instrument: str | None
    ) -> list[Any]:
        columns = self.table(row).c
        first, after = _month(since, "since"), _month(until, "until")
        where = []
        if first is not None:
            where.append(columns.month >= first)
        if after is not None:
            where.append(columns.month < after)
        if instrument is not None:
            where.append(columns.instrument == instrument)
        return where

    def _answered_again(self) -> Counter[tuple[str, str, str, str, int]]:
        """How often scores were counted that are left out."""
        return Counter(
            (month, given.touchpoint, given.channel, given.instrument, given.score)
            for month, given in self._repeated()
            if given.score is not None
        )

    def _repeated(self) -> Iterator[tuple[str, Given]]:
        """Answers to invitations that the same customer had answered before under another id, with their months."""
        aliases = self.aliases
        local = self.local
        for name in aliases.groups if aliases else ():
            for row in self.rows(Respondent, customer=name):
                once = {id(given) for _, given in given_once(row)}
                for given in row.answers.values():
                    if id(given) not in once:
                        yield local.month(given.at), given


def satisfaction_report(
    rows: Sequence[Answers], *, zone: str, surveys: Surveys, items: Sequence[ItemAnswers] = ()
) -> SatisfactionReport:
    """The report over these rows."""

    def nps(*by: Dimension) -> list[NpsFigure]:
        return nps_figures(rows, by=by, surveys=surveys)

    def csat(*by: Dimension, instrument: CsatInstrument = "csat") -> list[CsatFigure]:
        return csat_figures(rows, by=by, surveys=surveys, instrument=instrument)

    others = [each for each in surveys.instruments if each.kind not in ("nps", "csat")]
    scales = [scale_figures(rows, each, by=(), surveys=surveys)[0] for each in others if each.scored]
    gaps = [gap_figures(items, each, by=(), surveys=surveys, items=False) for each in others if each.items]
    nps_by_month, csat_by_month = nps("month"), csat("month")
    return SatisfactionReport(
        zone=zone,
        minimum_answers=surveys.minimum_answers,
        confidence=surveys.confidence,
        nps=nps()[0],
        nps_by_month=nps_by_month,
        nps_by_touchpoint=nps("touchpoint"),
        nps_by_channel=nps("channel"),
        nps_trend=_nps_trend(nps_by_month),
        csat=csat()[0],
        csat_by_month=csat_by_month,
        csat_by_touchpoint=csat("touchpoint"),
        csat_by_channel=csat("channel"),
        csat_trend=_csat_trend(csat_by_month),
        complaint_csat=csat(instrument="complaint_csat")[0],
        complaint_csat_by_month=csat("month", instrument="complaint_csat"),
        scales=[figure for figure in scales if figure.n],
        gaps=[figure for found in gaps for figure in found],
    )


def _nps_trend(by_month: Sequence[NpsFigure]) -> ControlChart | None:
    return nps_chart(
        [
            NpsSample(figure.group["month"] or "", figure.promoters, figure.passives or 0, figure.detractors or 0)
            for figure in by_month
            if figure.promoters is not None
        ]
    )


def _csat_trend(by_month: Sequence[CsatFigure]) -> ControlChart | None:
    return p_chart(
        [
            ShareSample(figure.group["month"] or "", figure.satisfied, figure.n)
            for figure in by_month
            if figure.satisfied is not None
        ]
    )


def _checked(by: Sequence[Dimension], segments: Mapping[str, str] | None) -> tuple[Dimension, ...]:
    known = [name for name in get_args(Dimension) if name != "segment" or segments is not None]
    if isinstance(by, str) or not set(by) <= set(known) or len(set(by)) != len(by):
        raise _unknown_dimension(by, known)
    return tuple(by)


def _unknown_dimension(by: object, known: Sequence[str]) -> InvalidInput:
    return InvalidInput(
        f"cannot group by {by!r}",
        code="unknown_dimension",
        field="by",
        remedy=f"Give any of {', '.join(known)}, each once, as a tuple; segment needs segments",
    )


def _month(value: str | None, field: str) -> str | None:
    if value is not None and (not isinstance(value, str) or not _MONTH.fullmatch(value)):
        raise InvalidInput(f"{value!r} is not a month", code="invalid_month", field=field, remedy="Write 2024-05")
    return value
