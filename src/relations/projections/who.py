"""The way from a figure about customers to the customers who are counted in it.

A view names it for each of its questions that count customers, in `View.leads`. It is one of these:

* another question, such as `stages` or `desk.work`. It lists the customers; its arguments select them.
* `figure churn`: a figure that the view explains, with the part of each customer; see `Relations.explain_figure`.
* `tally CareMonth`: a tally that is explained by its key, with customers and events; see `Relations.explain_tally`.
* `table Post`: a table with a row for each customer or for each of their cases.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias, cast, get_args

__all__ = ["Who", "WhoForm", "who_of"]

WhoForm: TypeAlias = Literal["question", "figure", "tally", "table"]


class Who(NamedTuple):
    """The place that lists the customers behind the counts of a question.

    Attributes:
        form: The form of the place.
        view: The view that has it.
        name: The name of the question, the figure, the tally or the table.
    """

    form: WhoForm
    view: str
    name: str

    def __str__(self) -> str:
        """Return its name with that of its view."""
        return f"{self.view}.{self.name}"

    def command(self, *given: str) -> str:
        """Return the command line that lists the customers.

        Args:
            *given: What selects them: `name=value` for a question or a figure, the key's values for a tally.
        """
        if self.form in ("question", "table"):
            return " ".join(["relations frame", str(self), *(f"--with {each}" for each in given), "-o who.csv"])
        option = "--of" if self.form == "figure" else "--key"
        named = f"relations audit explain {self.view} --{self.form} {self.name}"
        return " ".join([named, *(f"{option} {each}" for each in given)])


def who_of(view: str, lead: str) -> Who:
    """Return the place that an entry of `View.leads` names.

    Args:
        view: The name of the view that has the entry.
        lead: The entry.
    """
    first, _, rest = lead.partition(" ")
    if rest:
        form, name = cast("WhoForm", first), rest
    else:
        form, name = "question", first
    assert form in get_args(WhoForm)  # noqa: S101 - a test compares all entries with the views
    other, dot, own = name.partition(".")
    return Who(form, other, own) if dot else Who(form, view, name)
