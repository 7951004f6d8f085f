"""The rules of registration, corrections, consents and linked identities."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from relations.aggregates.customer.commands import (
    CorrectProfile,
    GiveConsent,
    LinkIdentity,
    RegisterCustomer,
    WithdrawConsent,
)
from relations.aggregates.customer.decide.refusals import making_known, refuse_if_erased
from relations.aggregates.customer.events import (
    ConsentGiven,
    ConsentWithdrawn,
    CustomerRegistered,
    IdentityLinked,
    ProfileCorrected,
)
from relations.aggregates.customer.state import (
    PROFILE,
    Customer,
    Registration,
    changes_nothing,
    consent_key,
    given,
)
from relations.errors import CommandRefused
from relations.messages import Command, Event

__all__ = ["PROFILE_RULES"]


def _register(state: Customer, command: RegisterCustomer) -> list[Event]:
    refuse_if_erased(state, command, None, "Register the person again under another id")
    known = state.registration
    wanted = Registration(
        command.language, command.region, command.channel, command.source, given(command), implicit=False,
        kind=command.kind,
    )  # fmt: skip
    if known is not None and not known.implicit:
        if known == wanted:
            return []
        raise CommandRefused(
            f"the customer {command.customer} is already registered with other details",
            code="already_registered",
            field="customer",
            hint="Send CorrectProfile to change them",
        )
    return [
        CustomerRegistered(
            name=command.name,
            email=command.email,
            phone=command.phone,
            birthday=command.birthday,
            language=command.language,
            region=command.region,
            channel=command.channel,
            source=command.source,
            at=command.at,
            kind=command.kind,
            gender=command.gender,
        )
    ]


def _correct(state: Customer, command: CorrectProfile) -> list[Event]:
    refuse_if_erased(state, command, None, "Register the person again under another id")
    if not state.known:
        raise CommandRefused(
            f"cannot correct the profile of the customer {command.customer}: they are not registered",
            code="unknown_customer",
            field="customer",
            hint="Register the customer first (RegisterCustomer)",
        )
    at = command.at
    changed: dict[str, str] = {}
    for name in PROFILE:
        value: str | None = getattr(command, name)
        if value is not None and not changes_nothing(state.profile.get(name, ()), (at, value)):
            changed[name] = value
    # Personal fields cannot be compared, so they are always recorded; replacing a value by itself is harmless.
    changed |= {name: getattr(command, name) for name in given(command)}
    return [ProfileCorrected(**changed, at=at)] if changed else []


def _give_consent(state: Customer, command: GiveConsent) -> list[Event]:
    refuse_if_erased(state, command, None, "Do not contact this customer")
    at = command.at
    if changes_nothing(state.consents.get(consent_key(command.channel, command.purpose), ()), (at, command.basis)):
        return []
    event = ConsentGiven(
        purpose=command.purpose, channel=command.channel, basis=command.basis, source=command.source, at=at
    )
    return making_known(state, command, event, command.channel)


def _withdraw_consent(state: Customer, command: WithdrawConsent) -> list[Event]:
    # A consent that was never given can be withdrawn: that is an objection, and is recorded. So is a withdrawal
    # repeated at another time, because a consent given between the two may be recorded later.
    at = command.at
    if (at, None) in state.consents.get(consent_key(command.channel, command.purpose), ()):
        return []
    event = ConsentWithdrawn(purpose=command.purpose, channel=command.channel, source=command.source, at=at)
    return making_known(state, command, event, command.channel)


def _link_identity(state: Customer, command: LinkIdentity) -> list[Event]:
    refuse_if_erased(state, command, None, "Link the id to another customer")
    if {command.external_id, command.digest} & {*state.identities.get(command.source, ())}:
        return []
    event = IdentityLinked(source=command.source, external_id=command.external_id, at=command.at, digest=command.digest)
    return making_known(state, command, event, None)


PROFILE_RULES: Mapping[type[Command], Callable[[Customer, Any], list[Event]]] = {
    RegisterCustomer: _register,
    CorrectProfile: _correct,
    GiveConsent: _give_consent,
    WithdrawConsent: _withdraw_consent,
    LinkIdentity: _link_identity,
}
