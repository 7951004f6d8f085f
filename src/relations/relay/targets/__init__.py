"""Targets of a relay: webhooks, files, and brokers."""
