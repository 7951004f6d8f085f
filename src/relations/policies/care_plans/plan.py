"""Care plans: rounds of contact with a customer, each step of which is due on a day.

Days are local days of the policy's zone. The days of a round are counted from the day of the trigger, so day 8 is eight
days after it. A step can be done from the beginning of its round until its `days_valid` are over; then it lapses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Annotated, Literal, NamedTuple, Self, TypeAlias, get_args

from pydantic import ConfigDict, Field, StringConstraints, field_validator, model_validator

from relations.messages import Channel, Checked, Label, Text
from relations.months import add_months
from relations.policies.care_plans.festivals import Festival
from relations.policies.value import Condition, ValueGrade

__all__ = [
    "STAY_END",
    "TRIGGERS",
    "Anchor",
    "CarePlan",
    "CareStep",
    "CareTemplate",
    "Contact",
    "StepDates",
    "Trigger",
    "birthday_in",
]

Trigger: TypeAlias = Literal[
    "registered",
    "first_purchase",
    "purchase",
    "stage",
    "value_grade",
    "tier_reached",
    "complaint_resolved",
    "offer_accepted",
    "stay_ended",
    "contract",
    "by_hand",
]
TRIGGERS: tuple[Trigger, ...] = get_args(Trigger)
Contact: TypeAlias = Literal["message", "short_call", "long_call", "visit", "gift", "training", "offer", "ask"]
Anchor: TypeAlias = Literal["begin", "birthday", "festival", "stay_end"]

PlanId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:\-]{1,40}$")]
"""An id that leaves room for the number of a round, or the date of a festival, in ids of 64 characters."""

_YEAR = 12
_SHORTEST = (0, 28, 59, 89, 120, 150, 181, 212, 242, 273, 303, 334)
"""The least number of days in this many months."""
_YEAR_DAYS = 365
STAY_END = "check_out"
"""The kind of an interaction that says that a stay has ended."""
_NARROWED = {"stage", "value_grade", "tier_reached", "offer_accepted"}
_STAGES = {"prospect", "new", "established", "lapsing", "lost", "won_back"}
_WRITTEN = ("email", "message", "app", "official_account")
_CHANNELS: dict[Contact, tuple[str, ...]] = {
    "message": _WRITTEN,
    "short_call": ("phone",),
    "long_call": ("phone",),
    "visit": ("on_site",),
    "gift": ("post",),
    "training": ("on_site",),
    "offer": _WRITTEN,
    "ask": _WRITTEN,
}


class CareTemplate(Checked):
    """The words for a step, in one language.

    Attributes:
        text: The words. `{name}` stands for the customer's name, `{festival}` for that of the festival.
        language: The language (BCP 47), which includes its variants. None: it suits any language.
        region: The region whose customers it suits. None: any.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: Text
    language: Label | None = None
    region: Label | None = None

    def fits(self, language: str | None, region: str | None) -> int:
        """Return how well it suits a customer: 0 if it does not, more for a region or language of its own."""
        if self.language is not None and not _speaks(language, self.language):
            return 0
        if self.region is not None and region != self.region:
            return 0
        return 1 + 2 * (self.language is not None) + (self.region is not None)


class CareStep(Checked):
    """One contact that a plan intends.

    Attributes:
        id: Its id within the plan.
        what: The kind of contact.
        day: The day on which it is due, counted from the anchor: 8 is eight days after it. Before a birthday or a
            festival it may be negative.
        on: The anchor: the day on which the round `begin`s, the customer's `birthday`, or each `festival` of their
            culture in the round. A birthday on 29 February is kept on 28 February in other years. `stay_end` is the day
            of each end of a stay; the step belongs to the round in which it is due.
        days_valid: The number of days on which it can be done, the due day included. A step on a birthday is due on
            these days. Its lapse is recorded at the end of the round, so that no time in the log gives the birthday.
        minutes: How long it should take.
        sells: True if it tries to sell something. Its consent is then that for selling.
        owner_role: The role that should do it, in the host's words.
        channels: The channels that suit it, the best first. By default those that suit the kind of contact.
        templates: The words for it, by language and region.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: PlanId
    what: Contact
    day: Annotated[int, Field(strict=True, ge=-60, le=3_650)] = 0
    on: Anchor = "begin"
    days_valid: Annotated[int, Field(strict=True, ge=1, le=366)] = 7
    minutes: Annotated[int, Field(strict=True, ge=1, le=10_000)] | None = None
    sells: bool = False
    owner_role: Label | None = None
    channels: tuple[Channel, ...] = ()
    templates: tuple[CareTemplate, ...] = ()

    @model_validator(mode="after")
    def _follows_its_anchor(self) -> Self:
        if self.on == "begin" and self.day < 1:
            msg = f"the step {self.id} needs a day of 1 or more"
            raise ValueError(msg)
        if self.on == "stay_end" and self.day < 0:
            msg = f"the step {self.id} cannot be due before the end of a stay: nobody knows that day before"
            raise ValueError(msg)
        return self

    @property
    def ways(self) -> tuple[str, ...]:
        """The channels that suit it, the best first."""
        return self.channels or _CHANNELS[self.what]

    def template(self, language: str | None, region: str | None) -> CareTemplate | None:
        """Return the words that suit a customer best; None if none do."""
        fitting = [each for each in self.templates if each.fits(language, region)]
        return max(fitting, key=lambda each: each.fits(language, region), default=None)


class StepDates(NamedTuple):
    """A step of one round.

    Attributes:
        id: The id of the step in the round; for a festival with its date.
        step: The step of the plan.
        due: The day on which it is due; None for a birthday, which no rule reads, and after each end of a stay.
        over: The first day on which it can no longer be done.
    """

    id: str
    step: CareStep
    due: date | None
    over: date


class CarePlan(Checked):
    """A care plan.

    Attributes:
        id: Its id.
        begins: What begins it: the customer is `registered`, makes the `first_purchase` or any `purchase`, enters a
            lifecycle `stage`, gets a `value_grade` or reaches a tier. Or a complaint is resolved, an offer of a
            campaign is accepted, a stay ends, a `contract` starts, or somebody begins it `by_hand`. An interaction of
            the kind `check_out` ends a stay. A contract starts on its first day, or on the day on which it was won if
            that is later; a renewal begins nothing. The plan begins with the first moment of the next local day. A
            trigger while it is in progress is ignored.
        of: The stages, grades, tiers or campaigns that begin it; empty for any tier or campaign.
        meant_for: Conditions that the customer meets on the evening of the trigger's day, and on the evening before
            each further round. A customer who no longer meets them finishes the round, and the plan ends with it.
            Empty for everybody.
        repeats_months: The months after which the next round begins. None: there is one round.
        steps: Its steps.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: PlanId
    begins: Trigger = "by_hand"
    of: tuple[Label, ...] = ()
    meant_for: tuple[Condition, ...] = ()
    repeats_months: Annotated[int, Field(strict=True, ge=1, le=120)] | None = None
    steps: Annotated[tuple[CareStep, ...], Field(min_length=1, max_length=60)]

    @field_validator("meant_for")
    @classmethod
    def _concerns_one_customer(cls, meant_for: tuple[Condition, ...]) -> tuple[Condition, ...]:
        if any(condition.fact == "rfm" for condition in meant_for):
            msg = "the fact rfm compares customers, and a plan asks about one; use grade, purchases or net_amount"
            raise ValueError(msg)
        return meant_for

    @model_validator(mode="after")
    def _of_suits_the_trigger(self) -> Self:
        known = {"stage": _STAGES, "value_grade": set(get_args(ValueGrade))}.get(self.begins)
        if self.of and self.begins not in _NARROWED:
            msg = f"{self.id}: of is only for {', '.join(sorted(_NARROWED))}"
            raise ValueError(msg)
        if known is not None and (not self.of or set(self.of) - known):
            msg = f"{self.id}: of must name some of {', '.join(sorted(known))}"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _steps_fit_in_a_round(self) -> Self:
        names = [step.id for step in self.steps]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            msg = f"{self.id}: two steps have the id {twice[0]!r}"
            raise ValueError(msg)
        anchors = {step.on for step in self.steps}
        if "birthday" in anchors and self.repeats_months != _YEAR:
            msg = f"{self.id}: a plan with a birthday must repeat every 12 months"
            raise ValueError(msg)
        if anchors & {"festival", "stay_end"} and self.repeats_months is None:
            msg = f"{self.id}: a plan with steps on festivals or after stays must repeat"
            raise ValueError(msg)
        if self.repeats_months is not None:
            days = [step.day for step in self.steps if step.on == "begin"]
            last = max((step.day + step.days_valid for step in self.steps if step.on == "begin"), default=0)
            first = min(days) if anchors == {"begin"} else 0
            years, months = divmod(self.repeats_months, _YEAR)
            if last > years * _YEAR_DAYS + _SHORTEST[months] + first:
                msg = f"{self.id}: the last step must be over before the first step of the next round"
                raise ValueError(msg)
        return self

    def next_round(self, since: date) -> date | None:
        """Return the day from which the next round is counted; None if there is none."""
        return None if self.repeats_months is None else add_months(since, self.repeats_months)

    def dates(self, since: date, festivals: Sequence[Festival], language: str | None) -> tuple[list[StepDates], date]:
        """Return the steps of a round, and the first day after it.

        Args:
            since: The day from which its days are counted.
            festivals: The festivals of the policy.
            language: The language of the customer's culture.
        """
        following = self.next_round(since)
        found: list[StepDates] = []
        for step in self.steps:
            if step.on == "begin":
                due = since + timedelta(days=step.day)
                found.append(StepDates(step.id, step, due, due + timedelta(days=step.days_valid)))
            elif following is not None and step.on in ("birthday", "stay_end"):
                found.append(StepDates(step.id, step, None, following))
            elif following is not None:
                found += _on_festivals(step, since, following, festivals, language)
        overs = [each.over for each in found]
        return found, max(overs if following is None else [*overs, following])


def _on_festivals(
    step: CareStep, since: date, following: date, festivals: Sequence[Festival], language: str | None
) -> Iterator[StepDates]:
    for festival in festivals:
        if any(_speaks(language, each) for each in festival.languages):
            for day in festival.dates:
                due = day + timedelta(days=step.day)
                if since <= day < following:
                    over = min(max(due, since) + timedelta(days=step.days_valid), following)
                    yield StepDates(f"{step.id}-{day:%Y%m%d}", step, due, over)


def birthday_in(since: date, following: date, birthday: str, offset: int) -> date | None:
    """Return the day of a birthday step in the round that has the birthday; None if the birthday does not exist.

    Args:
        since: The first day of the round.
        following: The first day after it.
        birthday: A date, or `--MM-DD`. 29 February becomes 28 February in years without it.
        offset: The days from the birthday to the step.
    """
    month, day = int(birthday[-5:-3]), int(birthday[-2:])
    for year in range(since.year, following.year + 1):
        leap_day = (month, day) == (2, 29) and not _is_leap(year)
        born = date(year, month, 28 if leap_day else day)
        if since <= born < following:
            return born + timedelta(days=offset)
    return None


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _speaks(language: str | None, wanted: str) -> bool:
    return language is not None and (language == wanted or language.startswith(f"{wanted}-"))
