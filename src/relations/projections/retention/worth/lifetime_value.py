"""Customer lifetime value: what customers have brought, and what a model expects them to bring.

Historic value is purchases less refunds. Expected value comes from two fitted models: BG/NBD or MBG/NBD for how often
customers buy, Gamma-Gamma for how much they spend. They need three numbers per customer and the sum of their repeat
purchases, never the log.

Profit is historic value less costs, of the purchases whose cost is known. The margin is profit divided by the value of
these purchases. A customer's expected profit is their expected value times their own margin so far.

All of these numbers are net of refunds made by then, customer by customer. A purchase that was refunded in full does
not count as a purchase, and a partial refund lowers its amount. So the expectations already allow for future refunds.

If no model can be fitted, or the extra is not installed, the report has the historic part and the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from datetime import date, datetime
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias

from relations.aggregates.model import BuyingParameters, RecordFit, SpendingParameters
from relations.analytics import (
    BuyingModel,
    LifetimeValue,
    RepeatStatistics,
    SpendingModel,
    fit_buying,
    fit_spending,
    lifetime_values,
)
from relations.analytics.buying import BuyingModelName, check_forecast
from relations.analytics.drivers import pearson
from relations.analytics.lifetime_value import LifetimeColumns, lifetime_columns
from relations.analytics.repeat_statistics import RepeatColumns, columns_of
from relations.errors import MissingExtra, NoFit
from relations.extras import np
from relations.json_form import ViewAnswer
from relations.projections.arguments import Page
from relations.projections.columns import Array, Ints, ints
from relations.projections.fits import FitInUse, origin_now
from relations.projections.retention.activity import Costed
from relations.projections.retention.patronage import Patronage
from relations.projections.retention.worth.fits import FIT_VERSION, ModelFits

__all__ = [
    "CustomerWorth",
    "NoExpectation",
    "Observations",
    "WorthReport",
    "fit_command",
    "valued",
    "worth_of_one",
    "worth_report",
]

Listing: TypeAlias = Callable[
    [Hashable, Ints, Sequence[Array], Callable[[Ints], Iterable["CustomerWorth"]]], list["CustomerWorth"]
]
"""Returns the objects of a list, as `Columns.listed` does, given the places of customers among the observations."""
_UNKNOWN = dict.fromkeys(("profit", "alive", "expected_purchases", "expected_value", "expected_profit"))
_STRONG = 0.3
"""From this correlation on, spending is hardly independent of buying."""


class CustomerWorth(ViewAnswer):
    """One customer's value.

    Attributes:
        customer: The customer's id.
        historic: Purchases less refunds, in minor units.
        costed: The part of these whose cost is known.
        profit: This part less its cost; None if no cost is known.
        frequency: The number of purchase days after the first one. A day refunded in full is not a purchase day.
        recency_days: Days from the first purchase day to the last.
        age_days: Days from the first purchase day to the last day observed.
        alive: The probability that they have not left; like the next two, None if there is no fit.
        expected_purchases: The number of purchase days expected within the horizon.
        expected_value: What these will bring, discounted, in minor units.
        expected_profit: `expected_value` times `profit` / `costed`; None if there is no fit or no known cost.
    """

    customer: str
    historic: int
    costed: int
    profit: int | None
    frequency: int
    recency_days: int
    age_days: int
    alive: float | None
    expected_purchases: float | None
    expected_value: float | None
    expected_profit: float | None


class NoExpectation(ViewAnswer):
    """The reason for which there is no fit.

    Attributes:
        code: The code of `NoFit`, or `missing_extra`.
        reason: A sentence without its full stop.
        hint: What would help, if anything would.
        extra: The extra of `relations` that is missing, if one is.
    """

    code: str
    reason: str
    hint: str | None
    extra: str | None


class WorthReport(ViewAnswer):
    """The past and expected value of customers, in one currency.

    Attributes:
        through: The last local day observed; it counts whole.
        currency: The only currency that counts.
        days: How far ahead it looks, in days.
        yearly_rate: The discount rate a year.
        no_fit: The reason for which there is no fit; None if there is one.
        fit: The fit in use; None if there is none.
        buying: The fitted model of how often customers buy, with its standard errors.
        spending: The fitted model of how much they spend, with its standard errors.
        refund_share: Refunds divided by purchases, over all customers; None if nothing was spent.
        correlation: Pearson's correlation of frequency and mean repeat spend over the customers who came back; None if
            it is undefined. The models assume that the two are independent.
        independent: True if the correlation is between -0.3 and 0.3; None if it is undefined.
        buyers: The number of customers in the fit: all who kept something that they bought in this currency.
        all_returned: The number of customers who returned everything they bought in it. They are left out.
        other_currencies: The number of customers who bought only in other currencies. They are left out.
        historic: The sum of all customers' historic value, in minor units.
        expected_value: The sum of all customers' expected value, in minor units; None if there is no fit.
        costed: The part of `historic` whose cost is known, in minor units.
        profit: This part less its cost; None if no cost is known.
        margin: `profit` / `costed`; None if no cost is known.
        costed_customers: The number of customers with a known cost, whose expected profit is given.
        expected_profit: The sum of their expected profit, in minor units; None if there is no fit or no known cost.
        customers: The customers listed, by expected value, the highest first; without a fit, by historic value.
    """

    through: date
    currency: str
    days: float
    yearly_rate: float
    no_fit: NoExpectation | None
    fit: FitInUse | None
    buying: BuyingModel | None
    spending: SpendingModel | None
    refund_share: float | None
    correlation: float | None
    independent: bool | None
    buyers: int
    all_returned: int
    other_currencies: int
    historic: int
    expected_value: float | None
    costed: int
    profit: int | None
    margin: float | None
    costed_customers: int
    expected_profit: float | None
    customers: tuple[CustomerWorth, ...]


def worth_report(
    rows: Sequence[Patronage],
    *,
    currency: str,
    through: int,
    days: float,
    yearly_rate: float,
    model: BuyingModelName,
    page: Page[str],
) -> WorthReport:
    """Fit both models to all buyers, and value each buyer.

    Raises:
        InvalidInput: The horizon or the discount rate makes no sense.
    """
    buyers, all_returned, others = _observed(sorted(rows, key=attrgetter("customer")), currency, through)
    costed = [row.costed_until(currency, through) for row, _ in buyers]
    found = Observations(
        customers=[row.customer for row, _ in buyers],
        statistics=columns_of([one for _, one in buyers], "Valuing customers"),
        historic=ints([row.net_amount(currency, through) for row, _ in buyers]),
        costed=ints([each.revenue for each in costed]),
        cost=ints([each.cost for each in costed]),
        all_returned=all_returned,
        others=others,
        bought=sum(sum(row.bought_by_day(currency, through).values()) for row in rows),
        returned=sum(sum(row.returned_by_day(currency, through).values()) for row in rows),
    )
    return valued(found, currency=currency, through=through, days=days, yearly_rate=yearly_rate, model=model, page=page)


class Observations(NamedTuple):
    """The input of the models of buying and spending, of all customers.

    Attributes:
        customers: The ids of the customers in the fit, in order.
        statistics: Their statistics.
        historic: Their purchases less refunds.
        costed: The part of these whose cost is known.
        cost: Its cost.
        all_returned: The number of customers who returned everything.
        others: The number of customers who bought only in other currencies.
        bought: The sum of all purchases.
        returned: The sum of all refunds.
    """

    customers: Sequence[str]
    statistics: RepeatColumns
    historic: Array
    costed: Array
    cost: Array
    all_returned: int
    others: int
    bought: int
    returned: int


def valued(
    found: Observations,
    *,
    currency: str,
    through: int,
    days: float,
    yearly_rate: float,
    model: BuyingModelName,
    page: Page[str],
    recorded: ModelFits | None = None,
    listing: Listing | None = None,
) -> WorthReport:
    """Value each buyer by a recorded fit, if there is one. Otherwise fit both models to all buyers first.

    Args:
        found: The input of the models.
        currency: The currency.
        through: The ordinal of the last day observed.
        days: How far ahead to look, in days.
        yearly_rate: The discount rate a year.
        model: The model of buying.
        page: The part of the list.
        recorded: The recorded fit to use.
        listing: Returns the objects of a list, and makes only those that are not the same as before.

    Raises:
        InvalidInput: The horizon or the discount rate makes no sense.
    """
    check_forecast(days, yearly_rate)
    buyers, statistics, all_returned, others = found.customers, found.statistics, found.all_returned, found.others
    fits, no_fit = None, None
    values: LifetimeColumns | None = None
    try:
        if not buyers:
            raise _nobody(currency, all_returned, others)
        fits = recorded or fitted_now(statistics, model, through)
        values = lifetime_columns(statistics, fits.buying, fits.spending, days=days, yearly_rate=yearly_rate)
    except (NoFit, MissingExtra) as error:
        fits, no_fit = None, _why(error)
    # The customers are in the order of their ids, and so are those of the same value.
    ranks = np.argsort(-(found.historic if values is None else values.value), kind="stable")
    listed = page.of_ranks(ranks.tolist(), buyers.__getitem__)
    profits = _profits(found, values)
    known = ranks[profits.is_known[ranks]]
    costed, profit = sum(found.costed[known].tolist()), sum(profits.profit[known].tolist())
    correlation = _correlation(statistics)
    return WorthReport(
        through=date.fromordinal(through),
        currency=currency,
        days=days,
        yearly_rate=yearly_rate,
        no_fit=no_fit,
        fit=fits.used if fits else None,
        buying=fits.buying if fits else None,
        spending=fits.spending if fits else None,
        refund_share=found.returned / found.bought if found.bought else None,
        correlation=correlation,
        independent=None if correlation is None else abs(correlation) < _STRONG,
        buyers=len(buyers),
        all_returned=all_returned,
        other_currencies=others,
        historic=sum(found.historic.tolist()),
        expected_value=None if values is None else sum(values.value[ranks].tolist()),
        costed=costed,
        profit=profit if len(known) else None,
        margin=profit / costed if costed else None,
        costed_customers=len(known),
        expected_profit=None if profits.expected is None or not len(known) else sum(profits.expected[known].tolist()),
        customers=tuple(_listed(found, values, np.array(listed, np.int64), currency, listing or _made_again)),
    )


class _Profits(NamedTuple):
    """The profit of each customer.

    Attributes:
        is_known: True if any cost is known.
        profit: Purchases whose cost is known, less this cost.
        expected: The profit expected; it means nothing where no cost is known. None if there is no fit.
    """

    is_known: Array
    profit: Array
    expected: Array | None


def _profits(found: Observations, values: LifetimeColumns | None) -> _Profits:
    is_known = np.asarray(found.costed > 0, np.bool_)
    profit = found.costed - found.cost
    if values is None:
        return _Profits(is_known, profit, None)
    revenue = np.where(is_known, found.costed, 1).astype(np.float64)
    return _Profits(is_known, profit, values.value * profit.astype(np.float64) / revenue)


def _made_again(
    _key: Hashable, places: Ints, _values: Sequence[Array], make: Callable[[Ints], Iterable[CustomerWorth]]
) -> list[CustomerWorth]:
    return list(make(np.arange(len(places))))


def _listed(
    found: Observations, values: LifetimeColumns | None, places: Ints, currency: str, listing: Listing
) -> list[CustomerWorth]:
    """Return the customers at some places of the observations."""
    one, profits = found.statistics, _profits(found, values)
    columns: dict[str, Array] = {
        "historic": found.historic,
        "costed": found.costed,
        "profit": profits.profit,
        "frequency": one.frequency,
        "recency_days": one.recency_days,
        "age_days": one.age_days,
    }
    if values is not None:
        columns |= {"alive": values.alive, "expected_purchases": values.purchases, "expected_value": values.value}
    if profits.expected is not None:
        columns["expected_profit"] = profits.expected
    known = profits.is_known[places]
    chosen = {name: numbers[places] for name, numbers in columns.items()}

    def made(rest: Ints) -> Iterator[CustomerWorth]:
        rows = zip(*(numbers[rest].tolist() for numbers in chosen.values()), strict=True)
        for place, is_known, row in zip(places[rest].tolist(), known[rest].tolist(), rows, strict=True):
            fields: dict[str, Any] = _UNKNOWN | dict(zip(chosen, row, strict=True))
            if not is_known:
                fields["profit"] = fields["expected_profit"] = None
            yield CustomerWorth(customer=found.customers[place], **fields)

    return listing(("worth", currency, *chosen), places, (known, *chosen.values()), made)


def fitted_now(statistics: Iterable[RepeatStatistics], model: BuyingModelName, through: int) -> ModelFits:
    """Fit both models to all buyers.

    Raises:
        NoFit: The parameters cannot be estimated.
        MissingExtra: scipy is not installed.
    """
    return ModelFits(fit_buying(statistics, model=model), fit_spending(statistics), origin_now(through, FIT_VERSION))


def fit_command(report: WorthReport, moment: datetime, position: int) -> RecordFit:
    """Return the command that records the fit of a report.

    Args:
        report: The report, for which the models were fitted.
        moment: The business time of the record.
        position: The last position of the log that was read.

    Raises:
        NoFit: The models could not be fitted.
    """
    missing = report.no_fit
    if missing is not None:
        raise NoFit(missing.reason, code=missing.code, hint=missing.hint)
    assert report.buying is not None  # noqa: S101 - without a reason against it there is a fit
    assert report.spending is not None  # noqa: S101 - likewise
    return RecordFit(
        model=report.buying.model,
        currency=report.currency,
        through=report.through,
        position=position,
        version=FIT_VERSION,
        buying=BuyingParameters.model_validate(report.buying.model_dump(exclude={"model"})),
        spending=SpendingParameters.model_validate(report.spending.model_dump()),
        occurred_at=moment,
    )


def worth_of_one(
    row: Patronage,
    fits: ModelFits | None,
    *,
    currency: str,
    through: int,
    days: float,
    yearly_rate: float,
) -> CustomerWorth | None:
    """Return one customer's value; None if they kept nothing that they bought in this currency.

    Raises:
        InvalidInput: The horizon or the discount rate makes no sense.
    """
    check_forecast(days, yearly_rate)
    one = row.repeat_statistics(currency, through)
    if one is None:
        return None
    value: LifetimeValue | None = None
    if fits is not None:
        try:
            (value,) = lifetime_values([one], fits.buying, fits.spending, days=days, yearly_rate=yearly_rate)
        except (NoFit, MissingExtra):
            value = None
    costed = row.costed_until(currency, through)
    return _worth(row.customer, row.net_amount(currency, through), costed, one, value)


def _worth(
    customer: str, historic: int, costed: Costed, one: RepeatStatistics, value: LifetimeValue | None
) -> CustomerWorth:
    is_known = costed.revenue > 0
    return CustomerWorth(
        customer=customer,
        historic=historic,
        costed=costed.revenue,
        profit=costed.profit if is_known else None,
        frequency=one.frequency,
        recency_days=one.recency_days,
        age_days=one.age_days,
        alive=value.alive if value else None,
        expected_purchases=value.purchases if value else None,
        expected_value=value.value if value else None,
        expected_profit=value.value * costed.profit / costed.revenue if value and is_known else None,
    )


def _why(error: NoFit | MissingExtra) -> NoExpectation:
    extra = error.extra if isinstance(error, MissingExtra) else None
    return NoExpectation(code=error.code, reason=error.reason, hint=error.hint, extra=extra)


def _observed(
    rows: Sequence[Patronage], currency: str, through: int
) -> tuple[list[tuple[Patronage, RepeatStatistics]], int, int]:
    """Return the buyers in the fit, the number who returned everything, and the number with other currencies only."""
    buyers, all_returned, others = [], 0, 0
    for row in rows:
        one = row.repeat_statistics(currency, through)
        if one is not None:
            buyers.append((row, one))
        elif row.bought_in(currency, through):
            all_returned += 1
        elif row.purchase_days(through):
            others += 1
    return buyers, all_returned, others


def _nobody(currency: str, all_returned: int, others: int) -> NoFit:
    why = [f"{others} bought only in other currencies"] if others else []
    why += [f"{all_returned} returned everything"] if all_returned else []
    return NoFit(
        f"nobody has kept a purchase in {currency}" + (f"; {' and '.join(why)}" if why else ""),
        code="no_customers",
        field="currency" if others else None,
        hint="Ask for a currency that they paid in" if others else "Ask again when somebody has bought",
    )


def _correlation(statistics: RepeatColumns) -> float | None:
    """Return Pearson's correlation of frequency and mean repeat spend over the customers who came back."""
    came_back = statistics.where(statistics.frequency > 0)
    frequencies, amounts = came_back.frequency.tolist(), came_back.repeat_amount.tolist()
    return pearson(frequencies, [amount / frequency for frequency, amount in zip(frequencies, amounts, strict=True)])
