"""The rules of merging, unmerging and erasing, which concern all ids of one person."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from relations.aggregates.customer.commands import (
    AbsorbCustomer,
    CustomerCommand,
    EraseAlias,
    EraseCustomer,
    MergeCustomer,
    ReleaseCustomer,
    UnmergeCustomer,
)
from relations.aggregates.customer.decide.refusals import refuse_if_erased
from relations.aggregates.customer.events import (
    CustomerAbsorbed,
    CustomerErased,
    CustomerMerged,
    CustomerReleased,
    CustomerUnmerged,
)
from relations.aggregates.customer.state import Customer
from relations.errors import CommandRefused
from relations.messages import Command, Event

__all__ = ["MERGE_RULES"]


def _erase(state: Customer, command: EraseCustomer) -> list[Event]:
    # Complaints are separate streams and may bring new personal data after an erasure; a later erasure covers it.
    at = command.at
    if state.erased_at is not None and at <= state.erased_at:
        return []
    return [CustomerErased(reason=command.reason, at=at, merged=state.merged_with)]


def _erase_alias(state: Customer, command: EraseAlias) -> list[Event]:
    # Erasing cannot be reversed, so both streams must have recorded the merge.
    if command.other not in state.merged_with or (state.erased_at is not None and command.at <= state.erased_at):
        return []
    return [CustomerErased(reason=command.reason, at=command.at, merged=state.merged_with)]


def _merge(state: Customer, command: MergeCustomer) -> list[Event]:
    # A merge registers nobody, so that one that is reversed leaves nothing behind.
    _refuse_itself(command, command.into, "into")
    if state.into == command.into:
        return []
    if state.into is not None:
        raise CommandRefused(
            f"cannot merge the customer {command.customer}: it is already merged into {state.into}",
            code="already_merged",
            field="customer",
            hint=f"Merge {state.into} instead, or unmerge {command.customer} first (UnmergeCustomer)",
        )
    refuse_if_erased(state, command, "customer", "Leave it unmerged: an erased customer cannot be identified again")
    return [CustomerMerged(into=command.into, at=command.at)]


def _absorb(state: Customer, command: AbsorbCustomer) -> list[Event]:
    _refuse_itself(command, command.merged, "merged")
    if command.merged in state.absorbed:
        return []
    if state.into is not None:
        raise CommandRefused(
            f"cannot merge into the customer {command.customer}: it is itself merged into {state.into}",
            code="survivor_is_merged",
            field="into",
            hint=f"Merge into {state.into}, or unmerge {command.customer} first (UnmergeCustomer)",
        )
    refuse_if_erased(state, command, "into", "Leave it unmerged: an erased customer cannot be identified again")
    return [CustomerAbsorbed(merged=command.merged, at=command.at)]


def _refuse_itself(command: CustomerCommand, other: str, field: str) -> None:
    if other == command.customer:
        raise CommandRefused(
            f"cannot merge the customer {other} into itself",
            code="merged_into_itself",
            field=field,
            hint="Give two different ids",
        )


def _unmerge(state: Customer, command: UnmergeCustomer) -> list[Event]:
    return [] if state.into is None else [CustomerUnmerged(survivor=state.into, at=command.at)]


def _release(state: Customer, command: ReleaseCustomer) -> list[Event]:
    return [CustomerReleased(merged=command.merged, at=command.at)] if command.merged in state.absorbed else []


MERGE_RULES: Mapping[type[Command], Callable[[Customer, Any], list[Event]]] = {
    EraseCustomer: _erase,
    EraseAlias: _erase_alias,
    MergeCustomer: _merge,
    UnmergeCustomer: _unmerge,
    AbsorbCustomer: _absorb,
    ReleaseCustomer: _release,
}
