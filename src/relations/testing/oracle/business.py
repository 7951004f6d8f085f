"""Several members' slow ledgers in several programmes, and the stock of rewards that they share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from relations.aggregates.loyalty import (
    CreditPurchase,
    EvaluateTier,
    ExpirePoints,
    ExpireRewards,
    ReceivePoints,
    ReleaseAccount,
    RestoreEarning,
    ReturnAccount,
    ReverseEarning,
    ReverseRedemption,
    TransferPoints,
    UseReward,
)
from relations.aggregates.programme import ReturnStock, TakeStock
from relations.messages import Command
from relations.policies import Policy
from relations.testing.oracle.coins import Refused
from relations.testing.oracle.merges import SlowAccount

__all__ = ["SlowBusiness"]

_OF_TIME = (ExpirePoints, EvaluateTier, ExpireRewards)
_FOR_ALL = (CreditPurchase, ReverseEarning, RestoreEarning, *_OF_TIME)


@dataclass
class SlowBusiness:
    """Ledgers by member and programme. A command and the commands that follow from it happen together or not at all.

    Attributes:
        policy: The rules.
        accounts: Every ledger, by customer and programme.
        out: How many of each limited reward are out, by programme and reward.
        merged: The surviving customer of each merged customer.
        sent: Commands forwarded from merged ids, and every transfer: they are not forwarded again.
    """

    policy: Policy
    accounts: dict[tuple[str, str], SlowAccount] = field(default_factory=dict)
    out: dict[tuple[str, str], int] = field(default_factory=dict)
    merged: dict[str, str] = field(default_factory=dict)
    sent: set[str] = field(default_factory=set)

    def account(self, customer: str, programme: str) -> SlowAccount:
        """Return a customer's ledger in a programme."""
        blank = SlowAccount(self.policy, programme, customer=customer)
        return self.accounts.setdefault((customer, programme), blank)

    def do(self, command: Command) -> None:
        """Do what a command asks, and what that asks of others.

        Raises:
            Refused: It must not be; then nothing is changed.
        """
        accounts = {key: account.copy() for key, account in self.accounts.items()}
        before = accounts, dict(self.out), dict(self.merged), set(self.sent)
        try:
            waiting = [command]
            while waiting:
                waiting += self._do(waiting.pop(0))
        except Refused:
            self.accounts, self.out, self.merged, self.sent = before
            raise

    def _do(self, command: Any) -> list[Command]:
        match command:
            case TakeStock() | ReturnStock():
                self._move_stock(command)
                return []
            case ReleaseAccount():
                self._merge(command)
                return []
            case ReturnAccount():
                self._unmerge(command)
                return []
        into = self.merged.get(command.customer)
        if into is not None:
            if type(command) in _OF_TIME or _said(command) in self.sent:
                return []
            self.sent.add(_said(command))
            return [self._sent_on(command, into)]
        if isinstance(command, TransferPoints):
            self.sent.add(_said(command))
        asked: list[Command] = []
        for programme in self._programmes_of(command):
            account = self.account(command.customer, programme)
            account.do(command)
            asked += account.asks
        return asked

    def _programmes_of(self, command: Any) -> list[str]:
        if command.programme is not None:
            return [command.programme]
        if type(command) not in _FOR_ALL:
            msg = f"{type(command).__name__} is to say for which programme it is"
            raise ValueError(msg)
        return [each.id for each in self.policy.every_programme]

    def _move_stock(self, command: TakeStock | ReturnStock) -> None:
        which = command.programme, command.reward
        rules = self.account("nobody", command.programme).rules
        stock = next(each.stock for each in rules.rewards if each.name == command.reward)
        out = self.out.get(which, 0) + (1 if isinstance(command, TakeStock) else -1)
        if stock is not None and out > stock:
            raise Refused("out_of_stock")
        self.out[which] = out

    # --- merges -----------------------------------------------------------------------------------------------------

    def _sent_on(self, command: Any, into: str) -> Any:
        """Return the command for the survivor that a command under a merged id becomes."""
        prefix = f"merged/{command.customer}/"
        match command:
            case TransferPoints() if command.to == into:
                raise Refused("account_merged")
            case ReceivePoints() if command.source == into:
                raise Refused("account_merged")
            case ReverseRedemption():
                return command.model_copy(update={"customer": into, "redemption": prefix + command.redemption})
            case UseReward():
                return command.model_copy(update={"customer": into, "coupon": prefix + command.coupon})
            case ReceivePoints():
                return command.model_copy(update={"customer": into})
            case _ if "prefix" in type(command).model_fields:
                return command.model_copy(update={"customer": into, "prefix": prefix + command.prefix})
        raise Refused("account_merged")

    def _merge(self, command: ReleaseAccount) -> None:
        who, into = command.customer, command.into
        if self.merged.get(who) == into:
            return
        if who in self.merged or into in self.merged:
            raise Refused("account_merged")
        self.merged[who] = into
        for each in self.policy.every_programme:
            self.account(into, each.id).take_in(self.account(who, each.id), command.occurred_at)
            self.accounts[who, each.id] = SlowAccount(self.policy, each.id, customer=who)

    def _unmerge(self, command: ReturnAccount) -> None:
        if self.merged.get(command.to) != command.customer:
            return
        del self.merged[command.to]
        for each in self.policy.every_programme:
            survivor = self.account(command.customer, each.id)
            self.accounts[command.to, each.id] = survivor.give_back(command.to, command.occurred_at)


def _said(command: Command) -> str:
    return f"{type(command).__name__} {command.model_dump(exclude={'occurred_at'})}"
