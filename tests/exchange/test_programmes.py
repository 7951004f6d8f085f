from __future__ import annotations

from pathlib import Path

import pytest

from relations.errors import InvalidInput
from relations.exchange.programmes import check_programme_file, load_programmes
from relations.policies import Programme

GOOD = """
id = "main"
name = "Linden Circle"
rates = { EUR = 10, JPY = "1/15" }
pending_days = 14
warning_days = 30
downgrade_when = "year_end"

[tier_window]
kind = "calendar_year"

[[tiers]]
name = "member"
threshold = 0

[[tiers]]
name = "gold"
threshold = 30_000
multiplier = 1.25
benefits = ["lounge"]

[[campaigns]]
id = "spring"
starts = 2025-03-01
ends = 2025-06-01
multiplier = 2

[[rewards]]
name = "free night"
kind = "gift"
points = 25_000
stock = 100

[referral]
referrer_points = 500
referred_points = 250
"""


def test_a_programme_is_read_from_toml(tmp_path: Path) -> None:
    file = tmp_path / "programme.toml"
    file.write_text(GOOD)
    (programme,) = load_programmes(file)
    assert (programme.name, programme.pending_days, programme.tiers[1].benefits) == ("Linden Circle", 14, ("lounge",))
    assert programme.campaigns[0].starts.isoformat() == "2025-03-01"
    report = check_programme_file(file)
    assert report.good
    assert report.findings == ()
    assert Programme.model_validate_json(programme.model_dump_json()) == programme


def test_a_file_may_hold_several_programmes_and_each_is_checked(tmp_path: Path) -> None:
    file = tmp_path / "programmes.toml"
    file.write_text(
        '[[programme]]\nid = "stays"\n\n[[programme]]\nid = "dining"\ntier_basis = "stays"\n\n'
        '[[programme]]\nid = "stays"\nrates = { EUR = 1 }\n'
    )
    report = check_programme_file(file)
    assert [each.id for each in report.programmes] == ["stays", "dining", "stays"]
    assert {(each.programme, each.code) for each in report.findings} == {
        ("dining", "unreachable_tier"),
        ("stays", "duplicate_programme"),
    }
    assert not report.good
    with pytest.raises(InvalidInput, match="two programmes have the id 'stays'"):
        load_programmes(file)


def test_all_faults_of_a_file_are_named_not_only_the_first(tmp_path: Path) -> None:
    file = tmp_path / "broken.toml"
    file.write_text(
        'pending_days = -1\nrounding = "sometimes"\n[[tiers]]\nname = "a"\nthreshold = 9\n'
        '[[tiers]]\nname = "b"\nthreshold = 5\n'
    )
    findings = check_programme_file(file).findings
    assert {each.field for each in findings} >= {"pending_days", "rounding", "tiers"}
    assert "tier_order" in {each.code for each in findings}
    with pytest.raises(InvalidInput):
        load_programmes(file)


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"tiers = [", "invalid_toml"), (b"name = '\xff'", "unreadable_file"), (None, "unreadable_file")],
)
def test_what_is_no_programme_file_is_an_error_in_words(tmp_path: Path, content: bytes | None, code: str) -> None:
    file = tmp_path / "file.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InvalidInput) as caught:
        check_programme_file(file)
    assert caught.value.code == code
