"""Measurement of observing: `execute` with spans and metrics on, against the same engine with nothing on, in turns.

Most of the cost of a span is its SDK's. So the SDK is measured alone as well: bare spans around the same command, of an
engine that nobody observes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count, islice
from typing import Any

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from benchmarks.harness import Line, Work, Workspace, alternate, compared
from benchmarks.histories import open_log
from benchmarks.purchases import clock, facts
from relations.aggregates.customer import RecordPurchase
from relations.engine import Relations
from relations.observability import Metrics, observe_with_tracing

NAME = "observing"
ABOUT = "the cost of spans and metrics"

_AT_LEAST = 0.95
_CUSTOMERS = 50
_SAMPLED = 0.01

_KINDS = {
    "plain": "the same with nothing on",
    "metrics": "execute with metrics",
    "spans": "execute with spans",
    "both": "execute with metrics and spans",
    "both sampled": "execute with metrics and spans of 1 %",
    "bare": "execute within two bare spans of the SDK",
    "bare sampled": "execute within a bare span of the SDK, 1 %",
}
_COMPARED = (
    ("metrics", "plain", None),
    ("spans", "plain", None),
    ("both", "plain", _AT_LEAST),
    ("both sampled", "plain", _AT_LEAST),
    ("bare", "plain", None),
    ("bare sampled", "plain", None),
    ("both", "bare", None),
    ("both sampled", "bare sampled", None),
)

Execute = Callable[[RecordPurchase], Any]


class _Discarding(SpanExporter):
    """An exporter that sends nothing: what a network costs is not the engine's."""

    def export(self, spans: object) -> SpanExportResult:
        return SpanExportResult.SUCCESS


def measure(workspace: Workspace) -> list[Line]:
    """Return the lines of this measurement."""
    scale = workspace.scale
    workspace.say("one command a transaction, with spans and metrics and without")
    with ExitStack() as stack:
        every, some = TracerProvider(), TracerProvider(sampler=ParentBased(TraceIdRatioBased(_SAMPLED)))
        for provider in (every, some):
            provider.add_span_processor(BatchSpanProcessor(_Discarding()))
            stack.callback(provider.shutdown)
        engines: dict[str, Relations] = {
            kind: stack.enter_context(open_log(workspace.path(kind.replace(" ", "-")), clock=clock, durability="full"))
            for kind in _KINDS
        }
        for kind in ("metrics", "both", "both sampled"):
            Metrics(engines[kind])
        for kind, provider in (("spans", every), ("both", every), ("both sampled", some)):
            observe_with_tracing(engines[kind], tracer_provider=provider)
        bare = {
            "bare": _within_spans(engines["bare"], every, 2),
            "bare sampled": _within_spans(engines["bare sampled"], some, 1),
        }
        works = {kind: _executing(bare.get(kind, engine.execute), scale.block) for kind, engine in engines.items()}
        for work in works.values():
            work()  # every customer is known, and every state is in memory
        times = alternate(works, scale.blocks)
    return [
        compared(NAME, _KINDS[kind], _KINDS[other], times[kind], times[other], counts=(scale.block, scale.block),
                 unit="commands/s", budget=budget,
                 note="full durability, the exporter discards; the processor column shows the cost without the disk")
        for kind, other, budget in _COMPARED
    ]  # fmt: skip


def _within_spans(engine: Relations, provider: TracerProvider, spans: int) -> Execute:
    """Return `execute` within as many spans of one attribute each."""
    tracer, attributes = provider.get_tracer("bare"), {"relations.command": "RecordPurchase"}

    def execute(command: RecordPurchase) -> None:
        started = [tracer.start_span("execute RecordPurchase", attributes=attributes) for _ in range(spans)]
        engine.execute(command)
        for span in started:
            span.end()

    return execute


def _executing(execute: Execute, number: int) -> Work:
    commands: Iterator[RecordPurchase] = (
        RecordPurchase(**facts(each % _CUSTOMERS, each // _CUSTOMERS, "shop")) for each in count()
    )

    def work() -> None:
        for command in islice(commands, number):
            execute(command)

    return work
