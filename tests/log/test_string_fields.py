"""Every text in an event is an id, a code of the business, a value of a fixed form, or sealed personal words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from relations.aggregates import AGGREGATES
from relations.log.codec import Codec

CODEC = Codec(event for aggregate in AGGREGATES for event in aggregate.events)

Kind = Literal["id", "code", "form", "note", "personal"]
"""`id`: the host chose it; `code`: a term, counted and compared; `form`: a date, month, language, region or digest;
`note`: words about the business in a stream of no customer, refused where they look like an address or a number."""

KINDS: dict[str, Kind] = {
    **dict.fromkeys(
        [
            "purchase",
            "refund",
            "feedback",
            "invitation",
            "interaction",
            "regarding",
            "acquisition",
            "customer",
            "into",
            "survivor",
            "merged",
            "remedy",
            "request",
            "message",
            "promise",
            "improvement",
            "duplicate",
            "lot",
            "redemption",
            "coupon",
            "transfer",
            "adjustment",
            "referral",
            "referred",
            "referrer",
            "merge",
            "refunds",
            "to",
            "source",
            "prefix",
            "other",
            "about",
            "use",
            "goal",
            "programme",
            "club",
            "clubs",
            "lapsing",
            "reward",
            "owner",
            "by",
            "author",
            "plan",
            "round",
            "step",
            "judged_by",
            "actor",
            "coder",
        ],
        "id",
    ),
    **dict.fromkeys(
        [
            "channel",
            "kind",
            "touchpoint",
            "direction",
            "outcome",
            "category",
            "purpose",
            "basis",
            "reason",
            "action",
            "instrument",
            "themes",
            "scorer",
            "trait",
            "need",
            "pace",
            "preferred_channel",
            "campaign",
            "campaigns",
            "subject",
            "severity",
            "grade",
            "relationship",
            "complexity",
            "impact",
            "urgency",
            "department",
            "previous",
            "conclusion",
            "cause",
            "clock",
            "why",
            "title",
            "role",
            "tier",
            "next",
            "unit",
            "benefit",
            "metric",
            "window",
            "calendar",
            "because",
        ],
        "code",
    ),
    **dict.fromkeys(
        ["language", "languages", "region", "scorer_version", "digest", "month", "fx", "starts", "ends", "since"],
        "form",
    ),
}
"""By the field's name."""

BY_TOPIC: dict[tuple[str, str], Kind] = {
    ("complaint.escalated", "to"): "code",
    ("customer.assigned", "deputy"): "id",
    ("customer.assigned", "previous"): "id",
    ("customer.contact_dropped", "contact"): "id",
    ("customer.contact_named", "contact"): "id",
    ("customer.contact_named", "level"): "code",
    ("customer.rung_stated", "rung"): "code",
    ("model.fitted", "buying"): "form",
    ("model.fitted", "currency"): "code",
    ("model.fitted", "model"): "code",
    ("model.fitted", "spending"): "form",
    ("model.fitted", "through"): "form",
    ("model.clusters_fitted", "clusters"): "form",
    ("model.clusters_fitted", "through"): "form",
    ("model.forecasts_fitted", "currency"): "code",
    ("model.forecasts_fitted", "forecasts"): "form",
    ("model.forecasts_fitted", "through"): "form",
    ("model.rules_fitted", "rules"): "form",
    ("model.rules_fitted", "through"): "form",
    ("campaign.ended", "reason"): "note",
    ("campaign.cost_cancelled", "cost"): "id",
    ("campaign.cost_recorded", "cost"): "id",
    ("campaign.cost_recorded", "what"): "code",
    ("campaign.planned", "audience"): "code",
    ("campaign.planned", "channels"): "code",
    ("campaign.planned", "objective"): "note",
    ("campaign.planned", "partner"): "id",
    ("campaign.reach_recorded", "platform"): "code",
    ("campaign.reach_recorded", "reach"): "id",
    ("opportunity.advanced", "expected_on"): "form",
    ("opportunity.advanced", "stage"): "code",
    ("opportunity.lost", "rival"): "id",
    ("opportunity.opened", "campaign"): "id",
    ("opportunity.opened", "expected_on"): "form",
    ("opportunity.opened", "partner"): "id",
    ("opportunity.opened", "stage"): "code",
    ("opportunity.opened", "what"): "code",
    ("opportunity.quoted", "quote"): "id",
    ("opportunity.quoted", "valid_until"): "form",
    ("opportunity.won", "contract"): "id",
    ("rival.observation_cancelled", "observation"): "id",
    ("rival.observed", "about"): "code",
    ("rival.observed", "observation"): "id",
    ("rival.observed", "source"): "code",
    ("rival.observed", "value"): "form",
    ("rival.observed", "words"): "note",
    ("staff.joined", "interests"): "code",
    ("staff.joined", "skills"): "code",
    ("staff.recognised", "recognition"): "id",
    ("staff.role_changed", "interests"): "code",
    ("staff.role_changed", "skills"): "code",
    ("staff.training_completed", "about"): "code",
    ("staff.training_completed", "training"): "id",
    ("staff.training_planned", "about"): "code",
    ("staff.training_planned", "training"): "id",
    ("goal.ended", "reason"): "note",
    ("goal.improvement_raised", "what"): "note",
    ("goal.reviewed", "decision"): "note",
    ("goal.reviewed", "finding"): "note",
    ("goal.reviewed", "root_cause"): "note",
    ("goal.set", "indicator"): "code",
    ("goal.set", "least"): "form",
    ("goal.set", "target"): "form",
    ("complaint.escalation_planned", "to"): "code",
    ("complaint.improvement_raised", "cause"): "code",
    ("customer.trait_noted", "value"): "code",
    ("customer.feedback_given", "platform"): "code",
    ("customer.consent_given", "source"): "code",
    ("customer.consent_withdrawn", "source"): "code",
    ("customer.identity_linked", "source"): "code",
    ("customer.registered", "source"): "code",
    ("customer.trait_dropped", "about"): "code",
    ("customer.trait_noted", "about"): "code",
    ("customer.interaction_recorded", "by"): "id",
    ("customer.interaction_recorded", "platform"): "code",
    ("customer.interaction_recorded", "topics"): "code",
    ("customer.interaction_recorded", "breaches"): "code",
    ("customer.offer_answered", "answer"): "code",
    ("customer.offer_answered", "offer"): "id",
    ("customer.offer_sent", "breaches"): "code",
    ("customer.offer_sent", "content"): "code",
    ("customer.offer_sent", "offer"): "id",
    ("customer.purchase_recorded", "partner"): "id",
    ("loyalty.request_forwarded", "request"): "code",
}
"""Where the same name means something else."""


def _texts(kind: msgspec.inspect.Type) -> Iterator[bool]:
    """Yield for each text in a type whether it is personal."""
    match kind:
        case msgspec.inspect.StrType():
            yield False
        case msgspec.inspect.Metadata():
            mark = bool((kind.extra or {}).get("personal"))
            for found in _texts(kind.type):
                yield found or mark
        case msgspec.inspect.UnionType():
            for member in kind.types:
                yield from _texts(member)
        case msgspec.inspect.VarTupleType() | msgspec.inspect.ListType():
            yield from _texts(kind.item_type)


def test_every_text_of_every_event_is_an_id_a_code_a_form_or_sealed() -> None:
    seen: dict[str, int] = {}
    for topic in CODEC.topics.values():
        info = msgspec.inspect.type_info(topic.event)
        assert isinstance(info, msgspec.inspect.StructType)
        for field in info.fields:
            found = set(_texts(field.type))
            if not found:
                continue
            assert len(found) == 1, (topic.event.topic, field.name)
            kind = (
                "personal"
                if found == {True}
                else BY_TOPIC.get((topic.event.topic, field.name)) or KINDS.get(field.name)
            )
            assert kind is not None, (
                f"{topic.event.topic}.{field.name}: seal it if it is free text, or say what it is in BY_TOPIC"
            )
            seen[kind] = seen.get(kind, 0) + 1
    assert seen["personal"] > 20
    assert seen["code"] > 60
    assert seen["id"] > 80
    assert seen["note"] == 8


def test_no_kind_is_declared_for_a_field_that_is_gone() -> None:
    names = {name for topic in CODEC.topics.values() for name in topic.event.__struct_fields__}
    assert set(KINDS) - names <= {"actor", "refunds"}
    for topic, name in BY_TOPIC:
        assert name in CODEC.topics[topic].event.__struct_fields__
