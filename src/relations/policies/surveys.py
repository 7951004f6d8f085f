"""The settings of surveys: instruments, invitations, themes, and the smallest number of answers shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from relations.messages import Checked, Label, Term
from relations.policies.codes import OR_NONE
from relations.policies.instruments import CES, CSAT, INTERVIEW, NPS, OBSERVATION, PANEL, REVIEW, SERVQUAL, Instrument

__all__ = ["PlatformPromise", "Surveys", "Theme"]

_DAY = 86_400_000_000
_MINUTE = 60_000_000
Days = Annotated[int, Field(strict=True, ge=0, le=3650)]


class Theme(Checked):
    """A theme of customers' words.

    Attributes:
        name: The name, which codings use.
        description: A description for the people who code.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Label
    description: Annotated[str, Field(max_length=1000)] = ""


class PlatformPromise(Checked):
    """The promise to answer what people post on a platform.

    Attributes:
        platform: The platform, as posts name it.
        answer_minutes: The minutes within which every post there is answered.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    platform: Term
    answer_minutes: Annotated[int, Field(strict=True, ge=1, le=525_600)]


class Surveys(Checked):
    """The settings of surveys, and of how answers are read.

    The policy cannot change the limits of promoters and detractors (9 to 10 and 0 to 6, on a scale of 0 to 10). With
    other limits the result would not be a net promoter score (F. Reichheld, "The one number you need to grow", Harvard
    Business Review, December 2003).

    Attributes:
        minimum_answers: Figures from fewer answers are suppressed; only the number of answers is shown.
        confidence: The two-sided confidence level of every interval shown.
        csat_satisfied_from: The lowest score, from 1 to 5, that counts as satisfied. The usual one is 4.
        follow_up_days: The days after a complaint is resolved until the customer is asked about it again. None if the
            business does not ask.
        instruments: The instruments. `nps` and `csat` are always included.
        themes: The themes to which words can be coded. Empty: any theme.
        quarantine_days: The days after a customer *saw* an invitation in which no other one is sent to them.
        reminder_days: The days after an invitation or a reminder until the next reminder is due.
        reminders: The maximum number of reminders for one invitation.
        reminder_valid_days: The days after which a due reminder that nobody sent lapses. It then leaves the agenda, and
            the invitation stays unanswered. None if reminders never lapse.
        answer_within_days: The days within which the business replies to a low answer.
        low_sentiment: The sentiment, in thousandths, at or below which words without a score need a reply. None if they
            never do.
        consent_purpose: The purpose for which consent is checked: nobody is invited or reminded through a channel on
            which they withdrew it. None if consent is not checked.
        platforms: The promises to answer posts. On a platform without one, low posts are answered like low answers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    minimum_answers: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = 5
    confidence: Annotated[float, Field(ge=0.5, le=0.999_999)] = 0.95
    csat_satisfied_from: Annotated[int, Field(strict=True, ge=2, le=5)] = 4
    follow_up_days: Annotated[Days | None, OR_NONE] = 7
    instruments: tuple[Instrument, ...] = (NPS, CSAT, CES, REVIEW, SERVQUAL, INTERVIEW, PANEL, OBSERVATION)
    themes: tuple[Theme, ...] = ()
    quarantine_days: Days = 30
    reminder_days: Annotated[int, Field(strict=True, ge=1, le=3650)] = 7
    reminders: Annotated[int, Field(strict=True, ge=0, le=10)] = 1
    reminder_valid_days: Annotated[Annotated[int, Field(strict=True, ge=1, le=3650)] | None, OR_NONE] = 14
    answer_within_days: Days = 2
    low_sentiment: Annotated[Annotated[int, Field(strict=True, ge=-1000, le=0)] | None, OR_NONE] = -500
    consent_purpose: Annotated[Label | None, OR_NONE] = "surveys"
    platforms: tuple[PlatformPromise, ...] = ()

    @model_validator(mode="after")
    def _names_stand_once(self) -> Self:
        for what, names in (
            ("instruments have the id", [each.id for each in self.instruments]),
            ("themes have the name", [each.name for each in self.themes]),
            ("promises are for the platform", [each.platform for each in self.platforms]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                msg = f"two {what} {twice[0]!r}"
                raise ValueError(msg)
        for known in (NPS, CSAT):
            for each in self.instruments:
                if each.id == known.id and each.kind != known.kind:
                    msg = f"the instrument {known.id!r} is a {known.kind}, not a {each.kind}; give the other another id"
                    raise ValueError(msg)
        return self

    def instrument(self, name: str) -> Instrument | None:
        """Return the instrument with this id, or None if there is none."""
        for each in (*self.instruments, NPS, CSAT):
            if each.id == name:
                return each
        return None

    def answer_by(self, instrument: str, at: int, *scores: int, platform: str | None = None) -> int | None:
        """Return the time by which the business must reply to an answer, UTC microseconds; None if it need not.

        Args:
            instrument: The instrument's id.
            at: The time of the answer, UTC microseconds.
            scores: The score, or the scores of all items.
            platform: The platform on which it was posted; None if it is not a post.
        """
        for promise in self.platforms if platform is not None else ():
            if promise.platform == platform:
                return at + promise.answer_minutes * _MINUTE
        known = self.instrument(instrument)
        return at + self.answer_within_days * _DAY if known is not None and known.is_low(*scores) else None

    def is_low(self, instrument: str, scores: Sequence[int], sentiments: Sequence[int]) -> bool:
        """Return True if an answer is low: by its scores, or without scores by the sentiment of its words.

        Args:
            instrument: The instrument's id.
            scores: The score, or the scores of all items; empty for words alone.
            sentiments: The sentiments that scorers found, in thousandths.
        """
        return self.is_low_on_average(instrument, sum(scores), len(scores), min(sentiments, default=1))

    def is_low_on_average(self, instrument: str, total: int, count: int, sentiment: int) -> bool:
        """Return True if an answer is low.

        Args:
            instrument: The instrument's id.
            total: The sum of its scores.
            count: The number of its scores; 0 for words alone.
            sentiment: The lowest sentiment that a scorer found, in thousandths; 1 if there is none.
        """
        if count:
            known = self.instrument(instrument)
            return known is not None and known.is_low_on_average(total, count)
        return self.low_sentiment is not None and sentiment <= self.low_sentiment

    def lapsed_by(self, at: int) -> int | None:
        """Return the latest due time of reminders that have lapsed by a moment; None if reminders never lapse.

        Both are UTC microseconds.
        """
        return None if self.reminder_valid_days is None else at - self.reminder_valid_days * _DAY

    def unknown_themes(self, themes: tuple[str, ...]) -> list[str]:
        """Return the names that are not themes of the policy; none of them if it lists no themes."""
        names = {theme.name for theme in self.themes}
        return [name for name in themes if names and name not in names]
