"""Eventsourcing's own persistence on the log."""
