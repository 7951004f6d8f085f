"""The recipes of CONTRIBUTING, followed in a copy of the tree: the files to write are counted, and the checks hold."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.soak

VOUCHER = '''"""Vouchers: amounts that the business owes to the customer who bought them."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from relations.decider import Aggregate, Decider
from relations.errors import CommandRefused
from relations.messages import Command, Event, Id, Money
from relations.policies import Policy

__all__ = ["AGGREGATE", "REFUSALS", "SellVoucher", "Voucher", "VoucherCommand", "VoucherSold"]


class VoucherSold(Event, frozen=True):
    """A voucher was sold to a customer."""

    topic: ClassVar[str] = "voucher.sold"
    customer: str
    amount: Money


class VoucherCommand(Command):
    """A command that concerns one voucher."""

    voucher: Id

    @property
    def stream(self) -> str:
        return f"voucher-{self.voucher}"


class SellVoucher(VoucherCommand):
    """Sell a voucher to a customer."""

    customer: Id
    amount: Money


class Voucher(msgspec.Struct, frozen=True, gc=False):
    """The state of a voucher."""

    customer: str = ""


REFUSALS: dict[str, str] = {"voucher_sold": "The voucher has already been sold"}


def evolve(state: Voucher, event: Event) -> Voucher:
    """Return the voucher after an event."""
    return Voucher(event.customer) if isinstance(event, VoucherSold) else state


def decide(state: Voucher, command: Command, _policy: Policy) -> list[Event]:
    """Return the events that a command leads to.

    Raises:
        CommandRefused: The voucher has already been sold.
    """
    if not isinstance(command, SellVoucher):
        raise TypeError(type(command).__name__)
    if state.customer:
        raise CommandRefused(
            f"cannot sell voucher {command.voucher}: it has already been sold", code="voucher_sold", field="voucher"
        )
    return [VoucherSold(customer=command.customer, amount=command.amount)]


AGGREGATE = Aggregate(
    name="voucher",
    decider=Decider(Voucher(), decide, evolve),
    events=(VoucherSold,),
    commands=(SellVoucher,),
    customer=lambda state, command: command.customer if isinstance(command, SellVoucher) else state.customer,
    state=Voucher,
)
'''

CALLS = '''"""The calls view: the number of contacts with each customer."""

from __future__ import annotations

from typing import ClassVar

from relations.aggregates.customer import InteractionRecorded
from relations.messages import Envelope
from relations.projections.projection import CustomerRow, Projection, Rows
from relations.projections.view import View

__all__ = ["PROJECTION", "Calls", "CallsView"]


class Calls(CustomerRow, gc=False):
    """The contacts of one customer."""

    table: ClassVar[str] = "calls"
    number: int = 0

    def absorb(self, other: Calls) -> None:
        """Add another id's contacts."""
        self.number += other.number


PROJECTION = Projection(name="calls", version=1, tables=(Calls,))


@PROJECTION.on(InteractionRecorded)
def interaction_recorded(rows: Rows, _event: InteractionRecorded, at: Envelope) -> None:
    """Count the contact."""
    rows.need(Calls, at.customer).number += 1


class CallsView(View):
    """Contacts with customers."""

    projection: ClassVar[Projection] = PROJECTION

    def number(self, customer: str) -> int:
        """Return the number of contacts with a customer."""
        return sum(row.number for row in self.rows(Calls, customer=customer))
'''


def put(tree: Path, name: str, *edits: tuple[str, str]) -> None:
    """Replace pieces of a file that occur in it once."""
    path = tree / name
    text = path.read_text("utf-8")
    for old, new in edits:
        assert text.count(old) == 1, (name, old)
        text = text.replace(old, new)
    path.write_text(text, "utf-8")


def sample(tree: Path, line: str, imports: str = "") -> None:
    """Add a sample of an event to MEANT."""
    put(
        tree,
        "tests/recorded/test_recorded.py",
        ("MEANT: dict[str, Event] = {\n", f"MEANT: dict[str, Event] = {{\n    {line}\n"),
        ("import pytest\n", f"import pytest\n{imports}\n"),
    )


def aggregate(tree: Path) -> None:
    (tree / "src/relations/aggregates/voucher.py").write_text(VOUCHER, "utf-8")
    put(
        tree,
        "src/relations/aggregates/__init__.py",
        ("    complaint,\n", "    complaint,\n    voucher,\n"),
        ("    complaint.AGGREGATE,\n", "    complaint.AGGREGATE,\n    voucher.AGGREGATE,\n"),
    )
    sample(
        tree,
        '"voucher.sold.1.full": VoucherSold(customer="c1", amount=Money(5_000, "EUR")),',
        "from relations.aggregates.voucher import VoucherSold",
    )


def projection(tree: Path) -> None:
    package = tree / "src/relations/projections/calls"
    package.mkdir()
    (package / "__init__.py").write_text(CALLS, "utf-8")
    put(
        tree,
        "src/relations/projections/__init__.py",
        ("    agenda,\n", "    agenda,\n    calls,\n"),
        ("    agenda.PROJECTION,\n", "    agenda.PROJECTION,\n    calls.PROJECTION,\n"),
        ("    AgendaView,\n", "    AgendaView,\n    calls.CallsView,\n"),
    )


TOPIC = '    topic: ClassVar[str] = "customer.acquisition_cost_recorded"\n'
FIELDS = (
    "    acquisition: str\n    amount: Money\n    channel: str | None = None\n    campaign: str | None = None\n"
    "    at: int = 0\n"
)


def field(tree: Path) -> None:
    folder = "src/relations/aggregates/customer"
    put(
        tree,
        f"{folder}/events.py",
        (
            f'        campaign: The campaign that won them.\n    """\n\n{TOPIC}',
            f'        campaign: The campaign that won them.\n        agency: The agency.\n    """\n\n{TOPIC}',
        ),
        (TOPIC + FIELDS, TOPIC + FIELDS + "    agency: str | None = None\n"),
    )
    put(
        tree,
        f"{folder}/commands.py",
        (
            '    """Record the cost of acquiring this customer."""\n',
            (
                '    """Record the cost of acquiring this customer."""\n\n'
                "    added = frozenset({'agency'})\n    agency: Label | None = None\n"
            ),
        ),
    )
    put(
        tree,
        f"{folder}/decide/portrait.py",
        ("event = AcquisitionCostRecorded(\n", "event = AcquisitionCostRecorded(\n        agency=command.agency,\n"),
    )
    sample(
        tree,
        '"customer.acquisition_cost_recorded.1.agency": AcquisitionCostRecorded('
        'acquisition="a1", amount=Money(100, "EUR"), campaign="spring", agency="Miller", at=AT),',
    )
    text(tree, "customer.acquisition_cost_recorded", "agency")


def text(tree: Path, topic: str, field: str) -> None:
    """Say that a text of an event is a code."""
    name = "tests/log/test_string_fields.py"
    first = "BY_TOPIC: dict[tuple[str, str], Kind] = {\n"
    put(tree, name, (first, f'{first}    ("{topic}", "{field}"): "code",\n'))


WRITTEN_FROM_THE_CODE = {"src/relations/commands.py", "src/relations/events.py", "src/relations/views.py"}
EVERY_EVENT = (
    "tests/recorded",
    "tests/test_docs.py",
    "tests/test_layout.py",
    "tests/test_public_surface.py",
    "tests/aggregates/test_registry.py",
    "tests/aggregates/test_terms.py",
    "tests/aggregates/customer/test_customer_properties.py",
    "tests/asgi/test_fastapi.py",
    "tests/log/test_string_fields.py",
    "tests/testing/strategies",
)
EVERY_VIEW = (
    "tests/test_docs.py",
    "tests/test_layout.py",
    "tests/test_public_surface.py",
    "tests/asgi/test_fastapi.py",
    "tests/cli/test_known.py",
    "tests/exchange/frames",
    "tests/projections/running/test_laws.py",
    "tests/projections/running/test_merging.py",
    "tests/projections/test_unknown_customers.py",
    "tests/verification/test_tampering.py",
)
"""The tests that go over every event, or over every view."""


@pytest.mark.parametrize(
    ("follow", "most", "checks"),
    [
        (aggregate, 3, EVERY_EVENT),
        (projection, 2, EVERY_VIEW),
        (field, 3, (*EVERY_EVENT, "tests/execution/test_former_versions.py")),
    ],
)
def test_a_recipe_touches_few_source_files(
    follow: Callable[[Path], None], most: int, checks: tuple[str, ...], tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    left_out = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", ".hypothesis", "findings")
    shutil.copytree(ROOT, tree, ignore=left_out)
    before = {path: path.read_bytes() for path in (tree / "src").rglob("*.py")}
    follow(tree)
    touched = {path for path in (tree / "src").rglob("*.py") if before.get(path) != path.read_bytes()}
    assert 0 < len(touched) <= most
    made = (["docs/generate.py"], ["-m", "tests.verification.tampering"], ["-m", "tests.recorded"])
    for command in (*made, ["-m", "pytest", "-q", "-x", *checks]):
        done = subprocess.run(
            [sys.executable, *command],
            cwd=tree,
            env={**os.environ, "PYTHONPATH": f"{tree / 'src'}:{tree}"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stdout[-3_000:]}{done.stderr[-2_000:]}"
    generated = {path for path in (tree / "src").rglob("*.py") if before.get(path) != path.read_bytes()} - touched
    assert {str(path.relative_to(tree)) for path in generated} <= WRITTEN_FROM_THE_CODE
