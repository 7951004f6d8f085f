"""Rules for crediting points by hand and for correcting an account, within the author's authority."""

from __future__ import annotations

from relations.aggregates.loyalty.commands import AdjustPoints, EarnPoints
from relations.aggregates.loyalty.decide.credits import credit_lot
from relations.aggregates.loyalty.decide.forwarding import forward_credit
from relations.aggregates.loyalty.decide.ledger import (
    Draft,
    catch_up,
    defer_lapse,
    in_spending_order,
    programme_of,
    repay_debt,
    require_joined_before,
    require_member,
    require_room,
    take_points,
)
from relations.aggregates.loyalty.decide.membership import join, rejoin, require_programme
from relations.aggregates.loyalty.events.points import PointsAdjusted
from relations.aggregates.loyalty.lots import Lot
from relations.aggregates.loyalty.state import Account, Ledger
from relations.errors import CommandRefused
from relations.messages import Event
from relations.policies import Policy, Programme
from relations.policies.loyalty.windows import Inactivity

__all__ = ["adjust", "earn"]


def earn(state: Account, command: EarnPoints, policy: Policy) -> list[Event]:
    """Credit points by hand or for a remedy."""
    if state.merged_into is not None:
        return forward_credit(state, command)
    ledger = (
        state.ledger(command.programme) if state.ledgers else Ledger(programme=command.programme or policy.programme.id)
    )
    lot = command.prefix + command.lot
    before = ledger.earnings.get(lot)
    if before is not None:
        if (before.points, before.reason, before.source) == (command.points, command.reason, command.source):
            return []
        raise CommandRefused(
            f"cannot credit the lot {command.lot!r}: the id was used for {before.points} points for {before.reason}",
            code="lot_exists",
            field="lot",
            hint="Give each credit a lot id of its own",
        )
    at = command.at
    if not command.lot.startswith("remedy/"):  # the complaint desk has limits of its own for remedies
        _need_authority(command, ledger, policy)
    draft = Draft(ledger)
    if command.reason == "bonus":
        require_joined_before(require_member(state, command), command)
    elif ledger.closed_at is not None:
        rejoin(draft, max(at, ledger.closed_at), policy)
    elif ledger.enrolled_at is None:
        require_programme(ledger.programme, policy)
        join(draft, at, policy)
    require_room(draft.ledger, command.points)
    credit_lot(
        draft,
        lot,
        command.points,
        command.reason,
        at,
        policy,
        source=command.source,
        author=command.author,
        role=command.role,
    )
    return draft.events


def _need_authority(command: EarnPoints | AdjustPoints, ledger: Ledger, policy: Policy) -> None:
    """Refuse points beyond the author's authority, which `adjustment_max` and `authority` of the programme set.

    Raises:
        CommandRefused: There is a limit, and no author is named or the limit is exceeded.
    """
    most = programme_of(policy, ledger.programme).may_adjust(command.role)
    if most is None:
        return
    if command.author is None:
        raise CommandRefused(
            "cannot credit points by hand without an author: the programme limits how many each may credit",
            code="author_missing",
            field="author",
            hint="Name the author, and the role if it has a limit of its own",
        )
    if abs(command.points) > most:
        raise CommandRefused(
            f"{command.author} cannot adjust {abs(command.points)} points: the limit is {most}",
            code="beyond_authority",
            field="points",
            hint="Ask somebody with more authority, or adjust fewer points",
        )


def adjust(state: Account, command: AdjustPoints, policy: Policy) -> list[Event]:
    """Correct the account by hand, within the author's authority."""
    ledger = require_member(state, command)
    said = f"{command.points} for {command.reason} by {command.author}"
    before = ledger.done.get(f"adjustment/{command.adjustment}")
    if before is not None:
        if before == said:
            return []
        raise CommandRefused(
            f"cannot make the adjustment {command.adjustment!r}: the id was used before, for {before}",
            code="adjustment_exists",
            field="adjustment",
            hint="Give each adjustment an id of its own",
        )
    if not command.points:
        raise CommandRefused(
            "cannot adjust by 0 points", code="nothing_to_adjust", field="points", hint="Give a number above or below 0"
        )
    require_joined_before(ledger, command)
    _need_authority(command, ledger, policy)
    draft = Draft(ledger)
    catch_up(draft, command.at)
    _adjust(draft, command, programme_of(policy, ledger.programme), policy)
    return draft.events


def _adjust(draft: Draft, command: AdjustPoints, programme: Programme, policy: Policy) -> None:
    ledger, at = draft.ledger, command.at
    had = [item for item in ledger.lots.items() if _had_by(item[1], at)]
    shares, missing = take_points(in_spending_order(had, ledger.lapses_at), max(0, -command.points))
    if missing:
        there = sum(lot.points for _, lot in had)
        raise CommandRefused(
            f"cannot take {-command.points} points: the account has {there} that were earned by then",
            code="insufficient_points",
            field="points",
            hint="Take fewer points",
        )
    more = command.points > 0
    if more:
        require_room(ledger, command.points)
        defer_lapse(draft, programme, at, policy.zone)  # as with every credit, so that the points last as long
    draft.add(
        PointsAdjusted(
            programme=ledger.programme,
            adjustment=command.adjustment,
            points=command.points,
            reason=command.reason,
            author=command.author,
            role=command.role,
            lots=shares,
            lot=f"adjustment/{command.adjustment}" if more else None,
            active_from=at if more else 0,
            expires_at=programme.expires_at(at, policy.zone) if more else None,
            lapsing=more and isinstance(programme.expiry, Inactivity),
        )
    )
    if draft.ledger.debt:
        repay_debt(draft)


def _had_by(lot: Lot, at: int) -> bool:
    """Return whether a lot was there at a moment. A late adjustment takes nothing that was earned after it."""
    return lot.earned_at <= at and (lot.pending or lot.active_from <= at)
