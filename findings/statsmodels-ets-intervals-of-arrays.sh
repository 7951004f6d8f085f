#!/usr/bin/env bash
# An exponential smoothing model of statsmodels takes the series as an array or as a pandas Series, and forecasts both. A
# good guess is that its prediction intervals come for both, too, and that a random walk is a level smoothed by 1.
#
# What is so, with statsmodels 0.15.0: of an array `forecast` answers, and `get_prediction` ends in an AttributeError.
# Of a Series both answer. And with a season, a level smoothed by exactly 1 forecasts NaN without a warning: the season's
# share is divided by what the level leaves, which is 0. At 0.9999 it is the random walk that it should be.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check statsmodels==0.15.0 pandas==3.1.1 numpy==2.4.6 scipy==1.17.1 patsy==1.0.3
"$work/venv/bin/python" - <<'PY'
import warnings
from importlib.metadata import version

import numpy
import pandas
from statsmodels.tsa.exponential_smoothing.ets import ETSModel

warnings.simplefilter("error")
values = numpy.array([10.0, 12, 11, 13, 12, 14, 13, 15])

def intervals(series):
    fitted = ETSModel(series).smooth([0.5, 10.0])
    try:
        return len(fitted.forecast(2)), fitted.get_prediction(8, 9).pred_int(alpha=0.2).shape
    except AttributeError as error:
        return len(fitted.forecast(2)), str(error)

def walk(alpha):
    model = ETSModel(
        pandas.Series(numpy.arange(24.0)), seasonal="add", seasonal_periods=12, initialization_method="known",
        initial_level=0.0, initial_seasonal=[0.0] * 12,
    )
    return round(float(model.smooth([alpha, 0.0]).forecast(1).iloc[0]), 1)

seen = [version("statsmodels"), intervals(pandas.Series(values)), intervals(values), walk(0.9999), walk(1.0)]
print("intervals of a Series, of an array; a random walk smoothed by 0.9999, by 1", *seen, sep="\n")
assert seen[:4] == ["0.15.0", (2, (2, 2)), (2, "'numpy.ndarray' object has no attribute 'index'"), 23.0], "changed"
assert numpy.isnan(seen[4]), "the behaviour has changed"
PY
