"""Stories of a dozen guests, in which happens what is rare in a simulated history.

Each is a list of steps: the day, the hour, a command and its fields. A history that ends earlier has them only up to
its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from relations.aggregates.campaign import (
    CancelCampaignCost,
    EndCampaign,
    PlanCampaign,
    RecordCampaignCost,
    RecordCampaignReach,
    StartCampaign,
)
from relations.aggregates.complaint import (
    AcceptRemedy,
    AcknowledgeComplaint,
    AskInformation,
    AssessComplaint,
    AssignComplaint,
    CarryOutRemedy,
    CompleteImprovement,
    DeclineRemedy,
    EscalateComplaint,
    FileComplaint,
    InvestigateComplaint,
    JudgePromise,
    MeasureImprovement,
    MergeComplaint,
    NameRootCause,
    ProposeRemedy,
    RaiseImprovement,
    ReceiveInformation,
    ReceiveMessage,
    RecogniseComplaint,
    ResolveComplaint,
    SendHoldingReply,
    SendMessage,
    TransferComplaint,
    WithdrawComplaint,
)
from relations.aggregates.customer import (
    AcceptHandover,
    AnswerFeedback,
    AnswerOffer,
    AssignCustomer,
    BeginPlan,
    CancelAcquisitionCost,
    CodeFeedback,
    DropContact,
    EndPlan,
    EraseCustomer,
    GiveFeedback,
    ItemAnswer,
    MergeCustomer,
    NameContact,
    NoteTrait,
    PurchaseLine,
    RecordAcquisitionCost,
    RecordInteraction,
    RecordPurchase,
    RefundPurchase,
    RegisterCustomer,
    ReverseRefund,
    ScoreSentiment,
    SendOffer,
    StateRung,
    UnmergeCustomer,
    WithholdOffer,
)
from relations.aggregates.loyalty import (
    AdjustPoints,
    CloseAccount,
    EarnPoints,
    EnrolMember,
    IssueReward,
    JoinClub,
    LeaveClub,
    MakeReferral,
    RedeemPoints,
    ReopenAccount,
    ReverseRedemption,
    TransferPoints,
    UseBenefit,
    UseReward,
)
from relations.aggregates.programme import SetProgrammeGoal
from relations.messages import Money
from relations.policies import CarePlan, CareStep, Condition, PlatformPromise, Policy, Referral, Reward, Tier
from relations.policies.care_plans.shipped import CARE_PLANS
from relations.policies.instruments import SERVQUAL
from relations.testing.hotel.diary import Diary
from relations.testing.hotel.office.firms import Step, crew_under_contract, rival_next_door
from relations.testing.hotel.world import CARED_LANGUAGES

__all__ = ["storied", "write_stories"]

_EURO = 100
_PROGRAMME = "main"
_LAST_DAYS = 25
"""The last days of a history, in which people post and cases are open: alarms and work concern the present."""


def storied(policy: Policy) -> Policy:
    """Return a policy with everything that the stories need: rewards, referrals, clubs and platforms."""
    programme = policy.programme.model_copy(
        update={
            "rewards": (Reward(name="breakfast", points=100, stock=50, days_valid=30),),
            "referral": Referral(referrer_points=500, referred_points=250),
            "clubs": ("wine circle",),
            "tiers": (Tier(name="Silver", threshold=1_000, benefits=("late check-out",)), *policy.programme.tiers[1:]),
        }
    )
    return policy.model_copy(
        update={
            "programme": programme,
            "care": policy.care.model_copy(update={"plans": _care_plans()}),
            "surveys": policy.surveys.model_copy(
                update={"platforms": (PlatformPromise(platform="weibo", answer_minutes=30),)}
            ),
        }
    )


def _care_plans() -> tuple[CarePlan, ...]:
    """Return the group's care plans: some guests are in 611, two hotels write after a first stay.

    Only firms that are addressed in the German of Switzerland have the plan of a contract: those of the stories.
    """
    return (
        CARE_PLANS["611"].model_copy(update={"begins": "by_hand"}),
        CARE_PLANS["birthday"],
        CARE_PLANS["after_stay"].model_copy(
            update={
                "begins": "first_purchase",
                "meant_for": (Condition(fact="language", one_of=CARED_LANGUAGES),),
            }
        ),
        CARE_PLANS["after_complaint"],
        CarePlan(
            id="account",
            begins="contract",
            meant_for=(Condition(fact="language", one_of=("de-CH",)),),
            repeats_months=6,
            steps=(
                CareStep(id="call", what="short_call", day=14, days_valid=14),
                CareStep(id="thanks", what="message", day=2, on="stay_end", days_valid=5),
            ),
        ),
    )


def write_stories(diary: Diary) -> None:
    """Write the stories into a history's diary."""
    personal = (_case, _improvement, _desk, _posts, _friends, _account, _merge, _campaign, _open, _ties)
    for number, story in enumerate((*personal, crew_under_contract, rival_next_door)):
        begins = datetime(diary.first.year, diary.first.month, diary.first.day, tzinfo=UTC)
        first = max(20, diary.days - _LAST_DAYS) if story in (_posts, _open) else 20 + 9 * number
        for step, (day, hour, kind, fields) in enumerate(story(diary.first)):
            at = begins + timedelta(days=first + day, hours=hour)
            command = kind.model_validate(
                {
                    "occurred_at": at,
                    "command_id": f"{diary.prefix}story{number}:{step}",
                    "actor": "front desk",
                    **fields,
                }
            )
            diary.record(command, int(at.timestamp()))


def _complaint(name: str, customer: str, subject: str, **more: Any) -> dict[str, Any]:
    return {"complaint": name, "customer": customer, "subject": subject, "channel": "email", **more}


def _guest(customer: str, name: str, language: str = "de-AT") -> Step:
    return 0, 8, RegisterCustomer, {"customer": customer, "name": name, "language": language, "source": "booking"}


def _stay(customer: str, purchase: str, euros: int, day: int = 0) -> Step:
    fields = {"customer": customer, "purchase": purchase, "amount": Money(euros * _EURO, "EUR"), "category": "room"}
    return day, 9, RecordPurchase, fields


def _case(_first: date) -> Iterator[Step]:
    """Show a case that goes through every desk."""
    k = {"complaint": "story-heating"}
    yield _guest("story-emma", "Emma Egger")
    yield _stay("story-emma", "story-emma-1", 900)
    yield 1, 9, FileComplaint, _complaint("story-heating", "story-emma", "heating", text="It is cold.")
    yield 1, 10, AcknowledgeComplaint, {**k, "channel": "email"}
    yield 1, 11, AssessComplaint, {**k, "severity": "high", "category": "room", "impact": "high"}
    yield 1, 12, AssignComplaint, {**k, "owner": "li", "department": "rooms"}
    yield 1, 13, AskInformation, {**k, "request": "room", "about": "the room's number"}
    yield 1, 15, ReceiveInformation, {**k, "request": "room", "words": "Room 12."}
    yield 1, 16, TransferComplaint, {**k, "department": "engineering", "owner": "bao", "reason": "boiler"}
    yield 2, 9, InvestigateComplaint, {**k, "findings": "The valve was shut.", "conclusion": "upheld"}
    yield 2, 10, EscalateComplaint, {**k, "to": "manager", "reason": "second week"}
    until = datetime.combine(_first, datetime.min.time(), UTC) + timedelta(days=24)
    yield 2, 11, SendHoldingReply, {**k, "reason": "a part is on its way", "until": until}
    offer = {**k, "kind": "refund"}
    yield 2, 12, ProposeRemedy, {**offer, "remedy": "m2", "value": Money(90 * _EURO, "EUR")}
    yield 2, 16, DeclineRemedy, {**k, "remedy": "m2", "reason": "not what was asked"}
    yield 2, 17, ProposeRemedy, {**offer, "remedy": "m3", "value": Money(50 * _EURO, "EUR")}
    yield 2, 18, AcceptRemedy, {**k, "remedy": "m3"}
    yield 2, 19, CarryOutRemedy, {**k, "remedy": "m3"}
    yield 3, 9, ResolveComplaint, {**k, "outcome": "settled"}
    yield 3, 10, JudgePromise, {**k, "promise": "timely response", "kept": True, "judged_by": "arbitration board"}
    items = tuple(ItemAnswer(item.id, 5, 6) for item in SERVQUAL.items)
    yield 3, 10, GiveFeedback, {"customer": "story-emma", "feedback": "gaps", "instrument": "servqual", "items": items}
    yield 3, 11, ReceiveMessage, {**k, "message": "thanks", "words": "Thank you!"}
    yield 3, 12, SendMessage, {**k, "message": "welcome", "words": "You are welcome."}


def _improvement(_first: date) -> Iterator[Step]:
    """Show a complaint that made the house better, and of one that did not."""
    yield _guest("story-franz", "Franz Fuchs")
    for name, subject, counts in (("noise", "noise", (9, 90, 2, 90)), ("lift", "lift", (4, 90, 6, 90))):
        k = {"complaint": f"story-{name}"}
        i = {**k, "improvement": f"story-{name}-i"}
        before, before_days, after, after_days = counts
        yield 1, 9, FileComplaint, _complaint(f"story-{name}", "story-franz", subject)
        yield 1, 10, NameRootCause, {**k, "cause": f"old {name} doors"}
        yield 1, 11, RecogniseComplaint, {**k, "reward": f"story-{name}-r", "value": Money(20 * _EURO, "EUR")}
        yield 1, 12, ResolveComplaint, {**k, "outcome": "settled"}
        yield 2, 9, RaiseImprovement, {**i, "title": "new doors", "cause": f"old {name} doors", "owner": "bao"}
        yield 9, 9, CompleteImprovement, i
        yield (
            99, 9, MeasureImprovement,
            {**i, "before": before, "before_days": before_days, "after": after, "after_days": after_days},
        )  # fmt: skip


def _desk(_first: date) -> Iterator[Step]:
    """Show cases that are not complaints, and of one that was filed twice."""
    yield _guest("story-gina", "Gina Gruber")
    ask = {"complaint": "story-parking"}
    yield 1, 9, FileComplaint, _complaint("story-parking", "story-gina", "parking", kind="enquiry")
    yield 1, 10, SendMessage, {**ask, "message": "a1", "words": "Yes, behind the house."}
    yield 1, 14, ReceiveMessage, {**ask, "message": "q1", "words": "Is it free?"}
    yield 1, 15, SendMessage, {**ask, "message": "a2", "words": "It is."}
    yield 1, 16, ResolveComplaint, {**ask, "outcome": "answered"}
    yield 2, 9, FileComplaint, _complaint("story-late", "story-gina", "late check-out", kind="request")
    yield 2, 10, ResolveComplaint, {"complaint": "story-late", "outcome": "granted"}
    yield 2, 11, FileComplaint, _complaint("story-idea", "story-gina", "oat milk", kind="suggestion")
    yield 3, 9, ResolveComplaint, {"complaint": "story-idea", "outcome": "adopted"}
    for name in ("first", "again"):
        yield 4, 9, FileComplaint, _complaint(f"story-bill-{name}", "story-gina", "bill")
    for name in ("first", "too-soon"):
        yield (
            4, 9, RecordInteraction,
            {
                "customer": "story-gina", "interaction": f"story-{name}", "kind": "message", "channel": "email",
                "direction": "outbound", "purpose": "offers", "lenient": True,
            },
        )  # fmt: skip
    yield 4, 10, MergeComplaint, {"complaint": "story-bill-again", "into": "story-bill-first"}
    yield 4, 11, WithdrawComplaint, {"complaint": "story-bill-first", "reason": "found the receipt"}


def _open(_first: date) -> Iterator[Step]:
    """Show cases that are open when the history ends, and a care plan with a step that is due."""
    olga = {"customer": "story-olga", "name": "Olga Ott", "language": "zh-Hans", "email": "olga@example.com"}
    yield 0, 8, RegisterCustomer, olga
    yield 0, 9, BeginPlan, {"customer": "story-olga", "plan": "611", "owner": "li"}
    yield (
        9, 10, RecordInteraction,
        {
            "customer": "story-olga", "interaction": "story-olga-1", "kind": "message", "channel": "email",
            "direction": "outbound", "regarding": "care 611-1 message-1", "by": "li",
        },
    )  # fmt: skip
    yield 21, 9, FileComplaint, _complaint("story-shower", "story-olga", "shower", severity="high")
    yield 21, 10, AssignComplaint, {"complaint": "story-shower", "owner": "li", "department": "rooms"}
    yield 23, 9, FileComplaint, _complaint("story-cot", "story-olga", "cot", kind="request", channel="phone")
    yield 23, 10, SendMessage, {"complaint": "story-cot", "message": "a1", "words": "We look for one."}
    yield 23, 11, FileComplaint, _complaint("story-shuttle", "story-olga", "shuttle", kind="enquiry", channel="app")


def _posts(_first: date) -> Iterator[Step]:
    """Show posts: two weeks of calm, then a storm, which is answered."""
    for number in range(30):
        stormy = number >= 18
        day = min(number, 18)
        author = {"customer": f"story-author-{number % 12}"}
        post = {**author, "feedback": f"story-post-{number}"}
        yield (
            day, 12, GiveFeedback,
            {
                **post, "instrument": "review", "channel": "social", "platform": "weibo",
                "link": f"https://weibo.example/{number}", "score": 1 if stormy else 5,
                "comment": "No hot water!" if stormy else "A fine house.",
            },
        )  # fmt: skip
        if stormy:
            yield day, 13, ScoreSentiment, {**post, "score": -800, "scorer": "listener", "scorer_version": "1"}
            yield day, 14, CodeFeedback, {**post, "themes": ("hot water",), "coder": "li"}
        if number % 3:
            yield day, 15, AnswerFeedback, {**post, "by": "li", "action": "explained"}


def _friends(_first: date) -> Iterator[Step]:
    """Show a member who brings a friend, and of rewards that are used, and not."""
    for name in ("hana", "ivo", "jana"):
        yield _guest(f"story-{name}", f"{name.title()} Huber")
    member = {"customer": "story-hana", "programme": _PROGRAMME}
    yield 0, 9, EnrolMember, member
    yield 0, 10, EarnPoints, {**member, "lot": "story-welcome", "points": 5_000}
    yield 0, 11, EnrolMember, {"customer": "story-jana", "programme": _PROGRAMME}
    yield 0, 12, MakeReferral, {**member, "referral": "story-ref", "referred": "story-ivo"}
    yield 1, 8, EnrolMember, {"customer": "story-ivo", "programme": _PROGRAMME}
    yield _stay("story-ivo", "story-ivo-1", 300, day=2)
    yield 3, 9, RefundPurchase, {
        "customer": "story-ivo", "refund": "story-ivo-r", "purchase": "story-ivo-1",
        "amount": Money(300 * _EURO, "EUR"),
    }  # fmt: skip
    yield 4, 9, ReverseRefund, {"customer": "story-ivo", "refund": "story-ivo-r", "reason": "sent back"}
    yield 4, 10, IssueReward, {**member, "coupon": "story-c1", "reward": "breakfast"}
    yield 4, 11, UseReward, {**member, "coupon": "story-c1"}
    yield 4, 12, IssueReward, {**member, "coupon": "story-c2", "reward": "breakfast"}
    yield 4, 13, TransferPoints, {**member, "transfer": "story-t1", "to": "story-jana", "points": 400}
    yield 5, 9, RedeemPoints, {**member, "redemption": "story-d1", "points": 200, "reward": "wine"}
    yield 5, 10, ReverseRedemption, {**member, "redemption": "story-d1"}
    yield 5, 11, JoinClub, {**member, "club": "wine circle"}
    yield 6, 9, LeaveClub, {**member, "club": "wine circle"}
    yield 60, 9, RedeemPoints, {**member, "redemption": "story-d2", "points": 100, "reward": "wine"}


def _account(first: date) -> Iterator[Step]:
    """Show an account that is in debt, is adjusted, and is closed and opened again."""
    yield _guest("story-karl", "Karl Koch")
    member = {"customer": "story-karl", "programme": _PROGRAMME}
    yield (
        0, 9, SetProgrammeGoal,
        {
            "programme": _PROGRAMME, "goal": "story-members", "metric": "members", "target": 500,
            "starts": first, "ends": first + timedelta(days=365),
        },
    )  # fmt: skip
    yield 0, 10, EnrolMember, member
    yield _stay("story-karl", "story-karl-1", 2_000, day=1)
    yield 2, 9, UseBenefit, {**member, "use": "story-u1", "benefit": "late check-out"}
    yield 2, 10, RedeemPoints, {**member, "redemption": "story-d3", "points": 1_500, "reward": "room upgrade"}
    yield 3, 9, RefundPurchase, {
        "customer": "story-karl", "refund": "story-karl-r", "purchase": "story-karl-1",
        "amount": Money(1_900 * _EURO, "EUR"),
    }  # fmt: skip
    yield _stay("story-karl", "story-karl-2", 2_500, day=4)
    adjustment = {**member, "adjustment": "story-a1", "points": 50, "reason": "till was offline", "author": "ann"}
    yield 5, 9, AdjustPoints, adjustment
    yield 5, 10, BeginPlan, {"customer": "story-karl", "plan": "611", "owner": "ann"}
    yield 6, 8, EndPlan, {"customer": "story-karl", "plan": "611", "reason": "moves away"}
    yield 6, 9, CloseAccount, {**member, "reason": "moves away"}
    yield 7, 9, ReopenAccount, member
    yield 8, 9, RecordAcquisitionCost, {
        "customer": "story-karl", "acquisition": "story-ac", "amount": Money(30 * _EURO, "EUR"), "channel": "web",
    }  # fmt: skip
    yield 8, 10, CancelAcquisitionCost, {"customer": "story-karl", "acquisition": "story-ac"}


def _merge(_first: date) -> Iterator[Step]:
    """Show one person under two ids, of two persons taken for one, and of one who asked to be forgotten."""
    for name in ("lena", "lena-app", "mara", "nora"):
        yield _guest(f"story-{name}", f"{name.title()} Moser")
        yield 0, 10, EnrolMember, {"customer": f"story-{name}", "programme": _PROGRAMME}
        yield _stay(f"story-{name}", f"story-{name}-1", 250, day=1)
    yield 2, 9, MergeCustomer, {"customer": "story-lena-app", "into": "story-lena"}
    yield _stay("story-lena-app", "story-lena-app-2", 120, day=3)
    yield 4, 9, RefundPurchase, {
        "customer": "story-lena-app", "refund": "story-lena-r", "purchase": "story-lena-app-2",
        "amount": Money(120 * _EURO, "EUR"),
    }  # fmt: skip
    yield 4, 10, EarnPoints, {
        "customer": "story-lena-app", "programme": _PROGRAMME, "lot": "story-bonus", "points": 100,
    }  # fmt: skip
    yield 2, 10, MergeCustomer, {"customer": "story-nora", "into": "story-mara"}
    yield 5, 9, UnmergeCustomer, {"customer": "story-nora"}
    yield 20, 9, EraseCustomer, {"customer": "story-nora", "reason": "asked to be forgotten"}


def _campaign(first: date) -> Iterator[Step]:
    """Show a campaign with its costs and its reach."""
    c = {"campaign": "story-spring"}
    yield (
        0, 8, PlanCampaign,
        {
            **c, "kind": "promotion", "starts": first + timedelta(days=90), "ends": first + timedelta(days=120),
            "channels": ("web", "social"), "budget": Money(2_000 * _EURO, "EUR"),
        },
    )  # fmt: skip
    yield 8, 9, StartCampaign, {**c, "audience": 300}
    yield 8, 10, RecordCampaignCost, {**c, "cost": "story-ad", "amount": Money(900 * _EURO, "EUR"), "channel": "web"}
    yield 8, 11, RecordCampaignCost, {**c, "cost": "story-twice", "amount": Money(500 * _EURO, "EUR")}
    yield 8, 12, CancelCampaignCost, {**c, "cost": "story-twice"}
    yield 9, 9, RecordCampaignReach, {**c, "reach": "story-reach", "platform": "weibo", "impressions": 40_000}
    for number in range(1, 9):
        yield _guest(f"story-spring-{number}", f"Gast {number}")
        guest = {"customer": f"story-spring-{number}"}
        if number % 4 == 0:
            yield 9, 9, WithholdOffer, {**guest, **c}
            continue
        offer = {"offer": f"story-offer-{number}"}
        yield 9, 9, SendOffer, {**guest, **c, **offer, "channel": "email", "lenient": True}
        yield 10, 9, AnswerOffer, {**guest, **offer, "answer": "bounced" if number == 7 else "accepted"}
        if number < 6:
            yield _package(number, guest, c)
    yield 0, 8, RegisterCustomer, {"customer": "story-agency", "kind": "partner", "name": "Alpenreisen"}
    yield 40, 9, EndCampaign, {**c, "reason": "over"}


def _ties(_first: date) -> Iterator[Step]:
    """Show an organisation with its contacts, and a guest that a new owner takes over."""
    yield 0, 8, RegisterCustomer, {"customer": "story-firm", "kind": "organisation", "name": "Alpenbau"}
    yield 0, 9, NameContact, {"customer": "story-firm", "contact": "story-emma", "level": "top", "role": "director"}
    yield 1, 9, NameContact, {"customer": "story-firm", "contact": "story-paul", "level": "working", "role": "buyer"}
    yield 9, 9, DropContact, {"customer": "story-firm", "contact": "story-paul"}
    yield 1, 10, StateRung, {"customer": "story-firm", "rung": "strategic", "by": "ann"}
    guest = {"customer": "story-olga"}
    yield 1, 9, AssignCustomer, {**guest, "owner": "ann", "deputy": "bao"}
    yield 1, 10, NoteTrait, {**guest, "trait": "taboo", "about": "lilies"}
    yield 1, 11, NoteTrait, {**guest, "trait": "preference", "about": "quiet room"}
    yield 30, 9, AssignCustomer, {**guest, "owner": "cleo", "reason": "on leave"}
    yield 31, 9, AcceptHandover, guest
    yield 90, 9, AssignCustomer, {**guest, "owner": "dov", "deputy": "cleo"}


def _package(number: int, guest: dict[str, str], campaign: dict[str, str]) -> Step:
    """Return the purchase of a package, as an agency sells it: a room and a massage for one price."""
    room, massage, off = 300 + 20 * number, 80, -30
    lines = [("room", room, "room"), ("massage", massage, "spa")]
    fields = {
        **guest,
        **campaign,
        "purchase": f"story-package-{number}",
        "amount": Money((room + massage + off) * _EURO, "EUR"),
        "category": "package",
        "discounted": True,
        "partner": "story-agency",
        "lines": tuple(PurchaseLine(name, Money(price * _EURO, "EUR"), 1, kind) for name, price, kind in lines),
        "rest": Money(off * _EURO, "EUR"),
        "cost": Money((room + massage) * _EURO * 6 // 10, "EUR"),
    }
    return 11, 9, RecordPurchase, fields
