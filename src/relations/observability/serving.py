"""A small HTTP server for metrics and health, for `relations run`."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from relations.engine import Relations
from relations.errors import InvalidInput, RelationsError
from relations.extras import needed
from relations.observability.metrics import Metrics, lag_seconds

__all__ = ["serving"]

_PORT_MAX = 65_535


def _address_of(given: str) -> tuple[str, int]:
    host, colon, port = given.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > _PORT_MAX:
        raise InvalidInput(
            f"{given!r} is not an address",
            code="invalid_address",
            field="--metrics",
            hint="Write 127.0.0.1:9100 or :9100",
        )
    return host.strip("[]"), int(port)


@contextmanager
def serving(engine: Relations, address: str, *, health: bool = False, max_lag: float = 60.0) -> Iterator[str]:
    """Serve metrics while the body runs, and yield the URL.

    Args:
        engine: The engine.
        address: `HOST:PORT`; without a host on all addresses, with port 0 on a free one.
        health: Serve /live and /ready, too.
        max_lag: Answer 503 under /ready if a view is this many seconds behind.

    Raises:
        InvalidInput: The address is wrong or in use.
        MissingExtra: The extra `metrics` is not installed.
    """
    exposition = needed("prometheus_client.exposition", extra="metrics", purpose="Metrics")
    prometheus = needed("prometheus_client", extra="metrics", purpose="Metrics")
    registry = prometheus.CollectorRegistry()
    registry.register(Metrics(engine))

    def metrics(accepted: str) -> tuple[int, str, bytes]:
        encode, content_type = exposition.choose_encoder(accepted)
        return 200, content_type, encode(registry)

    def ready(_accepted: str) -> tuple[int, str, bytes]:
        lags = lag_seconds(engine)
        failed = [each.name for each in engine.status().projections if each.failure is not None]
        late = [name for name, lag in lags.items() if lag > max_lag]
        document = {"ready": not (failed or late), "lag_seconds": max(lags.values(), default=0), "failed": failed}
        return (200 if document["ready"] else 503), "application/json", json.dumps(document).encode()

    def live(_accepted: str) -> tuple[int, str, bytes]:
        return 200, "application/json", b'{"live": true}'

    pages = {"/metrics": metrics, **({"/live": live, "/ready": ready} if health else {})}

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path.partition("?")[0])
            try:
                answer = (404, "text/plain", b"not found\n") if page is None else page(self.headers.get("accept", ""))
            except RelationsError as error:
                answer = (503, "application/json", json.dumps(error.as_dict()).encode())
            status, content_type, body = answer
            self.send_response(status)
            self.send_header("content-type", content_type)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Write no line for each request."""

    host, port = _address_of(address)
    try:
        server = ThreadingHTTPServer((host, port), Page)
    except OSError as error:
        raise InvalidInput(
            f"cannot listen on {address}: {error.strerror or error}",
            code="address_in_use",
            field="--metrics",
            hint="Use another port",
        ) from None
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="metrics")
        thread.start()
        try:
            yield f"http://{host or '127.0.0.1'}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
