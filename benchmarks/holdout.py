"""Comparison of expected and actual purchases of CDNOW's customers: `python -m benchmarks.holdout`.

The purchases are imported; everything is read from the retention view over that log. Both models are fitted to the
first 39 weeks and asked, for each customer, how many purchase days the next weeks will bring. The tables are those of
`docs/explanation/lifetime-value.md`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.cdnow import CALIBRATION_END, MASTER, SAMPLE, data_file
from relations import Relations
from relations.analytics import BuyingModel, RepeatStatistics, fit_buying
from relations.exchange.importing import import_file
from relations.projections.retention.patronage import Patronage

__all__ = ["Watched", "by_frequency", "by_week", "fits", "watched"]

_CALIBRATION_WEEKS = 39
_WEEKS = range(3, 40, 3)
_MOST = 7

Fits = tuple[BuyingModel, BuyingModel]


class Watched(NamedTuple):
    """One customer: the input of the models, and the days of later purchases."""

    before: RepeatStatistics
    later: tuple[int, ...]


def watched(sample: Path, master: Path, folder: Path) -> list[Watched]:
    """Import the sample's customers from the master file's own lines, and ask the retention view for them.

    Args:
        sample: The file that says which every tenth customer is.
        master: The file to import from.
        folder: Where a file may be written.
    """
    chosen = {line.split()[0] for line in sample.read_text(encoding="ascii").splitlines()}
    header, *lines = master.read_text(encoding="ascii").splitlines()
    part = folder / MASTER
    kept = [line for line in lines if set(line.split()[:1]) <= chosen]
    part.write_text("\n".join([header, *kept]) + "\n", encoding="ascii")
    with Relations.open("sqlite://", durability="off") as relations:
        import_file(relations, "cdnow", part)
        return [found for row in relations.views.retention.rows(Patronage) if (found := _watched(row)) is not None]


def _watched(row: Patronage) -> Watched | None:
    before = row.repeat_statistics("USD", CALIBRATION_END)
    end = CALIBRATION_END + _CALIBRATION_WEEKS * 7
    later = tuple(day for day in row.purchase_days(end) if day > CALIBRATION_END)
    return None if before is None else Watched(before, later)


def fits(customers: Sequence[Watched]) -> Fits:
    """BG/NBD and MBG/NBD."""
    before = [one.before for one in customers]
    return fit_buying(before), fit_buying(before, model="mbg_nbd")


def by_week(customers: Sequence[Watched], models: Fits) -> str:
    """Return the purchase days of all customers since the end of calibration, by week."""
    before = [one.before for one in customers]
    lines = [
        "| through week | actual | BG/NBD | off by | MBG/NBD | off by |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    for weeks in _WEEKS:
        end = CALIBRATION_END + weeks * 7
        actual = sum(day <= end for one in customers for day in one.later)
        expected = [sum(model.expected_purchases(before, weeks * 7)) for model in models]
        cells = " | ".join(f"{figure:,.0f} | {figure / actual - 1:+.1%}" for figure in expected)
        lines.append(f"| {_CALIBRATION_WEEKS + weeks} | {actual:,} | {cells} |")
    return "\n".join(lines)


def by_frequency(customers: Sequence[Watched], models: Fits) -> str:
    """Return the purchase days per customer in the 39 weeks, by the number of earlier repeat purchases."""
    before = [one.before for one in customers]
    expected = [model.expected_purchases(before, _CALIBRATION_WEEKS * 7) for model in models]
    lines = [
        "| came back in weeks 1-39 | customers | actual, a customer | BG/NBD | MBG/NBD |",
        "|---:|---:|---:|---:|---:|",
    ]
    columns: list[list[float]] = [[float(len(one.later)) for one in customers], *expected]
    for frequency in range(_MOST + 1):
        which = [index for index, one in enumerate(before) if min(one.frequency, _MOST) == frequency]
        means = [sum(column[index] for index in which) / len(which) for column in columns]
        name = f"{frequency} or more" if frequency == _MOST else frequency
        lines.append(f"| {name} | {len(which):,} | " + " | ".join(f"{mean:.2f}" for mean in means) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    with TemporaryDirectory() as directory:
        found = watched(data_file(SAMPLE), data_file(MASTER), Path(directory))
    fitted = fits(found)
    sys.stdout.write(f"{by_week(found, fitted)}\n\n{by_frequency(found, fitted)}\n")
