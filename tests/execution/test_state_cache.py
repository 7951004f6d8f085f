"""States in memory: bounded by number and bytes, those used last stay, and forgetting changes no answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations import Relations
from relations.execution.state_cache import StateCache
from tests.support.making import assert_sound, purchase

_STREAMS = st.sampled_from([f"s{number}" for number in range(8)])


@given(st.lists(st.tuples(st.sampled_from(["set", "use", "shrink", "delete"]), _STREAMS, st.integers(1, 60))))
def test_the_bounds_hold_and_the_states_used_last_stay(steps: list[tuple[str, str, int]]) -> None:
    cache = StateCache(lambda _stream, state: state * 100, most_streams=4, most_bytes=40_000)
    order: list[str] = []  # what was used longest ago comes first
    for step, stream, version in steps:
        if step == "set":
            cache[stream] = (version, version)
        elif step == "use":
            assert (cache.use(stream) is not None) == (stream in order)
        elif step == "delete" and stream in order:
            del cache[stream]
            order.remove(stream)
        if step == "set" or (step == "use" and stream in order):
            order = [each for each in order if each != stream] + [stream]
        if step == "shrink":
            cache.shrink()
            assert len(cache) <= 4
            assert cache.bytes <= 40_000
            order = order[len(order) - len(cache) :]
        assert list(cache) == order
        assert cache.bytes >= 1_000 * len(cache)
    cache.clear()
    assert cache.bytes == len(cache) == 0


def test_only_long_streams_are_measured_and_again_when_they_have_grown_by_half() -> None:
    measured: list[int] = []

    def size_of(_stream: str, state: int) -> int:
        measured.append(state)
        return state * 300

    cache = StateCache(size_of)
    sizes = []
    for version in range(1, 101):
        cache["s"] = (version, version)
        sizes.append(cache.bytes)
    assert measured == [32, 49, 74]
    assert sizes == sorted(sizes)
    assert sizes[-1] == 1_000 + 6 * 74 * 300
    cache["t"] = (20, 20)
    assert cache.bytes > sizes[-1] + 20_000


def test_a_batch_is_divided_where_the_states_of_its_streams_do_not_fit(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relations.execution.executor._PREFETCHED", 10)
    taken: list[int] = []
    shrink = StateCache.shrink

    def watched(cache: StateCache) -> None:
        taken.append(cache.bytes)
        shrink(cache)

    with Relations.open(database_url) as engine:
        # given customers with long streams, and room for the states of a few
        first = [purchase(number, f"c{number % 40}") for number in range(800)]
        engine.execute_many(first)
        cache = engine._executor.states.cached
        largest = max(size for size, _ in cache._sizes.values())
        cache._most_bytes = 4 * largest
        shrink(cache)
        monkeypatch.setattr(StateCache, "shrink", watched)
        # when one batch is about them all
        second = [purchase(number, f"c{number % 40}") for number in range(800, 880)]
        refused = purchase(0, "c0", 1)
        report = engine.execute_many([*second, refused, first[0]])
        # then no transaction holds much more than there is room for, and the report is that of one transaction
        assert max(taken) <= (6 + 10) * largest
        assert len(taken) > 1
        assert (report.accepted, report.repeated) == (80, 1)
        assert [rejection.index for rejection in report.rejections] == [80]
        assert_sound(engine)


def test_an_engine_that_forgets_decides_alike(database_url: str) -> None:
    with Relations.open(database_url) as engine:
        # given room for three streams, where each command needs that many
        engine._executor.states.cached._most_streams = 3
        commands = [purchase(number, f"c{number % 5}") for number in range(1, 41)]
        for command in commands:
            engine.execute(command)
            assert len(engine._executor.states.cached) <= 3
        assert all(engine.execute(command).repeated for command in commands)
        assert_sound(engine)
        # then every customer has the points of all eight purchases
        assert {len(engine.load("customer", f"c{number}").purchases) for number in range(5)} == {8}
