"""The head office of the hotel group: its goals, its staff, and the opportunities that they pursue."""
