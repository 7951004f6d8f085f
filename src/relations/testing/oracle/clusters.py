"""Clusters of customers, found again the slow way: one customer after the other, and each distance by itself.

The recorded scaling and centres are taken as given. What customers are compared by, their nearest centre and the mean
silhouette follow from the log.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from math import copysign, dist, sqrt
from statistics import fmean
from zoneinfo import ZoneInfo

from relations.aggregates.customer import PurchaseRecorded, PurchaseRefunded
from relations.aggregates.model import ClusterParameters
from relations.messages import RecordedEvent, from_micros
from relations.testing.oracle.people import surviving_id

__all__ = ["SlowClusters"]


@dataclass
class SlowClusters:
    """The purchases of a history, without refunds that were reversed.

    Attributes:
        history: Every recorded event, in the order of the log.
        zone: The business's time zone.
        found: The recorded clusters. They compare by the default facts, or some of them.
    """

    history: list[RecordedEvent]
    zone: ZoneInfo
    found: ClusterParameters

    def places(self, at: datetime) -> dict[str, list[float]]:
        """Return each customer's features in deviations from the mean, by the evening of a day."""
        today = at.astimezone(self.zone).date()
        bought: defaultdict[str, list[tuple[date, int, bool]]] = defaultdict(list)
        returned: defaultdict[str, int] = defaultdict(int)
        for each in self.history:
            event, day = each.event, from_micros(each.occurred_at).astimezone(self.zone).date()
            if not isinstance(event, PurchaseRecorded | PurchaseRefunded) or day > today:
                continue
            if event.amount.currency != self.found.currency:
                continue
            if isinstance(event, PurchaseRecorded):
                bought[self._person(each.customer)].append((day, event.amount.amount, event.discounted))
            else:
                returned[self._person(each.customer)] += event.amount.amount
        return {name: self._place(lines, returned[name], today) for name, lines in sorted(bought.items())}

    def numbers(self, at: datetime) -> dict[str, int]:
        """Return the number of the cluster with the nearest centre, from 1, by customer."""
        found = {}
        for name, place in self.places(at).items():
            distances = [sum((one - other) ** 2 for one, other in zip(place, each.centre, strict=True))
                         for each in self.found.clusters]  # fmt: skip
            found[name] = distances.index(min(distances)) + 1
        return found

    def silhouette(self, at: datetime) -> float:
        """Return the mean silhouette of all customers."""
        places, numbers = self.places(at), self.numbers(at)
        found = []
        for name, place in places.items():
            apart: defaultdict[int, list[float]] = defaultdict(list)
            for other, there in places.items():
                if other != name:
                    apart[numbers[other]].append(dist(place, there))
            own = apart.pop(numbers[name], [])
            inside, outside = fmean(own or [0.0]), min(fmean(each) for each in apart.values())
            larger = inside if inside > outside else outside
            found.append((outside - inside) / larger if own and larger else 0.0)
        return fmean(found)

    def _place(self, bought: list[tuple[date, int, bool]], returned: int, today: date) -> list[float]:
        days = [day for day, _, _ in bought]
        known = {
            "silent_days": _root((today - max(days)).days),
            "purchase_days": _root(len(set(days))),
            "net_amount": _root(sum(amount for _, amount, _ in bought) - returned),
            "known_days": _root((today - min(days)).days),
            "discount_share": fmean(is_discounted for _, _, is_discounted in bought),
        }
        return [(known[each.fact] - each.mean) / each.deviation for each in self.found.features]

    def _person(self, customer: str) -> str:
        return surviving_id(self.history, customer)


def _root(value: float) -> float:
    return copysign(sqrt(sqrt(abs(value))), value)
