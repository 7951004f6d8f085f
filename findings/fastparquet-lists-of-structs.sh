#!/usr/bin/env bash
# A Parquet file of a campaign's results has a list of costs in each row, every cost with a name and an amount. PyArrow,
# Polars and DuckDB read it. A good guess is that fastparquet does, too, or raises an error.
#
# What is so, with fastparquet 2026.9.0: the list is None in every row, without an error or a warning. A list of texts
# is read, and a struct outside a list becomes columns such as `month.n`. Times in UTC have lost their zone. It is the
# same whether PyArrow 26.0.1 or Polars 2.1.0 wrote the file. Write a nested list as rows of its own, and give times
# their zone again.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
  fastparquet==2026.9.0 pyarrow==26.0.1 polars==2.1.0 pandas==2.3.3 numpy==2.4.6
cd "$work" && "$work/venv/bin/python" - <<'PY'
from datetime import datetime, timezone
from importlib.metadata import version

import fastparquet
import polars
import pyarrow
import pyarrow.parquet

answer = pyarrow.table({
    "at": pyarrow.array([datetime(2026, 5, 4, 12, tzinfo=timezone.utc)], pyarrow.timestamp("us", "UTC")),
    "month": [{"name": "2026-05", "n": 3}],
    "costs": [[{"cost": "print", "amount": 5}]],
    "channels": [["mail", "visit"]],
})
pyarrow.parquet.write_table(answer, "pyarrow.parquet")
polars.from_arrow(answer).write_parquet("polars.parquet")
print("fastparquet", version("fastparquet"))
for name in ("pyarrow", "polars"):
    assert polars.read_parquet(f"{name}.parquet")["costs"].to_list() == [[{"cost": "print", "amount": 5}]]
    row = fastparquet.ParquetFile(f"{name}.parquet").to_pandas().to_dict("records")[0]
    print("written by", name, version(name), row)
    assert row["costs"] is None and row["at"].tzinfo is None, "the behaviour has changed"
    assert (row["month.name"], row["month.n"], row["channels"]) == ("2026-05", 3, ["mail", "visit"])
PY
