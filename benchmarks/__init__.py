"""Every budget of the engine, measured beside its peer and its limit in one run: `python -m benchmarks`."""
