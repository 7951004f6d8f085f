"""Commands and recorded events as JSON Lines, there and back."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from relations.aggregates.complaint import FileComplaint
from relations.aggregates.customer import RecordPurchase, RegisterCustomer
from relations.engine import Relations
from relations.errors import ChainBroken, InvalidInput, SourceError, UndecodableEvent
from relations.exchange.importing import import_commands
from relations.exchange.jsonlines.commands import command_from_json, command_to_json, known_commands
from relations.exchange.jsonlines.events import export_events, import_events, read_events, write_events
from relations.exchange.jsonlines.exporting import export_commands
from relations.messages import Command, Money
from relations.testing import simulate
from relations.testing.strategies import commands_of

AT = datetime(2024, 5, 1, 10, 30, 0, 123456, tzinfo=UTC)
COMMANDS: list[Command] = [
    RegisterCustomer(occurred_at=AT, command_id="a", customer="c1", name="Änne Ł", region="Wien"),
    RecordPurchase(occurred_at=AT, command_id="b", customer="c1", purchase="p1", amount=Money(-0, "JPY")),
    FileComplaint(
        occurred_at=AT, command_id="c", complaint="k1", customer="c1", subject="bed", channel="web", text="“Hm”\n"
    ),
]


@pytest.fixture
def relations(sqlite_url: str) -> Iterator[Relations]:
    with Relations.open(sqlite_url, durability="off") as opened:
        report = opened.execute_many(COMMANDS)
        assert report.accepted == 3
        yield opened


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Relations]:
    with Relations.open(f"sqlite:///{tmp_path / 'elsewhere.db'}", durability="off") as opened:
        yield opened


def test_commands_go_out_and_come_back(tmp_path: Path) -> None:
    path = tmp_path / "commands.jsonl"
    assert export_commands(COMMANDS, path) == 3
    assert [command_from_json(line) for line in path.read_text("utf-8").splitlines()] == COMMANDS
    assert command_to_json(COMMANDS[1]).startswith('{"command": "RecordPurchase", ')


@pytest.mark.parametrize("name", known_commands())
@settings(max_examples=4)
@given(data=st.data())
def test_every_command_goes_out_and_comes_back(name: str, data: st.DataObject) -> None:
    """Given any valid command of the registry, its line makes the same command, and that makes the same line."""
    command = data.draw(commands_of(known_commands()[name]))
    line = command_to_json(command)
    assert "\n" not in line
    assert command_from_json(line) == command
    assert command_to_json(command_from_json(line)) == line


def recorded(engine: Relations) -> list[tuple[object, ...]]:
    """Every event as it is read, with its words opened, but without keyed digests: two logs have different keys."""
    return [
        (each.position, each.stream, each.version, each.topic, each.schema, each.occurred_at, each.recorded_at,
         each.actor, each.command_id, each.command_seq, each.cause, structs.asdict(each.event) | {"digest": None})
        for each in engine.events()
    ]  # fmt: skip


def test_a_history_of_commands_makes_the_same_events_elsewhere(tmp_path: Path) -> None:
    """Given goals, plans, messages, posts and all else that a hotel group does, an import makes the same log."""
    history = list(simulate(seed=4, customers=20, months=6, stories=True))
    now = max(command.occurred_at for command in history)
    path = tmp_path / "commands.jsonl"
    export_commands(history, path)
    with Relations.open("sqlite://", clock=lambda: now) as one, Relations.open("sqlite://", clock=lambda: now) as other:
        done, report = one.execute_many(history), import_commands(other, path)
        assert report.refused == len(done.rejections)
        assert recorded(one) == recorded(other)
        topics = {each.topic for each in one.events()}
        assert {"goal.set", "customer.plan_begun", "complaint.message_received", "customer.feedback_answered"} <= topics
        assert len(topics) > 100


def test_every_command_has_a_name_of_its_own() -> None:
    assert {"RegisterCustomer", "FileComplaint", "RedeemPoints", "AdoptPolicy"} <= known_commands().keys()


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        ("{", "malformed_row", "not JSON"),
        ("[]", "malformed_row", "not an object"),
        ("{}", "unknown_command", "There are"),
        ('{"command": "RecordPurchas"}', "unknown_command", "Did you mean RecordPurchase"),
        ('{"command": "RegisterCustomer", "customer": "c1"}', "invalid_occurred_at", "needs it"),
        (
            '{"command": "RegisterCustomer", "customer": "c1", "occurred_at": "2024-01-01T00:00:00"}',
            "invalid_occurred_at",
            "no time zone",
        ),
        (
            '{"command": "RegisterCustomer", "customer": "c1", "occurred_at": "2024-01-01T00:00:00Z", "nmae": "x"}',
            "invalid_nmae",
            "no such field",
        ),
        (
            """{"command": "RecordPurchase", "customer": "c1", "purchase": "p", "occurred_at": "2024-01-01T00:00Z",
            "amount": {"amount": NaN, "currency": "EUR"}}""",
            "invalid_amount",
            "whole number",
        ),
    ],
)
def test_a_line_that_is_no_command_says_why(line: str, code: str, told: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        command_from_json(line)
    assert raised.value.code == code
    assert told in str(raised.value)


def test_recorded_events_go_out_and_come_back_byte_for_byte(
    relations: Relations, elsewhere: Relations, tmp_path: Path
) -> None:
    path, back = tmp_path / "events.jsonl", tmp_path / "back.jsonl"
    count = export_events(relations, path)
    assert count == relations.status().position > 3
    assert write_events(read_events(path), back) == count
    assert back.read_bytes() == path.read_bytes()

    assert import_events(elsewhere, path) == count
    assert elsewhere.status().digest == relations.status().digest
    assert elsewhere.verify().good
    assert export_events(elsewhere, back) == count
    assert back.read_bytes() == path.read_bytes()
    assert import_events(elsewhere, path) == 0


def test_a_log_goes_on_where_its_copy_ended(relations: Relations, elsewhere: Relations, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    export_events(relations, path)
    import_events(elsewhere, path)
    relations.execute(RegisterCustomer(occurred_at=AT, command_id="later", customer="c2"))
    export_events(relations, path, after=2)
    assert import_events(elsewhere, path) == 1
    assert elsewhere.status().digest == relations.status().digest
    repeated = elsewhere.execute(RegisterCustomer(occurred_at=AT, command_id="later", customer="c2"))
    assert repeated.repeated


def test_a_log_that_was_changed_or_is_another_is_refused(
    relations: Relations, elsewhere: Relations, tmp_path: Path
) -> None:
    path = tmp_path / "events.jsonl"
    export_events(relations, path)
    good = path.read_text("utf-8")
    path.write_text(good.replace("Wien", "Graz"), "utf-8")
    with pytest.raises(ChainBroken) as raised:
        import_events(elsewhere, path)
    assert raised.value.position > 1
    path.write_text("".join(good.splitlines(keepends=True)[1:]), "utf-8")
    with pytest.raises(ChainBroken):
        import_events(elsewhere, path)
    path.write_text(good.replace("customer.registered", "customer.registred"), "utf-8")
    with pytest.raises(UndecodableEvent, match="registred"):
        import_events(elsewhere, path)
    assert elsewhere.status().position == 0

    elsewhere.execute(COMMANDS[1])
    path.write_text(good, "utf-8")
    with pytest.raises(ChainBroken):
        import_events(elsewhere, path)


def test_what_is_no_file_of_events(elsewhere: Relations, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"position": 1}\n')
    with pytest.raises(SourceError, match="line 1"):
        import_events(elsewhere, path)
