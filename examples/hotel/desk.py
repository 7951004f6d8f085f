"""The hotel's other system: it receives the relay's webhooks and checks their signatures."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from examples.hotel.running import HOST
from relations.relay import signed_headers
from relations.relay.signing import read_secret

__all__ = ["Receiver", "receiver"]


class Receiver:
    """A receiver of webhooks.

    Attributes:
        url: Its address.
        received: The ids and types of the last events that arrived, in order.
        forged: How many requests had no good signature.
    """

    def __init__(self, secret: str) -> None:
        self.received: deque[tuple[str, str]] = deque(maxlen=10_000)
        self.forged = 0
        self._secret = read_secret(secret)
        own = self

        class Webhook(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                is_good = own.accept({name.lower(): value for name, value in self.headers.items()}, body)
                self.send_response(204 if is_good else 400)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_args: object) -> None:
                pass

        self.server = ThreadingHTTPServer((HOST, 0), Webhook)
        self.url = f"http://{HOST}:{self.server.server_address[1]}/events"

    def accept(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Note an event whose signature is good, and return whether it is."""
        stamp = int(headers.get("webhook-timestamp", "0"))
        expected = signed_headers(headers.get("webhook-id", ""), stamp, body, [self._secret])
        if headers.get("webhook-signature") != expected["webhook-signature"]:
            self.forged += 1
            return False
        event = json.loads(body)
        self.received.append((event["id"], event["type"]))
        return True


@contextmanager
def receiver(secret: str) -> Iterator[Receiver]:
    """Run a receiver in a thread."""
    found = Receiver(secret)
    thread = Thread(target=found.server.serve_forever, args=(0.02,), daemon=True)  # the seconds that its end may take
    thread.start()
    try:
        yield found
    finally:
        found.server.shutdown()
        found.server.server_close()
        thread.join()
