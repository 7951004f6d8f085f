"""Measurement of a campaign with 100,000 recipients: sending, answering, and reading its results.

An offer is an event in the recipient's own stream, so it should cost about as much as any other command to that stream.
The plain command that it is compared with is a purchase of the same customer, in the same log and in the same batches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from statistics import median
from time import perf_counter

from benchmarks.harness import Line, Timing, Workspace, alternate, compared
from benchmarks.histories import open_log
from benchmarks.purchases import clock, in_parts, purchases
from relations import Relations
from relations.aggregates.campaign import PlanCampaign, StartCampaign
from relations.aggregates.customer import AnswerOffer, SendOffer, WithholdOffer
from relations.messages import Command
from relations.projections.campaigns import CampaignResult

NAME = "campaign"
ABOUT = "a campaign of 100,000 recipients: sending, answering and its results"

_BATCH = 1_000
_CONTROL_EVERY = 10
_ANSWER_EVERY = 2
_ASKED = 5
_FEWEST_IN_A_TURN = 5


def measure(workspace: Workspace) -> list[Line]:
    """Return the lines of this measurement."""
    scale = workspace.scale
    turns = scale.import_rounds
    count = max(turns * _FEWEST_IN_A_TURN, min(100_000, scale.events // 10))
    workspace.say(f"sending offers to {count:,} customers, in turns with purchases")
    path, numbers = workspace.path("campaign"), range(1, count + 1)
    with open_log(path, clock=clock, durability="off") as relations:
        _begin(relations, numbers)
        size = -(-count // turns)
        sent = _race(relations, in_parts(list(_offers(numbers)), size), _shopping(numbers, 1, size))
        answers = in_parts(list(_answers(numbers)), -(-size // _ANSWER_EVERY))
        answered = _race(relations, answers, _shopping(numbers, 2, -(-size // _ANSWER_EVERY)))
        relations.catch_up()
        asked = list(_ask(relations, count))
    against = "a plain command: a purchase of the same customers, in the same batches"
    return [
        compared(NAME, f"sending offers to {count:,} customers, every tenth withheld", against, *sent, counts=(1, 1),
                 unit="commands/s", budget=0.67, note="an offer takes at most one and a half times as long"),
        compared(NAME, f"recording the answers of {count // _ANSWER_EVERY:,} customers", against, *answered,
                 counts=(1, 1), unit="commands/s", budget=0.67, note="likewise"),
        Line(
            measurement=NAME,
            what=f"the results of a campaign of {count:,} recipients, with lift",
            against="the budget itself: median",
            unit="ms",
            ours=median(asked),
            theirs=None,
            value=median(asked),
            lowest=min(asked),
            highest=max(asked),
            direction="at most",
            turns=len(asked),
            note="asked five times; what was computed the first time is kept until something new is recorded",
        ),
    ]  # fmt: skip


def _begin(relations: Relations, numbers: range) -> None:
    at = clock() - timedelta(days=900)
    plan = {"kind": "promotion", "starts": at.date(), "ends": at.date() + timedelta(days=60)}
    relations.execute_many(
        [
            PlanCampaign(campaign="spring", occurred_at=at, **plan),
            StartCampaign(campaign="spring", audience=len(numbers), occurred_at=at),
        ]
    )
    relations.execute_many(purchases(numbers, range(1)), batch=_BATCH)


def _offers(numbers: range) -> Iterator[Command]:
    at = clock() - timedelta(days=900)
    for number in numbers:
        common = {
            "customer": f"c{number:06d}",
            "campaign": "spring",
            "occurred_at": at,
            "command_id": f"offer:{number}",
        }
        if number % _CONTROL_EVERY == 0:
            yield WithholdOffer(**common)
        else:
            yield SendOffer(**common, offer=f"o{number:06d}", channel="email", lenient=True)


def _answers(numbers: range) -> Iterator[Command]:
    at = clock() - timedelta(days=890)
    for number in numbers:
        if number % _ANSWER_EVERY and number % _CONTROL_EVERY:
            yield AnswerOffer(
                customer=f"c{number:06d}", offer=f"o{number:06d}", answer="accepted", occurred_at=at,
                command_id=f"answer:{number}",
            )  # fmt: skip


def _shopping(numbers: range, place: int, size: int) -> Sequence[Sequence[Command]]:
    return in_parts(purchases(numbers, range(place, place + 1)), size)


def _race(
    relations: Relations, offers: Sequence[Sequence[Command]], plain: Sequence[Sequence[Command]]
) -> tuple[list[Timing], list[Timing]]:
    """Run parts of both in turns, and return how long each command took."""
    turns = min(len(offers), len(plain))
    # Each turn takes other customers, so that neither finds their states loaded by the other.
    plain = [*plain[turns // 2 :], *plain[: turns // 2]]
    parts = {"offers": iter(offers), "plain": iter(plain)}
    counts = {"offers": list(map(len, offers)), "plain": list(map(len, plain))}

    def work(name: str) -> None:
        report = relations.execute_many(next(parts[name]), batch=_BATCH)
        assert not report.rejections
        assert report.events

    times = alternate({"offers": lambda: work("offers"), "plain": lambda: work("plain")}, turns)
    ours, theirs = (
        [Timing(turn.wall / n, turn.cpu / n) for turn, n in zip(times[name], counts[name], strict=False)]
        for name in ("offers", "plain")
    )
    return ours, theirs


def _ask(relations: Relations, count: int) -> Iterator[float]:
    view = relations.views.campaigns
    for _ in range(_ASKED):
        begun = perf_counter()
        found: CampaignResult = view.results("spring")
        yield (perf_counter() - begun) * 1_000
        assert found.sent + found.control == count
        assert found.reached == found.sent
        assert found.lift is not None
