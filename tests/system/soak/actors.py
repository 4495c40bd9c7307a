"""The threads of the soak: one that writes, four that ask, one that breaks things."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Callable
from contextlib import closing, suppress
from http.client import HTTPException
from pathlib import Path
from random import Random
from threading import Event

import psycopg

from tests.e2e.running import Sidecar
from tests.system.postgres import Proxy, Server
from tests.system.soak.history import Answer, History, Question
from tests.system.soak.model import ACTIONS, BITS, TEAMS, USERS, Facts, changed

QUESTIONS = 20


def write_all(server: Server, history: History, stop: Event, seed: int) -> None:
    """Commit random changes until told to stop; the last one is surely committed."""
    dice, version, facts = Random(seed), 0, Facts()  # noqa: S311  not a secret
    connection: psycopg.Connection[tuple[object, ...]] | None = None
    while True:
        is_last = stop.is_set()
        try:
            if connection is None:
                connection = server.connect(connect_timeout=2)
                connection.execute("SET statement_timeout = 8000; SET lock_timeout = 8000")
                found = _version(connection)
                if found != history.newest and found in history.facts:
                    history.commit(found, "")  # its commit was not confirmed
                facts = history.facts.get(found, facts)
            version += 1
            new, statements = changed(dice, facts)
            history.facts[version] = new
            token = _write(connection, version, statements, dice)
            facts = new
            history.commit(version, token)
            if is_last:
                connection.close()
                return
        except psycopg.Error:
            history.counts["failed writes"] += 1
            if connection is not None:
                with suppress(psycopg.Error):
                    connection.close()
            connection = None
            time.sleep(0.1)
        time.sleep(dice.choice([0.0, 0.01, 0.05, 0.2]))


def _write(
    connection: psycopg.Connection[tuple[object, ...]],
    version: int,
    statements: list[str],
    dice: Random,
) -> str:
    """Commit statements and the number of their version; return the token."""
    with connection.transaction():
        for statement in statements:
            connection.execute(statement.encode())
        if dice.random() < 0.1:
            connection.execute("SELECT pg_sleep(0.3)")
        connection.execute(
            "UPDATE bits SET set = (%s >> substr(id, 2)::int) & 1 = 1"
            " WHERE set <> ((%s >> substr(id, 2)::int) & 1 = 1)",
            (version, version),
        )
        row = connection.execute("SELECT sidecar.position()").fetchone()
    return "" if row is None else str(row[0])


def _version(connection: psycopg.Connection[tuple[object, ...]]) -> int:
    """Return the version that the database holds."""
    row = connection.execute(
        "SELECT coalesce(sum(1 << substr(id, 2)::int), 0)::bigint FROM bits WHERE set"
    ).fetchone()
    return 0 if row is None else int(str(row[0]))


def ask_all(sidecar: Sidecar, history: History, stop: Event, seed: int) -> None:
    """Ask random questions until told to stop."""
    dice = Random(seed)  # noqa: S311  not a secret
    while not stop.is_set():
        with suppress(OSError, HTTPException):
            with closing(sidecar.connect()) as connection:
                for _ in range(dice.randint(1, 40)):
                    if stop.is_set():
                        return
                    least, token = (
                        (history.newest, history.token) if dice.random() < 0.2 else (0, "")
                    )
                    headers = {"Content-Type": "application/json"}
                    if token:
                        headers["Sidecar-Min-Revision"] = token
                    questions = [
                        (dice.choice(USERS), dice.choice(ACTIONS), dice.choice(TEAMS))
                        for _ in range(QUESTIONS)
                    ]
                    sent_at = time.monotonic()
                    connection.request(
                        "POST", "/access/v1/evaluations", json.dumps(_batch(questions)), headers
                    )
                    response = connection.getresponse()
                    body = json.loads(response.read())
                    if response.status != 200:
                        history.counts[f"status {response.status}"] += 1
                        if body.get("decision") is True:
                            history.wrong.append(f"status {response.status} with an allow")
                        time.sleep(0.05)
                        continue
                    history.check(_answer(body, questions, sent_at, least if token else 0))
            continue
        history.counts["no answer"] += 1
        time.sleep(0.05)


def _batch(questions: list[Question]) -> dict[str, object]:
    bits = [
        {
            "subject": {"type": "user", "id": "clock"},
            "action": {"name": "show"},
            "resource": {"type": "bit", "id": f"b{bit}"},
        }
        for bit in range(BITS)
    ]
    others = [
        {
            "subject": {"type": "user", "id": user},
            "action": {"name": action},
            "resource": {"type": "team", "id": team},
        }
        for user, action, team in questions
    ]
    return {"evaluations": bits + others}


def _answer(
    body: dict[str, list[dict[str, object]]], questions: list[Question], sent_at: float, least: int
) -> Answer:
    items = body["evaluations"]
    contexts: list[dict[str, object]] = [each.get("context", {}) for each in items]  # type: ignore[misc]
    reasons = [{str(each["code"]) for each in context["reasons"]} for context in contexts]  # type: ignore[attr-defined]
    (revision,) = {str(context["revisions"]["data"]) for context in contexts}  # type: ignore[index]
    allowed = [each["decision"] is True for each in items]
    return Answer(sent_at, revision, allowed, reasons, questions, least)


class Breaker:
    """Breaks something at random, and mends it."""

    def __init__(self, server: Server, proxy: Proxy, sidecar: Sidecar, history: History) -> None:
        self._server = server
        self._proxy = proxy
        self._sidecar = sidecar
        self._history = history
        self._faults: list[Callable[[Random], None]] = [
            self._stop_server, self._crash_server, self._pause_server, self._swallow,
            self._end_connections, self._kill_follower, self._kill_worker, self._lock_tables,
            self._leave_open, self._prune, self._change_shape, self._change_password,
            self._truncate_store, self._overwrite_store, self._remove_store, self._drop_column,
            self._dangle,
        ]  # fmt: skip

    def run(self, stop: Event, seed: int) -> None:
        """Break and mend until told to stop; each fault once before one is repeated."""
        dice, waiting = Random(seed), list[Callable[[Random], None]]()  # noqa: S311
        while not stop.wait(dice.uniform(0.2, 1.5)):
            if not waiting:
                waiting = dice.sample(self._faults, len(self._faults))
            fault = waiting.pop()
            name = fault.__name__.strip("_").replace("_", " ")
            self._history.counts[f"fault: {name}"] += 1
            fault(dice)

    def _admin(self, statement: str) -> None:
        with suppress(psycopg.Error):
            self._server.execute(statement)

    def _stop_server(self, dice: Random) -> None:
        self._server.stop()
        time.sleep(dice.uniform(0, 3))
        self._server.start()

    def _crash_server(self, dice: Random) -> None:
        self._server.stop("immediate")
        time.sleep(dice.uniform(0, 2))
        self._server.start()

    def _pause_server(self, dice: Random) -> None:
        self._server.signal_all(signal.SIGSTOP)
        time.sleep(dice.uniform(0.5, 6))
        self._server.signal_all(signal.SIGCONT)

    def _swallow(self, dice: Random) -> None:
        self._proxy.swallow()
        time.sleep(dice.uniform(0.5, 8))
        self._proxy.restore()

    def _end_connections(self, _: Random) -> None:
        self._admin(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'reader'"
        )

    def _kill_follower(self, _: Random) -> None:
        for pid in set(_children(self._sidecar)) - set(self._sidecar.workers()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _kill_worker(self, dice: Random) -> None:
        workers = sorted(set(_children(self._sidecar)) & set(self._sidecar.workers()))
        if workers:
            with suppress(ProcessLookupError):
                os.kill(dice.choice(workers), signal.SIGKILL)

    def _lock_tables(self, dice: Random) -> None:
        with suppress(psycopg.Error), self._server.connect() as connection:
            connection.execute("BEGIN; LOCK TABLE memberships IN ACCESS EXCLUSIVE MODE")
            time.sleep(dice.uniform(0.1, 4))
            connection.execute("COMMIT")

    def _leave_open(self, dice: Random) -> None:
        with suppress(psycopg.Error), self._server.connect() as connection:
            connection.execute("BEGIN; CREATE TABLE held (n int); SELECT pg_current_xact_id()")
            time.sleep(dice.uniform(1, 5))
            connection.execute("ROLLBACK")

    def _prune(self, _: Random) -> None:
        self._admin("SELECT sidecar.prune('0 s'); SELECT sidecar.prune('0 s')")

    def _change_shape(self, _: Random) -> None:
        self._admin("ALTER TABLE users ADD COLUMN more text; ALTER TABLE users DROP COLUMN more")

    def _change_password(self, dice: Random) -> None:
        password = f"p{dice.randrange(10**6)}"
        self._admin(f"ALTER ROLE reader PASSWORD '{password}'")
        self._end_connections(dice)
        time.sleep(dice.uniform(0, 2))
        (self._sidecar.root / "password").write_text(password)

    def _drop_column(self, dice: Random) -> None:
        self._admin("ALTER TABLE teams RENAME COLUMN frozen TO cold")
        time.sleep(dice.uniform(0, 2))
        self._admin("ALTER TABLE teams RENAME COLUMN cold TO frozen")

    def _dangle(self, dice: Random) -> None:
        """Let a row break the schema: the changes with it and after it are refused as a whole."""
        self._admin("INSERT INTO memberships VALUES ('nothing', 'nobody', 'owner')")
        time.sleep(dice.uniform(0, 3))
        self._admin("DELETE FROM memberships WHERE team = 'nothing'")

    def _stores(self) -> list[Path]:
        return list((self._sidecar.root / "store" / "0").glob("*.facts"))

    def _truncate_store(self, dice: Random) -> None:
        for path in self._stores():
            with suppress(OSError):
                os.truncate(path, dice.choice([0, 4096, 3 * 4096]))

    def _overwrite_store(self, dice: Random) -> None:
        for path in self._stores():
            with suppress(OSError), path.open("r+b") as file:
                pages = path.stat().st_size // 4096
                for page in range(2, pages):
                    file.seek(4096 * page)
                    file.write(dice.choice([bytes(4096), b"\xff" * 4096]))

    def _remove_store(self, dice: Random) -> None:
        for path in self._stores():
            with suppress(OSError):
                Path(f"{path}{dice.choice(['', '-lock'])}").unlink()


def _children(sidecar: Sidecar) -> list[int]:
    pid = sidecar.process.pid
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(each) for each in re.findall(r"\d+", text)]
