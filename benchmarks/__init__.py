"""Measurements of the engine's budgets, next to peers and limits, in one run: `python -m benchmarks`."""
