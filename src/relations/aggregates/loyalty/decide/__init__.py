"""The rules of an account: from a command to events, or a refusal."""
