"""How customers are asked, and how answers are read: instruments, invitations, themes, the smallest number shown."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from relations.messages import Label
from relations.policies.instruments import CES, CSAT, INTERVIEW, NPS, OBSERVATION, PANEL, REVIEW, SERVQUAL, Instrument

__all__ = ["Surveys", "Theme"]

_DAY = 86_400_000_000
Days = Annotated[int, Field(strict=True, ge=0, le=3650)]


class Theme(BaseModel):
    """What customers' words can be about.

    Attributes:
        name: The theme, as codings name it.
        description: What belongs to it, for whoever codes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Label
    description: Annotated[str, Field(max_length=1000)] = ""


class Surveys(BaseModel):
    """How customers are asked, and how their answers are read.

    What promoters and detractors are (9 to 10 and 0 to 6 of 0 to 10) is no policy: a score reckoned otherwise is not a
    net promoter score (F. Reichheld, "The one number you need to grow", Harvard Business Review, December 2003).

    Attributes:
        minimum_answers: Figures from fewer answers are suppressed: their number is shown, nothing else.
        confidence: The two-sided confidence level of every interval shown.
        csat_satisfied_from: From which of the scores 1 to 5 an answer counts as satisfied; 4 is the usual top two.
        follow_up_days: How many days after a complaint was resolved the customer is to be asked how they see it now;
            None where the business does not ask.
        instruments: What is asked with. `nps` and `csat` are always there, given or not.
        themes: What words are coded to. Empty: to any theme.
        quarantine_days: For so many days after a customer *saw* an invitation no other one is sent to them.
        reminder_days: So many days after an invitation was sent, or reminded of, the next reminder is due.
        reminders: How often a customer is reminded of one invitation at most.
        reminder_valid_days: A reminder that nobody sent for so many days after it was due lapses: the agenda has it no
            longer, and the invitation stays unanswered. None where reminders never lapse.
        answer_within_days: How soon the business comes back to a customer who gave a low answer.
        low_sentiment: Words without a score ask for an answer of the business where a scorer gave them so much or less,
            in thousandths; None where they never do.
        consent_purpose: Nobody is invited or reminded through a channel on which they withdrew their consent for this;
            None where the business does not ask for it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    minimum_answers: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = 5
    confidence: Annotated[float, Field(ge=0.5, le=0.999_999)] = 0.95
    csat_satisfied_from: Annotated[int, Field(strict=True, ge=2, le=5)] = 4
    follow_up_days: Days | None = 7
    instruments: tuple[Instrument, ...] = (NPS, CSAT, CES, REVIEW, SERVQUAL, INTERVIEW, PANEL, OBSERVATION)
    themes: tuple[Theme, ...] = ()
    quarantine_days: Days = 30
    reminder_days: Annotated[int, Field(strict=True, ge=1, le=3650)] = 7
    reminders: Annotated[int, Field(strict=True, ge=0, le=10)] = 1
    reminder_valid_days: Annotated[int, Field(strict=True, ge=1, le=3650)] | None = 14
    answer_within_days: Days = 2
    low_sentiment: Annotated[int, Field(strict=True, ge=-1000, le=0)] | None = -500
    consent_purpose: Label | None = "surveys"

    @model_validator(mode="after")
    def _names_stand_once(self) -> Self:
        for what, names in (
            ("instruments have the id", [each.id for each in self.instruments]),
            ("themes have the name", [each.name for each in self.themes]),
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
        """The instrument with this id; None where the business has none."""
        for each in (*self.instruments, NPS, CSAT):
            if each.id == name:
                return each
        return None

    def answer_by(self, instrument: str, at: int, *scores: int) -> int | None:
        """By when the business is to come back to whoever answered this, UTC microseconds; None: it need not.

        Args:
            instrument: The instrument's id.
            at: When it was answered.
            scores: The score, or those of all items.
        """
        known = self.instrument(instrument)
        return at + self.answer_within_days * _DAY if known is not None and known.is_low(*scores) else None

    def lapsed_by(self, at: int) -> int | None:
        """Until when a reminder was due that has lapsed by a moment, both UTC microseconds; None where none lapses."""
        return None if self.reminder_valid_days is None else at - self.reminder_valid_days * _DAY

    def unknown_themes(self, themes: tuple[str, ...]) -> list[str]:
        """Those of the names that are no theme of the policy; none where it lists no themes."""
        names = {theme.name for theme in self.themes}
        return [name for name in themes if names and name not in names]
