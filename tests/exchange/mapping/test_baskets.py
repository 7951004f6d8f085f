"""Online Retail's lines as baskets: an invoice is one purchase, and rules are found in it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from relations import Money, Policy, Relations
from relations.aggregates.customer import CustomerRegistered, PurchaseRecorded
from relations.events import PurchaseLine
from relations.exchange import import_file

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
LINES = [
    *(
        f"{500 + number},{article},,2,2011-01-0{1 + number} 08:00:00,1.25,{17 + number}.0,Norway"
        for number in range(4)
        for article in ("TEA", "CUP")
    ),
    "600,JAM,,3,2011-01-09 08:00:00,0.333,17.0,Norway",
    "601,JAM,,1,2011-01-09 08:01:00,2,,Norway",
    "C602,TEA,,-2,2011-01-09 08:02:00,1.25,17.0,Norway",
    "603,TEA,,-2,2011-01-09 08:03:00,0,,Norway",
    "A604,B,,1,2011-01-09 08:04:00,-9,,Norway",
]
AT = datetime(2011, 2, 1, tzinfo=UTC)


def test_an_invoice_is_one_purchase_with_its_lines_and_rules_are_found_in_them(tmp_path: Path) -> None:
    file = tmp_path / "lines.csv"
    file.write_text("\n".join([HEADER, *LINES]) + "\n", "utf-8")
    with Relations.open("sqlite://", clock=lambda: AT, durability="off") as engine:
        engine.adopt(Policy(currency="GBP"), from_beginning=True)
        report = import_file(engine, "online_retail_baskets", file)
        assert (report.rows, report.accepted, report.rejected) == (13, 9, 4)
        assert report.by_reason == {
            "blank_customer": 1, "credit_note": 1, "stock_correction": 1, "negative_price": 1
        }  # fmt: skip
        purchases = [each.event for each in engine.events(of=(PurchaseRecorded,))]
        first, last = purchases[0], purchases[-1]
        assert isinstance(first, PurchaseRecorded)
        assert isinstance(last, PurchaseRecorded)
        pounds = Money(250, "GBP")
        assert first.lines == (PurchaseLine("TEA", pounds, 2), PurchaseLine("CUP", pounds, 2))
        assert (first.amount, last.amount) == (Money(500, "GBP"), Money(100, "GBP"))
        assert len(purchases) == 5
        assert len(list(engine.events(of=(CustomerRegistered,)))) == 4
        engine.fit_rules(as_of=AT)
        (rule,) = [each for each in engine.views.recommendations.rules().rules if each.product == "TEA"]
        assert (rule.recommended, rule.baskets, rule.confidence) == ("CUP", 4, 1.0)
        again = import_file(engine, "online_retail_baskets", file)
        assert again.recorded == 0
