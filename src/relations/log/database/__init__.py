"""The database of a log: connections, transactions, and the differences between SQLite and PostgreSQL."""

from relations.log.database.database import CHANNEL, Access, Database, Durability, WriteTransaction
from relations.log.database.driver import DriverAccess, SharedStatement
from relations.log.database.purging import Purging
from relations.log.database.statements import CompiledStatement, among, compiled, create_tables, insert_into, tables_of

__all__ = [
    "CHANNEL",
    "Access",
    "CompiledStatement",
    "Database",
    "DriverAccess",
    "Durability",
    "Purging",
    "SharedStatement",
    "WriteTransaction",
    "among",
    "compiled",
    "create_tables",
    "insert_into",
    "tables_of",
]
