"""Readiness and status, against the sidecar as it is run: one answer for all of its processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.admin import ADMIN, Operator
from tests.e2e.databases import make_database
from tests.e2e.running import EDIT, Sidecar, copy_pack, serving, until, write

pytestmark = pytest.mark.e2e

Answer = tuple[int, Any]


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    root = copy_pack(tmp_path_factory.mktemp("status"))
    options = ("--decision-log", "decisions", "--decision-log-failure", "refuse")
    with serving(root, *ADMIN, *options) as running:
        yield running


@pytest.fixture
def lasting(started: Sidecar) -> Sidecar:
    """A sidecar for all tests of this module, with both workers."""
    until(lambda: len(processes(started, "worker")) == 2)
    return started


def answers(sidecar: Sidecar, count: int = 20) -> list[Answer]:
    """Return what so many connections are told by `/readyz`, those of the operator included."""
    return [*(sidecar.ready() for _ in range(count)), Operator(sidecar).get("/readyz")]


def status(sidecar: Sidecar) -> Any:  # noqa: ANN401  JSON
    code, body = Operator(sidecar).get("/v1/status")
    assert code == 200
    return body


def processes(sidecar: Sidecar, kind: str) -> list[Any]:
    return [each for each in status(sidecar)["processes"] if each["kind"] == kind]


# --- readiness ----------------------------------------------------------------------------------


def test_all_workers_are_ready_together_when_all_have_facts(root: Path) -> None:
    (root / "data").rename(root / "elsewhere")
    with serving(root, *ADMIN, workers=2) as sidecar:
        until(lambda: len(processes(sidecar, "worker")) == 2)
        before = answers(sidecar)
        (root / "elsewhere").rename(root / "data")
        until(lambda: sidecar.ready()[0] == 200)
        decided = sidecar.each(lambda: sidecar.ask("/v1/authorize", EDIT)[0])
        after = answers(sidecar)

    assert {(code, body["ready"]) for code, body in before} == {(503, False)}
    assert len({str(answer) for answer in before}) == 1
    assert decided == [200] * 2
    assert after == [after[0]] * len(after)
    assert (after[0][0], after[0][1]["problems"]) == (200, [])


def test_one_worker_that_cannot_log_makes_all_of_them_unready_until_it_can(
    lasting: Sidecar,
) -> None:
    log = lasting.root / "decisions"
    log.unlink(missing_ok=True)
    log.symlink_to("/dev/full")
    refused = lasting.ask("/v1/authorize", EDIT)[0]
    until(lambda: lasting.ready()[0] == 503)
    refusing = answers(lasting)
    shown = status(lasting)["decision_log"]
    # Nobody asks again, and yet it is tried.
    log.unlink()
    until(lambda: lasting.ready()[0] == 200)
    answered = lasting.ask("/v1/authorize", EDIT)[0]

    message = "cannot be written: No space left on device"
    assert {code for code, _ in refusing} == {503}
    assert {str(body["problems"]) for _, body in refusing} == {
        str([{"file": "decisions", "line": 0, "message": message}])
    }
    assert shown == {
        "path": "decisions",
        "on_failure": "refuse",
        "failure": "No space left on device",
        "lost": 0,
    }
    assert (refused, answered) == (503, 200)


def test_facts_that_grew_old_make_it_unready(root: Path) -> None:
    with serving(root, *ADMIN, "--max-staleness", "2", workers=1) as sidecar:
        until(lambda: sidecar.ready()[0] == 200)
        users = sidecar.data / "users.yaml"
        good = users.read_text()
        users.unlink()
        until(lambda: sidecar.ready()[0] == 503)
        shown = status(sidecar)
        write(users, good)
        until(lambda: sidecar.ready()[0] == 200)

    messages = [each["message"] for each in shown["errors"]]
    assert not shown["ready"]
    assert any(each.startswith("nobody has seen for ") for each in messages)
    assert shown["facts"]["max_staleness"] == 2.0
    assert shown["facts"]["age"] > 2.0


# --- status -------------------------------------------------------------------------------------


def test_callers_are_shown_no_status(lasting: Sidecar) -> None:
    with closing(lasting.connect()) as connection:
        connection.request("GET", "/v1/status")
        response = connection.getresponse()
        body = response.read()

    assert (response.status, b"versions" in body) == (404, False)


def test_an_error_is_shown_with_its_place_its_time_and_its_processes(lasting: Sidecar) -> None:
    users = lasting.data / "users.yaml"
    good = users.read_text()
    write(users, good + "- {id: zoe, email: zoe at home}\n")
    pids = sorted(each["pid"] for each in processes(lasting, "worker"))
    until(lambda: [sorted(each["processes"]) for each in status(lasting)["errors"]] == [pids])
    shown, (code, ready) = status(lasting), lasting.ready()
    write(users, good)
    until(lambda: status(lasting)["errors"] == [])

    (error,) = shown["errors"]
    (problem,) = ready["problems"]
    assert problem == {name: error[name] for name in ("file", "line", "message")}
    assert (error["file"], error["line"]) == ("data/users.yaml", len(good.splitlines()) + 1)
    assert f"{error['file']}:{error['line']}: {error['message']}" in lasting.log()
    assert error["since"].startswith("20")
    assert code == 200
    assert shown["ready"]


def test_workers_that_were_killed_are_replaced_in_the_status(lasting: Sidecar) -> None:
    before = processes(lasting, "worker")
    for each in before:
        os.kill(each["pid"], signal.SIGKILL)
    old = {each["pid"] for each in before}

    def replaced() -> bool:
        now = {each["pid"] for each in processes(lasting, "worker")}
        return len(now) == 2 and not now & old

    until(replaced)
    assert lasting.ready()[0] == 200
    assert {each["pid"] for each in processes(lasting, "worker")} == set(lasting.workers()[-2:])


def test_the_status_is_that_of_before_when_the_admin_process_was_killed(lasting: Sidecar) -> None:
    operator = Operator(lasting)
    before, (killed,) = status(lasting), [each["pid"] for each in processes(lasting, "admin")]
    os.kill(killed, signal.SIGKILL)

    def reports() -> bool:
        return [each["pid"] for each in processes(lasting, "admin")] not in ([], [killed])

    until(reports)
    after = status(lasting)
    assert operator.process() == processes(lasting, "admin")[0]["pid"]
    for name in ("ready", "versions", "policy", "errors", "limits", "callers", "operators"):
        assert after[name] == before[name], name


def test_the_policy_is_shown_with_its_rules(lasting: Sidecar) -> None:
    policy = status(lasting)["policy"]

    assert policy["revision"] == lasting.ready()[1]["revisions"]["policy"]
    assert {"allow", "forbid expired", "oblige confirm_irreversible"} <= set(policy["compiled"])
    assert policy["uncompiled"] == []
    assert policy["routes"] > 0
    assert (policy["waiting"], policy["digest"]) == (None, None)


def test_a_pack_that_waits_for_facts_is_named(lasting: Sidecar) -> None:
    schema = lasting.root / "fixtures" / "schema.yaml"
    text, used = schema.read_text(), status(lasting)["policy"]["revision"]
    write(schema, text.replace("      plan: plan", "      new_column: string\n      plan: plan"))
    until(lambda: "waits for facts that fit" in str(status(lasting)["errors"]))
    shown = status(lasting)
    write(schema, text)
    until(lambda: status(lasting)["policy"]["waiting"] is None)

    assert shown["policy"]["revision"] == used
    assert shown["policy"]["waiting"] not in {used, None}
    assert "`new_column`" in str(shown["errors"])


def test_the_follower_is_shown_with_its_position(root: Path) -> None:
    make_database(root / "facts.sqlite", root / "fixtures", root / "data")
    options = ("--data", "sqlite:facts.sqlite", "--store", "store")
    with serving(root, *ADMIN, *options, workers=1) as sidecar:
        until(lambda: sidecar.ready()[0] == 200)
        until(lambda: (status(sidecar)["facts"]["follower"] or {}).get("position"))
        shown = status(sidecar)["facts"]
        killed = shown["follower"]["pid"]
        os.kill(killed, signal.SIGKILL)
        until(lambda: (status(sidecar)["facts"]["follower"] or {"pid": killed})["pid"] != killed)

    assert shown["source"] == "sqlite"
    assert shown["follower"]["source"] == "facts.sqlite"
    assert shown["follower"]["position"]["kind"] == "sqlite"
    assert shown["follower"]["revision"] == shown["revision"]
    assert shown["follower"]["reads_all_rows"] is False
