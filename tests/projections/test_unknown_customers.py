"""No view answers about a customer of whom nothing is recorded."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime
from typing import Any

import pytest

from relations import Relations
from relations.aggregates.customer import MergeCustomer, RegisterCustomer
from relations.errors import InvalidInput
from tests.support.asking import arguments_of, questions

START = datetime(2024, 1, 1, 9, tzinfo=UTC)
ABOUT_ONE = [
    name
    for name, question in questions(Relations.open("sqlite://")).items()
    if "customer" in inspect.signature(question).parameters
]
NOT_MEMBERS: dict[str, Any] = {"loyalty.account": None, "loyalty.programmes": [], "retention.grade_of": None}
"""The answers about a customer who only registered, where such an answer has a meaning of its own."""


def asked_about(name: str, question: Any, customer: str) -> dict[str, Any]:
    return {**arguments_of(name, question, (customer,))[0], "customer": customer}


@pytest.mark.parametrize("name", ABOUT_ONE)
def test_a_question_about_an_unknown_customer_is_refused(database_url: str, name: str) -> None:
    with Relations.open(database_url) as engine:
        engine.execute(RegisterCustomer(customer="ada", occurred_at=START))
        question = questions(engine)[name]
        with pytest.raises(InvalidInput, match="nothing is recorded of the customer bob") as refused:
            question(**asked_about(name, question, "bob"))
        assert (refused.value.code, refused.value.field) == ("unknown_customer", "customer")
        answer = question(**asked_about(name, question, "ada"))
        assert answer == NOT_MEMBERS.get(name, answer)
        engine.execute(RegisterCustomer(customer="bob", occurred_at=START))
        engine.execute(MergeCustomer(customer="bob", into="ada", occurred_at=START))
        assert question(**asked_about(name, question, "bob")) == question(**asked_about(name, question, "ada"))


def test_every_view_with_customers_is_asked() -> None:
    assert {name.partition(".")[0] for name in ABOUT_ONE} == {
        "agenda", "care", "contacts", "customers", "desk", "loyalty", "pipeline", "recommendations", "repair",
        "retention", "satisfaction", "team", "ties",
    }  # fmt: skip
