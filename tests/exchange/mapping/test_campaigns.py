"""A campaign's plan, costs, reach, offers and answers come in from one table, once."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from relations import Relations
from relations.exchange.importing import import_file

TABLE = """\
row_kind,campaign,id,customer,at,kind,starts,ends,audience,control_percent,amount,channel,platform,impressions,reactions,partner
plan,fair,,,2024-04-20,event,2024-05-01,2024-06-01,regulars,50,900,,,,,rail
start,fair,,,2024-05-01,,,,4,,,,,,,
cost,fair,hall,,2024-05-02,,,,,,600.50,on_site,,,,
reach,fair,week1,,2024-05-08,,,,,,,,weibo,1200,30,
offer,fair,o1,ann,2024-05-02 10:00,,,,,,,email,,,,
offer,fair,o2,ben,2024-05-02 10:00,,,,,,,email,,,,
withheld,fair,,cleo,2024-05-02 10:00,,,,,,,,,,,
accepted,fair,o1,ann,2024-05-03,,,,,,,,,,,
attended,fair,o1,ann,2024-05-20,,,,,,,,,,,
bounced,fair,o2,ben,2024-05-03,,,,,,,,,,,
end,fair,,,2024-06-01,,,,,,,,,,,
postponed,fair,,,2024-06-02,,,,,,,,,,,
"""


def test_campaigns_come_in_from_one_table(tmp_path: Path) -> None:
    file = tmp_path / "campaigns.csv"
    file.write_text(TABLE, "utf-8")
    with Relations.open("sqlite://", clock=lambda: datetime(2024, 7, 1, tzinfo=UTC)) as engine:
        report = import_file(engine, "campaigns", file)
        assert (report.accepted, report.rejected) == (11, 1)
        plan, result = engine.views.campaigns.campaign("fair"), engine.views.campaigns.results("fair")
        assert (plan.kind, plan.status, plan.counted, plan.control_percent) == ("event", "ended", 4, 50)
        assert (plan.audience, plan.partner, plan.reach[0].impressions) == ("regulars", "rail", 1_200)
        assert (result.sent, result.reached, result.accepted, result.attended, result.control) == (2, 1, 1, 1, 1)
        assert result.cost == 60_050
        position = engine.status().position
        assert import_file(engine, "campaigns", file).accepted == 11
        assert engine.status().position == position
