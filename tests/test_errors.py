from __future__ import annotations

import inspect
import pickle
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from relations import GiveFeedback, InvalidInput, Money, Policy, RecordPurchase, errors
from relations.errors import (
    ChainBroken,
    CommandRefused,
    MissingExtra,
    OutcomeUnknown,
    ProjectionFailed,
    RelationsError,
)

TREE = [getattr(errors, name) for name in errors.__all__]
MADE = [
    CommandRefused("more than was paid", code="refund_exceeds_purchase", field="amount", hint="Give back less"),
    RelationsError("something"),
    ChainBroken("changed", position=7),
    ProjectionFailed("KeyError: 'x'", projection="repair", position=9, stream="complaint-k1"),
    MissingExtra("polars", extra="data", purpose="Reading Parquet"),
]


def test_every_error_is_in_one_tree_with_a_code_of_its_own() -> None:
    defined = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__]
    assert set(defined) == set(TREE)
    assert all(issubclass(kind, RelationsError) and kind.__doc__ for kind in TREE)
    codes = [kind.code for kind in TREE]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)


def test_the_tree_is_drawn_at_the_top_as_it_is() -> None:
    drawn = set(re.findall(r"[├└]── (\w+)", str(errors.__doc__))) | {"RelationsError"}
    assert drawn == set(errors.__all__)


@pytest.mark.parametrize("error", MADE, ids=lambda error: type(error).__name__)
def test_errors_travel_between_processes_with_all_they_say(error: RelationsError) -> None:
    travelled = pickle.loads(pickle.dumps(error))
    assert type(travelled) is type(error)
    assert str(travelled) == str(error)
    assert travelled.__dict__ == error.__dict__
    assert travelled.args == error.args


def test_errors_speak_to_people_and_to_programs() -> None:
    error = MADE[0]
    assert str(error) == "[refund_exceeds_purchase] amount: more than was paid. Give back less"
    assert error.as_dict() == {
        "code": "refund_exceeds_purchase",
        "reason": "more than was paid",
        "field": "amount",
        "hint": "Give back less",
        "retry": False,
    }
    assert OutcomeUnknown(command_id="c").as_dict()["retry"] is True
    assert ChainBroken("changed", position=7).position == 7
    failed = MADE[3]
    assert isinstance(failed, ProjectionFailed)
    assert (failed.projection, failed.position, failed.stream) == ("repair", 9, "complaint-k1")
    assert "repair" in str(failed)
    assert "position 9" in str(failed)
    assert "pip install 'relations-engine[data]'" in str(MADE[4])


def test_a_hint_can_still_be_read_under_its_former_name() -> None:
    error = RelationsError("the amount is too high", hint="Give back less")
    assert error.hint == "Give back less"


AT = datetime(2024, 5, 1, 10, tzinfo=UTC)
BOUGHT: dict[str, Any] = {"customer": "c1", "purchase": "p1", "amount": Money.of(5, "EUR"), "occurred_at": AT}


@pytest.mark.parametrize(
    ("kind", "values", "field", "code", "hint"),
    [
        (RecordPurchase, BOUGHT | {"customer": "a b"}, "customer", "invalid_customer", "Leave out spaces"),
        (RecordPurchase, BOUGHT | {"occurred_at": datetime(2024, 5, 1)}, "occurred_at", "invalid_occurred_at", "zone"),  # noqa: DTZ001
        (RecordPurchase, {"customer": "c1"}, "occurred_at", "invalid_occurred_at", "Give occurred_at"),
        (RecordPurchase, {**BOUGHT, "amonut": 5}, "amonut", "invalid_amonut", "Did you mean amount?"),
        (RecordPurchase, {**BOUGHT, "frobnicate": 5}, "frobnicate", "invalid_frobnicate", "The fields are: "),
        (RecordPurchase, BOUGHT | {"amount": Money(-5, "EUR")}, "amount", "negative_amount", None),
        (GiveFeedback, {"customer": "c1", "feedback": "f1", "instrument": "nps", "occurred_at": AT},
         "GiveFeedback", "score_missing", None),
        (Policy, {"country": "Austria"}, "country", "invalid_country", "Match the pattern"),
        (Policy, {"surveys": {"minimum_answers": -1}}, "surveys.minimum_answers", "invalid_surveys", None),
    ],
)  # fmt: skip
def test_a_wrong_value_in_python_is_refused_with_its_field_and_without_a_url(
    kind: type[Any], values: dict[str, Any], field: str, code: str, hint: str | None
) -> None:
    with pytest.raises(InvalidInput) as caught:
        kind(**values)
    error = caught.value
    assert (error.field, error.code) == (field, code)
    assert hint is None or hint in str(error.hint)
    assert "http" not in str(error)
    assert error.__cause__ is None


def test_values_are_given_by_name() -> None:
    by_position: Any = RecordPurchase
    with pytest.raises(TypeError, match="positional"):
        by_position("c1")
