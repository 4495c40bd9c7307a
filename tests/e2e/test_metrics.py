"""The metrics of a running sidecar: what clients saw is what was counted, whatever happened."""

from __future__ import annotations

import http.client
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field

import pytest

from tests.e2e.admin import ADMIN, Operator
from tests.e2e.running import EDIT, UNTRACED, Sidecar, ask, copy_pack, serving, until, write
from tests.metrics.scraping import Samples, samples_of, total
from tests.patience import PATIENCE

pytestmark = pytest.mark.e2e

DENIED = {**EDIT, "subject": "user:mallory"}
BATCH = {"requests": [EDIT, DENIED, EDIT]}

CLIENTS, ROUNDS, KILLS = 4, 150, 6


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    root = copy_pack(tmp_path_factory.mktemp("counted"))
    options = (*ADMIN, "--reload-seconds", "0.1", "--decision-log", str(root / "decisions"))
    with serving(root, *options, variables=UNTRACED) as running:
        until(lambda: scrape(running)["sidecar_workers"] == 2)
        yield running


def scrape(sidecar: Sidecar) -> Samples:
    return samples_of(Operator(sidecar).text("/metrics"))


@dataclass
class Seen:
    """What clients saw."""

    answered: int = 0
    allowed: int = 0
    denied: int = 0
    broken: int = 0
    """Requests without a response: nobody knows whether it was made."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def client(self, sidecar: Sidecar) -> None:
        connection: http.client.HTTPConnection | None = None
        for number in range(ROUNDS):
            said = (EDIT, DENIED, BATCH)[number % 3]
            try:
                if connection is None:
                    connection = sidecar.connect()
                status, _ = ask(connection, "/v1/authorize", said)
            except (http.client.HTTPException, OSError):
                if connection is not None:
                    connection.close()
                connection = None
                with self.lock:
                    self.broken += 1
                continue
            assert status == 200
            with self.lock:
                self.answered += 1
                self.allowed += (1, 0, 2)[number % 3]
                self.denied += (0, 1, 1)[number % 3]
        if connection is not None:
            connection.close()


def kill_workers(sidecar: Sidecar) -> None:
    """Kill one worker after the other, each as soon as there are two again."""
    for number in range(KILLS):
        before = len(sidecar.workers())
        os.kill(sidecar.living()[number % 2], signal.SIGKILL)
        until(lambda before=before: len(sidecar.workers()) > before)  # type: ignore[misc]


def test_totals_are_what_clients_saw_though_workers_are_killed(sidecar: Sidecar) -> None:
    seen, scrapes, ended = Seen(), [scrape(sidecar)], threading.Event()

    def watch() -> None:
        while not ended.wait(0.05):
            scrapes.append(scrape(sidecar))

    clients = [threading.Thread(target=seen.client, args=(sidecar,)) for _ in range(CLIENTS)]
    watching = threading.Thread(target=watch)
    for thread in (*clients, watching):
        thread.start()
    kill_workers(sidecar)
    for thread in clients:
        thread.join()
    ended.set()
    watching.join()
    exits = total(scrapes[0], "sidecar_process_exits_total") + KILLS
    until(lambda: total(scrape(sidecar), "sidecar_process_exits_total") == exits)
    last = scrape(sidecar)

    def more(name: str, label: str = "") -> float:
        return total(last, name, label) - total(scrapes[0], name, label)

    responses = more("sidecar_responses_total", "code=200")
    assert seen.answered <= responses <= seen.answered + seen.broken
    assert more("sidecar_request_duration_seconds_count", "endpoint=/v1/authorize") == responses
    for decision, expected, most in (("allow", seen.allowed, 2), ("deny", seen.denied, 1)):
        counted = more("sidecar_decisions_total", f"decision={decision}")
        assert expected <= counted <= expected + most * seen.broken
    denials = more("sidecar_decisions_total", "decision=deny")
    assert more("sidecar_denial_reasons_total", "reason=not_granted") == denials
    lines = len((sidecar.root / "decisions").read_bytes().splitlines())
    # A worker that was killed behind a write, which has lines of all clients, did not count them.
    uncounted = lines - last["sidecar_decision_log_lines_total"]
    assert 0 <= uncounted <= KILLS * CLIENTS * len(BATCH["requests"])
    assert last["sidecar_decision_log_lost_lines_total"] == 0
    for name in last:
        if name.split(" ")[0].endswith(("_total", "_count", "_sum", "_bucket")):
            values = [each[name] for each in [*scrapes, last] if name in each]
            assert values == sorted(values), name


def test_metrics_are_at_the_admin_listener_and_not_at_that_of_callers(sidecar: Sidecar) -> None:
    with closing(sidecar.connect()) as connection:
        connection.request("GET", "/metrics")
        refused = connection.getresponse().status

    until(lambda: scrape(sidecar)["sidecar_ready"])

    found = scrape(sidecar)
    assert refused == 404
    assert found["sidecar_problems"] == 0
    assert 0 <= found["sidecar_facts_age_seconds"] < PATIENCE
    assert total(found, "sidecar_policy_info") == 1
    assert total(found, "sidecar_build_info") == 1
    assert "sidecar_follower_look_age_seconds" not in found


def test_refused_facts_are_counted_and_reported(sidecar: Sidecar) -> None:
    facts = sidecar.data / "users.yaml"
    good, before = facts.read_text(), scrape(sidecar)
    used = before["sidecar_reloads_total input=facts result=used"]

    write(facts, "- {id: 7, nonsense: true}\n")
    until(lambda: scrape(sidecar)["sidecar_reloads_total input=facts result=refused"] == 2)
    until(lambda: scrape(sidecar)["sidecar_problems"])
    write(facts, good + "- {id: zoe, email: zoe@example.com}\n")
    until(lambda: scrape(sidecar)["sidecar_problems"] == 0)
    until(lambda: scrape(sidecar)["sidecar_reloads_total input=facts result=used"] == used + 2)

    after = scrape(sidecar)
    assert after["sidecar_ready"] == before["sidecar_ready"] == 1
    assert after["sidecar_facts_revision"] != before["sidecar_facts_revision"]


def test_workers_that_are_asked_to_end_are_no_exits(sidecar: Sidecar) -> None:
    begun, before = len(sidecar.workers()), scrape(sidecar)

    sidecar.process.send_signal(signal.SIGHUP)
    until(lambda: len(sidecar.workers()) == begun + 2)
    until(lambda: len(sidecar.living()) == 2)
    until(lambda: scrape(sidecar)["sidecar_workers"] == 2)

    exits = "sidecar_process_exits_total"
    assert total(scrape(sidecar), exits) == total(before, exits)
