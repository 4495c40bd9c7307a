"""Random writes and random faults beside four callers: every answer is that of a model.

``make test-system`` soaks for 20 s; ``make soak`` for as long as SECONDS says.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from threading import Event, Thread

import pytest

from sidecar.facts.sources.mapping import default_mapping
from sidecar.facts.sources.postgresql_ddl import postgresql_ddl
from sidecar.schema import read_schema
from tests.e2e.running import serving
from tests.system.postgres import Proxy, temporary_server
from tests.system.soak.actors import Breaker, ask_all, write_all
from tests.system.soak.history import STALENESS, History
from tests.system.soak.model import BITS

PACK = Path(__file__).with_name("soak")
SECONDS = float(os.environ.get("SOAK_SECONDS") or 20)  # noqa: TID251  the tests' own
SEED = int(os.environ.get("SOAK_SEED") or 1)  # noqa: TID251
CALLERS = 4


@pytest.mark.e2e
def test_every_answer_is_that_of_the_model_at_its_revision(tmp_path: Path) -> None:
    for name in ("policies", "fixtures"):
        shutil.copytree(PACK / name, tmp_path / name)
    (tmp_path / "data").mkdir()
    schema = read_schema(PACK / "fixtures" / "schema.yaml")
    password, history = tmp_path / "password", History()
    password.write_text("one")
    with temporary_server() as server:
        server.create()
        server.start()
        server.execute("CREATE ROLE reader LOGIN PASSWORD 'one'")
        server.execute(postgresql_ddl(schema, default_mapping(schema), "reader"))
        server.execute(
            "INSERT INTO users (id) VALUES ('clock');"
            f" INSERT INTO bits SELECT 'b' || n, false FROM generate_series(0, {BITS - 1}) n"
        )
        proxy = Proxy(server.port)
        url = f"postgresql://reader@127.0.0.1:{proxy.port}/postgres?password_file={password}"
        options = ("--data", url, "--store", "store", "--max-staleness", str(STALENESS))
        with serving(tmp_path, *options) as sidecar:
            writing, asking = Event(), Event()
            writer = Thread(target=write_all, args=(server, history, writing, SEED))
            callers = [
                Thread(target=ask_all, args=(sidecar, history, asking, SEED + number))
                for number in range(CALLERS)
            ]
            breaking = Event()
            breaker = Thread(
                target=Breaker(server, proxy, sidecar, history).run, args=(breaking, SEED)
            )
            for thread in (writer, *callers, breaker):
                thread.start()
            time.sleep(SECONDS)  # the soak lasts so long, whatever happens

            breaking.set()
            breaker.join()
            writing.set()
            writer.join()
            last = history.newest
            reached = _wait_for(history, last)
            asking.set()
            for caller in callers:
                caller.join()
            assert sidecar.process.poll() is None, "it was started once"
        proxy.close()
    counts = ", ".join(f"{number} {kind}" for kind, number in sorted(history.counts.items()))
    sys.stdout.write(f"\n{SECONDS:.0f} s: {counts}\n")
    assert history.wrong == []
    assert reached, "the last change was lost"
    assert history.counts["compared"] > 100
    assert history.counts["allowed"] > 10


def _wait_for(history: History, version: int, seconds: float = 60.0) -> bool:
    """Wait until a version has been answered from."""
    end = time.monotonic() + seconds
    while not history.has_answered(version):
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True
