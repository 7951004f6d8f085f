"""Connections with a use of their own: the one that writes to an SQLite file, and those of a host or lent to one."""

from relations.log.connections.host import HeldTransactions, acting_for, checked_host, host_cursor, noticing_host_loss
from relations.log.connections.lending import lent, must_be_intact
from relations.log.connections.writer import WriterConnection

__all__ = [
    "HeldTransactions",
    "WriterConnection",
    "acting_for",
    "checked_host",
    "host_cursor",
    "lent",
    "must_be_intact",
    "noticing_host_loss",
]
