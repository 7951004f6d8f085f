"""JSON Lines of commands and of recorded events, in and out."""
