"""The terminal page of recommendations: products for a customer, each with the reason."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType

from relations.cli.show import ABSENT, counted, headline, number, percent, section, table, words
from relations.projections.recommendations import RecommendationReport

__all__ = ["show_recommendations"]


def show_recommendations(found: RecommendationReport) -> Iterator[RenderableType]:
    """Yield the parts of the page.

    Args:
        found: The products.
    """
    yield headline("Recommendations", f"{found.customer} has bought {counted(found.bought, 'product')}")
    if found.fit is None:
        yield section(words("No association rules were recorded by then. Find them with `relations fit --rules`."))
        return
    if found.products:
        made = table("Product", "Category", "Because they bought", "Confidence", "Lift", "Baskets", right=(3, 4, 5))
        for each in found.products:
            made.add_row(
                each.product,
                each.category or ABSENT,
                f"{' + '.join((each.because, *each.because_also))} ({each.bought_on})",
                percent(each.confidence),
                f"{each.lift:,.1f}",
                number(each.baskets),
            )
        yield section(made)
    else:
        yield section(words("No rule gives this customer a product."))
    if found.avoided:
        yield section(words(f"Left out because of a taboo: {counted(found.avoided, 'product')}."))
    rules, baskets = counted(found.fit.rules, "association rule"), counted(found.fit.baskets, "basket")
    age = counted(found.fit.age_days, "day")
    yield section(words(f"By {rules} in {baskets} through {found.fit.through}, {age} old."))
