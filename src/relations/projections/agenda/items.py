"""The items of the agenda, computed from its rows, and the commands that they require."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from hashlib import sha256
from typing import Any

from pydantic import AwareDatetime

from relations.aggregates.complaint import CheckDeadlines
from relations.aggregates.customer import AdvancePlan, EraseCustomer
from relations.aggregates.loyalty import EvaluateTier, ExpirePoints, ExpireRewards
from relations.aggregates.terms import RETENTION
from relations.json_form import ViewAnswer
from relations.messages import Command, from_micros, to_micros
from relations.policies import Policy, Surveys
from relations.policies.in_force import InForce
from relations.policies.loyalty.tier_clock import Standing, due_step
from relations.projections.agenda.rows import AskedRow, Item, Kind, Lapse, Member

__all__ = [
    "AUTOMATIC",
    "FOR_PEOPLE",
    "AgendaItem",
    "commands_due",
    "open_asked",
    "open_item",
    "open_lapse",
    "shift_of",
    "tier_review",
]

_DAY = 86_400_000_000
_COMMAND_ID_MAX = 200
_SLASHED = ("activation", "reward", "handover")
"""The kinds whose row names what it is about after a slash."""
FOR_PEOPLE: frozenset[Kind] = frozenset({"follow_up", "reminder", "answer", "contact", "handover", "contract"})
"""The kinds of items that are work for people. No command of the engine ends them."""
AUTOMATIC = "automatic"
"""The detail of an erasure that needs no person."""
_NAMED = ("activation", "reward", "reminder", "answer", "contact", "lapse", "renewal", "handover")
"""The kinds of which one stream can have several at the same time."""


class AgendaItem(ViewAnswer):
    """An item of the agenda.

    Attributes:
        due_at: The time at which it is due, in UTC. At that time itself a deadline is missed and a lot has expired.
        kind: The kind. `acknowledge`, `next_response`, `resolve` and `follow_up_deadline` are deadlines of a complaint,
            and `escalation` is its next escalation. `follow_up` asks the customer after a resolution. `activation` and
            `expiry` concern a lot of points. `tier` is a tier review or the end of a grace, `tier_warning` the warning
            before a loss. `reward` is the expiry of a reward. `reminder` is a reminder of an invitation, `answer` the
            time by which the business has to reply to a low answer. `erasure` is the end of the time for which the
            policy keeps personal words. `contact` is a step of a care plan to do, `lapse` the time at which it lapses,
            and `renewal` the end of a round. `handover` is a customer that a new owner has to take over, and `contract`
            asks for the renewal of a contract that ends soon.
        customer: The customer; for merged customers the surviving id.
        stream: The stream: `complaint-<id>`, `opportunity-<id>`, `loyalty-<customer>` or `customer-<customer>`. For
            merged customers it names the id under which the item was recorded, because the command that ends it must
            go there.
        detail: The lot, tier, coupon, invitation or answer, the new owner of a handover, or a care plan's round and
            its step. `automatic` for an erasure without a person. Empty otherwise, and for points that lapse with
            inactivity.
        points: The points that are activated or expire; None for other kinds.
        programme: The loyalty programme; empty for complaints.
        again: The log position of the event that made it due, if it may have been due before.
    """

    due_at: AwareDatetime
    kind: Kind
    customer: str
    stream: str
    detail: str = ""
    points: int | None = None
    programme: str = ""
    again: int = 0

    def __eq__(self, other: object) -> bool:
        # The event that made an item due does not matter.
        return isinstance(other, AgendaItem) and self._content() == other._content()

    def __hash__(self) -> int:
        return hash(self._content())

    def _content(self) -> tuple[object, ...]:
        return self.key, self.kind, self.detail, self.points

    @property
    def key(self) -> tuple[int, str, str, str, str]:
        """The sort key of the agenda: time in UTC microseconds, customer, stream, programme, name."""
        what = self.kind + "/" + self.detail if self.kind in _NAMED else self.kind
        what = self.detail if self.kind == "expiry" else what
        return to_micros(self.due_at), self.customer, self.stream, self.programme, what


def open_item(row: Item, policy: Policy) -> AgendaItem | None:
    """Return the item of a row under a policy; None if the policy has no follow-ups."""
    shift = shift_of(row.kind, policy)
    if shift is None:
        return None
    named = row.what.removeprefix(f"{row.kind}/") if row.kind in _SLASHED else row.what
    of_lot = row.kind in ("activation", "expiry")
    return AgendaItem(
        due_at=from_micros(row.at + shift),
        kind=row.kind,
        customer=row.customer,
        stream=row.stream,
        detail=named if of_lot or row.kind in _SLASHED else "",
        points=row.points if of_lot else None,
        programme=row.programme,
        again=row.again,
    )


def open_lapse(row: Lapse) -> AgendaItem | None:
    """Return the expiry of all points that lapse with inactivity; None if there are none."""
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
    """Return the reminders to send to one customer, and their answers to reply to.

    A reminder that would be refused is left out: the customer withdrew the consent or saw another invitation recently,
    or the policy has changed since.

    Args:
        row: The customer's row.
        surveys: The survey policy.
        moment: The time at which due reminders would be sent, UTC microseconds. Later ones are sent when they are due.
        lapsed: Reminders due at or before this time have lapsed, UTC microseconds; None if none has.
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
    """Return the next item of a member's tier: a warning, a review, or the end of its grace; None if nothing is due.

    The account follows the same rule, so a tier is reviewed only at a time at which it may change. Tiers without
    requirements cannot be lost.

    Args:
        member: The facts on which the tier depends.
        rules: The policies with the times at which they are in force.
        until: The end of the search, UTC microseconds.
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


def commands_due(items: Iterable[AgendaItem], *, not_renewed: Iterable[AgendaItem] = ()) -> Iterator[Command]:
    """Return the commands that these items require, each dated at its due time.

    What is work for people requires none. So do erasures, unless the policy leaves them to the engine. One command ends
    all items of its kind that are due at the same time in one complaint, or in one programme of an account. The command
    ids are derived from the items, so the same items give commands that are recorded only once.
    """
    ended: dict[tuple[str, datetime], list[str]] = {}
    for item in not_renewed:
        ended.setdefault((item.stream, item.due_at), []).append(item.detail)
    asked: set[tuple[str, str, str, datetime]] = set()
    for item in items:
        command = _command(item)
        if command is not None:
            same = (type(command).__name__, item.stream, item.programme, item.due_at)
            if same not in asked:
                asked.add(same)
                rounds = ended.get((item.stream, item.due_at), [])
                yield _without(command, rounds) if isinstance(command, AdvancePlan) and rounds else command


def _without(command: AdvancePlan, rounds: list[str]) -> AdvancePlan:
    """Return the command with the rounds that it does not renew, which are part of its id."""
    names = tuple(sorted(rounds))
    marked = sha256(f"{command.command_id} {' '.join(names)}".encode()).hexdigest()
    return command.model_copy(update={"not_renewed": names, "command_id": f"due:not_renewed:{marked}"})


def _command(item: AgendaItem) -> Command | None:
    common: dict[str, Any] = {"occurred_at": item.due_at, "command_id": _command_id(item), "actor": "agenda"}
    of_account: dict[str, Any] = {**common, "programme": item.programme or None}
    # The command goes to the item's stream: an account keeps its own id after its customer was merged.
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
        case "erasure" if item.detail == AUTOMATIC:
            return EraseCustomer(customer=name, reason=RETENTION, **common)
        case "lapse" | "renewal":
            return AdvancePlan(customer=name, **common)
        case _:
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
    """Return the time from an item's moment until it is due, in microseconds; None if it is never due."""
    if kind == "contract":
        return -policy.pipeline.renewal_days * _DAY
    if kind != "follow_up":
        return 0
    days = policy.surveys.follow_up_days
    return None if days is None else days * _DAY
