"""Everything that is held on one person, for a request of access: readable, and as JSON.

The report covers all ids that were merged, and everything in the database that belongs to them. That is events with
their words opened, keys, rows of views, snapshots, and where the events of others name one of the ids. After an erasure
it shows what remains.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, inspect, select

from relations.engine import Relations
from relations.errors import InvalidInput, RelationsError
from relations.log.tables import keys, snapshots
from relations.messages import Money, from_micros
from relations.projections.projection import CustomerRow
from relations.projections.running.resolving import ids_in_log

__all__ = ["AccessReport", "HeldEvent", "HeldKey", "HeldRows", "HeldSnapshot", "Mention", "access_report"]

_ELSEWHERE: Final = (
    "This report covers the database. Look also for copies outside of it: reject files of imports, logs of programs,"
    " exports, pages and reports that were saved, and backups."
)
_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}"
    "td,th{border-bottom:1px solid #ddd;padding:.3rem .6rem;text-align:left;vertical-align:top}"
    "td{overflow-wrap:break-word;max-width:40rem}th,td:first-child{white-space:nowrap}"
)
_TIMES: Final = range(10**14, 4 * 10**15)
"""Microseconds that are shown as times, if a field's name says that it is one: the years 1973 to 2096."""
_NEVER: Final = 2**61
"""Rows have larger numbers for times that never come."""
_A_TIME: Final = "at"
_TIME_FIELDS: Final = re.compile(r"(^|_)(at|since|until|first|last|due|from|by)$")


class HeldKey(msgspec.Struct, frozen=True):
    """The key of one id. It opens the personal words.

    Attributes:
        customer: The id.
        state: `present`, `destroyed` (the customer was erased) or `none` (there were never personal words).
        created_at: The time at which it was made, or destroyed.
    """

    customer: str
    state: str
    created_at: datetime | None


class HeldEvent(msgspec.Struct, frozen=True):
    """An event of the person.

    Attributes:
        position: Its position in the log.
        customer: The id that it was recorded under.
        topic: Its topic.
        stream: Its stream.
        occurred_at: The time at which it happened.
        recorded_at: The time at which it was recorded.
        actor: Who recorded it.
        details: The other fields that have a value, with personal words readable unless they were erased.
    """

    position: int
    customer: str
    topic: str
    stream: str
    occurred_at: datetime
    recorded_at: datetime
    actor: str
    details: dict[str, Any]


class HeldRows(msgspec.Struct, frozen=True):
    """The rows of one table of a view.

    Attributes:
        table: The projection and the table.
        rows: The rows. A sealed word is shown as `[sealed]`, since the events have it readable.
    """

    table: str
    rows: list[dict[str, Any]]


class HeldSnapshot(msgspec.Struct, frozen=True):
    """A stored state of one of the person's streams. It holds nothing that the events do not.

    Attributes:
        stream: The stream.
        version: The number of events that it stands for.
    """

    stream: str
    version: int


class Mention(msgspec.Struct, frozen=True):
    """A place in somebody else's events that names one of the ids, such as a referral.

    Attributes:
        position: The event's position.
        topic: Its topic.
        fields: The names of the fields.
    """

    position: int
    topic: str
    fields: list[str]


class _Section(NamedTuple):
    heading: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


class AccessReport(msgspec.Struct, frozen=True):
    """Everything that is held on one person.

    Attributes:
        customer: The id that was asked for.
        ids: All ids of the person.
        erased_at: The latest erasure; None if they were never erased.
        log: The log's own id.
        position: The log's last position.
        made_at: The time of the report.
        keys: The keys.
        events: The events, in the order of recording.
        views: The rows of views.
        snapshots: The stored states.
        mentions: Where other people's events name the person.
        elsewhere: What this report does not cover.
    """

    customer: str
    ids: list[str]
    erased_at: datetime | None
    log: str
    position: int
    made_at: datetime
    keys: list[HeldKey]
    events: list[HeldEvent]
    views: list[HeldRows]
    snapshots: list[HeldSnapshot]
    mentions: list[Mention]
    elsewhere: str = _ELSEWHERE

    def to_json(self) -> str:
        """Return the report as a JSON document."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode() + "\n"

    def to_markdown(self) -> str:
        """Return the report as Markdown."""
        lines = [f"# Everything held on {self.customer}", "", *(f"- {name}: {value}" for name, value in self._facts())]
        for heading, columns, rows in self._sections():
            lines += ["", f"## {heading}", ""]
            if not rows:
                lines.append("Nothing.")
                continue
            lines += [_markdown_row(columns), _markdown_row(["---"] * len(columns))]
            lines += [_markdown_row(map(_in_a_cell, row)) for row in rows]
        return "\n".join([*lines, "", self.elsewhere]) + "\n"

    def to_html(self) -> str:
        """Return the report as a page that needs nothing else."""
        parts = [
            "<!doctype html>",
            '<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
            f"<title>Everything held on {escape(self.customer)}</title>",
            f"<style>{_STYLE}</style>",
            f"<h1>Everything held on {escape(self.customer)}</h1><ul>",
            *(f"<li>{escape(name)}: {escape(value)}</li>" for name, value in self._facts()),
            "</ul>",
        ]
        for heading, columns, rows in self._sections():
            parts.append(f"<h2>{escape(heading)}</h2>")
            if not rows:
                parts.append("<p>Nothing.</p>")
                continue
            parts.append("<table><tr>" + "".join(f"<th>{escape(each)}</th>" for each in columns) + "</tr>")
            parts += ["<tr>" + "".join(f"<td>{escape(each)}</td>" for each in row) + "</tr>" for row in rows]
            parts.append("</table>")
        return "\n".join([*parts, f"<p>{escape(self.elsewhere)}</p></html>"]) + "\n"

    def _facts(self) -> list[tuple[str, str]]:
        return [
            ("Ids", ", ".join(self.ids)),
            ("Erased", "no" if self.erased_at is None else _minute(self.erased_at)),
            ("Made at", _minute(self.made_at)),
            ("Log", f"{self.log}, up to position {self.position:,}"),
        ]

    def _sections(self) -> Iterator[_Section]:
        rows = [(each.customer, each.state, _minute(each.created_at) if each.created_at else "") for each in self.keys]
        yield _Section("Keys of personal words", ("Id", "State", "Since"), rows)
        events = [
            (_minute(each.occurred_at), _words(each.topic), _said(each.details), each.actor) for each in self.events
        ]
        yield _Section("Events", ("When", "What", "Details", "Recorded by"), events)
        views = [(held.table, _said(row)) for held in self.views for row in held.rows]
        yield _Section("Rows of views", ("Table", "Values"), views)
        states = [(each.stream, f"{each.version:,}") for each in self.snapshots]
        yield _Section("Stored states", ("Stream", "Events"), states)
        mentions = [(f"{each.position:,}", _words(each.topic), ", ".join(each.fields)) for each in self.mentions]
        yield _Section("Named in events of others", ("Position", "What", "Fields"), mentions)


def access_report(engine: Relations, customer: str, *, at: datetime | None = None) -> AccessReport:
    """Return everything that is held on one person.

    Reads the whole log once, to find the events of others that name the person.

    Args:
        engine: The engine. Open it with the master key, if the keys are wrapped by one.
        customer: Any of the person's ids.
        at: The time of the report, an aware datetime; now by default.

    Raises:
        InvalidInput: There is no such customer (`unknown_customer`).
    """
    history = engine.history(customer)
    if not history:
        raise InvalidInput(f"there is no customer {customer!r}", code="unknown_customer", field="customer")
    erasures = {event for aggregate in engine.aggregates for event in aggregate.erases}
    erased = [from_micros(each.occurred_at) for each in history if type(each.event) in erasures]
    events = [
        HeldEvent(
            each.position,
            each.customer,
            each.topic,
            each.stream,
            from_micros(each.occurred_at),
            from_micros(each.recorded_at),
            each.actor,
            _details(each.event),
        )
        for each in history
    ]
    with engine.log.database.reading() as connection:
        ids = ids_in_log(connection, engine.codec, customer)
        return AccessReport(
            customer=customer,
            ids=ids,
            erased_at=max(erased, default=None),
            log=engine.log.id,
            position=engine.log.head(connection).position,
            made_at=datetime.now(UTC) if at is None else at,
            keys=_keys(connection, ids),
            events=events,
            views=list(_rows(engine, connection, ids)),
            snapshots=_snapshots(connection, sorted({each.stream for each in history})),
            mentions=list(_mentions(engine, connection, ids)),
        )


def _keys(connection: Connection, ids: Sequence[str]) -> list[HeldKey]:
    found = {row.customer: row for row in connection.execute(select(keys).where(keys.c.customer.in_(ids)))}
    held = []
    for name in ids:
        row = found.get(name)
        if row is None:
            held.append(HeldKey(name, "none", None))
        else:
            held.append(HeldKey(name, "present" if row.key else "destroyed", from_micros(row.created_at)))
    return held


def _rows(engine: Relations, connection: Connection, ids: Sequence[str]) -> Iterator[HeldRows]:
    present = set(inspect(connection).get_table_names())  # a view that was never asked has no tables
    for name in engine.runner.projections:
        for kind, table in engine.runner.tables(name).items():
            if not issubclass(kind, CustomerRow) or table.table.name not in present:
                continue
            statement = select(table.table).where(table.table.c.customer.in_(ids))
            found = [table.decode(tuple(row)) for row in connection.execute(statement)]
            if found:
                yield HeldRows(table.label, [_without_seals(msgspec.to_builtins(row)) for row in found])


def _without_seals(value: Any) -> Any:
    if isinstance(value, str):
        return "[sealed]" if value.startswith("sealed:") else value
    if isinstance(value, dict):
        return {_without_seals(name): _without_seals(each) for name, each in value.items()}
    return [_without_seals(each) for each in value] if isinstance(value, list | tuple) else value


def _snapshots(connection: Connection, streams: Sequence[str]) -> list[HeldSnapshot]:
    columns = (snapshots.c.stream, snapshots.c.version)
    statement = select(*columns).where(snapshots.c.stream.in_(streams)).order_by(*columns)
    return [HeldSnapshot(*row) for row in connection.execute(statement)]


def _mentions(engine: Relations, connection: Connection, ids: Sequence[str]) -> Iterator[Mention]:
    names = "|".join(re.escape(name) for name in sorted(ids, key=len, reverse=True))
    pattern = re.compile(rf"(?<![A-Za-z0-9._:\-])(?:{names})(?![A-Za-z0-9._:\-])")
    in_bytes = re.compile(pattern.pattern.encode())
    columns = ("position", "topic", "schema", "customer", "body")
    known, own = engine.codec.topics, frozenset(ids)
    for page in engine.log.scan(connection, columns):
        for position, topic, schema, customer, body in page:
            if customer in own or topic not in known or not in_bytes.search(body):
                continue
            try:
                event = engine.codec.decode(topic, schema, body)
            except RelationsError:
                continue  # `verify` reports it
            fields = [
                name
                for name in event.__struct_fields__
                if pattern.search(msgspec.json.encode(getattr(event, name)).decode())
            ]
            yield Mention(position, topic, fields)


# --- as people read it ----------------------------------------------------------------------------------------------


def _details(event: Any) -> dict[str, Any]:
    found = {}
    for name in event.__struct_fields__:
        value = getattr(event, name)
        if name == "at" or value is None or value in ("", ()):
            continue
        found[name] = str(value) if isinstance(value, Money) else msgspec.to_builtins(value)
    return found


def _said(values: dict[str, Any]) -> str:
    return "; ".join(f"{name}: {_shown(name, value)}" for name, value in values.items() if not _is_empty(value))


def _is_empty(value: Any) -> bool:
    return value is None or value is False or value in ("", 0) or (isinstance(value, list | tuple | dict) and not value)


def _shown(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and _TIME_FIELDS.search(name):
        return _minute(from_micros(value)) if value in _TIMES else "never" if value >= _NEVER else str(value)
    if isinstance(value, str | int):
        return str(value)
    if isinstance(value, list | tuple):  # no amount or count in a row is as large as a time
        return f"[{', '.join(_shown(_A_TIME, each) for each in value if each is not None)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_shown(_A_TIME, each)}' for key, each in value.items() if each is not None)}}}"
    return msgspec.json.encode(value).decode()


def _words(topic: str) -> str:
    return topic.replace(".", " ").replace("_", " ")


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _markdown_row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _in_a_cell(text: str) -> str:
    # Angle brackets and vertical bars mean something in Markdown, and a terminal obeys control characters.
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in " ".join(safe.split()))
