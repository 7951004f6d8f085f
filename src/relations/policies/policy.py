"""All rules of the business in one value, adopted by an event."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from relations.messages import RECORDED, Checked
from relations.policies.care import Care
from relations.policies.codes import known_currency, known_zone
from relations.policies.complaints.authority import Desk
from relations.policies.complaints.repair import Repair
from relations.policies.complaints.service_levels import ServiceLevels
from relations.policies.lifecycle import Lifecycle
from relations.policies.loyalty.programme import Programme
from relations.policies.personal_data import PersonalData
from relations.policies.sales.pipeline import Pipeline
from relations.policies.surveys import Surveys

__all__ = ["Policy"]


class Policy(Checked):
    """The rules of the business as data. Every field has a sensible default.

    Attributes:
        version: The version that the log gives the policy when it is adopted, from 1; 0 before.
        effective_from: The business time from which it decides, UTC microseconds; None is from the beginning. It is
            stored in the event that adopts the policy, not in the policy's JSON.
        business: The name of the business, as reports show it; empty if they show none.
        zone: The IANA zone of the business's days, months and working hours.
        currency: The currency in which reports add up amounts (ISO 4217).
        country: The country (ISO 3166) of telephone numbers without a country code, unless the customer's region names
            one. None: such numbers are not compared with others.
        programme: The loyalty programme.
        programmes: Further programmes. Members join each separately, and their ledgers never mix.
        service_levels: The deadlines for complaints.
        surveys: The settings of surveys and of how their answers are read.
        lifecycle: The limits of the stages new, lapsing and lost, and the grading of value.
        repair: The rules by which a damaged relation counts as repaired.
        desk: The limits of what each role at the complaint desk may promise.
        personal_data: The time for which personal words are kept.
        care: The rules for contact that the business begins.
        pipeline: The stages of opportunities, and the renewal of contracts.
        future_days: Commands dated more than this many days after their recording are refused (`too_far_ahead`), such
            as a purchase with a mistyped year. Policies may be adopted for any time. None: no limit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    version: Annotated[int, Field(ge=0)] = 0
    effective_from: Annotated[int | None, Field(exclude=True)] = None
    business: Annotated[str, Field(max_length=80)] = ""
    zone: Annotated[str, AfterValidator(known_zone)] = "UTC"
    currency: Annotated[str, AfterValidator(known_currency)] = "EUR"
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")] | None = None
    programme: Programme = Programme()
    programmes: tuple[Programme, ...] = ()
    service_levels: ServiceLevels = ServiceLevels()
    surveys: Surveys = Surveys()
    lifecycle: Lifecycle = Lifecycle()
    repair: Repair = Repair()
    desk: Desk = Desk()
    personal_data: PersonalData = PersonalData()
    care: Care = Care()
    pipeline: Pipeline = Pipeline()
    future_days: Annotated[int | None, Field(strict=True, ge=0, le=36_500)] = None

    @model_validator(mode="after")
    def _programmes_have_ids(self) -> Self:
        ids = [programme.id for programme in self.every_programme]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            msg = f"two programmes have the id {twice[0]!r}; each needs its own"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _rungs_asked_for_are_known(self) -> Self:
        ladder = self.lifecycle.ladder
        known = [rung.name for rung in ladder]
        plans = {f"care plan {each.id}": each.meant_for for each in self.care.plans}
        segments = {f"segment {each.name}": each.conditions for each in self.lifecycle.segments}
        for name, conditions in {**plans, **segments}.items():
            asked = [word for each in conditions if each.fact == "rung" for word in each.one_of]
            if unknown := [word for word in asked if word not in known]:
                msg = f"the {name} asks for the rung {unknown[0]!r}; the ladder has {', '.join(known) or 'no rung'}"
                raise ValueError(msg)
            if asked and name in plans and any(each.fact == "rfm" for rung in ladder for each in rung.conditions):
                msg = f"the {name} cannot ask for the rung: the ladder asks for rfm, which compares customers"
                raise ValueError(msg)
        return self

    @classmethod
    def recorded(cls, text: str | bytes) -> Self:
        """Return a policy from its JSON in the log, with the meaning that it had when it was adopted."""
        return cls.model_validate_json(text, context={RECORDED: True})

    @property
    def every_programme(self) -> tuple[Programme, ...]:
        """All programmes, the first one first."""
        return (self.programme, *self.programmes)

    def programme_of(self, programme: str) -> Programme | None:
        """Return the programme with this id, or None if there is none."""
        if self.programme.id == programme:
            return self.programme
        return next((each for each in self.programmes if each.id == programme), None)
