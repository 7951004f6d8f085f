"""`python -m benchmarks.holdout`: what CDNOW's customers were expected to do in weeks 40 to 78, and what they did.

Both models are fitted to the first 39 weeks and asked, for each customer, how many purchase days the next weeks will
bring. The tables are those of `docs/explanation/lifetime-value.md`.
"""

from __future__ import annotations

import sys

from benchmarks.cdnow import CALIBRATION_END, SAMPLE, Purchases, data_file, read, statistics
from relations.analytics import BuyingModel, RepeatStatistics, fit_buying

__all__ = ["by_frequency", "by_week", "fits"]

_CALIBRATION_WEEKS = 39
_WEEKS = range(3, 40, 3)
_MOST = 7

Fits = tuple[BuyingModel, BuyingModel]


def fits(customers: list[RepeatStatistics]) -> Fits:
    """BG/NBD and MBG/NBD."""
    return fit_buying(customers), fit_buying(customers, model="mbg_nbd")


def by_week(purchases: Purchases, models: Fits) -> str:
    """Purchase days of all customers since the calibration's end, week by week."""
    customers = statistics(purchases)
    lines = [
        "| through week | actual | BG/NBD | off by | MBG/NBD | off by |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    for weeks in _WEEKS:
        actual = sum(_later(bought, weeks) for bought in purchases.values())
        expected = [sum(model.expected_purchases(customers, weeks * 7)) for model in models]
        cells = " | ".join(f"{figure:,.0f} | {figure / actual - 1:+.1%}" for figure in expected)
        lines.append(f"| {_CALIBRATION_WEEKS + weeks} | {actual:,} | {cells} |")
    return "\n".join(lines)


def by_frequency(purchases: Purchases, models: Fits) -> str:
    """Purchase days a customer in the 39 weeks, by how often they had come back before."""
    customers = statistics(purchases)
    actual = [_later(bought, _CALIBRATION_WEEKS) for bought in purchases.values()]
    expected = [model.expected_purchases(customers, _CALIBRATION_WEEKS * 7) for model in models]
    lines = [
        "| came back in weeks 1-39 | customers | actual, a customer | BG/NBD | MBG/NBD |",
        "|---:|---:|---:|---:|---:|",
    ]
    columns: list[list[float]] = [[float(days) for days in actual], *expected]
    for frequency in range(_MOST + 1):
        which = [index for index, one in enumerate(customers) if min(one.frequency, _MOST) == frequency]
        means = [sum(column[index] for index in which) / len(which) for column in columns]
        name = f"{frequency} or more" if frequency == _MOST else frequency
        lines.append(f"| {name} | {len(which):,} | " + " | ".join(f"{mean:.2f}" for mean in means) + " |")
    return "\n".join(lines)


def _later(bought: list[tuple[int, int]], weeks: int) -> int:
    return len({day for day, _ in bought if CALIBRATION_END < day <= CALIBRATION_END + weeks * 7})


if __name__ == "__main__":
    sample = read(data_file(SAMPLE))
    fitted = fits(statistics(sample))
    sys.stdout.write(f"{by_week(sample, fitted)}\n\n{by_frequency(sample, fitted)}\n")
