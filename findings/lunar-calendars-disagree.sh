#!/usr/bin/env bash
# A greeting on a festival of the Chinese calendar needs its date in ours. Five packages know it: lunardate, zhdate,
# borax, sxtwl and holidays. A good guess is that they agree, at least from 1950 to 2099.
#
# What is so: four dates differ by a day, each where a new moon falls within minutes of midnight in China. In 1978 only
# lunardate 0.3.0 has the Mid-Autumn Festival a day early. In 2057 (Double Ninth), 2089 (Mid-Autumn) and 2097 (Double
# Seventh) lunardate, zhdate 0.1 and sxtwl 2.0.7 have one day and borax 4.1.3 the next one. holidays 0.109 is with borax
# in 2057 and with the others in 2089, and has no Double Seventh. The New Year, Lantern, Dragon Boat and Laba festivals
# are the same everywhere. Whoever makes plans from one package and reports from another can miss a festival by a day:
# pin the dates.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
  lunardate==0.3.0 zhdate==0.1 borax==4.1.3 sxtwl==2.0.7 holidays==0.109
"$work/venv/bin/python" - <<'PY'
import warnings
from datetime import date
from importlib.metadata import version

import sxtwl
from borax.calendars.lunardate import LunarDate as BoraxDate
from holidays.calendars import _ChineseLunisolar
from lunardate import LunarDate
from zhdate import ZhDate

warnings.simplefilter("ignore")
known = _ChineseLunisolar()
FESTIVALS = {
    "new year": (1, 1, known.lunar_new_year_date), "lantern": (1, 15, None), "dragon boat": (5, 5, known.dragon_boat_date),
    "double seventh": (7, 7, None), "mid-autumn": (8, 15, known.mid_autumn_date),
    "double ninth": (9, 9, known.double_ninth_date), "laba": (12, 8, None),
}

def by_sxtwl(year, month, day):
    found = sxtwl.fromLunar(year, month, day)
    return date(found.getSolarYear(), found.getSolarMonth(), found.getSolarDay())

differing = {}
for year in range(1950, 2100):
    for name, (month, day, in_holidays) in FESTIVALS.items():
        dates = {
            "lunardate": LunarDate(year, month, day).to_solar_date(), "zhdate": ZhDate(year, month, day).to_datetime().date(),
            "borax": BoraxDate(year, month, day).to_solar_date(), "sxtwl": by_sxtwl(year, month, day),
        }
        if in_holidays:
            dates["holidays"] = in_holidays(year)[0]
        if len(set(dates.values())) > 1:
            first = min(dates.values())
            differing[year, name] = sorted(each for each, found in dates.items() if found == first), str(first)
print(*(f"{name} {version(name)}" for name in ("lunardate", "zhdate", "borax", "sxtwl", "holidays")))
for which, (packages, day) in differing.items():
    print(*which, day, "in", ", ".join(packages), "and the next day elsewhere")
assert differing == {
    (1978, "mid-autumn"): (["lunardate"], "1978-09-16"),
    (2057, "double ninth"): (["lunardate", "sxtwl", "zhdate"], "2057-10-06"),
    (2089, "mid-autumn"): (["holidays", "lunardate", "sxtwl", "zhdate"], "2089-09-18"),
    (2097, "double seventh"): (["lunardate", "sxtwl", "zhdate"], "2097-08-13"),
}, "the behaviour has changed"
PY
