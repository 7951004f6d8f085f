"""The log as an object-centric event log (OCEL 2.0), for auditors and process mining."""

from relations.exchange.ocel.parquet import write_ocel_parquet
from relations.exchange.ocel.writing import write_ocel_json, write_ocel_sqlite

__all__ = ["write_ocel_json", "write_ocel_parquet", "write_ocel_sqlite"]
