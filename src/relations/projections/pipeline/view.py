"""The view of the pipeline: open opportunities by stage, those won and lost, and contracts that end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from statistics import fmean
from typing import ClassVar, Literal, TypeAlias, get_args

from sqlalchemy import func, select

from relations.analytics.intervals import wilson
from relations.errors import InvalidInput
from relations.messages import Money, from_micros
from relations.months import months_after
from relations.policies.sales.pipeline import Pipeline
from relations.projections.arguments import Page, checked_choice, checked_month
from relations.projections.pipeline.profiles import (
    OPPORTUNITY_STATUSES,
    ContractProfile,
    LossFigure,
    OpportunityProfile,
    OpportunityStanding,
    OpportunityStatus,
    PipelineResult,
    RivalObservation,
    RivalProfile,
    StageFigure,
    contract_profile,
    opportunity_profile,
    standing_of,
)
from relations.projections.pipeline.rows import PROJECTION, Observation, Opportunity, OwnPrice, Rival
from relations.projections.projection import Projection
from relations.projections.view import View

__all__ = [
    "ContractProfile",
    "LossFigure",
    "OpportunityProfile",
    "PipelineResult",
    "PipelineView",
    "RivalProfile",
    "StageFigure",
    "contracts_of",
    "is_to_renew",
]

_PRICE_MONTHS = 3
_PRICE_MONTHS_MAX = 1_200
ResultsBy: TypeAlias = Literal["owner", "partner", "campaign", "what"]
LossesBy: TypeAlias = Literal["reason", "rival"]


class PipelineView(View):
    """Opportunities and contracts. `as_of` is the present by default; anything dated after it is left out.

    Amounts count in one currency, the policy's own by default. Nothing is converted.
    """

    projection: ClassVar[Projection] = PROJECTION
    leads: ClassVar[Mapping[str, str]] = {
        "stages": "opportunities",
        "results": "opportunities",
        "losses": "opportunities",
        "rivals": "opportunities",
    }
    keeps_answers: ClassVar[bool] = True

    def stages(
        self, *, owner: str | None = None, currency: str | None = None, as_of: datetime | None = None
    ) -> list[StageFigure]:
        """Return the open opportunities by stage, in the policy's order; stages that it has no more come last.

        Args:
            owner: Only those of this staff member.
            currency: The currency of amounts.
            as_of: The moment; now by default.

        Raises:
            InvalidInput: There is no such currency.
        """
        code, moment = self.currency(currency), self.moment(as_of)
        today = date.fromordinal(self.local.day(moment)).isoformat()
        chances = {stage.name: stage.chance_percent / 100 for stage in self.policy.pipeline.stages}
        found: dict[str, list[OpportunityStanding]] = {name: [] for name in chances}
        for each in self._standings(moment):
            if each.status == "open" and owner in (None, each.expected.owner):
                found.setdefault(each.expected.stage, []).append(each)
        figures = []
        for stage, group in [*found.items()][: len(chances)] + sorted([*found.items()][len(chances) :]):
            values = [each.expected.value for each in group]
            value = sum(each.amount for each in values if each is not None and each.currency == code)
            chance = chances.get(stage, 0.0)
            figures.append(
                StageFigure(
                    stage=stage,
                    chance=chance,
                    opportunities=len(group),
                    value=value,
                    weighted=value * chance,
                    unvalued=sum(each is None or each.currency != code for each in values),
                    currency=code,
                    late=sum(
                        each.expected.expected_on is not None and each.expected.expected_on < today for each in group
                    ),
                    median_time=_median([moment - _since(each) for each in group]),
                )
            )
        return figures

    def opportunities(
        self,
        *,
        status: OpportunityStatus | None = None,
        owner: str | None = None,
        customer: str | None = None,
        as_of: datetime | None = None,
        limit: int | None = 50,
        after: str | None = None,
    ) -> list[OpportunityProfile]:
        """Return opportunities: open ones by the day on which they are expected to be decided, then the latest closed.

        Args:
            status: Only those with this status.
            owner: Only those of this staff member.
            customer: Only those of this customer, by any of their ids.
            as_of: The moment; now by default.
            limit: At most this many; None for all.
            after: Only those after the opportunity with this id.

        Raises:
            InvalidInput: The status is unknown, `limit` is negative, or the list has no opportunity `after`.
        """
        checked_choice(status, OPPORTUNITY_STATUSES, "status")
        page, moment = Page(limit, after), self.moment(as_of)
        today = date.fromordinal(self.local.day(moment))
        found = [
            opportunity_profile(each, today, moment)
            for each in self._standings(moment, customer)
            if status in (None, each.status) and owner in (None, each.expected.owner)
        ]
        return page.of_ranks(sorted(found, key=_rank), lambda each: each.opportunity)

    def opportunity(self, opportunity: str, *, as_of: datetime | None = None) -> OpportunityProfile:
        """Return one opportunity.

        Args:
            opportunity: Its id.
            as_of: The moment; now by default.

        Raises:
            InvalidInput: There is no such opportunity.
        """
        moment = self.moment(as_of)
        rows = self.rows(Opportunity, self.table(Opportunity).c.opportunity == opportunity)
        found = standing_of(rows[0], moment) if rows else None
        if found is None:
            raise InvalidInput(
                f"there is no opportunity {opportunity!r}",
                code="unknown_opportunity",
                field="opportunity",
                hint="Open it first (OpenOpportunity), or correct its id",
            )
        return opportunity_profile(found, date.fromordinal(self.local.day(moment)), moment)

    def results(
        self,
        *,
        by: ResultsBy | None = None,
        since: str | None = None,
        until: str | None = None,
        currency: str | None = None,
        as_of: datetime | None = None,
    ) -> list[PipelineResult]:
        """Return the opportunities that were won and lost, the most contracts' worth first; without `by` all together.

        An opportunity counts in the month in which it was decided.

        Args:
            by: `owner`, `partner`, `campaign` or `what`.
            since: The first month, such as `2024-05`.
            until: The month after the last one.
            currency: The currency of amounts.
            as_of: The moment; now by default.

        Raises:
            InvalidInput: `by` or the currency is unknown, or a bound is not a month.
        """
        checked_choice(by, get_args(ResultsBy), "by", called="grouping of results called")
        code, moment = self.currency(currency), self.moment(as_of)
        groups: defaultdict[str | None, list[OpportunityStanding]] = defaultdict(list)
        if by is None:
            groups[None] = []
        for each in self._decided(moment, since, until):
            name = None if by is None else each.expected.owner if by == "owner" else getattr(each.row, by)
            groups[name].append(each)
        confidence = self.policy.surveys.confidence
        found = [_result(name, group, code, confidence) for name, group in groups.items()]
        return sorted(found, key=lambda each: (-each.amount, -each.won, -each.lost, each.name is None, each.name or ""))

    def losses(
        self,
        *,
        by: LossesBy = "reason",
        since: str | None = None,
        until: str | None = None,
        currency: str | None = None,
        as_of: datetime | None = None,
    ) -> list[LossFigure]:
        """Return the opportunities that were lost, by reason or rival, the most frequent first.

        Args:
            by: `reason` or `rival`.
            since: The first month, such as `2024-05`.
            until: The month after the last one.
            currency: The currency of amounts.
            as_of: The moment; now by default.

        Raises:
            InvalidInput: `by` or the currency is unknown, or a bound is not a month.
        """
        checked_choice(by, get_args(LossesBy), "by", called="grouping of losses called", needed=True)
        code, moment = self.currency(currency), self.moment(as_of)
        lost = [each for each in self._decided(moment, since, until) if each.status == "lost"]
        groups: defaultdict[str | None, list[OpportunityStanding]] = defaultdict(list)
        for each in lost:
            groups[each.row.reason if by == "reason" else each.row.rival].append(each)
        found = [_loss(name, group, len(lost), code) for name, group in groups.items()]
        return sorted(found, key=lambda each: (-each.lost, -each.value, each.name is None, each.name or ""))

    def contracts(
        self,
        *,
        ahead: timedelta | None = None,
        customer: str | None = None,
        ended: bool = False,
        as_of: datetime | None = None,
    ) -> list[ContractProfile]:
        """Return the contracts, the ones that end first at the top. Those without an end come last.

        Args:
            ahead: Only those that end within this time or are over.
            customer: Only those of this customer, by any of their ids.
            ended: Also those that were ended.
            as_of: The moment; now by default.

        Raises:
            InvalidInput: `ahead` is negative.
        """
        if ahead is not None and ahead < timedelta(0):
            raise InvalidInput(f"ahead must not be negative, but is {ahead}", code="invalid_range", field="ahead")
        found = [
            each
            for each in contracts_of(self, customer, self.moment(as_of))
            if (ended or each.status != "ended")
            and (ahead is None or (each.days_left is not None and each.days_left <= ahead.days))
        ]
        return sorted(found, key=lambda each: (each.ends or date.max, each.contract, each.opportunity))

    def rivals(
        self, *, months: int = _PRICE_MONTHS, currency: str | None = None, as_of: datetime | None = None
    ) -> list[RivalProfile]:
        """Return the rivals, the ones to which most was lost first, with the last that was observed of each.

        Their prices stand next to our own: the mean of what customers paid for a piece, in purchases with lines. A
        price and a product belong together if they have the same name and currency.

        Args:
            months: The number of months over which our own prices are averaged, the present one included.
            currency: The currency of what was lost.
            as_of: The moment; now by default.

        Raises:
            InvalidInput: `months` is below 1 or above 1,200, or there is no such currency.
        """
        if not 1 <= months <= _PRICE_MONTHS_MAX:
            raise InvalidInput(
                f"months must be from 1 to {_PRICE_MONTHS_MAX}, but is {months}", code="invalid_range", field="months"
            )
        code, moment = self.currency(currency), self.moment(as_of)
        own = self._own_prices(moment, months)
        lost: defaultdict[str, list[OpportunityStanding]] = defaultdict(list)
        for each in self._decided(moment, None, None):
            if each.status == "lost" and each.row.rival is not None:
                lost[each.row.rival].append(each)
        seen = {row.rival: row for row in self.rows(Rival)}
        found = [
            RivalProfile(
                rival=name,
                observations=tuple(_observed(seen[name], own, moment) if name in seen else ()),
                lost=len(lost[name]),
                value=_sum([each.expected.value for each in lost[name]], code),
                currency=code,
            )
            for name in sorted(seen.keys() | lost.keys())
        ]
        known = [each for each in found if each.lost or each.observations]
        return sorted(known, key=lambda each: (-each.lost, -each.value, each.rival))

    # --- reading ----------------------------------------------------------------------------------------------------

    def _standings(self, moment: int, customer: str | None = None) -> list[OpportunityStanding]:
        """Return the opportunities that were opened by a moment."""
        if customer is None:  # one question asks about many months
            rows = self.keep("opportunities", lambda: self.rows(Opportunity))
        else:
            rows = self.rows(Opportunity, customer=customer)
        return [each for each in (standing_of(row, moment) for row in rows) if each is not None]

    def _decided(self, moment: int, since: str | None, until: str | None) -> list[OpportunityStanding]:
        first, end = checked_month(since, "since"), checked_month(until, "until")
        local = self.local
        return [
            each
            for each in self._standings(moment)
            if each.status != "open"
            and (first is None or local.month(each.row.closed_at or 0) >= first)
            and (end is None or local.month(each.row.closed_at or 0) < end)
        ]

    def _own_prices(self, moment: int, months: int) -> dict[tuple[str, str], float]:
        """Return the mean price of a piece by product and currency, minor units."""
        last = self.local.month(moment)
        columns = self.table(OwnPrice).c
        query = select(columns.product, columns.currency, func.sum(columns.pieces), func.sum(columns.amount)).group_by(
            columns.product, columns.currency
        )
        query = query.where(columns.month <= last, columns.month > months_after(last, -months))
        return {(product, code): int(amount) / int(pieces) for product, code, pieces, amount in self.execute(query)}


def contracts_of(view: PipelineView, customer: str | None, moment: int) -> list[ContractProfile]:
    """Return the contracts of a customer as of a moment, ended ones too.

    Args:
        view: The view.
        customer: Any of their ids, recorded or not; None stands for all customers.
        moment: The moment, UTC microseconds.
    """
    today = date.fromordinal(view.local.day(moment))
    profiles = (contract_profile(each, today, moment) for each in view._standings(moment, customer))
    return [each for each in profiles if each is not None]


def is_to_renew(contract: ContractProfile, rules: Pipeline) -> bool:
    """Return True if a contract ends within the policy's time of renewal, or is over and was neither renewed nor ended.

    Args:
        contract: The contract.
        rules: The policy's rules.
    """
    return contract.days_left is not None and contract.days_left <= rules.renewal_days


def _since(standing: OpportunityStanding) -> int:
    """Return the time since when an opportunity has been in its stage."""
    at = standing.expected.at
    for step in reversed(standing.steps):
        if step.stage != standing.expected.stage:
            break
        at = step.at
    return at


def _median(times: Sequence[int]) -> timedelta | None:
    ordered = sorted(times)
    return timedelta(microseconds=ordered[(len(ordered) - 1) // 2]) if ordered else None


def _rank(each: OpportunityProfile) -> tuple[bool, date, float, str]:
    closed = 0.0 if each.closed_at is None else -each.closed_at.timestamp()
    return each.status != "open", each.expected_on or date.max, closed, each.opportunity


def _result(name: str | None, group: Sequence[OpportunityStanding], currency: str, confidence: float) -> PipelineResult:
    won = [each for each in group if each.status == "won"]
    lost = [each for each in group if each.status == "lost"]
    signed = [each.row.terms[0].amount for each in won]
    times = [
        _median([(each.row.closed_at or each.row.opened_at) - each.row.opened_at for each in part])
        for part in (won, lost)
    ]
    return PipelineResult(
        name=name,
        won=len(won),
        lost=len(lost),
        win_rate=len(won) / len(group) if group else None,
        interval=wilson(len(won), len(group), confidence),
        amount=_sum(signed, currency),
        currency=currency,
        time_to_win=times[0],
        time_to_lose=times[1],
    )


def _loss(name: str | None, group: Sequence[OpportunityStanding], lost: int, currency: str) -> LossFigure:
    gaps = []
    for each in group:
        ours = each.row.quotes[-1].amount if each.row.quotes else None
        theirs = each.row.price
        if ours is not None and theirs is not None and ours.currency == theirs.currency == currency and theirs.amount:
            gaps.append((ours.amount - theirs.amount) / theirs.amount)
    return LossFigure(
        name=name,
        lost=len(group),
        share=len(group) / lost,
        value=_sum([each.expected.value for each in group], currency),
        currency=currency,
        priced=len(gaps),
        price_gap=fmean(gaps) if gaps else None,
    )


def _observed(rival: Rival, own: Mapping[tuple[str, str], float], moment: int) -> list[RivalObservation]:
    groups: defaultdict[tuple[str, str], list[Observation]] = defaultdict(list)
    for _, each in sorted(rival.observations.items()):
        if each.at <= moment:
            groups[each.kind, each.about].append(each)
    found = []
    for (kind, about), group in groups.items():
        *before, last = sorted(group, key=lambda each: each.at)
        price = last.price
        ours = None if price is None else own.get((about, price.currency))
        known = [each.price for each in before if each.price and price and each.price.currency == price.currency]
        found.append(
            RivalObservation(
                kind=kind,
                about=about,
                at=from_micros(last.at),
                price=price,
                previous=known[-1] if known else None,
                own_price=ours,
                gap=(ours - price.amount) / price.amount if ours is not None and price and price.amount else None,
                value=None if last.value is None else float(last.value),
                words=last.words,
                source=last.source,
            )
        )
    return sorted(found, key=lambda each: (-each.at.timestamp(), each.kind, each.about))


def _sum(amounts: Sequence[Money | None], currency: str) -> int:
    return sum(each.amount for each in amounts if each is not None and each.currency == currency)
