"""Scoring of words in the log. Scores are recorded with scorer and version, so no replay needs a model.

A score has the time of the words; `recorded_at` is the time of scoring. The command depends only on the answer and the
scorer, so scoring again, or in two processes at once, records nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from hashlib import sha256
from itertools import islice
from typing import NamedTuple, TypeAlias

import msgspec

from relations.aggregates.customer import (
    CustomerRegistered,
    FeedbackCorrected,
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
from relations.projections.running.worker_processes import worker_pool
from relations.sentiment.scorers import SCORERS, Scorer

__all__ = ["ScorerCount", "ScoringReport", "score_feedback"]

_CHUNK = 16
"""The number of texts sent to another process at a time: enough that sending costs little compared with scoring."""


class ScorerCount(msgspec.Struct):
    """The counts of one scorer.

    Attributes:
        scorer: Its name.
        version: Its version.
        scored: Answers scored now.
        known: Answers that this version had scored before.
        refused: Scores that the rules refused; `ScoringReport.rejections` has the reasons.
    """

    scorer: str
    version: str
    scored: int = 0
    known: int = 0
    refused: int = 0


class ScoringReport(msgspec.Struct):
    """The result of scoring all answers that have words.

    Attributes:
        answers: Answers with words.
        erased: Answers of erased customers, whose words are gone.
        unread: Answers in a language that no scorer reads, or in an unknown language.
        scorers: The counts of each scorer, in the order given.
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
"""A function that is called after each batch with the report so far and the last position."""

_Score: TypeAlias = Callable[[Scorer, list[str]], list[int]]
_Answer: TypeAlias = tuple[str, str]
"""Customer and answer."""
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
    """Score every answer with words by every scorer that reads its language and has not scored it yet.

    The words of a corrected answer are those of the last correction. An answer without a language has the customer's
    language, as last known at that time. An interrupted run continues when it is started again. Answers that are
    recorded meanwhile are left to the next run.

    Args:
        engine: The engine that has the answers.
        scorers: The scorers. Default: all shipped ones.
        language: The language (BCP 47) of answers without one from customers whose language is unknown. By default
            such answers are left out.
        processes: The number of processes to score in. Models in plain Python are slow.
        batch: The number of answers to read, score and record at a time.
        on_progress: The function to call after each batch.

    Raises:
        MissingExtra: The extra `sentiment` is not installed.
        InvalidInput: A scorer returned something other than a whole number from -1000 to 1000.
    """
    report = ScoringReport(scorers=[ScorerCount(each.name, each.version) for each in scorers])
    head = engine.status().position
    spoken = _Spoken(engine, head, language or "")
    known, latest = _scored(engine, head)
    with _scoring(processes) as score:
        for part in _parts(engine.events(until=head, of=(FeedbackGiven, FeedbackCorrected)), batch):
            current = [each for each in part if latest.get(_answer(each), _AS_GIVEN).position <= each.position]
            read = list(_readable(current, scorers, spoken, report))
            for scorer, count in zip(scorers, report.scorers, strict=True):
                mine = [(given, words) for given, words, tag in read if _reads(scorer, tag)]
                fresh = [each for each in mine if _key(each[0], count) not in known]
                count.known += len(mine) - len(fresh)
                scores = score(scorer, [words for _, words in fresh])
                times = [max(given.occurred_at, latest.get(_answer(given), _AS_GIVEN).at) for given, _ in fresh]
                scored = zip(fresh, times, scores, strict=True)
                _record(engine, report, count, [_command(given, at, count, each) for (given, _), at, each in scored])
            report.position = part[-1].position
            if on_progress is not None:
                on_progress(report, head)
    report.position = head
    return report


class _Latest(NamedTuple):
    """The position of the event that has an answer's present words, and the business time of its last correction."""

    position: int
    at: int


_AS_GIVEN = _Latest(0, 0)


def _scored(engine: Relations, until: int) -> tuple[set[_Key], dict[_Answer, _Latest]]:
    """Return the scores of present words, and the answers that were corrected."""
    found: dict[_Answer, set[tuple[str, str]]] = {}
    latest: dict[_Answer, _Latest] = {}
    for recorded in engine.events(until=until, of=(SentimentScored, FeedbackCorrected)):
        event, answer = recorded.event, _answer(recorded)
        if isinstance(event, SentimentScored):
            found.setdefault(answer, set()).add((event.scorer, event.scorer_version))
        elif isinstance(event, FeedbackCorrected) and event.replaces_words:
            found.pop(answer, None)
            latest[answer] = _Latest(recorded.position, recorded.occurred_at)
        else:  # by an older version, which left the earlier words in place
            latest[answer] = _Latest(latest[answer].position if answer in latest else 0, recorded.occurred_at)
    return {(*answer, *scorer) for answer, scorers in found.items() for scorer in scorers}, latest


class _Spoken:
    """The languages of customers over time, from events under any of their ids.

    Args:
        engine: The engine.
        until: The last position to read.
        otherwise: The language of customers whose language is unknown.
    """

    def __init__(self, engine: Relations, until: int, otherwise: str) -> None:
        self._engine, self._until, self._otherwise = engine, until, otherwise

    def by(self, customer: str, at: int) -> str:
        """Return a customer's last known language at a moment in UTC microseconds."""
        survivor = self._aliases.survivor(customer)
        known = [said for said in self._said.get(survivor, ()) if said[:1] <= (at,)]
        return max(known)[-1] if known else self._otherwise

    @cached_property
    def _aliases(self) -> Aliases:
        return self._engine.views.customers.aliases

    @cached_property
    def _said(self) -> dict[str, list[tuple[int, int, str]]]:
        """By surviving id: business time, position and language of each report."""
        found: dict[str, list[tuple[int, int, str]]] = {}
        for recorded in self._engine.events(until=self._until, of=(CustomerRegistered, ProfileCorrected)):
            language = getattr(recorded.event, "language", None)
            if language:
                said = found.setdefault(self._aliases.survivor(recorded.customer), [])
                said.append((recorded.occurred_at, recorded.position, language))
        return found


def _answer(recorded: RecordedEvent) -> _Answer:
    event = recorded.event
    assert isinstance(event, FeedbackGiven | FeedbackCorrected | SentimentScored)  # noqa: S101 - only those were asked for
    return recorded.customer, event.feedback


def _key(given: RecordedEvent, by: ScorerCount) -> _Key:
    return (*_answer(given), by.scorer, by.version)


def _parts(events: Iterable[RecordedEvent], size: int) -> Iterator[list[RecordedEvent]]:
    rest = iter(events)
    while part := list(islice(rest, size)):
        yield part


def _readable(
    part: list[RecordedEvent], scorers: Sequence[Scorer], spoken: _Spoken, report: ScoringReport
) -> Iterator[tuple[RecordedEvent, str, str]]:
    """Yield the answers that some scorer reads, with their words and language, and count the others."""
    for given in part:
        event = given.event
        if not isinstance(event, FeedbackGiven | FeedbackCorrected) or event.comment is None:
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


def _record(engine: Relations, report: ScoringReport, count: ScorerCount, commands: list[ScoreSentiment]) -> None:
    done = engine.execute_many(commands)
    count.scored += done.accepted
    count.known += done.repeated + done.unchanged  # another process came first
    count.refused += len(done.rejections)
    report.rejections += done.rejections


def _command(given: RecordedEvent, at: int, by: ScorerCount, score: int) -> ScoreSentiment:
    if type(score) is not int or not -1000 <= score <= 1000:
        raise InvalidInput(
            f"the scorer {by.scorer} {by.version} returned {score!r}",
            code="invalid_score",
            field="score",
            hint="Return a whole number from -1000 to 1000",
        )
    customer, feedback, scorer, version = key = _key(given, by)
    corrected = (str(given.position),) if isinstance(given.event, FeedbackCorrected) else ()
    return ScoreSentiment(
        customer=customer,
        feedback=feedback,
        score=score,
        scorer=scorer,
        scorer_version=version,
        occurred_at=from_micros(at),
        # Ids may be 64 characters long each, and a command's id 200; none of them has a blank.
        command_id=f"sentiment:{sha256(' '.join((*key, *corrected)).encode()).hexdigest()}",
        actor=scorer,
    )


@contextmanager
def _scoring(processes: int) -> Iterator[_Score]:
    """Yield a function that scores many texts, in this process or in several."""
    if processes <= 1:
        yield lambda scorer, texts: [scorer.score(text) for text in texts]
        return
    # Not forked: a forked process would share the engine's open connections.
    with worker_pool(processes) as pool:
        yield lambda scorer, texts: list(pool.map(scorer.score, texts, chunksize=_CHUNK))
