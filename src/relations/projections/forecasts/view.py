"""The view of forecasts: what is expected of the next months, by the newest recorded fit."""

from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar

from relations.aggregates.model import ForecastParameters, RecordForecasts
from relations.analytics.forecasting.models import HORIZON_MAX
from relations.messages import to_micros
from relations.months import last_day, month_of, months_after
from relations.projections.arguments import checked_choice, checked_number
from relations.projections.fits import newest_row, origin_now, origin_of
from relations.projections.forecasts.figures import ForecastReport, ForecastsInUse, place_forecast
from relations.projections.forecasts.rows import PROJECTION, RecordedForecasts, SalesMonth
from relations.projections.forecasts.series import (
    FORECASTS_VERSION,
    forecasts_of,
    last_month_over,
    month_before,
    sales_of,
)
from relations.projections.projection import Projection
from relations.projections.view import View

__all__ = ["ForecastsView", "forecasts_command"]

TOUCHPOINTS_MAX = 100


class ForecastsView(View):
    """The purchases and the revenue expected month by month, with intervals, of the business and by touchpoint.

    Forecasts come from the newest recorded fit; see `Relations.fit_forecasts`. No question fits while somebody waits,
    except with `refit`. Only whole local months count, and only purchases in one currency, before refunds.
    """

    projection: ClassVar[Projection] = PROJECTION
    keeps_answers: ClassVar[bool] = True

    def forecast(
        self,
        *,
        as_of: datetime | None = None,
        months: int = HORIZON_MAX,
        touchpoint: str | None = None,
        currency: str | None = None,
        history: int = 24,
        refit: bool = False,
        most: int = 20,
    ) -> ForecastReport:
        """Return what is expected of the next months.

        The list begins with the month after the fit. A month that is over since has what was sold then, too. A fit
        reaches 12 months.

        Args:
            as_of: The moment asked about: the newest fit by the evening of its local day counts.
            months: The number of months from the one after the last whole month on, from 1 to 12.
            touchpoint: Only this touchpoint, and the whole business; by default all.
            currency: The currency of the purchases; by default the policy's.
            history: The most months of the past to return.
            refit: Fit the forecasts to the months before that moment instead. Only then does the next argument count.
            most: The most touchpoints, from 0 to 100; those with the highest revenue of the last year are kept.

        Raises:
            InvalidInput: An argument makes no sense, or nothing was sold at this touchpoint in this currency.
            NoFit: The forecasts are to be fitted, and there are too few months.
            MissingExtra: The forecasts are to be fitted, and the extra `analytics` is not installed.
        """
        checked_number(months, "months", least=1, most=HORIZON_MAX)
        checked_number(history, "history", least=0)
        today, code = self.day(as_of), self.currency(currency)
        sales = sales_of(self.rows(SalesMonth), code)
        checked_choice(touchpoint, sorted(filter(None, sales)), "touchpoint")
        over = month_before(today) if as_of is None else last_month_over(to_micros(as_of), self.local)
        if refit:
            checked_number(most, "most", least=0, most=TOUCHPOINTS_MAX)
            found = forecasts_of(sales, currency=code, last=over, most=most)
            origin = origin_now(today, FORECASTS_VERSION, through=last_day(over))
        else:
            fits = (row for row in self.rows(RecordedForecasts) if row.currency == code)
            row = newest_row(fits, today, self.local)
            if row is None:
                return ForecastReport(fit=None, whole=None, touchpoints=())
            found, origin = ForecastParameters.model_validate_json(row.forecasts), origin_of(row, today)
        reach = months_after(month_of(origin.through.toordinal()), HORIZON_MAX)
        until = min(reach, months_after(over, months))
        places = [
            place_forecast(each, sales.get(each.touchpoint, {}), until=until, over=over, history=history)
            for each in (found.whole, *found.touchpoints)
            if touchpoint is None or each.touchpoint in (None, touchpoint)
        ]
        return ForecastReport(
            fit=ForecastsInUse(**origin.model_dump(), currency=code, most=found.most, left_out=found.left_out),
            whole=places[0],
            touchpoints=tuple(places[1:]),
        )


def forecasts_command(view: ForecastsView, moment: datetime, *, currency: str | None, most: int) -> RecordForecasts:
    """Fit the forecasts as of a moment, and return the command that records them; see `Relations.fit_forecasts`."""
    checked_number(most, "most", least=0, most=TOUCHPOINTS_MAX)
    code = view.currency(currency)
    with view.answering():
        sales = sales_of(view.rows(SalesMonth), code)
        last = last_month_over(to_micros(moment), view.local)
        found = forecasts_of(sales, currency=code, last=last, most=most)
        position = view.position or 0
    return RecordForecasts(
        currency=code,
        through=date.fromordinal(last_day(last)),
        position=position,
        version=FORECASTS_VERSION,
        forecasts=found,
        occurred_at=moment,
    )
