"""The pipeline and the team, counted again the slow way: one pass over all events for every figure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from relations.aggregates.complaint import (
    ComplaintAssigned,
    ComplaintClosed,
    ComplaintFiled,
    ComplaintMerged,
    ComplaintReopened,
    ComplaintResolved,
    ComplaintTransferred,
    ComplaintWithdrawn,
)
from relations.aggregates.customer import InteractionRecorded
from relations.aggregates.opportunity import (
    ContractEnded,
    ContractRenewed,
    OpportunityAdvanced,
    OpportunityLost,
    OpportunityOpened,
    OpportunityWon,
)
from relations.messages import Money, RecordedEvent
from relations.policies import Policy

__all__ = ["SlowPipeline", "SlowTeam"]


@dataclass
class SlowPipeline:
    """The opportunities of a history.

    Attributes:
        history: Every recorded event, in the order of the log.
        policy: The policy in force.
        now: The moment asked about, UTC microseconds.
    """

    history: list[RecordedEvent]
    policy: Policy
    now: int

    def stages(self) -> dict[str, tuple[int, int]]:
        """Return the number of open opportunities in each stage, and the sum of their values."""
        found: Counter[str] = Counter()
        values: Counter[str] = Counter()
        for stream in self._streams():
            expected = self._expected(stream)
            if expected is None or self._decision(stream) is not None:
                continue
            found[expected.stage] += 1
            values[expected.stage] += self._amount(expected.value)
        return {stage: (found[stage], values[stage]) for stage in found}

    def results(self) -> dict[str | None, tuple[int, int, int]]:
        """Return for each owner the number of opportunities won and lost, and the amount of the contracts signed."""
        found: dict[str | None, tuple[int, int, int]] = {}
        for stream in self._streams():
            expected, decision = self._expected(stream), self._decision(stream)
            if expected is None or decision is None:
                continue
            won, lost, amount = found.get(expected.owner, (0, 0, 0))
            if isinstance(decision, OpportunityWon):
                found[expected.owner] = won + 1, lost, amount + self._amount(decision.amount)
            else:
                found[expected.owner] = won, lost + 1, amount
        return found

    def contracts(self) -> dict[str, str | None]:
        """Return the end of each contract that was signed by then and not ended."""
        found: dict[str, str | None] = {}
        for stream in self._streams():
            won = self._decision(stream)
            if not isinstance(won, OpportunityWon) or self._expected(stream) is None:
                continue
            steps = [
                (max(event.at, self._opened_at(stream), won.at), event)
                for event in self._events(stream)
                if isinstance(event, OpportunityWon | ContractRenewed | ContractEnded)
            ]
            last = sorted((step for step in steps if step[0] <= self.now), key=lambda step: step[0])[-1][1]
            if not isinstance(last, ContractEnded):
                found[won.contract] = last.ends
        return found

    def _streams(self) -> list[str]:
        return sorted({each.stream for each in self.history if each.stream.startswith("opportunity-")})

    def _events(self, stream: str) -> list[Any]:
        return [each.event for each in self.history if each.stream == stream]

    def _opened_at(self, stream: str) -> int:
        return next(event.at for event in self._events(stream) if isinstance(event, OpportunityOpened))

    def _expected(self, stream: str) -> OpportunityOpened | OpportunityAdvanced | None:
        """Return what is expected of an opportunity: the last by business time, and at the same time by recording."""
        begin, found, found_at = self._opened_at(stream), None, 0
        for event in self._events(stream):
            if isinstance(event, OpportunityOpened | OpportunityAdvanced):
                at = max(event.at, begin)
                if at <= self.now and (found is None or at >= found_at):
                    found, found_at = event, at
        return found

    def _decision(self, stream: str) -> OpportunityWon | OpportunityLost | None:
        begin = self._opened_at(stream)
        for event in self._events(stream):
            if isinstance(event, OpportunityWon | OpportunityLost) and max(event.at, begin) <= self.now:
                return event
        return None

    def _amount(self, amount: Money | None) -> int:
        return amount.amount if amount is not None and amount.currency == self.policy.currency else 0


@dataclass
class SlowTeam:
    """The cases and contacts of staff in a history.

    Attributes:
        history: Every recorded event, in the order of the log.
    """

    history: list[RecordedEvent]

    def cases(self) -> dict[str | None, tuple[int, int, int]]:
        """Return for each owner the number of cases, of open ones, and of those resolved or closed."""
        found: dict[str | None, tuple[int, int, int]] = {}
        for stream in sorted({each.stream for each in self.history if isinstance(each.event, ComplaintFiled)}):
            owner, status = self._owner(stream), self._status(stream)
            cases, opened, resolved = found.get(owner, (0, 0, 0))
            found[owner] = cases + 1, opened + (status == "open"), resolved + (status == "resolved")
        return found

    def contacts(self) -> dict[str, int]:
        """Return the number of contacts that name each staff member."""
        named = (each.event.by for each in self.history if isinstance(each.event, InteractionRecorded))
        return dict(Counter(name for name in named if name is not None))

    def _owner(self, stream: str) -> str | None:
        owner, at = None, 0
        for each in self.history:
            if each.stream == stream and isinstance(each.event, ComplaintAssigned | ComplaintTransferred):
                assigned_at = each.occurred_at
                if assigned_at >= at:
                    owner, at = each.event.owner, assigned_at
        return owner

    def _status(self, stream: str) -> str:
        status = "open"
        for each in self.history:
            if each.stream != stream:
                continue
            if isinstance(each.event, ComplaintFiled | ComplaintReopened):
                status = "open"
            elif isinstance(each.event, ComplaintResolved | ComplaintClosed):
                status = "resolved"
            elif isinstance(each.event, ComplaintWithdrawn | ComplaintMerged):
                status = "gone"
        return status
