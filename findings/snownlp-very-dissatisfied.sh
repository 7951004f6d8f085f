#!/usr/bin/env bash
# 满意 is "satisfied", 不满意 "dissatisfied", and 很不满意 "very dissatisfied": the words of a Chinese survey's scale. A
# good guess is that SnowNLP, which was trained on reviews, scores the last two below one half, and "very" the lowest.
#
# What is so, with snownlp 0.12.3: 满意 0.71, 不满意 0.56 and 很不满意 0.70, as favourable as "satisfied". The score
# comes from the words one by one, and "very" is said more often in praise. Take the answer on a scale as a number, and
# let no score of short answers decide who is called back.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check snownlp==0.12.3
"$work/venv/bin/python" - <<'PY'
from importlib.metadata import version

from snownlp import SnowNLP

scale = ("非常满意", "满意", "不满意", "很不满意", "非常不满意")
found = {word: round(SnowNLP(word).sentiments, 2) for word in scale}
print("snownlp", version("snownlp"), found)
assert version("snownlp") == "0.12.3"
assert found["不满意"] > 0.5 and found["很不满意"] > 0.5, "the behaviour has changed"
assert found["很不满意"] > found["不满意"] and abs(found["很不满意"] - found["满意"]) < 0.02
PY
