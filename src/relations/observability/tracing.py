"""Spans of OpenTelemetry for commands, folds and the store.

The spans of the store follow the stable conventions for databases. Their name is the operation and the table, and they
have `db.system.name`, `db.namespace`, `db.collection.name`, `db.operation.name` and the address of the server. Only the
API of OpenTelemetry is needed: the host chooses the SDK, the sampler and the exporter.
"""

from __future__ import annotations

from random import Random
from time import time_ns
from typing import Any, TypeAlias

from relations.engine import Relations
from relations.errors import InvalidInput, RelationsError
from relations.extras import needed
from relations.log.database import Database
from relations.telemetry import WORKS, Observer
from relations.version import VERSION

__all__ = ["Tracing", "observe_with_tracing"]

_STORE = {"append": "INSERT", "read": "SELECT"}
_FOLDS = ("fold", "rebuild")


def observe_with_tracing(
    engine: Relations, *, tracer_provider: Any = None, store: bool = True, ratio: float = 1.0
) -> None:
    """Let an engine make spans.

    Args:
        engine: The engine.
        tracer_provider: The provider; the global one by default.
        store: Make spans of the store as well, which doubles the cost of tracing a command. Leave them out where
            SQLAlchemy or the driver makes its own.
        ratio: The share of the work outside of any span that is offered to the sampler, from 0 to 1; see `Tracing`.

    Raises:
        InvalidInput: The ratio is not a number from 0 to 1.
        MissingExtra: The extra `otel` is not installed.
    """
    engine.observe(Tracing(engine.log.database, tracer_provider=tracer_provider, store=store, ratio=ratio))


_Begun: TypeAlias = tuple[Any, Any, str, str, int]
"""A piece of work: its span, or None if the ratio has left it out, its token of the context, and when it began."""


class Tracing(Observer):
    """An observer that makes spans.

    A sampler of the SDK is asked after most of a span's cost has arisen. So the ratio is applied before the SDK is
    called, and only to work outside of any span. A command within a recorded request is always part of its trace. Work
    that was left out and fails has a span after all, with the time at which it began, but none of its parts has.

    Args:
        database: The log's database, for the attributes of its spans.
        tracer_provider: The provider; the global one by default.
        store: Make spans of the store as well.
        ratio: The share of the work outside of any span that is offered to the sampler, from 0 to 1.

    Raises:
        InvalidInput: The ratio is not a number from 0 to 1.
        MissingExtra: The extra `otel` is not installed.
    """

    def __init__(
        self, database: Database, *, tracer_provider: Any = None, store: bool = True, ratio: float = 1.0
    ) -> None:
        if isinstance(ratio, bool) or not isinstance(ratio, int | float) or not 0 <= ratio <= 1:
            raise InvalidInput(
                f"{ratio!r} is not a share of the commands",
                code="out_of_range",
                field="ratio",
                hint="Give a number from 0 to 1, such as 0.01",
            )
        self.works = WORKS if store else WORKS - _STORE.keys()
        trace = needed("opentelemetry.trace", extra="otel", purpose="Tracing")
        context = needed("opentelemetry.context", extra="otel", purpose="Tracing")
        self._attach, self._detach, self._around = context.attach, context.detach, context.get_current
        self._in_context, self._span_of = trace.set_span_in_context, trace.get_current_span
        self._tracer: Any = trace.get_tracer("relations", VERSION, tracer_provider)
        self._client, self._error = trace.SpanKind.CLIENT, trace.StatusCode.ERROR
        self._outside = trace.INVALID_SPAN
        self._ratio = ratio
        random = Random()  # of its own, so that a host's seeded numbers stay the same  # noqa: S311
        self._draw = random.random
        # It stands around work that is left out, so that no part of it, nor SQLAlchemy's own spans, begins a trace.
        self._left_out = trace.NonRecordingSpan(
            trace.SpanContext(random.getrandbits(128) | 1, random.getrandbits(64) | 1, is_remote=False)
        )
        # Made once: where nothing else is in the context, which is usual, it stands for it as a whole.
        self._left_out_alone = self._in_context(self._left_out, context.Context())
        of_store = _attributes(database)
        self._of_store = {operation: {**of_store, "db.operation.name": operation} for operation in _STORE.values()}

    def begin(self, work: str, name: str) -> _Begun | None:
        """Start a span within the current one, unless it is left out."""
        current = self._around()
        if current is self._left_out_alone:
            return None
        around = self._span_of(current) if current else self._outside
        if around is self._left_out:
            return None
        if around is self._outside:
            if self._ratio < 1 and self._draw() >= self._ratio:
                if work in _STORE:
                    return None, None, work, name, time_ns()
                left_out = self._in_context(self._left_out, current) if current else self._left_out_alone
                return None, self._attach(left_out), work, name, time_ns()
        elif not around.is_recording():
            # This process has left out the work around, so its parts need no spans. A span that has ended is not
            # recording either, but has the flag. What another process has left out is for the sampler to decide.
            context = around.get_span_context()
            if context.is_valid and not context.is_remote and not context.trace_flags.sampled:
                return None
        span = self._started(work, name)
        # Nothing is within a span of the store, so it is never the current one.
        return span, None if work in _STORE else self._attach(self._in_context(span)), work, name, 0

    def _started(self, work: str, name: str, since: int | None = None) -> Any:
        operation = _STORE.get(work)
        if operation is None:
            attributes = {"relations.projection" if work in _FOLDS else "relations.command": name}
            return self._tracer.start_span(f"{work} {name}", attributes=attributes, start_time=since)
        attributes = {**self._of_store[operation], "db.collection.name": name}
        return self._tracer.start_span(
            f"{operation} {name}", kind=self._client, attributes=attributes, start_time=since
        )

    def end(self, begun: _Begun | None, error: BaseException | None, facts: dict[str, Any]) -> None:
        """Add what is known now, and end the span."""
        if begun is None:
            return
        span, token, work, name, since = begun
        if token is not None:
            self._detach(token)
        if span is None:
            if error is None:
                return
            span = self._started(work, name, since)
        if span.is_recording():
            if (receipt := facts.get("receipt")) is not None:
                span.set_attributes(
                    {
                        "relations.command_id": receipt.command_id,
                        "relations.stream": facts["stream"],
                        "relations.events": len(receipt.events),
                        "relations.repeated": receipt.repeated,
                    }
                )
            elif (events := facts.get("events")) is not None:
                if work not in _STORE:
                    span.set_attribute("relations.events", events)
                elif events > 1:  # the conventions: a batch has at least two operations
                    span.set_attribute("db.operation.batch.size", events)
            if error is not None:
                kind = type(error).__name__
                span.set_attribute("error.type", error.code if isinstance(error, RelationsError) else kind)
                # A refusal is the domain's answer, and its words may name a customer: only its code is kept.
                span.set_status(self._error, kind)
        span.end()


def _attributes(database: Database) -> dict[str, Any]:
    """Return the attributes of every span of the store."""
    url = database.url
    if database.is_sqlite:
        return {"db.system.name": "sqlite", "db.namespace": url.database or ":memory:"}
    found: dict[str, Any] = {"db.system.name": "postgresql", "db.namespace": url.database or ""}
    if url.host is not None:
        found["server.address"] = url.host
        if url.port is not None and url.port != 5432:
            found["server.port"] = url.port
    return found
