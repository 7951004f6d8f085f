"""Brokers for the tests of the relay, each started once."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import absent
from tests.support.brokers import RABBITMQ, REDIS, TANSU, kafka_running, rabbitmq_running, redis_running


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    if REDIS is None:
        absent("there is no redis-server; run `make brokers`")
    with tempfile.TemporaryDirectory() as home, redis_running(Path(home)) as url:
        yield url


@pytest.fixture(scope="session")
def amqp_url() -> Iterator[str]:
    if RABBITMQ is None:
        absent("there is no rabbitmq-server; run `make brokers`")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home, rabbitmq_running(Path(home)) as url:
        yield url


@pytest.fixture(scope="session")
def kafka_url() -> Iterator[str]:
    if TANSU is None:
        pytest.skip("there is no broker that speaks Kafka's protocol; run `make brokers`")
    with tempfile.TemporaryDirectory() as home, kafka_running(Path(home)) as url:
        yield url
