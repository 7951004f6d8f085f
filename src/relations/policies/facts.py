"""The facts about a customer that conditions of segments may ask for: the one list of them, with what each means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias, get_args

__all__ = [
    "CLUSTER_FACTS",
    "DEFAULT_CLUSTER_FACTS",
    "FACTS",
    "NUMBER_FACTS",
    "ClusterFact",
    "Fact",
    "NumberFact",
    "WordFact",
]

NumberFact: TypeAlias = Literal[
    "purchases",
    "purchase_days",
    "net_amount",
    "mean_amount",
    "discount_share",
    "known_days",
    "silent_days",
    "mean_gap_days",
    "contact_days",
    "complaints",
    "points",
    "age",
    "satisfaction",
    "recommendation",
]
WordFact: TypeAlias = Literal[
    "stage",
    "grade",
    "kind",
    "rfm",
    "tier",
    "cluster",
    "relation",
    "campaign",
    "gender",
    "language",
    "speaks",
    "region",
    "channel",
    "preferred_channel",
    "pace",
    "owner",
    "rung",
    "purchase_channel",
    "category",
    "need",
    "preference",
    "habit",
    "taboo",
    "attribute",
]
Fact: TypeAlias = Literal[NumberFact, WordFact]

ClusterFact: TypeAlias = Literal[
    "silent_days",
    "purchase_days",
    "net_amount",
    "purchases",
    "mean_amount",
    "discount_share",
    "known_days",
    "mean_gap_days",
    "contact_days",
    "complaints",
    "satisfaction",
    "recommendation",
    "age",
    "gender",
    "language",
    "region",
    "channel",
    "preferred_channel",
    "pace",
    "purchase_channel",
    "category",
]

CLUSTER_FACTS: tuple[ClusterFact, ...] = get_args(ClusterFact)
"""The facts by which customers can be clustered: what they do, and their profile."""
DEFAULT_CLUSTER_FACTS: tuple[ClusterFact, ...] = (
    "silent_days",
    "purchase_days",
    "net_amount",
    "discount_share",
    "known_days",
)
"""Recency, frequency and money, the share at a discount, and how long the customer is known."""

NUMBER_FACTS: frozenset[str] = frozenset(get_args(NumberFact))

FACTS: Mapping[Fact, str] = {
    "purchases": "The number of purchases by the end of the month.",
    "purchase_days": "The number of days with a purchase.",
    "net_amount": "Purchases less refunds, in minor units of the policy's currency. Unknown for customers who paid "
    "only in others.",
    "mean_amount": "The average amount of a purchase by the end of the month, in minor units of the policy's currency. "
    "Unknown without a purchase in it.",
    "discount_share": "The share of purchases at a discount, from 0 to 1. Unknown without a purchase.",
    "known_days": "The days since the business came to know them.",
    "silent_days": "The days since the last purchase. Unknown without one.",
    "mean_gap_days": "The average number of days between two purchase days. Unknown with fewer than two.",
    "contact_days": "The days since the business last contacted them. Unknown if it never did.",
    "complaints": "The number of complaints filed. Enquiries, requests and suggestions do not count.",
    "points": "The balance of points in the policy's first loyalty programme. Unknown for those who are not members.",
    "age": "The age in full years, from the sealed birthday. Unknown without its year, and after an erasure.",
    "satisfaction": "The last score of satisfaction, usually from 1 to 5.",
    "recommendation": "The last score of recommendation, from 0 to 10.",
    "stage": "The lifecycle stage, such as `lapsing`.",
    "grade": "The value grade: `high`, `mid` or `low`.",
    "kind": "The kind of loyalty, such as `true`.",
    "rfm": "The RFM segment.",
    "tier": "The tier in the policy's first loyalty programme.",
    "cluster": "The number of the cluster by the newest recorded fit, such as `1`. Unknown for customers who bought "
    "nothing in the policy's currency, and before the first fit.",
    "relation": "The state of the relation: `healthy`, or a state of its repair such as `strained` or `restored`.",
    "campaign": "Each campaign for which a cost to win them was recorded, that a purchase of theirs names, or that won "
    "them back.",
    "gender": "The gender, sealed in the log. Unknown after an erasure.",
    "language": "The language in which to address them. It includes its variants: `zh` includes `zh-Hant`.",
    "speaks": "Each language that they speak, likewise.",
    "region": "The region where they live.",
    "channel": "The channel through which they were registered.",
    "preferred_channel": "The channel through which they want to be reached.",
    "pace": "The pace at which they want to be served.",
    "owner": "The staff member who is responsible for them.",
    "rung": "The rung of the policy's ladder on which they stand, by its conditions or by an owner's word.",
    "purchase_channel": "Each channel through which they bought.",
    "category": "Each category that they bought.",
    "need": "The subject of each need, and its kind.",
    "preference": "The subject of each preference.",
    "habit": "The subject of each habit.",
    "taboo": "The subject of each taboo.",
    "attribute": "The subject of each attribute, and for those with a value also `subject=value`.",
}
"""What each fact means, as of the evening of a day."""
