#!/usr/bin/env bash
# SnowNLP scores how favourable Chinese words are, and can turn traditional characters into simplified ones. A good
# guess is that a guest in Taipei who writes 滿意 is scored as one in Beijing who writes 满意 ("satisfied").
#
# What is so, with snownlp 0.12.3: `sentiments` takes the characters as they are. Its model was trained on simplified
# ones, and what it does not know counts for nothing. "Satisfied" falls from 0.705 to 0.326, from praise to blame; "will
# come again" from 0.532 to 0.209. `SnowNLP(text).han` is the text in simplified characters, and has the same score as
# the text from Beijing in each case. Nothing is said, so convert before scoring.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check snownlp==0.12.3
PYTHONIOENCODING=utf-8 "$work/venv/bin/python" - <<'PY'
from importlib.metadata import version

from snownlp import SnowNLP

said = [("滿意", "满意"), ("服務很好", "服务很好"), ("房間很乾淨", "房间很干净"), ("下次還會再來", "下次还会再来"), ("隔音很差", "隔音很差")]

def score(text):
    return round(SnowNLP(text).sentiments, 3)

print("snownlp", version("snownlp"))
seen = {}
for traditional, simplified in said:
    assert SnowNLP(traditional).han == simplified
    seen[traditional] = score(traditional), score(simplified), score(SnowNLP(traditional).han)
    print(traditional, simplified, *seen[traditional])
assert (version("snownlp"), seen) == ("0.12.3", {
    "滿意": (0.326, 0.705, 0.705), "服務很好": (0.597, 0.769, 0.769), "房間很乾淨": (0.54, 0.7, 0.7),
    "下次還會再來": (0.209, 0.532, 0.532), "隔音很差": (0.129, 0.129, 0.129),
}), "the behaviour has changed"
PY
