"""The view of campaigns: the calendar, who was sent what, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import ClassVar

from relations.aggregates.customer import OFFER_ANSWERS
from relations.analytics.intervals import share_difference
from relations.errors import InvalidInput
from relations.messages import minor_digits
from relations.projections.arguments import Page, checked_choice
from relations.projections.campaigns.profiles import (
    CampaignProfile,
    CampaignRecipient,
    CampaignResult,
    Lift,
    profile_of,
    recipient_of,
)
from relations.projections.campaigns.rows import PROJECTION, AttributedPurchase, PlannedCampaign, Recipient
from relations.projections.projection import Projection
from relations.projections.purchase_days import days_of
from relations.projections.retention.patronage import Patronage
from relations.projections.retention.view import RetentionView
from relations.projections.view import View

__all__ = ["CampaignProfile", "CampaignRecipient", "CampaignResult", "CampaignsView", "Lift"]

_NO_REACTION = "bounced"
_PAGE = 1_000


class CampaignsView(View):
    """Campaigns, their offers and their results."""

    projection: ClassVar[Projection] = PROJECTION
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

    def results(self, campaign: str, *, currency: str | None = None) -> CampaignResult:
        """Return what came of a campaign.

        A purchase is attributed to the campaign that it names. The lift compares everybody who was sent an offer with
        the control group, and counts every purchase on the campaign's days. So it also counts buyers who forgot the
        coupon, and does not count those who would have bought anyway.

        Args:
            campaign: Its id.
            currency: The currency of amounts; the policy's own by default.

        Raises:
            InvalidInput: There is no such campaign or currency.
        """
        plan, code = self._planned(campaign), currency or self.policy.currency
        minor_digits(code)
        columns = self.table(Recipient).c
        recipients = self.rows(Recipient, columns.campaign == campaign)
        purchases = [
            each
            for each in self.rows(AttributedPurchase, self.table(AttributedPurchase).c.campaign == campaign)
            if each.currency == code and (each.refunded < each.amount or not each.amount)
        ]
        sent = [row for row in recipients if row.offers]
        control = [row for row in recipients if row.is_control]
        bounced = sum(row.bounced for row in sent)
        revenue = sum(each.amount - each.refunded for each in purchases)
        cost = sum(line.amount for line in plan.costs if line.currency == code)
        won = self._won(purchases)
        answers = {name: sum(row.answered(name) for row in sent) for name in OFFER_ANSWERS if name != _NO_REACTION}
        answers["seen"] = sum(any(row.answered(name) for name in answers) for row in sent)
        return CampaignResult(
            campaign=campaign,
            currency=code,
            sent=len(sent),
            bounced=bounced,
            reached=len(sent) - bounced,
            control=len(control),
            buyers=len({each.customer for each in purchases}),
            orders=len(purchases),
            revenue=revenue,
            won=won,
            cost=cost,
            cac=cost / won if won else None,
            roi=(revenue - cost) / cost if cost else None,
            lift=self._lift(plan, [row.customer for row in sent], [row.customer for row in control]),
            **answers,
        )

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

    def _won(self, purchases: Iterable[AttributedPurchase]) -> int:
        """Return the number of customers whose first purchase is one of these."""
        firsts: dict[str, int] = {}
        for each in purchases:
            day = self.local.day(each.at)
            firsts[each.customer] = min(day, firsts.get(each.customer, day))
        patrons = self._others[0].rows_of_some(Patronage, sorted(firsts))
        today = self.local.day(self.now)
        return sum(row.purchase_days(today)[:1] == [firsts[row.customer]] for row in patrons)

    def _lift(self, plan: PlannedCampaign, sent: list[str], control: list[str]) -> Lift | None:
        if not sent or not control:
            return None
        bought, others = self._buyers(plan, sent), self._buyers(plan, control)
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

    def _buyers(self, plan: PlannedCampaign, customers: list[str]) -> int:
        """Return the number of customers with a purchase on the campaign's days that was not refunded in full."""
        first, last = (date.fromisoformat(each).toordinal() for each in (plan.starts, plan.ends))
        today = self.local.day(self.now)
        until = min(last - 1, today)
        rows = self._others[0].rows_of_some(Patronage, customers)
        return sum(any(day >= first for day in days_of(row.kept_months(today).items(), until)) for row in rows)
