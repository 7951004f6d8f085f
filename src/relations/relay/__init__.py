"""The relay: the log is the outbox. It sends recorded events to webhooks, files and brokers as CloudEvents.

::

    with Relations.open(url) as engine, Relay(engine, WebhookTarget(address, secrets=[secret])) as relay:
        relay.run()
"""

from relations.relay.asyncapi import asyncapi_document
from relations.relay.dead_letters import DeadLetter, DeadLetters
from relations.relay.delivery import DeliveryFailed, MessageRefused, Target, TargetMisconfigured, TargetUnreachable
from relations.relay.message import Message, message_of
from relations.relay.outbox_view import create_outbox_view, drop_outbox_view
from relations.relay.relay import Relay, RelayReport
from relations.relay.signing import new_secret, signed_headers
from relations.relay.targets.amqp import AmqpTarget
from relations.relay.targets.files import FileTarget, StreamTarget
from relations.relay.targets.kafka import KafkaTarget
from relations.relay.targets.redis_streams import RedisTarget
from relations.relay.targets.webhook import WebhookTarget

__all__ = [
    "AmqpTarget",
    "DeadLetter",
    "DeadLetters",
    "DeliveryFailed",
    "FileTarget",
    "KafkaTarget",
    "Message",
    "MessageRefused",
    "RedisTarget",
    "Relay",
    "RelayReport",
    "StreamTarget",
    "Target",
    "TargetMisconfigured",
    "TargetUnreachable",
    "WebhookTarget",
    "asyncapi_document",
    "create_outbox_view",
    "drop_outbox_view",
    "message_of",
    "new_secret",
    "signed_headers",
]
