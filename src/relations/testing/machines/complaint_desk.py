"""A complaint desk as a Hypothesis state machine: several complaints, one engine, time that goes on.

Run it as it is, or subclass it with rules and invariants of your own::

    from relations.testing.machines.complaint_desk import ComplaintDesk

    TestDesk = ComplaintDesk.TestCase
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from relations.aggregates.complaint import (
    MOVES,
    REFUSALS,
    AcceptRemedy,
    AcknowledgeComplaint,
    ApproveRemedy,
    AskInformation,
    AssessComplaint,
    AssignComplaint,
    CarryOutRemedy,
    ClockCancelled,
    ClockStarted,
    CloseComplaint,
    Complaint,
    ComplaintFiled,
    ComplaintReopened,
    DeadlineMet,
    DeadlineMissed,
    DeclineRemedy,
    EscalateComplaint,
    FileComplaint,
    FollowUpComplaint,
    GiveApology,
    MergeComplaint,
    ProposeRemedy,
    ReceiveInformation,
    ReceiveMessage,
    ReopenComplaint,
    ResolveComplaint,
    SendHoldingReply,
    SendMessage,
    TransferComplaint,
    WithdrawComplaint,
)
from relations.engine import Relations
from relations.errors import CommandRefused
from relations.messages import Command, Money, to_micros
from relations.policies import BusinessCalendar, Desk, Limit, Policy, ServiceLevels
from relations.policies.complaints.service_levels import EscalationStep, ServiceLevel

__all__ = ["ComplaintDesk"]

_BEGINNING = datetime(2024, 3, 25, 9, tzinfo=UTC)
_HOUR = timedelta(hours=1)
_CLOCKS = {"acknowledge", "next_response", "resolve", "follow_up"}


def _hold(holds: bool, otherwise: str) -> None:
    """Fail unless something holds; `assert` would be gone under `-O`."""
    if not holds:
        raise AssertionError(otherwise)


class ComplaintDesk(RuleBasedStateMachine):
    """A complaint desk. Commands are legal or nearly so; a refusal must have a known code and change nothing.

    Attributes:
        policy: The policy of the desk; a subclass may set its own.
        complaints: The ids of the complaints that it may have.
    """

    policy: ClassVar[Policy] = Policy(
        service_levels=ServiceLevels(
            medium=ServiceLevel(
                acknowledge=4 * _HOUR,
                resolve=40 * _HOUR,
                extended=90 * _HOUR,
                next_response=8 * _HOUR,
                follow_up=30 * _HOUR,
            ),
            calendar=BusinessCalendar(name="desk", zone="Europe/Vienna", saturday=("10:00-14:00",)),
            escalations=(
                EscalationStep(at_percent=80, to="head of desk"),
                EscalationStep(at_percent=100, to="director"),
            ),
        ),
        desk=Desk(limits=(Limit(role="clerk", money=(Money(5_000, "EUR"),)), Limit(role="head", points=10**9))),
    )
    complaints: ClassVar[tuple[str, ...]] = ("k1", "k2", "k3")

    def __init__(self) -> None:
        super().__init__()
        self.now = _BEGINNING
        self.relations = Relations.open("sqlite://", clock=lambda: self.now)
        self.relations.adopt(self.policy, from_beginning=True)
        self.refused: Counter[str] = Counter()

    def teardown(self) -> None:
        self.relations.close()

    def do(self, kind: type[Command], /, **fields: Any) -> None:
        """Execute a command now, twice: the second time adds nothing."""
        command = kind.model_validate({"occurred_at": self.now, "actor": "anna", **fields})
        before = self.relations.status().position
        try:
            self.relations.execute(command)
        except CommandRefused as refused:
            _hold(refused.code in REFUSALS, f"a refusal without a known code: {refused}")
            _hold(self.relations.status().position == before, f"{kind.__name__} was refused and wrote something")
            self.refused[refused.code] += 1
            return
        after = self.relations.status().position
        _hold(not self.relations.execute(command).events, f"{kind.__name__} again added something")
        _hold(self.relations.status().position == after, f"{kind.__name__} again wrote something")

    # --- what people do ---------------------------------------------------------------------------------------------

    @initialize()
    def one_is_there(self) -> None:
        """File a first complaint, so that the desk has something to do."""
        self.files("k1", "medium")

    @rule(
        complaint=st.sampled_from(complaints),
        severity=st.sampled_from(("low", "medium", "critical")),
        kind=st.sampled_from(("complaint", "complaint", "enquiry", "suggestion")),
    )
    def files(self, complaint: str, severity: str, kind: str = "complaint") -> None:
        """File a case."""
        self.do(
            FileComplaint,
            complaint=complaint,
            customer="c1",
            subject="noise",
            channel="web",
            severity=severity,
            kind=kind,
        )

    @rule(
        complaint=st.sampled_from(complaints),
        kind=st.sampled_from((ReceiveMessage, SendMessage)),
        number=st.integers(1, 4),
    )
    def writes(self, complaint: str, kind: type[Command], number: int) -> None:
        """Receive a message from the customer, or send one."""
        self.do(kind, complaint=complaint, message=f"{kind.__name__}-{number}")

    @rule(
        complaint=st.sampled_from(complaints),
        kind=st.sampled_from((AcknowledgeComplaint, GiveApology, ResolveComplaint, CloseComplaint, WithdrawComplaint)),
    )
    def takes_a_plain_step(self, complaint: str, kind: type[Command]) -> None:
        """Take a step that needs only the complaint's id."""
        self.do(kind, complaint=complaint)

    @rule(complaint=st.sampled_from(complaints), severity=st.sampled_from(("low", "medium", "high", "critical")))
    def assesses(self, complaint: str, severity: str) -> None:
        """Assess the severity, which moves the deadlines."""
        self.do(AssessComplaint, complaint=complaint, severity=severity)

    @rule(complaint=st.sampled_from(complaints), department=st.sampled_from(("front desk", "kitchen")))
    def hands_over(self, complaint: str, department: str) -> None:
        """Transfer to a department, and assign an owner there."""
        self.do(TransferComplaint, complaint=complaint, department=department)
        self.do(AssignComplaint, complaint=complaint, owner="bert", department=department)

    @rule(complaint=st.sampled_from(complaints), request=st.sampled_from(("q1", "q2")), ask=st.booleans())
    def asks_or_hears(self, complaint: str, request: str, ask: bool) -> None:
        """Ask for information, which stops clocks, or receive it, which starts them again."""
        self.do(AskInformation if ask else ReceiveInformation, complaint=complaint, request=request)

    @rule(complaint=st.sampled_from(complaints), remedy=st.sampled_from(("m1", "m2")), euros=st.integers(0, 100))
    def offers(self, complaint: str, remedy: str, euros: int) -> None:
        """Propose a remedy within the limit or above it."""
        value = Money(euros * 100, "EUR")
        self.do(ProposeRemedy, complaint=complaint, remedy=remedy, kind="refund", value=value, role="clerk")

    @rule(
        complaint=st.sampled_from(complaints),
        remedy=st.sampled_from(("m1", "m2")),
        kind=st.sampled_from((ApproveRemedy, AcceptRemedy, DeclineRemedy, CarryOutRemedy)),
    )
    def moves_an_offer(self, complaint: str, remedy: str, kind: type[Command]) -> None:
        """Move a remedy on, if its state allows it."""
        self.do(kind, complaint=complaint, remedy=remedy, actor="head of desk")

    @rule(complaint=st.sampled_from(complaints), emergency=st.booleans())
    def calls_for_help(self, complaint: str, emergency: bool) -> None:
        """Escalate by hand."""
        self.do(EscalateComplaint, complaint=complaint, to="director", emergency=emergency)

    @rule(complaint=st.sampled_from(complaints))
    def holds(self, complaint: str) -> None:
        """Send a holding reply."""
        self.do(SendHoldingReply, complaint=complaint, reason="waiting for the builder")

    @rule(complaint=st.sampled_from(complaints), score=st.integers(1, 5))
    def follows_up(self, complaint: str, score: int) -> None:
        """Record the customer's view at the follow-up."""
        self.do(FollowUpComplaint, complaint=complaint, score=score)

    @rule(complaint=st.sampled_from(complaints))
    def reopens(self, complaint: str) -> None:
        """Reopen a complaint."""
        self.do(ReopenComplaint, complaint=complaint, reason="not settled")

    @rule(complaint=st.sampled_from(complaints), into=st.sampled_from(complaints))
    def merges(self, complaint: str, into: str) -> None:
        """Merge a complaint into another."""
        self.do(MergeComplaint, complaint=complaint, into=into)

    @rule(hours=st.integers(1, 60), looks=st.booleans())
    def time_goes_by(self, hours: int, looks: bool) -> None:
        """Let time pass, with or without advancing the engine's time."""
        self.now += timedelta(hours=hours)
        if looks:
            self.relations.advance_time(self.now)
            _hold(self.relations.advance_time(self.now).events == 0, "time advanced twice does more than once")
            late = {"acknowledge", "next_response", "resolve", "follow_up_deadline", "escalation"}
            left = [item for item in self.relations.views.agenda.due(until=self.now) if item.kind in late]
            _hold(not left, f"still due when time has advanced: {left}")

    # --- what always holds ------------------------------------------------------------------------------------------

    def state(self, complaint: str) -> Complaint:
        """Return the state of one complaint."""
        found: Complaint = self.relations.load("complaint", complaint)
        return found

    @invariant()
    def every_clock_runs_or_has_one_outcome(self) -> None:
        """Check that each clock starts once, ends at most once, and is on the agenda until it ends."""
        items: dict[tuple[str, str], int] = {}
        for item in self.relations.views.agenda.for_customer("c1"):
            items[item.stream, item.kind] = to_micros(item.due_at)
        for complaint in self.complaints:
            state = self.state(complaint)
            started, ended = self._clocks(complaint)
            _hold(max([*started.values(), *ended.values()], default=1) == 1, f"a clock of {complaint} came twice")
            open_ = {(state.round, clock.name, clock.number) for clock in state.clocks}
            _hold(open_ == set(started) - set(ended), f"clocks of {complaint} are neither running nor ended")
            running = {clock.name: clock.due_at for clock in state.clocks if not clock.paused}
            for name in _CLOCKS:
                kind = "follow_up_deadline" if name == "follow_up" else name
                listed = items.get((f"complaint-{complaint}", kind))
                _hold(listed == running.get(name), f"the agenda has {name} of {complaint} at {listed}")

    def _clocks(self, complaint: str) -> tuple[Counter[Any], Counter[Any]]:
        started: Counter[Any] = Counter()
        ended: Counter[Any] = Counter()
        round_ = 0
        for recorded in self.relations.history("c1"):
            event = recorded.event
            if recorded.stream != f"complaint-{complaint}":
                continue
            if isinstance(event, ComplaintFiled | ComplaintReopened):
                round_ += 1
                started.update([(round_, "acknowledge", 1), (round_, "resolve", 1)])
            elif isinstance(event, ClockStarted):
                started[event.round, event.clock, event.number] += 1
            elif isinstance(event, DeadlineMet | DeadlineMissed | ClockCancelled):
                ended[event.round, event.clock, event.number] += 1
        return started, ended

    @invariant()
    def states_are_in_the_table_and_merges_go_somewhere(self) -> None:
        """Check that following duplicates ends at a complaint that is not a duplicate."""
        for complaint in self.complaints:
            state = self.state(complaint)
            _hold(state.status in MOVES, f"{complaint} is {state.status}")
            _hold((state.status == "merged") == (state.merged_into is not None), f"{complaint} is merged nowhere")
            seen = {complaint}
            while state.merged_into is not None:
                _hold(state.merged_into not in seen, f"{seen} are duplicates of each other")
                seen.add(state.merged_into)
                state = self.state(state.merged_into)

    @invariant()
    def nobody_carries_out_what_was_not_allowed(self) -> None:
        """Check that remedies above the clerk's limit are not carried out: nobody here may approve money."""
        for complaint in self.complaints:
            for remedy in self.state(complaint).remedies.values():
                if remedy.value is not None and remedy.value.amount > 5_000:
                    _hold(remedy.status in ("awaiting", "refused"), f"{complaint} offers what nobody may")
