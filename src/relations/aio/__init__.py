"""The engine for asyncio: the same methods, to be awaited.

    from relations.aio import AsyncRelations

    async with await AsyncRelations.open("sqlite:///hotel.db") as engine:
        await engine.execute(command)
        stages = await engine.ask(engine.views.retention.stages)

It is a thin layer of threads over `Relations`; see `docs/how-to/embed-in-asyncio.md`.
"""

from relations.aio.engine import AsyncRelations
from relations.aio.subscription import AsyncConsumer, AsyncSubscription

__all__ = ["AsyncConsumer", "AsyncRelations", "AsyncSubscription"]
