"""No view answers about a customer of whom nothing is recorded."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime
from typing import Any

from relations import Relations
from relations.aggregates.customer import MergeCustomer, RegisterCustomer
from relations.errors import InvalidInput
from tests.support.asking import arguments_of, questions

START = datetime(2024, 1, 1, 9, tzinfo=UTC)
NOT_MEMBERS: dict[str, Any] = {"loyalty.account": None, "loyalty.programmes": [], "retention.grade_of": None}
"""The answers about a customer who only registered, where such an answer has a meaning of its own."""


def asked_about(name: str, question: Any, customer: str) -> dict[str, Any]:
    return {**arguments_of(name, question, (customer,))[0], "customer": customer}


def refusal(question: Any, asked: dict[str, Any]) -> InvalidInput | None:
    try:
        question(**asked)
    except InvalidInput as refused:
        return refused
    return None


def test_a_question_about_an_unknown_customer_is_refused(database_url: str) -> None:
    with Relations.open(database_url) as engine:
        engine.execute(RegisterCustomer(customer="ada", occurred_at=START))
        about_one = {
            name: question
            for name, question in questions(engine).items()
            if "customer" in inspect.signature(question).parameters
        }
        assert len(about_one) > 20
        for name, question in about_one.items():
            refused = refusal(question, asked_about(name, question, "bob"))
            assert refused is not None, f"{name} answers about a customer of whom nothing is recorded"
            assert (refused.code, refused.field) == ("unknown_customer", "customer"), name
            assert "nothing is recorded of the customer bob" in str(refused), name
            answer = question(**asked_about(name, question, "ada"))
            assert answer == NOT_MEMBERS.get(name, answer), name
        engine.execute(RegisterCustomer(customer="bob", occurred_at=START))
        engine.execute(MergeCustomer(customer="bob", into="ada", occurred_at=START))
        for name, question in about_one.items():
            merged = question(**asked_about(name, question, "bob"))
            assert merged == question(**asked_about(name, question, "ada")), name
