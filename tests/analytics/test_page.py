"""The page about value says what the code says."""

from __future__ import annotations

from pathlib import Path

from benchmarks.cdnow import MASTER, SAMPLE, read, statistics
from benchmarks.holdout import by_frequency, by_week, fits, watched

from tests.conftest import ROOT

PAGE = ROOT / "docs" / "explanation" / "lifetime-value.md"


def test_the_holdout_tables_are_what_the_imported_log_gives(cdnow_dir: Path, tmp_path: Path) -> None:
    customers = watched(cdnow_dir / SAMPLE, cdnow_dir / MASTER, tmp_path)
    models = fits(customers)
    shown = PAGE.read_text(encoding="utf-8")
    assert by_week(customers, models) in shown
    assert by_frequency(customers, models) in shown
    assert by_week(customers, models).count("\n") == 14
    # What the log's view keeps is what the literature's own file of the sample says.
    assert sorted(one.before for one in customers) == sorted(statistics(read(cdnow_dir / SAMPLE)))
    assert len(customers) == 2_357
