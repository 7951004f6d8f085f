"""The events of a complaint."""
