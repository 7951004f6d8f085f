#!/usr/bin/env bash
# Before customers are compared, recordlinkage's manual lets `clean` tidy their names: lower case, no brackets, no
# punctuation. A good guess is that names keep their letters.
#
# What is so, with recordlinkage 0.16: every letter outside of a to z is punctuation. 王芳 and 李伟 are both empty
# afterwards, and an exact comparison says that they are the same name; so are all Chinese, Greek and Russian customers.
# Müller is mller, which is neither Muller nor Mueller. `strip_accents="unicode"` helps the last only. Pass a pattern of
# your own as `replace_by_none`, and leave empty names out before you compare.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check recordlinkage==0.16 pandas==2.3.3 numpy==2.4.6
"$work/venv/bin/python" - <<'PY'
import warnings
from importlib.metadata import version

import pandas as pd
from recordlinkage import Compare
from recordlinkage.preprocessing import clean

warnings.simplefilter("ignore")
names = pd.Series(["Müller", "王芳", "李伟", "Ελένη", "Anna"])
cleaned = clean(names)
left, right = pd.DataFrame({"name": cleaned}), pd.DataFrame({"name": cleaned})
compare = Compare()
compare.exact("name", "name")
same = compare.compute(pd.MultiIndex.from_tuples([(1, 2), (1, 3), (0, 4)]), left, right)[0].tolist()
print("recordlinkage", version("recordlinkage"), list(cleaned), "the same:", same)
assert version("recordlinkage") == "0.16"
assert list(cleaned) == ["mller", "", "", "", "anna"], "the behaviour has changed"
assert same == [1, 1, 0]
PY
