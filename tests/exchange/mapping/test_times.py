"""A file's days and times in the zone that its mapping names."""

from __future__ import annotations

import pytest

from relations.errors import InvalidInput
from relations.exchange.mapping.model import Value
from relations.exchange.mapping.times import compile_time


def moment(text: str, zone: str, form: str = "iso") -> str:
    value = Value.model_validate({"column": "when", "type": "time", "zone": zone, "format": form})
    return compile_time("when", value)(text).isoformat()


@pytest.mark.parametrize(
    ("zone", "day", "first"),
    [
        ("Africa/Cairo", "2024-04-26", "2024-04-25T22:00:00+00:00"),
        ("Asia/Beirut", "2024-03-31", "2024-03-30T22:00:00+00:00"),
        ("America/Santiago", "2023-09-03", "2023-09-03T04:00:00+00:00"),
        ("America/Havana", "2024-03-10", "2024-03-10T05:00:00+00:00"),
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00+00:00"),
    ],
)
def test_a_day_whose_midnight_was_skipped_begins_at_its_first_instant(zone: str, day: str, first: str) -> None:
    assert moment(day, zone) == first
    assert moment(f"{day} 00:00:00", zone) == first  # how spreadsheets write a day
    assert moment(day, zone, "%Y-%m-%d") == first


def test_another_time_that_was_skipped_is_refused() -> None:
    with pytest.raises(InvalidInput, match="clocks skipped it") as caught:
        moment("2024-04-26 00:30:00", "Africa/Cairo")
    assert caught.value.code == "nonexistent_time"
