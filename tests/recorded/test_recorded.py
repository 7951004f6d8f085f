"""Bodies as the log once stored them, byte by byte, and what they mean.

The files beside this one are what logs in the field hold. They are never edited and never deleted: when an event's
form changes, its `schema` is raised, an upcast is added, files of the new form are added here, and those of the old
form must go on meaning the same. Each file is named `<topic>.<schema>.<sample>.json` and has no line end.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest

from relations import Event, Money
from relations.aggregates import AGGREGATES
from relations.aggregates.campaign import (
    CampaignCostCancelled,
    CampaignCostRecorded,
    CampaignEnded,
    CampaignPlanned,
    CampaignReachRecorded,
    CampaignStarted,
)
from relations.aggregates.complaint import (
    ApologyGiven,
    ComplaintAcknowledged,
    ComplaintClosed,
    ComplaintFiled,
    ComplaintFollowedUp,
    ComplaintReopened,
    ComplaintResolved,
    ComplaintWithdrawn,
    DeadlineMet,
    DeadlineMissed,
    RemedyAccepted,
    RemedyCarriedOut,
    RemedyDeclined,
    RemedyProposed,
)
from relations.aggregates.customer import (
    AcquisitionCostCancelled,
    AcquisitionCostRecorded,
    ConsentGiven,
    ConsentWithdrawn,
    ContactDropped,
    ContactNamed,
    CultureNoted,
    CustomerAbsorbed,
    CustomerAssigned,
    CustomerErased,
    CustomerLapsed,
    CustomerMerged,
    CustomerRegistered,
    CustomerReleased,
    CustomerUnmerged,
    CustomerWonBack,
    FeedbackAnswered,
    FeedbackCoded,
    FeedbackCorrected,
    FeedbackGiven,
    HandoverAccepted,
    IdentityLinked,
    InteractionRecorded,
    InvitationDeclined,
    InvitationReminded,
    InvitationSeen,
    InvitationSent,
    ItemAnswer,
    OfferAnswered,
    OfferSent,
    OfferWithheld,
    PlanBegun,
    PlanEnded,
    PlannedStep,
    PlanRenewed,
    ProfileCorrected,
    PurchaseLine,
    PurchaseRecorded,
    PurchaseRefunded,
    RefundReversed,
    Regarding,
    RungStated,
    SentimentScored,
    StepLapsed,
    StepsAdded,
    StepSkipped,
    TraitDropped,
    TraitNoted,
)
from relations.aggregates.goal import (
    GoalEnded,
    GoalImprovementCompleted,
    GoalImprovementMeasured,
    GoalImprovementRaised,
    GoalReviewed,
    GoalSet,
    Measured,
)
from relations.aggregates.loyalty import (
    AccountClosed,
    AccountReceived,
    AccountReleased,
    AccountReopened,
    AccountRestored,
    AccountReturned,
    BenefitUsed,
    ClubJoined,
    ClubLeft,
    Coupon,
    CreditForwarded,
    DebtIncurred,
    DebtRepaid,
    Earning,
    EarningRestored,
    EarningReversed,
    ExpiryDeferred,
    GracedLot,
    Holdings,
    Invited,
    LostTier,
    Lot,
    LotShare,
    MemberEnrolled,
    Membership,
    MovedLot,
    PointsActivated,
    PointsAdjusted,
    PointsEarned,
    PointsExpired,
    PointsReceived,
    PointsRedeemed,
    PointsReleased,
    PurchaseForwarded,
    Redemption,
    RedemptionReversed,
    ReferralFulfilled,
    ReferralMade,
    ReferralReceived,
    ReferralRestored,
    ReferralRevoked,
    ReferralRewarded,
    RefundForwarded,
    RequestForwarded,
    RestoredLot,
    Revoked,
    RewardExpired,
    RewardIssued,
    RewardUsed,
    Taking,
    TierGraceGiven,
    TierKept,
    TierLost,
    TierReached,
    TierStanding,
    TierWarned,
    VoidedReward,
)
from relations.aggregates.model import ClustersFitted, ForecastsFitted, ModelFitted, RulesFitted
from relations.aggregates.opportunity import (
    ContractEnded,
    ContractRenewed,
    OpportunityAdvanced,
    OpportunityLost,
    OpportunityOpened,
    OpportunityQuoted,
    OpportunityWon,
)
from relations.aggregates.policy import PolicyAdopted
from relations.aggregates.programme import ProgrammeGoalSet, StockReturned, StockTaken
from relations.aggregates.rival import RivalObservationCancelled, RivalObserved
from relations.aggregates.staff import (
    StaffJoined,
    StaffLeft,
    StaffRecognised,
    StaffRoleChanged,
    StaffTrainingCompleted,
    StaffTrainingPlanned,
)
from relations.log import Codec
from relations.messages import Tender
from relations.policies import Policy
from tests.recorded.complaints import COMPLAINTS

HERE = Path(__file__).parent
AT = 1_714_564_800_000_000
DAY = 86_400_000_000
SEALED = "sealed:dGhlIG5vbmNl-c2VhbGVkIHdvcmRz_YW5kIGEgdGFnIG9mIHNpeHRlZW4="
CODEC = Codec(event for aggregate in AGGREGATES for event in aggregate.events)

DINING: dict[str, Any] = {"programme": "dining"}
MOVED = MovedLot("purchase/stay-2024-118", 40, AT, AT + 365 * DAY, AT - DAY)
HOLDINGS = Holdings(
    enrolled_at=AT,
    lots={"welcome": Lot(60, AT, AT + 365 * DAY, AT, True, True)},
    earnings={
        "welcome": Earning(
            100, 90, "2024-05", "purchase", "welcome", AT, AT + 365 * DAY, AT, True, 10, 20, 5, 15, ("r1", "r2")
        )
    },
    redemptions={"r-1": Redemption(30, "breakfast", (LotShare("welcome", 30),), True)},
    coupons={"k-1": Coupon("free night", 500, AT + 30 * DAY, True, "used")},
    months={"2024-05": 75},
    month="2024-05",
    debt=3,
    lapses_at=AT + 180 * DAY,
    tier="silver",
    tier_since=AT,
    tier_month="2024-05",
    reviewed=AT,
    warned=AT + 90 * DAY,
    grace_until=AT + 120 * DAY,
)
EVERYTHING_HELD = msgspec.structs.replace(
    HOLDINGS,
    closed_at=AT + DAY,
    clubs=("wine",),
    referrals={"f1": "c-44"},
    rewarded=2,
    invited=Invited("f0", "c-40", AT, True),
)

MEANT: dict[str, Event] = {
    "customer.registered.1.full": CustomerRegistered(
        name=SEALED,
        email=SEALED,
        phone=SEALED,
        birthday=SEALED,
        language="de-AT",
        region="Südtirol",
        channel="on_site",
        source="front desk",
        at=AT,
    ),
    "customer.registered.1.implicit": CustomerRegistered(source="implicit", implicit=True, at=AT),
    "customer.registered.1.author": CustomerRegistered(source="implicit", implicit=True, kind="author", at=AT),
    "customer.registered.1.bare": CustomerRegistered(),
    "customer.registered.1.gender": CustomerRegistered(gender=SEALED, at=AT),
    "customer.profile_corrected.1.full": ProfileCorrected(
        name=SEALED, email=SEALED, phone=SEALED, birthday=SEALED, language="zh-Hant", region="東京", at=AT
    ),
    "customer.profile_corrected.1.bare": ProfileCorrected(),
    "customer.profile_corrected.1.gender": ProfileCorrected(gender=SEALED, at=AT),
    "customer.consent_given.1.full": ConsentGiven(
        purpose="newsletter", channel="email", basis="consent", source="web form", at=AT
    ),
    "customer.consent_withdrawn.1.full": ConsentWithdrawn(
        purpose="newsletter", channel="email", source="customer", at=AT
    ),
    "customer.interaction_recorded.1.full": InteractionRecorded(
        interaction="call-7",
        channel="phone",
        kind="greeting",
        touchpoint="reception",
        direction="outbound",
        outcome="reached",
        at=AT,
    ),
    "customer.interaction_recorded.1.bare": InteractionRecorded(interaction="i", channel="web", kind="visit"),
    "customer.interaction_recorded.2.full": InteractionRecorded(
        interaction="call-8",
        channel="phone",
        kind="short_call",
        touchpoint="reception",
        direction="outbound",
        outcome="reached",
        at=AT,
        regarding=Regarding("care", "611-2", "call-45"),
        words=SEALED,
        by="anna",
        minutes=4,
        sells=True,
        platform="weibo",
        purpose="care",
        topics=("clock", "health"),
        in_spite_of=SEALED,
        breaches=("contact_too_soon",),
    ),
    "customer.interaction_recorded.2.offer": InteractionRecorded(
        interaction="m-1", channel="message", kind="message", regarding=Regarding("offer", "spring"), at=AT
    ),
    "customer.interaction_recorded.2.bare": InteractionRecorded(interaction="i", channel="web", kind="visit"),
    "customer.purchase_recorded.1.full": PurchaseRecorded(
        purchase="stay-2024-118",
        amount=Money(12_900, "EUR"),
        category="room",
        touchpoint="Hotel Linde",
        channel="web",
        discounted=True,
        at=AT,
    ),
    "customer.purchase_recorded.1.bare": PurchaseRecorded(purchase="p", amount=Money(0, "JPY")),
    "customer.purchase_refunded.1.full": PurchaseRefunded(
        refund="r1",
        purchase="stay-2024-118",
        amount=Money(2_900, "EUR"),
        refunded=5_800,
        bought=12_900,
        bought_at=AT,
        reason="no hot water",
        at=AT + DAY,
    ),
    "customer.purchase_refunded.1.bare": PurchaseRefunded(
        refund="r", purchase="p", amount=Money(1, "KWD"), refunded=1, bought=1, bought_at=-1
    ),
    "customer.purchase_recorded.1.tenders": PurchaseRecorded(
        purchase="stay-2024-121",
        amount=Money(10_000, "EUR"),
        at=AT,
        tenders=(Tender("points", Money(2_000, "EUR")), Tender("card", Money(8_000, "EUR"))),
    ),
    "customer.purchase_recorded.1.lines": PurchaseRecorded(
        purchase="stay-2024-122",
        amount=Money(25_000, "EUR"),
        at=AT,
        lines=(
            PurchaseLine("double room", Money(24_000, "EUR"), 2, "room"),
            PurchaseLine("breakfast", Money(1_500, "EUR")),
        ),
        rest=Money(-500, "EUR"),
        cost=Money(9_000, "EUR"),
    ),
    "customer.purchase_refunded.1.cost": PurchaseRefunded(
        refund="r2",
        purchase="stay-2024-122",
        amount=Money(5_000, "EUR"),
        refunded=5_000,
        bought=25_000,
        bought_at=AT,
        at=AT + DAY,
        cost=1_800,
    ),
    "customer.refund_reversed.1.cost": RefundReversed(
        refund="r2",
        purchase="stay-2024-122",
        amount=Money(5_000, "EUR"),
        refunded=0,
        bought=25_000,
        bought_at=AT,
        refunded_at=AT + DAY,
        at=AT + 2 * DAY,
        cost=1_800,
    ),
    "customer.assigned.1.full": CustomerAssigned(
        owner="ben", deputy="cleo", previous="ann", handover=True, reason="on leave", at=AT
    ),
    "customer.assigned.1.bare": CustomerAssigned(owner="ann"),
    "customer.handover_accepted.1.full": HandoverAccepted(owner="ben", at=AT),
    "customer.rung_stated.1.full": RungStated(rung="strategic", by="ann", at=AT),
    "customer.rung_stated.1.bare": RungStated(),
    "customer.contact_named.1.full": ContactNamed(contact="c-7", level="top", role="buyer", at=AT),
    "customer.contact_named.1.bare": ContactNamed(contact="c-7", level="working"),
    "customer.contact_dropped.1.full": ContactDropped(contact="c-7", at=AT),
    "customer.refund_reversed.1.full": RefundReversed(
        refund="r1",
        purchase="stay-2024-118",
        amount=Money(2_900, "EUR"),
        refunded=2_900,
        bought=12_900,
        bought_at=AT,
        refunded_at=AT + DAY,
        reinstated=True,
        reason="the bank returned it",
        at=AT + 6 * DAY,
    ),
    "customer.refund_reversed.1.bare": RefundReversed(
        refund="r", purchase="p", amount=Money(1, "KWD"), refunded=0, bought=1, bought_at=-1, refunded_at=0
    ),
    "customer.feedback_given.1.full": FeedbackGiven(
        feedback="f1",
        instrument="nps",
        score=9,
        touchpoint="check-out",
        channel="email",
        invitation="inv-1",
        regarding="stay-2024-118",
        comment=SEALED,
        at=AT,
    ),
    "customer.feedback_given.1.bare": FeedbackGiven(feedback="f", instrument="csat", score=1),
    "customer.feedback_given.1.items": FeedbackGiven(
        feedback="f2",
        instrument="stay-quality",
        kind="servqual",
        lowest=1,
        highest=7,
        items=(ItemAnswer("empathy-1", 6, 7), ItemAnswer("tangibles-2", 3, 5)),
        at=AT,
    ),
    "customer.feedback_given.1.noted": FeedbackGiven(
        feedback="f3",
        instrument="observation",
        themes=("noise", "breakfast"),
        language="zh-Hans",
        comment="sealed:dGhlIG5vbmNl-c2VhbGVkIHdvcmRz_YW5kIGEgdGFnIG9mIHNpeHRlZW4=",
        at=AT,
    ),
    "customer.feedback_given.1.pairs": FeedbackGiven(
        feedback="f4",
        instrument="mood",
        kind="semantic_differential",
        lowest=-3,
        highest=3,
        items=(ItemAnswer("cold-warm", -2),),
        at=AT,
    ),
    "customer.feedback_given.1.low": FeedbackGiven(
        feedback="f5", instrument="nps", score=2, at=AT, answer_by=AT + 2 * DAY
    ),
    "customer.feedback_given.1.post": FeedbackGiven(
        feedback="f7",
        instrument="review",
        kind="review",
        lowest=1,
        highest=5,
        channel="social",
        comment=SEALED,
        platform="weibo",
        link=SEALED,
        at=AT,
        answer_by=AT + 900_000_000,
    ),
    "customer.sentiment_scored.1.low": SentimentScored(
        feedback="f6", score=-900, scorer="snownlp", scorer_version="0.12.3", at=AT, answer_by=AT + 2 * DAY
    ),
    "customer.invitation_sent.1.reminding": InvitationSent(
        invitation="inv-2", instrument="nps", channel="email", at=AT, remind_at=AT + 7 * DAY
    ),
    "customer.invitation_reminded.1.again": InvitationReminded(
        invitation="inv-2", reminder=1, at=AT + 7 * DAY, remind_at=AT + 14 * DAY
    ),
    "customer.feedback_coded.1.full": FeedbackCoded(feedback="f1", themes=("noise",), coder="li", at=AT),
    "customer.feedback_corrected.1.full": FeedbackCorrected(
        feedback="f1",
        instrument="servqual",
        given_at=AT,
        kind="servqual",
        score=5,
        items=(ItemAnswer("staff-is-prompt", 6, 7),),
        comment=SEALED,
        at=AT + 86_400_000_000,
        answer_by=AT + 2 * 86_400_000_000,
    ),
    "customer.feedback_corrected.1.words": FeedbackCorrected(
        feedback="f1", instrument="review", given_at=AT, kind="review", at=AT + 1, themes=("staff",), language="de"
    ),
    "customer.sentiment_scored.1.full": SentimentScored(
        feedback="f1", score=-417, scorer="vader", scorer_version="3.3.2", at=AT
    ),
    "customer.feedback_answered.1.full": FeedbackAnswered(feedback="f1", by="desk", action="called", at=AT),
    "customer.feedback_answered.1.bare": FeedbackAnswered(feedback="f1"),
    "customer.invitation_sent.1.full": InvitationSent(
        invitation="inv-1", instrument="nps", channel="email", touchpoint="check-out", regarding="stay-118", at=AT
    ),
    "customer.invitation_sent.1.bare": InvitationSent(invitation="inv-1", instrument="csat", channel="app"),
    "customer.invitation_reminded.1.full": InvitationReminded(invitation="inv-1", reminder=1, at=AT),
    "customer.invitation_seen.1.full": InvitationSeen(invitation="inv-1", at=AT),
    "customer.invitation_declined.1.full": InvitationDeclined(invitation="inv-1", reason="no time", at=AT),
    "customer.trait_noted.1.full": TraitNoted(
        trait="need",
        about="quiet",
        need="emotional",
        words="sealed:dGhlIG5vbmNl-c2VhbGVkIHdvcmRz_YW5kIGEgdGFnIG9mIHNpeHRlZW4=",
        at=AT,
    ),
    "customer.trait_noted.1.attribute": TraitNoted(trait="attribute", about="card", value="blue", at=AT),
    "customer.trait_noted.1.bare": TraitNoted(trait="taboo", about="number four"),
    "customer.trait_dropped.1.full": TraitDropped(trait="habit", about="late breakfast", at=AT),
    "customer.culture_noted.1.full": CultureNoted(
        languages=("zh-Hant", "en-GB"),
        preferred_channel="official_account",
        pace="unhurried",
        customs="sealed:dGhlIG5vbmNl-c2VhbGVkIHdvcmRz_YW5kIGEgdGFnIG9mIHNpeHRlZW4=",
        taboos="sealed:dGhlIG5vbmNl-c2VhbGVkIHdvcmRz_YW5kIGEgdGFnIG9mIHNpeHRlZW4=",
        at=AT,
    ),
    "customer.acquisition_cost_recorded.1.full": AcquisitionCostRecorded(
        acquisition="ad-7", amount=Money(1250, "EUR"), channel="social", campaign="spring", at=AT
    ),
    "customer.acquisition_cost_cancelled.1.full": AcquisitionCostCancelled(
        acquisition="ad-7", amount=Money(1250, "EUR"), channel="social", campaign="spring", spent_at=AT, at=AT + 1
    ),
    "customer.lapsed.1.full": CustomerLapsed(reason="moved away", at=AT),
    "customer.lapsed.1.bare": CustomerLapsed(),
    "customer.won_back.1.full": CustomerWonBack(campaign="autumn letter", at=AT),
    "customer.plan_begun.1.full": PlanBegun(
        plan="611",
        round="611-1",
        since="2024-05-17",
        steps=(
            PlannedStep("message-1", "message", AT, AT + 7, ("email", "app"), 5, sells=True, role="host"),
            PlannedStep("greeting", "message", None, AT + 9, ("email",), offset=-2, days_valid=3),
        ),
        ends_at=AT + 9,
        because="first_purchase",
        owner="anna",
        at=AT,
    ),
    "customer.plan_begun.1.bare": PlanBegun(
        plan="p", round="p-1", since="2024-05-17", steps=(PlannedStep("s", "visit", AT, AT),), ends_at=AT
    ),
    "customer.plan_renewed.1.full": PlanRenewed(
        plan="611",
        previous="611-1",
        round="611-2",
        since="2024-08-17",
        steps=(PlannedStep("message-1", "message", AT, AT + 7, ("email", "app")),),
        ends_at=AT + 9,
        owner="anna",
        at=AT,
    ),
    "customer.plan_renewed.1.bare": PlanRenewed(
        plan="p", previous="p-1", round="p-2", since="2024-08-17", steps=(), ends_at=AT
    ),
    "customer.plan_begun.1.stays": PlanBegun(
        plan="stays",
        round="stays-1",
        since="2024-05-17",
        steps=(),
        ends_at=AT + 9,
        at=AT,
        after_stays=(PlannedStep("thanks", "message", None, AT + 9, ("email",), offset=2, days_valid=3),),
    ),
    "customer.plan_renewed.1.stays": PlanRenewed(
        plan="stays",
        previous="stays-1",
        round="stays-2",
        since="2024-08-17",
        steps=(),
        ends_at=AT,
        at=AT,
        after_stays=(PlannedStep("thanks", "message", None, AT + 9, ("email",), offset=2, days_valid=3),),
    ),
    "customer.steps_added.1.full": StepsAdded(
        plan="stays",
        round="stays-1",
        at=AT,
        steps=(PlannedStep("thanks-20240517", "message", AT, AT + 7, ("email",)),),
    ),
    "customer.step_skipped.1.full": StepSkipped(
        plan="611", round="611-1", step="message-1", reason="no_consent", at=AT
    ),
    "customer.step_lapsed.1.full": StepLapsed(plan="611", round="611-1", step="message-1", at=AT),
    "customer.plan_ended.1.full": PlanEnded(plan="611", round="611-1", reason="completed", at=AT),
    "customer.erased.1.full": CustomerErased(reason="customer asked", at=AT),
    "customer.erased.1.merged": CustomerErased(reason="customer asked", at=AT, merged=("c-7", "web-42")),
    "customer.identity_linked.1.full": IdentityLinked(source="crm", external_id="0077 a", at=AT),
    "customer.identity_linked.1.sealed": IdentityLinked(
        source="crm",
        external_id="sealed:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIj",
        at=AT,
        digest="mfrggzdfmztwq2lknnwg23tpobyxe43u",
    ),
    "customer.merged.1.full": CustomerMerged(into="c-42", at=AT),
    "customer.unmerged.1.full": CustomerUnmerged(survivor="c-42", at=AT),
    "customer.absorbed.1.full": CustomerAbsorbed(merged="web-42", at=AT),
    "customer.released.1.full": CustomerReleased(merged="web-42", at=AT),
    "complaint.filed.1.full": ComplaintFiled(
        subject="noise",
        channel="phone",
        severity="high",
        acknowledge_by=AT + DAY,
        resolve_by=AT + 5 * DAY,
        policy=2,
        text=SEALED,
        remedy_sought="refund",
        touchpoint="Hotel Linde",
        purchase="stay-2024-118",
        customer="c-42",
        at=AT,
    ),
    "complaint.filed.1.sealed": ComplaintFiled(
        subject="noise",
        channel="phone",
        severity="high",
        acknowledge_by=AT + DAY,
        resolve_by=AT + 5 * DAY,
        policy=2,
        text=SEALED,
        remedy_sought=SEALED,
        on_behalf_of=SEALED,
        customer="c-42",
        at=AT,
    ),
    "complaint.filed.1.bare": ComplaintFiled(
        subject="noise", channel="web", severity="low", acknowledge_by=0, resolve_by=0, policy=1
    ),
    "complaint.acknowledged.1.full": ComplaintAcknowledged(channel="email", at=AT),
    "complaint.acknowledged.1.bare": ComplaintAcknowledged(),
    "complaint.apology_given.1.full": ApologyGiven(channel="on_site", at=AT),
    "complaint.apology_given.1.bare": ApologyGiven(),
    "complaint.remedy_proposed.1.money": RemedyProposed(remedy="m1", kind="refund", value=Money(5_000, "CHF"), at=AT),
    "complaint.remedy_proposed.1.points": RemedyProposed(remedy="m2", kind="points", points=500, at=AT),
    "complaint.remedy_accepted.1.full": RemedyAccepted(remedy="m1"),
    "complaint.remedy_declined.1.full": RemedyDeclined(remedy="m1", reason="too little"),
    "complaint.remedy_declined.1.sealed": RemedyDeclined(remedy="r1", reason=SEALED),
    "complaint.remedy_declined.1.bare": RemedyDeclined(remedy="m1"),
    "complaint.remedy_carried_out.1.money": RemedyCarriedOut(
        remedy="m1", kind="refund", value=Money(5_000, "CHF"), at=AT
    ),
    "complaint.remedy_carried_out.1.points": RemedyCarriedOut(remedy="m2", kind="points", points=500, at=AT),
    "complaint.resolved.1.full": ComplaintResolved(outcome="settled", at=AT),
    "complaint.followed_up.1.full": ComplaintFollowedUp(score=4, words=SEALED, at=AT),
    "complaint.followed_up.1.bare": ComplaintFollowedUp(),
    "complaint.followed_up.1.low": ComplaintFollowedUp(score=1, at=AT, answer_by=AT + 2 * DAY),
    "complaint.closed.1.full": ComplaintClosed(at=AT),
    "complaint.reopened.1.full": ComplaintReopened(
        reason="noise again", acknowledge_by=AT + DAY, resolve_by=AT + 2 * DAY, lenient=True, at=AT
    ),
    "complaint.reopened.1.bare": ComplaintReopened(reason="noise again", acknowledge_by=1, resolve_by=2),
    "complaint.reopened.1.sealed": ComplaintReopened(reason=SEALED, acknowledge_by=1, resolve_by=2),
    "complaint.withdrawn.1.full": ComplaintWithdrawn(reason="a mistake", at=AT),
    "complaint.withdrawn.1.sealed": ComplaintWithdrawn(reason=SEALED, at=AT),
    "complaint.withdrawn.1.bare": ComplaintWithdrawn(),
    "complaint.deadline_met.1.full": DeadlineMet(clock="acknowledge", round=1, due_at=AT),
    "complaint.deadline_missed.1.full": DeadlineMissed(clock="resolve", round=2, due_at=AT),
    "loyalty.member_enrolled.1.full": MemberEnrolled(programme="main", enrolled_at=AT),
    "loyalty.points_earned.1.purchase": PointsEarned(
        lot="purchase/stay-2024-118",
        points=129,
        qualifying=129,
        active_from=AT + 14 * DAY,
        reason="purchase",
        policy=1,
        expires_at=AT + 365 * DAY,
        source="stay-2024-118",
        month="2024-05",
    ),
    "loyalty.points_earned.1.bonus": PointsEarned(
        lot="welcome", points=100, qualifying=0, active_from=AT, reason="bonus", policy=1
    ),
    "loyalty.points_redeemed.1.full": PointsRedeemed(
        redemption="r-1",
        points=150,
        lots=(LotShare("welcome", 100), LotShare("purchase/stay-2024-118", 50)),
        reward="breakfast",
    ),
    "loyalty.points_redeemed.1.bare": PointsRedeemed(redemption="r", points=1, lots=(LotShare("l", 1),)),
    "loyalty.points_expired.1.full": PointsExpired(points=79, lots=(LotShare("purchase/stay-2024-118", 79),)),
    "loyalty.earning_reversed.1.full": EarningReversed(
        refund="r1",
        purchase="stay-2024-118",
        points=29,
        qualifying=58,
        lots=(LotShare("purchase/stay-2024-118", 20), LotShare("welcome", 9)),
        expired=7,
        shortfall=22,
        month="2024-05",
    ),
    "loyalty.earning_reversed.1.bare": EarningReversed(refund="r", purchase="p", points=0, qualifying=0, lots=()),
    "loyalty.debt_incurred.1.full": DebtIncurred(points=22, refund="r1"),
    "loyalty.debt_repaid.1.full": DebtRepaid(points=22, lot="purchase/stay-2024-200"),
    "loyalty.tier_reached.1.full": TierReached(tier="gold", qualifying=5_000, previous="silver", month="2024-05"),
    "loyalty.tier_reached.1.bare": TierReached(tier="silver", qualifying=1_000),
    "loyalty.tier_lost.1.full": TierLost(tier="gold", qualifying=900, next="silver", month="2024-05"),
    "loyalty.tier_lost.1.bare": TierLost(tier="silver", qualifying=0),
    "loyalty.points_earned.1.every": PointsEarned(
        lot="purchase/stay-2024-119",
        points=258,
        qualifying=129,
        active_from=AT + 14 * DAY,
        reason="purchase",
        policy=2,
        source="stay-2024-119",
        month="2024-05",
        earned_at=AT,
        lapsing=True,
        campaigns=("spring",),
        fx="0.92",
        programme="dining",
    ),
    "loyalty.points_earned.1.by_hand": PointsEarned(
        lot="gift",
        points=50,
        qualifying=0,
        active_from=AT,
        reason="bonus",
        policy=2,
        author="anna",
        role="head of desk",
    ),
    "loyalty.points_activated.1.full": PointsActivated(points=50, lots=(LotShare("welcome", 50),), **DINING),
    "loyalty.points_redeemed.1.every": PointsRedeemed(
        redemption="r", points=1, lots=(LotShare("l", 1),), reward="tea", **DINING
    ),
    "loyalty.redemption_reversed.1.full": RedemptionReversed(
        redemption="r-1",
        points=150,
        lots=(LotShare("welcome", 100), LotShare("purchase/stay-2024-118", 50)),
        graced=(GracedLot("welcome", AT + 30 * DAY),),
        reward="free night",
        limited=True,
        expiries=(AT + 30 * DAY, None),
        lapsing=("purchase/stay-2024-118",),
        **DINING,
    ),
    "loyalty.redemption_reversed.1.bare": RedemptionReversed(redemption="r", points=1, lots=(LotShare("l", 1),)),
    "loyalty.points_expired.1.every": PointsExpired(points=9, lots=(LotShare("l", 9),), **DINING),
    "loyalty.points_earned.1.stays": PointsEarned(
        lot="purchase/stay-2024-120",
        points=90,
        qualifying=1,
        active_from=AT,
        reason="purchase",
        policy=3,
        source="stay-2024-120",
        month="2024-05",
        unit="stays",
    ),
    "loyalty.earning_reversed.1.stays": EarningReversed(
        refund="r2",
        purchase="stay-2024-120",
        points=90,
        qualifying=1,
        lots=(LotShare("purchase/stay-2024-120", 90),),
        month="2024-05",
        unit="stays",
    ),
    "loyalty.points_redeemed.1.active": PointsRedeemed(
        redemption="r-2", points=1, lots=(LotShare("l", 1),), redeemed_at=AT
    ),
    "loyalty.expiry_deferred.1.months": ExpiryDeferred(until=AT + 180 * DAY, months_count=6),
    "loyalty.account_released.1.inactivity": AccountReleased(
        merge="m2",
        into="c-42",
        holdings=Holdings(
            months={"stays/2024-05": 3}, lapses_at=AT + 180 * DAY, idle_months=6, redeemed_at={"r-2": AT}
        ),
    ),
    "loyalty.expiry_deferred.1.full": ExpiryDeferred(until=AT + 180 * DAY, **DINING),
    "loyalty.earning_reversed.1.merged": EarningReversed(
        refund="r",
        purchase="p",
        points=1,
        qualifying=1,
        lots=(LotShare("l", 1),),
        lot="merged/c-2/purchase/p",
        **DINING,
    ),
    "loyalty.earning_restored.1.full": EarningRestored(
        refund="r1",
        purchase="stay-2024-118",
        points=29,
        qualifying=58,
        lots=(RestoredLot("welcome", 9, AT, AT + DAY, AT - DAY, True, True, "bonus", "spring"),),
        expired=7,
        debt=12,
        shortfall=10,
        missing=22,
        month="2024-05",
        unit="points",
        lot="merged/c-2/purchase/p",
        tier="gold",
        standing=TierStanding(AT, "2024-05", AT, AT + 90 * DAY, AT + 120 * DAY),
        **DINING,
    ),
    "loyalty.earning_restored.1.bare": EarningRestored(refund="r", purchase="p", points=0),
    "loyalty.tier_lost.1.refund": TierLost(tier="gold", qualifying=900, next="silver", month="2024-05", refund="r1"),
    "loyalty.referral_restored.1.full": ReferralRestored(
        referral="f1", referrer="c-42", refund="r1", purchase="stay-2024-118", **DINING
    ),
    "loyalty.account_released.1.refunded": AccountReleased(
        merge="m1",
        into="c-42",
        holdings=Holdings(
            lost_tier=LostTier("r1", "gold", TierStanding(AT, "2024-05", AT)),
            takings={"purchase/p": (Taking("r1", (LotShare("purchase/p", 20),), 7, 22, True, 22),)},
            revoked=Revoked("purchase/p", "r1"),
            settled_at=AT,
        ),
        **DINING,
    ),
    "loyalty.debt_incurred.1.undone": DebtIncurred(points=22, refund="", redemption="x1"),
    "loyalty.debt_incurred.1.every": DebtIncurred(points=1, refund="r", **DINING),
    "loyalty.debt_repaid.1.every": DebtRepaid(points=1, lot="l", **DINING),
    "loyalty.points_released.1.full": PointsReleased(transfer="t1", to="c-43", points=40, lots=(MOVED,), **DINING),
    "loyalty.points_received.1.full": PointsReceived(transfer="t1", source="c-42", points=40, lots=(MOVED,), **DINING),
    "loyalty.points_adjusted.1.more": PointsAdjusted(
        adjustment="a1",
        points=50,
        reason="goodwill",
        author="anna",
        role="head of desk",
        lot="adjustment/a1",
        active_from=AT,
        expires_at=AT + 365 * DAY,
        **DINING,
    ),
    "loyalty.points_adjusted.1.lapsing": PointsAdjusted(
        adjustment="a3", points=5, reason="goodwill", author="anna", lot="adjustment/a3", active_from=AT, lapsing=True
    ),
    "loyalty.points_adjusted.1.less": PointsAdjusted(
        adjustment="a2", points=-20, reason="mistake", author="anna", lots=(LotShare("welcome", 20),)
    ),
    "loyalty.tier_reached.1.every": TierReached(
        tier="gold",
        qualifying=5_000,
        previous="silver",
        month="2024-05",
        basis="spend",
        window="rolling_months:12",
        since=AT,
        **DINING,
    ),
    "loyalty.tier_kept.1.full": TierKept(
        tier="gold",
        qualifying=5_000,
        month="2024-12",
        basis="stays",
        window="calendar_year",
        reviewed_at=AT,
        **DINING,
    ),
    "loyalty.tier_warned.1.full": TierWarned(
        tier="gold",
        qualifying=900,
        required=5_000,
        losing_at=AT + 30 * DAY,
        basis="orders",
        window="calendar_year",
        **DINING,
    ),
    "loyalty.tier_grace_given.1.full": TierGraceGiven(
        tier="gold",
        qualifying=900,
        until=AT + 30 * DAY,
        month="2024-12",
        basis="stays",
        window="calendar_year",
        **DINING,
    ),
    "loyalty.tier_lost.1.every": TierLost(
        tier="gold",
        qualifying=900,
        next="silver",
        month="2024-05",
        basis="stays",
        window="calendar_year",
        since=AT,
        **DINING,
    ),
    "loyalty.reward_issued.1.full": RewardIssued(
        coupon="k-1", reward="free night", kind="gift", points=500, expires_at=AT + 30 * DAY, limited=True, **DINING
    ),
    "loyalty.reward_issued.1.dated": RewardIssued(
        coupon="k-2", reward="mug", kind="gift", limited=True, issued_at=AT, **DINING
    ),
    "loyalty.reward_used.1.full": RewardUsed(coupon="k-1", reward="free night", **DINING),
    "loyalty.reward_expired.1.full": RewardExpired(coupon="k-1", reward="free night", **DINING),
    "loyalty.reward_expired.1.limited": RewardExpired(coupon="k-1", reward="free night", limited=True, **DINING),
    "loyalty.benefit_used.1.full": BenefitUsed(use="u1", benefit="lounge", tier="gold", **DINING),
    "loyalty.club_joined.1.full": ClubJoined(club="wine", **DINING),
    "loyalty.club_left.1.full": ClubLeft(club="wine", **DINING),
    "loyalty.referral_made.1.full": ReferralMade(referral="f1", referred="c-43", **DINING),
    "loyalty.referral_received.1.full": ReferralReceived(referral="f1", referrer="c-42", received_at=AT, **DINING),
    "loyalty.referral_fulfilled.1.full": ReferralFulfilled(referral="f1", referrer="c-42", **DINING),
    "loyalty.referral_fulfilled.1.bought": ReferralFulfilled(
        referral="f1", referrer="c-42", lot="purchase/stay-2024-118", **DINING
    ),
    "loyalty.referral_revoked.1.full": ReferralRevoked(
        referral="f1", referrer="c-42", refund="r1", purchase="stay-2024-118", **DINING
    ),
    "loyalty.request_forwarded.1.revoked": RequestForwarded(
        into="c-42", prefix="merged/c-43/", request="RevokeReferral", about="f1", other="r1", purchase="p", **DINING
    ),
    "loyalty.referral_rewarded.1.full": ReferralRewarded(referral="f1", referred="c-43", points=500, **DINING),
    "loyalty.account_closed.1.full": AccountClosed(
        closed_at=AT, points=20, lots=(LotShare("welcome", 20),), debt=3, reason="moved away", **DINING
    ),
    "loyalty.account_closed.1.settled": AccountClosed(
        closed_at=AT, rewards=(VoidedReward("k-1", "free night", True),), settled=True, **DINING
    ),
    "loyalty.account_reopened.1.full": AccountReopened(reopened_at=AT, **DINING),
    "loyalty.account_released.1.full": AccountReleased(merge="m1", into="c-42", holdings=HOLDINGS, **DINING),
    "loyalty.account_released.1.bare": AccountReleased(merge="m1", into="c-42", holdings=Holdings()),
    "loyalty.account_received.1.full": AccountReceived(
        merge="m1", source="c-43", holdings=HOLDINGS, enrolled=True, tier="silver", **DINING
    ),
    "loyalty.account_released.1.every": AccountReleased(merge="m1", into="c-42", holdings=EVERYTHING_HELD, **DINING),
    "loyalty.account_released.1.shortfall": AccountReleased(
        merge="m1",
        into="c-42",
        holdings=Holdings(enrolled_at=AT, missed=30, shortfall=20, missed_before={"x2": 10}),
        **DINING,
    ),
    "loyalty.account_received.1.reopened": AccountReceived(
        merge="m1", source="c-43", holdings=EVERYTHING_HELD, tier="gold", reopened=True, reached_at=AT, **DINING
    ),
    "loyalty.account_returned.1.parted": AccountReturned(
        merge="m1",
        to="c-43",
        holdings=Holdings(),
        clubs=("wine",),
        membership=Membership(AT, AT + DAY),
        **DINING,
    ),
    "loyalty.account_received.1.together": AccountReceived(
        merge="m1", source="c-43", holdings=Holdings(), tier="gold", reached_at=AT, month="2024-05", **DINING
    ),
    "loyalty.account_returned.1.standing": AccountReturned(
        merge="m1",
        to="c-43",
        holdings=Holdings(),
        tier="silver",
        standing=TierStanding(AT, "2024-05", AT + DAY, AT + 2 * DAY, AT + 3 * DAY),
        **DINING,
    ),
    "loyalty.account_returned.1.full": AccountReturned(
        merge="m1",
        to="c-43",
        holdings=HOLDINGS,
        lots=(LotShare("merged/c-43/welcome", 60),),
        tier="silver",
        undone=True,
        **DINING,
    ),
    "loyalty.account_restored.1.full": AccountRestored(merge="m1", source="c-42", holdings=HOLDINGS, **DINING),
    "loyalty.purchase_forwarded.1.tenders": PurchaseForwarded(
        into="c-42",
        prefix="merged/c-43/",
        purchase="p",
        amount=Money(10_000, "EUR"),
        tenders=(Tender("points", Money(2_000, "EUR")),),
    ),
    "loyalty.refund_forwarded.1.reversal": RefundForwarded(
        into="c-42", prefix="merged/c-43/", refund="r1", purchase="p", refunded=0, bought=100, reversal=True
    ),
    "loyalty.purchase_forwarded.1.full": PurchaseForwarded(
        into="c-42",
        prefix="merged/c-43/",
        purchase="stay-2024-118",
        amount=Money(12_900, "EUR"),
        category="room",
        **DINING,
    ),
    "loyalty.refund_forwarded.1.full": RefundForwarded(
        into="c-42",
        prefix="merged/c-43/",
        refund="r1",
        purchase="stay-2024-118",
        refunded=2_900,
        bought=12_900,
        **DINING,
    ),
    "loyalty.credit_forwarded.1.full": CreditForwarded(
        into="c-42", prefix="merged/c-43/", lot="remedy/k/m", points=9, reason="remedy", source="k", **DINING
    ),
    "loyalty.credit_forwarded.1.by_hand": CreditForwarded(
        into="c-42", prefix="merged/c-43/", lot="gift", points=9, reason="bonus", author="anna", role="head of desk"
    ),
    "loyalty.request_forwarded.1.full": RequestForwarded(
        into="c-42", prefix="merged/c-43/", request="RedeemPoints", about="r-1", points=150, other="breakfast", **DINING
    ),
    "loyalty.request_forwarded.1.lots": RequestForwarded(
        into="c-42", prefix="merged/c-43/", request="ReceivePoints", about="t1", other="c-44", lots=(MOVED,), **DINING
    ),
    "programme.goal_set.1.full": ProgrammeGoalSet(
        goal="members-2025", metric="members", target=10_000, starts="2025-01-01", ends="2026-01-01"
    ),
    "programme.stock_taken.1.full": StockTaken(reward="free night", customer="c-42", coupon="k-1", left=99),
    "programme.stock_returned.1.full": StockReturned(reward="free night", customer="c-42", coupon="k-1"),
    "policy.adopted.1.full": PolicyAdopted(
        policy=msgspec.Raw(b'{"version":2,"zone":"Europe/Vienna","currency":"EUR"}'), number=2, effective_from=AT
    ),
    "policy.adopted.1.bare": PolicyAdopted(policy=msgspec.Raw(b'{"version":1,"zone":"UTC"}'), number=1),
}
GOALS: dict[str, Event] = {
    "goal.set.1.full": GoalSet(
        indicator="nps",
        target="45",
        least="40",
        scope={"touchpoint": "bar"},
        starts="2024-05-01",
        ends="2024-08-01",
        owner="ann",
    ),
    "goal.reviewed.1.full": GoalReviewed(finding="Too few staff", root_cause="Two posts are open", decision="Hire two"),
    "goal.improvement_raised.1.full": GoalImprovementRaised(
        improvement="i1", what="Open a second counter", owner="bob", due_at=AT
    ),
    "goal.improvement_completed.1.full": GoalImprovementCompleted(improvement="i1"),
    "goal.improvement_measured.1.full": GoalImprovementMeasured(
        improvement="i1",
        before=Measured("2024-05", "2024-08", "38.5", "30", "47", 210),
        after=Measured("2024-09", "2024-12", "44.25", n=190),
    ),
    "goal.ended.1.full": GoalEnded(reason="The bar is closed"),
    "customer.offer_sent.1.full": OfferSent(
        offer="o1",
        campaign="spring",
        channel="email",
        content="spring letter",
        at=1_746_100_800_000_000,
        breaches=("contact_too_soon",),
    ),
    "customer.offer_withheld.1.full": OfferWithheld(campaign="spring", at=1_746_100_800_000_000),
    "customer.offer_answered.1.full": OfferAnswered(
        offer="o1", campaign="spring", answer="accepted", at=1_746_100_900_000_000
    ),
    "customer.purchase_recorded.1.campaign": PurchaseRecorded(
        purchase="p1", amount=Money(12_000, "EUR"), at=1_746_100_800_000_000, campaign="spring", partner="airline-1"
    ),
    "campaign.planned.1.full": CampaignPlanned(
        kind="joint",
        starts="2025-05-01",
        ends="2025-06-01",
        objective="Bring guests of last spring back",
        audience="spring guests",
        channels=("email", "social"),
        budget=Money(1_000_000, "EUR"),
        control_percent=10,
        partner="airline-1",
    ),
    "campaign.started.1.full": CampaignStarted(policy=2, audience=1200),
    "campaign.cost_recorded.1.full": CampaignCostRecorded(
        cost="ad-1", amount=Money(1_000_000, "EUR"), channel="social", what="advertisement", at=1_746_100_800_000_000
    ),
    "campaign.cost_cancelled.1.full": CampaignCostCancelled(
        cost="ad-1", amount=Money(1_000_000, "EUR"), channel="social", spent_at=1_746_100_800_000_000
    ),
    "campaign.reach_recorded.1.full": CampaignReachRecorded(
        reach="week-1", platform="weibo", impressions=52_000, reactions=310, shares=41, followers=12
    ),
    "campaign.ended.1.full": CampaignEnded(reason="The rooms are sold"),
    "model.fitted.1.full": ModelFitted(
        model="bg_nbd",
        currency="EUR",
        through="2024-05-31",
        position=96_758,
        version=1,
        buying='{"r":0.583,"alpha_days":20.86,"a":0.812,"b":1.85,"standard_errors":{"r":0.023},"log_likelihood":-33.5,'
        '"unit_days":7.0,"customers":3367,"repeat_customers":2518}',
        spending='{"p":1.107,"q":2.915,"v":69722.9,"standard_errors":{"p":0.074},"log_likelihood":-17.25,'
        '"unit_amount":100.0,"customers":2518,"left_out":0}',
    ),
    "model.clusters_fitted.1.full": ClustersFitted(
        through="2024-05-31",
        position=96_758,
        version=1,
        clusters='{"currency":"EUR","facts":["silent_days","region"],"most":null,"seed":1,"smallest":5,"customers":30,'
        '"features":[{"fact":"silent_days","word":null,"mean":2.5,"deviation":0.5},{"fact":"region","word":"Bern",'
        '"mean":0.4,"deviation":0.49}],"tried":[{"clusters":2,"silhouette":0.41}],"silhouette":0.41,'
        '"silhouette_customers":30,"clusters":[{"customers":10,"centre":[1.5,-0.25]},'
        '{"customers":20,"centre":[-0.75,0.125]}]}',
    ),
    "model.forecasts_fitted.1.full": ForecastsFitted(
        currency="EUR",
        through="2024-05-31",
        position=96_758,
        version=1,
        forecasts='{"most":20,"whole":{"touchpoint":null,"first":"2022-06","months":24,"purchases":{"alpha":0.25,'
        '"beta":0.125,"phi":0.9,"level":210.5,"trend":1.5,"start_level":180.0,"start_trend":2.0,"season":[4.0,-2.0,'
        '1.0,0.5,-3.5,0.0,6.0,-6.0,2.0,-2.0,1.0,-1.0],"harmonics":6,"deviation":12.5,"leverage":[0.1,0.1,0.1,0.1,0.1,'
        '0.1,0.1,0.1,0.1,0.1,0.1,0.1],"quantile_80":1.4,"quantile_95":2.4,"parameters":17,"aicc":190.5,"test":{'
        '"months":6,"naive":"last_year","error":9.5,"naive_error":14.0,"mase":0.7,"within_80":5,"within_95":6}},'
        '"revenue":{"alpha":1.0,"beta":0.0,"phi":0.0,"level":310000.0,"trend":0.0,"start_level":280000.0,'
        '"start_trend":0.0,"season":[],"harmonics":0,"deviation":25000.0,"leverage":[0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,'
        '0.0,0.0,0.0,0.0],"quantile_80":1.32,"quantile_95":2.07,"parameters":3,"aicc":540.25,"test":null}},'
        '"touchpoints":[],"left_out":["kiosk"]}',
    ),
    "model.rules_fitted.1.left": RulesFitted(
        through="2024-05-31",
        position=96_758,
        version=1,
        rules='{"baskets":9684,"min_support":0.005,"min_confidence":0.1,"most":1000,"rules":[{"product":"massage",'
        '"recommended":"tea","category":null,"baskets":90,"with_product":120,"with_recommended":640,"also":["room"]}],'
        '"left":2}',
    ),
    "model.rules_fitted.1.full": RulesFitted(
        through="2024-05-31",
        position=96_758,
        version=1,
        rules='{"baskets":9684,"min_support":0.005,"min_confidence":0.1,"most":1000,"rules":[{"product":"room",'
        '"recommended":"massage","category":"spa","baskets":310,"with_product":2100,"with_recommended":640}]}',
    ),
}
TEAM: dict[str, Event] = {
    "staff.joined.1.full": StaffJoined(
        role="concierge",
        department="front desk",
        languages=("de", "zh-Hant"),
        skills=("conflict",),
        interests=("hiking", "opera"),
        at=AT,
    ),
    "staff.role_changed.1.full": StaffRoleChanged(
        role="house manager",
        department="front desk",
        languages=("de", "en", "zh-Hant"),
        skills=("conflict", "rooms"),
        interests=("hiking",),
        at=AT,
    ),
    "staff.training_planned.1.full": StaffTrainingPlanned(
        training="listening-2024", about=("tone", "waiting time"), due_at=AT
    ),
    "staff.training_completed.1.full": StaffTrainingCompleted(
        training="listening-2024", about=("tone", "waiting time"), score=88, at=AT
    ),
    "staff.recognised.1.full": StaffRecognised(recognition="r1", reason="praised by a guest", at=AT),
    "opportunity.opened.1.full": OpportunityOpened(
        customer="c-42",
        what="conference",
        stage="lead",
        value=Money(2_500_000, "EUR"),
        expected_on="2024-07-01",
        owner="ann",
        campaign="spring",
        partner="airline-1",
        at=AT,
    ),
    "opportunity.advanced.1.full": OpportunityAdvanced(
        stage="quoted", value=Money(2_400_000, "EUR"), expected_on="2024-08-01", owner="bao", at=AT
    ),
    "opportunity.quoted.1.full": OpportunityQuoted(
        quote="q1", amount=Money(2_400_000, "EUR"), valid_until="2024-07-31", at=AT
    ),
    "opportunity.won.1.full": OpportunityWon(
        contract="f-17", amount=Money(2_300_000, "EUR"), starts="2024-09-01", ends="2025-09-01", at=AT
    ),
    "opportunity.lost.1.full": OpportunityLost(
        reason="price", rival="grand-hotel", price=Money(2_100_000, "EUR"), at=AT
    ),
    "opportunity.contract_renewed.1.full": ContractRenewed(amount=Money(2_350_000, "EUR"), ends="2026-09-01", at=AT),
    "opportunity.contract_ended.1.full": ContractEnded(reason="moved", at=AT),
    "rival.observed.1.full": RivalObserved(
        observation="x1",
        kind="price",
        about="double room",
        price=Money(12_900, "EUR"),
        value="4.5",
        words="With breakfast until March",
        source="portal",
        at=AT,
    ),
    "rival.observation_cancelled.1.full": RivalObservationCancelled(observation="x1"),
    "staff.left.1.full": StaffLeft(reason="retired", at=AT),
}
MEANT |= COMPLAINTS
MEANT |= GOALS
MEANT |= TEAM
FILES = sorted(HERE.glob("*.json"))


def _parts(name: str) -> tuple[str, int]:
    topic, schema, _sample = name.rsplit(".", 2)
    return topic, int(schema)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_was_stored_means_what_it_meant(file: Path) -> None:
    topic, schema = _parts(file.stem)
    stored = file.read_bytes()
    assert not stored.endswith(b"\n")
    event = CODEC.decode(topic, schema, stored)
    meant = MEANT[file.stem]
    if isinstance(event, PolicyAdopted) and isinstance(meant, PolicyAdopted):
        assert bytes(event.policy) == bytes(meant.policy)
        assert (event.number, event.effective_from) == (meant.number, meant.effective_from)
    else:
        assert event == meant


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_newest_form_is_stored_to_the_byte(file: Path) -> None:
    topic, schema = _parts(file.stem)
    if schema == CODEC.topics[topic].schema:
        assert CODEC.encode(MEANT[file.stem]) == file.read_bytes()
        assert CODEC.encode(CODEC.decode(topic, schema, file.read_bytes())) == file.read_bytes()


def test_every_event_has_bytes_of_every_schema_that_it_ever_had() -> None:
    there = {_parts(file.stem) for file in FILES}
    wanted = {(name, schema) for name, topic in CODEC.topics.items() for schema in range(1, topic.schema + 1)}
    assert there == wanted
    assert len(wanted) > 30
    assert {file.stem for file in FILES} == set(MEANT)


def test_every_field_of_every_event_is_in_some_bytes() -> None:
    for name, topic in CODEC.topics.items():
        fields = set(topic.event.__struct_fields__)
        samples = [file for file in FILES if _parts(file.stem)[0] == name]
        seen = set().union(*(msgspec.json.decode(file.read_bytes(), type=dict[str, object]) for file in samples))
        assert seen == fields, name


def test_every_personal_field_of_every_event_is_sealed_in_some_bytes() -> None:
    """They are stored like this today, also where older versions stored them in clear."""
    seen = 0
    for name, topic in CODEC.topics.items():
        samples = [event for event in MEANT.values() if event.topic == name]
        for field in topic.personal:
            assert any(str(getattr(event, field)).startswith("sealed:") for event in samples), (name, field)
            seen += 1
    assert seen > 20


def test_a_stored_policy_can_be_read_by_every_later_version() -> None:
    """Defaults may be added to a policy; what an old log holds must stay readable."""
    for name, event in MEANT.items():
        if isinstance(event, PolicyAdopted):
            assert Policy.model_validate_json(bytes(event.policy)).version == event.number, name


def test_recording_writes_what_is_missing_and_never_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = import_module("tests.recorded.__main__")
    (kept, *others) = MEANT
    monkeypatch.setattr(recording, "HERE", tmp_path)
    (tmp_path / f"{kept}.json").write_bytes(b"as it was")
    assert recording.main() == 0
    assert {file.stem for file in tmp_path.glob("*.json")} == {kept, *others}
    assert (tmp_path / f"{kept}.json").read_bytes() == b"as it was"
    assert all((tmp_path / f"{name}.json").read_bytes() == (HERE / f"{name}.json").read_bytes() for name in others
               if int(name.split(".")[2]) == CODEC.topics[".".join(name.split(".")[:2])].schema)  # fmt: skip
    assert capsys.readouterr().out.count("recorded tests/recorded/") == len(others)


def test_an_event_without_a_sample_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = import_module("tests.recorded.__main__")
    monkeypatch.setattr(recording, "HERE", tmp_path)
    monkeypatch.setattr(recording, "MEANT", {name: MEANT[name] for name in list(MEANT)[:1]})
    assert recording.main() == 1
    assert "no sample of loyalty.points_earned: add one to MEANT" in capsys.readouterr().err
