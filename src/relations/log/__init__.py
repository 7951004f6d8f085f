"""The append-only log: table, codec, chain, keys of personal words, and eventsourcing's persistence."""

from relations.log.codec import Codec
from relations.log.database import Database
from relations.log.eventsourcing.factory import Factory
from relations.log.log import Entry, Head, Log, Shard, Writer
from relations.log.subscription import Subscription

__all__ = ["Codec", "Database", "Entry", "Factory", "Head", "Log", "Shard", "Subscription", "Writer"]
