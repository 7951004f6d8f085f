"""The front desk of a hotel: a service with tables of its own, and customer relations in the same transactions.

It is what `docs/how-to/embed-in-fastapi.md` walks through. The comments that name a part are that page's marks.
"""

# --- [imports]
from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any

from fastapi import FastAPI, Header, Request, Response
from fastapi.responses import StreamingResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from pydantic import AwareDatetime, BaseModel
from sqlalchemy import BigInteger, Column, Connection, DateTime, MetaData, Table, Text, insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from relations import Money, Receipt, RecordPurchase, RelationsError
from relations.asgi import Access, NotAllowed, combined, lifespan, problem_response, router
from relations.messages import Id
from relations.observability import Metrics

# --- [tables]
metadata = MetaData()
bookings = Table(
    "bookings",
    metadata,
    Column("booking", Text, primary_key=True),
    Column("customer", Text, nullable=False),
    Column("room", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("booked_at", DateTime(timezone=True), nullable=False),
)


class Booking(BaseModel):
    """A booking as a guest sends it."""

    booking: Id
    customer: Id
    room: str
    amount: Money
    booked_at: AwareDatetime


# --- [lifespans]
URL = os.environ["HOTEL_DATABASE"]  # postgresql://user@host/hotel
relations = lifespan(URL)
hotel: AsyncEngine = create_async_engine(URL.replace("postgresql://", "postgresql+asyncpg://"))


@asynccontextmanager
async def own_tables(_app: FastAPI) -> AsyncIterator[None]:
    """Make the hotel's own tables, and close its connections at the end."""
    async with hotel.begin() as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(1)"))  # one worker after the other
        await connection.run_sync(metadata.create_all)
    yield
    await hotel.dispose()


registry = CollectorRegistry()


@asynccontextmanager
async def measured(_app: FastAPI) -> AsyncIterator[None]:
    """Count this worker's commands."""
    registry.register(Metrics(relations.engine.sync, labels={"worker": str(os.getpid())}))
    yield


app = FastAPI(title="Front desk", lifespan=combined(relations, own_tables, measured))


# --- [permission]
def authorise(request: Request, _access: Access) -> str:
    """Return who calls: the staff's programs have a key, and nobody else may enter."""
    if request.headers.get("x-api-key") != os.environ["HOTEL_KEY"]:
        raise NotAllowed("this needs the key of the front desk", hint="Send it as X-Api-Key")
    return "front desk"


app.mount("/crm", router(relations, authorise=authorise))


# --- [errors]
@app.exception_handler(RelationsError)
async def refused(_request: Request, error: Exception) -> Response:
    """Answer what the engine refuses with problem details."""
    assert isinstance(error, RelationsError)  # noqa: S101 - registered for these only
    return problem_response(error)


@app.exception_handler(DBAPIError)
async def disconnected(_request: Request, _error: Exception) -> Response:
    """Answer a failure of the hotel's own connection; the client sends the request again, with its key."""
    return Response("the database cannot be reached", 503, {"Retry-After": "1"})


# --- [booking]
@app.post("/bookings", status_code=201)
async def book(
    booking: Booking, response: Response, key: Annotated[str, Header(alias="Idempotency-Key", max_length=200)]
) -> Receipt:
    """Book a room: the booking and the purchase are recorded together, and once for each key."""
    purchase = RecordPurchase(
        customer=booking.customer,
        purchase=booking.booking,
        amount=booking.amount,
        occurred_at=booking.booked_at,
        command_id=f"bookings:{key}",
        actor="website",
    )

    def keep(connection: Connection, _receipt: Receipt) -> None:
        connection.execute(insert(bookings), row_of(booking))

    receipt = await relations.engine.execute(purchase, also=keep)
    if receipt.repeated:
        response.status_code = 200
    return receipt


def row_of(booking: Booking) -> dict[str, Any]:
    """Return the hotel's own row of a booking."""
    return {
        "booking": booking.booking,
        "customer": booking.customer,
        "room": booking.room,
        "amount": booking.amount.amount,
        "currency": booking.amount.currency,
        "booked_at": booking.booked_at,
    }


# --- [guests]
class Guest(BaseModel):
    """A guest, as the front desk sees them: the hotel's own rows next to an answer of a view."""

    customer: str
    stage: str | None
    rooms: list[str]


@app.get("/guests/{customer}")
async def guest(customer: Id, as_of: datetime | None = None) -> Guest:
    """Return a guest's rooms, and whether they stay with us."""
    async with hotel.connect() as connection:
        found = await connection.execute(select(bookings.c.room).where(bookings.c.customer == customer).distinct())
        rooms = sorted(row.room for row in found)
    engine = relations.engine
    profile = await engine.ask(engine.views.retention.customer, customer, as_of=as_of)
    return Guest(customer=customer, stage=profile.stage if profile else None, rooms=rooms)


# --- [arrivals]
@app.get("/arrivals")
async def arrivals(last_event_id: Annotated[int, Header(ge=0)] = 0) -> StreamingResponse:
    """Stream what is recorded to a screen at the front desk, after the last event that it has."""

    async def lines() -> AsyncIterator[str]:
        async with relations.engine.subscribe(after=last_event_id) as events:
            async for recorded in events:
                yield f"id: {recorded.position}\nevent: {recorded.topic}\ndata: {recorded.to_json()}\n\n"

    return StreamingResponse(lines(), media_type="text/event-stream")


# --- [metrics]
@app.get("/metrics")
def metrics() -> Response:
    """Return what Prometheus scrapes. It has no customers, only numbers; keep it inside your network all the same."""
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
