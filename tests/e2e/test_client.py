"""Our client against a running sidecar: down, stopped, restarted, at a socket, behind the guard."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import cast
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from flask import Flask
from starlette.types import ASGIApp

from sidecar.client import (
    Client,
    Entity,
    Question,
    Resources,
    StrictClient,
    UnavailableError,
    writer_position,
)
from sidecar.client.guard import Guard
from tests.client.services import serving_asgi
from tests.decision_lines import lines_of_answers
from tests.e2e.databases import make_database
from tests.e2e.running import Sidecar, serving, start, until
from tests.paths import ROOT
from tests.patience import PATIENCE, lenient

pytestmark = pytest.mark.e2e

EDIT = ("user:ana", "numbers.edit", "account:acme")


def booted_more(sidecar: Sidecar, than: int) -> bool:
    return len(sidecar.workers()) > than


def url(sidecar: Sidecar) -> str:
    return f"http://127.0.0.1:{sidecar.port}"


def test_decisions_have_revisions_and_reasons(lasting: Sidecar) -> None:
    with Client(url(lasting), seconds=30) as client:
        allowed = client.authorize(*EDIT)
        denied = client.authorize("user:mallory", "numbers.edit", "account:acme")

    assert allowed
    assert re.fullmatch("[0-9a-f]{16}", allowed.revisions.policy)
    assert re.fullmatch("[0-9a-f]{32}", allowed.decision_id)
    assert [reason.code for reason in denied.reasons] == ["not_granted"]


def test_properties_and_context_reach_the_policy(lasting: Sidecar) -> None:
    properties = {"account": "acme", "email": "zoe@gmail.com", "role": "support"}
    invitation = Entity("invitation", "new", properties)

    with Client(url(lasting), seconds=30) as client:
        decision = client.authorize("user:bob", "create", invitation, context={"via_proxy": True})

    assert [reason.code for reason in decision.reasons] == ["personal_email", "via_proxy"]


def test_permissions_are_tried_with_the_properties_of_the_action(lasting: Sidecar) -> None:
    who, resource = "user:bob", "membership:acme/dora"

    with Client(url(lasting), seconds=30) as client:
        without = client.permissions(who, resource)
        with_role = client.permissions(who, resource, action_properties={"role": "support"})

    assert [*without] == ["remove"]
    assert [*with_role] == ["change_role", "remove"]


def test_a_search_finds_what_single_answers_allow(lasting: Sidecar) -> None:
    rows = (lasting.data / "accounts.yaml").read_text()
    ids = sorted(re.findall(r"\bid: (\w+)", rows))

    with Client(url(lasting), seconds=30) as client:
        found = client.search_resources("user:uma", "switch", "account")
        first = client.search_resources("user:uma", "switch", "account", limit=1)
        alone = [each for each in ids if client.authorize("user:uma", "switch", f"account:{each}")]
        removable = client.search_resources("user:uma", "remove", "membership")

    assert (found.reasons, [*found]) == ((), alone)
    assert [*first] == alone[:1]
    assert {each.code for each in removable.obligations["cedar/wes"]} == {"confirm_irreversible"}


def test_a_writer_is_answered_from_its_own_write(root: Path) -> None:
    change = "UPDATE memberships SET role = ? WHERE account = 'acme' AND user = 'bob'"
    make_database(root / "facts.sqlite", root / "fixtures", root / "data")
    with (
        serving(root, "--data", "sqlite:facts.sqlite", "--store", "store") as sidecar,
        Client(url(sidecar), seconds=30) as client,
        closing(sqlite3.connect(root / "facts.sqlite")) as connection,
    ):
        until(lambda: sidecar.ready()[0] == 200)
        edits = []
        for role in ("support", "admin", "support"):
            with connection:
                cursor = connection.cursor()
                cursor.execute(change, [role])
                position = writer_position(cursor)
            permissions = client.permissions("user:bob", "account:acme", min_revision=position)
            edits.append("numbers.edit" in permissions)
        other = client.authorize("user:bob", *EDIT[1:], min_revision="sqlite:00:9")

    assert edits == [False, True, False]
    assert [reason.code for reason in other.reasons] == ["stale_data"]


def test_an_unfulfilled_obligation_is_a_denial(lasting: Sidecar) -> None:
    remove = ("user:bob", "remove", "membership:acme/dora")

    with Client(url(lasting), seconds=30) as client:
        without = client.authorize(*remove)
        with_it = client.authorize(*remove, fulfils={"confirm_irreversible"})

    assert [reason.code for reason in without.reasons] == ["unfulfilled_obligation"]
    assert with_it


def test_a_batch_and_permissions_agree_with_single_answers(lasting: Sidecar) -> None:
    actions = ["numbers.view", "numbers.edit", "billing.edit", "team.manage", "settings.edit"]
    questions = [
        Question(subject="user:sue", action=action, resource="account:acme") for action in actions
    ]

    with Client(url(lasting), seconds=30) as client:
        together = client.authorize_all(questions)
        alone = [client.authorize("user:sue", action, "account:acme") for action in actions]
        permissions = client.permissions("user:sue", "account:acme")

    assert [bool(each) for each in together] == [bool(each) for each in alone]
    assert [bool(each) for each in together] == [action in permissions for action in actions]
    assert {bool(each) for each in together} == {True, False}
    assert len({each.revisions for each in together}) == 1


def test_a_batch_with_a_question_that_cannot_be_asked_answers_the_others(lasting: Sidecar) -> None:
    questions = [
        Question(subject=EDIT[0], action=EDIT[1], resource=EDIT[2], context={"via_proxy": "yes"}),
        Question(subject=EDIT[0], action=EDIT[1], resource=EDIT[2]),
    ]

    with Client(url(lasting), seconds=30) as client:
        decisions = client.authorize_all(questions)

    assert [each.unavailable for each in decisions] == [True, False]
    assert [bool(each) for each in decisions] == [False, True]


def test_a_malformed_question_is_a_denial_and_raised_by_a_strict_client(lasting: Sidecar) -> None:
    malformed = {"via_proxy": "yes"}

    with (
        Client(url(lasting), seconds=30) as client,
        StrictClient(url(lasting), seconds=30) as strict,
    ):
        decision = client.authorize(*EDIT, context=malformed)

        with pytest.raises(UnavailableError, match=r"status 400, .*via_proxy.* must be a boolean"):
            strict.authorize(*EDIT, context=malformed)

    assert decision.unavailable


def test_a_sidecar_that_is_down_denies_and_allows_again_when_it_is_back(root: Path) -> None:
    with serving(root) as sidecar:
        client = Client(url(sidecar), seconds=30)
        before = client.authorize(*EDIT)
        port = str(sidecar.port)
    down = client.authorize(*EDIT)
    process = start(root, "--port", port, "--workers", "1")
    try:
        until(lambda: client.authorize(*EDIT))
    finally:
        process.terminate()
        process.wait(PATIENCE)
        client.close()

    assert before
    assert down.unavailable


def test_a_sidecar_that_stands_still_denies_in_time(sidecar: Sidecar) -> None:
    with Client(url(sidecar), seconds=0.3) as client:
        until(lambda: client.authorize(*EDIT))
        for worker in sidecar.workers():
            os.kill(worker, signal.SIGSTOP)
        begun = time.monotonic()
        stopped = client.authorize(*EDIT)
        seconds = time.monotonic() - begun
        for worker in sidecar.workers():
            os.kill(worker, signal.SIGCONT)
        until(lambda: client.authorize(*EDIT))

    assert stopped.unavailable
    assert seconds < lenient(0.3)


def test_workers_that_are_replaced_are_not_noticed(sidecar: Sidecar) -> None:
    """Their connections end; a question that finds one ended is asked again."""
    with Client(url(sidecar), seconds=30) as client:
        decisions = []
        for worker in sidecar.workers():
            decisions += [bool(client.authorize(*EDIT)) for _ in range(20)]
            booted = len(sidecar.workers())
            os.kill(worker, signal.SIGTERM)
            decisions += [bool(client.authorize(*EDIT)) for _ in range(20)]
            until(partial(booted_more, sidecar, booted))
            decisions += [bool(client.authorize(*EDIT)) for _ in range(20)]

    assert decisions == [True] * 120


def test_threads_share_a_client_without_mixing_answers(lasting: Sidecar) -> None:
    mixed: list[str] = []

    with Client(url(lasting), seconds=30, connections=4) as client:

        def ask(name: str, *, allowed: bool) -> None:
            asked = (client.authorize(f"user:{name}", *EDIT[1:]) for _ in range(50))
            mixed.extend(name for decision in asked if bool(decision) != allowed)

        threads = [
            threading.Thread(target=ask, args=(name,), kwargs={"allowed": allowed})
            for name, allowed in (("ana", True), ("mallory", False), ("bob", True), ("sue", False))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert mixed == []


def test_it_asks_at_a_unix_socket(root: Path) -> None:
    path = root / "s"
    process = start(root, "--bind", f"unix:{path}", "--workers", "1")
    try:
        with Client(f"unix:{path}", seconds=30) as client:
            until(lambda: client.authorize(*EDIT))
            decisions = [bool(client.authorize(*EDIT)) for _ in range(5)]
    finally:
        process.terminate()
        process.wait(PATIENCE)

    assert decisions == [True] * 5


def test_where_tokens_are_asked_for_only_a_client_with_one_is_answered(root: Path) -> None:
    (root / "tokens").write_text("ours 0123456789abcdef0123456789abcdef\n")
    (root / "tokens").chmod(0o600)

    with serving(root, "--tokens", "tokens", workers=1) as sidecar:
        decisions = []
        for token in ("", "0" * 32, "0123456789abcdef0123456789abcdef"):
            with Client(url(sidecar), seconds=30, token=token) as client:
                decisions.append(client.authorize(*EDIT))

    assert [each.unavailable for each in decisions] == [True, True, False]
    assert [bool(each) for each in decisions] == [False, False, True]


def test_a_guarded_view_answers_as_the_sidecar_does(root: Path) -> None:
    asks: dict[str, str] = {}
    with serving(root, workers=1) as sidecar, Client(url(sidecar), seconds=30) as client:
        app = Flask(__name__)
        guard = Guard(client, subject=lambda: f"user:{asks['subject']}")

        @app.get("/accounts/<account>/numbers")
        @guard.requires("numbers.edit", resource="account:{account}")
        def numbers(account: str) -> str:
            return account

        views = app.test_client()
        asks["subject"] = "ana"
        allowed = views.get("/accounts/acme/numbers")
        asks["subject"] = "mallory"
        denied = views.get("/accounts/acme/numbers")
    down = views.get("/accounts/acme/numbers")

    assert [each.status_code for each in (allowed, denied, down)] == [200, 403, 503]
    assert denied.json is not None
    assert [reason["code"] for reason in denied.json["reasons"]] == ["not_granted"]


def test_each_decision_of_a_client_is_in_the_log_of_all_workers(root: Path) -> None:
    with (
        serving(root, "--decision-log", "decisions") as sidecar,
        Client(url(sidecar), seconds=30) as client,
    ):
        told = [
            client.authorize(*EDIT, request_id=f"r-{number}").decision_id for number in range(40)
        ]

        lines = lines_of_answers(root / "decisions")

    assert [line["decision_id"] for line in lines] == told
    assert [line["request_id"] for line in lines] == [f"r-{number}" for number in range(40)]


def test_a_decision_log_that_cannot_be_opened_is_trouble(root: Path) -> None:
    (root / "key").write_text("short")

    unwritable = start(root, "--port", "0", "--decision-log", "none/decisions").wait(PATIENCE)
    told = (root / "log").read_text()
    short = start(root, "--port", "0", "--decision-log", "d", "--decision-log-key", "key").wait(
        PATIENCE
    )

    assert (unwritable, short) == (2, 2)
    assert "`none/decisions` cannot be written: No such file or directory" in told
    assert "the key `key` must have at least 16 bytes" in (root / "log").read_text()


def test_the_examples_of_the_documentation_run(lasting: Sidecar) -> None:
    text = (ROOT / "docs" / "client.md").read_text()
    examples = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    source = "\n".join(examples).replace("http://127.0.0.1:8181", url(lasting))
    app = Flask(__name__)
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE memberships (account, user, role)")
    connection.execute("CREATE TABLE sidecar_position AS SELECT 'sqlite:00:9' AS token")
    found: dict[str, object] = {
        "app": app,
        "g": type("G", (), {"user_id": "ana"}),
        "connection": connection,
    }

    exec(compile(source, "docs/client.md", "exec"), found)  # noqa: S102  our own examples

    refused = app.test_client().post("/accounts/oak/numbers")
    answered = []
    for name in ("service", "api"):
        with serving_asgi(cast("ASGIApp", found[name])) as port:
            for account in ("acme", "oak"):
                at = f"http://127.0.0.1:{port}/accounts/{account}/numbers"
                request = Request(at, method="POST", headers={"X-User": "ana"})
                answered.append(_status(request))
    may_edit = cast("Callable[[str], Coroutine[None, None, bool]]", found["may_edit"])
    edits = [asyncio.run(may_edit(account)) for account in ("acme", "oak")]
    client = found["client"]
    assert isinstance(client, Client)
    client.close()
    connection.close()
    assert isinstance(found["landing"], Resources)
    assert [*found["landing"]] == ["acme"]
    assert found["position"] == "sqlite:00:9"
    assert bool(found["decision"])
    assert refused.status_code == 403
    assert answered == [200, 403, 200, 403]
    assert edits == [True, False]


def _status(request: Request) -> int:
    try:
        with urlopen(request, timeout=PATIENCE) as response:  # noqa: S310  of this machine
            return int(response.status)
    except HTTPError as error:
        with error:
            return error.code
