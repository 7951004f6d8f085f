"""Spans, metrics and health of an engine, read by OpenTelemetry's SDK and Prometheus's own parsers."""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Decision, SamplingResult, StaticSampler
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, use_span
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from relations import CommandRefused, Relations
from relations.commands import RefundPurchase
from relations.errors import ConcurrencyConflict, InvalidInput, RelationsError
from relations.observability import Metrics, Tracing, observe_with_tracing
from relations.observability.serving import serving
from relations.projections import satisfaction
from relations.relay import Relay, WebhookTarget
from relations.telemetry import Observer
from tests.support.making import day, purchase, register
from tests.support.receiver import receiving


@pytest.fixture
def spans() -> Iterator[tuple[TracerProvider, InMemorySpanExporter]]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield provider, exporter
    provider.shutdown()


def named(exporter: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in exporter.get_finished_spans() if span.name == name]


def refused_refund() -> RefundPurchase:
    return RefundPurchase(customer="c1", purchase="unknown", refund="r1", amount=purchase().amount, occurred_at=day(2))


def test_a_command_has_a_span_with_the_append_inside(
    database_url: str, spans: tuple[TracerProvider, InMemorySpanExporter]
) -> None:
    provider, exporter = spans
    with Relations.open(database_url) as engine:
        observe_with_tracing(engine, tracer_provider=provider)
        receipt = engine.execute(register())
        (execute,) = named(exporter, "execute RegisterCustomer")
        (append,) = named(exporter, "INSERT relations_log")
        assert execute.attributes is not None
        assert append.attributes is not None
        assert execute.attributes["relations.command_id"] == receipt.command_id
        assert execute.attributes["relations.events"] == len(receipt.events)
        assert append.parent is not None
        assert append.parent.span_id == execute.context.span_id
        assert append.attributes["db.system.name"] == ("sqlite" if "sqlite" in database_url else "postgresql")
        assert append.attributes["db.operation.name"] == "INSERT"
        assert append.attributes["db.collection.name"] == "relations_log"
        assert append.attributes["db.operation.batch.size"] == engine.status().position > 1
        assert "Ada" not in "".join(span.to_json() for span in exporter.get_finished_spans())


def test_a_command_that_is_not_sampled_costs_no_span_of_the_store(sqlite_url: str) -> None:
    exporter, asked = InMemorySpanExporter(), []

    class Sampler(StaticSampler):
        def should_sample(self, *given: Any, **named: Any) -> SamplingResult:
            asked.append(given[2])
            return super().should_sample(*given, **named)

    provider = TracerProvider(sampler=Sampler(Decision.DROP))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with Relations.open(sqlite_url) as engine:
        observe_with_tracing(engine, tracer_provider=provider)
        engine.execute(register())
    provider.shutdown()
    assert asked == ["execute RegisterCustomer"]
    assert exporter.get_finished_spans() == ()


@pytest.mark.parametrize(
    ("around", "asked_for"),
    [
        (SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(0)), []),
        (SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(0)), ["execute RegisterCustomer"]),
        # A span that has ended, as in a task that outlives its request.
        (SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(1)), ["execute RegisterCustomer"]),
    ],
    ids=["left out here", "left out elsewhere", "ended"],
)
def test_the_sampler_is_not_asked_again_about_a_request_that_it_left_out(
    sqlite_url: str, around: SpanContext, asked_for: list[str]
) -> None:
    asked: list[str] = []

    class Sampler(StaticSampler):
        def should_sample(self, *given: Any, **named: Any) -> SamplingResult:
            asked.append(given[2])
            return super().should_sample(*given, **named)

    provider = TracerProvider(sampler=Sampler(Decision.DROP))
    with Relations.open(sqlite_url) as engine, use_span(NonRecordingSpan(around)):
        observe_with_tracing(engine, tracer_provider=provider)
        engine.execute(register())
    provider.shutdown()
    assert asked == asked_for


def test_only_a_share_of_the_commands_outside_of_any_span_is_traced(
    sqlite_url: str, spans: tuple[TracerProvider, InMemorySpanExporter]
) -> None:
    provider, exporter = spans
    with Relations.open(sqlite_url) as engine:
        tracing = Tracing(engine.log.database, tracer_provider=provider, ratio=0.5)
        for _ in range(400):
            command = tracing.begin("execute", "RegisterCustomer")
            tracing.end(tracing.begin("append", "relations_log"), None, {"events": 1})
            tracing.end(command, None, {})
    executed, appended = named(exporter, "execute RegisterCustomer"), named(exporter, "INSERT relations_log")
    assert 130 < len(executed) < 270  # further off in one of 10^11 runs
    parents = {span.parent.span_id for span in appended if span.parent is not None}
    assert parents == {span.context.span_id for span in executed}


def test_a_command_within_a_recorded_request_is_traced_whatever_the_ratio(
    database_url: str, spans: tuple[TracerProvider, InMemorySpanExporter]
) -> None:
    provider, exporter = spans
    with Relations.open(database_url) as engine:
        observe_with_tracing(engine, tracer_provider=provider, ratio=0)
        engine.execute(register())
        assert exporter.get_finished_spans() == ()
        with provider.get_tracer("host").start_as_current_span("POST /customers") as request:
            engine.execute(purchase())
        execute, append = named(exporter, "execute RecordPurchase") + named(exporter, "INSERT relations_log")
    assert execute.parent is not None
    assert execute.parent.span_id == request.get_span_context().span_id
    assert append.parent is not None
    assert append.parent.span_id == execute.context.span_id


def test_a_command_that_was_left_out_and_fails_has_a_span_with_its_real_time(
    sqlite_url: str, spans: tuple[TracerProvider, InMemorySpanExporter]
) -> None:
    provider, exporter = spans
    with Relations.open(sqlite_url) as engine:
        observe_with_tracing(engine, tracer_provider=provider, ratio=0)
        engine.execute(register())
        before = time.time_ns()
        with pytest.raises(RelationsError) as refused:
            engine.execute(refused_refund())
        after = time.time_ns()
    (span,) = exporter.get_finished_spans()
    assert (span.name, span.parent) == ("execute RefundPurchase", None)
    assert span.attributes is not None
    assert span.attributes["error.type"] == refused.value.code
    assert not span.status.is_ok
    assert span.start_time is not None
    assert span.end_time is not None
    assert before <= span.start_time <= span.end_time <= after


def test_nothing_within_a_command_that_was_left_out_begins_a_trace(
    sqlite_url: str, spans: tuple[TracerProvider, InMemorySpanExporter]
) -> None:
    provider, exporter = spans
    host = provider.get_tracer("host")
    with Relations.open(sqlite_url) as engine:
        observe_with_tracing(engine, tracer_provider=provider, ratio=0)
        engine.execute(register(), also=lambda *_: host.start_span("INSERT guests").end())
        assert exporter.get_finished_spans() == ()
        host.start_span("afterwards").end()
    assert [span.name for span in exporter.get_finished_spans()] == ["afterwards"]


@pytest.mark.parametrize("ratio", [-0.01, 1.01, float("nan"), True, "0.1", None])
def test_a_ratio_that_is_no_share_is_refused(sqlite_url: str, ratio: Any) -> None:
    with Relations.open(sqlite_url) as engine, pytest.raises(InvalidInput, match="is not a share") as refused:
        observe_with_tracing(engine, ratio=ratio)
    assert (refused.value.code, refused.value.field) == ("out_of_range", "ratio")


def test_spans_of_the_store_can_be_left_out(
    database_url: str, spans: tuple[TracerProvider, InMemorySpanExporter]
) -> None:
    provider, exporter = spans
    with Relations.open(database_url) as engine:
        observe_with_tracing(engine, tracer_provider=provider, store=False)
        engine.execute(register())
        engine.catch_up()
        assert list(engine.events())
    kinds = {span.name.split()[0] for span in exporter.get_finished_spans()}
    assert kinds == {"execute", "fold"}


def test_workers_behind_one_address_are_told_apart(sqlite_url: str) -> None:
    registry = CollectorRegistry()
    with Relations.open(sqlite_url) as engine:
        registry.register(Metrics(engine, labels={"worker": "7"}))
        engine.execute(register())
        found = scraped(registry)
    assert found["relations_commands_total"] == {("", "RegisterCustomer", "accepted", "7"): 1.0}
    assert found["relations_execute_seconds_count"] == {("7",): 1.0}
    assert found["relations_conflicts_total"] == {("7",): 0.0}
    assert found["relations_log_position"].keys() == {()}, "what is read from the database is the same in each"


def test_folds_and_reads_have_spans_too(database_url: str, spans: tuple[TracerProvider, InMemorySpanExporter]) -> None:
    provider, exporter = spans
    with Relations.open(database_url) as engine:
        engine.execute(register())
        observe_with_tracing(engine, tracer_provider=provider)
        engine.catch_up()
        engine.execute(purchase())
        engine.catch_up()
        folds = [span for span in exporter.get_finished_spans() if span.name.startswith("fold ")]
        assert all("satisfaction" in span.name for span in folds)
        assert sum(span.attributes["relations.events"] for span in folds if span.attributes) == engine.status().position  # type: ignore[misc]
        assert len(list(engine.events())) == engine.status().position
        assert named(exporter, "SELECT relations_log")
        engine.rebuild(["satisfaction"])
        assert named(exporter, "rebuild satisfaction")


def test_a_refused_command_has_its_code_and_no_words(
    sqlite_url: str, spans: tuple[TracerProvider, InMemorySpanExporter]
) -> None:
    provider, exporter = spans
    with Relations.open(sqlite_url) as engine:
        observe_with_tracing(engine, tracer_provider=provider)
        engine.execute(register())
        with pytest.raises(RelationsError) as refused:
            engine.execute(refused_refund())
    (span,) = named(exporter, "execute RefundPurchase")
    assert span.attributes is not None
    assert span.attributes["error.type"] == refused.value.code
    assert not span.status.is_ok
    assert not span.events


def scraped(registry: CollectorRegistry) -> dict[str, dict[tuple[str, ...], float]]:
    """Every sample by name and labels (in order of their names), parsed from both formats, which must agree."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    openmetrics: Any = generate_openmetrics(registry)  # type: ignore[no-untyped-call] # the library's
    families = parse_openmetrics(openmetrics.decode())  # type: ignore[no-untyped-call] # likewise
    names = {sample.name for family in families for sample in family.samples}
    assert found.keys() == names
    return found


def test_commands_are_counted_by_outcome_and_code(database_url: str) -> None:
    with Relations.open(database_url) as engine:
        registry = CollectorRegistry()
        registry.register(Metrics(engine))
        engine.execute(register(command_id="r"))
        engine.execute(register(command_id="r"))
        with pytest.raises(RelationsError) as refused:
            engine.execute(refused_refund())
        engine.execute_many([purchase(1), purchase(1), purchase(2), refused_refund()])
        found = scraped(registry)
        commands = found["relations_commands_total"]
        assert commands["", "RegisterCustomer", "accepted"] == 1
        assert commands["", "RegisterCustomer", "repeated"] == 1
        assert commands[refused.value.code, "RefundPurchase", "refused"] == 1
        assert commands["", "batch", "accepted"] == 2
        assert commands["", "batch", "repeated"] == 1
        assert commands[refused.value.code, "batch", "refused"] == 1
        assert found["relations_execute_seconds_count"][()] == 3
        assert 0 < found["relations_execute_seconds_sum"][()] < 60
        assert found["relations_log_position"][()] == engine.status().position


def test_lags_shrink_when_the_work_is_done(database_url: str) -> None:
    with Relations.open(database_url) as engine, receiving(lambda _: 422) as receiver:
        registry = CollectorRegistry()
        registry.register(Metrics(engine))
        engine.execute(register())
        head = engine.status().position
        with engine.consume("mails", wait=False) as consumer:
            next(consumer)
            found = scraped(registry)
            assert found["relations_consumer_running"]["mails",] == 1
        assert found["relations_projection_lag_events"]["satisfaction",] == head
        assert found["relations_projection_lag_seconds"]["satisfaction",] > 0
        assert found["relations_consumer_lag_events"]["mails",] == head
        assert found["relations_consumer_lag_seconds"]["mails",] > 0
        assert found["relations_oldest_undelivered_timestamp_seconds"]["mails",] > 1_700_000_000
        engine.catch_up()
        with engine.consume("mails", wait=False) as consumer:
            assert len(list(consumer)) == head
        with Relay(engine, WebhookTarget(receiver.url)) as relay:
            relay.run(once=True)
        engine.note_verified(engine.verify())
        found = scraped(registry)
        assert found["relations_projection_lag_events"]["satisfaction",] == 0
        assert found["relations_projection_lag_seconds"]["satisfaction",] == 0
        assert found["relations_consumer_lag_events"]["mails",] == 0
        assert found["relations_dead_letters"]["relay",] == head
        assert found["relations_verified_position"][()] == head
        assert engine.verify().good


def test_the_progress_of_a_rebuild_is_seen_while_it_runs(database_url: str) -> None:
    with Relations.open(database_url) as engine:
        registry = CollectorRegistry()
        registry.register(Metrics(engine))
        engine.execute_many(purchase(number) for number in range(1, 30))
        seen: list[dict[str, dict[tuple[str, ...], float]]] = []
        engine.rebuild(["satisfaction"], on_progress=lambda *_: seen.append(scraped(registry)))
        assert seen[-1]["relations_rebuild_running"]["satisfaction",] == 1
        assert seen[-1]["relations_rebuild_events_done"]["satisfaction",] > 0
        assert scraped(registry).get("relations_rebuild_running", {}) == {}


def test_conflicts_are_counted(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Relations.open(sqlite_url) as engine:
        registry = CollectorRegistry()
        registry.register(Metrics(engine))
        failures = [ConcurrencyConflict("another writer was first")]
        begun = engine._executor._decider.begun

        def conflicting(unit: Any) -> Any:
            if failures:
                raise failures.pop()
            return begun(unit)

        monkeypatch.setattr(engine._executor._decider, "begun", conflicting)
        engine.execute(register())
        assert scraped(registry)["relations_conflicts_total"][()] == 1


def fetch(url: str, accept: str = "") -> tuple[int, str, str]:
    request = urllib.request.Request(url, headers={"accept": accept} if accept else {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers["content-type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["content-type"], error.read().decode()


def test_metrics_and_health_are_served(database_url: str) -> None:
    with Relations.open(database_url) as engine:
        engine.execute(register())
        with serving(engine, "127.0.0.1:0", health=True, max_lag=0) as url:
            status, content_type, body = fetch(f"{url}/metrics", "application/openmetrics-text; version=1.0.0")
            assert (status, body.splitlines()[-1]) == (200, "# EOF")
            assert content_type.startswith("application/openmetrics-text")
            assert re.search(r"^relations_log_position \d", fetch(f"{url}/metrics")[2], re.MULTILINE)
            assert fetch(f"{url}/live")[0] == 200
            assert fetch(f"{url}/ready")[0] == 503
            engine.catch_up()
            assert json.loads(fetch(f"{url}/ready")[2]) == {"ready": True, "lag_seconds": 0.0, "failed": []}
            assert fetch(f"{url}/other")[0] == 404
        with serving(engine, "127.0.0.1:0") as url:
            assert fetch(f"{url}/ready")[0] == 404


def test_a_stopped_view_makes_the_process_not_ready(sqlite_url: str) -> None:
    with Relations.open(sqlite_url) as engine:
        engine.execute(register())
        engine.catch_up()
        with engine.log.database.transaction() as connection:
            connection.execute(
                text("UPDATE relations_views SET failed_at = 1, failure = 'poison' WHERE name = :name"),
                {"name": satisfaction.PROJECTION.name},
            )
        with serving(engine, "127.0.0.1:0", health=True) as url:
            status, _, body = fetch(f"{url}/ready")
        assert (status, json.loads(body)["failed"]) == (503, ["satisfaction"])


@pytest.mark.parametrize("address", ["9100", "host:port", ":99999", ""])
def test_an_address_that_is_none_is_refused(sqlite_url: str, address: str) -> None:
    with Relations.open(sqlite_url) as engine, pytest.raises(InvalidInput, match="is not an address"):
        serving(engine, address).__enter__()


def test_a_port_in_use_is_refused_with_a_sentence(sqlite_url: str) -> None:
    with Relations.open(sqlite_url) as engine, serving(engine, "127.0.0.1:0") as url:
        again = serving(engine, url.removeprefix("http://"))
        with pytest.raises(InvalidInput, match="cannot listen on"):
            again.__enter__()


def test_an_engine_that_nobody_observes_calls_no_observer(sqlite_url: str) -> None:
    calls: list[str] = []

    class Recording(Observer):
        def begin(self, work: str, name: str) -> None:
            calls.append(f"{work} {name}")

    with Relations.open(sqlite_url) as engine:
        engine.execute(register())
        assert calls == []
        engine.observe(Recording())
        engine.execute(purchase())
        with suppress(CommandRefused):
            engine.execute(refused_refund())
    assert calls[:2] == ["execute RecordPurchase", "append relations_log"]
