"""Rules for joining a programme, leaving it, and coming back."""

from __future__ import annotations

from relations.aggregates.loyalty.commands import CloseAccount, EnrolMember, ReopenAccount
from relations.aggregates.loyalty.decide.credits import credit_lot, fulfil_referral
from relations.aggregates.loyalty.decide.ledger import (
    Draft,
    catch_up,
    in_spending_order,
    programme_of,
    require_joined_before,
    require_member,
)
from relations.aggregates.loyalty.decide.tiers import first_tier
from relations.aggregates.loyalty.events.points import AccountClosed, AccountReopened, MemberEnrolled
from relations.aggregates.loyalty.lots import LotShare, VoidedReward, came_from
from relations.aggregates.loyalty.state import Account, Ledger
from relations.errors import CommandRefused
from relations.messages import Event, from_micros
from relations.policies import Policy

__all__ = ["close", "enrol", "join", "rejoin", "reopen", "require_programme"]


def enrol(state: Account, command: EnrolMember, policy: Policy) -> list[Event]:
    """Join a programme, with the tier that every member has and the points for joining."""
    require_programme(command.programme, policy)
    ledger = state.ledger(command.programme)
    if state.merged_into is None and ledger.enrolled_at is not None and ledger.closed_at is None:
        return []
    if state.merged_into is not None or ledger.closed_at is not None:
        require_member(state, command)  # refuses with the reason
    draft = Draft(ledger)
    join(draft, command.at, policy)
    invited = ledger.invited
    programme = programme_of(policy, ledger.programme)
    if invited is not None and programme.referral is not None and programme.referral.after == "joining":
        fulfil_referral(draft, programme, command.at, policy)
    return draft.events


def require_programme(programme: str, policy: Policy) -> None:
    """Refuse to join a programme that does not exist.

    Raises:
        CommandRefused: The policy has no such programme.
    """
    if policy.programme_of(programme) is None:
        known = ", ".join(repr(each.id) for each in policy.every_programme)
        raise CommandRefused(
            f"there is no programme {programme!r}",
            code="unknown_programme",
            field="programme",
            hint=f"Use one of the programmes in force: {known}",
        )


def join(draft: Draft, at: int, policy: Policy) -> None:
    """Make the customer a member."""
    ledger = draft.ledger
    programme = programme_of(policy, ledger.programme)
    draft.add(MemberEnrolled(programme=ledger.programme, enrolled_at=at))
    first = first_tier(ledger, programme, at, policy.zone)
    if first is not None:
        draft.add(first)
    running = [each for each in programme.campaigns if each.joining_points and each.runs(at, policy.zone)]
    points = programme.joining_points + sum(each.joining_points for each in running)
    if points:
        names = tuple(each.id for each in running)
        credit_lot(draft, f"joining/{at}", points, "joining", at, policy, campaigns=names)


def close(state: Account, command: CloseAccount, policy: Policy) -> list[Event]:
    """Leave a programme: points are forfeited, the debt is written off, and unused rewards become void.

    A closing settles the account. A customer who comes back starts with nothing. Refunds of earlier purchases take
    nothing back, earlier redemptions cannot be reversed, and nothing from before counts towards a tier.
    """
    if state.merged_into is None and state.ledger(command.programme).closed_at is not None:
        return []
    draft = Draft(require_member(state, command))
    require_joined_before(draft.ledger, command)
    _need_all_before(draft.ledger, command)
    catch_up(draft, command.at)
    ledger = draft.ledger
    lots = tuple(LotShare(name, lot.points) for name, lot in in_spending_order(ledger.lots.items(), ledger.lapses_at))
    draft.add(
        AccountClosed(
            programme=ledger.programme,
            closed_at=command.at,
            points=sum(share.points for share in lots),
            lots=lots,
            debt=ledger.debt,
            reason=command.reason,
            rewards=tuple(
                VoidedReward(name, coupon.reward, coupon.limited)
                for name, coupon in sorted(ledger.coupons.items())
                if coupon.status == "issued"
            ),
            settled=True,
        )
    )
    return draft.events


def _need_all_before(ledger: Ledger, command: CloseAccount) -> None:
    """Refuse a closing that is dated before the last points were earned or spent.

    Raises:
        CommandRefused: It is dated before that.
    """
    here = {None, *(each.source for each in ledger.received.values())}
    earned = (each.earned_at for name, each in ledger.earnings.items() if came_from(name) in here)
    latest = max((*earned, *ledger.redeemed_at.values()), default=command.at)
    if command.at < latest:
        raise CommandRefused(
            f"cannot close the account before {from_micros(latest):%Y-%m-%d at %H:%M} (UTC): it was used until then",
            code="out_of_order",
            field="occurred_at",
            hint="Give a later time",
        )


def reopen(state: Account, command: ReopenAccount, policy: Policy) -> list[Event]:
    """Become a member again, with an empty account. Nothing happens if the account is open."""
    ledger = state.ledger(command.programme)
    if state.merged_into is not None or ledger.closed_at is None:
        require_member(state, command)
        return []
    if command.at < ledger.closed_at:
        raise CommandRefused(
            "cannot reopen the account before it was closed",
            code="out_of_order",
            field="occurred_at",
            hint="Give a time after the closing",
        )
    draft = Draft(ledger)
    rejoin(draft, command.at, policy)
    return draft.events


def rejoin(draft: Draft, at: int, policy: Policy) -> None:
    """Make the customer a member again, from `at` on."""
    draft.add(AccountReopened(programme=draft.ledger.programme, reopened_at=at))
    first = first_tier(draft.ledger, programme_of(policy, draft.ledger.programme), at, policy.zone)
    if first is not None:
        draft.add(first)
