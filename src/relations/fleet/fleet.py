"""The fleet: a bounded number of open engines, and work over all tenants."""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import islice
from typing import Any, Generic, Self, TypeVar

import msgspec

from relations.engine import Relations
from relations.errors import InvalidInput, RelationsError
from relations.execution.refitting import DailyRefits
from relations.fleet.places import places_of, tenant_name
from relations.past.questions import Status
from relations.verification import Verification

__all__ = ["Fleet", "TenantOutcome"]

T = TypeVar("T")
OnTenant = Callable[[int, int], object]


class TenantOutcome(msgspec.Struct, Generic[T], frozen=True):
    """The outcome of a piece of work for one tenant.

    Attributes:
        tenant: The tenant's name.
        result: What the work returned; None if it failed.
        error: Why it failed, or None.
    """

    tenant: str
    result: T | None = None
    error: RelationsError | None = None


class _Open:
    __slots__ = ("engine", "users")

    def __init__(self, engine: Relations) -> None:
        self.engine = engine
        self.users = 1


class Fleet:
    """One log for each tenant. It is thread-safe; use it as a context manager to close it.

    On SQLite each tenant has a file, on PostgreSQL a schema; all schemas share one pool of connections. At most
    `max_open` engines are open at once. The one that was used longest ago is closed when another one is needed.

    Args:
        url: `sqlite:///folder/{tenant}.db`, or the URL of a PostgreSQL database.
        schema: On PostgreSQL, the name of a tenant's schema.
        max_open: The most engines that are open at once.
        threads: The most tenants that are worked on at once.
        options: The options of `Relations.open` for every engine.

    Raises:
        InvalidInput: The URL or the schema does not say where a tenant's name stands, or a number is out of range.
    """

    def __init__(
        self, url: str, *, schema: str = "tenant_{tenant}", max_open: int = 16, threads: int = 4, **options: Any
    ) -> None:
        if not 1 <= threads <= max_open:
            raise InvalidInput(
                f"{threads} threads cannot work with {max_open} open engines",
                code="out_of_range",
                field="threads",
                hint="Use at least one thread, and at least one open engine for each",
            )
        self._places = places_of(url, schema, options)
        self._options = options
        self._max_open = max_open
        self._threads = threads
        self._open: OrderedDict[str, _Open] = OrderedDict()
        self._opening: set[str] = set()
        self._changed = threading.Condition()
        self._refits: defaultdict[str, DailyRefits] = defaultdict(DailyRefits)

    def tenants(self) -> list[str]:
        """Return the names of all tenants that have a log."""
        return self._places.tenants()

    def create(self, tenant: str) -> None:
        """Create the log of a tenant; nothing happens if there is one.

        Raises:
            InvalidInput: The name cannot be one.
        """
        with self.engine(tenant, create=True):
            pass

    @contextmanager
    def engine(self, tenant: str, *, create: bool = False) -> Iterator[Relations]:
        """Lend the engine of a tenant while the body runs. Do not close it, and do not keep it.

        Args:
            tenant: The tenant's name.
            create: Create the tenant's log if there is none.

        Raises:
            InvalidInput: The name cannot be one.
            ForeignDatabase: The tenant has no log.
        """
        opened = self._borrow(tenant_name(tenant), create=create)
        try:
            yield opened.engine
        finally:
            with self._changed:
                opened.users -= 1
                self._changed.notify_all()

    def _borrow(self, tenant: str, *, create: bool) -> _Open:
        with self._changed:
            while True:
                if tenant in self._open:
                    self._open.move_to_end(tenant)
                    self._open[tenant].users += 1
                    return self._open[tenant]
                if tenant not in self._opening:
                    if len(self._open) + len(self._opening) < self._max_open:
                        break
                    idle = next((name for name, each in self._open.items() if not each.users), None)
                    if idle is not None:
                        self._open.pop(idle).engine.close()
                        continue
                self._changed.wait()
            self._opening.add(tenant)
        # Outside of the lock, so that others go on meanwhile.
        try:
            opened = _Open(self._places.open(tenant, create=create, options=self._options))
            with self._changed:
                self._open[tenant] = opened
            return opened
        finally:
            with self._changed:
                self._opening.discard(tenant)
                self._changed.notify_all()

    @property
    def open_count(self) -> int:
        """The number of engines that are open now."""
        return len(self._open)

    # --- over all tenants -------------------------------------------------------------------------------------------

    def each(
        self,
        work: Callable[[str, Relations], T],
        *,
        tenants: Iterable[str] | None = None,
        on_progress: OnTenant | None = None,
        stop: threading.Event | None = None,
    ) -> list[TenantOutcome[T]]:
        """Do a piece of work for every tenant, several at once. A failure of one does not stop the others.

        Args:
            work: Called with the tenant's name and engine.
            tenants: Only these; all by default.
            on_progress: Called with the number of tenants that are done, and of all.
            stop: Once it is set, the work for no other tenant begins, and what has begun is finished.

        Returns:
            The outcomes in order of the tenants' names; only those of the work that was done.
        """
        names = sorted(self.tenants() if tenants is None else map(tenant_name, tenants))

        def run(tenant: str) -> TenantOutcome[T]:
            try:
                with self.engine(tenant) as engine:
                    return TenantOutcome(tenant, work(tenant, engine))
            except RelationsError as error:
                return TenantOutcome(tenant, error=error.with_traceback(None))

        outcomes: list[TenantOutcome[T]] = []
        waiting = iter(names)
        with ThreadPoolExecutor(self._threads, thread_name_prefix="fleet") as pool:
            # Only as many are handed out as there are threads, so that an error or an interrupt ends it soon.
            running: set[Future[TenantOutcome[T]]] = {pool.submit(run, name) for name in islice(waiting, self._threads)}
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                outcomes += [future.result() for future in done]
                if stop is None or not stop.is_set():
                    running |= {pool.submit(run, name) for name in islice(waiting, len(done))}
                if on_progress is not None:
                    on_progress(len(outcomes), len(names))
        return sorted(outcomes, key=lambda outcome: outcome.tenant)

    def status(self, *, on_progress: OnTenant | None = None) -> list[TenantOutcome[Status]]:
        """Return the status of every tenant's log and projections."""
        return self.each(lambda _, engine: engine.status(), on_progress=on_progress)

    def catch_up(
        self,
        *,
        advance_time: bool = False,
        on_progress: OnTenant | None = None,
        stop: threading.Event | None = None,
    ) -> list[TenantOutcome[int]]:
        """Fold new events into the views of every tenant.

        Args:
            advance_time: Also execute the commands that are due by now, and once a day fit the models again whose
                newest fit is too old.
            on_progress: Called with the number of tenants that are done, and of all.
            stop: Once it is set, no other tenant and no other fit is begun, and what was begun is finished.

        Returns:
            For each tenant, the number of due commands that were executed.
        """

        def work(tenant: str, engine: Relations) -> int:
            executed = 0
            if advance_time:
                executed = engine.advance_time(engine.clock()).accepted
                self._refits[tenant].refit(engine, lambda: stop is not None and stop.is_set())
            engine.catch_up()
            return executed

        return self.each(work, on_progress=on_progress, stop=stop)

    def rebuild(
        self,
        names: Iterable[str] | None = None,
        *,
        tenants: Iterable[str] | None = None,
        on_progress: OnTenant | None = None,
    ) -> list[TenantOutcome[None]]:
        """Rebuild views of every tenant, or of some. The views of the others are not touched."""
        wanted = None if names is None else list(names)
        return self.each(lambda _, engine: engine.rebuild(wanted), tenants=tenants, on_progress=on_progress)

    def verify(self, *, on_progress: OnTenant | None = None) -> list[TenantOutcome[Verification]]:
        """Verify the log and the views of every tenant."""
        return self.each(lambda _, engine: engine.verify(), on_progress=on_progress)

    def close(self) -> None:
        """Close every engine, and what they share."""
        with self._changed:
            while self._open:
                self._open.popitem()[1].engine.close()
        self._places.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
