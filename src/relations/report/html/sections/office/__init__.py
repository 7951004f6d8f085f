"""The sections of the head office: its team, and its opportunities."""
