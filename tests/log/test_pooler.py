"""The engine behind a real PgBouncer that gives each transaction any of its sessions."""

from __future__ import annotations

import getpass
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from relations import Relations
from tests.conftest import absent
from tests.support.brokers import free_port
from tests.support.making import purchase, register

PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")


@pytest.fixture
def pooled_url(postgres_url: str) -> Iterator[str]:
    if PGBOUNCER is None:
        absent("there is no pgbouncer; run `make brokers`")
    url, port = make_url(postgres_url), free_port()
    home = Path(tempfile.mkdtemp(prefix="relations-pool-"))
    home.chmod(0o777)
    (home / "pool.ini").write_text(
        f"[databases]\n{url.database} = host={url.query['host']} user={url.username}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
        "pool_mode = transaction\ndefault_pool_size = 3\n"
    )
    # As the server's own user, the only one who may open its socket.
    owner = Path(str(url.query["host"])).owner()
    command = [PGBOUNCER, *(["-u", owner] if getpass.getuser() == "root" else []), str(home / "pool.ini")]
    with (home / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            wait_for(port, process, home / "log")
            yield f"postgresql+psycopg://{url.username}@127.0.0.1:{port}/{url.database}"
        finally:
            process.terminate()
            process.wait(20)
            shutil.rmtree(home, ignore_errors=True)


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 20
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end
        time.sleep(0.05)


def test_everything_works_where_each_transaction_has_any_session(pooled_url: str, postgres_url: str) -> None:
    with Relations.open(pooled_url) as engine, Relations.open(postgres_url) as direct:
        assert engine.log.database.is_pooled
        assert not direct.log.database.is_pooled
        engine.execute(register())
        threads = [
            threading.Thread(target=lambda n=n: [engine.execute(purchase(n * 100 + k)) for k in range(8)])
            for n in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        engine.catch_up()
        engine.rebuild(["satisfaction"])
        assert engine.verify().good
        head = engine.status().position
        assert head > 32
        with engine.consume("mails", after=head) as consumer:
            threading.Timer(0.05, lambda: direct.execute(purchase(7_777))).start()
            assert next(consumer).position == head + 1


def test_no_setting_reaches_another_client_of_the_pooler(pooled_url: str) -> None:
    with Relations.open(pooled_url, durability="off", busy_seconds=7) as engine:
        engine.execute(register())
        with engine.log.database.transaction() as connection:
            assert connection.execute(text("SHOW synchronous_commit")).scalar() == "off"
            assert connection.execute(text("SHOW lock_timeout")).scalar() == "7s"
    import psycopg

    with psycopg.connect(pooled_url.replace("+psycopg", ""), autocommit=True) as other:
        for _ in range(5):
            (found,) = other.execute("SHOW synchronous_commit").fetchone() or ("",)
            assert found == "on"
