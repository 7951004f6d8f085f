"""Rewards and referrals of the slow ledger."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from relations.aggregates.loyalty import (
    CreditPurchase,
    EnrolMember,
    IssueReward,
    MakeReferral,
    ReceiveReferral,
    RestoreEarning,
    RestoreReferral,
    ReverseEarning,
    ReverseRedemption,
    RevokeReferral,
    RewardReferral,
    UseReward,
)
from relations.aggregates.programme import ReturnStock, TakeStock
from relations.messages import Command
from relations.testing.oracle.coins import Refused
from relations.testing.oracle.ledger import SlowLedger

__all__ = ["SlowCoupon", "SlowInvitation", "SlowRewards"]


@dataclass(frozen=True)
class SlowCoupon:
    """A reward that a member has or had; `state` is issued, used, expired or void."""

    reward: str
    until: datetime | None
    limited: bool
    state: str = "issued"


@dataclass(frozen=True)
class SlowInvitation:
    """The referral of a customer, its time, and the lot that fulfilled it. A revoked referral stays `fulfilled`."""

    referral: str
    referrer: str
    at: datetime
    fulfilled: bool = False
    by: str | None = None


@dataclass
class SlowRewards(SlowLedger):
    """A slow ledger with rewards and referrals.

    Attributes:
        coupons: Every reward issued.
        referrals: The referred customers, by referral.
        thanked: The referrals that were rewarded.
        invited: The referral of this member.
        invited_as: The prefix of the merged member who was referred.
        revoked: The lot of the purchase that had fulfilled the invitation, and the refund that revoked it.
    """

    coupons: dict[str, SlowCoupon] = field(default_factory=dict)
    referrals: dict[str, str] = field(default_factory=dict)
    thanked: set[str] = field(default_factory=set)
    invited: SlowInvitation | None = None
    invited_as: str = ""
    revoked: tuple[str, str] | None = None

    def _do(self, command: Command, at: datetime) -> None:
        match command:
            case IssueReward():
                self._issue(command, at)
            case UseReward():
                self._use(command, at)
            case MakeReferral():
                self._recommend(command, at)
            case ReceiveReferral():
                self._be_recommended(command, at)
            case RewardReferral():
                self._be_thanked(command, at)
            case RevokeReferral():
                self._lose_thanks(command)
            case RestoreReferral():
                self._be_thanked_again(command, at)
            case _:
                super()._do(command, at)

    def _pass_time(self, at: datetime) -> None:
        super()._pass_time(at)
        for name, coupon in self.coupons.items():
            if coupon.state == "issued" and coupon.until is not None and coupon.until <= at:
                self.coupons[name] = replace(coupon, state="expired")
                if coupon.limited:
                    self._ask_stock(ReturnStock, name, coupon.until)

    # --- rewards ----------------------------------------------------------------------------------------------------

    def _issue(self, command: IssueReward, at: datetime) -> None:
        self._need_member()
        name = command.prefix + command.coupon
        before = self.coupons.get(name)
        if before is not None and before.reward == command.reward:
            return
        if before is not None or f"redemption/{name}" in self.used:
            raise Refused("coupon_exists")
        self._need_since(at)
        reward = next((each for each in self.rules.rewards if each.name == command.reward), None)
        if reward is None:
            raise Refused("unknown_reward")
        if reward.tier is not None and self._rank(self.tier) < self._rank(reward.tier):
            raise Refused("tier_too_low")
        if reward.points:
            self.spent[name], self.spent_when[name] = self._spend(reward.points, at), self.missed
            self.used[f"redemption/{name}"] = (reward.points, reward.name)
            self._stay_active(at, f"redemption/{name}")
        until = None if reward.days_valid is None else self._local_day(at, reward.days_valid + 1)
        self.made[name] = at
        self.coupons[name] = SlowCoupon(reward.name, until, reward.stock is not None)
        if reward.stock is not None:
            self._ask_stock(TakeStock, name, at)

    def _use(self, command: UseReward, at: datetime) -> None:
        self._need_member()
        coupon = self.coupons.get(command.coupon)
        if coupon is None:
            raise Refused("unknown_coupon")
        if coupon.state in ("expired", "void"):
            raise Refused("coupon_ended")
        if coupon.state == "issued":
            self._need_made(command.coupon, at)
        self.coupons[command.coupon] = replace(coupon, state="used")

    def _undo(self, command: ReverseRedemption, at: datetime) -> None:
        coupon = self.coupons.get(command.redemption)
        if coupon is not None and command.redemption not in self.spent:
            self._give_back(command.redemption, coupon, at)
            return
        undone = command.redemption in self.undone
        if coupon is not None and coupon.state == "used" and self.spent.get(command.redemption) and not undone:
            self._need_member()
            raise Refused("reward_used")
        super()._undo(command, at)
        if coupon is not None and not undone:
            self._void(command.redemption, at)

    def _give_back(self, name: str, coupon: SlowCoupon, at: datetime) -> None:
        """One that cost nothing."""
        self._need_member()
        if coupon.state == "used":
            raise Refused("reward_used")
        if coupon.state == "issued":
            self._need_made(name, at)
            self._void(name, at)

    def _close(self, at: datetime) -> None:
        before = self.closed
        super()._close(at)
        if self.closed != before:
            for name, coupon in list(self.coupons.items()):
                if coupon.state == "issued":
                    self._void(name, at)

    def _void(self, name: str, at: datetime) -> None:
        coupon = self.coupons[name]
        self.coupons[name] = replace(coupon, state="void")
        if coupon.limited and coupon.state == "issued":
            self._ask_stock(ReturnStock, name, at)

    def _ask_stock(self, kind: type[TakeStock | ReturnStock], name: str, at: datetime) -> None:
        reward = self.coupons[name].reward
        self.asks.append(
            kind(programme=self.programme, reward=reward, customer=self.customer, coupon=name, occurred_at=at)
        )

    # --- referrals ----------------------------------------------------------------------------------------------------

    def _recommend(self, command: MakeReferral, at: datetime) -> None:
        self._need_member()
        before = self.referrals.get(command.referral)
        if before == command.referred:
            return
        if before is not None:
            raise Refused("referral_exists")
        self._need_since(at)
        if self.rules.referral is None:
            raise Refused("no_referrals")
        self.referrals[command.referral] = command.referred
        self.asks.append(
            ReceiveReferral(
                customer=command.referred,
                programme=self.programme,
                referral=command.referral,
                referrer=self.customer,
                occurred_at=at,
            )
        )

    def _be_recommended(self, command: ReceiveReferral, at: datetime) -> None:
        if self.joined is not None or self.invited is not None:
            raise Refused("not_to_be_referred")
        self.invited = SlowInvitation(command.referral, command.referrer, at)

    def _enrol(self, command: EnrolMember, at: datetime) -> None:
        before = self.joined
        super()._enrol(command, at)
        if self.joined != before and self.rules.referral is not None and self.rules.referral.after == "joining":
            self._fulfil(at, None)

    def _credit(self, command: CreditPurchase, at: datetime) -> None:
        before, rules = len(self.credits), self.rules.referral
        super()._credit(command, at)
        if len(self.credits) > before and rules is not None and rules.after == "first_purchase":
            self._fulfil(at, f"{command.prefix}purchase/{command.purchase}")

    def _fulfil(self, at: datetime, by: str | None) -> None:
        invited, rules = self.invited, self.rules.referral
        if invited is None or rules is None or invited.fulfilled:
            return
        if not invited.at <= at < self._local_day(invited.at, rules.days_valid + 1):
            return
        self.invited = replace(invited, fulfilled=True, by=by)
        if rules.referred_points:
            self._stay_active(at, self._thanks_to(invited))
            self._put(self._thanks_to(invited), rules.referred_points, at, at)
        self.asks.append(
            RewardReferral(
                customer=invited.referrer,
                programme=self.programme,
                referral=invited.referral,
                referred=self.customer,
                occurred_at=at,
            )
        )

    def _thanks_to(self, invited: SlowInvitation) -> str:
        """Return the lot of the referred customer."""
        return f"{self.invited_as}referral/{invited.referrer}/{invited.referral}"

    def _be_thanked(self, command: RewardReferral, at: datetime) -> None:
        rules, name = self.rules.referral, command.prefix + command.referral
        if rules is None or self.joined is None or self.closed or name not in self.referrals or name in self.thanked:
            return
        if rules.most_per_member is not None and len(self.thanked) >= rules.most_per_member:
            return
        self.thanked.add(name)
        if rules.referrer_points:
            self._stay_active(at, self._thanks_for(name))
            self._put(self._thanks_for(name), rules.referrer_points, at, at)

    def _thanks_for(self, referral: str) -> str:
        """Return the lot of the member who made the referral."""
        source, plain = self.customer, referral
        while plain.startswith("merged/"):
            _merged, source, plain = plain.split("/", 2)
        return referral.removesuffix(plain) + f"referral/{source}/{plain}"

    def _lose_thanks(self, command: RevokeReferral) -> None:
        lot = self._thanks_for(command.prefix + command.referral)
        left = self.credits.get(lot, 0) - self.taken.get(lot, 0)
        if left:  # else a closing has settled it
            self._take_away(lot, left, command.refund)
            self.thanked.discard(command.prefix + command.referral)  # it was worth nothing, and leaves room

    def _be_thanked_again(self, command: RestoreReferral, at: datetime) -> None:
        lot = self._thanks_for(command.prefix + command.referral)
        if self.closed or not self.taken.get(lot, 0) or self._is_settled(lot):
            return
        self._give_back_taken(lot, self.taken[lot], command.refund, at)
        self.thanked.add(command.prefix + command.referral)

    def _restore(self, command: RestoreEarning, at: datetime) -> None:
        lot = f"{command.prefix}purchase/{command.purchase}"
        settled = lot not in self.credits or self._is_settled(lot)
        super()._restore(command, at)
        if self.closed or settled or self.invited is None or self.revoked is None or self.revoked[0] != lot:
            return
        if command.refunded >= command.bought:
            return
        invited, refund = self.invited, self.revoked[1]
        self.invited, self.revoked = replace(invited, by=lot), None
        thanks = self._thanks_to(invited)
        if thanks in self.credits and self.taken.get(thanks, 0) and not self._is_settled(thanks):
            self._give_back_taken(thanks, self.taken[thanks], refund, at)
        self.asks.append(
            RestoreReferral(
                customer=invited.referrer,
                programme=self.programme,
                referral=invited.referral,
                refund=refund,
                purchase=command.purchase,
                occurred_at=at,
            )
        )

    def _take_back(self, command: ReverseEarning, at: datetime) -> None:
        super()._take_back(command, at)
        invited = self.invited
        whole = command.bought and command.refunded == command.bought
        if self.closed or not whole or invited is None or invited.by != f"{command.prefix}purchase/{command.purchase}":
            return
        self.invited, self.revoked = replace(invited, by=None), (invited.by or "", command.refund)
        lot = self._thanks_to(invited)
        if lot in self.credits:
            self._take_away(lot, self.credits[lot] - self.taken.get(lot, 0), command.refund)
        self.asks.append(
            RevokeReferral(
                customer=invited.referrer,
                programme=self.programme,
                referral=invited.referral,
                refund=command.refund,
                purchase=command.purchase,
                occurred_at=at,
            )
        )
