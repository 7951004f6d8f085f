#!/usr/bin/env bash
# The conviction of an association rule is (1 - support of the consequent) / (1 - confidence). It is 1 for independence,
# and infinite for a rule that never fails. A good guess is that efficient-apriori's rules sort by it.
#
# What is so, with efficient-apriori 2.0.6: it adds a billionth to the divisor, so a rule that never fails has a large
# number that is really the consequent's rarity, here 400 million. Where every basket has the consequent it is 0.0, the
# worst there is, as if the rule always failed (mlxtend 0.25.0: infinite for both). A filter `rule.conviction >= 1` drops
# that rule, and those of exact independence (0.9999999975). Lift and confidence are exact.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check efficient-apriori==2.0.6
"$work/venv/bin/python" - <<'PY'
from importlib.metadata import version

from efficient_apriori import apriori

baskets = [("bread", "butter", "knife")] * 6 + [("bread",)] * 4
_, rules = apriori(baskets, min_support=0.5, min_confidence=0.5, max_length=2)
seen = {f"{rule.lhs[0]} -> {rule.rhs[0]}": (rule.confidence, round(rule.lift, 3), rule.conviction) for rule in rules}
print("efficient-apriori", version("efficient-apriori"))
for rule, figures in seen.items():
    print(f"{rule}: confidence {figures[0]}, lift {figures[1]}, conviction {figures[2]}")
dropped = sorted(f"{rule.lhs[0]} -> {rule.rhs[0]}" for rule in rules if rule.conviction < 1)
assert version("efficient-apriori") == "2.0.6"
assert seen["knife -> butter"][:2] == (1.0, 1.667) and abs(seen["knife -> butter"][2] - 4e8) < 1, "the behaviour has changed"
assert seen["butter -> bread"] == (1.0, 1.0, 0.0), "the behaviour has changed"
assert seen["bread -> butter"][:2] == (0.6, 1.0) and 0.99999999 < seen["bread -> butter"][2] < 1, "the behaviour has changed"
assert dropped == ["bread -> butter", "bread -> knife", "butter -> bread", "knife -> bread"], "the behaviour has changed"
PY
