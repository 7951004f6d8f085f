"""One visit of a guest: booking, stay, purchases, survey, complaint, and the time of the next visit."""

from __future__ import annotations

from datetime import timedelta
from random import Random

from relations.aggregates.customer import (
    CorrectProfile,
    EraseCustomer,
    GiveConsent,
    GiveFeedback,
    ItemAnswer,
    PurchaseLine,
    RecordAcquisitionCost,
    RecordInteraction,
    RecordLapse,
    RecordPurchase,
    RecordWinBack,
    RegisterCustomer,
    WithdrawConsent,
)
from relations.messages import Money
from relations.testing.hotel.bills import lines_of
from relations.testing.hotel.booking import Booking
from relations.testing.hotel.care import begin_care
from relations.testing.hotel.complaints import complain
from relations.testing.hotel.diary import DAY, HOUR, MINUTE, Diary
from relations.testing.hotel.guests import Guest, reseed, side_numbers
from relations.testing.hotel.loyalty import enrol, redeem, redeem_too_much
from relations.testing.hotel.people import note_person
from relations.testing.hotel.surveys import invite, remind, reply, score_comment, themes_of
from relations.testing.hotel.world import ASPECTS, CARED_LANGUAGES, COMMENTS, NAMES, QUESTIONNAIRE, RATES, Weighted

__all__ = ["Visit", "plan_visit"]

_SURVEY_CHANNELS = Weighted({"email": 6, "app": 2, "message": 2})
_QUESTIONS = Weighted({"directions": 3, "late arrival": 3, "parking": 2, "invoice copy": 2, "lost property": 1})
_CONSENTS = (("offers", "email", 0.5), ("offers", "message", 0.15), ("surveys", "email", 0.6))
_REFUND_REASONS = Weighted({"charged twice": 4, "not consumed": 3, "wrong rate": 3, "goodwill": 1})
_CAMPAIGNS = Weighted({("web", "search"): 5, ("social", "spring film"): 2, ("partner", None): 4})
_LEAVING = Weighted({"moved away": 4, "too dear": 4, "another hotel": 5, "a complaint": 2, None: 2})
_REGULAR = 3
"""The visit after which the hotel may begin to care for a guest by the 611 plan."""
_CALLED = 0.1
_LATE = 0.03
"""The share of purchases recorded late: from a partner, or a till that was offline."""
_COMPLAINS = 0.03
"""The chance that a stay leads to a complaint, before the hotel's quality and the season change it."""


class Visit(Booking):
    """One visit; `plan_visit` makes and writes it."""

    # --- who they are ---

    def register(self) -> str | None:
        """Register a guest on the first visit and return their name; a few stay unregistered."""
        guest, random = self.guest, self.random
        if random.random() < 0.02:
            return None
        language = guest.language[:2]
        given, family = (random.choice(names) for names in NAMES[language])
        name = f"{family}{given}" if language in ("zh", "ja") else f"{given} {family}"
        born = f"{1945 + int(60 * random.random())}-{random.randint(1, 12):02d}-{random.randint(1, 28):02d}"
        phone = f"+999{guest.number:09d}" if random.random() < 0.7 else None
        birthday = born if random.random() < 0.4 else None
        self.diary.write(
            guest, RegisterCustomer, self.booked, f"booking:{self.channel}",
            customer=guest.id,
            name=name,
            email=f"guest{guest.number}@{language}.example.com",
            phone=phone,
            birthday=birthday,
            language=guest.language,
            region=guest.language[3:],
            channel=self.channel,
            source="booking",
        )  # fmt: skip
        if birthday is not None:
            begin_care(self.diary, guest, "birthday", self.booked, "registered", birthday=birthday)
        for purpose, channel, chance in _CONSENTS:
            if random.random() < chance:
                guest.consents.append((purpose, channel))
                self.diary.write(
                    guest, GiveConsent, self.booked + 30, "guest",
                    customer=guest.id, purpose=purpose, channel=channel, source="booking form",
                )  # fmt: skip
        return name

    def won_by(self) -> None:
        """Record the cost of winning some of the new guests."""
        if self.side.random() < 0.25:
            channel, campaign = _CAMPAIGNS.draw(self.side)
            self.diary.write(
                self.guest, RecordAcquisitionCost, self.booked + 45, "marketing",
                customer=self.guest.id,
                acquisition=f"a{self.key}",
                amount=Money(2_000 + int(7_000 * self.side.random()), "EUR"),
                channel=channel,
                campaign=campaign,
            )  # fmt: skip

    def leave(self) -> None:
        """Record the departure and its reason for a few of the guests who will not come back."""
        guest = self.guest
        if self.side.random() < 0.08:
            guest.said = True
            at = self.departure + (10 + self.side.randrange(40)) * DAY
            reason = _LEAVING.draw(self.side)
            self.diary.write(guest, RecordLapse, at, "service centre", customer=guest.id, reason=reason)

    def change_of_mind(self, at: int) -> None:
        """Sometimes change a guest's phone number, or withdraw a consent."""
        guest, random = self.guest, self.random
        if random.random() < 0.015:
            phone = f"+999{500_000_000 + guest.number * 7 + guest.visits:09d}"
            self.diary.write(guest, CorrectProfile, at, "front desk", customer=guest.id, phone=phone)
        if guest.consents and random.random() < 0.03:
            purpose, channel = guest.consents.pop()
            guest.silent = guest.silent or purpose == "surveys"
            self.diary.write(
                guest, WithdrawConsent, at + 40, "guest",
                customer=guest.id, purpose=purpose, channel=channel, source="link in a message",
            )  # fmt: skip

    def touch(
        self, at: int, kind: str, channel: str, actor: str, *, outbound: bool = False, outcome: str | None = None
    ) -> None:
        """Record an interaction."""
        guest = self.guest
        if outbound and channel != "on_site":
            guest.contacted = at
        self.diary.write(
            guest, RecordInteraction, at, actor,
            customer=guest.id,
            interaction=f"i{self.key}-{guest.written}",
            channel=channel,
            kind=kind,
            touchpoint=self.hotel.touchpoint,
            direction="outbound" if outbound else "inbound",
            outcome=outcome,
        )  # fmt: skip

    # --- money ---

    def buy(self, at: int, category: str, euro_cents: float, channel: str, *, discounted: bool = False) -> None:
        """Record a purchase, sometimes late."""
        guest, random, hotel = self.guest, self.random, self.hotel
        amount = max(1, round(euro_cents / RATES[hotel.currency]))
        amount -= amount % 50 if amount > 1_000 else 0
        purchase = f"p{self.key}-{len(self.purchases) + 1}"
        recorded = at + 2
        if random.random() < _LATE:
            recorded += HOUR + int(40 * DAY * random.random() ** 2)
        self.diary.write(
            guest, RecordPurchase, at, f"till:{hotel.touchpoint}", recorded=recorded,
            customer=guest.id,
            purchase=purchase,
            amount=Money(amount, hotel.currency),
            category=category,
            touchpoint=hotel.touchpoint,
            channel=channel,
            discounted=discounted,
            lines=self._lines(purchase, category, Money(amount, hotel.currency)),
        )  # fmt: skip
        self.purchases.append((purchase, amount, recorded, category))
        if guest.account is not None:
            guest.account.earn(self.diary, guest, Money(amount, hotel.currency), category, at=at, recorded=recorded)

    def _lines(self, purchase: str, category: str, amount: Money) -> tuple[PurchaseLine, ...]:
        """Return the lines of a purchase if bills have them; their random numbers change nothing else."""
        if not self.diary.itemized:
            return ()
        random = Random(f"{self.diary.prefix}{purchase}")  # noqa: S311 - a simulation keeps no secrets
        return lines_of(random, category, amount)

    def give_back(self, after: int) -> None:
        """Refund a purchase: in part, in several parts, or in full."""
        random = self.random
        purchase, amount, recorded, _ = random.choice(self.purchases)
        at = max(after, recorded) + int(HOUR + 9 * DAY * random.random())
        reason = _REFUND_REASONS.draw(random)
        if amount < 4 or random.random() < 0.25:
            self.refund(purchase, amount, at, reason)
            return
        first = max(1, int(amount * (0.1 + 0.5 * random.random())))
        self.refund(purchase, first, at, reason)
        if random.random() < 0.25:
            rest = amount - first
            second = rest if random.random() < 0.3 else max(1, rest // 2)
            self.refund(purchase, second, at + DAY * random.randint(1, 20), reason)

    # --- the visit ---

    def book(self) -> bool:
        """Write the booking, perhaps prepaid; return True if the guest comes."""
        random = self.random
        discounted = random.random() < 0.3
        self.touch(self.booked + 60, "booking", self.channel, f"booking:{self.channel}", outcome="booked")
        prepaid = bool(self.nights) and random.random() < 0.3
        if prepaid:
            self.buy(self.booked + 90, "room", self._price_of_room() * 0.9, self.channel, discounted=True)
        if self.arrival - self.booked > 3 * DAY and random.random() < 0.05:
            at = self.booked + int((self.arrival - self.booked) * (0.2 + 0.7 * random.random()))
            self.touch(at, "cancellation", self.channel, "guest", outcome="cancelled")
            if prepaid:
                purchase, amount, recorded, _ = self.purchases[0]
                share = 1.0 if random.random() < 0.6 else 0.8
                self.refund(purchase, int(amount * share), max(at, recorded) + HOUR, "cancelled")
            return False
        if not prepaid and self.nights:
            self.buy(self.departure - MINUTE, "room", self._price_of_room(), self.channel, discounted=discounted)
        return True

    def _price_of_room(self) -> float:
        month = (self.diary.first + timedelta(days=self.arrival_day)).month
        season = 0.75 + 0.25 * self.hotel.months[month - 1]
        nightly = self.hotel.nightly * RATES[self.hotel.currency] * self.guest.kind.spends * season
        return nightly * self.nights * (0.85 + 0.3 * self.random.random())

    def stay(self) -> None:
        """Write what happens between arrival and departure, apart from the room."""
        random = self.random
        if random.random() < 0.4:
            self.touch(self.arrival + 5 * MINUTE, "greeting", "on_site", "front desk", outbound=True)
        if random.random() < 0.15:
            asks = self.booked + (self.arrival - self.booked) // 2
            kind = _QUESTIONS.draw(random)
            self.touch(
                asks, kind, "phone" if random.random() < 0.5 else "message", "service centre", outcome="answered"
            )
        evening = self.arrival + HOUR
        if not self.nights or random.random() < 0.5:
            self.buy(evening, "restaurant", 3_000 + 9_000 * random.random(), "on_site")
        if random.random() < 0.15:
            self.buy(
                min(evening + 14 * HOUR, self.departure - 5 * MINUTE),
                "spa",
                6_000 + 12_000 * random.random(),
                "on_site",
            )
        if self.nights and random.random() < 0.2:
            self.buy(self.departure - 3 * MINUTE, "minibar", 600 + 3_000 * random.random(), "on_site")

    def answer(self) -> None:
        """Write the survey's answers; discontented guests answer a little more often."""
        guest, random = self.guest, self.random
        ready = 1.25 if self.content < -1 else 1.0
        channel = _SURVEY_CHANNELS.draw(random)
        at = self.departure + DAY + int(4 * DAY * random.random() ** 2)
        answered_at: int | None = None
        for instrument, chance, score in (
            ("csat", 0.3, min(5, max(1, round(4.3 + 0.75 * self.content)))),
            ("nps", 0.22, min(10, max(0, round(8.65 + 1.5 * self.content)))),
        ):
            if random.random() > chance * ready:
                continue
            answered_at = answered_at or at
            comment = None
            if random.random() < 0.2:
                mood = "good" if self.content > 0.3 else "fair" if self.content > -0.8 else "poor"
                comment = COMMENTS[mood][guest.language[:2]]
            self._give_feedback(at, instrument, score, channel, comment)
            if instrument == "nps":
                self._rate_stay(at + MINUTE, channel)
            if random.random() < 0.003:
                # The form was sent twice and changed in between: the second answer corrects the first.
                self._give_feedback(at + 90, instrument, score - 1 or 2, channel, comment, corrects=True)
            at += 2 * MINUTE
        invite(self, answered_at)

    def _rate_stay(self, at: int, channel: str) -> None:
        """Write the questionnaire on the same form; most guests answer all of it."""
        guest, random = self.guest, self.side
        if self.diary.policy.surveys.instrument(QUESTIONNAIRE.id) is None or not self.nights:
            return
        answers = tuple(
            ItemAnswer(aspect, min(5, max(1, round(4.1 + shows * self.content + random.gauss(0, moods)))))
            for aspect, (shows, moods) in ASPECTS.items()
            if random.random() < 0.97
        )
        if answers:
            self.diary.write(
                guest, GiveFeedback, at, "survey",
                customer=guest.id,
                feedback=f"f{self.key}-{QUESTIONNAIRE.id}",
                instrument=QUESTIONNAIRE.id,
                items=answers,
                touchpoint=self.hotel.touchpoint,
                channel=channel,
                invitation=f"s{self.key}",
                regarding=f"stay {self.key}",
            )  # fmt: skip

    def _give_feedback(
        self, at: int, instrument: str, score: int, channel: str, comment: str | None = None, *, corrects: bool = False
    ) -> None:
        self.diary.write(
            self.guest, GiveFeedback, at, "survey",
            customer=self.guest.id,
            feedback=f"f{self.key}-{instrument}{'-2' if corrects else ''}",
            instrument=instrument,
            score=max(0, score),
            touchpoint=self.hotel.touchpoint,
            channel=channel,
            invitation=f"s{self.key}",
            regarding=f"stay {self.key}",
            comment=comment,
            language=self.guest.language if comment else None,
            themes=themes_of(self, instrument) if comment else (),
        )  # fmt: skip
        if corrects:
            return
        if comment:
            score_comment(self, f"f{self.key}-{instrument}", at)
        known = self.diary.policy.surveys.instrument(instrument)
        if known is not None and known.is_low(max(0, score)):
            reply(self, f"f{self.key}-{instrument}", at)

    def busy(self) -> float:
        """Return how full the hotel is; more goes wrong in a full one."""
        return self.hotel.months[(self.diary.first + timedelta(days=self.arrival_day)).month - 1]


def plan_visit(diary: Diary, guest: Guest, day: int, random: Random, seed: int) -> None:
    """Write the visit that a guest books on this day, with everything that follows, and plan the next one."""
    guest.visits += 1
    reseed(random, seed, guest.number, guest.visits)
    visit = Visit(diary, guest, day, random, side_numbers(seed, guest.number, guest.visits))
    name = None
    if guest.visits == 1:
        name = visit.register()
        visit.won_by()
    elif guest.gone:
        guest.gone = False
        if guest.said:
            guest.said = False
            back = visit.booked - 10 * MINUTE
            diary.write(guest, RecordWinBack, back, "marketing", customer=guest.id, campaign="win-back letter")
        if guest.unreachable:
            guest.written += 1  # the ids of what follows stay the same
        else:
            visit.touch(
                visit.booked - 20 * MINUTE, "win-back offer", "email", "marketing", outbound=True, outcome="taken up"
            )
    comes = visit.book()
    if comes:
        _write_stay(visit)
        _care(visit, name)
    guest.expected = diary.days
    _plan_next(visit, day)
    remind(visit)
    if comes:
        note_person(visit, name)  # last, so that its random numbers change nothing of the visits
    if guest.number == guest.visits == 1:
        # Other mistakes are drawn, and a short history may have none of them.
        visit.refund(f"p{visit.key}-99", 100, visit.booked + DAY, "typing error", mistake="refund_of_nothing")


def _care(visit: Visit, name: str | None) -> None:
    """Begin the care plans that follow a first visit, and those of some of the guests who keep coming."""
    guest, diary = visit.guest, visit.diary
    if name is not None and guest.language[:2] in CARED_LANGUAGES and visit.purchases:
        begin_care(diary, guest, "after_stay", visit.departure, "first_purchase")
    if guest.visits == _REGULAR and visit.side.random() < _CALLED:
        begin_care(diary, guest, "611", visit.departure)


def _write_stay(visit: Visit) -> None:
    random, guest = visit.random, visit.guest
    if guest.account is None:
        if random.random() < guest.kind.joins:
            enrol(visit.diary, guest, visit.arrival + 10 * MINUTE)
    else:
        redeem(visit.diary, guest, visit.arrival + 15 * MINUTE, random)
    visit.stay()
    if visit.purchases and random.random() < 0.02:
        visit.give_back(visit.departure)
    visit.change_of_mind(visit.departure + HOUR)
    if random.random() < _COMPLAINS * (1 - 0.9 * visit.hotel.quality) * (0.6 + 0.4 * visit.busy()):
        visit.content += complain(visit)
    visit.answer()
    if random.random() < 0.002:
        _make_mistake(visit)


def _make_mistake(visit: Visit) -> None:
    """Write a clerk's mistake, which the rules must refuse; the command id names it."""
    random, at = visit.random, visit.departure + 30 * DAY
    match random.randrange(3):
        case 0 if visit.purchases:
            purchase, amount, _, _ = visit.purchases[0]
            visit.refund(purchase, amount + 1, at + 30 * DAY, "typing error", mistake="refund_beyond_purchase")
        case 1:
            visit.refund(f"p{visit.key}-99", 100, at, "typing error", mistake="refund_of_nothing")
        case _:
            redeem_too_much(visit.diary, visit.guest, at)


def _plan_next(visit: Visit, day: int) -> None:
    """Plan the next booking, a departure, or an erasure."""
    random, guest, kind = visit.random, visit.guest, visit.guest.kind
    leaves = kind.leave * (1.0 if visit.content > -1 else 1.9 if visit.content > -2 else 2.6)
    if random.random() > leaves:
        # The mean gap between bookings, less the stay itself and the search for a day.
        gap = max(2.0, random.expovariate(kind.visits / 365) * 0.9)
        visit.diary.expect(guest, max(visit.departure_day, day) + 1 + int(gap))
    elif random.random() < 0.12:
        guest.gone = True
        visit.leave()
        visit.diary.expect(guest, visit.departure_day + 200 + random.randrange(220))
    elif random.random() < 0.012:
        at = visit.departure + (90 + random.randrange(120)) * DAY
        guest.forgotten = at
        visit.diary.write(guest, EraseCustomer, at, "data protection", customer=guest.id)
    else:
        visit.leave()
