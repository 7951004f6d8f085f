"""Measurement of observing: `execute` with spans and metrics on, against the same engine with nothing on, in turns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count, islice

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

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


class _Discarding(SpanExporter):
    """An exporter that sends nothing: what a network costs is not the engine's."""

    def export(self, spans: object) -> SpanExportResult:
        return SpanExportResult.SUCCESS


def measure(workspace: Workspace) -> list[Line]:
    """Return the lines of this measurement."""
    scale = workspace.scale
    workspace.say("one command a transaction, with spans and metrics and without")
    with ExitStack() as stack:
        provider = TracerProvider()
        provider.add_span_processor(BatchSpanProcessor(_Discarding()))
        stack.callback(provider.shutdown)
        engines: dict[str, Relations] = {
            kind: stack.enter_context(open_log(workspace.path(kind), clock=clock, durability="full"))
            for kind in ("plain", "metrics", "spans", "both")
        }
        for kind in ("metrics", "both"):
            Metrics(engines[kind])
        for kind in ("spans", "both"):
            observe_with_tracing(engines[kind], tracer_provider=provider)
        works = {kind: _executing(engine, scale.block) for kind, engine in engines.items()}
        for work in works.values():
            work()  # every customer is known, and every state is in memory
        times = alternate(works, scale.blocks)
    return [
        compared(NAME, f"execute with {what}", "the same with nothing on", times[kind], times["plain"],
                 counts=(scale.block, scale.block), unit="commands/s", budget=_AT_LEAST if kind == "both" else None,
                 note="full durability, the exporter discards; the processor column shows the cost without the disk")
        for kind, what in (("metrics", "metrics"), ("spans", "spans"), ("both", "metrics and spans"))
    ]  # fmt: skip


def _executing(engine: Relations, number: int) -> Work:
    commands: Iterator[RecordPurchase] = (
        RecordPurchase(**facts(each % _CUSTOMERS, each // _CUSTOMERS, "shop")) for each in count()
    )

    def work() -> None:
        for command in islice(commands, number):
            engine.execute(command)

    return work
