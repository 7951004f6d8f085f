"""The rules of contact: consent, quiet time, what needs neither, and the plans of care."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, field_validator

from relations.messages import Channel, Checked, Label
from relations.policies.care_plans.festivals import Festival
from relations.policies.care_plans.plan import CarePlan
from relations.policies.care_plans.shipped import CARE_PLANS
from relations.policies.codes import OR_NONE

__all__ = ["Care"]

_DAY = 86_400_000_000


def _by_id(plan: Any) -> Any:
    """Return the shipped plan with an id; any other value as it is."""
    if not isinstance(plan, str):
        return plan
    if plan not in CARE_PLANS:
        msg = f"no care plan {plan!r} ships; there are {', '.join(CARE_PLANS)}"
        raise ValueError(msg)
    return CARE_PLANS[plan]


class Care(Checked):
    """The rules for contact that the business begins.

    Attributes:
        quiet_days: The days after an outbound contact in which the customer is not contacted again. 0: no limit.
        consent_purpose: The purpose for which consent to contact is checked. None if consent is not checked.
        selling_purpose: The purpose for contact that sells something. None: the same as `consent_purpose`.
        opt_in: True if contact needs a consent that was given. False: it needs only that none was withdrawn.
        service_purposes: Purposes of contact that the customer asked for, such as an answer to a question. Consent and
            quiet time are not checked for it, nor for contact about a complaint.
        present_channels: Channels where the customer has come to the business. Neither is checked there.
        plans: The plans of care. The id of a shipped plan stands for it: `"611"`. By default there are none.
        festivals: The festivals for steps that are due on them; `relations.policies.festivals` returns common ones.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    quiet_days: Annotated[int, Field(strict=True, ge=0, le=3650)] = 1
    consent_purpose: Annotated[Label | None, OR_NONE] = "care"
    selling_purpose: Annotated[Label | None, OR_NONE] = "marketing"
    opt_in: bool = False
    service_purposes: tuple[Label, ...] = ("service",)
    present_channels: tuple[Channel, ...] = ("on_site", "service_centre")

    plans: tuple[Annotated[CarePlan, BeforeValidator(_by_id)], ...] = ()
    festivals: tuple[Festival, ...] = ()

    @field_validator("plans")
    @classmethod
    def _plans_have_ids_of_their_own(cls, plans: tuple[CarePlan, ...]) -> tuple[CarePlan, ...]:
        names = [plan.id for plan in plans]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            msg = f"two care plans have the id {twice[0]!r}"
            raise ValueError(msg)
        return plans

    def plan(self, name: str) -> CarePlan | None:
        """Return the plan with an id; None if there is none."""
        return next((plan for plan in self.plans if plan.id == name), None)

    def purpose_of(self, purpose: str | None, *, sells: bool) -> str | None:
        """Return the purpose for which a contact needs consent; None if it needs none.

        Args:
            purpose: The purpose that the contact names, if it names one.
            sells: True if it sells something.
        """
        if purpose is not None:
            return None if purpose in self.service_purposes else purpose
        return (self.selling_purpose or self.consent_purpose) if sells else self.consent_purpose

    def purpose_at(self, channel: str, purpose: str | None = None, *, sells: bool) -> str | None:
        """Return the same as `purpose_of` for a contact through a channel.

        Args:
            channel: The channel.
            purpose: The purpose that the contact names, if it names one.
            sells: True if it sells something.
        """
        return None if channel in self.present_channels else self.purpose_of(purpose, sells=sells)

    def allows(self, said: Sequence[str | None], purpose: str | None) -> bool:
        """Return True if a customer allows contact.

        Args:
            said: The bases of the consents for the purpose through the channel so far, in order; None if withdrawn.
            purpose: The purpose; None if the contact needs no consent.
        """
        return purpose is None or (said[-1] is not None if said else not self.opt_in)

    @property
    def quiet(self) -> int:
        """The quiet time in microseconds."""
        return self.quiet_days * _DAY
