#!/usr/bin/env bash
# A survey tool exports the question "would you recommend us?" to SPSS: ratings from 0 to 10 with a label on both ends
# ("not at all likely", "extremely likely"), and 98 for "don't know", which is declared missing. A good guess is that
# pandas reads a column of ratings, and that "don't know" can be told from no answer.
#
# What is so, with pandas 2.3.3 and pyreadstat 1.3.7: `read_spss` replaces 0 and 10 by their labels and leaves the rest
# as numbers. The column has texts and numbers, so that its mean is an error, and a count of 9 or more misses every 10.
# "Don't know" is empty, as no answer is. pyreadstat's own `read_sav(user_missing=True)` gives ratings, and 98 with the
# ranges that are missing.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pandas==2.3.3 pyreadstat==1.3.7 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" - <<'PY'
from importlib.metadata import version

import pandas as pd
import pyreadstat

labels = {"nps": {0: "not at all likely", 10: "extremely likely", 98: "don't know"}}
frame = pd.DataFrame({"nps": [0.0, 7.0, 10.0, 9.0, 98.0, None]})
pyreadstat.write_sav(frame, "survey.sav", variable_value_labels=labels, missing_ranges={"nps": [98]})
ratings = pd.read_spss("survey.sav").nps
exact, meta = pyreadstat.read_sav("survey.sav", user_missing=True)
promoters = sum(isinstance(each, float) and each >= 9 for each in ratings)
print("pandas", pd.__version__, "pyreadstat", version("pyreadstat"))
print("read_spss:", list(ratings), "promoters:", promoters)
print("read_sav(user_missing=True):", list(exact.nps), meta.missing_ranges)
assert (pd.__version__, version("pyreadstat")) == ("2.3.3", "1.3.7")
assert list(ratings)[:4] == ["not at all likely", 7.0, "extremely likely", 9.0], "the behaviour has changed"
assert promoters == 1 and ratings.isna().sum() == 2
assert list(exact.nps)[:5] == [0.0, 7.0, 10.0, 9.0, 98.0] and meta.missing_ranges == {"nps": [{"lo": 98.0, "hi": 98.0}]}
PY
