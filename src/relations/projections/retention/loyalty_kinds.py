"""Kinds of loyalty: behaviour (do customers come back?) and attitude (do they mean it?).

Source: A. S. Dick and K. Basu, "Customer loyalty: toward an integrated conceptual framework", Journal of the Academy of
Marketing Science 22 (1994). Behaviour and attitude, each high or low, make four kinds:

|                 | comes back   | does not come back |
|-----------------|--------------|--------------------|
| means it        | true         | latent             |
| does not mean it| spurious     | none               |

Kinds are found month by month: the kind of a month is that of its end, from the months of the window that it ends.
"""

from __future__ import annotations

from collections import Counter
from typing import Literal, NamedTuple, TypeAlias, get_args

from pydantic import AwareDatetime

from relations.json_form import ViewAnswer
from relations.messages import from_micros
from relations.months import last_day, months_between
from relations.policies.instruments import DETRACTORS_TO, PROMOTERS_FROM
from relations.policies.lifecycle import LoyaltyKinds
from relations.projections.retention.patronage import Patronage

__all__ = [
    "KINDS",
    "CustomerKind",
    "Direction",
    "KindStep",
    "KindsReport",
    "LoyaltyKind",
    "LoyaltySigns",
    "customer_kind",
    "kind_step",
    "kinds_report",
]

LoyaltyKind: TypeAlias = Literal["true", "latent", "spurious", "none"]
KINDS: tuple[LoyaltyKind, ...] = get_args(LoyaltyKind)
Direction: TypeAlias = Literal["begins", "progression", "relapse", "shift"]

_RANK: dict[LoyaltyKind, int] = {"true": 2, "latent": 1, "spurious": 1, "none": 0}


class LoyaltySigns(ViewAnswer):
    """The signs from which a kind of loyalty follows, over the months of the window.

    Attributes:
        purchase_days: The number of purchase days, without those refunded in full.
        active_share: The share of months with a purchase, since the first one.
        satisfied_share: The share of satisfied answers; None if there are none.
        recommends: True for more promoting than detracting answers, False for fewer; None if they are even.
        full_price_share: The share of purchases at the full price; None if there are none.
        comes_back: True for high behaviour.
        means_it: True for a good attitude.
    """

    purchase_days: int
    active_share: float
    satisfied_share: float | None
    recommends: bool | None
    full_price_share: float | None
    comes_back: bool
    means_it: bool


class KindStep(ViewAnswer):
    """A month in which the kind changed.

    Attributes:
        month: The month at whose end the kind was new.
        kind: The new kind.
        previous: The kind before; None at the beginning.
        direction: `begins` at the first purchase or answer, `progression` towards true loyalty, `relapse` away from it,
            or `shift` between latent and spurious.
    """

    month: str
    kind: LoyaltyKind
    previous: LoyaltyKind | None
    direction: Direction


class CustomerKind(ViewAnswer):
    """A customer's kind of loyalty.

    Attributes:
        customer: The customer's id.
        kind: The kind at the end of the month asked about.
        since: The month since which they have been of this kind.
        signs: The signs from which it follows.
        steps: Every change, by month.
    """

    customer: str
    kind: LoyaltyKind
    since: str
    signs: LoyaltySigns
    steps: tuple[KindStep, ...]


class KindsReport(ViewAnswer):
    """The number of customers of each kind of loyalty.

    Attributes:
        as_of: The moment asked about; all of its month counts.
        month: That month.
        customers: The number of customers who ever bought or answered.
        kinds: The number of customers of each kind.
        progressed: The number who moved towards true loyalty in this month.
        relapsed: The number who moved away from it in this month.
        listed: The customers listed, by id.
    """

    as_of: AwareDatetime
    month: str
    customers: int
    kinds: dict[LoyaltyKind, int]
    progressed: int
    relapsed: int
    listed: tuple[CustomerKind, ...]


class _Month(NamedTuple):
    days: int = 0
    purchases: int = 0
    discounted: int = 0
    satisfied: int = 0
    answers: int = 0
    promoters: int = 0
    detractors: int = 0


_NOTHING = _Month()


def _months_of(row: Patronage, satisfied_from: int, until: str) -> dict[str, _Month]:
    found: dict[str, _Month] = {}
    for month, bits in row.kept_months(last_day(until)).items():
        found[month] = _Month(days=bits.bit_count())
    for month, _, activity in row.entries():
        before = found.get(month, _NOTHING)
        found[month] = before._replace(
            purchases=before.purchases + activity.purchases, discounted=before.discounted + activity.discounted
        )
    for said in row.opinions:
        before, satisfaction = found.get(said.month, _NOTHING), said.kind == "csat"
        found[said.month] = before._replace(
            satisfied=before.satisfied + (satisfaction and said.score >= satisfied_from),
            answers=before.answers + satisfaction,
            promoters=before.promoters + (not satisfaction and said.score >= PROMOTERS_FROM),
            detractors=before.detractors + (not satisfaction and said.score <= DETRACTORS_TO),
        )
    return found


class _Signs(NamedTuple):
    """The same as `LoyaltySigns`, cheap enough to make one for every month."""

    purchase_days: int
    active_share: float
    satisfied_share: float | None
    recommends: bool | None
    full_price_share: float | None
    comes_back: bool
    means_it: bool

    @property
    def kind(self) -> LoyaltyKind:
        if self.means_it:
            return "true" if self.comes_back else "latent"
        return "spurious" if self.comes_back else "none"


def _signs(months: dict[str, _Month], window: list[str], first_purchase: str | None, policy: LoyaltyKinds) -> _Signs:
    """Return the signs of a window of months; `first_purchase` is the month of the first purchase, if there is one."""
    seen = [months[month] for month in window if month in months]
    total = _Month(*map(sum, zip(*seen, strict=True))) if seen else _NOTHING
    since = [month for month in window if first_purchase is not None and month >= first_purchase]
    active = sum(bool(month.days) for month in seen)
    active_share = active / len(since) if since else 0.0
    satisfied_share = total.satisfied / total.answers if total.answers else None
    recommends = None if total.promoters == total.detractors else total.promoters > total.detractors
    full_price_share = (total.purchases - total.discounted) / total.purchases if total.purchases else None
    content = None if satisfied_share is None else satisfied_share >= policy.satisfied_share_min
    pays = full_price_share is not None and full_price_share >= policy.full_price_share_min
    signs = (content is True) + (recommends is True) + pays
    return _Signs(
        purchase_days=total.days,
        active_share=active_share,
        satisfied_share=satisfied_share,
        recommends=recommends,
        full_price_share=full_price_share,
        comes_back=total.days >= policy.purchase_days_min and active_share >= policy.active_share_min,
        means_it=content is not False and recommends is not False and signs >= policy.signs_min,
    )


def customer_kind(row: Patronage, policy: LoyaltyKinds, *, satisfied_from: int, month: str) -> CustomerKind | None:
    """Return a customer's kind at the end of a month and its history; None before the first purchase or answer.

    Args:
        row: The customer.
        policy: The limits from which a sign counts.
        satisfied_from: The lowest score that counts as satisfied.
        month: The month.
    """
    months = {name: each for name, each in _months_of(row, satisfied_from, month).items() if name <= month}
    found = {name for name, each in months.items() if each != _NOTHING}
    if not found:
        return None
    first_purchase = min((name for name in found if months[name].purchases), default=None)
    steps: list[KindStep] = []
    signs: _Signs | None = None
    window: list[str] = []
    for name in months_between(min(found), month):
        window = [*window[-(policy.months - 1) :], name] if policy.months > 1 else [name]
        signs = _signs(months, window, first_purchase, policy)
        if not steps or steps[-1].kind != signs.kind:
            steps.append(kind_step(name, signs.kind, steps[-1].kind if steps else None))
    assert signs is not None  # noqa: S101 - there is at least the month of the first purchase or answer
    return CustomerKind(
        customer=row.customer,
        kind=signs.kind,
        since=steps[-1].month,
        signs=LoyaltySigns(**signs._asdict()),
        steps=tuple(steps),
    )


def kind_step(month: str, kind: LoyaltyKind, previous: LoyaltyKind | None) -> KindStep:
    """Return the change from one kind to another; `previous` is None at the beginning."""
    direction: Direction = "begins"
    if previous is not None:
        change = _RANK[kind] - _RANK[previous]
        direction = "shift" if not change else "progression" if change > 0 else "relapse"
    return KindStep(month=month, kind=kind, previous=previous, direction=direction)


def kinds_report(kinds: list[CustomerKind], *, as_of: int, month: str, listed: list[CustomerKind]) -> KindsReport:
    """Count the customers of each kind."""
    counts: dict[LoyaltyKind, int] = dict.fromkeys(KINDS, 0)
    moves: Counter[Direction] = Counter()
    for each in kinds:
        counts[each.kind] += 1
        last = each.steps[-1]
        if last.month == month:
            moves[last.direction] += 1
    return KindsReport(
        as_of=from_micros(as_of),
        month=month,
        customers=len(kinds),
        kinds=counts,
        progressed=moves["progression"],
        relapsed=moves["relapse"],
        listed=tuple(listed),
    )
