"""The README's service: twenty lines of code, and it works."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from tests.asgi.serving import running
from tests.conftest import ROOT

PURCHASE = {
    "customer": "c1",
    "purchase": "p1",
    "amount": {"amount": 12900, "currency": "EUR"},
    "occurred_at": "2026-03-02T12:00:00Z",
}


def code() -> str:
    """The block of the README under its heading."""
    text = (ROOT / "README.md").read_text("utf-8").partition("## In a FastAPI service")[2]
    found = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert found
    return found[1]


def test_a_service_takes_twenty_lines_and_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line for line in code().splitlines() if line.strip()]
    assert 10 < len(lines) <= 20
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(code(), names)

    async def run() -> None:
        async with running(names["app"]) as client:
            key = {"Idempotency-Key": "k1"}
            answers = [await client.post("/purchases", json=PURCHASE, headers=key) for _ in range(2)]
            assert [each.json()["repeated"] for each in answers] == [False, True]
            assert (await client.get("/crm/customers/c1/history")).status_code == 403
            history = await client.get("/crm/customers/c1/history", headers={"X-Api-Key": "secret"})
            assert [each["actor"] for each in history.json()["events"]] == ["website"] * 2
            described = (await client.get("/openapi.json")).json()
            assert "RecordPurchase" in described["components"]["schemas"]

    asyncio.run(run())
