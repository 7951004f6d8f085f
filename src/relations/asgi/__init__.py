"""The engine over HTTP: a lifespan and a router for applications of Starlette and FastAPI (extra `asgi`).

    from fastapi import FastAPI
    from relations.asgi import lifespan, router

    relations = lifespan("postgresql://…/hotel")
    app = FastAPI(lifespan=relations)
    app.mount("/crm", router(relations, authorise=authorise))

See `docs/how-to/embed-in-fastapi.md`.
"""

from relations.extras import needed

needed("starlette", extra="asgi", purpose="relations.asgi")

from relations.asgi.access import Access, Caller, NotAllowed  # noqa: E402 - after that check
from relations.asgi.document import openapi  # noqa: E402
from relations.asgi.lifespan import EngineLifespan, NotStarted, combined, lifespan  # noqa: E402
from relations.asgi.problems import problem, problem_response  # noqa: E402
from relations.asgi.router import router  # noqa: E402

__all__ = [
    "Access",
    "Caller",
    "EngineLifespan",
    "NotAllowed",
    "NotStarted",
    "combined",
    "lifespan",
    "openapi",
    "problem",
    "problem_response",
    "router",
]
