"""The state of an account after each event."""
