"""The table from commands to the rules that decide them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from relations.aggregates.customer.decide.contacts import CONTACT_RULES
from relations.aggregates.customer.decide.feedback import SURVEY_RULES
from relations.aggregates.customer.decide.invitations import INVITATION_RULES
from relations.aggregates.customer.decide.merges import MERGE_RULES
from relations.aggregates.customer.decide.offers import OFFER_RULES
from relations.aggregates.customer.decide.plans import PLAN_RULES
from relations.aggregates.customer.decide.portrait import PORTRAIT_RULES
from relations.aggregates.customer.decide.profile import PROFILE_RULES
from relations.aggregates.customer.decide.purchases import PURCHASE_RULES
from relations.aggregates.customer.decide.ties import TIE_RULES
from relations.aggregates.customer.state import Customer
from relations.aggregates.terms import refuse_unknown_terms
from relations.messages import Command, Event
from relations.policies import Policy

__all__ = ["COMMANDS", "decide"]

_DECISIONS: Mapping[type[Command], Callable[[Customer, Any], list[Event]]] = {
    **PROFILE_RULES,
    **PURCHASE_RULES,
    **MERGE_RULES,
    **PORTRAIT_RULES,
}
_BY_POLICY: dict[type[Command], Callable[[Customer, Any, Policy], list[Event]]] = {
    **SURVEY_RULES,
    **INVITATION_RULES,
    **CONTACT_RULES,
    **OFFER_RULES,
    **PLAN_RULES,
    **TIE_RULES,
}
"""Rules that depend on the policy in force."""

COMMANDS = (*_DECISIONS, *_BY_POLICY)


def decide(state: Customer, command: Command, policy: Policy) -> list[Event]:
    """Return the events of a command; none if there is nothing left to do.

    Raises:
        CommandRefused: A rule forbids it; the codes are in `REFUSALS`.
    """
    if policy.personal_data.terms:
        refuse_unknown_terms(command, policy)
    decision = _DECISIONS.get(type(command))
    if decision is not None:
        return decision(state, command)
    return _BY_POLICY[type(command)](state, command, policy)
