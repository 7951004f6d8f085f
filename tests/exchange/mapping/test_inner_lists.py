"""A row with a list inside it gives a command for each object of the list, in the order of their times."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from relations.errors import InvalidInput
from relations.exchange import Mapping
from relations.exchange.mapping.markup import plain_text
from relations.exchange.mapping.objects import flat
from relations.exchange.mapping.transform import Transform

AT = {"column": "calls.at", "type": "time"}
RULES: dict[str, Any] = {
    "name": "calls",
    "source": {"format": "json"},
    "note": [{"each": "calls", "when": [{"of": "calls.lost", "equals": "true"}], "code": "lost", "reason": "lost"}],
    "command": [
        {
            "command": "RecordInteraction",
            "each": "calls",
            "command_id": "{source}:{row}:{calls.id}",
            "when": [{"of": "calls.lost", "equals": "false"}],
            "with": {
                "occurred_at": AT,
                "customer": "customer",
                "interaction": {"template": "call-{calls.id}"},
                "kind": {"constant": "service"},
                "channel": {"constant": "phone"},
                "words": {"column": "calls.about.topic", "blank": "absent"},
            },
        }
    ],
}


def call(number: int, *, lost: bool = False, **more: Any) -> dict[str, Any]:
    return {"id": number, "at": f"2024-05-0{9 - number}T10:00:00Z", "lost": lost, **more}


def test_each_object_is_a_command_and_the_row_is_sorted_by_time() -> None:
    transform = Transform(Mapping.model_validate(RULES))
    calls = [call(1, about={"topic": "towels"}), call(2, lost=True, note="-"), call(3)]
    made = transform(7, flat({"customer": "c1", "calls": calls}))
    assert [command.command_id for command in made.commands] == ["calls:7:3", "calls:7:1"]
    assert [command.words for command in made.commands] == [None, "towels"]  # type: ignore[attr-defined]  # theirs
    assert made.notes == ["lost"]
    assert set(transform.inner_fields) - transform.columns_read == {"calls.note"}


def test_fields_that_are_new_in_every_object_do_not_fill_the_memory() -> None:
    rules = RULES | {"source": {"format": "json", "limits": {"columns": 10}}}
    transform = Transform(Mapping.model_validate(rules))
    for row in range(100):
        transform(row, flat({"customer": "c1", "calls": [call(1) | {f"x{row}": 1}]}))
    assert len(transform.inner_fields) <= 10 + 4


@pytest.mark.parametrize("calls", [None, "", []])
def test_a_row_without_the_list_has_no_command_of_it(calls: Any) -> None:
    transform = Transform(Mapping.model_validate(RULES))
    with pytest.raises(InvalidInput) as raised:
        transform(1, flat({"customer": "c1", "calls": calls}))
    assert raised.value.code == "no_command"


@pytest.mark.parametrize(("calls", "said"), [("[1]", "item 1 of calls"), ("{}", "not a list"), ("[", "not a list")])
def test_what_is_no_list_of_objects_rejects_the_row(calls: str, said: str) -> None:
    transform = Transform(Mapping.model_validate(RULES))
    with pytest.raises(InvalidInput) as raised:
        transform(1, {"customer": "c1", "calls": calls})
    assert raised.value.code == "malformed_row"
    assert said in raised.value.reason


def test_a_list_belongs_to_json_and_its_commands_have_ids_of_their_own() -> None:
    with pytest.raises(ValidationError, match="only `json` and `jsonl` have"):
        Mapping.model_validate(RULES | {"source": {"format": "csv"}})
    command = {name: value for name, value in RULES["command"][0].items() if name != "command_id"}
    with pytest.raises(ValidationError, match="needs a `command_id`"):
        Mapping.model_validate(RULES | {"command": [command]})


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("a<br>b<br/>c", "a\nb\nc"),
        ("<p>a</p><p>b</p>", "a\n\nb"),
        ("<div>a</div><div><br></div><div>b</div>", "a\n\nb"),
        ("one\nline &amp; <b>bold</b>&nbsp;word", "one line & bold word"),
        ("<style>p { x }</style><script>alert(1)</script>seen", "seen"),
        ("3 < 4 & 5 > 4", "3 < 4 & 5 > 4"),
        ("<img src='x.png'>", ""),
        ("<p>不好<br>很差", "不好\n很差"),
    ],
)
def test_marks_of_html_are_removed_as_a_browser_shows_it(html: str, text: str) -> None:
    assert plain_text(html) == text


def test_an_unclosed_mark_hides_no_more_than_its_own_text() -> None:
    assert plain_text(json.loads('"a <b>c"')) == "a c"
