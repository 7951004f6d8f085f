"""Applications of tests, and clients that call them without a network."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from threading import Thread
from time import sleep
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from relations.asgi import Access, EngineLifespan, lifespan, router
from relations.asgi.access import Authorise

Call = Callable[[httpx.AsyncClient, EngineLifespan], Awaitable[None]]


def anyone(_request: Any, _access: Access) -> str:
    """Allow everything to everybody."""
    return "reception"


@asynccontextmanager
async def running(app: Any) -> Any:
    """A client of an application that has started."""
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://hotel") as client:
            yield client


@contextmanager
def served(app: Any) -> Iterator[str]:
    """An application behind a real server on this machine: its address."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="on"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        thread = Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive()
                sleep(0.01)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join()


def calling(url: str, work: Call, *, authorise: Authorise = anyone, **options: Any) -> None:
    """Call the router of an engine, mounted at `/crm` of a FastAPI application."""

    async def run() -> None:
        relations = lifespan(url)
        app = FastAPI(lifespan=relations)
        app.mount("/crm", router(relations, authorise=authorise, **options))
        async with running(app) as client:
            await work(client, relations)

    asyncio.run(run())
