"""The views of an engine, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from relations.log.database import Database
from relations.log.personal import Keys
from relations.policies import Policy
from relations.policies.in_force import InForce
from relations.projections.agenda.view import AgendaView
from relations.projections.customers.view import CustomersView
from relations.projections.desk.view import DeskView
from relations.projections.loyalty.view import LoyaltyView
from relations.projections.projection import Projection, Rows
from relations.projections.repair.view import RepairView
from relations.projections.retention.view import RetentionView
from relations.projections.running.resolving import AliasReader
from relations.projections.running.runner import Runner
from relations.projections.satisfaction.view import SatisfactionView

__all__ = ["Views"]


class Views:
    """The views of one engine. Each answers from its tables, after what is new has been folded into them.

    Attributes:
        satisfaction: How content customers are.
        retention: Who stays, who leaves, and what they are worth.
        repair: Which relations are damaged, and how their repair goes.
        agenda: What falls due.
        loyalty: What members have, and what the business owes them.
        desk: What the complaint desk has to do, and what came of it.
        customers: Who a customer is, under how many ids, what they allow; and who may be the same.
    """

    def __init__(
        self,
        database: Database,
        policy: Callable[[], Policy],
        rules: Callable[[], InForce],
        now: Callable[[], int],
        runner: Runner,
        aliases: AliasReader,
        keys: Keys,
        *,
        follow: bool,
    ) -> None:
        def refresh(name: str) -> Callable[[], None]:
            if not follow:
                return lambda: None
            names = [known for known in ("aliases", name) if known in runner.projections]
            return lambda: runner.catch_up(names)

        def fold_customer(projections: Sequence[Projection], customer: str, until: int | None) -> dict[str, Rows]:
            return runner.fold_customer(projections, customer, until=until)

        def open_words(sealed: Sequence[tuple[str, str, str, str]]) -> list[str | None]:
            with database.reading() as connection:
                return keys.open_words(connection, sealed)

        self.satisfaction = SatisfactionView(database, policy, now, refresh("satisfaction"), aliases, rules=rules)
        self.retention = RetentionView(database, policy, now, refresh("retention"), aliases)
        self.repair = RepairView(database, policy, now, refresh("repair"), aliases)
        self.agenda = AgendaView(database, policy, now, refresh("agenda"), aliases, rules=rules)
        self.customers = CustomersView(database, policy, now, refresh("customers"), aliases, open_words=open_words)
        self.desk = DeskView(database, policy, now, refresh("desk"), aliases)
        self.loyalty = LoyaltyView(
            database,
            policy,
            now,
            refresh("loyalty"),
            aliases,
            rules=rules,
            fold_customer=fold_customer,
            customers_between=runner.customers_between,
        )
