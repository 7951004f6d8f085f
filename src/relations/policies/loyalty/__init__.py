"""The policies of loyalty: the programme, its tiers, campaigns and rewards."""
