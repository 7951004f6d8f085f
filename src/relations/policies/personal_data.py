"""The rules for personal words: how long they are kept, and who erases them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from relations.messages import Checked, Term

__all__ = ["PersonalData", "TermField"]

TermField = Literal[
    "subject", "about", "value", "cause", "reason", "topics", "outcome", "action",
    "relationship", "title", "promise", "platform", "content", "role", "level",
]  # fmt: skip
"""The fields of commands that hold terms."""


class PersonalData(Checked):
    """The time for which a customer's personal words are kept.

    Attributes:
        erase_after_months: Customers are due for erasure this many months after their last event. None: never.
        erased_by: `person`: the erasure is an item of the agenda for people. `advance_time`: the engine erases when
            time is advanced. An erasure cannot be undone, so people are the default.
        terms: The allowed terms by field, such as the `subject` of a complaint, what a trait is `about`, or the `value`
            of an attribute. Likewise for the `topics` of an interaction, a root `cause`, and the other fields that hold
            a term. Terms are stored unencrypted for ever, and nothing can recognise a name in a text; a list keeps free
            text out. A field without a list takes any term.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    erase_after_months: Annotated[int | None, Field(strict=True, ge=1, le=1_200)] = None
    erased_by: Literal["person", "advance_time"] = "person"
    terms: dict[TermField, tuple[Term, ...]] = {}
