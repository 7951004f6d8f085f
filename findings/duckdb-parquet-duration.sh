#!/usr/bin/env bash
# Polars and PyArrow write how long something took as a duration into Parquet, and read it back as one. A good guess is
# that DuckDB, which has an INTERVAL and prefers Parquet, reads it as such.
#
# What is so, with duckdb 2.0.1, polars 2.1.0 and pyarrow 26.0.1: Parquet has no type for durations. Arrow stores whole
# numbers and keeps the type and its unit in metadata of its own, which DuckDB does not read. The column is a BIGINT in
# microseconds there, and sums and averages of it look like any number. The same frame handed over in memory is an
# INTERVAL. `to_microseconds(waited)` makes it one again.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.1 polars==2.1.0 pyarrow==26.0.1
cd "$work"
"$work/venv/bin/python" - <<'PY'
from datetime import timedelta
from importlib.metadata import version

import duckdb
import polars as pl
import pyarrow.parquet as parquet

answers = pl.DataFrame({"waited": [timedelta(hours=1, milliseconds=5)]})
answers.write_parquet("answers.parquet")
seen = [
    *map(version, ("duckdb", "polars", "pyarrow")),
    str(parquet.read_schema("answers.parquet").field("waited").type),
    pl.read_parquet("answers.parquet")["waited"].to_list(),
    duckdb.sql("SELECT typeof(waited), waited FROM 'answers.parquet'").fetchall(),
    duckdb.sql("SELECT typeof(waited), waited FROM answers").fetchall(),
    duckdb.sql("SELECT to_microseconds(waited) FROM 'answers.parquet'").fetchall(),
]
print(*map(repr, seen), sep="\n")
waited = timedelta(hours=1, milliseconds=5)
assert seen == [
    "2.0.1", "2.1.0", "26.0.1", "duration[us]", [waited], [("BIGINT", 3_600_005_000)], [("INTERVAL", waited)], [(waited,)],
], "the behaviour has changed"
PY
