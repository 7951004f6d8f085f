"""The rows of posts: each post with its scores, and its author.

A post is feedback with a platform. Its words and its link stay in the log.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from relations.aggregates.customer import (
    CustomerErased,
    FeedbackAnswered,
    FeedbackCorrected,
    FeedbackGiven,
    SentimentScored,
)
from relations.messages import Envelope
from relations.projections.projection import CustomerRow, Projection, Rows

__all__ = ["PROJECTION", "Post", "PostAuthor"]


class Post(CustomerRow, gc=False):
    """A post. All times are UTC microseconds.

    Attributes:
        stream: The stream of its author; merged authors may have posts with the same id.
        feedback: Its id.
        platform: The platform.
        at: When it was posted.
        instrument: The instrument's id.
        score: The score, such as the stars of a review; None if it has none.
        sentiments: The sentiments that scorers found in its words, in thousandths.
        answer_by: The time by which an answer is due; None if none is.
        answered_at: When the business answered; None if it has not.
    """

    table: ClassVar[str] = "posts"
    key: ClassVar[tuple[str, ...]] = ("customer", "stream", "feedback")
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("at",), ("platform", "at"))
    stream: str
    feedback: str
    platform: str = ""
    at: int = 0
    instrument: str = ""
    score: int | None = None
    sentiments: list[int] = msgspec.field(default_factory=list)
    answer_by: int | None = None
    answered_at: int | None = None


class PostAuthor(CustomerRow, gc=False):
    """A customer who posted in public.

    Attributes:
        erased_at: The last erasure, UTC microseconds; 0 if there was none. Nobody can answer them any more.
    """

    table: ClassVar[str] = "authors"
    erased_at: int = 0

    def absorb(self, other: PostAuthor) -> None:
        """Add the row of another id of the same author."""
        self.erased_at = max(self.erased_at, other.erased_at)


PROJECTION = Projection(name="posts", version=1, tables=(Post, PostAuthor))


def _post(rows: Rows, at: Envelope, feedback: str) -> Post | None:
    return rows.get(Post, at.customer, at.stream, feedback)


@PROJECTION.on(FeedbackGiven)
def posted(rows: Rows, event: FeedbackGiven, at: Envelope) -> None:
    """Add a post. Other feedback has no platform."""
    if event.platform is None:
        return
    rows.need(PostAuthor, at.customer)
    post = rows.need(Post, at.customer, at.stream, event.feedback)
    post.platform, post.at, post.instrument = event.platform, at.occurred_at, event.instrument
    post.score, post.answer_by = event.score, event.answer_by


@PROJECTION.on(FeedbackCorrected)
def corrected(rows: Rows, event: FeedbackCorrected, at: Envelope) -> None:
    """Replace the score of a post that its author changed, and what was found in its words."""
    post = _post(rows, at, event.feedback)
    if post is not None:
        post.score, post.answer_by = event.score, event.answer_by
        if event.themes is not None:
            post.sentiments = []


@PROJECTION.on(SentimentScored)
def sentiment_scored(rows: Rows, event: SentimentScored, at: Envelope) -> None:
    """Keep the sentiment of a post. A negative one may want an answer."""
    post = _post(rows, at, event.feedback)
    if post is not None:
        post.sentiments = [*post.sentiments, event.score]
        if post.answer_by is None:
            post.answer_by = event.answer_by


@PROJECTION.on(FeedbackAnswered)
def answered(rows: Rows, event: FeedbackAnswered, at: Envelope) -> None:
    """Keep the time of the answer."""
    post = _post(rows, at, event.feedback)
    if post is not None:
        post.answered_at = at.occurred_at


@PROJECTION.on(CustomerErased)
def author_erased(rows: Rows, _event: CustomerErased, at: Envelope) -> None:
    """Keep that nobody can answer the author any more."""
    author = rows.get(PostAuthor, at.customer)
    if author is not None:
        author.erased_at = max(author.erased_at, at.occurred_at)
