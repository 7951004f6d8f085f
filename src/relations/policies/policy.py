"""All of a business's own rules in one value, adopted by an event."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from relations.policies.codes import known_currency, known_zone
from relations.policies.complaints.authority import Desk
from relations.policies.complaints.repair import Repair
from relations.policies.complaints.service_levels import ServiceLevels
from relations.policies.lifecycle import Lifecycle
from relations.policies.loyalty.programme import RECORDED, Programme
from relations.policies.surveys import Surveys

__all__ = ["Policy"]


class Policy(BaseModel):
    """What the business decides, as data. Every default is sensible; a business changes what it must.

    Attributes:
        version: Given by the log when the policy is adopted, from 1; 0 before.
        effective_from: Likewise: the business time of the first command that it decides, UTC microseconds; None is from
            the beginning. It stands in the event that adopts the policy, not in the policy's own JSON.
        zone: The IANA zone of the business's days, months and working hours.
        currency: The currency that reports add up in (ISO 4217).
        country: Where a telephone number is dialled that does not say so (ISO 3166), unless the customer's own region
            does. None: such a number is compared with no other.
        programme: The loyalty programme.
        programmes: Further ones beside it. Members join each by itself, and their ledgers never mix.
        service_levels: How fast complaints are answered.
        surveys: How answers to surveys are read.
        lifecycle: When a customer is new, lapsing, lost; how value is graded.
        repair: When a damaged relation counts as repaired.
        desk: Who at the complaint desk may promise what.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    version: Annotated[int, Field(ge=0)] = 0
    effective_from: Annotated[int | None, Field(exclude=True)] = None
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

    @model_validator(mode="after")
    def _programmes_have_ids(self) -> Self:
        ids = [programme.id for programme in self.every_programme]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            msg = f"two programmes have the id {twice[0]!r}; members' ledgers go by it"
            raise ValueError(msg)
        return self

    @classmethod
    def recorded(cls, text: str | bytes) -> Self:
        """Return a policy from its JSON in the log. It means what it meant when it was adopted."""
        return cls.model_validate_json(text, context={RECORDED: True})

    @property
    def every_programme(self) -> tuple[Programme, ...]:
        """All programmes, the first one first."""
        return (self.programme, *self.programmes)

    def programme_of(self, programme: str) -> Programme | None:
        """The programme with this id; None where these rules have none."""
        if self.programme.id == programme:
            return self.programme
        return next((each for each in self.programmes if each.id == programme), None)
