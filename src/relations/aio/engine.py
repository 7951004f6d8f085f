"""`AsyncRelations`: the engine for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar
from weakref import WeakSet

import msgspec
from sqlalchemy import Connection

from relations.aggregates import AGGREGATES
from relations.aio.subscription import AsyncConsumer, AsyncSubscription
from relations.aio.threads import Threads, finished
from relations.decider import Aggregate
from relations.engine import Relations, Status, utc_now
from relations.errors import InvalidInput
from relations.execution import BatchReport, Clock, Receipt
from relations.log.connections import acting_for
from relations.log.database import Access, Database, Durability
from relations.messages import Command, Event, RecordedEvent
from relations.past.explaining import EventExplanation, RowsExplanation, TallyExplanation
from relations.past.past import Past
from relations.policies import Policy
from relations.policies.in_force import InForce
from relations.projections import PROJECTIONS, VIEWS, View
from relations.projections.projection import Projection
from relations.projections.running.runner import Progress
from relations.projections.views import Views
from relations.reactions import REACTIONS, Reaction
from relations.telemetry import Observer
from relations.verification import KeyProblem, Verification

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection  # needs greenlet, which only its users have

__all__ = ["AsyncRelations"]

P = ParamSpec("P")
T = TypeVar("T")
V = TypeVar("V", bound=View)

_PAGE = 500
"""The number of events that `events` reads at a time."""


class AsyncRelations:
    """An engine for asyncio: the methods of `Relations`, to be awaited, in threads of its own.

    Commands run in one thread on SQLite, where writers take turns in any case, and in several on PostgreSQL. Everything
    else runs in other threads. A task that is cancelled while it awaits a command leaves it recorded as a whole or not
    at all: send it again with its `command_id` to learn which.

    Open it with `AsyncRelations.open`, or give it an engine, and use it as an asynchronous context manager to close it.

    Args:
        engine: The engine that does the work. `close` closes it too.
        threads: The most threads that read at once; on PostgreSQL also the most that write.

    Attributes:
        sync: The engine that does the work. Its methods block: call them in threads of your own.
    """

    sync: Relations

    def __init__(self, engine: Relations, *, threads: int = 8) -> None:
        self.sync = engine
        self._threads = Threads(writers=1 if engine.log.database.is_sqlite else threads, readers=threads)
        self._followers: WeakSet[AsyncSubscription | AsyncConsumer] = WeakSet()

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        threads: int = 8,
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

        `threads` is the most threads that read at once; on PostgreSQL also the most that write. See `Relations.open`
        for the other arguments. The URL names no driver for asyncio: `sqlite:///hotel.db` or `postgresql://…/hotel`.
        """
        opening = asyncio.to_thread(
            Relations.open,
            url,
            create=create,
            clock=clock,
            master_key=master_key,
            durability=durability,
            snapshot_every=snapshot_every,
            aggregates=aggregates,
            reactions=reactions,
            projections=projections,
            views=views,
            follow=follow,
            access=access,
            kept_states=kept_states,
            busy_seconds=busy_seconds,
            pool_size=pool_size,
            pool_seconds=pool_seconds,
            connect_seconds=connect_seconds,
            schema=schema,
            shares=shares,
        )
        return cls(await finished(opening), threads=threads)

    async def release(self) -> None:
        """Stop subscriptions, wait for running calls and end the threads. The engine itself stays open."""
        for follower in list(self._followers):
            follower.stop()
        await self._threads.close()

    async def close(self) -> None:
        """Stop subscriptions, wait for running calls, and close every connection."""
        await self.release()
        await finished(asyncio.to_thread(self.sync.close))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # --- commands ---------------------------------------------------------------------------------------------------

    async def execute(
        self,
        command: Command,
        *,
        connection: AsyncConnection | None = None,
        expected_version: int | None = None,
    ) -> Receipt:
        """Execute a command: all its events, and those it leads to, are recorded in one transaction, or nothing is.

        Args:
            command: The command. With a `command_id`, the same command again returns the first receipt.
            connection: The host's own SQLAlchemy connection for asyncio, with the driver aiosqlite, psycopg or
                asyncpg: the events commit or vanish with the host's rows. The work is then done in the event loop.
            expected_version: Refuse unless the command's stream is at this version.

        Raises:
            CommandRefused: A rule of the domain forbids it.
            IdempotencyConflict: Its id was used for a different command.
            ConcurrencyConflict: The stream is at another version, or others kept writing first.
        """
        if connection is None:
            self.sync.log.database.held.refuse_wait()
            return await self._threads.write(self.sync.execute, command, expected_version=expected_version)
        if not hasattr(connection, "run_sync") or hasattr(connection, "get_bind"):
            raise InvalidInput(
                f"an object of the class {type(connection).__name__} is not a connection of SQLAlchemy for asyncio",
                code="invalid_connection",
                field="connection",
                hint="Pass an AsyncConnection; a session has one: connection=await session.connection()",
            )
        caller = asyncio.current_task()

        def execute(host: Connection) -> Receipt:
            return self.sync.execute(command, connection=host, expected_version=expected_version)

        async def work() -> Receipt:
            acting_for.set(caller)
            return await connection.run_sync(execute)

        # To its end, even if the task is cancelled: the host might commit its transaction all the same.
        return await finished(work())

    async def execute_many(
        self,
        commands: Iterable[Command],
        *,
        batch: int = 1_000,
        on_progress: Callable[[BatchReport], None] | None = None,
    ) -> BatchReport:
        """Execute many commands, one transaction for each batch. Refused ones are reported, the others recorded.

        Each command is all or nothing as in `execute`; a crash loses at most the batch under way, and sending all of
        it again records only what is missing, where commands have ids. Other commands may run between two batches.

        Args:
            commands: Any iterable; it is read a batch at a time, in a thread.
            batch: The number of commands in a transaction.
            on_progress: Called after each batch with the report so far.
        """
        report = BatchReport(rejections=[])
        rest = iter(commands)
        while part := await self._threads.read(list, islice(rest, batch)):
            done = await self._threads.write(self.sync.execute_many, part, batch=batch)
            before = report.commands
            done.rejections = [msgspec.structs.replace(each, index=before + each.index) for each in done.rejections]
            report.add(done)
            if on_progress is not None:
                on_progress(report)
        return report

    async def adopt(
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
        return await self._threads.write(
            self.sync.adopt, policy, since=since, from_beginning=from_beginning, command_id=command_id
        )

    async def advance_time(
        self, to: datetime, *, on_progress: Callable[[BatchReport], None] | None = None
    ) -> BatchReport:
        """Record everything that falls due by `to`: missed deadlines, expiries, tiers.

        Args:
            to: An aware datetime.
            on_progress: Called after each batch with the report so far, in a thread.

        Returns:
            The report of the commands.
        """
        return await self._threads.write(self.sync.advance_time, to, on_progress=on_progress)

    # --- what is known ----------------------------------------------------------------------------------------------

    @property
    def views(self) -> Views:
        """The views, to be asked with `ask`. Their questions read the database, so they block when called directly."""
        return self.sync.views

    async def ask(self, question: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Ask a view, or call any other function that reads the engine: `await engine.ask(engine.views.desk.work)`.

        Args:
            question: A question of a view, or a function. It runs in a thread.
            args: Its arguments.
            kwargs: Its named arguments.
        """
        return await self._threads.read(question, *args, **kwargs)

    async def as_of(
        self,
        *,
        position: int | None = None,
        recorded: datetime | None = None,
        occurred: datetime | None = None,
        customer: str | None = None,
    ) -> Past:
        """Return the log and its views as they stood, to be asked with `ask`; see `Relations.as_of`.

        `past = await engine.as_of(position=7)`, then `await engine.ask(past.views.retention.stages)`.

        Args:
            position: The last position that is known; 0 is before the first event.
            recorded: An aware datetime. Known is what had been recorded by then.
            occurred: An aware datetime in business time.
            customer: Answer about this customer alone, under any of their ids.

        Raises:
            InvalidInput: Both a position and a time of recording are given, the log has no such position, or a time has
                no zone.
        """
        return await self._threads.read(
            self.sync.as_of, position=position, recorded=recorded, occurred=occurred, customer=customer
        )

    async def explain(self, view: str, customer: str, **moment: Any) -> RowsExplanation:
        """Return how the rows of one customer in a view came about: each event, and what it changed from what to what.

        Args:
            view: The name of the view, such as `loyalty`.
            customer: Any id of the customer.
            moment: The bounds of `as_of`; by default everything recorded so far.

        Raises:
            InvalidInput: There is no such view, or nothing is recorded of the customer.
        """
        return await self._threads.read(self.sync.explain, view, customer, **moment)

    async def explain_tally(
        self,
        view: str,
        table: str,
        key: Sequence[Any],
        *,
        limit: int = 100,
        after: str | None = None,
        **moment: Any,
    ) -> TallyExplanation:
        """Return a page of the customers and events that made up a tally, with what each added.

        Args:
            view: The name of the view, such as `loyalty`.
            table: The class of the row, such as `Movement`.
            key: The values of the row's key, in the order of its columns.
            limit: The page ends after the customer whose events reach this number.
            after: Continue after this customer.
            moment: The bounds of `as_of`; by default everything recorded so far.

        Raises:
            InvalidInput: The view has no such tally or row.
        """
        return await self._threads.read(self.sync.explain_tally, view, table, key, limit=limit, after=after, **moment)

    async def explain_event(self, position: int) -> EventExplanation:
        """Return why an event was recorded: the rule, the policy that applied, its causes and its effects.

        Args:
            position: The event's position.

        Raises:
            InvalidInput: There is no such event.
        """
        return await self._threads.read(self.sync.explain_event, position)

    async def select_events(self, *where: Any) -> list[RecordedEvent]:
        """Return the events that meet conditions on the log's columns, in order of position."""
        return await self._threads.read(self.sync.select_events, *where)

    def observe(self, observer: Observer) -> None:
        """Let an observer see this engine's commands, folds and appends; see `relations.observability`."""
        self.sync.observe(observer)

    async def note_verified(self, found: Verification) -> None:
        """Note in the database that the log was found good up to a position, for status and metrics.

        Args:
            found: A verification without problems; one with problems is not noted.
        """
        await self._threads.write(self.sync.note_verified, found)

    async def keep_states(self, names: Iterable[str] | None = None) -> None:
        """Keep states of views at evenly spread positions of the log, so that `as_of` any position is answered soon.

        Args:
            names: The projections; all by default.
        """
        await self._threads.read(self.sync.keep_states, names)

    async def policy(self) -> Policy:
        """Return the policy in force now; the default policy if none was adopted."""
        return await self._threads.read(lambda: self.sync.policy)

    async def rules(self) -> InForce:
        """Return every policy that was adopted, and when each is in force."""
        return await self._threads.read(lambda: self.sync.rules)

    async def load(self, kind: str, name: str) -> Any:
        """Return the state of one aggregate, such as `load("complaint", "k7")`; its initial state if it has no events.

        Raises:
            InvalidInput: There is no such kind of aggregate.
        """
        return await self._threads.read(self.sync.load, kind, name)

    async def history(self, customer: str, *, until: datetime | None = None) -> list[RecordedEvent]:
        """Return all events of a customer in the order of recording; personal words are readable unless erased.

        Args:
            customer: The customer's id, or any id merged with it: they share one history.
            until: Only events that had occurred by then.
        """
        return await self._threads.read(self.sync.history, customer, until=until)

    async def timeline(self, kind: str, name: str, *, until: datetime | None = None) -> list[RecordedEvent]:
        """Return everything recorded in one aggregate's stream, such as `timeline("complaint", "k7")`.

        Args:
            kind: The kind of aggregate.
            name: Its own id.
            until: Only events that had occurred by then.
        """
        return await self._threads.read(self.sync.timeline, kind, name, until=until)

    async def events(
        self, *, after: int = 0, until: int | None = None, of: Collection[type[Event]] = ()
    ) -> AsyncIterator[RecordedEvent]:
        """Yield the log's events in order of position; personal words are readable unless erased.

        Args:
            after: Begin after this position.
            until: End with this position.
            of: Only events of these classes; all events by default.
        """
        rest: Iterator[RecordedEvent] = self.sync.events(after=after, until=until, of=of)
        while page := await self._threads.read(list, islice(rest, _PAGE)):
            for recorded in page:
                yield recorded

    def subscribe(self, *, after: int | None = None) -> AsyncSubscription:
        """Follow the log: return an asynchronous iterator of recorded events that waits for new ones.

        Use it as an asynchronous context manager, or stop it. Waiting costs next to nothing.

        Args:
            after: Begin after this position; None is the head when it is entered or first asked, so only new events
                follow.
        """
        subscription = AsyncSubscription(lambda: self.sync.subscribe(after=after))
        self._followers.add(subscription)
        return subscription

    def consume(
        self,
        name: str,
        *,
        after: int = 0,
        of: Collection[type[Event]] = (),
        wait: bool = True,
        standby: bool = True,
        lease_seconds: float = 10.0,
        save_every: int = 1,
        sealed: bool = False,
        before_read: Callable[[], object] = lambda: None,
    ) -> AsyncConsumer:
        """Follow the log under a name whose position is kept in the database, so that no event is missed.

        An event is acknowledged when the next one is asked for. After a crash, those that were not come again. Of all
        consumers with one name, in any number of processes, one runs at a time. `subscribe` keeps nothing.

        Args:
            name: The consumer's name; a new one begins after the position `after`.
            after: The position after which a consumer with a new name begins.
            of: Only events of these classes; all events by default.
            wait: Wait for new events at the end of the log; otherwise the iteration ends there.
            standby: Wait for the turn while another consumer has the name; otherwise refuse.
            lease_seconds: After this time, the name of a consumer that was killed is free.
            save_every: Write the position after this many events. After a crash, up to as many more come again.
            sealed: Leave personal words sealed.
            before_read: Called before each read of the log, in a thread.

        Raises:
            InvalidInput: The name or a number is out of range.
            ForeignDatabase: The engine was opened for reading only.
        """
        consumer = self.sync.consume(
            name,
            after=after,
            of=of,
            wait=wait,
            standby=standby,
            lease_seconds=lease_seconds,
            save_every=save_every,
            sealed=sealed,
            before_read=before_read,
        )
        follower = AsyncConsumer(lambda: consumer)
        self._followers.add(follower)
        return follower

    async def move_consumer(self, name: str, position: int) -> None:
        """Move a durable consumer that does not run: it goes on with the events after this position.

        Raises:
            InvalidInput: There is no such consumer.
            ConcurrencyConflict: It is running.
        """
        await self._threads.write(self.sync.move_consumer, name, position)

    async def page(
        self,
        after: int,
        limit: int = 1_000,
        *,
        until: int | None = None,
        of: Collection[type[Event]] = (),
        sealed: bool = False,
        to_head: bool = False,
    ) -> tuple[list[RecordedEvent], int]:
        """Return the next events and the position read up to; a page of other applications' events is empty.

        Args:
            after: Begin after this position.
            limit: Return at most this many events.
            until: End with this position.
            of: Only events of these classes; all events by default.
            sealed: Leave personal words sealed.
            to_head: If no wanted event is left, return the head's position.
        """
        return await self._threads.read(
            self.sync.page, after, limit, until=until, of=of, sealed=sealed, to_head=to_head
        )

    async def status(self) -> Status:
        """Return the state of the log, of each projection, and of each durable consumer."""
        return await self._threads.read(self.sync.status)

    async def first_changed(self, commands: Sequence[Command]) -> Command | None:
        """Return the first command whose id the log has for a different command, or None."""
        return await self._threads.read(self.sync.first_changed, commands)

    async def digest(self, text: str, *, purpose: str = "") -> str:
        """Return a keyed digest: an id for a text that must not be recorded in clear, such as an e-mail address.

        Args:
            text: Any text. Normalise it first: an address in lower case, without surrounding spaces.
            purpose: Digests of the same text for different purposes differ.

        Returns:
            32 lower-case letters and digits.
        """
        return await self._threads.read(self.sync.digest, text, purpose=purpose)

    async def index_people(self, *, on_progress: Progress | None = None) -> int:
        """Make the customers of a log of an older version findable by name, address and number.

        A new log needs no such call. It may be interrupted and repeated, and others may record meanwhile.

        Args:
            on_progress: Called with the events read so far, and all there are.

        Returns:
            The number of events with words that were indexed.
        """
        return await self._threads.write(self.sync.index_people, on_progress=on_progress)

    async def key_problems(self) -> list[KeyProblem]:
        """Check every customer's key against the log: damaged, swapped, missing, emptied, or back after an erasure."""
        return await self._threads.read(lambda: list(self.sync.key_problems()))

    def view(self, kind: type[V]) -> V:
        """Return the view of a class, to be asked with `ask`; a host's own views are found the same way.

        Raises:
            InvalidInput: The engine was opened without this view.
        """
        return self.sync.view(kind)

    # --- projections ------------------------------------------------------------------------------------------------

    async def catch_up(self) -> None:
        """Fold new events into every view.

        Raises:
            ProjectionFailed: One met a poison event; the others have gone on.
        """
        await self._threads.read(self.sync.catch_up)

    async def rebuild(
        self,
        names: Iterable[str] | None = None,
        *,
        processes: int = 1,
        shards: int | None = None,
        on_progress: Progress | None = None,
    ) -> None:
        """Fold the whole log into fresh tables next to the old ones, and switch to them; see `Runner.rebuild`."""
        await self._threads.read(self.sync.rebuild, names, processes=processes, shards=shards, on_progress=on_progress)

    async def verify(self, *, expect: Iterable[str] = (), on_progress: Progress | None = None) -> Verification:
        """Prove the log and the views: chain, gaps, every body readable, every view equal to its refold.

        Args:
            expect: Positions and digests that were noted down, as `POSITION:DIGEST`; see `status`.
            on_progress: Called with the events checked and folded so far, and all there are to check and to fold; in
                a thread.

        Raises:
            InvalidInput: An entry of `expect` is not of the form `POSITION:DIGEST`.
        """
        return await self._threads.read(self.sync.verify, expect=expect, on_progress=on_progress)
