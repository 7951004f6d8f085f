"""The rules of a complaint: from a command to events, or a refusal."""
