"""CDNOW's purchases as statistics: the cohort of the first quarter of 1997, watched to the end of September."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from pathlib import Path

from relations.analytics import RepeatStatistics, repeat_statistics

CALIBRATION_END = date(1997, 9, 30).toordinal()


def purchases(path: Path) -> dict[str, list[tuple[int, int]]]:
    """Each customer's purchases as day and cents, from the sample's file or the master's."""
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for line in path.read_text(encoding="utf-8").splitlines():
        fields = line.split()
        if fields and fields[0].isdigit():
            customer, day, dollars = fields[0], fields[-3], fields[-1]
            moment = date(int(day[:4]), int(day[4:6]), int(day[6:]))
            found[customer].append((moment.toordinal(), round(float(dollars) * 100)))
    return found


def statistics(path: Path) -> list[RepeatStatistics]:
    """Everybody's statistics as of the end of the calibration."""
    found = [repeat_statistics(bought, until=CALIBRATION_END) for bought in purchases(path).values()]
    return [one for one in found if one is not None]
