"""What is due, made of what is open, and the commands that it asks for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from hashlib import sha256
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict

from relations.aggregates.complaint import CheckDeadlines
from relations.aggregates.loyalty import EvaluateTier, ExpirePoints, ExpireRewards
from relations.messages import Command, from_micros, to_micros
from relations.policies import Policy, Surveys
from relations.policies.in_force import InForce
from relations.policies.loyalty.tier_clock import Standing, due_step
from relations.projections.agenda.rows import AskedRow, Item, Kind, Lapse, Member

__all__ = ["AgendaItem", "commands_due", "open_asked", "open_item", "open_lapse", "shift_of", "tier_review"]

_DAY = 86_400_000_000
_COMMAND_ID_MAX = 200
_NAMED = ("activation", "reward", "reminder", "answer")
"""Kinds of which there can be several in one stream at one moment."""


class AgendaItem(BaseModel):
    """Something that is due.

    Attributes:
        due_at: When, in UTC. At that moment itself a deadline is missed, a lot expired, a review to be made.
        kind: `acknowledge`, `next_response`, `resolve` and `follow_up_deadline` are a complaint's deadlines;
            `escalation` is when somebody is to hear of one; `follow_up` asks after a resolution; `activation` and
            `expiry` are those of a lot of points; `tier` is the review that may change a member's tier, or the end of
            its grace; `tier_warning` says that it will be lost; `reward` is the end of a reward; `reminder` is when a
            customer is to be reminded of an invitation, `answer` by when the business is to come back on a low answer.
        customer: Whose it is; of merged customers the surviving id.
        stream: The aggregate: `complaint-<id>`, or `loyalty-<customer>` or `customer-<customer>` by the customer as
            recorded. Of merged customers it names the id under which the thing was recorded, for there a command has to
            go that ends it.
        detail: The lot, the tier, the coupon, the invitation or the answer; empty otherwise, and for all that lapses
            with inactivity.
        points: How many points are activated or expire; absent for other kinds.
        programme: Whose ledger it is in; empty for complaints.
        again: The position of what made it due, where the same may have been due before.
    """

    model_config = ConfigDict(frozen=True)

    due_at: AwareDatetime
    kind: Kind
    customer: str
    stream: str
    detail: str = ""
    points: int | None = None
    programme: str = ""
    again: int = 0

    def __eq__(self, other: object) -> bool:
        # What is due is the same whichever event made it so.
        return isinstance(other, AgendaItem) and self._told() == other._told()

    def __hash__(self) -> int:
        return hash(self._told())

    def _told(self) -> tuple[object, ...]:
        return self.key, self.kind, self.detail, self.points

    @property
    def key(self) -> tuple[int, str, str, str, str]:
        """What the agenda is sorted by: the moment in UTC microseconds, customer, stream, programme, item's name."""
        what = self.kind + "/" + self.detail if self.kind in _NAMED else self.kind
        what = self.detail if self.kind == "expiry" else what
        return to_micros(self.due_at), self.customer, self.stream, self.programme, what


def open_item(row: Item, policy: Policy) -> AgendaItem | None:
    """A row as what is due under a policy; None where the policy asks for no follow-ups."""
    shift = shift_of(row.kind, policy)
    if shift is None:
        return None
    named = row.what.removeprefix(f"{row.kind}/") if row.kind in ("activation", "reward") else row.what
    of_lot = row.kind in ("activation", "expiry")
    return AgendaItem(
        due_at=from_micros(row.at + shift),
        kind=row.kind,
        customer=row.customer,
        stream=row.stream,
        detail=named if of_lot or row.kind == "reward" else "",
        points=row.points if of_lot else None,
        programme=row.programme,
        again=row.again,
    )


def open_lapse(row: Lapse) -> AgendaItem | None:
    """The expiry of all that lapses with inactivity; None where nothing does."""
    if not row.lots or not row.at:
        return None
    return AgendaItem(
        due_at=from_micros(row.at),
        kind="expiry",
        customer=row.customer,
        stream=row.stream,
        points=sum(row.lots.values()),
        programme=row.programme,
        again=row.again,
    )


def open_asked(row: AskedRow, surveys: Surveys, moment: int, lapsed: int | None) -> list[AgendaItem]:
    """Return the reminders and the answers of the business that are open with one customer.

    A reminder that would be refused is left out: the customer withdrew the consent, saw another invitation lately, or
    the policy has changed since.

    Args:
        row: The customer's row.
        surveys: The policy of surveys.
        moment: When the reminders are to be sent if they are due by then, else when they are due; UTC microseconds.
        lapsed: Reminders that were due by then have lapsed, UTC microseconds; None if none has.
    """

    def item(kind: Kind, due_at: int, stream: str, detail: str) -> AgendaItem:
        return AgendaItem(due_at=from_micros(due_at), kind=kind, customer=row.customer, stream=stream, detail=detail)

    named = ((due_at, name.partition(" ")) for name, due_at in row.answers.items())
    found = [item("answer", due_at, stream, answer) for due_at, (stream, _, answer) in named]
    found += [
        item("reminder", each.due_at, each.stream, invitation)
        for invitation, each in row.reminders.items()
        if (lapsed is None or each.due_at > lapsed)
        and row.may_be_reminded(invitation, surveys, max(moment, each.due_at))
    ]
    return found


def tier_review(member: Member, rules: InForce, until: int | None = None) -> AgendaItem | None:
    """What time alone does next to a member's tier, and when: a warning, a review, or the end of its grace.

    The account goes by the same rule; a tier is thus reviewed at the moment that may change it, and at no other. Tiers
    that ask for nothing cannot be lost.

    Args:
        member: What the tier rests on.
        rules: Which policy is in force when.
        until: Look no further than this, UTC microseconds.
    """
    standing = Standing(
        tier=member.tier,
        since=member.since,
        months=member.months,
        month=member.month,
        reviewed=member.reviewed,
        warned=member.warned,
        grace_until=member.grace_until,
    )
    found = due_step(rules, member.programme, standing, until)
    if found is None:
        return None
    step = found[0]
    return AgendaItem(
        due_at=from_micros(step.at),
        kind="tier_warning" if step.kind == "warning" else "tier",
        customer=member.customer,
        stream=member.stream,
        detail=member.tier or "",
        programme=member.programme,
        again=member.moved,
    )


def commands_due(items: Iterable[AgendaItem]) -> Iterator[Command]:
    """The commands that these items ask for, each dated at the moment when it fell due.

    A follow-up, a reminder or an answer is work for people and asks for none. One command ends all of its kind that
    falls due in one complaint, or in one programme of an account, at one moment. The ids say what was due: however
    often the same items come, each command counts once.
    """
    asked: set[tuple[str, str, str, datetime]] = set()
    for item in items:
        command = _command(item)
        if command is not None:
            same = (type(command).__name__, item.stream, item.programme, item.due_at)
            if same not in asked:
                asked.add(same)
                yield command


def _command(item: AgendaItem) -> Command | None:
    common: dict[str, Any] = {"occurred_at": item.due_at, "command_id": _command_id(item), "actor": "agenda"}
    of_account: dict[str, Any] = {**common, "programme": item.programme or None}
    # What is due is due in its stream: an account keeps its own id where its customer was merged into another.
    name = item.stream.partition("-")[2]
    match item.kind:
        case "acknowledge" | "next_response" | "resolve" | "follow_up_deadline" | "escalation":
            return CheckDeadlines(complaint=name, **common)
        case "activation" | "expiry":
            return ExpirePoints(customer=name, **of_account)
        case "tier" | "tier_warning":
            return EvaluateTier(customer=name, **of_account)
        case "reward":
            return ExpireRewards(customer=name, **of_account)
        case "follow_up" | "reminder" | "answer":
            return None


def _command_id(item: AgendaItem) -> str:
    due_at = to_micros(item.due_at)
    detail = item.detail if item.programme in ("", "main") else f"{item.programme}:{item.detail}"
    if item.again:
        detail = f"{detail}@{item.again}"
    found = f"due:{item.kind}:{item.stream}:{detail}:{due_at}"
    if len(found) > _COMMAND_ID_MAX:
        # A remedy's lot has the ids of the complaint and the remedy in its own.
        found = f"due:{item.kind}:{item.stream}:{sha256(detail.encode()).hexdigest()}:{due_at}"
    return found


def shift_of(kind: str, policy: Policy) -> int | None:
    """From an item's moment until it is due, in microseconds."""
    if kind != "follow_up":
        return 0
    days = policy.surveys.follow_up_days
    return None if days is None else days * _DAY
