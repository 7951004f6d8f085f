"""`AsyncRelations`: the engine for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from inspect import iscoroutinefunction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar
from weakref import WeakSet

import msgspec
from sqlalchemy import Connection

from relations.aggregates import AGGREGATES
from relations.aio.awaited import reading, writing
from relations.aio.subscription import AsyncConsumer, AsyncSubscription
from relations.aio.threads import Threads, finished
from relations.decider import Aggregate
from relations.engine import Relations, utc_now
from relations.errors import InvalidInput
from relations.execution import BatchReport, Clock, Receipt
from relations.execution.sharing import Also
from relations.log.connections import acting_for
from relations.log.database import Access, Database, Durability
from relations.messages import Command, Event, RecordedEvent
from relations.policies import Policy
from relations.policies.in_force import InForce
from relations.projections import PROJECTIONS, VIEWS, View
from relations.projections.projection import Projection
from relations.projections.views import Views
from relations.reactions import REACTIONS, Reaction
from relations.telemetry import Observer
from relations.verification import KeyProblem

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
    at all. Send it again with its `command_id` to learn which.

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
        also: Also | None = None,
    ) -> Receipt:
        """Execute a command: all its events, and those it leads to, are recorded in one transaction, or nothing is.

        Args:
            command: The command. With a `command_id`, the same command again returns the first receipt.
            connection: The host's own SQLAlchemy connection for asyncio, with the driver aiosqlite, psycopg or
                asyncpg: the events commit or vanish with the host's rows. The work is then done in the event loop.
            expected_version: Refuse unless the command's stream is at this version.
            also: A plain function that writes rows of the host's own in a thread. It is given the connection on which
                the events are recorded, and the receipt; see `Relations.execute`. Commands of several tasks then share
                a commit, which a `connection` does not allow.

        Raises:
            CommandRefused: A rule of the domain forbids it.
            IdempotencyConflict: Its id was used for a different command.
            ConcurrencyConflict: The stream is at another version, or others kept writing first.
        """
        if connection is None:
            self.sync.log.database.held.refuse_wait()
            if iscoroutinefunction(also):
                raise InvalidInput(
                    "`also` runs in a thread, so it cannot be a coroutine",
                    code="invalid_also",
                    field="also",
                    hint="Give a plain function that takes an SQLAlchemy Connection and the receipt",
                )
            return await self._threads.write(self.sync.execute, command, expected_version=expected_version, also=also)
        if not hasattr(connection, "run_sync") or hasattr(connection, "get_bind"):
            raise InvalidInput(
                f"an object of the class {type(connection).__name__} is not a connection of SQLAlchemy for asyncio",
                code="invalid_connection",
                field="connection",
                hint="Pass an AsyncConnection; a session has one: connection=await session.connection()",
            )
        caller = asyncio.current_task()

        def execute(host: Connection) -> Receipt:
            return self.sync.execute(command, connection=host, expected_version=expected_version, also=also)

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

        Each command is all or nothing as in `execute`. A crash loses at most the batch under way, and sending all of it
        again records only what is missing, where commands have ids. Other commands may run between two batches.

        Args:
            commands: Any iterable; it is read a batch at a time, in a thread.
            batch: The number of commands in a transaction. It has fewer where their streams are too long for memory.
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

    adopt = writing(Relations.adopt)
    advance_time = writing(Relations.advance_time)
    fit_models = writing(Relations.fit_models)
    refit_models = writing(Relations.refit_models)
    fit_rules = writing(Relations.fit_rules)
    refit_rules = writing(Relations.refit_rules)
    fit_clusters = writing(Relations.fit_clusters)
    refit_clusters = writing(Relations.refit_clusters)
    fit_forecasts = writing(Relations.fit_forecasts)
    refit_forecasts = writing(Relations.refit_forecasts)

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

    as_of = reading(Relations.as_of)
    # mypy takes `self` for one of `moment`, because that accepts any name.
    explain = reading(Relations.explain)  # type: ignore[arg-type] # see above
    explain_tally = reading(Relations.explain_tally)  # type: ignore[arg-type] # see above
    explain_figure = reading(Relations.explain_figure)  # type: ignore[arg-type] # see above
    explain_event = reading(Relations.explain_event)
    select_events = reading(Relations.select_events)

    def observe(self, observer: Observer) -> None:
        """Let an observer see this engine's commands, folds and appends; see `relations.observability`."""
        self.sync.observe(observer)

    note_verified = writing(Relations.note_verified)
    keep_states = reading(Relations.keep_states)

    async def policy(self) -> Policy:
        """Return the policy in force now; the default policy if none was adopted."""
        return await self._threads.read(lambda: self.sync.policy)

    async def rules(self) -> InForce:
        """Return every policy that was adopted, and when each is in force."""
        return await self._threads.read(lambda: self.sync.rules)

    load = reading(Relations.load)
    history = reading(Relations.history)
    timeline = reading(Relations.timeline)

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

    move_consumer = writing(Relations.move_consumer)
    page = reading(Relations.page)
    status = reading(Relations.status)
    first_changed = reading(Relations.first_changed)
    digest = reading(Relations.digest)
    index_people = writing(Relations.index_people)

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

    catch_up = reading(Relations.catch_up)
    rebuild = reading(Relations.rebuild)
    verify = reading(Relations.verify)
