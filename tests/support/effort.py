"""How long a costly property is searched: a part of what the profile asks for, so that every profile goes for it."""

from __future__ import annotations

from hypothesis import settings


def part(percent: int) -> settings:
    """Settings with so many of a hundred of the profile's examples, and one at the least."""
    return settings(max_examples=max(1, settings().max_examples * percent // 100))
