"""The cost of observing: `execute` with spans and metrics on, against the same with nothing on, in turns of one run.

python -m benchmarks.observing [rounds]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from time import perf_counter

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from relations import Money, RecordPurchase, Relations
from relations.messages import from_micros
from relations.observability import Metrics, observe_with_tracing

_COMMANDS = 200
_START = 1_700_000_000_000_000


class _Discarding(SpanExporter):
    """An exporter that sends nothing: what a network costs is not the engine's."""

    def export(self, spans: object) -> SpanExportResult:
        return SpanExportResult.SUCCESS


def _commands() -> Iterator[RecordPurchase]:
    for number in count():
        yield RecordPurchase(
            customer=f"c{number % 50}",
            purchase=f"p{number}",
            amount=Money.of("10.00", "EUR"),
            occurred_at=from_micros(_START + number * 1_000_000),
        )


def _seconds(engine: Relations, commands: Iterator[RecordPurchase]) -> float:
    batch = [next(commands) for _ in range(_COMMANDS)]
    since = perf_counter()
    for command in batch:
        engine.execute(command)
    return perf_counter() - since


def measure(rounds: int = 40) -> dict[str, float]:
    """Return the median cost of observing, as a part of the time of `execute`, by kind."""
    found: dict[str, list[float]] = {"metrics": [], "spans": [], "both": [], "nothing": []}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=".")))
        provider = TracerProvider()
        provider.add_span_processor(BatchSpanProcessor(_Discarding()))
        stack.callback(provider.shutdown)
        engines = {
            kind: stack.enter_context(Relations.open(f"sqlite:///{folder / kind}.db")) for kind in ("plain", *found)
        }
        for kind in ("metrics", "both"):
            Metrics(engines[kind])
        for kind in ("spans", "both"):
            observe_with_tracing(engines[kind], tracer_provider=provider)
        commands = {kind: _commands() for kind in engines}
        for kind, engine in engines.items():
            _seconds(engine, commands[kind])
        times: dict[str, list[float]] = {kind: [] for kind in engines}
        for _ in range(rounds):
            for kind, engine in engines.items():
                times[kind].append(_seconds(engine, commands[kind]))
        plain = statistics.median(times["plain"])
        costs = {kind: statistics.median(times[kind]) / plain - 1 for kind in found}
    print(f"execute, SQLite file, full durability: {plain / _COMMANDS * 1e6:,.0f} µs")
    for kind, cost in costs.items():
        print(f"{kind:>8}: {cost:+.1%}")
    return costs


if __name__ == "__main__":
    measure(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
