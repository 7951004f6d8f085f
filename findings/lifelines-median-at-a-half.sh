#!/usr/bin/env bash
# lifelines estimates how long customers stay, and its median is the time at which the curve reaches one half. Six
# customers who left after 1, 2, 3, 4, 5 and 6 months have half of them left after month 3. A good guess is that the
# median is 3.
#
# What is so, with lifelines 0.30.3: the median is 4. The curve is a product of rounded shares. It is
# 0.5000000000000001 after month 3, and the search takes the next time with at most 0.5. Of the even numbers of
# customers from 2 to 120 who all left, one each month, 18 of 60 have a median that is a month late. Compare with exact
# shares, such as those of `fractions`, where half of a small group left.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check lifelines==0.30.3 pandas==2.3.3 numpy==2.4.6
"$work/venv/bin/python" - <<'PY'
import warnings
from importlib.metadata import version

from lifelines import KaplanMeierFitter

warnings.simplefilter("ignore")  # that medians are approximated by the curve's own times
fits = {n: KaplanMeierFitter().fit(range(1, n + 1)) for n in range(2, 121, 2)}
late = {n: float(fit.median_survival_time_) for n, fit in fits.items() if fit.median_survival_time_ != n / 2}
print("lifelines", version("lifelines"))
print("6 customers:", fits[6].survival_function_.iloc[3, 0], float(fits[6].median_survival_time_))
print(len(late), "of", len(fits), "medians are late:", sorted(late)[:6])
assert version("lifelines") == "0.30.3"
assert (fits[6].survival_function_.iloc[3, 0], late[6], late[8]) == (0.5000000000000001, 4.0, 5.0)
assert len(late) == 18 and all(median == n / 2 + 1 for n, median in late.items()), "the behaviour has changed"
PY
