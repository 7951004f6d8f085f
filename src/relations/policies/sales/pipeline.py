"""The stages of opportunities, with the chance to win in each, and the time to renew a contract."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from relations.messages import Checked, Term

__all__ = ["DEFAULT_STAGES", "Pipeline", "PipelineStage"]


class PipelineStage(Checked):
    """A stage of opportunities.

    Attributes:
        name: Its name.
        chance_percent: The chance to win an opportunity in this stage, by which its value is weighted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: Term
    chance_percent: Annotated[int, Field(strict=True, ge=0, le=100)]


DEFAULT_STAGES = (
    PipelineStage(name="lead", chance_percent=10),
    PipelineStage(name="qualified", chance_percent=25),
    PipelineStage(name="quoted", chance_percent=50),
    PipelineStage(name="negotiation", chance_percent=75),
)


class Pipeline(Checked):
    """The rules of opportunities and contracts.

    Attributes:
        stages: The stages in their order.
        renewal_days: The agenda asks for the renewal of a contract this many days before it ends.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    stages: Annotated[tuple[PipelineStage, ...], Field(min_length=1, max_length=20)] = DEFAULT_STAGES
    renewal_days: Annotated[int, Field(strict=True, ge=0, le=3_650)] = 60

    @model_validator(mode="after")
    def _stages_have_names(self) -> Self:
        names = [stage.name for stage in self.stages]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            msg = f"two stages have the name {twice[0]!r}; each needs its own"
            raise ValueError(msg)
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the stages, in their order."""
        return tuple(stage.name for stage in self.stages)
