"""The engine's life within an application: opened before the first request, closed after the last one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, TypeAlias

from relations.aio import AsyncRelations
from relations.engine import Relations
from relations.errors import RelationsError

__all__ = ["EngineLifespan", "Lifespan", "NotStarted", "combined", "lifespan"]

Lifespan: TypeAlias = Callable[[Any], AbstractAsyncContextManager[Any]]
"""The lifespan of an application, as Starlette and FastAPI take it."""


class NotStarted(RelationsError):
    """The engine was used before the application's lifespan had opened it, or after it had closed it."""

    code = "not_started"


class EngineLifespan:
    """A lifespan that opens an engine when the application starts, and closes it when the application ends.

    Give it to the application that a server runs. A mounted sub-application never gets a lifespan of its own.

    Args:
        source: The URL of a database, or an engine. An engine of yours stays open at the end.
        options: The arguments of `AsyncRelations.open`.
    """

    def __init__(self, source: str | Relations | AsyncRelations, **options: Any) -> None:
        self._source = source
        self._options = options
        self._engine: AsyncRelations | None = None

    @asynccontextmanager
    async def __call__(self, app: Any = None) -> AsyncIterator[None]:
        """Open the engine, and close it at the end."""
        source = self._source
        if isinstance(source, AsyncRelations):
            engine, end = source, None
        elif isinstance(source, Relations):
            engine = AsyncRelations(source, **self._options)
            end = engine.release
        else:
            engine = await AsyncRelations.open(source, **self._options)
            end = engine.close
        self._engine = engine
        try:
            yield
        finally:
            self._engine = None
            if end is not None:
                await end()

    @property
    def engine(self) -> AsyncRelations:
        """The engine.

        Raises:
            NotStarted: The application has not started, or has ended.
        """
        if self._engine is None:
            raise NotStarted(
                "the engine has not been opened: the application's lifespan is not running",
                hint="Give this lifespan to the application that the server runs; a mounted one never gets its own",
            )
        return self._engine


def lifespan(source: str | Relations | AsyncRelations, **options: Any) -> EngineLifespan:
    """Return a lifespan that opens an engine when the application starts, and closes it when it ends.

    Args:
        source: The URL of a database, or an engine. An engine of yours stays open at the end.
        options: The arguments of `AsyncRelations.open`, such as `threads` and `pool_size`.
    """
    return EngineLifespan(source, **options)


def combined(*lifespans: Lifespan) -> Lifespan:
    """Return one lifespan out of several: entered in this order, and left in the opposite order.

    Args:
        lifespans: The engine's, and the host's own. What they yield for `request.state` is merged.
    """

    @asynccontextmanager
    async def together(app: Any) -> AsyncIterator[Mapping[str, Any]]:
        state: dict[str, Any] = {}
        async with AsyncExitStack() as stack:
            for each in lifespans:
                state.update(await stack.enter_async_context(each(app)) or {})
            yield state

    return together
