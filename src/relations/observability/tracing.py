"""Spans of OpenTelemetry for commands, folds and the store.

The spans of the store follow the stable conventions for databases. Their name is the operation and the table, and they
have `db.system.name`, `db.namespace`, `db.collection.name`, `db.operation.name` and the address of the server. Only the
API of OpenTelemetry is needed: the host chooses the SDK, the sampler and the exporter.
"""

from __future__ import annotations

from typing import Any

from relations.engine import Relations
from relations.errors import RelationsError
from relations.extras import needed
from relations.log.database import Database
from relations.telemetry import WORKS, Observer
from relations.version import VERSION

__all__ = ["Tracing", "observe_with_tracing"]

_STORE = {"append": "INSERT", "read": "SELECT"}


def observe_with_tracing(engine: Relations, *, tracer_provider: Any = None, store: bool = True) -> None:
    """Let an engine make spans.

    Args:
        engine: The engine.
        tracer_provider: The provider; the global one by default.
        store: Make spans of the store as well, which doubles the cost of tracing a command. Leave them out where
            SQLAlchemy or the driver makes its own.

    Raises:
        MissingExtra: The extra `otel` is not installed.
    """
    engine.observe(Tracing(engine.log.database, tracer_provider=tracer_provider, store=store))


class Tracing(Observer):
    """An observer that makes spans.

    Args:
        database: The log's database, for the attributes of its spans.
        tracer_provider: The provider; the global one by default.
        store: Make spans of the store as well.

    Raises:
        MissingExtra: The extra `otel` is not installed.
    """

    def __init__(self, database: Database, *, tracer_provider: Any = None, store: bool = True) -> None:
        self.works = WORKS if store else WORKS - _STORE.keys()
        trace = needed("opentelemetry.trace", extra="otel", purpose="Tracing")
        context = needed("opentelemetry.context", extra="otel", purpose="Tracing")
        self._attach, self._detach = context.attach, context.detach
        self._in_context, self._current = trace.set_span_in_context, trace.get_current_span
        self._tracer: Any = trace.get_tracer("relations", VERSION, tracer_provider)
        self._kinds, self._status = trace.SpanKind, trace.StatusCode
        of_store = _attributes(database)
        self._of_store = {operation: {**of_store, "db.operation.name": operation} for operation in _STORE.values()}

    def begin(self, work: str, name: str) -> Any:
        """Start a span within the current one."""
        if self._is_sampled_out():
            return None
        operation = _STORE.get(work)
        if operation is None:
            attributes = {f"relations.{'projection' if work in _FOLDS else 'command'}": name}
            span = self._tracer.start_span(f"{work} {name}", attributes=attributes)
            return span, self._attach(self._in_context(span))
        # Nothing is within a span of the store, so it is never the current one.
        attributes = {**self._of_store[operation], "db.collection.name": name}
        return self._tracer.start_span(f"{operation} {name}", kind=self._kinds.CLIENT, attributes=attributes), None

    def _is_sampled_out(self) -> bool:
        """Return whether this process has left out the work around; then its parts need no spans of their own.

        What another process has left out is for the sampler to decide.
        """
        around = self._current()
        if around.is_recording():
            return False
        context = around.get_span_context()
        # A span that has ended is not recording either, but has the flag.
        return context.is_valid and not context.is_remote and not context.trace_flags.sampled

    def end(self, begun: Any, error: BaseException | None, facts: dict[str, Any]) -> None:
        """Add what is known now, and end the span."""
        if begun is None:
            return
        span, token = begun
        if token is not None:
            self._detach(token)
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
                if token is not None:
                    span.set_attribute("relations.events", events)
                elif events > 1:  # the conventions: a batch has at least two operations
                    span.set_attribute("db.operation.batch.size", events)
            if error is not None:
                kind = type(error).__name__
                span.set_attribute("error.type", error.code if isinstance(error, RelationsError) else kind)
                # A refusal is the domain's answer, and its words may name a customer: only its code is kept.
                span.set_status(self._status.ERROR, kind)
        span.end()


_FOLDS = ("fold", "rebuild")


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
