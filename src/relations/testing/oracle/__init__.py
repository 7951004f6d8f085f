"""A slow ledger that is obviously right, to compare the engine with."""
