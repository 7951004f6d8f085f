"""CDNOW's purchases: the cohort of the first quarter of 1997, observed for 39 weeks and then for 39 more.

The master file has all 23,570 customers. The sample has every tenth, the 2,357 of the literature. Weeks count from
1997-01-01, so the calibration ends with 1997-09-30 and the holdout with 1998-06-30.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from importlib.util import find_spec
from pathlib import Path

from relations.analytics import RepeatStatistics, repeat_statistics

__all__ = ["CALIBRATION_END", "MASTER", "SAMPLE", "Purchases", "data_file", "read", "statistics"]

MASTER, SAMPLE = "CDNOW_master.txt", "CDNOW_sample.txt"
CALIBRATION_END = date(1997, 9, 30).toordinal()

Purchases = dict[str, list[tuple[int, int]]]


def data_file(name: str) -> Path:
    """Return the path of one of CDNOW's files, which the package `lifetimes` ships.

    Raises:
        FileNotFoundError: The package is not installed.
    """
    found = find_spec("lifetimes")  # importing it would load pandas
    for folder in (found.submodule_search_locations or []) if found else []:
        path = Path(folder) / "datasets" / name
        if path.is_file():
            return path
    msg = f"{name} comes with the package lifetimes; install 'relations-engine[dev]'"
    raise FileNotFoundError(msg)


def read(path: Path) -> Purchases:
    """Return each customer's purchases, as ordinals of days with amounts in cents."""
    found: Purchases = defaultdict(list)
    for line in path.read_text(encoding="utf-8").splitlines():
        fields = line.split()
        if fields and fields[0].isdigit():
            customer, day, dollars = fields[0], fields[-3], fields[-1]
            moment = date(int(day[:4]), int(day[4:6]), int(day[6:]))
            found[customer].append((moment.toordinal(), round(float(dollars) * 100)))
    return found


def statistics(purchases: Purchases) -> list[RepeatStatistics]:
    """Return every customer's statistics as of the end of the calibration."""
    found = [repeat_statistics(bought, until=CALIBRATION_END) for bought in purchases.values()]
    return [one for one in found if one is not None]
