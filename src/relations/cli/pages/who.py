"""The lines below a table that name the command by which its customers are listed."""

from __future__ import annotations

from rich.console import RenderableType

from relations.cli.show import words
from relations.projections.view import View
from relations.projections.who import who_of

__all__ = ["lists"]


def lists(view: type[View], question: str, *given: str) -> RenderableType:
    """Return the line with the command that lists the customers behind the counts of a question.

    Args:
        view: The class of the view.
        question: The question, which `View.leads` names.
        *given: What selects the customers; see `Who.command`.
    """
    return words(f"Who they are: {who_of(view.projection.name, view.leads[question]).command(*given)}")
