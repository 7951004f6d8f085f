"""Hypothesis state machines for whole engines."""
