"""Everything that happens to an account: points, tiers, rewards and merges."""
