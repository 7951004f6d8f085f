"""The rules of contact: consent, quiet time and taboos.

A taboo is compared by the term under which it was noted, never by its words: those are sealed, and no rule reads them.
So the same term has to be used for the taboo and for the topic or gift. Case and blanks make no difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from relations.aggregates.customer.commands import RecordInteraction
from relations.aggregates.customer.decide.plans import steps_after_stay
from relations.aggregates.customer.decide.refusals import id_reused, making_known, refused, unknown_step
from relations.aggregates.customer.events import InteractionRecorded
from relations.aggregates.customer.offer_commands import SendOffer
from relations.aggregates.customer.state import Customer, consent_key, holds, wordless
from relations.errors import CommandRefused
from relations.messages import Command, Event, from_micros
from relations.policies import Care, Policy
from relations.policies.care_plans.plan import STAY_END

__all__ = ["CONTACT_RULES", "broken_by_offer"]

_replace = msgspec.structs.replace
_TABOO = "taboo "


def _record_interaction(state: Customer, command: RecordInteraction, policy: Policy) -> list[Event]:
    event = InteractionRecorded(
        interaction=command.interaction,
        channel=command.channel,
        kind=command.kind,
        touchpoint=command.touchpoint,
        direction=command.direction,
        outcome=command.outcome,
        at=command.at,
        regarding=command.regarding,
        words=command.words,
        by=command.by,
        minutes=command.minutes,
        sells=command.sells,
        platform=command.platform,
        purpose=command.purpose,
        topics=command.topics,
        in_spite_of=command.in_spite_of,
    )
    recorded = state.interactions.get(command.interaction)
    if recorded is not None:
        if _replace(recorded, breaches=()) == wordless(event):
            return []
        raise id_reused("interaction", command.interaction)
    broken = list(_broken(state, command, policy.care))
    if broken and not command.lenient:
        raise broken[0]
    event = _replace(event, breaches=tuple(error.code for error in broken))
    added = steps_after_stay(state, command.at, policy) if command.kind == STAY_END else []
    return [*making_known(state, command, event, command.channel), *added]


def _broken(state: Customer, command: RecordInteraction, care: Care) -> Iterator[CommandRefused]:
    """Yield the refusal of every rule that a contact breaks."""
    if command.direction == "outbound":
        yield from _broken_outbound(state, command, care, _purpose(command, care))
    if command.in_spite_of is None:
        yield from _taboo(state, command)
    about = command.regarding
    if about is not None and about.kind == "care" and not state.erased:
        known = state.rounds.get(about.id)
        if known is None or about.step is None or known.step(about.step) is None:
            yield unknown_step(command.customer, about.id, about.step)


def broken_by_offer(state: Customer, command: SendOffer, care: Care) -> Iterator[CommandRefused]:
    """Yield the refusal of every rule of contact that an offer breaks."""
    return _broken_outbound(state, command, care, _purpose_of_offer(command.channel, care))


def _broken_outbound(
    state: Customer, command: RecordInteraction | SendOffer, care: Care, purpose: str | None
) -> Iterator[CommandRefused]:
    if state.erased_at is not None and command.at >= state.erased_at:
        yield refused(
            f"the customer {command.customer} is erased, and is not contacted any more",
            "customer_erased",
            "customer",
            "Stop contacting this customer",
        )
    elif purpose is not None:
        yield from _unwanted(state, command, care, purpose)


def _purpose_of_offer(channel: str, care: Care) -> str | None:
    """Return the purpose for which an offer needs consent; None if the rules of contact do not apply to it."""
    return None if channel in care.present_channels else care.purpose_of(None, sells=True)


def _purpose(contact: RecordInteraction | InteractionRecorded, care: Care) -> str | None:
    """Return the purpose for which a contact needs consent; None if the rules of contact do not apply to it."""
    about = contact.regarding
    if about is not None and about.kind == "complaint":
        return None
    return care.purpose_at(contact.channel, contact.purpose, sells=contact.sells)


def _unwanted(
    state: Customer, command: RecordInteraction | SendOffer, care: Care, purpose: str
) -> Iterator[CommandRefused]:
    """Yield the refusals of contact that the customer does not want, or not yet."""
    changes = state.consents.get(consent_key(command.channel, purpose), ())
    said = [basis for at, basis in changes if at <= command.at]
    if care.allows(said, purpose):
        pass
    elif said:
        yield refused(
            f"cannot contact the customer {command.customer}: they withdrew the consent to {purpose} "
            f"through {command.channel}",
            "consent_withdrawn",
            "channel",
            "Use a channel for which they have not withdrawn it, or do not contact them",
        )
    else:
        yield refused(
            f"cannot contact the customer {command.customer}: they gave no consent to {purpose} "
            f"through {command.channel}",
            "consent_missing",
            "channel",
            "Use a channel for which they gave it, or ask for it first (GiveConsent)",
        )
    until = _quiet_until(state, command, care)
    if until is not None:
        yield refused(
            f"cannot contact the customer {command.customer}: the last contact was less than "
            f"{care.quiet_days} days before {command.occurred_at.isoformat()}",
            "contact_too_soon",
            "occurred_at",
            f"Contact them at or after {from_micros(until).isoformat()}",
        )


def _quiet_until(state: Customer, command: RecordInteraction | SendOffer, care: Care) -> int | None:
    """Return the end of the quiet time that a contact falls into; None if it falls into none."""
    span = care.quiet
    return max((at + span for at in _counted(state, care) if at <= command.at < at + span), default=None)


def _counted(state: Customer, care: Care) -> Iterator[int]:
    """Yield the times of the contacts that the business began and to which the rules of contact apply."""
    for known in state.interactions.values():
        if known.direction == "outbound" and _purpose(known, care) is not None:
            yield known.at
    for offer in state.offers.values():
        if _purpose_of_offer(offer.sent.channel, care) is not None:
            yield offer.sent.at


def _taboo(state: Customer, command: RecordInteraction) -> Iterator[CommandRefused]:
    topics = {_comparable(topic) for topic in command.topics}
    if not topics:
        return
    for key, changes in state.traits.items():
        about = key.removeprefix(_TABOO)
        if key.startswith(_TABOO) and _comparable(about) in topics and holds(changes, command.at):
            yield refused(
                f"the customer {command.customer} has the taboo {about!r}",
                "taboo",
                "topics",
                "Choose another topic or gift, or give the reason in in_spite_of",
            )
            return


def _comparable(term: str) -> str:
    return " ".join(term.casefold().split())


CONTACT_RULES: Mapping[type[Command], Callable[[Customer, Any, Policy], list[Event]]] = {
    RecordInteraction: _record_interaction
}
