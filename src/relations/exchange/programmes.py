"""Loyalty programmes from TOML files."""

from __future__ import annotations

from pathlib import Path

from relations.errors import InvalidInput
from relations.exchange.policies import read_text
from relations.policies import Programme
from relations.policies.loyalty.check import ProgrammeReport, read_programmes

__all__ = ["check_programme_file", "load_programmes"]


def load_programmes(path: Path | str) -> tuple[Programme, ...]:
    """Return the programmes of a TOML file: one at the top, or one for each `[[programme]]`.

    Raises:
        InvalidInput: The file is not TOML, or a programme has a mistake; the message says where.
    """
    report = check_programme_file(path)
    wrong = report.unreadable
    if wrong is not None:
        raise InvalidInput(wrong.reason, code=wrong.code, field=wrong.field, hint=wrong.hint)
    return report.programmes


def check_programme_file(path: Path | str) -> ProgrammeReport:
    """Return all mistakes in the programmes of a TOML file.

    Raises:
        InvalidInput: The file is missing, or is not TOML.
    """
    file = Path(path)
    return read_programmes(read_text(file), str(file))
