"""Permission: who calls, and what a caller may do. A host decides both."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Literal, TypeAlias

import msgspec
from starlette.requests import Request

from relations.errors import InvalidInput, RelationsError

__all__ = ["Access", "Authorise", "Caller", "NotAllowed", "identify"]


class NotAllowed(RelationsError):
    """A request that the host does not allow: raise it in `authorise`. The answer has status 403."""

    code = "not_allowed"


class Access(msgspec.Struct, frozen=True):
    """A request to the router, for the host to allow or refuse.

    Attributes:
        kind: `command`, `view`, `file` or `history` of a customer, or `document`, the description of the interface.
        name: The command's name, such as `RecordPurchase`, or view and question, such as `retention/stages`. Empty for
            the others.
        customer: The customer in the request's path; None if there is none.
    """

    kind: Literal["command", "view", "file", "history", "document"]
    name: str = ""
    customer: str | None = None


class Caller(msgspec.Struct, frozen=True):
    """The caller of a request, as the host knows it.

    Attributes:
        actor: The name to record with commands: a user, a system. A client cannot choose it.
        customer: The only customer that the caller may act for; None for all customers. A request that names no
            customer, or another one, is then refused.
    """

    actor: str
    customer: str | None = None

    def must_act_for(self, customer: str | None) -> None:
        """Refuse a request for another customer than the caller's own.

        Raises:
            NotAllowed: The caller may act for one customer only, and the request is not for that one.
        """
        if self.customer is not None and customer != self.customer:
            raise NotAllowed(
                "you may act for yourself only" if customer else "this is not open to single customers",
                code="other_customer",
                field="customer",
            )


Authorise: TypeAlias = Callable[[Request, Access], "str | Caller | Awaitable[str | Caller]"]
"""A host's decision: return the caller, or only the actor's name; raise `NotAllowed`, or Starlette's `HTTPException`
with status 401, to refuse. It runs before the request's body is read."""


async def identify(authorise: Authorise, request: Request, access: Access) -> Caller:
    """Return the caller of a request.

    Raises:
        NotAllowed: The host refuses.
    """
    found = authorise(request, access)
    caller = await found if inspect.isawaitable(found) else found
    if isinstance(caller, str):
        caller = Caller(caller)
    if not isinstance(caller, Caller) or not caller.actor:
        msg = f"authorise must return the actor's name or a Caller, not {caller!r}"
        raise TypeError(msg)
    return caller


def checked_authorise(authorise: object) -> None:
    """Check that a host has given a function that decides.

    Raises:
        InvalidInput: It has not.
    """
    if not callable(authorise):
        raise InvalidInput(
            "a router needs a function that decides who may do what",
            code="authorise_missing",
            field="authorise",
            hint="Give authorise=, which returns the actor's name or raises NotAllowed",
        )
