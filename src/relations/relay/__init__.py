"""The relay: the log is the outbox. It sends recorded events to webhooks, files and brokers as CloudEvents.

::

    with Relations.open(url) as engine, Relay(engine, WebhookTarget(address, secrets=[secret])) as relay:
        relay.run()
"""

from relations.relay.dead_letters import DeadLetter, DeadLetters
from relations.relay.delivery import DeliveryFailed, MessageRefused, Target, TargetMisconfigured, TargetUnreachable
from relations.relay.message import Message, message_of
from relations.relay.relay import Relay, RelayReport
from relations.relay.signing import new_secret, signed_headers
from relations.relay.targets.files import FileTarget, StreamTarget
from relations.relay.targets.webhook import WebhookTarget

__all__ = [
    "DeadLetter",
    "DeadLetters",
    "DeliveryFailed",
    "FileTarget",
    "Message",
    "MessageRefused",
    "Relay",
    "RelayReport",
    "StreamTarget",
    "Target",
    "TargetMisconfigured",
    "TargetUnreachable",
    "WebhookTarget",
    "message_of",
    "new_secret",
    "signed_headers",
]
