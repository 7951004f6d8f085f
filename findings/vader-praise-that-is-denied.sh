#!/usr/bin/env bash
# Guests praise by denying: "I have never had a better stay", "it could not be better". A good guess is that VADER, which
# has rules for negations, sees praise, and blame in "far from perfect".
#
# What is so, with vaderSentiment 3.3.2: both are as unfavourable as -0.34, since a denied good word counts as a bad one
# whatever is compared; "second to none" is neutral, and "far from perfect" has 0.57. Plain sentences of service ("nobody
# answered the phone for three days") are neutral. Judge by many answers, and read the lowest before you act on them.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check vaderSentiment==3.3.2
"$work/venv/bin/python" - <<'PY'
from importlib.metadata import version

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

score = SentimentIntensityAnalyzer().polarity_scores
words = (
    "I have never had a better stay.",
    "It could not be better.",
    "Second to none.",
    "Far from perfect.",
    "Nobody answered the phone for three days.",
)
found = [round(score(text)["compound"], 2) for text in words]
print("vaderSentiment", version("vaderSentiment"), dict(zip(words, found)))
assert version("vaderSentiment") == "3.3.2"
assert found == [-0.34, -0.34, 0.0, 0.57, 0.0], "the behaviour has changed"
PY
