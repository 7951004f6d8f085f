"""Measurement of rebuilding the repair view from a log of complaints, each with every step of ISO 10002."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.harness import Line, Workspace, alternate, compared
from benchmarks.histories import copies_of, open_log
from benchmarks.rebuild import read_and_decode
from relations.aggregates.complaint import (
    AcceptRemedy,
    AcknowledgeComplaint,
    AskInformation,
    AssessComplaint,
    AssignComplaint,
    CarryOutRemedy,
    CloseComplaint,
    ComplaintCommand,
    FileComplaint,
    FollowUpComplaint,
    GiveApology,
    InvestigateComplaint,
    NameRootCause,
    ProposeRemedy,
    ReceiveInformation,
    ResolveComplaint,
)
from relations.messages import Command, Money
from relations.policies import Policy, ServiceLevels
from relations.policies.complaints.service_levels import EscalationStep, ServiceLevel

NAME = "complaints"
ABOUT = "rebuild of the repair view from a log of complaints against reading it"

_BEGIN = datetime(2022, 1, 1, tzinfo=UTC)
_EVENTS_A_COMPLAINT = 26
_POLICY = Policy(
    service_levels=ServiceLevels(
        medium=ServiceLevel(
            acknowledge=timedelta(days=1),
            resolve=timedelta(days=7),
            next_response=timedelta(days=2),
            follow_up=timedelta(days=10),
        ),
        escalations=(EscalationStep(at_percent=50, to="head of desk"),),
    )
)


def measure(workspace: Workspace) -> list[Line]:
    """Return the lines of this measurement."""
    scale = workspace.scale
    base_events = min(scale.events, scale.base_events)
    path = workspace.once(f"a desk's log of {base_events:,} events", lambda path: _execute(path, base_events))
    copies = round(scale.events / base_events)
    if copies > 1:
        base = path
        path = workspace.once(f"a desk's log of {scale.events:,} events", lambda path: copies_of(base, path, copies))
    with open_log(path) as relations:
        events = relations.status().position
        relations.rebuild()
        workspace.say("rebuilding what a complaint desk fills, in turns with its limit")
        times = alternate(
            {
                "repair": lambda: relations.rebuild(["repair"]),
                "read": lambda: read_and_decode(relations),
                "desk": lambda: relations.rebuild(["desk"]),
            },
            scale.rounds,
        )
    limit = "limit: reading all columns and decoding"
    return [
        compared(NAME, f"rebuild of the repair view, {events:,} events of complaints, one process", limit,
                 times["repair"], times["read"], counts=(events, events), budget=0.35),
        compared(NAME, f"the desk view, {events:,} events of complaints, one process", limit,
                 times["desk"], times["read"], counts=(events, events), budget=0.35),
    ]  # fmt: skip


def _execute(path: Path, events: int) -> None:
    complaints = max(events // _EVENTS_A_COMPLAINT, 3)
    with open_log(path, durability="off", clock=lambda: _BEGIN + timedelta(days=900)) as relations:
        relations.adopt(_POLICY, from_beginning=True)
        commands = _commands(complaints)
        while batch := list(islice(commands, 2_000)):
            relations.execute_many(batch)


def _commands(complaints: int) -> Iterator[Command]:
    """Return commands for a number of complaints, three per customer, each from filing to closing."""
    random = Random(5)
    for number in range(complaints):
        customer = f"c{number % (complaints // 3)}"
        subject, severity = random.choice(("noise", "bill", "wifi")), random.choice(("low", "medium", "high"))
        at = _BEGIN + timedelta(minutes=number)
        for kind, hours, fields in _steps(customer, subject, severity, number):
            at += timedelta(hours=hours * random.random())
            yield kind(complaint=f"k{number}", occurred_at=at, **fields)


def _steps(
    customer: str, subject: str, severity: str, number: int
) -> list[tuple[type[ComplaintCommand], int, dict[str, Any]]]:
    remedy = {"remedy": f"r{number}"}
    return [
        (FileComplaint, 0, {"customer": customer, "subject": subject, "channel": "web", "text": "Nobody came."}),
        (AssessComplaint, 1, {"severity": severity, "category": "room"}),
        (AssignComplaint, 1, {"owner": f"o{number % 20}", "department": "desk"}),
        (AcknowledgeComplaint, 30, {}),
        (GiveApology, 5, {}),
        (AskInformation, 5, {"request": "q"}),
        (ReceiveInformation, 30, {"request": "q"}),
        (InvestigateComplaint, 5, {"conclusion": "upheld"}),
        (NameRootCause, 5, {"cause": subject}),
        (ProposeRemedy, 9, {**remedy, "kind": "goodwill", "value": Money(900, "EUR")}),
        (AcceptRemedy, 9, remedy),
        (CarryOutRemedy, 9, remedy),
        (ResolveComplaint, 9, {}),
        (FollowUpComplaint, 300, {"score": 4}),
        (CloseComplaint, 9, {}),
    ]
