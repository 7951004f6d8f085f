"""The page about value says what the code says."""

from __future__ import annotations

from pathlib import Path

from benchmarks.cdnow import SAMPLE, read, statistics
from benchmarks.holdout import by_frequency, by_week, fits

from tests.conftest import ROOT

PAGE = ROOT / "docs" / "explanation" / "lifetime-value.md"


def test_the_holdout_tables_are_those_of_the_command(data_dir: Path) -> None:
    purchases = read(data_dir / "cdnow" / SAMPLE)
    models = fits(statistics(purchases))
    shown = PAGE.read_text(encoding="utf-8")
    assert by_week(purchases, models) in shown
    assert by_frequency(purchases, models) in shown
    assert by_week(purchases, models).count("\n") == 14
