"""The effort of a costly property: a percentage of the profile's examples, so that every profile scales it."""

from __future__ import annotations

from typing import Any

from hypothesis import settings


def part(percent: int, **more: Any) -> settings:
    """Return settings with this percentage of the profile's examples, and at least one.

    Args:
        percent: How much of the profile's examples to draw; 100 is all of them.
        more: Further settings, such as `stateful_step_count`.
    """
    return settings(max_examples=max(1, settings().max_examples * percent // 100), **more)
