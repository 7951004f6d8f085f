"""Durable consumers: readers of the log that keep their position in the database."""

from relations.log.consuming.consumer import Consumer, ConsumerLost
from relations.log.consuming.following import Following
from relations.log.consuming.positions import ConsumerStatus, consumer_statuses, move_consumer

__all__ = ["Consumer", "ConsumerLost", "ConsumerStatus", "Following", "consumer_statuses", "move_consumer"]
