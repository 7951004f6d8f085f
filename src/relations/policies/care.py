"""The rules of contact: consent, quiet time, and what needs neither."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from relations.messages import Channel, Checked, Label
from relations.policies.codes import OR_NONE

__all__ = ["Care"]

_DAY = 86_400_000_000


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
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    quiet_days: Annotated[int, Field(strict=True, ge=0, le=3650)] = 1
    consent_purpose: Annotated[Label | None, OR_NONE] = "care"
    selling_purpose: Annotated[Label | None, OR_NONE] = "marketing"
    opt_in: bool = False
    service_purposes: tuple[Label, ...] = ("service",)
    present_channels: tuple[Channel, ...] = ("on_site", "service_centre")

    def purpose_of(self, purpose: str | None, *, sells: bool) -> str | None:
        """Return the purpose for which a contact needs consent; None if it needs none.

        Args:
            purpose: The purpose that the contact names, if it names one.
            sells: True if it sells something.
        """
        if purpose is not None:
            return None if purpose in self.service_purposes else purpose
        return (self.selling_purpose or self.consent_purpose) if sells else self.consent_purpose

    @property
    def quiet(self) -> int:
        """The quiet time in microseconds."""
        return self.quiet_days * _DAY
