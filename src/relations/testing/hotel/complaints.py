"""The course of a complaint in the simulation, from filing to its end, and its effect on the guest."""

from __future__ import annotations

from typing import Any

from relations.aggregates.complaint import (
    AcceptRemedy,
    AcknowledgeComplaint,
    AssignComplaint,
    CarryOutRemedy,
    CheckDeadlines,
    CloseComplaint,
    ComplaintCommand,
    DeclineRemedy,
    FileComplaint,
    FollowUpComplaint,
    GiveApology,
    NameRootCause,
    ProposeRemedy,
    ReopenComplaint,
    ResolveComplaint,
    WithdrawComplaint,
)
from relations.messages import Money
from relations.testing.hotel.booking import Booking
from relations.testing.hotel.care import begin_care
from relations.testing.hotel.diary import DAY, HOUR, MINUTE
from relations.testing.hotel.office.staff import cause_of, owner_of
from relations.testing.hotel.world import RATES, SUBJECTS, Subject, Weighted

__all__ = ["complain"]

_CHANNELS = Weighted({"on_site": 40, "email": 25, "phone": 12, "app": 10, "social": 8, "web": 5})
_HURT = {"low": -1.2, "medium": -2.0, "high": -2.7, "critical": -3.2}
_REMEDIES = Weighted({"goodwill": 25, "voucher": 22, "refund": 20, "points": 18, "service": 12, "replacement": 3})
_SOUGHT = Weighted({"refund": 4, "an apology": 3, "that it is put right": 3})
_DECLINES = Weighted({"too little": 5, "not what was asked": 3, "matter of principle": 1})
_REOPENS = Weighted({"promised and not done": 4, "it happened again": 3, "not satisfied": 3})
_EUROS = {"low": 2_000, "medium": 5_000, "high": 12_000, "critical": 30_000}


def complain(visit: Booking) -> float:
    """Write a complaint about a visit with everything that follows; return its effect on the guest's contentment."""
    complaint = _Complaint(visit)
    complaint.file()
    for turn in (1, 2, 3):
        if not complaint.handle(turn) or not complaint.is_reopened():
            break
    return complaint.mood


class _Complaint:
    """One complaint while it is being written; `at` is the time it has reached."""

    def __init__(self, visit: Booking) -> None:
        random = visit.random
        self.visit = visit
        self.random = random
        self.id = f"k{visit.key}"
        self.subject: Subject = SUBJECTS.draw(random)
        self.severity = self.subject.severities.draw(random)
        self.channel = _CHANNELS.draw(random)
        during = visit.arrival + HOUR + int((visit.departure - visit.arrival) * random.random())
        self.at = during if self.channel == "on_site" else visit.departure + int(5 * DAY * random.random() ** 2)
        self.known = self.at
        self.mood = _HURT[self.severity]
        self.remedies = 0

    def write(self, kind: type[ComplaintCommand], actor: str = "guest relations", /, **fields: Any) -> None:
        """Write a command to this complaint at `at`."""
        self.visit.diary.write(self.visit.guest, kind, self.at, actor, complaint=self.id, **fields)

    def wait(self, hours: float) -> None:
        """Let about this many hours pass: usually fewer, sometimes far more."""
        self.at += 5 * MINUTE + int(hours * HOUR * min(8.0, self.random.lognormvariate(-0.4, 0.9)))

    def file(self) -> None:
        """File the complaint; one made at a desk may be recorded days later."""
        random, visit = self.random, self.visit
        recorded = self.at + 2
        if self.channel == "on_site" and random.random() < 0.06:
            recorded += 12 * HOUR + int(5 * DAY * random.random())
        self.write(
            FileComplaint, "guest",
            recorded=recorded,
            customer=visit.guest.id,
            subject=self.subject.name,
            channel=self.channel,
            severity=self.severity,
            text=self.subject.words[visit.guest.language[:2]],
            remedy_sought=_SOUGHT.draw(random) if random.random() < 0.4 else None,
            touchpoint=visit.hotel.touchpoint,
            purchase=visit.purchases[0][0] if visit.purchases else None,
        )  # fmt: skip
        self._clocks(self.at)
        self.at = self.known = max(self.at, recorded)
        found = owner_of(self.id)
        if found is not None:
            self.write(AssignComplaint, owner=found[0], department=found[1])

    def _clocks(self, start: int) -> None:
        deadlines = self.visit.diary.policy.service_levels.deadlines(self.severity, start * 1_000_000)  # type: ignore[arg-type] # the severities are the policy's own, as a test holds
        self.acknowledge_by, self.resolve_by = (due // 1_000_000 for due in deadlines)

    def _check(self, due: int) -> None:
        """Write the agenda's command at a deadline if the next step comes too late for it."""
        if self.at >= due:
            diary, at = self.visit.diary, max(due + MINUTE, self.known)
            diary.write(self.visit.guest, CheckDeadlines, at, "agenda", complaint=self.id)

    def handle(self, turn: int) -> bool:
        """Write one round of handling; return True if it came to a resolution."""
        random = self.random
        if turn == 1 and random.random() < 0.03:
            return self.withdraw()
        patience = (self.acknowledge_by - self.at) / HOUR
        self.wait(max(1.0, patience * (0.35 if random.random() < 0.93 else 3.0)))
        self._check(self.acknowledge_by)
        self.write(AcknowledgeComplaint, channel="on_site" if self.channel == "on_site" else "email")
        if random.random() < 0.82:
            self.wait(0.5)
            self.write(GiveApology, channel=random.choice(("email", "phone", "on_site")))
            self.mood += 0.5
        if turn == 1 and random.random() < 0.03:
            self.wait(10)
            return self.withdraw()
        if random.random() < 0.72:
            self.offer()
        if random.random() < 0.03:
            # Forgotten: nobody ever resolves it, and the agenda finds out.
            self.at = max(self.at, self.resolve_by)
            self._check(self.resolve_by)
            self.mood -= 0.8
            return False
        self.wait(max(1.0, (self.resolve_by - self.at) / HOUR * (0.3 if random.random() < 0.9 else 2.5)))
        in_time = self.at < self.resolve_by
        self._check(self.resolve_by)
        cause = cause_of(self.id, self.subject.name) if turn == 1 else None
        if cause is not None:
            self.write(NameRootCause, cause=cause)
        self.write(ResolveComplaint, outcome="settled" if self.remedies or random.random() < 0.8 else "explained")
        begin_care(self.visit.diary, self.visit.guest, "after_complaint", self.at, "complaint_resolved")
        self.mood += 0.4 if in_time else -0.3
        return True

    def withdraw(self) -> bool:
        """Withdraw the complaint, usually because it was settled on the spot."""
        self.wait(2)
        self.write(WithdrawComplaint, "guest", reason="settled on the spot")
        self.mood = -0.3
        return False

    def offer(self) -> None:
        """Propose a remedy that is accepted, or declined and perhaps improved."""
        random = self.random
        for attempt in (1, 2):
            self.remedies += 1
            remedy = f"{self.id}-m{self.remedies}"
            kind = _REMEDIES.draw(random)
            if kind == "points" and self.visit.guest.account is None and random.random() < 0.8:
                kind = "voucher"  # the rest become members by it
            cents = int(_EUROS[self.severity] * attempt * (0.5 + random.random())) // 500 * 500 + 500
            value = Money(cents, "EUR")
            if kind == "refund":
                amount, currency = self._refundable(cents)
                value = Money(amount, currency)
            self.wait(8)
            self.write(
                ProposeRemedy,
                remedy=remedy,
                kind=kind,
                value=None if kind == "points" else value,
                points=cents if kind == "points" else None,
            )
            self.wait(12)
            if random.random() < (0.78 if attempt == 1 else 0.9):
                self.write(AcceptRemedy, "guest", remedy=remedy)
                self._carry_out(remedy, kind, value)
                return
            self.write(DeclineRemedy, "guest", remedy=remedy, reason=_DECLINES.draw(random))
            self.mood -= 0.2
            if random.random() < 0.35:
                return

    def _refundable(self, cents: int) -> tuple[int, str]:
        """Return an amount of the first purchase that the rules allow to refund."""
        currency = self.visit.hotel.currency
        wanted = max(1, int(cents / RATES[currency]))
        most = self.visit.purchases[0][1] // 3 if self.visit.purchases else wanted
        return max(1, min(wanted, most)), currency

    def _carry_out(self, remedy: str, kind: str, value: Money) -> None:
        random, visit = self.random, self.visit
        if random.random() < 0.04:
            self.mood -= 0.7
            return
        self.wait(20)
        if kind == "refund" and visit.purchases and not visit.refunded:
            purchase, _, recorded, _ = visit.purchases[0]
            self.at = max(self.at, recorded)
            visit.refund(purchase, value.amount, self.at, "complaint")
        self.write(CarryOutRemedy, remedy=remedy)
        self.mood += 0.9

    def is_reopened(self) -> bool:
        """Write what follows a resolution: a follow-up and the closing; return True if it is reopened."""
        random = self.random
        unhappy = self.mood < -1.4
        if random.random() < 0.6:
            self.wait(7 * 24)
            score = min(5, max(1, round(4.4 + 0.9 * (self.mood + 0.5) + random.gauss(0, 0.6))))
            self.write(FollowUpComplaint, score=score if random.random() < 0.9 else None)
        closed = random.random() < 0.93
        if closed:
            self.wait(48)
            self.write(CloseComplaint)
        if random.random() > (0.3 if unhappy else 0.05):
            return False
        self.wait(6 * 24)
        self.write(ReopenComplaint, "guest", reason=_REOPENS.draw(random))
        self._clocks(self.at)
        self.mood -= 0.5
        return True
