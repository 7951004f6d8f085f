"""A campaign: what the business plans to offer to many customers, what it spends on it, and how far it reaches.

Stream `campaign-<id>`. Order of this module: events, commands, state, evolve, decide. A campaign belongs to no
customer, so its words are stored unencrypted and must not be about a person. Offers to customers are in the customers'
own streams: a campaign of 100,000 recipients would otherwise be one stream of 100,000 events.

**Planned, started, ended.** A plan may change until the campaign starts. From then on its control group and audience
stay as they are, because the results compare the two. Costs and reach are recorded in every state: an invoice comes
before the start or after the end.

**Costs** have ids, like purchases. The same id with the same content is a retry. `CancelCampaignCost` reverses one.
**Reach** is what a platform reports. Platforms correct their figures, so a report under a known id replaces it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec.structs import replace
from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from relations.aggregates.maps import EMPTY, with_item
from relations.decider import Aggregate, Decider
from relations.errors import CommandRefused
from relations.messages import (
    Channel,
    ClearText,
    Command,
    Event,
    Id,
    Label,
    Money,
    PolicyNumber,
    Term,
)
from relations.policies import Policy

__all__ = [
    "AGGREGATE",
    "REFUSALS",
    "CampaignCommand",
    "CampaignCostCancelled",
    "CampaignCostRecorded",
    "CampaignEnded",
    "CampaignKind",
    "CampaignPlanned",
    "CampaignReachRecorded",
    "CampaignStarted",
    "CampaignState",
    "CancelCampaignCost",
    "EndCampaign",
    "PlanCampaign",
    "RecordCampaignCost",
    "RecordCampaignReach",
    "StartCampaign",
    "wins_customers",
]

CampaignKind = Literal["promotion", "event", "content", "win_back", "pr", "joint"]
_WINS_NOBODY: CampaignKind = "win_back"
_CONTROL_MAX = 90
_COUNT_MAX = 10**12

# --- events ---------------------------------------------------------------------------------------------------------


class CampaignPlanned(Event, frozen=True):
    """A campaign was planned. Planning it again replaces the plan.

    Attributes:
        kind: `promotion`, `event`, `content`, `win_back`, `pr` or `joint`.
        starts: The first local day, as `2024-05-01`.
        ends: The local day after the last.
        objective: What it should achieve.
        audience: The name of the segment that it is for; None for everybody.
        channels: The channels that it uses.
        budget: The most that it may cost.
        control_percent: The percentage of the audience that gets no offer, to compare with.
        partner: The partner of a joint campaign.
    """

    topic: ClassVar[str] = "campaign.planned"
    kind: str
    starts: str
    ends: str
    objective: str | None = None
    audience: str | None = None
    channels: tuple[str, ...] = ()
    budget: Money | None = None
    control_percent: int = 0
    partner: str | None = None


class CampaignStarted(Event, frozen=True):
    """The campaign started.

    Attributes:
        policy: The version of the policy in force.
        audience: The number of customers in its audience then; None if nobody counted.
    """

    topic: ClassVar[str] = "campaign.started"
    policy: PolicyNumber
    audience: int | None = None


class CampaignCostRecorded(Event, frozen=True):
    """Money was spent on the campaign.

    Attributes:
        cost: The cost's own id.
        amount: The amount.
        channel: The channel that it was spent on.
        what: What it was spent on, such as `printing`.
        at: Business time, UTC microseconds.
    """

    topic: ClassVar[str] = "campaign.cost_recorded"
    cost: str
    amount: Money
    channel: str | None = None
    what: str | None = None
    at: int = 0


class CampaignCostCancelled(Event, frozen=True):
    """A cost was recorded by mistake.

    Attributes:
        cost: Its id.
        amount: Its amount.
        channel: Its channel.
        spent_at: Its business time, UTC microseconds.
    """

    topic: ClassVar[str] = "campaign.cost_cancelled"
    cost: str
    amount: Money
    channel: str | None = None
    spent_at: int = 0


class CampaignReachRecorded(Event, frozen=True):
    """A platform reported how far the campaign reached. Another report under the same id replaces this one.

    Attributes:
        reach: The report's own id.
        platform: The platform.
        impressions: How often it was shown.
        reactions: Likes, comments and the like.
        shares: How often it was passed on.
        followers: The followers won.
    """

    topic: ClassVar[str] = "campaign.reach_recorded"
    reach: str
    platform: str
    impressions: int = 0
    reactions: int = 0
    shares: int = 0
    followers: int = 0


class CampaignEnded(Event, frozen=True):
    """The campaign ended."""

    topic: ClassVar[str] = "campaign.ended"
    reason: str | None = None


# --- commands -------------------------------------------------------------------------------------------------------

Count = Annotated[int, Field(strict=True, ge=0, le=_COUNT_MAX)]


def _not_negative(amount: Money) -> Money:
    if amount.amount < 0:
        raise PydanticCustomError("negative_amount", "the cost or budget of a campaign must not be negative")
    return amount


Spent = Annotated[Money, AfterValidator(_not_negative)]


class CampaignCommand(Command):
    """A command that concerns one campaign."""

    campaign: Id

    @property
    def stream(self) -> str:
        return f"campaign-{self.campaign}"


class PlanCampaign(CampaignCommand):
    """Plan a campaign for the local days from `starts` (included) to `ends` (excluded), or change the plan.

    Attributes:
        kind: The kind of campaign.
        objective: What it should achieve. The words must not be about a person.
        audience: The name of the segment that it is for; None for everybody.
        channels: The channels that it uses.
        budget: The most that it may cost.
        control_percent: The percentage of the audience that gets no offer, so that the results can be compared.
        partner: The partner of a joint campaign.
    """

    kind: CampaignKind
    starts: date
    ends: date
    objective: ClearText | None = None
    audience: Label | None = None
    channels: Annotated[tuple[Channel, ...], Field(max_length=20)] = ()
    budget: Spent | None = None
    control_percent: Annotated[int, Field(strict=True, ge=0, le=_CONTROL_MAX)] = 0
    partner: Id | None = None

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> PlanCampaign:
        if self.ends <= self.starts:
            msg = f"the campaign must end ({self.ends}) after it starts ({self.starts})"
            raise ValueError(msg)
        return self


class StartCampaign(CampaignCommand):
    """Start a campaign that is planned.

    Attributes:
        audience: The number of customers in its audience, its control group included.
    """

    audience: Count | None = None


class RecordCampaignCost(CampaignCommand):
    """Record money that was spent on the campaign as a whole, such as an advertisement.

    What was spent on one customer is recorded with `RecordAcquisitionCost`.
    """

    cost: Id
    amount: Spent
    channel: Channel | None = None
    what: Term | None = None


class CancelCampaignCost(CampaignCommand):
    """Take back a cost that was recorded by mistake: every figure is as if it had never been recorded."""

    cost: Id


class RecordCampaignReach(CampaignCommand):
    """Record what a platform reports about the campaign. A known `reach` id replaces the earlier report."""

    reach: Id
    platform: Label
    impressions: Count = 0
    reactions: Count = 0
    shares: Count = 0
    followers: Count = 0


class EndCampaign(CampaignCommand):
    """End the campaign. One that has not started is given up."""

    reason: ClearText | None = None


def wins_customers(kind: str) -> bool:
    """Return True if campaigns of a kind are to win new customers; `win_back` is for those that the business had.

    The costs of other kinds are costs of winning customers.
    """
    return kind != _WINS_NOBODY


# --- state ----------------------------------------------------------------------------------------------------------


class CampaignState(msgspec.Struct, frozen=True, gc=False):
    """The state of a campaign.

    Attributes:
        plan: The event that planned it as it is now; None before.
        started: True once it started.
        ended: True once it ended.
        costs: By id.
        cancelled: The ids of costs that were cancelled.
        reach: The last report under each id.
    """

    plan: CampaignPlanned | None = None
    started: bool = False
    ended: bool = False
    costs: Mapping[str, CampaignCostRecorded] = EMPTY
    cancelled: tuple[str, ...] = ()
    reach: Mapping[str, CampaignReachRecorded] = EMPTY


# --- evolve ---------------------------------------------------------------------------------------------------------


def evolve(state: CampaignState, event: Event) -> CampaignState:
    """Return the state of the campaign after an event."""
    match event:
        case CampaignPlanned():
            return replace(state, plan=event)
        case CampaignStarted():
            return replace(state, started=True)
        case CampaignCostRecorded():
            return replace(state, costs=with_item(state.costs, event.cost, event))
        case CampaignCostCancelled():
            return replace(state, cancelled=(*state.cancelled, event.cost))
        case CampaignReachRecorded():
            return replace(state, reach=with_item(state.reach, event.reach, event))
        case CampaignEnded():
            return replace(state, ended=True)
        case _:
            return state


# --- decide ---------------------------------------------------------------------------------------------------------

REFUSALS: Mapping[str, str] = {
    "campaign_not_planned": "The campaign was never planned",
    "campaign_started": "The campaign has started, so its plan is fixed",
    "campaign_ended": "The campaign has ended",
    "campaign_cost_id_reused": "Another cost of the campaign has this id, or it was cancelled",
    "campaign_cost_unknown": "The campaign has no cost with this id",
}
"""Every code of refusal and when it is given."""


def decide(state: CampaignState, command: Command, policy: Policy) -> list[Event]:
    """Return the events that a command leads to.

    Raises:
        CommandRefused: A rule forbids the command; see `REFUSALS`.
    """
    match command:
        case PlanCampaign():
            return _plan(state, command)
        case StartCampaign():
            return _start(state, command, policy)
        case RecordCampaignCost():
            return _spend(state, command)
        case CancelCampaignCost():
            return _take_back(state, command)
        case RecordCampaignReach():
            return _reach(state, command)
        case EndCampaign():
            _must_be_planned(state, command, "end")
            return [] if state.ended else [CampaignEnded(reason=command.reason)]
        case _:
            raise TypeError(type(command).__name__)


def _must_be_planned(state: CampaignState, command: CampaignCommand, verb: str) -> None:
    if state.plan is None:
        raise CommandRefused(
            f"cannot {verb} campaign {command.campaign}: it was never planned",
            code="campaign_not_planned",
            field="campaign",
            hint="Plan it first (PlanCampaign)",
        )


def _must_not_have_ended(state: CampaignState, command: CampaignCommand, verb: str) -> None:
    if state.ended:
        raise CommandRefused(
            f"cannot {verb} campaign {command.campaign}: it has ended",
            code="campaign_ended",
            field="campaign",
            hint="Plan another one under a new id (PlanCampaign)",
        )


def _plan(state: CampaignState, command: PlanCampaign) -> list[Event]:
    wanted = CampaignPlanned(
        kind=command.kind,
        starts=command.starts.isoformat(),
        ends=command.ends.isoformat(),
        objective=command.objective,
        audience=command.audience,
        channels=command.channels,
        budget=command.budget,
        control_percent=command.control_percent,
        partner=command.partner,
    )
    if state.plan == wanted:
        return []
    _must_not_have_ended(state, command, "plan")
    if state.started:
        raise CommandRefused(
            f"cannot change the plan of campaign {command.campaign}: it has started",
            code="campaign_started",
            field="campaign",
            hint="End it (EndCampaign), and plan another one under a new id",
        )
    return [wanted]


def _start(state: CampaignState, command: StartCampaign, policy: Policy) -> list[Event]:
    _must_be_planned(state, command, "start")
    if state.started:
        return []
    _must_not_have_ended(state, command, "start")
    return [CampaignStarted(policy=policy.version, audience=command.audience)]


def _spend(state: CampaignState, command: RecordCampaignCost) -> list[Event]:
    _must_be_planned(state, command, "record a cost of")
    wanted = CampaignCostRecorded(
        cost=command.cost, amount=command.amount, channel=command.channel, what=command.what, at=command.at
    )
    known = state.costs.get(command.cost)
    if known is None:
        return [wanted]
    if known == wanted and command.cost not in state.cancelled:
        return []
    raise CommandRefused(
        f"campaign {command.campaign} already has a cost {command.cost}",
        code="campaign_cost_id_reused",
        field="cost",
        hint="Give the new cost an id of its own; cancel the other if it is wrong (CancelCampaignCost)",
    )


def _take_back(state: CampaignState, command: CancelCampaignCost) -> list[Event]:
    known = state.costs.get(command.cost)
    if known is None:
        raise CommandRefused(
            f"campaign {command.campaign} has no cost {command.cost}",
            code="campaign_cost_unknown",
            field="cost",
            hint=f"Its costs are {', '.join(sorted(state.costs))}" if state.costs else "It has none",
        )
    if command.cost in state.cancelled:
        return []
    return [CampaignCostCancelled(cost=known.cost, amount=known.amount, channel=known.channel, spent_at=known.at)]


def _reach(state: CampaignState, command: RecordCampaignReach) -> list[Event]:
    _must_be_planned(state, command, "record the reach of")
    wanted = CampaignReachRecorded(
        reach=command.reach,
        platform=command.platform,
        impressions=command.impressions,
        reactions=command.reactions,
        shares=command.shares,
        followers=command.followers,
    )
    return [] if state.reach.get(command.reach) == wanted else [wanted]


AGGREGATE = Aggregate(
    name="campaign",
    decider=Decider(CampaignState(), decide, evolve),
    events=(
        CampaignPlanned,
        CampaignStarted,
        CampaignCostRecorded,
        CampaignCostCancelled,
        CampaignReachRecorded,
        CampaignEnded,
    ),
    commands=(
        PlanCampaign,
        StartCampaign,
        RecordCampaignCost,
        CancelCampaignCost,
        RecordCampaignReach,
        EndCampaign,
    ),
    customer=lambda _state, _command: "",
    state=CampaignState,
)
