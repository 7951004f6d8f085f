"""The terminal pages of one customer's file, and of likely duplicates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from relations.cli.pages.history import line
from relations.cli.pages.report.repair import duration
from relations.cli.show import ABSENT, counted, headline, local_minute, number, percent, section, table, words
from relations.messages import ID_PATTERN
from relations.policies.calendars import time_zone
from relations.projections.care.profiles import CustomerPlan
from relations.projections.contacts.view import ContactFigure, SilentCustomer
from relations.projections.customers.audience import Addressee
from relations.projections.customers.duplicates import Duplicate
from relations.projections.customers.lookup import FoundCustomer, guessed
from relations.projections.customers.matching import same_name
from relations.projections.customers.portraits import Culture
from relations.projections.customers.view import CustomersView, Portrait
from relations.projections.loyalty.view import MemberAccount
from relations.report.customer_file import CustomerFile

__all__ = ["find", "show", "show_audience", "show_contacts", "show_duplicates", "show_found"]

_ROWS = 8
"""The maximum rows of every list except the timeline."""
_PLURALS = {"need": "Needs", "preference": "Likes", "habit": "Habits", "taboo": "Taboos", "attribute": "Attributes"}

Facts = list[tuple[str, str]]


def show(file: CustomerFile, zone: str, *, events: int, asked: bool) -> Iterator[RenderableType]:
    """Yield the parts of the page.

    Args:
        file: The customer's file.
        zone: The business's time zone.
        events: The maximum number of events in the timeline.
        asked: True if a moment was given on the command line.
    """
    who = file.portrait
    yield headline(f"Customer {who.customer}", f"as of {local_minute(file.as_of, zone)}" if asked else "")
    if who.erased_at is not None:
        yield Text(f"Erased on {_day(who.erased_at, zone)}: their personal words are gone for ever.", style="bold red")
    yield section(_facts(_person(who, zone)))
    yield section(_facts([*_relation(file, zone), *_points(file, zone), *_value(file), *_care(file, zone)]))
    for listed in (_tickets(file, zone), _answers(file, zone), _due(file, zone), _timeline(file, zone, events)):
        if listed is not None:
            yield section(listed)


def _facts(rows: Facts) -> Table:
    made = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    made.add_column(style="dim", no_wrap=True, min_width=11)
    made.add_column(overflow="fold")
    for name, said in rows:
        if said:
            made.add_row(name, said)
    return made


def _day(at: datetime | None, zone: str) -> str:
    return ABSENT if at is None else f"{at.astimezone(time_zone(zone)):%Y-%m-%d}"


def _joined(*parts: str | None, by: str = ", ") -> str:
    return by.join(part for part in parts if part)


def _plain(name: str) -> str:
    return name.replace("_", " ")


# --- who they are ---------------------------------------------------------------------------------------------------


def _person(who: Portrait, zone: str) -> Facts:
    phone = who.phone if who.phone_number in (None, who.phone) else f"{who.phone} ({who.phone_number})"
    merged = [f"{name} (merged)" for name in who.ids[1:]]
    rows = [
        ("Name", _joined(who.name, f"born {who.birthday}" if who.birthday else None, who.gender)),
        ("Reached at", _joined(who.email, phone)),
        ("Speaks", _joined(who.language, f"lives in {who.region}" if who.region else None)),
        ("Known", _known(who, zone)),
        ("Other ids", _joined(*merged, *(f"{name} in {source}" for source, name in who.external_ids))),
    ]
    for kind, title in _PLURALS.items():
        traits = [
            _joined(trait.about, f"({trait.need or trait.value})" if trait.need or trait.value else None, by=" ")
            + (f": {trait.words}" if trait.words else "")
            for trait in who.traits
            if trait.trait == kind
        ]
        rows.append((title, "; ".join(traits)))
    if who.culture is not None:
        rows.append(("Culture", _culture(who.culture)))
    allowed: dict[bool, list[str]] = {True: [], False: []}
    for each in who.consents:
        allowed[each.allowed].append(f"{each.purpose} by {_plain(each.channel)}")
    return [*rows, ("Allows", ", ".join(allowed[True])), ("Took back", ", ".join(allowed[False]))]


def _known(who: Portrait, zone: str) -> str:
    if who.known_since is None:
        return "not registered; known only by complaints or points"
    source, channel = who.source, who.channel
    came = _joined(f"from {source}" if source else None, f"by {_plain(channel)}" if channel else None, by=" ")
    return _joined(f"since {_day(who.known_since, zone)}", came)


def _culture(culture: Culture) -> str:
    return _joined(
        f"speaks {', '.join(culture.languages)}" if culture.languages else None,
        f"by {_plain(culture.preferred_channel)}" if culture.preferred_channel else None,
        f"pace: {culture.pace}" if culture.pace else None,
        f"customs: {culture.customs}" if culture.customs else None,
        f"taboos: {culture.taboos}" if culture.taboos else None,
        by="; ",
    )


# --- how they stand -------------------------------------------------------------------------------------------------


def _relation(file: CustomerFile, zone: str) -> Facts:
    relation, feelings = file.relation.standing, file.emotional
    since = f" since {_day(relation.since, zone)}" if relation.since else ""
    state = _joined(
        _plain(relation.state) + since,
        _counted(relation.complaints, "complaint"),
        f"{number(relation.unsettled)} unsettled" if relation.unsettled else None,
        _counted(relation.relapses, "relapse"),
        f"{number(relation.deviations)} after an earlier failure" if relation.deviations else None,
    )
    parts = f"deposits {feelings.deposits:+.1f}, withdrawals {feelings.withdrawals:+.1f}"
    felt = f"{feelings.balance:+.1f} ({parts}, as faded)"
    return [("Relation", state), ("Feelings", felt if feelings.entries else "")]


def _counted(count: int, what: str) -> str | None:
    return counted(count, what) if count else None


def _points(file: CustomerFile, zone: str) -> Facts:
    single = len(file.accounts) == 1
    return [("Points" if single else f"Points, {each.programme}", _account(each, zone)) for each in file.accounts]


def _account(account: MemberAccount, zone: str) -> str:
    tier = account.tier
    return _joined(
        f"closed on {_day(account.closed_at, zone)}" if account.closed_at else f"{number(account.spendable)} to spend",
        f"{number(account.pending)} pending" if account.pending else None,
        f"{number(account.debt)} owed" if account.debt else None,
        f"tier {tier.tier}" if tier is not None and tier.tier else None,
        f"{number(account.earned)} earned since {_day(account.enrolled_at, zone)}" if account.enrolled_at else None,
    )


def _value(file: CustomerFile) -> Facts:
    rows: Facts = []
    bought = file.purchases
    if bought is not None:
        days = bought.days
        stage = _joined(
            f"{_plain(bought.stage)} (inferred)",
            f"bought on {_counted(len(days), 'day')}, last on {days[-1]}" if days else "never bought",
            f"every {bought.mean_gap_days:.0f} days" if bought.mean_gap_days else None,
        )
        spent = [
            f"{spending.net} net" + (f" ({spending.refunded} given back)" if spending.refunds else "")
            for spending in bought.spending
        ]
        rows += [("Stage", stage), ("Spent", ", ".join(spent))]
    kind = file.kind and ("no" if file.kind.kind == "none" else file.kind.kind)
    value = _joined(
        f"grade {file.grade.grade} since {file.grade.since}" if file.grade else None,
        f"RFM {file.rfm.r}-{file.rfm.f}-{file.rfm.m} ({file.rfm.segment})" if file.rfm else None,
        f"{kind} loyalty since {file.kind.since}" if file.kind else None,
    )
    rows += [("Value", value), ("Segments", ", ".join(file.segments))]
    if file.worth is not None and file.worth.alive is not None:
        often = f"{file.worth.expected_purchases:.1f} days of buying within a year"
        rows.append(("Expected", f"{percent(file.worth.alive)} likely to come again; {often}"))
    elif file.worth_unknown is not None and bought is not None and bought.days:
        rows.append(("Expected", f"unknown: {file.worth_unknown}"))
    return rows


def _care(file: CustomerFile, zone: str) -> Facts:
    return [("Care", "; ".join(_plan(each, zone) for each in file.plans))]


def _plan(plan: CustomerPlan, zone: str) -> str:
    step = plan.next_step
    coming = f"next {_plain(step.what)} from {_day(step.due_at, zone)}" if step else "nothing left to do"
    return _joined(f"{plan.round} until {_day(plan.ends_at, zone)}", coming, plan.owner and f"by {plan.owner}")


# --- lists ----------------------------------------------------------------------------------------------------------


def _cut(listed: Table, total: int) -> RenderableType:
    rest = total - _ROWS
    return listed if rest <= 0 else Group(listed, words(f"and {number(rest)} more; --json lists them all"))


def _tickets(file: CustomerFile, zone: str) -> RenderableType | None:
    if not file.tickets:
        return None
    made = table("Filed", "Complaint", "About", "Severity", "Stands", "Due", title="Complaints", grow=2)
    for ticket in file.tickets[:_ROWS]:
        late = f"{duration(ticket.late_by)} late" if ticket.late_by else ""
        due = late or ("" if ticket.due_at is None else _day(ticket.due_at, zone))
        made.add_row(
            _day(ticket.filed_at, zone),
            ticket.complaint,
            ticket.subject,
            ticket.severity,
            _plain(ticket.status),
            Text(due, style="red" if late else ""),
        )
    return _cut(made, len(file.tickets))


def _answers(file: CustomerFile, zone: str) -> RenderableType | None:
    if not file.answers:
        return None
    waiting = {loop.feedback: loop for loop in file.open_loops}
    made = table("Given", "Asked with", "Score", "About", "", title="Answers", right=(2,), grow=4)
    for answer in file.answers[:_ROWS]:
        said = Text(answer.words or "")
        loop = waiting.get(answer.feedback)
        if loop is not None:
            owed = "to be answered " if loop.due_at is None else f"to be answered by {_day(loop.due_at, zone)} "
            said = Text.assemble((owed, "red" if loop.overdue else "yellow"), said)
        items = counted(answer.items, "item") if answer.items else ""
        score = items if answer.score is None else number(answer.score)
        made.add_row(_day(answer.given_at, zone), answer.instrument, score, answer.touchpoint or "", said)
    return _cut(made, len(file.answers))


def _due(file: CustomerFile, zone: str) -> RenderableType | None:
    if not file.due:
        return None
    made = table("Due", "What", "Of", "", title="What is due", grow=3)
    for item in file.due[:_ROWS]:
        points = counted(item.points, "point") if item.points else ""
        made.add_row(
            Text(local_minute(item.due_at, zone), style="red" if item.due_at < file.as_of else ""),
            _plain(item.kind),
            item.programme or item.stream.partition("-")[2],
            _joined(item.detail, points),
        )
    return _cut(made, len(file.due))


def _timeline(file: CustomerFile, zone: str, events: int) -> RenderableType | None:
    if not events:
        return None
    made = table("Occurred", "What", "", title="Timeline, the newest last", grow=2)
    late = False
    for recorded in file.history[-events:]:
        row, is_late = line(recorded, zone)
        late |= is_late
        made.add_row(*row)
    rest = len(file.history) - events
    lines = [words(f"Times are in {zone}." + (" * recorded more than a day after it occurred" if late else ""))]
    if rest > 0:
        lines.insert(0, words(f"{counted(rest, 'earlier event')}: see --events, or `relations history`"))
    return Group(made, *lines)


# --- finding --------------------------------------------------------------------------------------------------------


def find(view: CustomersView, asked: str, limit: int) -> list[FoundCustomer]:
    """Return the customers with words of a guessed kind, and those with this id here or in another system."""
    kind = guessed(asked)
    found = view.find(**{kind: asked}, limit=limit) if kind != "name" or same_name(asked) else []
    if " " not in asked:
        found += view.find(external_id=asked, limit=limit)
        if re.fullmatch(ID_PATTERN, asked):
            found += view.find(own_id=asked)
    return list({each.customer: each for each in found}.values())[:limit]


def show_found(found: list[FoundCustomer], asked: str) -> RenderableType:
    """Return the customers who were found, one a line."""
    title = headline("Customers found", asked)
    if not found:
        return Group(title, section(words("Nobody was found.")))
    made = table("Customer", "Name", "Phone", "E-mail", grow=1)
    for each in found:
        merged = "" if each.matched_id == each.customer else f" (as {each.matched_id})"
        made.add_row(each.customer + merged, each.name or ABSENT, each.phone or ABSENT, each.email or ABSENT)
    return Group(title, section(made))


# --- contact --------------------------------------------------------------------------------------------------------


def show_audience(found: list[Addressee]) -> RenderableType:
    """Return the customers who may be addressed, one a line."""
    title = headline("Audience", f"{counted(len(found), 'customer')} who may be addressed now")
    if not found:
        return Group(title, section(words("Nobody may be addressed.")))
    made = table("Customer", "Name", "Address", "Language", "Taboos", grow=1)
    for each in found:
        made.add_row(
            each.customer, each.name or ABSENT, each.address or ABSENT, each.language or ABSENT, "; ".join(each.taboos)
        )
    return Group(title, section(made))


def show_contacts(
    figures: list[ContactFigure], silent: list[SilentCustomer], count: int, breaches: Mapping[str, int], days: int
) -> Iterator[RenderableType]:
    """Yield the parts of the page of contact.

    Args:
        figures: The contacts by kind, all kinds together first.
        silent: Some customers nobody contacted.
        count: The number of all of them.
        breaches: The contacts that broke a rule, by the rule's code.
        days: The number of days that the silence lasted at least.
    """
    yield headline("Contact", "by kind, and customers nobody contacted")
    if figures:
        made = table("Kind", "Contacts", "By us", "That sell", "Sell nothing", "Minutes", grow=0)
        for each in figures:
            made.add_row(
                each.kind or "all",
                number(each.contacts),
                number(each.outbound),
                number(each.selling),
                ABSENT if each.not_selling_share is None else percent(each.not_selling_share),
                number(each.minutes),
            )
        yield section(made)
    else:
        yield section(words("No contact is recorded."))
    for code, contacts in breaches.items():
        yield words(f"{counted(contacts, 'recorded contact')} broke the rule {code}.")
    if not silent:
        yield section(words(f"Everybody was contacted within {counted(days, 'day')}."))
        return
    made = table(
        "Customer", "Last contacted by us", "Days", title=f"{number(count)} without contact in {counted(days, 'day')}"
    )
    for customer in silent:
        since = f"{customer.since:%Y-%m-%d}" if customer.contacted else "never"
        made.add_row(customer.customer, since, number(customer.days))
    yield section(made)


# --- duplicates -----------------------------------------------------------------------------------------------------


def show_duplicates(found: list[Duplicate], people: Mapping[str, Portrait]) -> RenderableType:
    """Yield the pairs with the evidence for each.

    Args:
        found: The pairs.
        people: The customers' profiles, by id.
    """
    title = headline("Likely duplicates", "customers who may be one person under two ids")
    if not found:
        return Group(title, section(words("There are no likely duplicates.")))
    made = table("Customers", "Names", "What they share", grow=2)
    for pair in found:
        alike = [f"{_plain(said.kind)}: {said.value}" for said in pair.evidence]
        names = [people[name].name or ABSENT for name in pair.customers]
        made.add_row("\n".join(pair.customers), "\n".join(names), "\n".join(alike))
    lines = words(
        f"{counted(len(found), 'pair')}. MergeCustomer merges a pair. A pair that was unmerged is not proposed again."
    )
    return Group(title, section(made, lines))
