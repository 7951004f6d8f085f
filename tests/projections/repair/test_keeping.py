"""Relations and cases that are kept of a day are those of any moment of it, read again in full."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from relations import Relations
from relations.aggregates.complaint import (
    AcknowledgeComplaint,
    ComplaintFiled,
    ComplaintResolved,
    FileComplaint,
    ReceiveMessage,
    ResolveComplaint,
)
from relations.messages import from_micros, to_micros
from relations.policies import Policy, Repair, Surveys
from relations.projections.by_customer import KeptByCustomer
from relations.projections.keeping import KeptAnswers
from relations.projections.repair.view import RepairView
from relations.testing import simulate

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY, FOLLOW_UP = 86_400_000_000, 3


@contextmanager
def history(commands: int) -> Iterator[Relations]:
    """Open an engine on a simulated history of complaints, under a policy by which much turns within short times."""
    with Relations.open("sqlite://", clock=lambda: NOW) as engine:
        engine.adopt(
            Policy(repair=Repair(lapse_days=20), surveys=Surveys(follow_up_days=FOLLOW_UP)), from_beginning=True
        )
        engine.execute_many(simulate(seed=11, commands=commands))
        yield engine


def asked(view: RepairView, moment: datetime) -> list[Any]:
    """Return what depends on the relations and on the cases of all customers."""
    view._kept = KeptAnswers()
    return [
        view.relations(as_of=moment, limit=None),
        view.summary(as_of=moment),
        view.clocks(as_of=moment),
        view.improvements(as_of=moment),
        view.cases(as_of=moment),
    ]


def test_what_is_kept_of_a_day_is_that_of_any_moment_of_it() -> None:
    """Within a day steps are taken, deadlines pass and silence grows long: each turn shows at its very moment."""
    with history(600) as engine:
        view, random = engine.views.repair, Random(4)
        events = [each for each in engine.events() if each.stream.startswith("complaint")]
        ends = [each.occurred_at for each in events if isinstance(each.event, ComplaintResolved)]
        dues = [getattr(each.event, name, None) for each in events for name in ("acknowledge_by", "resolve_by")]
        lapsed = view.relations(state="lapsed", limit=None)
        kinds = (
            [each.occurred_at for each in events],
            [at for at in dues if at is not None],
            [at + FOLLOW_UP * DAY for at in ends],
            [to_micros(each.since) for each in lapsed if each.since is not None],
        )
        assert all(kinds)
        turns = {at for kind in kinds for at in random.sample(sorted({*kind}), min(len({*kind}), 6))}
        shown = [from_micros(at + shift) for at in sorted(turns) for shift in (-1, 0, 1)]
        read_again = {}
        for moment in shown:
            view._each = KeptByCustomer()
            read_again[moment] = asked(view, moment)
        view._each = kept = KeptByCustomer()
        for moment in (*shown, *reversed(shown)):
            assert asked(view, moment) == read_again[moment], moment
        assert len(kept._versions) < len(shown)
        assert len({repr(each) for each in read_again.values()}) > 6


def test_a_deadline_that_passes_in_the_course_of_a_day_counts_from_its_moment() -> None:
    """Nothing is recorded when it passes, and no clock was started for a follow-up that a later policy asks for."""
    filed = datetime(2025, 6, 2, 12, tzinfo=UTC)
    with Relations.open("sqlite://", clock=lambda: NOW) as engine:
        engine.adopt(Policy(surveys=Surveys(follow_up_days=None)), from_beginning=True)
        for name in ("k1", "k2"):
            of = {"customer": "c1", "complaint": name, "subject": "noise", "severity": "high", "channel": "phone"}
            engine.execute(FileComplaint(occurred_at=filed, **of))
        (due,) = {each.event.resolve_by for each in engine.events() if isinstance(each.event, ComplaintFiled)}
        engine.execute(AcknowledgeComplaint(complaint="k1", occurred_at=filed + timedelta(minutes=1)))
        engine.execute(ResolveComplaint(complaint="k2", occurred_at=filed + timedelta(minutes=2)))
        engine.adopt(Policy(surveys=Surveys(follow_up_days=5)), since=filed + timedelta(minutes=3))
        view, instant = engine.views.repair, timedelta(microseconds=1)
        follow_up = filed + timedelta(days=5, minutes=2)
        for at, field in ((from_micros(due), "overdue"), (follow_up, "follow_ups_overdue")):
            seen = [getattr(view.cases(as_of=moment), field) for moment in (at - instant, at, at - instant)]
            assert seen == [0, 1, 0], field


def test_relations_of_the_present_are_read_once_while_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    now = NOW
    with history(600) as engine:
        engine.clock = lambda: now
        view = engine.views.repair
        before = view.relations(limit=None)
        read: list[Sequence[str] | None] = []
        real = view._relations_of

        def watched(moment: int, customers: Sequence[str] | None) -> Any:
            read.append(customers)
            return real(moment, customers)

        monkeypatch.setattr(view, "_relations_of", watched)
        now += timedelta(seconds=5)
        assert view.relations(limit=None) == before
        assert read == []
        each = before[0]
        assert each.complaint is not None
        engine.execute(ReceiveMessage(complaint=each.complaint, occurred_at=now, message="m1"))
        view.relations(limit=None)
        assert read == [[each.customer]]
