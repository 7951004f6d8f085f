"""The view of campaigns: the calendar, who was sent what, and what came of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any, ClassVar

from sqlalchemy import or_

from relations.aggregates.campaign import wins_customers
from relations.aggregates.customer import OFFER_ANSWERS
from relations.analytics.intervals import share_difference
from relations.errors import InvalidInput
from relations.messages import to_micros
from relations.months import month_of
from relations.projections.arguments import Page, checked_choice
from relations.projections.campaigns.partners import PartnerResult, partner_result
from relations.projections.campaigns.profiles import (
    CampaignBuyer,
    CampaignProfile,
    CampaignRecipient,
    CampaignResult,
    CampaignReturn,
    Lift,
    profile_of,
    recipient_of,
)
from relations.projections.campaigns.rows import (
    PROJECTION,
    AttributedPurchase,
    PlannedCampaign,
    Recipient,
    Sold,
    earned,
)
from relations.projections.projection import Projection
from relations.projections.retention.acquisition import won_by
from relations.projections.retention.patronage import Patronage
from relations.projections.retention.view import RetentionView, buyers_on
from relations.projections.view import View

__all__ = [
    "CampaignBuyer",
    "CampaignProfile",
    "CampaignRecipient",
    "CampaignResult",
    "CampaignReturn",
    "CampaignsView",
    "Lift",
    "PartnerResult",
]

_NO_REACTION = "bounced"
_PAGE = 1_000


class CampaignsView(View):
    """Campaigns, their offers and their results."""

    projection: ClassVar[Projection] = PROJECTION
    leads: ClassVar[Mapping[str, str]] = {
        "results": "recipients",
        "calendar": "recipients",
        "campaign": "recipients",
        "partners": "buyers",
        "returns": "buyers",
    }
    reads: ClassVar[tuple[type[View], ...]] = (RetentionView,)
    keeps_answers: ClassVar[bool] = True

    _others: tuple[RetentionView]

    def calendar(self, *, since: date | None = None, until: date | None = None) -> list[CampaignProfile]:
        """Return the campaigns by their first day, the earliest first.

        Args:
            since: Only campaigns that are planned for this local day or a later one.
            until: Only campaigns that are planned for a local day before this one.
        """
        today = date.fromordinal(self.local.day(self.now))
        found = [profile_of(row, today) for row in self.rows(PlannedCampaign) if row.kind]
        return sorted(
            (each for each in found if (since is None or each.ends > since) and (until is None or each.starts < until)),
            key=lambda each: (each.starts, each.ends, each.campaign),
        )

    def campaign(self, campaign: str) -> CampaignProfile:
        """Return one campaign.

        Args:
            campaign: Its id.

        Raises:
            InvalidInput: There is no such campaign.
        """
        return profile_of(self._planned(campaign), date.fromordinal(self.local.day(self.now)))

    def results(self, campaign: str, *, currency: str | None = None, as_of: datetime | None = None) -> CampaignResult:
        """Return what came of a campaign.

        A purchase is attributed to the campaign that it names. The lift compares everybody who was sent an offer with
        the control group, and counts every purchase on the campaign's days. So it also counts buyers who forgot the
        coupon, and does not count those who would have bought anyway.

        Args:
            campaign: Its id.
            currency: The currency of amounts; the policy's own by default.
            as_of: The moment: offers, answers, purchases, refunds and costs by then. By default everything recorded.

        Raises:
            InvalidInput: There is no such campaign or currency.
        """
        plan, code = self._planned(campaign), self.currency(currency)
        moment, today = None if as_of is None else to_micros(as_of), self.day(as_of)
        purchases = self._purchases(code, self.table(AttributedPurchase).c.campaign == campaign, until=moment)
        standing = self._standing(campaign, moment)
        sent = [name for name, each in standing.items() if each is not None]
        control = [name for name, each in standing.items() if each is None]
        marks: Counter[str] = Counter()
        for found, count in Counter(standing.values()).items():
            marks.update(dict.fromkeys(found or (), count))
        bounced = marks.pop(_NO_REACTION, 0)
        money = earned(purchases)
        cost = sum(
            line.amount for line in plan.costs if line.currency == code and (moment is None or line.at <= moment)
        )
        won = self._won(purchases, today)
        is_known = money.profit is not None and cost > 0 and money.is_complete
        answers = {name: marks[name] for name in OFFER_ANSWERS if name != _NO_REACTION}
        return CampaignResult(
            campaign=campaign,
            currency=code,
            sent=len(sent),
            bounced=bounced,
            reached=len(sent) - bounced,
            control=len(control),
            buyers=len({each.customer for each in purchases}),
            orders=len(purchases),
            revenue=money.revenue,
            won=won,
            cost=cost,
            cac=cost / won if won and wins_customers(plan.kind) else None,
            roi=(money.revenue - cost) / cost if cost else None,
            costed=money.costed,
            profit=money.profit,
            profit_roi=((money.profit or 0) - cost) / cost if is_known else None,
            lift=self._lift(plan, sent, control, today),
            **answers,
        )

    def _standing(self, campaign: str, moment: int | None) -> Mapping[str, tuple[str, ...] | None]:
        """Return what came back from each customer who was sent an offer; None for those of the control group.

        A customer bounced if no offer arrived. Every other answer implies that they saw one.
        """

        def read(customers: Sequence[str] | None) -> dict[str, tuple[str, ...] | None]:
            if customers is None:
                rows = self.rows(Recipient, self.table(Recipient).c.campaign == campaign)
            else:
                rows = [row for row in self.rows_of_some(Recipient, customers) if row.campaign == campaign]
            known = [each for row in rows if (each := row.by(moment)) is not None]
            return {each.customer: _came_back(each) if each.offers else None for each in known}

        return self.of_each(("standing", campaign, moment), read)

    def partners(self, *, currency: str | None = None, as_of: datetime | None = None) -> list[PartnerResult]:
        """Return what came through each partner, the partner with the most revenue first.

        A partner is listed if a purchase or a campaign names it. Satisfaction is that of the customers who bought
        through the partner, whenever they answered.

        Args:
            currency: The currency of amounts; the policy's own by default. Other purchases and costs are left out.
            as_of: The moment: purchases, refunds, answers and costs by then. By default everything recorded.

        Raises:
            InvalidInput: The currency is unknown.
        """
        code, moment = self.currency(currency), None if as_of is None else to_micros(as_of)
        purchases: defaultdict[str, list[Sold]] = defaultdict(list)
        for purchase in self._purchases(code, self.table(AttributedPurchase).c.partner != "", until=moment):
            purchases[purchase.partner].append(purchase)
        plans: defaultdict[str, list[PlannedCampaign]] = defaultdict(list)
        for plan in self.rows(PlannedCampaign):
            if plan.partner is not None:
                plans[plan.partner].append(plan)
        buyers = {name: sorted({each.customer for each in mine}) for name, mine in purchases.items()}
        everybody = sorted({customer for names in buyers.values() for customer in names})
        patrons = {row.customer: row for row in self._others[0].rows_of_some(Patronage, everybody)}
        found = [
            partner_result(
                partner,
                code,
                purchases[partner],
                plans[partner],
                [patrons[name] for name in buyers.get(partner, ()) if name in patrons],
                surveys=self.policy.surveys,
                moment=moment,
            )
            for partner in sorted({*purchases, *plans})
        ]
        return sorted(found, key=lambda each: (-each.revenue, each.partner))

    def buyers(
        self,
        *,
        partner: str | None = None,
        campaign: str | None = None,
        currency: str | None = None,
        as_of: datetime | None = None,
        limit: int | None = None,
        after: str | None = None,
    ) -> list[CampaignBuyer]:
        """Return the customers who bought through a partner or a campaign, by id.

        Args:
            partner: Only purchases through this partner.
            campaign: Only purchases that name this campaign.
            currency: The currency of amounts; the policy's own by default. Other purchases are left out.
            as_of: The moment: purchases and refunds by then. By default everything recorded.
            limit: The most customers.
            after: Only customers after this id.

        Raises:
            InvalidInput: The currency is unknown, or `limit` is negative.
        """
        code, moment = self.currency(currency), None if as_of is None else to_micros(as_of)
        columns, page = self.table(AttributedPurchase).c, Page(limit, after)
        given = ((columns.partner, partner), (columns.campaign, campaign))
        named = [or_(columns.partner != "", columns.campaign != "")]
        wanted = [column == name for column, name in given if name is not None] or named
        theirs: defaultdict[str, list[Sold]] = defaultdict(list)
        for each in self._purchases(code, *wanted, until=moment):
            theirs[each.customer].append(each)
        found = [
            CampaignBuyer(
                customer=name,
                orders=len(theirs[name]),
                revenue=sum(each.amount - each.refunded for each in theirs[name]),
                currency=code,
            )
            for name in sorted(theirs)
        ]
        return page.of_names(found, lambda each: each.customer)

    def returns(self, *, as_of: datetime | None = None, currency: str | None = None) -> list[CampaignReturn]:
        """Return the revenue and cost of the campaigns by the month of their last planned day, the earliest first.

        Args:
            as_of: The moment asked about: only campaigns whose last day is over, and purchases, refunds and costs by
                then.
            currency: The currency of amounts; the policy's own by default.

        Raises:
            InvalidInput: The currency is unknown.
        """
        code, until = self.currency(currency), self.moment(as_of)
        today = date.fromordinal(self.local.day(until))
        sums: dict[str, list[int]] = {}
        months: dict[str, str] = {}
        for plan in self.rows(PlannedCampaign):
            spent = sum(line.amount for line in plan.costs if line.currency == code and line.at <= until)
            if plan.kind and date.fromisoformat(plan.ends) <= today:
                months[plan.campaign] = month_of(date.fromisoformat(plan.ends).toordinal() - 1)
                totals = sums.setdefault(months[plan.campaign], [0, 0, 0])
                totals[0], totals[2] = totals[0] + 1, totals[2] + spent
        for each in self._purchases(code, self.table(AttributedPurchase).c.campaign != "", until=until):
            if each.campaign in months:
                sums[months[each.campaign]][1] += each.amount - each.refunded
        return [
            CampaignReturn(
                month=month, campaigns=count, revenue=revenue, cost=cost,
                roi=(revenue - cost) / cost if cost else None,
            )
            for month, (count, revenue, cost) in sorted(sums.items())
        ]  # fmt: skip

    def _purchases(self, currency: str, *wanted: Any, until: int | None) -> list[Sold]:
        """Return the purchases in a currency by a moment that were not refunded in full then."""
        sold = (row.sold_by(until) for row in self.rows(AttributedPurchase, *wanted) if row.currency == currency)
        return [each for each in sold if each is not None and each.is_kept]

    def recipients(
        self,
        campaign: str,
        *,
        control: bool | None = None,
        answer: str | None = None,
        limit: int | None = 50,
        after: str | None = None,
    ) -> list[CampaignRecipient]:
        """Return the customers in a campaign's audience, by id.

        Args:
            campaign: Its id.
            control: Only the control group, or only the others.
            answer: Only customers who gave this answer.
            limit: At most this many; None for all.
            after: Only those after this customer.

        Raises:
            InvalidInput: There is no such campaign or answer, or `limit` is negative.
        """
        self._planned(campaign)
        checked_choice(answer, OFFER_ANSWERS, "answer")
        page = Page(limit, after)
        found: list[CampaignRecipient] = []
        rows = self._audience(campaign, after or "")
        while rows and (page.limit is None or len(found) < page.limit):
            found += [
                recipient_of(row)
                for row in rows
                if (control is None or row.is_control == control) and (answer is None or row.answered(answer))
            ]
            rows = self._audience(campaign, rows[-1].customer)
        return page.of_names(found, lambda each: each.customer)

    def _audience(self, campaign: str, after: str) -> list[Recipient]:
        """Return the next customers in a campaign's audience, by id."""
        columns = self.table(Recipient).c
        wanted = (columns.campaign == campaign, columns.customer > after)
        return self.rows(Recipient, *wanted, order_by=(columns.customer,), limit=_PAGE)

    def _planned(self, campaign: str) -> PlannedCampaign:
        found = self.rows(PlannedCampaign, self.table(PlannedCampaign).c.campaign == campaign)
        if not found:
            raise InvalidInput(
                f"there is no campaign {campaign!r}",
                code="unknown_campaign",
                field="campaign",
                hint="Plan it first (PlanCampaign), or correct its id",
            )
        return found[0]

    def _won(self, purchases: Collection[Sold], today: int) -> int:
        """Return the number of buyers that the campaign won, by the rule of the cost of winning customers."""
        names = sorted({each.customer for each in purchases})
        campaign = next((each.campaign for each in purchases), "")
        patrons = self._others[0].rows_of_some(Patronage, names)
        firsts = ((row, row.purchase_days(today)[:1]) for row in patrons)
        return sum(won_by(row.named.items(), *first) == campaign for row, first in firsts if first)

    def _lift(self, plan: PlannedCampaign, sent: list[str], control: list[str], today: int) -> Lift | None:
        if not sent or not control:
            return None
        bought, others = self._buyers(plan, sent, today), self._buyers(plan, control, today)
        confidence = self.policy.surveys.confidence
        interval = share_difference((bought, len(sent)), (others, len(control)), confidence)
        return Lift(
            offered=len(sent),
            offered_buyers=bought,
            control=len(control),
            control_buyers=others,
            difference=bought / len(sent) - others / len(control),
            low=interval.low,
            high=interval.high,
            confidence=confidence,
        )

    def _buyers(self, plan: PlannedCampaign, customers: list[str], today: int) -> int:
        """Return the number of customers with a purchase on the campaign's days that was not refunded in full."""
        first, last = (date.fromisoformat(each).toordinal() for each in (plan.starts, plan.ends))
        until = min(last - 1, today)
        return len(buyers_on(self._others[0], first, until, today=today).intersection(customers))


def _came_back(row: Recipient) -> tuple[str, ...]:
    """Return what came back from a customer who was sent offers: `bounced` if none arrived, and every other answer."""
    found = {answer for offer in row.offers.values() for answer in offer.answers} - {_NO_REACTION}
    marks = [*found, "seen"] if found else []
    return tuple(sorted({*marks, _NO_REACTION} if row.bounced else {*marks}))
