"""How satisfied customers say they are: every instrument, by month, place, channel and who answers; trends and drivers.

Figures are reckoned when they are asked for, under the policy in force then: see `satisfaction_figures` for what each
is, `cuts` and `disclosure` for when it is not shown, `respondents` for what is told from who answered, `answers` for
what is kept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, get_args

from relations.analytics.control_charts import ControlChart
from relations.analytics.drivers import DriverReport
from relations.errors import InvalidInput
from relations.messages import to_micros
from relations.policies import Instrument
from relations.policies.instruments import InstrumentKind
from relations.projections.projection import Projection
from relations.projections.satisfaction.answers import COMPLAINT_CSAT, PROJECTION, Respondent, Sentiment
from relations.projections.satisfaction.cuts import DIMENSIONS, Cuts, Dimension
from relations.projections.satisfaction.drivers import survey_drivers
from relations.projections.satisfaction.figures import (
    CsatFigure,
    GapFigure,
    NpsFigure,
    ScaleFigure,
    csat_figures,
    gap_figures,
    nps_figures,
    scale_figures,
)
from relations.projections.satisfaction.open_loops import OpenLoop, OpenLoops, open_loops
from relations.projections.satisfaction.respondents import Respondents, SegmentsOf, Where
from relations.projections.satisfaction.response_rates import ResponseDimension, ResponseRate, response_rates
from relations.projections.satisfaction.summary import (
    SatisfactionReport,
    Trend,
    csat_trend,
    grouped_but_month,
    nps_trend,
    satisfaction_report,
)
from relations.projections.satisfaction.themes import SentimentFigure, ThemeFigure, theme_figures
from relations.projections.view import View

__all__ = [
    "PROJECTION",
    "CsatFigure",
    "Dimension",
    "GapFigure",
    "NpsFigure",
    "OpenLoop",
    "OpenLoops",
    "Respondent",
    "ResponseRate",
    "SatisfactionReport",
    "SatisfactionView",
    "ScaleFigure",
    "Sentiment",
    "SentimentFigure",
    "ThemeFigure",
    "Trend",
]

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


class SatisfactionView(View):
    """What customers answered. `since` and `until` are months such as `2024-05`: from `since` on and before `until`.

    `by` is any of `month`, `touchpoint`, `channel`, `language`, `region`, `complaint_outcome` and, where `segments`
    says who is in which, `segment`; without any, one figure is given of the whole. `segments` gives the segment of each
    customer by surviving id, or several: they then count in each. `where` keeps what has a value in a dimension.
    """

    projection: ClassVar[Projection] = PROJECTION

    def nps(
        self,
        *,
        by: Sequence[Dimension] = (),
        since: str | None = None,
        until: str | None = None,
        instrument: str = "nps",
        segments: SegmentsOf | None = None,
    ) -> list[NpsFigure]:
        """Net promoter scores.

        Args:
            by: The dimensions to group by.
            since: The first month.
            until: The month after the last one.
            instrument: `nps`, or another of that kind.
            segments: The segments of each customer, by surviving id.

        Raises:
            InvalidInput: An unknown or doubled dimension, an instrument of another kind, or a bound that is no month.
        """
        self._of_kind(instrument, "nps")
        cuts = self._cuts(by, since, until, instrument, segments)
        return nps_figures(cuts, by=by, surveys=self.policy.surveys, instrument=instrument)

    def csat(
        self,
        *,
        by: Sequence[Dimension] = (),
        since: str | None = None,
        until: str | None = None,
        instrument: str = "csat",
        segments: SegmentsOf | None = None,
    ) -> list[CsatFigure]:
        """Shares of satisfied answers.

        Args:
            by: The dimensions to group by.
            since: The first month.
            until: The month after the last one.
            instrument: `csat`, another of that kind, or `complaint_csat`: the follow-ups of complaints.
            segments: The segments of each customer, by surviving id.

        Raises:
            InvalidInput: An unknown or doubled dimension, an instrument of another kind, or a bound that is no month.
        """
        if instrument != COMPLAINT_CSAT:
            self._of_kind(instrument, "csat")
        cuts = self._cuts(by, since, until, instrument, segments)
        return csat_figures(cuts, by=by, surveys=self.policy.surveys, instrument=instrument)

    def scale(
        self,
        instrument: str,
        *,
        by: Sequence[Dimension] = (),
        since: str | None = None,
        until: str | None = None,
        segments: SegmentsOf | None = None,
    ) -> list[ScaleFigure]:
        """Mean, spread and counts of an instrument of one score: customer effort, agreement, stars of reviews.

        Args:
            instrument: Its id.
            by: The dimensions to group by.
            since: The first month.
            until: The month after the last one.
            segments: The segments of each customer, by surviving id.

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
                hint="Ask gaps() for questionnaires, themes() for notes",
            )
        cuts = self._cuts(by, since, until, instrument, segments)
        return scale_figures(cuts, known, by=by, surveys=self.policy.surveys)

    def ces(
        self,
        *,
        by: Sequence[Dimension] = (),
        since: str | None = None,
        until: str | None = None,
        segments: SegmentsOf | None = None,
    ) -> list[ScaleFigure]:
        """Customer effort: every instrument of that kind, as `scale` gives it, with its scale and method.

        Raises:
            InvalidInput: An unknown or doubled dimension, or a bound that is no month.
        """
        kinds = [each for each in self.policy.surveys.instruments if each.kind == "ces"]
        return [
            figure
            for each in kinds
            for figure in self.scale(each.id, by=by, since=since, until=until, segments=segments)
        ]

    def gaps(
        self,
        instrument: str = "servqual",
        *,
        by: Sequence[Dimension] = (),
        since: str | None = None,
        until: str | None = None,
        items: bool = False,
        segments: SegmentsOf | None = None,
    ) -> list[GapFigure]:
        """A questionnaire's dimensions and the whole of it, or its items: SERVQUAL, semantic differential, Likert.

        Args:
            instrument: Its id.
            by: The dimensions to group by.
            since: The first month.
            until: The month after the last one.
            items: Each item by itself: of a semantic differential, the profile.
            segments: The segments of each customer, by surviving id.

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
                hint="Ask scale(), nps() or csat() for it",
            )
        surveys = self.policy.surveys
        asked = self._asked(by, since, until, segments)
        cuts = Cuts(asked.items(known), surveys.minimum_answers, by)
        return gap_figures(cuts, known, by=by, surveys=surveys, items=items)

    def trend(
        self, instrument: str = "nps", *, since: str | None = None, until: str | None = None
    ) -> ControlChart | None:
        """Month by month against what chance alone would do; None where no month is shown.

        Months that are not shown in the figures by month are not on the chart either.

        Args:
            instrument: One of the kinds `nps` and `csat`, or `complaint_csat`.
            since: The first month.
            until: The month after the last one.

        Raises:
            InvalidInput: Another instrument, or a bound that is no month.
        """
        found = self.trends(instrument, since=since, until=until)
        return found[0].chart if found else None

    def trends(
        self,
        instrument: str = "nps",
        *,
        by: Sequence[Dimension] = (),
        since: str | None = None,
        until: str | None = None,
        segments: SegmentsOf | None = None,
    ) -> list[Trend]:
        """The trend of every group, in the groups' order.

        Args:
            instrument: One of the kinds `nps` and `csat`, or `complaint_csat`.
            by: The dimensions to group by, other than `month`.
            since: The first month.
            until: The month after the last one.
            segments: The segments of each customer, by surviving id.

        Raises:
            InvalidInput: Another instrument, an unknown or doubled dimension, or a bound that is no month.
        """
        each: tuple[Dimension, ...] = (*by, "month")
        known = self.policy.surveys.instrument(instrument)
        if known is not None and known.kind == "nps":
            scores = self.nps(by=each, since=since, until=until, instrument=instrument, segments=segments)
            return [Trend(group=group, chart=nps_trend(of)) for group, of in grouped_but_month(scores)]
        if instrument == COMPLAINT_CSAT or (known is not None and known.kind == "csat"):
            shares = self.csat(by=each, since=since, until=until, instrument=instrument, segments=segments)
            return [Trend(group=group, chart=csat_trend(of)) for group, of in grouped_but_month(shares)]
        raise InvalidInput(
            f"there is no chart of {instrument!r}",
            code="unknown_instrument",
            field="instrument",
            hint="Give nps, csat, another of their kinds, or complaint_csat",
        )

    def drivers(
        self,
        outcome: str = "nps",
        drivers: Sequence[str] = (),
        *,
        since: str | None = None,
        until: str | None = None,
        where: Where | None = None,
        segments: SegmentsOf | None = None,
        as_of: datetime | None = None,
    ) -> DriverReport:
        """What goes with an outcome: correlations, standardised coefficients, Shapley shares that sum to R squared.

        Args:
            outcome: An instrument of one score.
            drivers: Names such as `csat`, `servqual.empathy` (a dimension) or `mood.cold-warm` (an item), asked on the
                same invitation, or about the same thing, as the outcome. Empty: all that mostly were.
            since: The first month.
            until: The month after the last one.
            where: Only answers that have these values.
            segments: The segments of each customer, by surviving id.
            as_of: Only answers given by then; all where absent.

        Raises:
            InvalidInput: Too few respondents with all of them, nothing that varies, more than twelve drivers, an
                unknown dimension, a bound that is no month, or a naive time.
        """
        self._instrument(outcome)
        asked = self._asked(tuple(where or ()), since, until, segments, where)
        moment = None if as_of is None else to_micros(as_of)
        answers = [fact for fact in asked.answers() if moment is None or fact.content.given.at <= moment]
        return survey_drivers(answers, outcome, self.policy.surveys, drivers)

    def response_rates(
        self,
        *,
        by: Sequence[ResponseDimension] = (),
        since: str | None = None,
        until: str | None = None,
        segments: SegmentsOf | None = None,
    ) -> list[ResponseRate]:
        """How many of those who were asked answered, by any dimension or `instrument`; the month is that of sending.

        By instrument, only answers with the one that was asked for count; otherwise any that name the invitation.

        Raises:
            InvalidInput: An unknown or doubled dimension, or a bound that is no month.
        """
        _checked(by, segments, get_args(ResponseDimension))
        asked = self._asked((), since, until, segments)
        return response_rates(asked, by=by, surveys=self.policy.surveys)

    def open_loops(
        self,
        *,
        customer: str | None = None,
        since: str | None = None,
        until: str | None = None,
        where: Where | None = None,
        segments: SegmentsOf | None = None,
        as_of: datetime | None = None,
    ) -> OpenLoops:
        """Low answers nobody has come back on, the oldest first, and how many were closed how soon.

        Args:
            customer: Only those of the customer who bears this id.
            since: The first month of answers.
            until: The month after the last one.
            where: Only answers that have these values.
            segments: The segments of each customer, by surviving id.
            as_of: The moment; now where absent.

        Raises:
            InvalidInput: An unknown dimension, a bound that is no month, or a naive time.
        """
        asked = self._asked(tuple(where or ()), since, until, segments, where, customer=customer)
        return open_loops(asked.answers(), asked.rows, self._rules(), now=self._moment(as_of))

    def themes(
        self,
        *,
        by: Sequence[Dimension] = (),
        since: str | None = None,
        until: str | None = None,
        segments: SegmentsOf | None = None,
    ) -> list[ThemeFigure]:
        """What words are about, the most frequent first, with how favourable each scorer found them.

        Raises:
            InvalidInput: An unknown or doubled dimension, or a bound that is no month.
        """
        asked = self._asked(by, since, until, segments)
        return theme_figures(asked.answers(), self.policy.surveys, by)

    def report(
        self, *, since: str | None = None, until: str | None = None, as_of: datetime | None = None
    ) -> SatisfactionReport:
        """Everything at a glance.

        Args:
            since: The first month.
            until: The month after the last one.
            as_of: When loops are open, or not yet; now where absent.

        Raises:
            InvalidInput: A bound that is no month, or a naive time.
        """
        asked = self._asked((), since, until, None)
        policy = self.policy
        moment, rules = self._moment(as_of), self._rules()
        return satisfaction_report(asked, zone=policy.zone, surveys=policy.surveys, rules=rules, now=moment)

    # --- reading ----------------------------------------------------------------------------------------------------

    def _instrument(self, name: str) -> Instrument:
        found = self.policy.surveys.instrument(name)
        if found is None:
            raise InvalidInput(
                f"the policy has no instrument {name!r}",
                code="unknown_instrument",
                field="instrument",
                hint=f"Give one of {', '.join(each.id for each in self.policy.surveys.instruments)}",
            )
        return found

    def _of_kind(self, name: str, kind: InstrumentKind) -> None:
        found = self._instrument(name)
        if found.kind != kind:
            raise InvalidInput(
                f"{name!r} is a {found.kind}, not a {kind}",
                code="unsuitable_instrument",
                field="instrument",
                hint="Ask nps() or csat() for those kinds, scale() for other scores, gaps() for questionnaires",
            )

    def _cuts(
        self,
        by: Sequence[Dimension],
        since: str | None,
        until: str | None,
        instrument: str,
        segments: SegmentsOf | None,
    ) -> Cuts:
        asked = self._asked(by, since, until, segments)
        return Cuts(asked.scores(instrument), self.policy.surveys.minimum_answers, by)

    def _asked(
        self,
        dimensions: Sequence[str],
        since: str | None,
        until: str | None,
        segments: SegmentsOf | None,
        where: Where | None = None,
        *,
        customer: str | None = None,
    ) -> Respondents:
        _checked(dimensions, segments)
        first, after = _month(since, "since"), _month(until, "until")
        return Respondents(self.rows(Respondent, customer=customer), self.local, first, after, segments, where)

    def _moment(self, as_of: datetime | None) -> int:
        return self.now if as_of is None else to_micros(as_of)


def _checked(by: Sequence[str], segments: SegmentsOf | None, dimensions: Sequence[str] = DIMENSIONS) -> None:
    known = [name for name in dimensions if name != "segment" or segments is not None]
    if isinstance(by, str) or not set(by) <= set(known) or len(set(by)) != len(by):
        raise InvalidInput(
            f"cannot group by {by!r}",
            code="unknown_dimension",
            field="by",
            hint=f"Give any of {', '.join(known)}, each once, as a tuple; segment needs segments",
        )


def _month(value: str | None, field: str) -> str | None:
    if value is not None and (not isinstance(value, str) or not _MONTH.fullmatch(value)):
        raise InvalidInput(f"{value!r} is not a month", code="invalid_month", field=field, hint="Write 2024-05")
    return value
