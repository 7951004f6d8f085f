"""Running projections: live, rebuilt, and in shards."""
