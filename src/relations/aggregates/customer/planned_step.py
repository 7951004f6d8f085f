"""A step of a care plan's round, with the dates that its event pinned: a plain value of events and of the state."""

from __future__ import annotations

import msgspec

__all__ = ["PlannedStep"]


class PlannedStep(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A contact that a round of a care plan intends.

    Attributes:
        step: Its id within the round.
        what: The kind of contact.
        due_at: The time from which it is due, UTC microseconds. None: it is due on the customer's birthday, which is
            sealed, or after an end of a stay that is not known yet.
        until: The time at which it lapses, UTC microseconds.
        channels: The channels that suit it, the best first.
        minutes: How long it should take.
        sells: True if it tries to sell something.
        role: The role that should do it.
        offset: The days from the birthday or the end of the stay to its due date, if it has none yet.
        days_valid: The days on which it can then be done.
    """

    step: str
    what: str
    due_at: int | None
    until: int
    channels: tuple[str, ...] = ()
    minutes: int | None = None
    sells: bool = False
    role: str | None = None
    offset: int = 0
    days_valid: int = 0
