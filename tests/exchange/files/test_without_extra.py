"""Without the extra, a workbook and a JSON document say what is missing, and everything else is read."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from relations.errors import MissingExtra
from relations.exchange.files.sources import open_source
from relations.exchange.mapping.model import Source
from tests.support.workbooks import sheet, write_workbook


@pytest.mark.parametrize("package", ["python_calamine", "ijson"])
def test_the_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    path = tmp_path / "file"
    form = "xlsx" if package == "python_calamine" else "json"
    if form == "xlsx":
        write_workbook(path, {"S": sheet([["a"], ["1"]])})
    else:
        path.write_text('[{"a": 1}]')
    with pytest.raises(MissingExtra) as raised, open_source(Source.model_validate({"format": form}), path) as file:
        list(file.rows)
    assert package in raised.value.reason
    assert "relations-engine[files]" in str(raised.value.hint)
    path.write_text("a;b\n1;2\n")
    with open_source(Source(format="table"), path) as table:
        assert [raw for _, raw, _ in table.rows] == [{"a": "1", "b": "2"}]
