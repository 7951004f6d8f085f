"""A receiver of webhooks on this machine, which answers as a test wants and keeps what it got."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Run a server of HTTP on a port of its own while the body runs, and give its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        # A shutdown waits for the next look whether one was asked for. The default is twice a second.
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@dataclass(frozen=True)
class Request:
    headers: dict[str, str]
    body: bytes


Answer = Callable[[Request], int | tuple[int, dict[str, str]]]


@dataclass
class Receiver:
    url: str
    answer: Answer = lambda _request: 204
    requests: list[Request] = field(default_factory=list)
    accepted: list[Request] = field(default_factory=list)


@contextmanager
def receiving(answer: Answer | None = None) -> Iterator[Receiver]:
    """Run a receiver while the body runs."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            request = Request({name.lower(): value for name, value in self.headers.items()}, body)
            with lock:
                receiver.requests.append(request)
                answered = receiver.answer(request)
                status, headers = answered if isinstance(answered, tuple) else (answered, {})
                if 200 <= status < 300:
                    receiver.accepted.append(request)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with served(Handler) as address:
        receiver = Receiver(f"{address}/events")
        if answer is not None:
            receiver.answer = answer
        yield receiver
