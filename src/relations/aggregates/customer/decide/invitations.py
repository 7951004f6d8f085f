"""The rules of invitations and reminders."""

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
    refuse_if_erased(state, command, "customer", "Stop inviting and reminding this customer")
    known_instrument(command.instrument, policy.surveys)
    _refuse_in_quarantine(state, command, policy.surveys)
    _refuse_without_consent(state, command, command.channel, policy.surveys)
    if not _is_answered(state, command.invitation):  # the invitation may be recorded after the answer
        event = _replace(event, remind_at=_remind_at(command, 0, policy.surveys))
    return making_known(state, command, event, command.channel)


def _remind_at(command: Command, reminders: int, surveys: Surveys) -> int | None:
    """Return the time at which the next reminder is due; None if there are no more reminders."""
    return command.at + surveys.reminder_days * _DAY if reminders < surveys.reminders else None


def _refuse_in_quarantine(state: Customer, command: SendInvitation | RemindInvitation, surveys: Surveys) -> None:
    """Refuse to ask a customer who saw another invitation within the quarantine.

    Invitations seen after the command's business time do not count.
    """
    span = surveys.quarantine_days * _DAY
    others = [seen for name, seen in state.seen.items() if name != command.invitation]
    until = max((seen + span for seen in others if seen <= command.at < seen + span), default=None)
    if until is not None:
        raise refused(
            f"cannot ask the customer {command.customer}: they saw an invitation less than "
            f"{surveys.quarantine_days} days before {command.occurred_at.isoformat()}",
            "survey_quarantine",
            "occurred_at",
            f"Ask again at or after {from_micros(until).isoformat()}",
        )


def _refuse_without_consent(
    state: Customer, command: SendInvitation | RemindInvitation, channel: str, surveys: Surveys
) -> None:
    """Refuse to ask a customer who withdrew the consent. One who neither gave nor withdrew it may be asked."""
    purpose = surveys.consent_purpose
    changes = () if purpose is None else state.consents.get(consent_key(channel, purpose), ())
    said = [basis for at, basis in changes if at <= command.at]
    if said and said[-1] is None:
        raise refused(
            f"cannot ask the customer {command.customer}: they withdrew the consent to {purpose} through {channel}",
            "consent_withdrawn",
            "channel" if isinstance(command, SendInvitation) else "invitation",
            "Ask through a channel for which they have not withdrawn it, or do not ask",
        )


def _invitation(state: Customer, command: RemindInvitation | SeeInvitation | DeclineInvitation) -> Invitation:
    found = state.invitations.get(command.invitation)
    if found is None:
        raise refused(
            f"the customer {command.customer} has no invitation {command.invitation}",
            "unknown_invitation",
            "invitation",
            "Record it first (SendInvitation)",
        )
    return found


def _is_answered(state: Customer, invitation: str) -> bool:
    return any(key.endswith(f" {invitation}") for key in state.answers)


def _remind_invitation(state: Customer, command: RemindInvitation, policy: Policy) -> list[Event]:
    invitation = _invitation(state, command)
    if invitation.declined:
        raise refused(
            f"cannot remind the customer of the invitation {command.invitation}: they declined it",
            "invitation_declined",
            "invitation",
            "Send no more reminders of it",
        )
    if _is_answered(state, command.invitation):
        raise refused(
            f"cannot remind the customer of the invitation {command.invitation}: it is already answered",
            "invitation_already_answered",
            "invitation",
            "Send no more reminders of it",
        )
    if invitation.reminders >= policy.surveys.reminders:
        raise refused(
            f"cannot remind the customer of the invitation {command.invitation} again: "
            f"reminders sent: {invitation.reminders}, allowed by the policy: {policy.surveys.reminders}",
            "reminders_exhausted",
            "invitation",
            "Send no more reminders of it",
        )
    refuse_if_erased(state, command, "customer", "Stop inviting and reminding this customer")
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
            f"cannot remind the customer of the invitation {command.invitation} yet: it or its last reminder "
            f"was sent less than {surveys.reminder_days} days before {command.occurred_at.isoformat()}",
            "reminder_not_due",
            "occurred_at",
            f"Remind them at or after {from_micros(due_at).isoformat()}",
        )


def _see_invitation(state: Customer, command: SeeInvitation, _policy: Policy) -> list[Event]:
    _invitation(state, command)
    refuse_before_invitation(state, command, command.invitation)
    seen = state.seen.get(command.invitation)
    # An earlier time is new: the quarantine is counted from the first time the invitation was seen.
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
