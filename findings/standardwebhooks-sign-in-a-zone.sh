#!/usr/bin/env bash
# The library of Standard Webhooks signs a message with its id, its time as a datetime, and its body. A good guess is
# that an aware datetime means its instant, so that a service in Shanghai may hand over its local time.
#
# What is so, with standardwebhooks 1.1.0 and svix 2.9.1: `sign` puts UTC in the place of the zone that the datetime
# has. The signature covers a time eight hours ahead of the `webhook-timestamp` that belongs to the message, and a
# receiver refuses it ("No matching signature found"), also one with the same library. A datetime without a zone is
# taken as UTC too. So hand over `datetime.now(UTC)`, never a local time.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check standardwebhooks==1.1.0 svix==2.9.1
"$work/venv/bin/python" - <<'PY'
import base64, hashlib, hmac
from datetime import datetime, timedelta, timezone
from importlib.metadata import version

import standardwebhooks.webhooks, svix.webhooks

key, body = b"0123456789abcdef01234567", '{"type": "customer.registered"}'
secret = "whsec_" + base64.b64encode(key).decode()
utc = datetime.now(timezone.utc).replace(microsecond=0)
shanghai = utc.astimezone(timezone(timedelta(hours=8)))
assert utc == shanghai

def by_the_standard(seconds):
    return "v1," + base64.b64encode(hmac.digest(key, f"m1.{seconds}.{body}".encode(), hashlib.sha256)).decode()

def behaviour(library):
    webhook = library.webhooks.Webhook(secret)
    found = []
    for moment in (utc, shanghai):
        signature = webhook.sign("m1", moment, body)
        ahead = next(hours for hours in range(24) if signature == by_the_standard(int(moment.timestamp()) + hours * 3600))
        headers = {"webhook-id": "m1", "webhook-timestamp": str(int(moment.timestamp())), "webhook-signature": signature}
        try:
            webhook.verify(body, headers)
            found.append((ahead, "verified"))
        except library.webhooks.WebhookVerificationError as error:
            found.append((ahead, str(error)))
    return found

seen = {f"{name} {version(name)}": behaviour(library) for name, library in (("standardwebhooks", standardwebhooks), ("svix", svix))}
for name, found in seen.items():
    print(f"{name}: UTC {found[0]}, Shanghai {found[1]}")
expected = [(0, "verified"), (8, "No matching signature found")]
assert seen == {"standardwebhooks 1.1.0": expected, "svix 2.9.1": expected}, "the behaviour has changed"
PY
