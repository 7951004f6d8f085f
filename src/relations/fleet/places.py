"""The places of the logs of tenants: an SQLite file each, or a PostgreSQL schema each."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from sqlalchemy import make_url, text

from relations.engine import Relations
from relations.errors import InvalidInput
from relations.log.database import Database
from relations.log.opening import parse_url

__all__ = ["Places", "places_of", "tenant_name"]

_TENANT = re.compile(r"[a-z0-9][a-z0-9_]{0,47}")
_MARK = "{tenant}"


def tenant_name(name: str) -> str:
    """Return the name of a tenant.

    Raises:
        InvalidInput: The name cannot be one. So no name can lead to a file or a schema outside of the fleet.
    """
    if not _TENANT.fullmatch(name):
        raise InvalidInput(
            f"{name!r} cannot be the name of a tenant",
            code="invalid_tenant",
            field="tenant",
            hint="Use 1 to 48 lower-case letters, digits and _, beginning with a letter or a digit",
        )
    return name


class Places(ABC):
    """The places of all tenants of a fleet."""

    @abstractmethod
    def tenants(self) -> list[str]:
        """Return the names of the tenants that have a log."""

    @abstractmethod
    def open(self, tenant: str, *, create: bool, options: dict[str, Any]) -> Relations:
        """Open the engine of a tenant."""

    @abstractmethod
    def close(self) -> None:
        """Release what the tenants share."""


class _Files(Places):
    def __init__(self, url: str) -> None:
        self._pattern = Path(url)

    def tenants(self) -> list[str]:
        head, tail = self._pattern.name.split(_MARK)
        found = (each.name for each in self._pattern.parent.glob(f"{head}*{tail}"))
        names = (name[len(head) : len(name) - len(tail)] for name in found)
        return sorted(name for name in names if _TENANT.fullmatch(name))

    def open(self, tenant: str, *, create: bool, options: dict[str, Any]) -> Relations:
        path = self._pattern.with_name(self._pattern.name.replace(_MARK, tenant_name(tenant)))
        if create:
            path.parent.mkdir(parents=True, exist_ok=True)
        return Relations.open(f"sqlite:///{path}", create=create, **options)

    def close(self) -> None:
        """Do nothing: files share nothing."""


class _Schemas(Places):
    def __init__(self, url: str, schema: str, options: dict[str, Any]) -> None:
        limits = ("pool_size", "pool_seconds", "connect_seconds", "busy_seconds", "durability")
        self._schema = schema
        self._url = url
        self._shared = Database(url, **{name: options[name] for name in limits if name in options})

    def tenants(self) -> list[str]:
        head, tail = self._schema.split(_MARK)
        with self._shared.reading() as connection:
            found = list(
                connection.execute(text("SELECT schemaname FROM pg_tables WHERE tablename = 'relations_log'")).scalars()
            )
        names = (
            name[len(head) : len(name) - len(tail)] for name in found if name.startswith(head) and name.endswith(tail)
        )
        return sorted(name for name in names if _TENANT.fullmatch(name))

    def open(self, tenant: str, *, create: bool, options: dict[str, Any]) -> Relations:
        schema = self._schema.replace(_MARK, tenant_name(tenant))
        return Relations.open(self._url, schema=schema, shares=self._shared, create=create, **options)

    def close(self) -> None:
        self._shared.close()


def places_of(url: str, schema: str, options: dict[str, Any]) -> Places:
    """Return the places that a URL and a pattern of schemas stand for.

    Raises:
        InvalidInput: The pattern has no `{tenant}`, or more than one, or not in the file's name.
    """
    is_sqlite = parse_url(url.replace(_MARK, "tenant")).get_backend_name() == "sqlite"
    path = make_url(url).database or "" if is_sqlite else schema
    name = Path(path).name if is_sqlite else path
    if name.count(_MARK) != 1 or path.count(_MARK) != 1:
        raise InvalidInput(
            f"{path!r} does not say where a tenant's name stands",
            code="invalid_fleet",
            field="url" if is_sqlite else "schema",
            hint="Write sqlite:///tenants/{tenant}.db" if is_sqlite else "Write tenant_{tenant}",
        )
    return _Files(path) if is_sqlite else _Schemas(url, schema, options)
