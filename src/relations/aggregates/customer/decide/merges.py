"""Merging, unmerging and erasing: what concerns all ids of one person."""

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
    # Complaints are streams of their own and may bring new words after an erasure; a later erasure takes those too.
    at = command.at
    if state.erased_at is not None and at <= state.erased_at:
        return []
    return [CustomerErased(reason=command.reason, at=at, merged=state.merged_with)]


def _erase_alias(state: Customer, command: EraseAlias) -> list[Event]:
    # Erasing cannot be undone, so both sides have to know of the merge.
    if command.other not in state.merged_with or (state.erased_at is not None and command.at <= state.erased_at):
        return []
    return [CustomerErased(reason=command.reason, at=command.at, merged=state.merged_with)]


def _merge(state: Customer, command: MergeCustomer) -> list[Event]:
    # Nobody is made known by a merge, so that one that is undone leaves nothing behind.
    _refuse_itself(command, command.into, "into")
    if state.into == command.into:
        return []
    if state.into is not None:
        raise CommandRefused(
            f"the customer {command.customer} is merged into {state.into} already",
            code="already_merged",
            field="customer",
            hint=f"Merge {state.into}, or send UnmergeCustomer first",
        )
    refuse_if_erased(state, command, "customer", "Nothing: whose history it was is not to be said again")
    return [CustomerMerged(into=command.into, at=command.at)]


def _absorb(state: Customer, command: AbsorbCustomer) -> list[Event]:
    _refuse_itself(command, command.merged, "merged")
    if command.merged in state.absorbed:
        return []
    if state.into is not None:
        raise CommandRefused(
            f"the customer {command.customer} is merged into {state.into} itself",
            code="survivor_is_merged",
            field="into",
            hint=f"Merge into {state.into}, or unmerge {command.customer} first",
        )
    refuse_if_erased(state, command, "into", "Nothing: whose history it was is not to be said again")
    return [CustomerAbsorbed(merged=command.merged, at=command.at)]


def _refuse_itself(command: CustomerCommand, other: str, field: str) -> None:
    if other == command.customer:
        raise CommandRefused(
            f"the customer {other} cannot be merged into itself",
            code="merged_into_itself",
            field=field,
            hint="Name two ids",
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
