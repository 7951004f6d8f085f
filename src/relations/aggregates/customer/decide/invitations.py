"""Asking: the rules of invitations and reminders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from relations.aggregates.customer.commands import (
    DeclineInvitation,
    RemindInvitation,
    SeeInvitation,
    SendInvitation,
)
from relations.aggregates.customer.decide.refusals import (
    id_reused,
    known_instrument,
    making_known,
    refuse_before_invitation,
    refuse_if_erased,
    refused,
)
from relations.aggregates.customer.events import (
    InvitationDeclined,
    InvitationReminded,
    InvitationSeen,
    InvitationSent,
)
from relations.aggregates.customer.state import Customer, Invitation, consent_key
from relations.messages import Command, Event, from_micros
from relations.policies import Policy, Surveys

__all__ = ["INVITATION_RULES"]

_DAY = 86_400_000_000
_replace = msgspec.structs.replace


def _send_invitation(state: Customer, command: SendInvitation, policy: Policy) -> list[Event]:
    event = InvitationSent(
        invitation=command.invitation,
        instrument=command.instrument,
        channel=command.channel,
        touchpoint=command.touchpoint,
        regarding=command.regarding,
        at=command.at,
    )
    known = state.invitations.get(command.invitation)
    if known is not None:
        if _replace(known.sent, remind_at=None) == event:
            return []
        raise id_reused("invitation", command.invitation)
    refuse_if_erased(state, command, "customer", "Nothing: an erased customer is not asked any more")
    known_instrument(command.instrument, policy.surveys)
    _refuse_in_quarantine(state, command, policy.surveys)
    _refuse_without_consent(state, command, command.channel, policy.surveys)
    if not _is_answered(state, command.invitation):  # word of it may come after the answer
        event = _replace(event, remind_at=_remind_at(command, 0, policy.surveys))
    return making_known(state, command, event, command.channel)


def _remind_at(command: Command, reminders: int, surveys: Surveys) -> int | None:
    """When the next reminder is due; None where the customer is reminded no more."""
    return command.at + surveys.reminder_days * _DAY if reminders < surveys.reminders else None


def _refuse_in_quarantine(state: Customer, command: SendInvitation | RemindInvitation, surveys: Surveys) -> None:
    """Leave whoever saw another invitation lately in peace.

    What was seen after the command's business time is no reason: it had not been seen then.
    """
    span = surveys.quarantine_days * _DAY
    others = [seen for name, seen in state.seen.items() if name != command.invitation]
    until = max((seen + span for seen in others if seen <= command.at < seen + span), default=None)
    if until is not None:
        raise refused(
            f"the customer {command.customer} saw an invitation less than {surveys.quarantine_days} days before "
            f"{command.occurred_at.isoformat()}",
            "survey_quarantine",
            "occurred_at",
            f"Ask again from {from_micros(until).isoformat()} on",
        )


def _refuse_without_consent(
    state: Customer, command: SendInvitation | RemindInvitation, channel: str, surveys: Surveys
) -> None:
    """Ask nobody who said that they are not to be asked; whoever said nothing may be."""
    purpose = surveys.consent_purpose
    changes = () if purpose is None else state.consents.get(consent_key(channel, purpose), ())
    said = [basis for at, basis in changes if at <= command.at]
    if said and said[-1] is None:
        raise refused(
            f"the customer {command.customer} withdrew the consent to {purpose} by {channel}",
            "consent_withdrawn",
            "channel" if isinstance(command, SendInvitation) else "invitation",
            "Leave them in peace, or ask through a channel on which they allow it",
        )


def _invitation(state: Customer, command: RemindInvitation | SeeInvitation | DeclineInvitation) -> Invitation:
    found = state.invitations.get(command.invitation)
    if found is None:
        raise refused(
            f"no invitation {command.invitation} of the customer {command.customer} is recorded",
            "unknown_invitation",
            "invitation",
            "Record that it was sent (SendInvitation)",
        )
    return found


def _is_answered(state: Customer, invitation: str) -> bool:
    return any(key.endswith(f" {invitation}") for key in state.answers)


def _remind_invitation(state: Customer, command: RemindInvitation, policy: Policy) -> list[Event]:
    invitation = _invitation(state, command)
    if invitation.declined:
        raise refused(
            f"the customer declined the invitation {command.invitation}",
            "invitation_declined",
            "invitation",
            "Leave them in peace",
        )
    if _is_answered(state, command.invitation):
        raise refused(
            f"the invitation {command.invitation} is answered",
            "invitation_already_answered",
            "invitation",
            "Nothing: there is nothing left to remind of",
        )
    if invitation.reminders >= policy.surveys.reminders:
        raise refused(
            f"the customer was reminded of the invitation {command.invitation} {invitation.reminders} times",
            "reminders_exhausted",
            "invitation",
            f"The policy lets {policy.surveys.reminders} reminders be sent; leave them in peace",
        )
    refuse_if_erased(state, command, "customer", "Nothing: an erased customer is not asked any more")
    _refuse_undue_reminder(command, invitation, policy.surveys)
    _refuse_in_quarantine(state, command, policy.surveys)
    _refuse_without_consent(state, command, invitation.sent.channel, policy.surveys)
    reminder = invitation.reminders + 1
    remind_at = _remind_at(command, reminder, policy.surveys)
    return [InvitationReminded(invitation=command.invitation, reminder=reminder, at=command.at, remind_at=remind_at)]


def _refuse_undue_reminder(command: RemindInvitation, invitation: Invitation, surveys: Surveys) -> None:
    last = invitation.sent.at if invitation.reminded_at is None else invitation.reminded_at
    due_at = last + surveys.reminder_days * _DAY
    if command.at < due_at:
        raise refused(
            f"the customer was sent or reminded of the invitation {command.invitation} less than "
            f"{surveys.reminder_days} days before {command.occurred_at.isoformat()}",
            "reminder_not_due",
            "occurred_at",
            f"Remind them from {from_micros(due_at).isoformat()} on",
        )


def _see_invitation(state: Customer, command: SeeInvitation, _policy: Policy) -> list[Event]:
    _invitation(state, command)
    refuse_before_invitation(state, command, command.invitation)
    seen = state.seen.get(command.invitation)
    # Seen earlier than was known is news, for the quarantine is counted from the first time.
    return (
        []
        if seen is not None and seen <= command.at
        else [InvitationSeen(invitation=command.invitation, at=command.at)]
    )


def _decline_invitation(state: Customer, command: DeclineInvitation, _policy: Policy) -> list[Event]:
    if _invitation(state, command).declined:
        return []
    refuse_before_invitation(state, command, command.invitation)
    return [InvitationDeclined(invitation=command.invitation, reason=command.reason, at=command.at)]


INVITATION_RULES: Mapping[type[Command], Callable[[Customer, Any, Policy], list[Event]]] = {
    SendInvitation: _send_invitation,
    RemindInvitation: _remind_invitation,
    SeeInvitation: _see_invitation,
    DeclineInvitation: _decline_invitation,
}
