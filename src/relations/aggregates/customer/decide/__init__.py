"""The rules of a customer: from a command to events, or a refusal."""
