#!/usr/bin/env bash
# A service level in working days needs China's calendar, in which some weekends are working days. Three packages have
# it: workalendar, holidays and chinesecalendar. A good guess is that they agree on years gone by.
#
# What is so, with workalendar 17.0.0, holidays 0.109 and chinesecalendar 1.11.0: from 2018 to 2023 they differ on two
# days. The spring holiday of 2020 was made longer at short notice. workalendar has 31 January and 1 February 2020 as
# working days still; the other two do not. A deadline in working days across them is two working days early. For years
# from 2024 on workalendar raises an error.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
  workalendar==17.0.0 holidays==0.109 chinesecalendar==1.11.0
"$work/venv/bin/python" - <<'PY'
import warnings
from datetime import date, timedelta
from importlib.metadata import version

import chinese_calendar
import holidays
from workalendar.asia import China
from workalendar.exceptions import CalendarError

warnings.simplefilter("ignore")
days = [date(2018, 1, 1) + timedelta(days=n) for n in range((date(2024, 1, 1) - date(2018, 1, 1)).days)]
of_holidays, of_workalendar = holidays.CN(years=range(2018, 2024)), China()
one = [day for day in days if chinese_calendar.is_workday(day) != of_holidays.is_working_day(day)]
two = [day for day in days if chinese_calendar.is_workday(day) != of_workalendar.is_working_day(day)]
versions = [version(name) for name in ("workalendar", "holidays", "chinesecalendar")]
print(versions, "holidays differs on", one, "workalendar on", [str(day) for day in two])
try:
    of_workalendar.is_working_day(date(2024, 1, 2))
except CalendarError as error:
    print(error)
else:
    raise AssertionError("the behaviour has changed: 2024 is known")
assert versions == ["17.0.0", "0.109", "1.11.0"]
assert one == [] and two == [date(2020, 1, 31), date(2020, 2, 1)], "the behaviour has changed"
PY
