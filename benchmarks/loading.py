"""Measurement of loading one aggregate with a long history from its events."""

from __future__ import annotations

from benchmarks.harness import Line, Workspace, alternate, compared
from benchmarks.histories import open_log
from benchmarks.peer import PeerCustomer, open_peer
from benchmarks.purchases import clock, purchases

NAME = "loading"
ABOUT = "loading an aggregate of many events"

_NEVER = 1_000_000


def measure(workspace: Workspace) -> list[Line]:
    """Return the lines of this measurement."""
    scale = workspace.scale
    workspace.say("loading a long aggregate")
    commands = purchases(range(1, 2), range(scale.stream_events - 1))
    path = workspace.path("long")
    with open_log(path, clock=clock, durability="off") as relations:
        relations.execute_many(commands)
    name = commands[0].customer
    peers = PeerCustomer.create_id(name)
    with (
        open_peer(workspace.path("peer-long")) as application,
        open_log(workspace.copy(path, "long"), snapshot_every=_NEVER) as relations,
    ):
        customer = PeerCustomer(name, "web", commands[0].at)
        for command in commands:
            customer.record_purchase(command)
        application.save(customer)

        def load() -> None:
            for _ in range(scale.loads):
                assert len(relations.load("customer", name).purchases) == len(commands)

        def load_peer() -> None:
            for _ in range(scale.loads):
                loaded: PeerCustomer = application.repository.get(peers)
                assert len(loaded.purchases) == len(commands)

        load()
        load_peer()
        times = alternate({"engine": load, "peer": load_peer}, scale.blocks)
    return [
        compared(
            NAME,
            f"loading an aggregate of {scale.stream_events:,} events",
            "peer: eventsourcing's repository",
            times["engine"],
            times["peer"],
            counts=(scale.loads, scale.loads),
            unit="loads/s",
            budget=8,
            note="from all its events: no snapshots, no caches, on either side",
        )
    ]
