"""`relations fit` and `relations forecast`: fitting models, and what the fitted forecasts say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from relations.cli.known import Known, open_as_known
from relations.cli.options import (
    AsOf,
    Database,
    Json,
    MasterKeyFile,
    Verbose,
    given_options,
    moment,
    open_engine,
)
from relations.cli.screen import running
from relations.errors import InvalidInput

if TYPE_CHECKING:
    from datetime import datetime

    from relations.engine import Relations

__all__ = ["fit", "forecast_command"]

_OPTIONS = {
    "value models": ("currency", "model"),
    "rules": ("left",),
    "clusters": ("k", "seed", "by"),
    "forecasts": ("currency", "touchpoints"),
}
"""By fit, the options that apply to it and not to every other one."""


def _reject_options_of_another_fit(context: typer.Context, fit: str) -> None:
    for name in given_options(context):
        others = [other for other, options in _OPTIONS.items() if name in options]
        if others and fit not in others:
            raise InvalidInput(
                f"the option does not apply to a fit of the {fit}",
                code="unsuitable_option",
                field=f"--{name}",
                hint=f"Leave it out; it applies to the {' and the '.join(others)}",
            )


def fit(
    context: typer.Context,
    database: Database,
    as_of: AsOf = None,
    currency: Annotated[
        str | None, typer.Option(metavar="CODE", help="Fit to purchases in this currency. Default: the policy's.")
    ] = None,
    model: Annotated[
        str, typer.Option(help="The model of buying: bg_nbd, or mbg_nbd, in which a customer may leave at once.")
    ] = "bg_nbd",
    rules: Annotated[
        bool, typer.Option("--rules", help="Find association rules between products in baskets instead.")
    ] = False,
    left: Annotated[
        int, typer.Option(min=1, max=3, help="The most products that a rule may start from, with --rules.")
    ] = 1,
    clusters: Annotated[
        bool, typer.Option("--clusters", help="Find clusters of customers who are alike instead.")
    ] = False,
    forecast: Annotated[
        bool, typer.Option("--forecast", help="Fit forecasts of purchases and revenue by touchpoint instead.")
    ] = False,
    touchpoints: Annotated[
        int, typer.Option(min=0, max=100, help="Forecast at most this many touchpoints, those with most revenue.")
    ] = 20,
    k: Annotated[
        int | None,
        typer.Option("--k", metavar="N", help="The number of clusters. Default: from 2 to 8, the best silhouette."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The seed of the search for clusters.")] = 1,
    by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FACT",
            help="A fact by which to compare customers; repeat it for more. Default: recency, frequency, money,"
            " discounts and how long they are known.",
        ),
    ] = None,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Fit the value models to the purchases of all customers, and record their parameters.

    Questions about expected value use the newest recorded fit as of their moment, and say how old it is. With --rules,
    `relations recommend` does so, with --clusters, `relations clusters`, and with --forecast, `relations forecast`.
    """
    from relations.cli.show import counted

    with running(json=json, verbose=verbose) as screen, open_engine(database, master_key_file) as engine:
        given = {"--rules": rules, "--clusters": clusters, "--forecast": forecast}
        asked = [name for name, is_asked in given.items() if is_asked]
        if len(asked) > 1:
            raise InvalidInput(
                f"{' and '.join(asked)} are {counted(len(asked), 'fit')}", code="two_fits", field=asked[0],
                hint="Fit one after the other",
            )  # fmt: skip
        chosen = "clusters" if clusters else "rules" if rules else "forecasts" if forecast else "value models"
        _reject_options_of_another_fit(context, chosen)
        at = moment(as_of, engine.policy.zone)
        document: dict[str, Any]
        if clusters:
            document, said = _fitted_clusters(engine, at, k, seed, by)
        elif rules:
            receipt = engine.fit_rules(as_of=at, left=left)
            found = engine.views.recommendations.rules(as_of=at, limit=0).fit
            document = {"model": "association_rules", "fit": found, "events": len(receipt.events)}
            said = ""
            if found is not None:
                said = f"Found {counted(found.rules, 'rule')} in {counted(found.baskets, 'basket')}."
        elif forecast:
            document, said = _fitted_forecasts(engine, at, currency, touchpoints)
        else:
            receipt = engine.fit_models(as_of=at, currency=currency, model=model)  # type: ignore[arg-type]  # checked
            state = engine.load("model", f"{model}-{currency or engine.policy.currency}")
            read = {"through": state.through, "position": state.position}
            document = {"model": model, **read, "events": len(receipt.events)}
            said = f"Fitted {model} and Gamma-Gamma to the purchases through {state.through}."
        screen.result(document, lambda screen: screen.print(said))


def _fitted_clusters(
    engine: Relations, at: datetime | None, k: int | None, seed: int, by: list[str] | None
) -> tuple[dict[str, Any], str]:
    """Find and record clusters, and return the result for programs and for people."""
    from relations.cli.show import counted
    from relations.policies.facts import DEFAULT_CLUSTER_FACTS

    facts: Any = by or DEFAULT_CLUSTER_FACTS  # checked where they are read
    receipt = engine.fit_clusters(as_of=at, facts=facts, clusters=k, seed=seed)
    found = engine.views.retention.clusters(as_of=at, limit=0)
    document = {"model": "clusters", "fit": found.fit, "events": len(receipt.events)}
    if found.fit is None:
        return document, ""
    customers, silhouette = counted(found.fit.customers, "customer"), f"{found.fit.silhouette:.2f}"
    clusters = counted(len(found.clusters), "cluster")
    return document, f"Found {clusters} of {customers}, with a mean silhouette of {silhouette}."


def _fitted_forecasts(
    engine: Relations, at: datetime | None, currency: str | None, touchpoints: int
) -> tuple[dict[str, Any], str]:
    """Fit and record forecasts, and return the result for programs and for people."""
    from relations.cli.show import counted

    receipt = engine.fit_forecasts(as_of=at, currency=currency, most=touchpoints)
    found = engine.views.forecasts.forecast(as_of=at, currency=currency, history=0)
    document = {"model": "forecasts", "fit": found.fit, "events": len(receipt.events)}
    if found.fit is None or found.whole is None:
        return document, ""
    places = f"the business and {counted(len(found.touchpoints), 'touchpoint')}"
    months = counted(found.whole.observed, "month")
    return document, f"Fitted forecasts of {places} to {months} through {found.fit.through}."


def forecast_command(
    database: Database,
    touchpoint: Annotated[
        str | None, typer.Argument(metavar="TOUCHPOINT", help="Show the forecast of this touchpoint only.")
    ] = None,
    months: Annotated[int, typer.Option(min=1, max=12, help="The number of months to show.")] = 6,
    currency: Annotated[
        str | None, typer.Option(metavar="CODE", help="Purchases in this currency. Default: the policy's.")
    ] = None,
    as_of: AsOf = None,
    known: Known = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show the purchases and the revenue expected month by month, with intervals, by the newest recorded fit.

    Fit the forecasts with `relations fit --forecast`. Only whole months count, and revenue is what was sold, before
    refunds. The page says how such a forecast did on the last months, next to the same month of the year before.
    """
    with (
        running(json=json, verbose=verbose) as screen,
        open_as_known(screen, database, known=known, as_of=as_of) as engine,
    ):
        from relations.cli.pages.forecasts import show_forecasts

        found = engine.views.forecasts.forecast(months=months, touchpoint=touchpoint, currency=currency)
        screen.result({"forecast": found}, lambda screen: screen.print(*show_forecasts(found, touchpoint)))
