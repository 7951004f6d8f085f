"""Everything that can happen to a complaint."""
