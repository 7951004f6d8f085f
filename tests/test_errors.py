from __future__ import annotations

import inspect
import pickle
import re

import pytest

from relations import errors
from relations.errors import (
    ChainBroken,
    CommandRefused,
    MissingExtra,
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
    }
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
