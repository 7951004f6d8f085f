"""The contents of a ledger are declared once: an account, a merge and the stored form have the same fields."""

from __future__ import annotations

import msgspec

from relations.aggregates.loyalty import Holdings, LedgerContents, Lot, Taking
from relations.aggregates.loyalty.evolve.merges import JOINED_WITH_THE_EVENT
from relations.aggregates.loyalty.lots import LotShare, from_holdings, to_holdings, under_prefix
from relations.aggregates.loyalty.state import Ledger

FIELDS = LedgerContents.__struct_fields__


def test_a_merge_deals_with_every_field_of_a_ledger() -> None:
    assert set(FIELDS) == JOINED_WITH_THE_EVENT
    assert len(FIELDS) > 20


def test_a_ledger_and_what_a_merge_moves_have_the_same_fields_and_defaults() -> None:
    assert Holdings.__struct_fields__ == FIELDS
    assert set(FIELDS) <= set(Ledger.__struct_fields__)
    assert msgspec.json.encode(Holdings()) == b"{}"


def test_contents_come_back_from_the_stored_form_as_they_were() -> None:
    ledger = Ledger(programme="club", debt=3, clubs=("wine",), lots={"l": Lot(5, 1, None)}, months={"m": 2})
    stored = msgspec.json.encode(to_holdings(ledger))
    back = from_holdings(msgspec.json.decode(stored, type=Holdings))
    assert {name: getattr(ledger, name) for name in FIELDS} == back
    assert back["lots"] == ledger.lots


def test_what_a_refund_took_names_its_lots_with_the_prefix_after_a_merge() -> None:
    taken = (Taking("r", (LotShare("purchase/p", 2),), shortfall=1),)
    assert under_prefix(taken, "merged/c2/") == (Taking("r", (LotShare("merged/c2/purchase/p", 2),), shortfall=1),)
    assert under_prefix(7, "merged/c2/") == 7
