"""The instruments of surveys, each with its scale and its items."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, TypeAlias, get_args

from pydantic import ConfigDict, Field, model_validator

from relations.messages import Checked, Id, Label, Text

__all__ = [
    "CES",
    "CSAT",
    "DETRACTORS_TO",
    "EFFORT_METHODS",
    "INSTRUMENT_KINDS",
    "INTERVIEW",
    "NPS",
    "OBSERVATION",
    "PANEL",
    "PROMOTERS_FROM",
    "REVIEW",
    "SERVQUAL",
    "Instrument",
    "InstrumentItem",
    "InstrumentKind",
]

InstrumentKind: TypeAlias = Literal[
    "nps",
    "csat",
    "ces",
    "likert",
    "semantic_differential",
    "servqual",
    "review",
    "interview",
    "panel",
    "observation",
]
INSTRUMENT_KINDS: tuple[InstrumentKind, ...] = get_args(InstrumentKind)

PROMOTERS_FROM = 9
"""The lowest answer to a recommendation question, on its scale of 0 to 10, that counts as a promoter."""
DETRACTORS_TO = 6
"""The highest answer that counts as a detractor."""

EFFORT_METHODS = ("agreement", "effort")
"""The methods of an effort score: agreement that it was easy, or a rating of how much effort it took."""

_FIXED: dict[str, tuple[int, int]] = {"nps": (0, 10), "csat": (1, 5), "semantic_differential": (-3, 3)}
"""Kinds with a fixed scale."""
_CODED = frozenset({"interview", "panel", "observation"})
"""Kinds whose answers are notes coded to themes, without scores."""
_ITEMIZED = frozenset({"servqual", "semantic_differential"})
"""Kinds that need items."""
_POINTS_MIN, _POINTS_MAX = 2, 11

Step = Annotated[int, Field(strict=True, ge=-100, le=100)]


class InstrumentItem(Checked):
    """One statement of a questionnaire, or one pair of opposites.

    Attributes:
        id: Its id in the instrument, which answers refer to.
        dimension: The dimension to which it belongs. Figures are also given by dimension.
        text: The text that customers read.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Id
    dimension: Label | None = None
    text: Text | None = None


class Instrument(Checked):
    """One instrument of surveys.

    Attributes:
        id: Its id, which answers refer to.
        kind: `nps` (0 to 10), `csat` (1 to 5) or `ces` (effort; its scale and method are declared). Or `likert` (2 to
            11 points, one statement or several) or `semantic_differential` (pairs of opposites, -3 to 3). Or `servqual`
            (items in dimensions, each with an expected and a perceived score). Or `review` (stars and words),
            `interview`, `panel` or `observation` (notes coded to themes, without scores).
        lowest: The lowest point of the scale; absent if there is no scale.
        highest: The highest point.
        higher_is_better: False if a high score is a bad one. If it is not given, an effort score follows its method:
            high is bad if customers rate how much effort it took.
        method: The method of a `ces`: `agreement` (that it was easy) or `effort` (how much it took).
        low: Answers up to this score need a reply from the business; where high is bad, answers from this score on. A
            questionnaire is judged by the mean of its items. None: no answer needs a reply.
        items: The statements or pairs of a questionnaire.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Id
    kind: InstrumentKind
    lowest: Step | None = None
    highest: Step | None = None
    higher_is_better: bool = True
    method: Label | None = None
    low: Step | None = None
    items: tuple[InstrumentItem, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _effort_is_bad(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("kind") == "ces" and given.get("method") == "effort":
            return {"higher_is_better": False, **given}
        return given

    @model_validator(mode="after")
    def _scale_suits_the_kind(self) -> Self:
        scale = (self.lowest, self.highest)
        if self.kind in _CODED:
            if scale != (None, None) or self.items:
                msg = f"{self.id}: an {self.kind} is coded to themes and must not have a scale or items"
                raise ValueError(msg)
            return self
        if self.lowest is None or self.highest is None:
            msg = f"{self.id}: a {self.kind} needs a scale; give lowest and highest"
            raise ValueError(msg)
        fixed = _FIXED.get(self.kind)
        if fixed is not None and scale != fixed:
            msg = f"{self.id}: the scale of {self.kind} is {fixed[0]} to {fixed[1]}, not {scale[0]} to {scale[1]}"
            raise ValueError(msg)
        if not _POINTS_MIN <= self.highest - self.lowest + 1 <= _POINTS_MAX:
            msg = f"{self.id}: a scale must have {_POINTS_MIN} to {_POINTS_MAX} points, not {scale[0]} to {scale[1]}"
            raise ValueError(msg)
        if self.low is not None and not self.lowest <= self.low <= self.highest:
            msg = f"{self.id}: low is {self.low}, which is not on the scale from {self.lowest} to {self.highest}"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _items_suit_the_kind(self) -> Self:
        if self.kind in _ITEMIZED and not self.items:
            msg = f"{self.id}: a {self.kind} needs at least one item"
            raise ValueError(msg)
        if self.items and self.kind not in (*_ITEMIZED, "likert"):
            msg = f"{self.id}: a {self.kind} is one question and must not have items"
            raise ValueError(msg)
        names = [item.id for item in self.items]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            msg = f"{self.id}: two items have the id {twice[0]!r}"
            raise ValueError(msg)
        undimensioned = [item.id for item in self.items if self.kind == "servqual" and item.dimension is None]
        if undimensioned:
            msg = f"{self.id}: the item {undimensioned[0]!r} needs a dimension"
            raise ValueError(msg)
        return self

    @property
    def scored(self) -> bool:
        """True if an answer is one score, rather than items or notes."""
        return self.lowest is not None and not self.items

    @property
    def expects(self) -> bool:
        """True if each item has two answers: expected and perceived."""
        return self.kind == "servqual"

    def is_low(self, *scores: int) -> bool:
        """Return True if the business should reply to this answer, or to the mean of these items."""
        return bool(scores) and self.is_low_on_average(sum(scores), len(scores))

    def is_low_on_average(self, total: int, count: int) -> bool:
        """Return True if the business should reply to scores with this sum and number."""
        if self.low is None:
            return False
        return total <= self.low * count if self.higher_is_better else total >= self.low * count


def _servqual(**dimensions: tuple[str, ...]) -> tuple[InstrumentItem, ...]:
    return tuple(
        InstrumentItem(id=f"{dimension}-{number}", dimension=dimension, text=text)
        for dimension, texts in dimensions.items()
        for number, text in enumerate(texts, 1)
    )


NPS = Instrument(id="nps", kind="nps", lowest=0, highest=10, low=6)
CSAT = Instrument(id="csat", kind="csat", lowest=1, highest=5, low=2)
CES = Instrument(id="ces", kind="ces", lowest=1, highest=7, method="agreement", low=3)
"""Customer effort, asked as agreement with "it was made easy for me" (7: fully agree)."""
REVIEW = Instrument(id="review", kind="review", lowest=1, highest=5, low=2)
INTERVIEW = Instrument(id="interview", kind="interview")
PANEL = Instrument(id="panel", kind="panel")
OBSERVATION = Instrument(id="observation", kind="observation")

SERVQUAL = Instrument(
    id="servqual",
    kind="servqual",
    lowest=1,
    highest=7,
    low=3,
    items=_servqual(
        tangibles=(
            "Equipment is up to date",
            "The premises are pleasant to look at",
            "Staff are neatly dressed",
            "What is handed out looks as one would expect of such a house",
        ),
        reliability=(
            "What is promised for a certain time is done by then",
            "Problems meet with sympathy and reassurance",
            "The service can be depended on",
            "The service is right the first time",
            "Records are kept without mistakes",
        ),
        responsiveness=(
            "Customers are told exactly when they will be served",
            "Service is prompt",
            "Staff are always willing to help",
            "Staff are never too busy to respond",
        ),
        assurance=(
            "Staff can be trusted",
            "One feels safe in dealing with staff",
            "Staff are polite",
            "Staff have the backing they need to do their work well",
        ),
        empathy=(
            "Each customer gets individual attention",
            "Staff give personal attention",
            "Staff know what their customers need",
            "The customer's interest is at heart",
            "Opening hours suit all customers",
        ),
    ),
)
"""22 items in the five dimensions of A. Parasuraman, V. Zeithaml and L. Berry, "SERVQUAL", Journal of Retailing 64 (1),
1988. The wording is our own; replace it with the wording that your customers know."""
