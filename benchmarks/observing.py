"""Measurement of observing: `execute` with spans and metrics on, against the same with nothing on, in turns.

All contenders are one engine with one log; what observes it is exchanged between the turns. Most of the cost of a span
is its SDK's. So bare spans around the same command are measured as well, without any observer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count, islice
from typing import Any

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from benchmarks.harness import Line, Timing, Work, Workspace, alternate, compared
from benchmarks.histories import open_log
from benchmarks.postgres import running_postgres
from benchmarks.purchases import clock, facts
from relations.aggregates.customer import RecordPurchase
from relations.engine import Relations
from relations.observability import Metrics, observe_with_tracing
from relations.telemetry import Observers

NAME = "observing"
ABOUT = "the cost of spans and metrics"

_AT_LEAST = 0.95
_OF_BARE = 0.9
_CUSTOMERS = 50
_RATIO = 0.01
_TURNS = 2
"""A few per cent are to be seen, so there are this many times the usual turns."""

_KINDS = {
    "plain": "the same with nothing on",
    "again": "execute with nothing on, once more",
    "metrics": "execute with metrics",
    "ratio": "execute with metrics and spans of 1 % (ratio=)",
    "sampler": "execute with metrics and spans of 1 % (the SDK's sampler)",
    "every": "execute with metrics and spans of every command",
    "bare": "execute within two bare spans of the SDK",
}
_COMPARED = (
    ("again", "plain", None),
    ("metrics", "plain", _AT_LEAST),
    ("ratio", "plain", _AT_LEAST),
    ("sampler", "plain", None),
    ("every", "plain", None),
    ("bare", "plain", None),
    ("every", "bare", _OF_BARE),
)

Execute = Callable[[RecordPurchase], Any]


class _Discarding(SpanExporter):
    """An exporter that sends nothing: what a network costs is not the engine's."""

    def export(self, spans: object) -> SpanExportResult:
        return SpanExportResult.SUCCESS


def measure(workspace: Workspace) -> list[Line]:
    """Return the lines of this measurement."""
    scale = workspace.scale
    lines: list[Line] = []
    for database, opened in (("SQLite", _sqlite(workspace)), ("PostgreSQL", _postgres())):
        workspace.say(f"one command a transaction, with spans and metrics and without, {database}")
        with opened as engine, _provider() as every, _provider(ParentBased(TraceIdRatioBased(_RATIO))) as some:
            times = _times(engine, every, some, scale.block, _TURNS * scale.blocks)
        lines += [
            compared(NAME, f"{_KINDS[kind]}, {database}", _KINDS[other], times[kind], times[other],
                     counts=(scale.block, scale.block), unit="commands/s", budget=budget,
                     note="full durability, the exporter discards; the processor column has this process's time only")
            for kind, other, budget in _COMPARED
        ]  # fmt: skip
    return lines


def _sqlite(workspace: Workspace) -> Any:
    return open_log(workspace.path("observing"), clock=clock, durability="full")


@contextmanager
def _postgres() -> Iterator[Relations]:
    with running_postgres() as url, Relations.open(url.render_as_string(hide_password=False), clock=clock) as engine:
        yield engine


@contextmanager
def _provider(sampler: Any = None) -> Iterator[TracerProvider]:
    provider = TracerProvider(sampler=sampler)
    provider.add_span_processor(BatchSpanProcessor(_Discarding()))
    yield provider
    provider.shutdown()


def _times(
    engine: Relations, every: TracerProvider, some: TracerProvider, block: int, turns: int
) -> dict[str, list[Timing]]:
    def observed(observe: Callable[[], object]) -> Observers:
        engine.log.database.observers = Observers()
        observe()
        return engine.log.database.observers

    def with_metrics(provider: TracerProvider, ratio: float = 1.0) -> None:
        Metrics(engine)
        observe_with_tracing(engine, tracer_provider=provider, ratio=ratio)

    observers = {
        "metrics": observed(lambda: Metrics(engine)),
        "ratio": observed(lambda: with_metrics(every, _RATIO)),
        "sampler": observed(lambda: with_metrics(some)),
        "every": observed(lambda: with_metrics(every)),
    }
    nobody = Observers()
    commands: Iterator[RecordPurchase] = (
        RecordPurchase(**facts(each % _CUSTOMERS, each // _CUSTOMERS, "shop")) for each in count()
    )
    for command in islice(commands, 2 * _CUSTOMERS):
        engine.execute(command)  # every customer is known, and every state is in memory

    def work(kind: str) -> Work:
        execute = _within_spans(engine, every) if kind == "bare" else engine.execute

        def run() -> None:
            engine.log.database.observers = observers.get(kind, nobody)
            for command in islice(commands, block):
                execute(command)

        return run

    return alternate({kind: work(kind) for kind in _KINDS}, turns)


def _within_spans(engine: Relations, provider: TracerProvider) -> Execute:
    """Return `execute` within two spans of one attribute each."""
    tracer, attributes = provider.get_tracer("bare"), {"relations.command": "RecordPurchase"}

    def execute(command: RecordPurchase) -> None:
        started = [tracer.start_span("execute RecordPurchase", attributes=attributes) for _ in range(2)]
        engine.execute(command)
        for span in started:
            span.end()

    return execute
