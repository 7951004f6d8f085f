"""Terms are codes: a policy can list them, and free text is then refused where a code is meant."""

from __future__ import annotations

from typing import get_args

import pytest
from pydantic import ValidationError

from relations import CommandRefused, EraseCustomer, InvalidInput, Relations
from relations.aggregates import AGGREGATES
from relations.aggregates.terms import RETENTION, term_fields
from relations.commands import NoteTrait, RecordInteraction
from relations.messages import Command
from relations.policies import PersonalData, Policy
from relations.policies.personal_data import TermField
from tests.support.making import START, complaint, day, register

TERMS = PersonalData(
    terms={"subject": ("noise", "bill"), "about": ("pillow",), "topics": ("wine",), "reason": ("by letter",)}
)


def _engine(terms: PersonalData) -> Relations:
    engine = Relations.open("sqlite://")
    engine.adopt(Policy(personal_data=terms), from_beginning=True)
    engine.execute(register("c1"))
    return engine


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (complaint(1, subject="my neighbour Mr Smith"), "subject"),
        (NoteTrait(customer="c1", trait="habit", about="drinks with Mr Smith", occurred_at=START), "about"),
        (EraseCustomer(customer="c1", reason="Mr Smith wrote", occurred_at=day(9)), "reason"),
        (
            RecordInteraction(
                customer="c1", interaction="i1", channel="phone", kind="call", topics=("Mr Smith",), occurred_at=day(9)
            ),
            "topics",
        ),
    ],
)
def test_a_term_that_the_policy_does_not_list_is_refused_with_the_list(command: Command, field: str) -> None:
    with _engine(TERMS) as engine:
        before = engine.status().position
        with pytest.raises(CommandRefused) as refused:
            engine.execute(command)
        assert (refused.value.code, refused.value.field) == ("unknown_term", field)
        assert "Use one of: " in str(refused.value.hint)
        assert engine.status().position == before
    with _engine(PersonalData()) as engine:
        assert engine.execute(command).events


@pytest.mark.parametrize(
    "command",
    [
        complaint(1, subject="noise"),
        NoteTrait(customer="c1", trait="habit", about="pillow", occurred_at=START),
        EraseCustomer(customer="c1", reason="by letter", occurred_at=day(9)),
        EraseCustomer(customer="c1", occurred_at=day(9)),
        EraseCustomer(customer="c1", reason=RETENTION, occurred_at=day(9)),
    ],
)
def test_listed_terms_defaults_and_the_engines_own_are_accepted(command: Command) -> None:
    with _engine(TERMS) as engine:
        assert engine.execute(command).events


def test_every_field_that_holds_terms_about_customers_can_be_listed() -> None:
    of_customers = [aggregate for aggregate in AGGREGATES if aggregate.name in ("customer", "complaint", "loyalty")]
    kinds = [kind for aggregate in of_customers for kind in aggregate.commands]
    assert {name for kind in kinds for name, _default in term_fields(kind)} == set(get_args(TermField))


def test_a_list_that_was_adopted_earlier_is_read_whatever_its_terms() -> None:
    """A log holds policies from before terms were refused that are sentences."""
    text = '{"personal_data": {"terms": {"subject": ["Was it late?"]}}}'
    assert Policy.recorded(text).personal_data.terms == {"subject": ("Was it late?",)}
    with pytest.raises(ValidationError, match="not a sentence"):
        Policy.model_validate_json(text)


def test_a_list_is_of_a_field_that_has_terms_and_has_no_personal_data() -> None:
    for terms in ({"comment": ("x",)}, {"subject": ("ada@mail.example",)}):
        with pytest.raises(InvalidInput):
            PersonalData(terms=terms)
