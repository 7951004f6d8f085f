"""Run the example: a PostgreSQL, two workers of the service, and a relay to a webhook, until Ctrl-C.

python -m examples.hotel [--port 8000] [--data FOLDER]
"""

from __future__ import annotations

import argparse
import signal
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from examples.hotel.desk import receiver
from examples.hotel.relaying import relayed
from examples.hotel.running import HOST, postgres, service
from relations.relay import new_secret

_HELP = """
The front desk is open. In another terminal:

  curl -X POST http://{host}:{port}/bookings -H 'Content-Type: application/json' -H 'Idempotency-Key: first' \\
    -d '{{"booking": "b-1", "customer": "ada", "room": "101",
         "amount": {{"amount": 12900, "currency": "EUR"}}, "booked_at": "2026-03-02T12:00:00Z"}}'
  curl http://{host}:{port}/guests/ada
  curl http://{host}:{port}/crm/health/ready
  curl http://{host}:{port}/crm/customers/ada/history -H 'X-Api-Key: example'
  curl -N http://{host}:{port}/arrivals
  curl http://{host}:{port}/metrics

Ctrl-C ends it.
"""


def main() -> None:
    """Run everything until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(description="A FastAPI service of a hotel that embeds relations.")
    parser.add_argument("--port", type=int, default=8000, help="the port of the service on 127.0.0.1")
    parser.add_argument("--data", type=Path, default=None, help="a folder for PostgreSQL; a temporary one by default")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    secret = new_secret()
    with ExitStack() as stack, suppress(KeyboardInterrupt):
        data = given.data
        if data is None:
            home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hotel-", ignore_cleanup_errors=True)))
            home.chmod(0o755)  # run as root, PostgreSQL has another user
            data = home / "data"
        server = stack.enter_context(postgres(data))
        stack.enter_context(service("examples.hotel.app:app", server.url, port=given.port))
        desk = stack.enter_context(receiver(secret))
        stack.enter_context(relayed(server.url, desk.url, secret))
        print(_HELP.format(host=HOST, port=given.port), flush=True)
        seen = 0
        while True:
            time.sleep(0.5)
            for event_id, kind in list(desk.received)[seen:]:
                print(f"the other system received {kind} ({event_id})", flush=True)
            seen = len(desk.received)


if __name__ == "__main__":
    main()
