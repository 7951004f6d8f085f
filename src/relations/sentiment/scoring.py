"""Words in the log, scored once: what a model said is recorded with its name and version, and no replay asks it again.

A score is dated when the words were given, for it says something of them; when it was reckoned stands in
`recorded_at`. So a command is made of the answer and the scorer alone, and scoring again, or from two processes at
once, records nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from hashlib import sha256
from itertools import islice
from multiprocessing import get_context
from typing import TypeAlias

import msgspec

from relations.aggregates.customer import (
    CustomerRegistered,
    FeedbackGiven,
    ProfileCorrected,
    ScoreSentiment,
    SentimentScored,
)
from relations.engine import Rejection, Relations
from relations.errors import InvalidInput
from relations.log.personal import ERASED
from relations.messages import RecordedEvent, from_micros
from relations.projections.running.aliases import Aliases
from relations.sentiment.scorers import SCORERS, Scorer

__all__ = ["ScorerCount", "ScoringReport", "score_feedback"]

_CHUNK = 16
"""Texts handed to another process at a time: enough that the way there costs nothing beside the scoring."""


class ScorerCount(msgspec.Struct):
    """What one scorer did.

    Attributes:
        scorer: Its name.
        version: Its version.
        scored: Answers that it scored now.
        known: Answers that this version of it had scored before.
        refused: Scores that the rules did not take; `ScoringReport.rejections` says why.
    """

    scorer: str
    version: str
    scored: int = 0
    known: int = 0
    refused: int = 0


class ScoringReport(msgspec.Struct):
    """What became of all answers that have words.

    Attributes:
        answers: How many there are.
        erased: Those of erased customers: there is nothing left to read.
        unread: Those in a language that no scorer reads, or of which neither they nor their customer say which it is.
        scorers: What each scorer did with the rest, in the order given.
        rejections: Refused scores, each with its reason.
        position: The position up to which the log has been read.
    """

    answers: int = 0
    erased: int = 0
    unread: int = 0
    scorers: list[ScorerCount] = []
    rejections: list[Rejection] = []
    position: int = 0


OnScored: TypeAlias = Callable[[ScoringReport, int], None]
"""Called after each part with the report so far and the position at which it will end."""

_Score: TypeAlias = Callable[[Scorer, list[str]], list[int]]
_Key: TypeAlias = tuple[str, str, str, str]
"""Customer and answer, scorer and version."""


def score_feedback(
    engine: Relations,
    scorers: Sequence[Scorer] = tuple(SCORERS.values()),
    *,
    language: str | None = None,
    processes: int = 1,
    batch: int = 500,
    on_progress: OnScored | None = None,
) -> ScoringReport:
    """Have every answer with words scored by every scorer that reads its language and has not scored it yet.

    An answer that does not say its language is in the customer's own, as last known by then. Interrupted, it is run
    again and goes on where it stopped; what is recorded while it runs is left to the next time.

    Args:
        engine: Where the answers are.
        scorers: Who scores; all that ship where absent.
        language: That of answers that say no language, of customers whose own is not known (BCP 47); without it these
            are not read.
        processes: Score in so many processes; models in plain Python are slow.
        batch: Answers read, scored and recorded at a time.
        on_progress: Told how far it is.

    Raises:
        MissingExtra: The extra `sentiment` is not installed.
        InvalidInput: A scorer gave something other than a whole number from -1000 to 1000.
    """
    report = ScoringReport(scorers=[ScorerCount(each.name, each.version) for each in scorers])
    head = engine.status().position
    spoken = _Spoken(engine, head, language or "")
    known = set(_scored(engine, head))
    with _scoring(processes) as score:
        for part in _parts(engine.events(until=head, of=(FeedbackGiven,)), batch):
            read = list(_readable(part, scorers, spoken, report))
            for scorer, count in zip(scorers, report.scorers, strict=True):
                mine = [(given, words) for given, words, tag in read if _reads(scorer, tag)]
                fresh = [each for each in mine if _key(each[0], count) not in known]
                count.known += len(mine) - len(fresh)
                scores = score(scorer, [words for _, words in fresh])
                _record(engine, report, count, [given for given, _ in fresh], scores)
            report.position = part[-1].position
            if on_progress is not None:
                on_progress(report, head)
    report.position = head
    return report


def _scored(engine: Relations, until: int) -> Iterator[_Key]:
    """What was scored already, and by which version of what."""
    for scored in engine.events(until=until, of=(SentimentScored,)):
        if isinstance(scored.event, SentimentScored):
            yield scored.customer, scored.event.feedback, scored.event.scorer, scored.event.scorer_version


class _Spoken:
    """Which language customers spoke when: what was last said of it, by business time, under any id of theirs.

    Args:
        engine: Where they are known.
        until: The last position to read.
        otherwise: The language of those of whom nothing is known.
    """

    def __init__(self, engine: Relations, until: int, otherwise: str) -> None:
        self._engine, self._until, self._otherwise = engine, until, otherwise

    def by(self, customer: str, at: int) -> str:
        """The language of a customer at a moment, UTC microseconds."""
        survivor = self._aliases.survivor(customer)
        known = [said for said in self._said.get(survivor, ()) if said[:1] <= (at,)]
        return max(known)[-1] if known else self._otherwise

    @cached_property
    def _aliases(self) -> Aliases:
        return self._engine.views.customers.aliases

    @cached_property
    def _said(self) -> dict[str, list[tuple[int, int, str]]]:
        """By surviving id, when each language was said, where in the log, and which; read once it is asked for."""
        found: dict[str, list[tuple[int, int, str]]] = {}
        for recorded in self._engine.events(until=self._until, of=(CustomerRegistered, ProfileCorrected)):
            language = getattr(recorded.event, "language", None)
            if language:
                said = found.setdefault(self._aliases.survivor(recorded.customer), [])
                said.append((recorded.occurred_at, recorded.position, language))
        return found


def _key(given: RecordedEvent, by: ScorerCount) -> _Key:
    assert isinstance(given.event, FeedbackGiven)  # noqa: S101 - only those were asked for
    return given.customer, given.event.feedback, by.scorer, by.version


def _parts(events: Iterable[RecordedEvent], size: int) -> Iterator[list[RecordedEvent]]:
    rest = iter(events)
    while part := list(islice(rest, size)):
        yield part


def _readable(
    part: list[RecordedEvent], scorers: Sequence[Scorer], spoken: _Spoken, report: ScoringReport
) -> Iterator[tuple[RecordedEvent, str, str]]:
    """The answers with words that any scorer reads, with the words and their language; the others are counted."""
    for given in part:
        event = given.event
        if not isinstance(event, FeedbackGiven) or event.comment is None:
            continue
        report.answers += 1
        if event.comment == ERASED:
            report.erased += 1
            continue
        tag = event.language or spoken.by(given.customer, given.occurred_at)
        if any(_reads(scorer, tag) for scorer in scorers):
            yield given, event.comment, tag
        else:
            report.unread += 1


def _reads(scorer: Scorer, tag: str) -> bool:
    return tag.partition("-")[0].lower() in scorer.languages


def _record(
    engine: Relations, report: ScoringReport, count: ScorerCount, answers: list[RecordedEvent], scores: list[int]
) -> None:
    commands = (_command(given, count, score) for given, score in zip(answers, scores, strict=True))
    done = engine.execute_many(commands)
    count.scored += done.accepted
    count.known += done.repeated + done.unchanged  # another process came first
    count.refused += len(done.rejections)
    report.rejections += done.rejections


def _command(given: RecordedEvent, by: ScorerCount, score: int) -> ScoreSentiment:
    if type(score) is not int or not -1000 <= score <= 1000:
        raise InvalidInput(
            f"the scorer {by.scorer} {by.version} gave {score!r}",
            code="invalid_score",
            field="score",
            hint="A scorer gives a whole number from -1000 to 1000",
        )
    customer, feedback, scorer, version = key = _key(given, by)
    return ScoreSentiment(
        customer=customer,
        feedback=feedback,
        score=score,
        scorer=scorer,
        scorer_version=version,
        occurred_at=from_micros(given.occurred_at),
        # Ids may be 64 characters long each, and a command's id 200; none of them has a blank.
        command_id=f"sentiment:{sha256(' '.join(key).encode()).hexdigest()}",
        actor=scorer,
    )


@contextmanager
def _scoring(processes: int) -> Iterator[_Score]:
    """Scores many texts, in this process or over several."""
    if processes <= 1:
        yield lambda scorer, texts: [scorer.score(text) for text in texts]
        return
    # Not forked: a forked process would share the engine's open connections.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield lambda scorer, texts: list(pool.map(scorer.score, texts, chunksize=_CHUNK))
