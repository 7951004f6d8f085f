"""Forecasts of monthly series, with season and interval, and a test of each on months that were held out.

The model is exponential smoothing with a level, possibly a damped trend, and possibly a season that repeats each year.
Fitting needs scipy; forecasting from a fitted model needs nothing but sums, products and square roots.
"""
