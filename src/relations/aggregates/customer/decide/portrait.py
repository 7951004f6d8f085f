"""The rules of traits, culture, acquisition cost, lapse and win-back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from relations.aggregates.customer.commands import (
    CancelAcquisitionCost,
    DropTrait,
    NoteCulture,
    NoteTrait,
    RecordAcquisitionCost,
    RecordLapse,
    RecordWinBack,
)
from relations.aggregates.customer.decide.refusals import id_reused, making_known, refuse_if_erased, refused
from relations.aggregates.customer.events import (
    AcquisitionCostCancelled,
    AcquisitionCostRecorded,
    CultureNoted,
    CustomerLapsed,
    CustomerWonBack,
    TraitDropped,
    TraitNoted,
)
from relations.aggregates.customer.state import Customer, changes_nothing, culture_of, holds, trait_key
from relations.messages import Command, Event

__all__ = ["PORTRAIT_RULES"]

_NOTHING_ERASED = "Note nothing about an erased customer"


def _note_trait(state: Customer, command: NoteTrait) -> list[Event]:
    refuse_if_erased(state, command, None, _NOTHING_ERASED)
    changes = state.traits.get(trait_key(command.trait, command.about), ())
    change = (command.at, command.need or command.value or "")
    # Words cannot be compared, because the state holds none; a retry at the same business time adds nothing.
    if change in changes or (command.words is None and changes_nothing(changes, change)):
        return []
    event = TraitNoted(
        trait=command.trait,
        about=command.about,
        words=command.words,
        need=command.need,
        at=command.at,
        value=command.value,
    )
    return making_known(state, command, event, None)


def _drop_trait(state: Customer, command: DropTrait) -> list[Event]:
    changes = state.traits.get(trait_key(command.trait, command.about), ())
    if not holds(changes, command.at):
        return []
    return [TraitDropped(trait=command.trait, about=command.about, at=command.at)]


def _note_culture(state: Customer, command: NoteCulture) -> list[Event]:
    refuse_if_erased(state, command, None, _NOTHING_ERASED)
    if _is_noted(state, command):
        return []
    event = CultureNoted(
        languages=command.languages,
        preferred_channel=command.preferred_channel,
        pace=command.pace,
        customs=command.customs,
        taboos=command.taboos,
        at=command.at,
    )
    return making_known(state, command, event, None)


def _is_noted(state: Customer, command: NoteCulture) -> bool:
    """Return True if all of a note is recorded already.

    Words cannot be compared, so a retry is recognised by its time.
    """
    said = {name: (command.at, value) for name, value in culture_of(command).items()}
    if command.customs is None and command.taboos is None:
        return all(changes_nothing(state.culture.get(name, ()), change) for name, change in said.items())
    return all(change in state.culture.get(name, ()) for name, change in said.items())


def _record_acquisition_cost(state: Customer, command: RecordAcquisitionCost) -> list[Event]:
    event = AcquisitionCostRecorded(
        acquisition=command.acquisition,
        amount=command.amount,
        channel=command.channel,
        campaign=command.campaign,
        at=command.at,
    )
    recorded = state.acquisitions.get(command.acquisition)
    if recorded is None:
        return making_known(state, command, event, command.channel)
    if recorded == event:
        return []
    raise id_reused("acquisition", command.acquisition)


def _cancel_acquisition_cost(state: Customer, command: CancelAcquisitionCost) -> list[Event]:
    recorded = state.acquisitions.get(command.acquisition)
    if recorded is None:
        raise refused(
            f"the customer {command.customer} has no acquisition cost {command.acquisition}",
            "unknown_acquisition",
            "acquisition",
            "Name a cost that was recorded for this customer, under the id that they had then",
        )
    if command.acquisition in state.costs_cancelled:
        return []
    if command.at < recorded.at:
        raise refused(
            "cannot cancel the acquisition cost before it was recorded",
            "before_acquisition",
            "occurred_at",
            "Give a time after the cost",
        )
    return [
        AcquisitionCostCancelled(
            acquisition=command.acquisition,
            amount=recorded.amount,
            channel=recorded.channel,
            campaign=recorded.campaign,
            spent_at=recorded.at,
            at=command.at,
        )
    ]


def _record_lapse(state: Customer, command: RecordLapse) -> list[Event]:
    # A lapse recorded again for the same reason adds nothing, unless the customer bought again in between.
    last = max((at for at, _ in state.lapses if at <= command.at), default=command.at)
    back = any(last < purchase.at <= command.at for purchase in state.purchases.values())
    if not back and changes_nothing(state.lapses, (command.at, command.reason or "")):
        return []
    return making_known(state, command, CustomerLapsed(reason=command.reason, at=command.at), None)


def _record_win_back(state: Customer, command: RecordWinBack) -> list[Event]:
    if not holds(state.lapses, command.at):
        return []
    return [CustomerWonBack(campaign=command.campaign, at=command.at)]


PORTRAIT_RULES: Mapping[type[Command], Callable[[Customer, Any], list[Event]]] = {
    NoteTrait: _note_trait,
    DropTrait: _drop_trait,
    NoteCulture: _note_culture,
    RecordAcquisitionCost: _record_acquisition_cost,
    CancelAcquisitionCost: _cancel_acquisition_cost,
    RecordLapse: _record_lapse,
    RecordWinBack: _record_win_back,
}
