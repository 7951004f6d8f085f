"""The how-to's example does what the page says."""

import re
from pathlib import Path

import pytest

from relations.engine import Relations
from relations.exchange import import_file

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "import-your-data.md"


def test_the_example_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    orders, mapping, code, line, again = re.findall(r"```\w*\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)[:5]
    monkeypatch.chdir(tmp_path)
    Path("orders.csv").write_text(orders)
    Path("orders.toml").write_text(mapping)
    exec(code, {})
    assert "# " + capsys.readouterr().out.strip() in code
    assert Path("orders.rejected.jsonl").read_text() == line
    Path("orders.rejected.jsonl").write_text(line.replace('"customer":""', '"customer":"18"'))
    with Relations.open("sqlite:///shop.db") as engine:
        exec(again, {"import_file": import_file, "engine": engine})
        assert len(engine.history("shop-18")) > 0
    assert Path("orders.rejected.jsonl").read_text() == ""
