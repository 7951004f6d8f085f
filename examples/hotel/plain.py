"""The same booking without the engine: FastAPI and SQLAlchemy alone. `load.py` measures the service beside it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from pydantic import AwareDatetime, BaseModel
from sqlalchemy import BigInteger, Column, DateTime, MetaData, Table, Text, insert, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

metadata = MetaData()
plain_bookings = Table(
    "plain_bookings",
    metadata,
    Column("booking", Text, primary_key=True),
    Column("customer", Text, nullable=False),
    Column("room", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("booked_at", DateTime(timezone=True), nullable=False),
)
hotel = create_async_engine(os.environ["HOTEL_DATABASE"].replace("postgresql://", "postgresql+asyncpg://"))


class Amount(BaseModel):
    """An amount in the minor unit of its currency."""

    amount: int
    currency: str


class Booking(BaseModel):
    """A booking as a guest sends it."""

    booking: str
    customer: str
    room: str
    amount: Amount
    booked_at: AwareDatetime


@asynccontextmanager
async def own_tables(_app: FastAPI) -> AsyncIterator[None]:
    """Make the table, and close the connections at the end."""
    async with hotel.begin() as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(1)"))  # one worker after the other
        await connection.run_sync(metadata.create_all)
    yield
    await hotel.dispose()


app = FastAPI(title="Plain bookings", lifespan=own_tables)


@app.exception_handler(DBAPIError)
async def disconnected(_request: Request, _error: Exception) -> Response:
    """Answer a failure of the connection; the client sends the request again."""
    return Response("the database cannot be reached", 503, {"Retry-After": "1"})


@app.post("/bookings", status_code=201)
async def book(booking: Booking) -> Booking:
    """Book a room."""
    row = {**booking.model_dump(exclude={"amount"}), **booking.amount.model_dump()}
    async with hotel.begin() as connection:
        await connection.execute(insert(plain_bookings).values(row))
    return booking
