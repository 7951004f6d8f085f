"""The section of fitted models: customers who are alike, and products that go together."""

from __future__ import annotations

from relations.report.clusters import cluster_phrases
from relations.report.html.asked import PEOPLE, Asked
from relations.report.html.figures import Bar, BarPiece, Bars, Figure, Section

__all__ = ["section"]

_RULES_MAX = 10


def section(asked: Asked) -> Section:
    """Return what the newest recorded fits give."""
    say = asked.say
    return Section("models", say("models.title"), say("models.note"), [_clusters(asked), _rules(asked)])


def _clusters(asked: Asked) -> Figure:
    """Return the size of each cluster, with what sets it apart. Some facts are known only for the present."""
    say, title = asked.say, asked.say("models.clusters")
    if asked.is_past:
        return asked.empty("clusters", title, "present_only")
    found = asked.engine.views.retention.clusters(as_of=asked.at, limit=PEOPLE)
    if found.fit is None:
        return asked.empty("clusters", title, "no_clusters_fitted")
    most = max(each.size for each in found.clusters) or 1
    said = say(
        "models.clusters_fit",
        customers=say.count("customers", found.fit.customers),
        day=say.day(found.fit.through),
        age=say.count("days", found.fit.age_days),
        silhouette=say.number(found.fit.silhouette, 2),
    )
    labels = [
        say("models.cluster", number=each.number, traits=say.list(cluster_phrases(each.traits, say.language)))
        for each in found.clusters
    ]
    chart = Bars(
        [
            Bar(
                label,
                f"{say.number(each.size)} · {say.share(each.share or 0)}",
                [BarPiece("blue", each.size / most, each.size)],
            )
            for label, each in zip(labels, found.clusters, strict=True)
        ]
    )
    sizes = [(say.number(each.number), each.size) for each in found.clusters]
    people = asked.people("cluster", sizes, lambda limit: [each.customers[:limit] for each in found.clusters])
    amounts = [
        [
            say.number(each.number),
            say.number(each.size),
            say.percent(each.share),
            say.money(each.net_amount, found.fit.currency),
        ]
        for each in found.clusters
    ]
    table = asked.table("cluster", "customers", "share", "spent", rows=amounts)
    return Figure("clusters", title, chart, [said], table, people=people)


def _rules(asked: Asked) -> Figure:
    """List the most confident association rules."""
    say, title = asked.say, asked.say("models.rules")
    found = asked.engine.views.recommendations.rules(as_of=asked.at, limit=_RULES_MAX)
    if found.fit is None:
        return asked.empty("rules", title, "no_rules_fitted")
    said = say(
        "models.rules_fit",
        rules=say.count("rules", found.fit.rules),
        baskets=say.count("baskets", found.fit.baskets),
        day=say.day(found.fit.through),
        age=say.count("days", found.fit.age_days),
    )
    rows = [
        [
            each.product,
            each.recommended,
            say.percent(each.support, 1),
            say.percent(each.confidence),
            say.number(each.lift, 1),
            say.number(each.baskets),
        ]
        for each in found.rules
    ]
    listing = asked.table("product", "recommended", "support", "confidence", "lift", "baskets", rows=rows, numbers=2)
    return Figure("rules", title, said=[said], listing=listing)
