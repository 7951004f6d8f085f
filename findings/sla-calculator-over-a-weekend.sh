#!/usr/bin/env bash
# A complaint comes in on a Friday at 12:00 and must be answered within 8 business hours, from 9 to 17 on weekdays. Five
# hours are left on Friday, so it is due on Monday at 12:00. A good guess is that sla-calculator, which leaves weekends
# and holidays out, says so.
#
# What is so, with sla-calculator 1.0.0 (holidays 0.10.3, pendulum 2.1.2): it is due on Sunday at 17:00. pendulum 2 counts
# days of the week from Sunday, and the package from Monday, so that its weekend is Friday and Saturday. Work on Sunday
# counts: a complaint of a Sunday morning is due that day, and one of a Friday morning begins on Sunday at 9:00.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check sla-calculator==1.0.0 holidays==0.10.3 pendulum==2.1.2
TZ=UTC "$work/venv/bin/python" - <<'PY'
from datetime import datetime
from importlib.metadata import version

from sla_calculator import SLA_Calculator


def due(start, hours):
    return f"{SLA_Calculator().calculate(start, 9, 17, country_name='US', sla_in_hours=hours):%Y-%m-%d %H:%M}"


print("sla-calculator", version("sla-calculator"), "pendulum", version("pendulum"))
asked = [("2024-05-03T12:00:00", 8), ("2024-05-03T10:00:00", 2), ("2024-05-05T10:00:00", 2), ("2024-05-01T10:00:00", 2)]
for start, hours in asked:
    print(f"{datetime.fromisoformat(start):%A %H:%M} and {hours} hours:", due(start, hours))
assert version("sla-calculator") == "1.0.0"
assert [due(*each)[8:] for each in asked] == ["05 17:00", "05 11:00", "05 12:00", "01 12:00"], "the behaviour has changed"
PY
