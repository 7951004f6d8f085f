#!/usr/bin/env bash
# The lift of a campaign is a difference between two shares: buyers among those who got the offer, and among those who
# did not. statsmodels has four intervals for it. Its manual calls the score interval (Miettinen and Nurminen) the
# better one for small groups. A good guess is that it answers for 9 buyers of 10 against 3 of 10.
#
# What is so, with statsmodels 0.15.0 and scipy 1.16.3: it raises ValueError, from its search for a root. So it does
# for 185 of 484 pairs of equal groups of 10, 20, 50 and 100 with every tenth share of buyers: for 84 of the 160 with a
# share of 0 or 1, and for 101 ordinary ones. Newcombe's and Agresti and Caffo's intervals answer always.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check statsmodels==0.15.0 scipy==1.16.3 numpy==2.3.5 pandas==2.3.3
"$work/venv/bin/python" - <<'PY'
import warnings
from importlib.metadata import version

from statsmodels.stats.proportion import confint_proportions_2indep as interval

warnings.simplefilter("ignore")

def answered(method, bought, other, n):
    try:
        low, high = interval(bought, n, other, n, method=method, compare="diff")
    except ValueError:
        return None
    return round(float(low), 4), round(float(high), 4)

pairs = [(a, b, n) for n in (10, 20, 50, 100) for a in range(0, n + 1, n // 10) for b in range(0, n + 1, n // 10)]
unanswered = {method: sum(answered(method, *pair) is None for pair in pairs) for method in ("score", "newcomb", "agresti-caffo")}
print("statsmodels", version("statsmodels"), "scipy", version("scipy"))
print("9 of 10 against 3 of 10:", answered("score", 9, 3, 10), answered("newcomb", 9, 3, 10))
print("no answer for so many of", len(pairs), "pairs:", unanswered)
extremes = [pair for pair in pairs if {pair[0], pair[1]} & {0, pair[2]}]
print("of them with a share of 0 or 1:", sum(answered("score", *pair) is None for pair in extremes), "of", len(extremes))
assert answered("score", 9, 3, 10) is None and answered("newcomb", 9, 3, 10) == (0.1705, 0.809)
assert unanswered == {"score": 185, "newcomb": 0, "agresti-caffo": 0}, "the behaviour has changed"
PY
