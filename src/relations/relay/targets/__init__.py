"""Where a relay can send events: webhooks, files, and brokers."""
