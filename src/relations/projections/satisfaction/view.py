"""Satisfaction: figures of every instrument, by month, place, channel and respondent; trends and drivers.

Figures are computed when they are asked for, under the policy in force then. `figures` defines them, `cuts` and
`disclosure` decide which are shown, `respondents` reads the answers, and `answers` has the rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar, TypeVar, get_args

from relations.analytics.control_charts import ControlChart
from relations.analytics.drivers import DriverReport
from relations.errors import InvalidInput
from relations.messages import to_micros
from relations.months import month_of
from relations.policies import Instrument
from relations.policies.instruments import InstrumentKind
from relations.projections.arguments import checked_month
from relations.projections.columns import ColumnGroups
from relations.projections.explained_figures import ExplainableFigure
from relations.projections.projection import CustomerRow, Projection
from relations.projections.satisfaction.answers import COMPLAINT_CSAT, PROJECTION, Respondent
from relations.projections.satisfaction.cuts import DIMENSIONS, Cuts, Dimension, Facts
from relations.projections.satisfaction.drivers import survey_drivers
from relations.projections.satisfaction.explained import FIGURES
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
from relations.projections.satisfaction.open_loops import OpenLoops, low_answers, open_loops
from relations.projections.satisfaction.respondents import (
    PARTS,
    Respondents,
    SegmentsOf,
    Where,
    respondent_groups,
)
from relations.projections.satisfaction.response_rates import ResponseDimension, ResponseRate, response_rates
from relations.projections.satisfaction.summary import (
    SatisfactionReport,
    Trend,
    csat_trend,
    grouped_but_month,
    marked,
    nps_trend,
    satisfaction_report,
)
from relations.projections.satisfaction.themes import LowTheme, ThemeFigure, low_themes, theme_figures
from relations.projections.view import View

__all__ = ["SatisfactionView"]

F = TypeVar("F", NpsFigure, CsatFigure, ScaleFigure, GapFigure, ResponseRate, ThemeFigure)


class SatisfactionView(View):
    """Questions about what customers answered.

    These arguments mean the same in every question:

    * `since` and `until` are months such as `2024-05`: the first one that counts, and the one after the last.
    * `by` groups by any of `month`, `touchpoint`, `channel`, `language`, `region`, `complaint_outcome` and `segment`.
      Without it there is one figure of the whole. A month that is not over yet is marked as incomplete.
    * Figures that are not shown are decided within one span of months. Two answers of different spans are not decided
      together: their difference may be about fewer people than the policy shows.
    * `segments` gives the segment, or several, of each customer by surviving id; `segment` needs it. A customer with
      several segments counts in each of them.
    * `where` keeps only answers with a value in a dimension.
    * `instrument` is the id of an instrument of the policy.

    An argument that does not make sense raises `InvalidInput`.
    """

    projection: ClassVar[Projection] = PROJECTION
    leads: ClassVar[Mapping[str, str]] = {
        "nps": "figure nps",
        "csat": "figure csat",
        "ces": "figure ces",
        "scale": "figure ces",
        "gaps": "figure gap",
        "drivers": "figure drivers",
        "response_rates": "figure response_rate",
        "trend": "figure nps",
        "trends": "figure nps",
    }
    explainable: ClassVar[tuple[ExplainableFigure, ...]] = FIGURES
    keeps_answers: ClassVar[bool] = True
    columned: ClassVar[tuple[tuple[type[CustomerRow], ColumnGroups], ...]] = ((Respondent, respondent_groups),)

    def nps(
        self,
        *,
        by: Sequence[Dimension] = (),
        since: str | None = None,
        until: str | None = None,
        instrument: str = "nps",
        segments: SegmentsOf | None = None,
    ) -> list[NpsFigure]:
        """Return net promoter scores.

        Args:
            by: The dimensions to group by.
            since: The first month.
            until: The month after the last one.
            instrument: `nps`, or another instrument of that kind.
            segments: The segments of each customer.

        Raises:
            InvalidInput: A dimension is unknown or given twice, the instrument is of another kind, or a bound is not a
                month.
        """
        self._of_kind(instrument, "nps")
        cuts = self._cuts(by, since, until, instrument, segments)
        return self._marked(nps_figures(cuts, by=by, surveys=self.policy.surveys, instrument=instrument))

    def csat(
        self,
        *,
        by: Sequence[Dimension] = (),
        since: str | None = None,
        until: str | None = None,
        instrument: str = "csat",
        segments: SegmentsOf | None = None,
    ) -> list[CsatFigure]:
        """Return shares of satisfied answers.

        Args:
            by: The dimensions to group by.
            since: The first month.
            until: The month after the last one.
            instrument: `csat`, another instrument of that kind, or `complaint_csat` for complaints' follow-ups.
            segments: The segments of each customer.

        Raises:
            InvalidInput: A dimension is unknown or given twice, the instrument is of another kind, or a bound is not a
                month.
        """
        if instrument != COMPLAINT_CSAT:
            self._of_kind(instrument, "csat")
        cuts = self._cuts(by, since, until, instrument, segments)
        return self._marked(csat_figures(cuts, by=by, surveys=self.policy.surveys, instrument=instrument))

    def scale(
        self,
        instrument: str,
        *,
        by: Sequence[Dimension] = (),
        since: str | None = None,
        until: str | None = None,
        segments: SegmentsOf | None = None,
    ) -> list[ScaleFigure]:
        """Return mean, spread and counts of an instrument with one score, such as customer effort or stars.

        Args:
            instrument: The instrument's id.
            by: The dimensions to group by.
            since: The first month.
            until: The month after the last one.
            segments: The segments of each customer.

        Raises:
            InvalidInput: The instrument is unknown or has items, a dimension is unknown or given twice, or a bound is
                not a month.
        """
        known = self._instrument(instrument)
        if not known.scored:
            raise InvalidInput(
                f"{instrument!r} is not answered with one score",
                code="unsuitable_instrument",
                field="instrument",
                hint="Ask gaps() for questionnaires, themes() for notes",
            )
        cuts = self._cuts(by, since, until, instrument, segments)
        return self._marked(scale_figures(cuts, known, by=by, surveys=self.policy.surveys))

    def ces(
        self,
        *,
        by: Sequence[Dimension] = (),
        since: str | None = None,
        until: str | None = None,
        segments: SegmentsOf | None = None,
    ) -> list[ScaleFigure]:
        """Return customer effort: every instrument of that kind, as `scale` gives it.

        Raises:
            InvalidInput: A dimension is unknown or given twice, or a bound is not a month.
        """
        return [
            figure
            for each in self.policy.surveys.instruments
            if each.kind == "ces"
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
        """Return figures of a questionnaire: its dimensions and the whole of it, or its items.

        Args:
            instrument: The id of a questionnaire: SERVQUAL, a semantic differential, Likert items.
            by: The dimensions to group by.
            since: The first month.
            until: The month after the last one.
            items: Give each item on its own; for a semantic differential, that is the profile.
            segments: The segments of each customer.

        Raises:
            InvalidInput: The instrument is unknown or has no items, a dimension is unknown or given twice, or a bound
                is not a month.
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
        answers = self._respondents(by, since, until, segments).items(known)
        cuts = Cuts(answers, surveys.minimum_answers, by)
        return self._marked(gap_figures(cuts, known, by=by, surveys=surveys, items=items))

    def trend(
        self, instrument: str = "nps", *, since: str | None = None, until: str | None = None
    ) -> ControlChart | None:
        """Return the months of an instrument with the limits of chance; None if no month is shown.

        Months that are suppressed in the figures by month are not on the chart either.

        Args:
            instrument: An instrument of the kind `nps` or `csat`, or `complaint_csat`.
            since: The first month.
            until: The month after the last one.

        Raises:
            InvalidInput: There is no chart of the instrument, or a bound is not a month.
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
        """Return the trend of every group, in the groups' order.

        Args:
            instrument: An instrument of the kind `nps` or `csat`, or `complaint_csat`.
            by: The dimensions to group by, other than `month`.
            since: The first month.
            until: The month after the last one.
            segments: The segments of each customer.

        Raises:
            InvalidInput: There is no chart of the instrument, a dimension is unknown or given twice, or a bound is not
                a month.
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
            hint="Give nps, csat, another instrument of these kinds, or complaint_csat",
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
        """Return what goes with an outcome: correlations, coefficients, and Shapley shares that sum to R squared.

        Args:
            outcome: An instrument with one score.
            drivers: Names such as `csat`, `servqual.empathy` (a dimension) or `mood.cold-warm` (an item). They were
                asked on the same invitation, or about the same thing, as the outcome. Empty: all that usually were.
            since: The first month.
            until: The month after the last one.
            where: Only answers with these values.
            segments: The segments of each customer.
            as_of: Only answers given by then; all by default.

        Raises:
            InvalidInput: Too few respondents answered everything, nothing varies, there are more than twelve drivers,
                or a dimension is unknown. Or a bound is not a month, or the time has no zone.
        """
        self._instrument(outcome)
        found = self._respondents(tuple(where or ()), since, until, segments, where)
        moment = None if as_of is None else to_micros(as_of)
        return survey_drivers(found, outcome, self.policy.surveys, drivers, moment=moment)

    def response_rates(
        self,
        *,
        by: Sequence[ResponseDimension] = (),
        since: str | None = None,
        until: str | None = None,
        segments: SegmentsOf | None = None,
    ) -> list[ResponseRate]:
        """Return the share of invitations that were answered, by any dimension or by `instrument`.

        The month is that of sending. By instrument, only answers with the instrument that was sent count; otherwise
        every answer that names the invitation.

        Raises:
            InvalidInput: A dimension is unknown or given twice, or a bound is not a month.
        """
        _check_dimensions(by, segments, get_args(ResponseDimension))
        found = self._respondents((), since, until, segments)
        return self._marked(response_rates(found, by=by, surveys=self.policy.surveys))

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
        """Return low answers without a reply, the oldest first, and how many got one and how soon.

        Args:
            customer: Only answers of the customer with this id.
            since: The first month of answers.
            until: The month after the last one.
            where: Only answers with these values.
            segments: The segments of each customer.
            as_of: The moment asked about; now by default.

        Raises:
            InvalidInput: A dimension is unknown, a bound is not a month, or the time has no zone.
        """
        found = self._respondents(tuple(where or ()), since, until, segments, where, customer=customer)

        def low() -> Facts:
            return low_answers(found, self._rules())

        is_of_all = customer is None and not where and segments is None
        listed = self.keep(("low", since, until), low) if is_of_all else low()
        return open_loops(listed, found.names, now=self.moment(as_of))

    def themes(
        self,
        *,
        by: Sequence[Dimension] = (),
        since: str | None = None,
        until: str | None = None,
        segments: SegmentsOf | None = None,
    ) -> list[ThemeFigure]:
        """Return what words are about, the most frequent theme first, with each scorer's sentiment.

        Raises:
            InvalidInput: A dimension is unknown or given twice, or a bound is not a month.
        """
        found = self._respondents(by, since, until, segments)
        return self._marked(theme_figures(found, self.policy.surveys, by))

    def low_themes(self, *, since: str | None = None, until: str | None = None) -> list[LowTheme]:
        """Return the themes of low answers, the most frequent first. Answers of erased customers are left out.

        Args:
            since: The first month.
            until: The month after the last one.

        Raises:
            InvalidInput: A bound is not a month.
        """
        asked = self._respondents((), since, until, None)
        return low_themes(low_answers(asked, self._rules()), self.codes(Respondent))

    def report(
        self, *, since: str | None = None, until: str | None = None, as_of: datetime | None = None
    ) -> SatisfactionReport:
        """Return all figures in one report.

        Args:
            since: The first month.
            until: The month after the last one.
            as_of: The moment for which it is decided which replies are open and which month is over; now by default.

        Raises:
            InvalidInput: A bound is not a month, or the time has no zone.
        """
        policy, moment = self.policy, self.moment(as_of)

        this_month = self.local.month(moment)

        def compute() -> tuple[SatisfactionReport, Facts, Sequence[str]]:
            self.columns(Respondent, respondent_groups).read(PARTS)
            asked = self._respondents((), since, until, None)
            low = low_answers(asked, self._rules())
            found = satisfaction_report(
                asked, zone=policy.zone, surveys=policy.surveys, low=low, now=moment, this_month=this_month
            )
            return found, low, asked.names

        # All but the open loops is the same for a whole month.
        report, low, names = self.keep(("report", since, until, this_month), compute)
        return report.model_copy(update={"loops": open_loops(low, names, now=moment)})

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
                f"{name!r} is of the kind {found.kind}, not {kind}",
                code="unsuitable_instrument",
                field="instrument",
                hint="Ask nps() or csat() for those kinds, scale() for other scores, gaps() for questionnaires",
            )

    def _marked(self, figures: list[F]) -> list[F]:
        return marked(figures, month_of(self.day(None)))

    def _cuts(
        self,
        by: Sequence[Dimension],
        since: str | None,
        until: str | None,
        instrument: str,
        segments: SegmentsOf | None,
    ) -> Cuts:
        scores = self._respondents(by, since, until, segments).scores(instrument)
        return Cuts(scores, self.policy.surveys.minimum_answers, by)

    def _respondents(
        self,
        dimensions: Sequence[str],
        since: str | None,
        until: str | None,
        segments: SegmentsOf | None,
        where: Where | None = None,
        *,
        customer: str | None = None,
    ) -> Respondents:
        _check_dimensions(dimensions, segments)
        first, end = checked_month(since, "since"), checked_month(until, "until")
        codes, limits = self.codes(Respondent), (first, end, segments, where)
        if customer is not None:
            return Respondents.of_rows(self.rows(Respondent, customer=customer), codes, self.local, *limits)
        columns = self.columns(Respondent, respondent_groups)
        columns.part("answers")  # together with the names, in one reading
        return Respondents(columns.names, columns.part, codes, *limits)


def _check_dimensions(by: Sequence[str], segments: SegmentsOf | None, known: Sequence[str] = DIMENSIONS) -> None:
    offered = [name for name in known if name != "segment" or segments is not None]
    if isinstance(by, str) or not set(by) <= set(offered) or len(set(by)) != len(by):
        raise InvalidInput(
            f"cannot group by {by!r}",
            code="unknown_dimension",
            field="by",
            hint=f"Give any of {', '.join(offered)}, each once, as a tuple; segment needs segments",
        )
