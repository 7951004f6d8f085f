"""`relations relay` and `dead-letters`, as people and programs run them."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from pathlib import Path

from relations import Relations
from relations.cli.exits import ExitCode
from relations.relay import new_secret
from tests.cli.conftest import Run, command_line, environment
from tests.support.making import expire, purchase, register
from tests.support.receiver import receiving


def log_with(path: Path, purchases: int = 2) -> int:
    with Relations.open(f"sqlite:///{path}") as engine:
        engine.execute(register())
        for number in range(1, purchases + 1):
            engine.execute(purchase(number))
        return engine.status().position


def test_the_events_of_a_log_go_to_a_file_and_only_new_ones_the_second_time(run: Run, tmp_path: Path) -> None:
    log, out = tmp_path / "log.db", tmp_path / "events.jsonl"
    head = log_with(log)
    ran = run("relay", "-d", log, "--to", out, "--once")
    assert ran.code == 0
    assert f"Delivered {head} events" in ran.err
    again = run("relay", "-d", log, "--to", out, "--once", "--json")
    assert again.json["delivered"] == 0
    assert len(out.read_text().splitlines()) == head
    status = run("status", "-d", log)
    assert "relay" in status.out
    assert "does not run" in status.out


def test_chosen_topics_go_to_stdout_as_lines_of_json(run: Run, tmp_path: Path) -> None:
    log_with(tmp_path / "log.db")
    done = subprocess.run(
        command_line("relay", "-d", tmp_path / "log.db", "--to", "stdout", "--once", "--topic", "customer.registered"),
        capture_output=True,
        env=environment(),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["type"] == "customer.registered"


def test_dead_letters_are_shown_sent_again_and_discarded(run: Run, tmp_path: Path) -> None:
    log, secret = tmp_path / "log.db", tmp_path / "secret"
    head = log_with(log)
    secret.write_text(new_secret() + "\n")
    with receiving(lambda _: 422) as receiver:
        ran = run("relay", "-d", log, "--to", "webhook", "--url", receiver.url, "--secret-file", secret, "--once")
        assert ran.code == 0
        assert f"{head} were not delivered" in ran.err
        shown = run("dead-letters", "-d", log, COLUMNS="140")
        assert "answered 422" in shown.out
        letters = run("dead-letters", "-d", log, "--json").json
        assert letters["total"] == len(letters["letters"]) == head
        last = letters["letters"][-1]["id"]
        assert run("dead-letters", "-d", log, "--discard").code == 2
        assert "1 dead letter discarded" in run("dead-letters", "-d", log, "--discard", "--id", last).err
        again = run("dead-letters", "-d", log, "--discard", "--id", last, "--json")
        assert again.json == {"changed": 0}
        assert "Some of the ids have no dead letter" in again.err
        assert run("dead-letters", "-d", log, "--send-again", "--json").json == {"changed": head - 1}
        assert "to be sent again" in run("dead-letters", "-d", log, COLUMNS="140").out
        receiver.answer = lambda _: 204
        run("relay", "-d", log, "--to", "webhook", "--url", receiver.url, "--once")
    assert len(receiver.accepted) == head - 1
    assert "There are no dead letters" in run("dead-letters", "-d", log).out


def test_options_that_do_not_go_together_are_refused(run: Run, tmp_path: Path) -> None:
    log, empty = tmp_path / "log.db", tmp_path / "empty"
    head = log_with(log)
    empty.write_text("\n")
    for arguments, code in (
        (("--to", "webhook"), "url_missing"),
        (("--to", "webhook", "--url", "ftp://host"), "invalid_url"),
        (("--to", "stdout", "--url", "https://host"), "option_not_applicable"),
        (("--to", tmp_path / "f", "--topic", "nothing.known"), "unknown_topic"),
        (("--to", "redis", "--url", "http://host"), "invalid_url"),
        (("--to", "redis", "--url", "redis://host:port/0"), "invalid_url"),
        (("--to", "redis", "--url", "redis://host/zero"), "invalid_url"),
        (("--to", "amqp", "--url", "http://host"), "invalid_url"),
        (("--to", "kafka", "--url", "kafka://"), "invalid_url"),
        (("--to", "kafka://host:9092"), "invalid_url"),
        (("--to", "kafka", "--url", "kafka://host/topic"), "invalid_url"),
        (("--to", "webhook", "--url", "https://host:99999/"), "invalid_url"),
        (("--to", "webhook", "--url", "https://ho st/"), "invalid_url"),
        (("--to", tmp_path / "no" / "f"), "unwritable_file"),
        (("--to", tmp_path / "f", "--name", "two words"), "invalid_consumer"),
        (("--to", tmp_path / "f", "--source", "two words"), "invalid_source"),
        (("--to", tmp_path / "f", "--secret-file", tmp_path / "missing"), "unreadable_secret"),
        (("--to", "webhook", "--url", "https://host/", "--secret-file", empty), "unreadable_secret"),
        (("--to", tmp_path / "f", "--after", head + 1), "out_of_range"),
    ):
        ran = run("relay", "-d", log, "--once", "--json", *arguments)
        assert ran.json["error"]["code"] == code
        assert ran.code != 0


def test_a_running_relay_sends_what_comes_and_ends_in_good_order(tmp_path: Path) -> None:
    log, out = tmp_path / "log.db", tmp_path / "events.jsonl"
    head = log_with(log)
    with subprocess.Popen(
        command_line("relay", "-d", log, "--to", out, "--json"), stdout=subprocess.PIPE, env=environment()
    ) as process:
        wait_for_lines(out, head)
        with Relations.open(f"sqlite:///{log}") as engine:
            engine.execute(purchase(9))
            head = engine.status().position
        wait_for_lines(out, head)
        process.send_signal(signal.SIGTERM)
        stdout, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert json.loads(stdout)["delivered"] == head


def wait_for_lines(path: Path, count: int) -> None:
    deadline = time.monotonic() + 30
    while not path.exists() or len(path.read_bytes().splitlines()) < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_relay_that_is_stopped_leaves_the_rest_of_its_batch_for_the_next_one(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "log.db"
    head = log_with(log, purchases=60)

    def slowly(_request: object) -> int:
        time.sleep(0.1)
        return 204

    with receiving(slowly) as receiver:
        with subprocess.Popen(
            command_line("relay", "-d", log, "--to", "webhook", "--url", receiver.url, "--json"),
            stdout=subprocess.PIPE, env=environment(),
        ) as process:  # fmt: skip
            while len(receiver.accepted) < 3:
                time.sleep(0.01)
            process.send_signal(signal.SIGTERM)
            stdout, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        delivered = json.loads(stdout)["delivered"]
        assert delivered == len(receiver.accepted) < head
        receiver.answer = lambda _: 204
        run("relay", "-d", log, "--to", "webhook", "--url", receiver.url, "--once")
        ids = [request.headers["webhook-id"] for request in receiver.accepted]
    # The first event, the policy's, and the customer's go by different threads, so one of them may come again.
    assert len(set(ids)) == head <= len(ids) <= head + 1


def test_a_receiver_that_never_answers_does_not_hold_up_the_end(run: Run, tmp_path: Path) -> None:
    log, answering, asked = tmp_path / "log.db", threading.Event(), threading.Event()
    head = log_with(log)

    def never(_request: object) -> int:
        asked.set()
        answering.wait(60)
        return 204

    with receiving(never) as receiver:
        with subprocess.Popen(
            command_line("relay", "-d", log, "--to", "webhook", "--url", receiver.url, "--grace", 0.1),
            stderr=subprocess.PIPE,
            env=environment(),
        ) as process:  # fmt: skip
            assert asked.wait(60)
            process.send_signal(signal.SIGTERM)
            _, stderr = process.communicate(timeout=60)
        answering.set()
        assert process.returncode == ExitCode.INTERRUPTED
        assert b"Ended in the middle of its work" in stderr
        assert b"The relay goes on where it stopped." in stderr
        with Relations.open(f"sqlite:///{log}") as engine:
            expire(engine)
        receiver.answer = lambda _: 204
        assert run("relay", "-d", log, "--to", "webhook", "--url", receiver.url, "--once", "--json").json == {
            "delivered": head, "dead": 0, "retries": 0, "position": head
        }  # fmt: skip
