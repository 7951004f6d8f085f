"""The policies of selling: the stages of opportunities, and the renewal of contracts."""

from relations.policies.sales.pipeline import DEFAULT_STAGES, Pipeline, PipelineStage

__all__ = ["DEFAULT_STAGES", "Pipeline", "PipelineStage"]
