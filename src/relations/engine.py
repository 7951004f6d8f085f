"""The engine: execute commands, read the recorded events, and ask the views.

`Relations.open` opens an engine on a database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache, partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, bindparam, literal, select

from relations.aggregates import AGGREGATES
from relations.aggregates.model import ClusterParameters, FittedModel, ForecastParameters, RecordFit, RuleParameters
from relations.aggregates.policy import AdoptPolicy
from relations.analytics.buying import BuyingModelName
from relations.decider import Aggregate
from relations.errors import InvalidInput, MissingExtra, NoFit
from relations.execution import BatchReport, Clock, Executor, Reader, Receipt, Rejection
from relations.execution.commanding import Commanding
from relations.log.codec import Codec
from relations.log.consuming import Following, consumer_statuses
from relations.log.database import Access, Database, Durability
from relations.log.log import Log
from relations.log.people import Marks
from relations.log.personal import Keys
from relations.log.tables import log as log_table
from relations.messages import Command, Event, RecordedEvent, to_micros
from relations.past.bounds import BoundsFinder
from relations.past.doors import Doors
from relations.past.questions import Status
from relations.past.states import CustomerTables, KeptStates
from relations.policies import Policy
from relations.policies.calendars import local_time
from relations.policies.facts import DEFAULT_CLUSTER_FACTS, ClusterFact
from relations.policies.in_force import InForce
from relations.projections import PROJECTIONS, VIEWS, View, ViewContext
from relations.projections.agenda.view import commands_due
from relations.projections.care.beginnings import beginning_commands
from relations.projections.customers.lookup import words_of
from relations.projections.forecasts.series import last_month_over
from relations.projections.forecasts.view import forecasts_command
from relations.projections.projection import Projection
from relations.projections.recommendations.figures import rules_command
from relations.projections.retention.view import found_clusters
from relations.projections.retention.worth.lifetime_value import fit_command
from relations.projections.running.event_times import last_events
from relations.projections.running.resolving import AliasReader
from relations.projections.running.runner import ALIASES, Progress, Runner
from relations.projections.views import Views
from relations.reactions import INFORMED, ONLY_IF, REACTIONS, Reaction
from relations.verification import KeyCheck, KeyProblem, Problem, Verification, Verifier
from relations.verification.notes import last_verified, note_verified

__all__ = ["BatchReport", "Problem", "Receipt", "Rejection", "Relations", "Status", "Verification", "Views"]


_HAS_EVENTS = log_table.c.customer.in_(bindparam("customers", expanding=True)), log_table.c.customer != ""
_RECORDED = select(literal(1)).where(*_HAS_EVENTS).limit(1)


def utc_now() -> datetime:
    """Return the system's time: an engine's clock unless it is given another."""
    return datetime.now(UTC)


class Relations(Doors, Commanding, Following):
    """An engine on one database. It is thread-safe, and several processes may share the database.

    Open it with `Relations.open`, and use it as a context manager to close it.

    Attributes:
        views: The views, such as `engine.views.retention`.
        log: The log of events.
        codec: The codec of the events that this engine knows.
        clock: The function that returns the time of recording.
        commands: The classes of the commands that it executes, by name.
        bounds: None: an engine answers from the whole log.
        aggregates: Every kind of aggregate.
        runner: The runner of the projections.
        view_context: The parts that every view is built from.
    """

    aggregates: tuple[Aggregate[Any], ...]
    commands: Mapping[str, type[Command]]
    runner: Runner
    view_context: ViewContext

    def __init__(
        self,
        log: Log,
        *,
        clock: Clock = utc_now,
        master_key: bytes | None = None,
        snapshot_every: int = 500,
        aggregates: Sequence[Aggregate[Any]] = AGGREGATES,
        reactions: Mapping[type[Event], Reaction] = REACTIONS,
        projections: Sequence[Projection] = PROJECTIONS,
        views: Sequence[type[View]] = VIEWS,
        follow: bool = True,
        kept_states: Path | None = None,
    ) -> None:
        self.log = log
        self.codec = Codec(event for aggregate in aggregates for event in aggregate.events)
        self.commands = {command.__name__: command for aggregate in aggregates for command in aggregate.commands}
        self.clock = clock
        self._keys = Keys(log.database, master_key)
        self._marks = Marks(log.database, self._keys, words_of)
        self._reader = Reader(self.codec, self._keys)
        self._executor = Executor(
            log,
            self.codec,
            self._keys,
            aggregates=aggregates,
            reactions=reactions,
            marks=self._marks,
            only_if=ONLY_IF,
            informed=INFORMED,
            clock=clock,
            snapshot_every=snapshot_every,
        )
        self._repeats = self._executor.repeats
        self.runner = Runner(log, self.codec, projections, lambda: self.policy.zone)
        self._follow = follow
        self.aggregates = tuple(aggregates)
        self._kinds = views
        self._made_with: dict[str, Any] = {"reactions": reactions, "projections": projections, "views": views}
        self.bounds = None
        self._bounds = BoundsFinder(log)
        self._states = KeptStates(log, self.codec, directory=kept_states)
        self._customers = CustomerTables(self.codec)
        for view in views:
            if view not in VIEWS and any(
                each not in projections for each in (view.projection, *(v.projection for v in view.reads))
            ):
                raise InvalidInput(
                    f"the engine was opened with the view {view.__name__}, but without its projection",
                    code="unknown_projection",
                    field="projections",
                    hint=f"Open it with projections=(*PROJECTIONS, …) that has {view.projection.name}",
                )
        self.view_context = self._view_context()
        self.views = Views(self.view_context, views)

    def _view_context(self) -> ViewContext:
        def open_words(sealed: Sequence[tuple[str, str, str, str]]) -> list[str | None]:
            with self.log.database.reading() as connection:
                return self._keys.open_words(connection, sealed)

        def is_recorded(customers: Sequence[str]) -> bool:
            with self.log.database.reading() as connection:
                return connection.execute(_RECORDED, {"customers": list(customers)}).first() is not None

        return ViewContext(
            database=lambda: self.log.database,
            policy=lambda: self.policy,
            rules=lambda: self.rules,
            now=lambda: to_micros(self.clock()),
            refresh=self._refresh,
            aliases=cache(lambda: AliasReader(self.log.database)),
            fold_customer=self.runner.fold_customer,
            customers_between=self.runner.customers_between,
            open_words=open_words,
            digest=self._keys.known_digest,
            is_recorded=is_recorded,
            marked=self._marks.candidates,
            last_events=partial(last_events, self.log.database, but_by="agenda"),
        )

    def _refresh(self, projections: Sequence[Projection], until: int | None) -> None:
        if self._follow:
            names = ALIASES, *(each.name for each in projections)
            self.runner.catch_up([name for name in names if name in self.runner.projections], until=until)

    @classmethod
    def open(
        cls,
        url: str,
        *,
        create: bool = True,
        clock: Clock = utc_now,
        master_key: bytes | None = None,
        durability: Durability = "full",
        snapshot_every: int = 500,
        aggregates: Sequence[Aggregate[Any]] = AGGREGATES,
        reactions: Mapping[type[Event], Reaction] = REACTIONS,
        projections: Sequence[Projection] = PROJECTIONS,
        views: Sequence[type[View]] = VIEWS,
        follow: bool = True,
        access: Access = "write",
        kept_states: Path | None = None,
        busy_seconds: float = 30.0,
        pool_size: int = 15,
        pool_seconds: float = 30.0,
        connect_seconds: float = 10.0,
        schema: str | None = None,
        shares: Database | None = None,
    ) -> Self:
        """Open the log of a database, and create it if it does not exist.

        Args:
            url: An SQLAlchemy URL, such as `sqlite:///hotel.db` or `postgresql://user@host/name`.
            create: Create the log if it does not exist; if False, a missing log is refused.
            clock: Returns the time at which the log records an event, as an aware datetime.
            master_key: 32 bytes that encrypt the customers' keys.
            durability: `full`: an acknowledged append survives a crash of the machine. `normal`, `off`: of the process.
            snapshot_every: Store the state of a stream each time it has grown by this many events; a long one, by more.
            aggregates: The kinds of aggregates: `(*AGGREGATES, mine)` adds a host's own.
            reactions: The commands that follow from an event, by its class: `{**REACTIONS, MyEvent: my_reaction}`.
            projections: The projections to fold into tables: `(*PROJECTIONS, mine)` adds a host's own.
            views: The classes of the views: `(*VIEWS, MyView)`; `engine.view(MyView)` returns a host's own.
            follow: Fold what is new before a view answers, so that callers read their own writes. A service that runs
                `relations run` next to it can turn this off.
            access: `write`: record events. `fold`: record nothing, but bring views up to date. `read`: change nothing,
                neither in the database nor next to it. Views that are behind are then folded in a copy in memory, as of
                the moment of opening. On PostgreSQL they answer from what is folded, with a warning.
            kept_states: A folder in which `as_of` keeps states of views from one process to the next. By default they
                are kept until the engine is closed.
            busy_seconds: The seconds that a command waits for its turn to write, before `log_busy` is raised.
            pool_size: The most connections that read or write at once. Subscriptions have their own.
            pool_seconds: The seconds that a caller waits for a free connection, before `pool_exhausted` is raised.
            connect_seconds: The seconds that PostgreSQL may take to answer a new connection.
            schema: On PostgreSQL, the schema that has the log's tables; by default that of the user's search path.
            shares: Another open database on the same server, whose connections this engine uses (`Fleet` does this).

        Raises:
            InvalidInput: The URL is not one of a supported database, or a limit makes no sense.
            ForeignDatabase: It is not a database, or belongs to another application.
            NewerLog: A newer version of relations wrote it.
            MissingExtra: The URL is one of PostgreSQL, and the extra `postgres` is not installed.
            LogError: The master key is not the one that wrapped the customers' keys, or none was given.
        """
        make = partial(
            cls,
            clock=clock,
            master_key=master_key,
            snapshot_every=snapshot_every,
            aggregates=aggregates,
            reactions=reactions,
            projections=projections,
            views=views,
            follow=follow,
            kept_states=kept_states,
        )
        database = Database(
            url,
            durability=durability,
            access=access,
            busy_seconds=busy_seconds,
            pool_size=pool_size,
            pool_seconds=pool_seconds,
            connect_seconds=connect_seconds,
            schema=schema,
            shares=shares,
        )
        try:
            log = Log(database, create=create)
            engine = make(log)
            if not (database.read_only and follow and database.is_sqlite and engine.runner.is_behind()):
                return engine
            # Nothing may be folded into the file: views answer from a copy of it, where they are brought up to date.
            copy = database.copied_to_memory()
            database.close()
            return make(Log(copy, create=False))
        except BaseException:
            database.close()
            raise

    def close(self) -> None:
        """Close every connection."""
        self._states.close()
        self._customers.close()
        self.log.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- commands ---------------------------------------------------------------------------------------------------

    def adopt(
        self,
        policy: Policy,
        *,
        since: datetime | None = None,
        from_beginning: bool = False,
        command_id: str | None = None,
    ) -> Receipt:
        """Adopt a policy from now on, from `since` on, or with `from_beginning` for histories of any age.

        Events dated before the policy takes effect are decided by the previous policy, even if recorded later.

        Args:
            policy: The rules.
            since: An aware datetime, in the past or the future.
            from_beginning: The policy is in force for events of any date.
            command_id: The caller's own id for this command.
        """
        return self.execute(
            AdoptPolicy(
                policy=policy,
                from_beginning=from_beginning,
                occurred_at=self.clock() if since is None else since,
                command_id=command_id,
            )
        )

    def advance_time(self, to: datetime, *, on_progress: Callable[[BatchReport], None] | None = None) -> BatchReport:
        """Record everything that falls due by `to`: missed deadlines, expiries, tiers, care plans.

        Each command is dated at the moment when it fell due, and its id is made of what was due. So the same events are
        recorded whether time is advanced in one step or in many, once or again, or by two processes. Other commands
        also do first what fell due in their account, so an account does not depend on when time is advanced.

        Args:
            to: An aware datetime.
            on_progress: Called after each batch with the report so far.

        Returns:
            The report of the commands.
        """
        report = BatchReport(rejections=[])
        asked: set[str | None] = set()
        while True:
            self.runner.catch_up(["agenda"])
            due = [each for each in self._commands_due(to) if each.command_id not in asked]
            if not due:
                return report
            asked.update(command.command_id for command in due)
            done = self.execute_many(due)
            report.add(done)
            if on_progress is not None:
                on_progress(report)

    def _commands_due(self, to: datetime) -> Iterator[Command]:
        has_care = any(policy.care.plans for policy in self.rules.adopted)
        not_renewed = self.views.care.not_renewed(until=to) if has_care else ()
        yield from commands_due(self.views.agenda.automatic(until=to), not_renewed=not_renewed)
        if has_care:
            yield from beginning_commands(self.views.care.beginnings(until=to))

    def fit_models(
        self, *, as_of: datetime | None = None, currency: str | None = None, model: BuyingModelName = "bg_nbd"
    ) -> Receipt:
        """Fit the value models to the purchases of all customers, and record their parameters.

        From then on, questions about expected value use this fit instead of fitting while somebody waits, and a replay
        gives the same answers.

        Args:
            as_of: The moment, in business time; now by default.
            currency: Which purchases count; those in the policy's currency by default.
            model: `bg_nbd`, or `mbg_nbd`, in which a customer may leave right after the first purchase.

        Raises:
            NoFit: The parameters cannot be estimated, or the extra `analytics` is not installed.
            InvalidInput: The currency is unknown.
        """
        return self.execute(self._fit(self.clock() if as_of is None else as_of, currency, model))

    def refit_models(self, moment: datetime) -> Receipt | None:
        """Fit the value models again if the newest fit in the policy's currency is as old as the policy allows.

        Args:
            moment: The present in business time.

        Returns:
            None if the newest fit is newer, or if no fit is possible.
        """
        policy = self.policy
        if self._is_new(self.load("model", f"bg_nbd-{policy.currency}"), moment):
            return None
        try:
            return self.execute(self._fit(moment, policy.currency, "bg_nbd"))
        except NoFit:
            return None

    def fit_rules(
        self,
        *,
        as_of: datetime | None = None,
        min_support: float = 0.005,
        min_confidence: float = 0.1,
        most: int = 1000,
        left: int = 1,
    ) -> Receipt:
        """Find the association rules in the baskets of all customers, and record them.

        From then on, `views.recommendations` uses these rules, and a replay gives the same recommendations. A rule says
        that baskets with one product often have another one. Its lift is above 1, and at least 3 baskets have both.

        Args:
            as_of: The moment, in business time; now by default.
            min_support: The smallest share of all baskets that have both products.
            min_confidence: The smallest share of the baskets with the first product that have the second, too.
            most: The most rules to keep, the most confident first; from 1 to 10,000.
            left: The most products on the left of a rule, from 1 to 3. A longer rule is kept only if it is more
                confident than each shorter one with the same product on the right.

        Raises:
            NoFit: No rule meets the limits.
            MissingExtra: The extra `analytics` is not installed.
            InvalidInput: A limit makes no sense.
        """
        moment, view = self.clock() if as_of is None else as_of, self.views.recommendations
        with view.answering():
            report = view.rules(
                as_of=moment,
                refit=True,
                min_support=min_support,
                min_confidence=min_confidence,
                most=most,
                left=left,
            )
            command = rules_command(report, moment, view.position or 0)
        return self.execute(command)

    def refit_rules(self, moment: datetime) -> Receipt | None:
        """Find association rules again if the newest fit is as old as the policy allows, with the limits of that fit.

        Args:
            moment: The present in business time.

        Returns:
            None if the newest fit is newer, or if there are no rules.
        """
        known = self.load("model", "association_rules")
        if self._is_new(known, moment):
            return None
        limits: dict[str, Any] = {}
        if known.rules:
            newest = RuleParameters.model_validate_json(known.rules)
            limits = newest.model_dump(include={"min_support", "min_confidence", "most", "left"})
        try:
            return self.fit_rules(as_of=moment, **limits)
        except (NoFit, MissingExtra):
            return None

    def fit_clusters(
        self,
        *,
        as_of: datetime | None = None,
        facts: Sequence[ClusterFact] = DEFAULT_CLUSTER_FACTS,
        clusters: int | None = None,
        most: int = 8,
        seed: int = 1,
    ) -> Receipt:
        """Find clusters of customers who are alike, and record them.

        From then on, `views.retention.clusters` and the fact `cluster` of segments use this fit, and a replay gives the
        same clusters. Customers who bought in the policy's currency are compared. No cluster has fewer customers than
        the policy's `surveys.minimum_answers`.

        Args:
            as_of: The moment, in business time; now by default.
            facts: The facts by which customers are compared.
            clusters: The number of clusters, from 2 to 50; by default the number with the best silhouette.
            most: The most clusters to try, if their number is not given.
            seed: The seed of the starts.

        Raises:
            NoFit: There are too few customers, or they are too much alike.
            MissingExtra: The extra `analytics` is not installed.
            InvalidInput: An argument makes no sense.
        """
        moment, view = self.clock() if as_of is None else as_of, self.views.retention
        with view.answering():
            fit = found_clusters(view, view.day(moment), facts=facts, clusters=clusters, most=most, seed=seed)
            command = fit.command(moment, view.position or 0)
        return self.execute(command)

    def refit_clusters(self, moment: datetime) -> Receipt | None:
        """Find clusters again if the newest fit is as old as the policy allows, with its facts, number and seed.

        Unlike value models and rules, clusters are only found again if somebody has asked for them once.

        Args:
            moment: The present in business time.

        Returns:
            None if there is no fit, or a newer one, or if no clusters are found.
        """
        known = self.load("model", "clusters")
        if not known.clusters or self._is_new(known, moment):
            return None
        newest = ClusterParameters.model_validate_json(known.clusters)
        wanted = {"clusters": len(newest.clusters)} if newest.most is None else {"most": newest.most}
        try:
            return self.fit_clusters(as_of=moment, facts=newest.facts, seed=newest.seed, **wanted)
        except (NoFit, MissingExtra):
            return None

    def fit_forecasts(self, *, as_of: datetime | None = None, currency: str | None = None, most: int = 20) -> Receipt:
        """Fit forecasts of the purchases and the revenue of each month, and record them.

        From then on, `views.forecasts` uses this fit, and a replay gives the same forecasts. Whole local months before
        the moment count. The business and its touchpoints with the highest revenue are forecast, each with a test on
        the last months, held out.

        Args:
            as_of: The moment, in business time; now by default.
            currency: Which purchases count; those in the policy's currency by default.
            most: The most touchpoints, from 0 to 100.

        Raises:
            NoFit: There are fewer than 6 whole months with purchases, or nothing was bought in the last year.
            MissingExtra: The extra `analytics` is not installed.
            InvalidInput: An argument makes no sense.
        """
        moment = self.clock() if as_of is None else as_of
        return self.execute(forecasts_command(self.views.forecasts, moment, currency=currency, most=most))

    def refit_forecasts(self, moment: datetime) -> Receipt | None:
        """Fit forecasts again if a month is over that the newest fit has not seen.

        Like clusters, forecasts are only fitted again if somebody has asked for them once.

        Args:
            moment: The present in business time.

        Returns:
            None if there is no fit in the policy's currency, or it has seen the last month, or no fit is possible.
        """
        policy = self.policy
        known = self.load("model", f"forecasts-{policy.currency}")
        over = last_month_over(to_micros(moment), local_time(policy.zone))
        if not known.forecasts or known.through[:7] >= over:
            return None
        newest = ForecastParameters.model_validate_json(known.forecasts)
        try:
            return self.fit_forecasts(as_of=moment, currency=policy.currency, most=newest.most)
        except (NoFit, MissingExtra):
            return None

    def _is_new(self, known: FittedModel, moment: datetime) -> bool:
        """Return True if a fit is not yet as old as the policy allows."""
        policy = self.policy
        today = local_time(policy.zone).day(to_micros(moment))
        through = known.through
        return bool(through) and today - date.fromisoformat(through).toordinal() < policy.lifecycle.refit_days

    def _fit(self, moment: datetime, currency: str | None, model: BuyingModelName) -> RecordFit:
        view = self.views.retention
        with view.answering():
            report = view.lifetime_values(as_of=moment, currency=currency, model=model, limit=0, refit=True)
            return fit_command(report, moment, view.position or 0)

    # --- what is known ----------------------------------------------------------------------------------------------

    @property
    def rules(self) -> InForce:
        """Every policy that was adopted, and when each is in force."""
        with self.log.database.reading() as connection:
            return self.log.database.once(connection, self._executor.rules)

    def load(self, kind: str, name: str) -> Any:
        """Return the state of one aggregate, such as `load("complaint", "k7")`; its initial state if it has no events.

        Raises:
            InvalidInput: There is no such kind of aggregate.
        """
        with self.log.database.reading() as connection:
            return self._executor.states.load(connection, f"{kind}-{name}" if name else kind)[1]

    def status(self) -> Status:
        """Return the state of the log, of each projection, and of each durable consumer."""
        with self.log.database.reading() as connection:
            head = self.log.head(connection)
        owed = self.log.database.owed_purge() is not None
        return Status(
            database=self.log.database.name,
            position=head.position,
            digest=head.digest.hex(),
            projections=self.runner.status(),
            purge_owed=owed,
            consumers=consumer_statuses(self.log.database),
            verified=last_verified(self.log.database),
        )

    def recorded(self, connection: Connection, rows: Iterable[Sequence[Any]]) -> Iterator[RecordedEvent]:
        """Yield whole rows of the log as recorded events, with personal words readable unless erased.

        Args:
            connection: Sees the customers' keys.
            rows: Rows with all columns.
        """
        yield from self._reader.recorded(connection, rows)

    def open_alike(self, url: str, *, clock: Clock, aggregates: Sequence[Aggregate[Any]] | None = None) -> Relations:
        """Open an engine on another database, with the same reactions, projections and views.

        Args:
            url: The URL of the database.
            clock: Its clock.
            aggregates: Other aggregates than those of this engine.
        """
        return Relations.open(url, clock=clock, aggregates=aggregates or self.aggregates, **self._made_with)

    def digest(self, text: str, *, purpose: str = "") -> str:
        """Return a keyed digest: an id for a text that must not be recorded in clear, such as an e-mail address.

        The same text gives the same digest in this log, and another one in every other log. It cannot be computed
        without the log's own key, which is kept with the customers' keys.

        Args:
            text: Any text. Normalise it first: an address in lower case, without surrounding spaces.
            purpose: Digests of the same text for different purposes differ.

        Returns:
            32 lower-case letters and digits.
        """
        return self._keys.digest(text, purpose=purpose)

    def index_people(self, *, on_progress: Progress | None = None) -> int:
        """Make the customers of a log of an older version findable by name, address and number.

        A new log needs no such call. It may be interrupted and repeated, and others may record meanwhile.

        Args:
            on_progress: Called with the events read so far, and all there are.

        Returns:
            The number of events with words that were indexed.
        """
        return self._marks.build(self.log, self.codec, on_progress)

    def key_problems(self) -> Iterator[KeyProblem]:
        """Check every customer's key against the log: damaged, swapped, missing, emptied, or back after an erasure."""
        with self.log.database.reading() as connection:
            check = KeyCheck(self._keys, self.codec, self._executor.aggregates, connection)
            if check.is_possible:
                yield from check.key_problems(self.log, connection)

    def note_copied(self, connection: Connection, position: int) -> None:
        """Note that events up to a position were imported from another log; its keys did not come with them.

        Args:
            connection: The write transaction of the import.
            position: The last imported position.
        """
        self._keys.note_copied(connection, position)

    # --- projections ------------------------------------------------------------------------------------------------

    def catch_up(self) -> None:
        """Fold new events into every view.

        If thousands are new, what questions read of all customers is also stored in the form that they need it in.

        Raises:
            ProjectionFailed: One met a poison event; the others have gone on.
        """
        self.runner.catch_up()
        for view in vars(self.views).values():
            view.store_columns()

    def rebuild(
        self,
        names: Iterable[str] | None = None,
        *,
        processes: int = 1,
        shards: int | None = None,
        on_progress: Progress | None = None,
    ) -> None:
        """Fold the whole log into fresh tables next to the old ones, and switch to them; see `Runner.rebuild`."""
        self.runner.rebuild(names, processes=processes, shards=shards, on_progress=on_progress)

    def note_verified(self, found: Verification) -> None:
        """Note in the database that the log was found good up to a position, for status and metrics.

        Args:
            found: A verification without problems; one with problems is not noted.
        """
        if found.good:
            note_verified(self.log.database, found.position, found.digest, to_micros(self.clock()))

    def verify(self, *, expect: Iterable[str] = (), on_progress: Progress | None = None) -> Verification:
        """Prove the log and the views: chain, gaps, every body readable, every view equal to its refold.

        Everything is read from one state of the database, so that others may write meanwhile. Nothing is written.

        Args:
            expect: Positions and digests that were noted down, as `POSITION:DIGEST`; see `status`.
            on_progress: Called with the events checked and folded so far, and all there are to check and to fold.

        Raises:
            InvalidInput: An entry of `expect` is not of the form `POSITION:DIGEST`.
        """
        verifier = Verifier(
            self.log,
            self.codec,
            self.runner,
            vars(self.views).values(),
            self._keys,
            self._executor.states,
            self._executor.aggregates,
            self._executor.rules,
            expect=expect,
            on_progress=on_progress,
        )
        return verifier.verify()
