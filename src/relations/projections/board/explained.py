"""The figures of the board that can be explained: every indicator, in a month and a part of the business."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from relations.aggregates.campaign import CampaignCostCancelled, CampaignCostRecorded, CampaignPlanned
from relations.aggregates.complaint import ComplaintFiled
from relations.aggregates.customer import (
    AcquisitionCostCancelled,
    AcquisitionCostRecorded,
    InteractionRecorded,
    PlanBegun,
    PlanEnded,
    PlanRenewed,
    PurchaseRecorded,
    PurchaseRefunded,
    RefundReversed,
    StepLapsed,
    StepsAdded,
    StepSkipped,
)
from relations.aggregates.opportunity import (
    ContractEnded,
    ContractRenewed,
    OpportunityAdvanced,
    OpportunityLost,
    OpportunityOpened,
    OpportunityWon,
)
from relations.aggregates.staff import StaffTrainingCompleted, StaffTrainingPlanned
from relations.currencies import minor_digits
from relations.errors import InvalidInput
from relations.messages import Event, RecordedEvent, from_micros, to_micros
from relations.months import last_day, month_of, months_after
from relations.policies.indicators import INDICATORS
from relations.projections.board.rows import PROJECTION, CaseMonth, TradeMonth
from relations.projections.campaigns.rows import PlannedCampaign
from relations.projections.care.rows import PROJECTION as CARE
from relations.projections.care.rows import CareMonth
from relations.projections.explained_figures import (
    BY_STREAM,
    ExplainableFigure,
    FigureAnswer,
    FigurePart,
    nothing_there,
    share_of,
)
from relations.projections.loyalty.projection import PROJECTION as LOYALTY
from relations.projections.loyalty.rows import Movement
from relations.projections.pipeline.view import contracts_of, is_to_renew
from relations.projections.projection import Projection, Tally
from relations.projections.repair.explained import (
    EVIDENCE,
    OF_COMPLAINTS,
    OF_RELATIONS,
    is_restored,
    parts_of_cases,
    parts_of_steps,
    relation_parts,
)
from relations.projections.repair.figures import CaseCounts
from relations.projections.retention.explained import FIGURES as OF_RETENTION
from relations.projections.retention.explained import customers_acquired, lifetime_value_of
from relations.projections.satisfaction.explained import FIGURES as OF_SATISFACTION
from relations.projections.team.view import courses_due, handled_in

__all__ = ["FIGURES"]

_OTHERS = {each.name: each for each in (*OF_RETENTION, *OF_SATISFACTION)}
_TRADE: dict[type[Event], str | None] = {PurchaseRecorded: None, PurchaseRefunded: None, RefundReversed: None}
_PLANS: dict[type[Event], str | None] = dict.fromkeys(
    (PlanBegun, PlanRenewed, PlanEnded, StepsAdded, StepLapsed, StepSkipped, InteractionRecorded)
)
_EVER = 2**62
_SPENT: dict[type[Event], str | None] = {
    CampaignCostRecorded: BY_STREAM,
    CampaignCostCancelled: BY_STREAM,
    AcquisitionCostRecorded: None,
    AcquisitionCostCancelled: None,
    PurchaseRecorded: None,
}


@dataclass(frozen=True)
class _Asked:
    """The question about an indicator.

    Attributes:
        view: The board's view.
        month: The month.
        scope: The part of the business.
        until: The last moment of the month, or the present if that is earlier.
    """

    view: Any
    month: str
    scope: Mapping[str, str]
    until: datetime

    @property
    def others(self) -> Sequence[Any]:
        """The views that the board reads, in the order of its `reads`."""
        found: Sequence[Any] = self.view._others
        return found

    @property
    def unit(self) -> int:
        """The minor units in a major one."""
        found: int = 10 ** minor_digits(self.view.policy.currency)
        return found


Explain = Callable[[_Asked], FigureAnswer]
"""Returns an answer; its `shown` is left out, for the board itself has it."""


@dataclass(frozen=True)
class _Way:
    """The explanation of an indicator: its rule, the value of sums, its parts and events, and the settings it reads."""

    rule: str
    value: Callable[[Mapping[str, float]], float | None]
    explain: Explain
    events: Mapping[type[Event], str | None]
    settings: Sequence[str] = ()


def _as_of_other(name: str, explain: Explain) -> _Way:
    """Return the way of a figure that another view explains already."""
    other = _OTHERS[name]
    return _Way(other.rule, other.value, explain, other.events, other.settings)


def _answers(name: str, instrument: str | None = None) -> _Way:
    def explain(asked: _Asked) -> FigureAnswer:
        view = asked.others[0]
        named = {} if instrument is None else {"instrument": instrument}
        return _OTHERS[name].answer(view, {"month": asked.month, **asked.scope, **named})

    return _as_of_other(name, explain)


def _effort(asked: _Asked) -> FigureAnswer:
    view = asked.others[0]
    for each in reversed(view.policy.surveys.instruments):
        if each.kind == "ces":
            with suppress(InvalidInput):  # nobody answered it in this month
                return _OTHERS["ces"].answer(view, {"month": asked.month, **asked.scope, "instrument": each.id})
    raise nothing_there("effort", {"month": asked.month, **asked.scope})


def _rates(name: str) -> _Way:
    def explain(asked: _Asked) -> FigureAnswer:
        return _OTHERS[name].answer(asked.others[1], {"period": asked.month, **asked.scope})

    return _as_of_other(name, explain)


# --- tallies --------------------------------------------------------------------------------------------------------


def _tallied(
    view: Any, projection: Projection, customers: Sequence[str], table: type[Tally]
) -> Iterator[tuple[str, Any]]:
    """Yield the rows of a tally that each customer's events alone make, with the customer's surviving id."""
    for customer in customers:
        survivor = view.aliases.survivor(customer)
        for row in view._fold_customer([projection], customer, None)[projection.name].tables[table].values():
            yield survivor, row


def _parts(added: Mapping[str, Counter[str]]) -> list[FigurePart]:
    return [FigurePart(customer, dict(sums)) for customer, sums in sorted(added.items()) if any(sums.values())]


def _of_month(*names: str) -> Explain:
    """Return what each customer adds to some counts of a month: `orders`, `bought`, `refunded`, `filed`."""

    def explain(asked: _Asked) -> FigureAnswer:
        view, month, local = asked.view, asked.month, asked.view.local
        begin = local.start(date.fromisoformat(f"{month}-01"))
        end = local.start(date.fromordinal(last_day(month) + 1)) - 1
        # Whatever counts in the month has an event in it, if only the purchase that is refunded.
        customers = view._customers_between([PROJECTION], begin, end)
        added: dict[str, Counter[str]] = {}
        for table in (TradeMonth, CaseMonth):
            for customer, row in _tallied(view, PROJECTION, customers, table):
                if row.month == month and getattr(row, "currency", view.policy.currency) == view.policy.currency:
                    units = {"bought": asked.unit, "refunded": asked.unit}
                    sums = {name: getattr(row, name) / units.get(name, 1) for name in names if hasattr(row, name)}
                    added.setdefault(customer, Counter()).update(sums)
        return FigureAnswer(None, _parts(added), counts=lambda event: _counts_in(event, month, view))

    return explain


def _counts_in(event: RecordedEvent, month: str, view: Any) -> bool:
    said, at = event.event, event.occurred_at
    match said:
        case PurchaseRefunded():
            at = max(at, said.bought_at)
        case RefundReversed():
            at = max(said.refunded_at, said.bought_at)
        case ComplaintFiled():
            return said.kind == "complaint" and bool(view.local.month(at) == month)
    return said.amount.currency == view.policy.currency and bool(view.local.month(at) == month)  # type: ignore[attr-defined] # all others have an amount


def _care(asked: _Asked) -> FigureAnswer:
    view = asked.others[4]
    customers = view._customers_between([CARE], -_EVER, _EVER)
    added: dict[str, Counter[str]] = {}
    for customer, row in _tallied(view, CARE, customers, CareMonth):
        if row.month == asked.month:
            added.setdefault(customer, Counter()).update({"done": row.done, "ended": row.done + row.lapsed})
    return FigureAnswer(None, _parts(added), counts=_is_of_a_plan)


def _is_of_a_plan(event: RecordedEvent) -> bool:
    said = event.event
    return not isinstance(said, InteractionRecorded) or (said.regarding is not None and said.regarding.kind == "care")


def _campaigns(asked: _Asked) -> FigureAnswer:
    view, code, month, now = asked.others[5], asked.view.policy.currency, asked.month, asked.view.now
    ended = {
        plan.campaign: plan
        for plan in view.rows(PlannedCampaign)
        if plan.kind and date.fromisoformat(plan.ends).toordinal() <= view.local.day(now)
    }
    mine = {
        name: plan for name, plan in ended.items() if month_of(date.fromisoformat(plan.ends).toordinal() - 1) == month
    }
    parts = [
        FigurePart(
            plan.customer,
            {"cost": sum(each.amount for each in plan.costs if each.currency == code and each.at <= now) / asked.unit},
            name,
        )
        for name, plan in mine.items()
    ]
    parts += [
        FigurePart(each.customer, {"revenue": (each.amount - each.refunded) / asked.unit}, each.purchase)
        for each in view._purchases(code, until=now)
        if each.campaign in mine
    ]
    return FigureAnswer(None, parts, until=now)


def _decided(asked: _Asked) -> FigureAnswer:
    view, now = asked.others[6], asked.view.now
    parts = [
        FigurePart(each.row.customer, {"won": int(each.status == "won"), "decided": 1}, each.row.opportunity)
        for each in view._decided(now, asked.month, months_after(asked.month))
    ]
    return FigureAnswer(None, parts, until=now)


def _expected(asked: _Asked) -> FigureAnswer:
    view, policy, moment = asked.others[6], asked.view.policy, to_micros(asked.until)
    chances = {stage.name: stage.chance_percent / 100 for stage in policy.pipeline.stages}
    parts = [
        FigurePart(
            each.row.customer,
            {"weighted": each.expected.value.amount * chances.get(each.expected.stage, 0.0) / asked.unit},
            each.row.opportunity,
        )
        for each in view._standings(moment)
        if each.status == "open" and each.expected.value and each.expected.value.currency == policy.currency
    ]
    return FigureAnswer(None, parts, until=moment)


def _trained(asked: _Asked) -> FigureAnswer:
    view, now = asked.others[7], asked.view.now
    added: dict[str, Counter[str]] = {}
    for each in courses_due(view, asked.month, now):
        added.setdefault(each.staff, Counter()).update({"completed": int(each.is_kept), "due": 1})
    return FigureAnswer(None, [FigurePart("", dict(sums), staff) for staff, sums in added.items()], until=now)


def _reopened(asked: _Asked) -> FigureAnswer:
    view, now = asked.others[7], asked.view.now
    parts = [
        FigurePart(each.customer, {"reopened": int(each.was_reopened), "resolved": 1}, each.complaint)
        for each in handled_in(view, asked.month, now)
        if each.was_resolved
    ]
    return FigureAnswer(None, parts, until=now)


def _to_renew(asked: _Asked) -> FigureAnswer:
    view, moment = asked.others[6], to_micros(asked.until)
    parts = [
        FigurePart(each.customer, {"contracts": 1}, each.opportunity)
        for each in contracts_of(view, None, moment)
        if each.status != "ended" and is_to_renew(each, asked.view.policy.pipeline)
    ]
    return FigureAnswer(None, parts, until=moment)


def _liability(asked: _Asked) -> FigureAnswer:
    view, until = asked.others[3], to_micros(asked.until)
    programme = view.policy.programme.id
    added: dict[str, Counter[str]] = {}
    for customer in view._customers_between([LOYALTY], -_EVER, until):
        rows = view._fold_customer([LOYALTY], customer, until)[LOYALTY.name].tables[Movement].values()
        points = sum(row.net for row in rows if row.programme == programme)
        added.setdefault(view.aliases.survivor(customer), Counter()).update({"points": points})
    return FigureAnswer(None, _parts(added), until=until)


# --- states at the end of the month ---------------------------------------------------------------------------------


def _steps(step: str) -> _Way:
    def explain(asked: _Asked) -> FigureAnswer:
        severity = asked.scope.get("severity")
        return FigureAnswer(
            None, parts_of_steps(asked.others[2], step, asked.view.now, month=asked.month, severity=severity)
        )

    return _Way(
        "Complaints filed in the month whose clock ended in time / complaints whose clock ended. A clock that ran out "
        "counts as missed.",
        share_of("met", "ended"),
        explain,
        OF_COMPLAINTS,
        ("service_levels",),
    )


def _cases(count: Callable[[CaseCounts], int], settings: Sequence[str] = ()) -> _Way:
    def explain(asked: _Asked) -> FigureAnswer:
        moment = to_micros(asked.until)
        return FigureAnswer(None, parts_of_cases(asked.others[2], count, moment), until=moment)

    rule = "The number of such cases at the end of the month; in a month that is not over, now."
    return _Way(rule, lambda sums: sums.get("cases", 0), explain, OF_COMPLAINTS, settings)


def _restored(asked: _Asked) -> FigureAnswer:
    moment = to_micros(asked.until)
    return FigureAnswer(None, relation_parts(asked.others[2], "restored", is_restored, moment), until=moment)


def _lifetime_value(asked: _Asked) -> FigureAnswer:
    currency = asked.view.policy.currency
    found = lifetime_value_of(asked.others[1], {"currency": currency}, asked.until)
    unit = asked.unit
    parts = [
        FigurePart(
            each.customer,
            {**each.added, "historic": each.added["historic"] / unit, "expected": each.added["expected"] / unit},
        )
        for each in found.parts
    ]
    return FigureAnswer(None, parts, computed_from=found.computed_from, until=found.until)


def _acquisition(asked: _Asked) -> FigureAnswer:
    view, currency = asked.others[1], asked.view.policy.currency
    spent = Counter[str]()
    for _, _, campaign, code, cost in view._advertised(view.day(asked.until)):
        if code == currency:
            spent[campaign] += cost
    parts = [FigurePart("", {"cost": cost / asked.unit}, campaign) for campaign, cost in sorted(spent.items())]
    for one in customers_acquired(view, currency, asked.until):
        costs = [cost for *_, code, cost in one.costs if code == currency]
        if costs or one.won_by in spent:
            parts.append(FigurePart(one.customer, {"cost": sum(costs) / asked.unit, "won": int(one.has_bought)}))
    return FigureAnswer(None, parts, until=to_micros(asked.until))


_WAYS: Mapping[str, _Way] = {
    "nps": _answers("nps"),
    "satisfaction": _answers("csat"),
    "effort": _as_of_other("ces", _effort),
    "complaint_satisfaction": _answers("csat", "complaint_csat"),
    "response_rate": _answers("response_rate"),
    "retention": _rates("retention"),
    "churn": _rates("churn"),
    "repeat_rate": _rates("repeat_rate"),
    "revenue": _Way(
        "The amounts of the month's purchases - the amounts refunded in it.",
        lambda sums: sums.get("bought", 0) - sums.get("refunded", 0),
        _of_month("orders", "bought", "refunded"),
        _TRADE,
        ("currency",),
    ),
    "average_order_value": _Way(
        "The amounts of the month's purchases, before refunds / their number.",
        share_of("bought", "orders"),
        _of_month("orders", "bought"),
        {PurchaseRecorded: None},
        ("currency",),
    ),
    "complaint_rate": _Way(
        "Complaints filed in the month / purchases of the month.",
        share_of("filed", "orders"),
        _of_month("filed", "orders"),
        {PurchaseRecorded: None, ComplaintFiled: None},
        ("currency",),
    ),
    "complaints": _Way(
        "The number of complaints filed in the month.",
        lambda sums: sums.get("filed", 0),
        _of_month("filed"),
        {ComplaintFiled: None},
    ),
    "campaign_roi": _Way(
        "(The purchases of campaigns whose last day is in the month, less refunds - what they cost) / what they cost.",
        lambda sums: (sums.get("revenue", 0) - sums["cost"]) / sums["cost"] if sums.get("cost") else None,
        _campaigns,
        {
            **dict.fromkeys((CampaignPlanned, CampaignCostRecorded, CampaignCostCancelled), BY_STREAM),
            **dict.fromkeys((PurchaseRecorded, PurchaseRefunded, RefundReversed), "purchase"),
        },
        ("currency",),
    ),
    "win_rate": _Way(
        "Opportunities won in the month / opportunities won or lost in it.",
        share_of("won", "decided"),
        _decided,
        dict.fromkeys((OpportunityWon, OpportunityLost), BY_STREAM),
    ),
    "trainings_on_time": _Way(
        "Trainings of staff that were due in the month and completed by then / all that were due in it.",
        share_of("completed", "due"),
        _trained,
        dict.fromkeys((StaffTrainingPlanned, StaffTrainingCompleted), BY_STREAM),
    ),
    "reopened_cases": _Way(
        "Cases filed in the month that were resolved and reopened since / those that were resolved since.",
        share_of("reopened", "resolved"),
        _reopened,
        OF_COMPLAINTS,
    ),
    "weighted_pipeline": _Way(
        "The expected values of open opportunities, each times the chance of its stage, at the end of the month.",
        lambda sums: sums.get("weighted", 0),
        _expected,
        dict.fromkeys((OpportunityOpened, OpportunityAdvanced), BY_STREAM),
        ("currency", "pipeline.stages"),
    ),
    "contracts_to_renew": _Way(
        "The number of contracts at the end of the month that end within the policy's days of renewal. Those that are "
        "over and were neither renewed nor ended count, too.",
        lambda sums: sums.get("contracts", 0),
        _to_renew,
        dict.fromkeys((OpportunityWon, ContractRenewed, ContractEnded), BY_STREAM),
        ("pipeline.renewal_days",),
    ),
    "care_kept": _Way(
        "Steps of care plans that were due in the month and done in time / those done or lapsed.",
        share_of("done", "ended"),
        _care,
        _PLANS,
    ),
    "first_response_on_time": _steps("acknowledged"),
    "resolution_on_time": _steps("resolved"),
    "open_cases": _cases(lambda found: found.open),
    "overdue_cases": _cases(lambda found: found.overdue, ("service_levels",)),
    "overdue_follow_ups": _cases(lambda found: found.follow_ups_overdue, ("surveys.follow_up_days",)),
    "restored_relations": _Way(
        "Damaged relations that were restored or won back at the end of the month / relations with any complaint.",
        share_of("restored", "damaged"),
        _restored,
        OF_RELATIONS,
        EVIDENCE,
    ),
    "lifetime_value": _Way(
        "(Purchases less refunds + the value expected within the horizon) / buyers, at the end of the month. What is "
        "expected comes from models of buying and spending.",
        lambda sums: (sums["historic"] + sums["expected"]) / sums["customers"] if sums.get("customers") else None,
        _lifetime_value,
        _TRADE,
        ("currency",),
    ),
    "acquisition_cost": _Way(
        "All costs of campaigns and of winning customers until the end of the month / buyers that a campaign or such a "
        "cost won. Campaigns of the kind `win_back` win no new customers and are left out.",
        share_of("cost", "won"),
        _acquisition,
        _SPENT,
        ("currency",),
    ),
    "liability": _Way(
        "The points in open lots at the end of the month: all that came less all that went.",
        lambda sums: sums.get("points", 0),
        _liability,
        dict.fromkeys(LOYALTY.folds),
    ),
}


def _ask(name: str) -> Callable[[Any, Mapping[str, str]], FigureAnswer]:
    def ask(view: Any, of: Mapping[str, str]) -> FigureAnswer:
        present = view.now
        month = of.get("month") or months_after(view.local.month(present), -1)
        scope = {key: value for key, value in of.items() if key != "month"}
        shown = next(iter(view.series(name, since=month, until=months_after(month), scope=scope)), None)
        if shown is None:
            raise nothing_there(name, of)
        end = view.local.start(date.fromordinal(last_day(month) + 1)) - 1
        answer = _WAYS[name].explain(_Asked(view, month, scope, from_micros(min(end, present))))
        if shown.value is None and not answer.parts:
            raise nothing_there(name, of)
        basis = {"month": month, "complete": shown.complete, **answer.computed_from}
        return replace(answer, shown=shown.value, computed_from=basis)

    return ask


FIGURES = tuple(
    ExplainableFigure(
        name=name,
        rule=_WAYS[name].rule,
        value=_WAYS[name].value,
        ask=_ask(name),
        events=_WAYS[name].events,
        of=("month", *sorted(indicator.scopes)),
        settings=_WAYS[name].settings,
    )
    for name, indicator in INDICATORS.items()
    if name in _WAYS
)
