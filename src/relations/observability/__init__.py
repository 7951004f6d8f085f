"""Spans of OpenTelemetry and metrics for Prometheus, for those who operate an engine.

::

    observe_with_tracing(engine)  # spans of the tracer provider that the host has set up
    registry.register(Metrics(engine))  # a collector for prometheus_client
"""

from relations.observability.metrics import Metrics
from relations.observability.tracing import Tracing, observe_with_tracing

__all__ = ["Metrics", "Tracing", "observe_with_tracing"]
