"""The sidecar as it is run: gunicorn in processes of its own, real files, real sockets."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Self

import pytest

from tests.e2e.running import (
    EDIT,
    Sidecar,
    ask,
    chunked,
    copy_pack,
    posted,
    raw,
    serving,
    start,
    until,
    write,
)
from tests.patience import PATIENCE, lenient

pytestmark = pytest.mark.e2e

PICKED_UP_SECONDS = 2.0
"""Promised, of a quiet machine."""


class Hammer:
    """Asks one question all the time over kept connections, and keeps whatever went wrong."""

    def __init__(
        self, sidecar: Sidecar, path: str, said: object, sound: Callable[[Any], bool]
    ) -> None:
        self.faults: list[str] = []
        self.answers = 0
        self._asked = (sidecar, path, said, sound)
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(4)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        until(lambda: self.answers > 10)
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        sidecar, path, said, sound = self._asked
        with closing(sidecar.connect()) as connection:
            while not self._end.is_set():
                try:
                    status, told = ask(connection, path, said)
                except (OSError, http.client.HTTPException) as error:
                    self.faults.append(repr(error))
                    return
                self.answers += 1
                if status != 200 or not sound(told):
                    self.faults.append(f"{status} {told}")


# --- start and stop -----------------------------------------------------------------------------


def test_the_first_answer_comes_within_two_seconds(root: Path) -> None:
    begun = time.monotonic()

    with serving(root) as sidecar:
        status, told = sidecar.ask("/v1/authorize", EDIT)
        seconds = time.monotonic() - begun

    assert (status, told["decision"]) == (200, True)
    assert seconds < lenient(2)


def test_told_to_stop_it_ends_well_and_says_nothing_of_requests(sidecar: Sidecar) -> None:
    sidecar.ask("/v1/authorize", {**EDIT, "subject": "user:secret@person.example"})

    sidecar.process.send_signal(signal.SIGTERM)

    assert sidecar.process.wait(PATIENCE) == 0
    assert "person.example" not in sidecar.log()
    assert "Traceback" not in sidecar.log()


def test_it_answers_at_a_socket(root: Path) -> None:
    path = root / "s"
    process = start(root, "--bind", f"unix:{path}", "--workers", "1")
    try:
        until(path.exists)
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE)
            client.connect(str(path))
            client.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            told = client.recv(65536)
    finally:
        process.terminate()
        status = process.wait(PATIENCE)

    assert told.startswith(b"HTTP/1.1 200 OK\r\n")
    assert (status, path.exists()) == (0, False)


def test_an_address_that_is_taken_is_trouble(sidecar: Sidecar, tmp_path: Path) -> None:
    other = start(tmp_path, "--port", str(sidecar.port))

    assert other.wait(PATIENCE) == 2


def test_it_waits_for_facts_that_can_be_used(root: Path) -> None:
    (root / "data").rename(root / "elsewhere")

    with serving(root, workers=1) as sidecar:
        waiting = (sidecar.ready(), sidecar.ask("/v1/authorize", EDIT))
        (root / "elsewhere").rename(root / "data")
        until(lambda: sidecar.ready()[0] == 200)
        answer = sidecar.ask("/v1/authorize", EDIT)

    (status, ready), (refused, told) = waiting
    assert (status, ready["ready"], ready["revisions"]) == (503, False, None)
    assert ready["problems"] == [
        {"file": "data", "line": 0, "message": "cannot be read: No such file or directory"}
    ]
    assert (refused, told["decision"]) == (503, False)
    assert (answer[0], answer[1]["decision"]) == (200, True)


# --- live reload --------------------------------------------------------------------------------

BOTH = {
    "action": {"name": "team.manage"},
    "resource": {"type": "account", "id": "acme"},
    "evaluations": [
        {"subject": {"type": "user", "id": "bob"}},
        {"subject": {"type": "user", "id": "dora"}},
    ],
}


def one_of_both(told: Any) -> bool:  # noqa: ANN401  JSON
    """In every version of the facts exactly one of the two manages the team."""
    items = told["evaluations"]
    revisions = {json.dumps(each["context"]["revisions"]) for each in items}
    return len(revisions) == 1 and items[0]["decision"] is not items[1]["decision"]


def test_an_edited_mount_is_picked_up_by_every_worker_without_a_wrong_answer(
    sidecar: Sidecar,
) -> None:
    file = sidecar.data / "memberships.yaml"
    first = file.read_text()
    second = first.replace("user: bob, role: admin", "user: bob, role: support").replace(
        "user: dora, role: developer", "user: dora, role: admin"
    )
    taken = []

    with Hammer(sidecar, "/access/v1/evaluations", BOTH, one_of_both) as hammer:
        for number in range(1, 5):
            write(file, second if number % 2 else first)
            taken.append(until(sidecar.has_taken(1 + 2 * number)))

    assert hammer.faults == []
    assert max(taken) < lenient(PICKED_UP_SECONDS)
    assert sidecar.ready()[1]["problems"] == []


def test_an_edited_policy_is_picked_up_by_every_worker_without_a_wrong_answer(
    sidecar: Sidecar,
) -> None:
    """Each version of the policy lets exactly one of the two see pricing."""
    allowing = 'allow(_: User{{id: "{}"}}, _: Action{{name: "team.manage"}}, _: Account);\n'
    file = sidecar.policies / "more.polar"
    subjects = [{"type": "user", "id": name} for name in ("mallory", "rex")]
    asked = {**BOTH, "evaluations": [{"subject": subject} for subject in subjects]}
    write(file, allowing.format("rex"))
    until(sidecar.has_taken(3))
    taken = []

    with Hammer(sidecar, "/access/v1/evaluations", asked, one_of_both) as hammer:
        for number in range(1, 4):
            write(file, allowing.format("mallory" if number % 2 else "rex"))
            taken.append(until(sidecar.has_taken(3 + 2 * number)))

    assert hammer.faults == []
    assert max(taken) < lenient(PICKED_UP_SECONDS)


def test_a_mount_written_file_by_file_never_mixes_versions(sidecar: Sidecar) -> None:
    """Two files are rewritten in place, in small pieces; every user changes her name in both."""
    names = ("users", "accounts", "memberships", "invitations")
    old = {name: (sidecar.data / f"{name}.yaml").read_text() for name in names}
    new = {name: text.replace("bob", "bobby") for name, text in old.items()}
    asked = {
        **BOTH,
        "evaluations": [{"subject": {"type": "user", "id": name}} for name in ("bob", "bobby")],
    }

    with Hammer(sidecar, "/access/v1/evaluations", asked, one_of_both) as hammer:
        for version in (new, old, new):
            for name, text in version.items():
                with (sidecar.data / f"{name}.yaml").open("w") as stream:
                    for at in range(0, len(text), 400):
                        stream.write(text[at : at + 400])
                        stream.flush()
                        time.sleep(0.005)
            name = "bobby" if version is new else "bob"
            until(sidecar.allows({**EDIT, "subject": f"user:{name}"}))

    assert hammer.faults == []


def test_a_bad_edit_leaves_the_last_good_one_answering_and_says_what_is_wrong(
    sidecar: Sidecar,
) -> None:
    policy, users = sidecar.policies / "main.polar", sidecar.data / "users.yaml"
    good = (policy.read_text(), users.read_text())
    before = sidecar.ready()[1]["revisions"]

    with Hammer(sidecar, "/v1/authorize", EDIT, lambda told: told["decision"] is True) as hammer:
        write(
            policy, good[0] + "\nallow(user: User, _: Action, account: Account) if user.nam = 1;\n"
        )
        write(users, good[1] + "- {id: zoe, email: zoe at home}\n")
        until(lambda: [len(told["problems"]) for _, told in sidecar.each(sidecar.ready)] == [2, 2])
        until(lambda: sidecar.log().count("data/users.yaml:") >= 2)
        status, told = sidecar.ready()
        write(policy, good[0])
        write(users, good[1])
        until(lambda: [told["problems"] for _, told in sidecar.each(sidecar.ready)] == [[], []])

    lines = len(good[0].splitlines()) + 2, len(good[1].splitlines()) + 1
    assert hammer.faults == []
    assert (status, told["ready"], told["revisions"]) == (200, True, before)
    assert [(each["file"], each["line"]) for each in told["problems"]] == [
        ("data/users.yaml", lines[1]),
        ("main.polar", lines[0]),
    ]
    assert f"data/users.yaml:{lines[1]}: " in sidecar.log()
    assert f"main.polar:{lines[0]}: " in sidecar.log()
    assert sidecar.ready()[1]["revisions"] == before


def test_a_worker_that_replaces_a_dead_one_answers_from_the_present_facts(
    sidecar: Sidecar,
) -> None:
    file = sidecar.data / "memberships.yaml"
    write(file, file.read_text().replace("user: bob, role: admin", "user: bob, role: support"))
    until(sidecar.has_taken(3))

    for worker in sidecar.workers():
        os.kill(worker, signal.SIGKILL)
    until(lambda: len(sidecar.workers()) == 4)
    until(sidecar.has_taken(5))

    manage = {**EDIT, "subject": "user:bob", "action": "team.manage"}
    told = sidecar.each(lambda: sidecar.ask("/v1/authorize", manage))
    assert {(status, answer["decision"]) for status, answer in told} == {(200, False)}


def test_a_worker_that_replaces_a_dead_one_answers_from_what_the_others_do(
    sidecar: Sidecar,
) -> None:
    """Bob is revoked; then a schema waits for its facts, and the facts are bad."""
    file, schema = sidecar.data / "memberships.yaml", sidecar.root / "fixtures" / "schema.yaml"
    write(file, file.read_text().replace("user: bob, role: admin", "user: bob, role: support"))
    until(sidecar.has_taken(3))
    text = schema.read_text()
    write(schema, text.replace("      plan: plan", "      new_column: string\n      plan: plan", 1))
    assert schema.read_text() != text
    until(lambda: sidecar.log().count("waits for facts") >= 2)
    write(sidecar.data / "invitations.yaml", "- here\n")
    until(lambda: sidecar.log().count("is not a map") >= 2)
    before = sidecar.ready()[1]["revisions"]

    for worker in sidecar.workers():
        os.kill(worker, signal.SIGKILL)
    until(lambda: len(sidecar.workers()) == 4)
    until(sidecar.has_taken(5))
    manage = {**EDIT, "subject": "user:bob", "action": "team.manage"}
    told = sidecar.each(lambda: sidecar.ask("/v1/authorize", manage))
    ready = sidecar.each(sidecar.ready)

    assert {(status, answer["decision"]) for status, answer in told} == {(200, False)}
    assert [(status, answer["revisions"]) for status, answer in ready] == [(200, before)] * 2
    assert sidecar.ask("/v1/authorize", EDIT)[1]["decision"] is True


# --- bad input ----------------------------------------------------------------------------------


DEEP = b'{"context":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
GOOD = json.dumps(EDIT).encode()

HOSTILE = {
    "malformed": (posted(b'{"subject"'), 400),
    "wrong types": (posted(b'{"subject": 1, "action": [], "resource": {}}'), 400),
    "missing members": (posted(b"{}"), 400),
    "1 MB": (posted(b'{"subject": "' + b"a" * 1024 * 1024 + b'"}'), 413),
    "1 MB in pieces": (
        posted(chunked(b" " * 1024 * 1024), "Transfer-Encoding: chunked", length=-1),
        413,
    ),
    "100,000 deep": (posted(DEEP), 413),
    "30,000 deep": (posted(b"[" * 30_000 + b"]" * 30_000), 400),
    "NaN": (posted(GOOD.replace(b"}", b', "context": {"via_proxy": NaN}}')), 400),
    "a lone surrogate": (posted(GOOD.replace(b"ana", b"\\ud800")), 400),
    "malformed UTF-8": (posted(GOOD.replace(b"ana", b"\xff\xfe")), 400),
    "a duplicate member": (posted(GOOD.replace(b"{", b'{"subject": "user:x", ')), 400),
    "a newline in an id": (posted(GOOD.replace(b"ana", b"ana\\n")), 200),
    "NUL in an id": (posted(GOOD.replace(b"ana", b"ana\\u0000")), 200),
    "a path as an id": (posted(GOOD.replace(b"acme", b"../acme")), 200),
    "an id of 10,000 characters": (posted(GOOD.replace(b"ana", b"a" * 10_000)), 200),
    "two lengths": (posted(GOOD, f"Content-Length: {len(GOOD) - 1}"), 400),
    "a length and pieces": (posted(chunked(GOOD), "Transfer-Encoding: chunked", length=5), 400),
    "a negative length": (posted(GOOD, length=-5), 400),
    "a header that goes on": (posted(GOOD, "X-A: 1", " 2"), 400),
    "a header with a blank name": (posted(GOOD, "X A: 1"), 400),
    "a long header": (posted(GOOD, f"X-Request-ID: {'a' * 20_000}"), 431),
    "another protocol": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
}


@pytest.fixture(scope="module")
def hostile_sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    directory = copy_pack(tmp_path_factory.mktemp("hostile"))
    with serving(directory, workers=1) as running:
        yield running


@pytest.mark.parametrize(("sent", "status"), HOSTILE.values(), ids=HOSTILE)
def test_bad_input_is_refused_or_denied_and_harms_nobody(
    hostile_sidecar: Sidecar, sent: bytes, status: int
) -> None:
    told = raw(hostile_sidecar, sent)

    assert told.startswith(b"HTTP/1.1 %d " % status) or (status == 413 and told == b"")
    assert b'"decision":true' not in told
    assert hostile_sidecar.ask("/v1/authorize", EDIT)[1]["decision"] is True
    assert "Traceback" not in hostile_sidecar.log()


@pytest.mark.parametrize(
    "sent", [b"", b"POST /v1/auth", posted(b"", length=100)], ids=["nothing", "a head", "a body"]
)
def test_callers_that_fall_silent_do_not_keep_others_waiting(
    hostile_sidecar: Sidecar, sent: bytes
) -> None:
    """There are twice as many of them as there are threads."""
    with ExitStack() as silent:
        for _ in range(8):
            client = socket.create_connection(("127.0.0.1", hostile_sidecar.port))
            silent.enter_context(client).sendall(sent)
        connection = http.client.HTTPConnection("127.0.0.1", hostile_sidecar.port, timeout=PATIENCE)
        silent.enter_context(closing(connection))

        assert ask(connection, "/v1/authorize", EDIT)[1]["decision"] is True
    assert "Traceback" not in hostile_sidecar.log()


def test_a_question_behind_a_refused_body_is_not_taken_for_another(
    hostile_sidecar: Sidecar,
) -> None:
    """What follows a body that was not read to its end must not be read as a request."""
    smuggled = posted(GOOD)
    body = (b" " * 70_000) + smuggled

    told = raw(hostile_sidecar, posted(body).replace(b"Connection: close\r\n", b"", 1))

    assert b'"decision":true' not in told
