"""The client: an allow is taken only from an answer that is exactly one, and nothing is raised."""

from __future__ import annotations

import json
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from flask import Flask, g
from flask.testing import FlaskClient

from sidecar.client import (
    Client,
    Decision,
    Entity,
    Obligation,
    Permissions,
    Question,
    Reason,
    StrictClient,
    UnavailableError,
    connections,
    responses,
)
from sidecar.client.guard import Guard

EDIT = ("user:ana", "numbers.edit", "account:acme")
REVISIONS = {"policy": "p1", "data": "d1"}
ALLOW = {
    "decision": True,
    "reasons": [],
    "obligations": [],
    "revisions": REVISIONS,
    "decision_id": "1",
}
DENY = {**ALLOW, "decision": False, "reasons": [{"code": "not_granted", "message": "No."}]}
CONFIRM = {"code": "confirm", "message": "Ask first."}
OBLIGED = {**ALLOW, "obligations": [CONFIRM]}


def answer(told: object, status: str = "200 OK", *headers: str) -> bytes:
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    head = [f"HTTP/1.1 {status}", "Content-Type: application/json", *headers]
    return "\r\n".join([*head, f"Content-Length: {len(body)}", "", ""]).encode() + body


def chunked(told: object) -> bytes:
    body = json.dumps(told).encode()
    head = answer(told).partition(b"Content-Length")[0] + b"Transfer-Encoding: chunked\r\n\r\n"
    return head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


Piece = bytes | float | Callable[[bytes], bytes]


class Scripted:
    """A server that says what it was told to, whatever it is asked."""

    def __init__(self, *script: Piece) -> None:
        """Answer the first question with all of the script, and each one after it likewise.

        Bytes are sent, numbers are seconds of silence, an empty piece ends the connection, and a
        function makes the answer from the question.
        """
        self.script = script
        self.questions: list[bytes] = []
        self.connections = 0
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def drop_connections(self) -> None:
        while self._open:
            with suppress(OSError):  # it has ended by itself
                self._open.pop().shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # which ends the waiting, as closing does not
        self._listener.close()
        self.drop_connections()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                while self._read(connection):
                    for piece in self.script:
                        if isinstance(piece, float):
                            time.sleep(piece)
                        elif callable(piece):
                            connection.sendall(piece(self.questions[-1]))
                        elif piece:
                            connection.sendall(piece)
                        else:
                            return
            except OSError:
                return

    def _read(self, connection: socket.socket) -> bool:
        head, body = b"", b""
        while b"\r\n\r\n" not in head:
            piece = connection.recv(65536)
            if not piece:
                return False
            head += piece
        head, _, body = head.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while len(body) < length:
            body += connection.recv(65536)
        self.questions.append(head + b"\r\n\r\n" + body)
        return True


Say = Callable[..., Scripted]


@pytest.fixture
def say() -> Iterator[Say]:
    made: list[Scripted] = []

    def script(*pieces: Piece) -> Scripted:
        made.append(Scripted(*pieces))
        return made[-1]

    yield script
    for each in made:
        each.close()


def ask(server: Scripted, seconds: float = 2.0) -> Decision:
    with Client(server.url, seconds=seconds) as client:
        return client.authorize(*EDIT)


# --- answers ------------------------------------------------------------------------------------


def test_an_allow_is_true_and_tells_what_it_was_made_from(say: Say) -> None:
    decision = ask(say(answer(ALLOW)))

    assert decision
    assert decision == Decision(
        allowed=True, reasons=(), id="1", policy_revision="p1", data_revision="d1"
    )


def test_a_denial_is_false_and_tells_why(say: Say) -> None:
    decision = ask(say(answer(DENY)))

    assert not decision
    assert (decision.reasons, decision.unavailable) == ((Reason("not_granted", "No."),), False)


def test_what_is_asked_is_sent_as_it_was_said(say: Say) -> None:
    server = say(answer(ALLOW))
    member = Entity("invitation", "a:b/\n\u2028é", {"role": "support"})

    with Client(server.url, token="s3cret") as client:  # noqa: S106  of nobody
        client.authorize(
            "user:a:b",
            "accept",
            member,
            context={"via_proxy": True},
            action_properties={"soft": False},
            request_id="r-1",
        )

    head, _, body = server.questions[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/authorize HTTP/1.1\r\n")
    assert b"\r\nAuthorization: Bearer s3cret\r\n" in head
    assert b"\r\nX-Request-ID: r-1" in head
    assert json.loads(body) == {
        "subject": {"type": "user", "id": "a:b", "properties": {}},
        "action": {"name": "accept", "properties": {"soft": False}},
        "resource": {
            "type": "invitation",
            "id": "a:b/\n\u2028é",
            "properties": {"role": "support"},
        },
        "context": {"via_proxy": True},
    }


def test_a_base_path_goes_before_all_others(say: Say) -> None:
    server = say(answer(ALLOW))

    with Client(f"{server.url}/pdp/") as client:
        client.authorize(*EDIT)

    assert server.questions[0].startswith(b"POST /pdp/v1/authorize ")


# --- obligations --------------------------------------------------------------------------------


def test_an_allow_with_an_obligation_that_nobody_sees_to_is_a_denial(say: Say) -> None:
    decision = ask(say(answer(OBLIGED)))

    assert not decision
    assert not decision.allowed
    assert [reason.code for reason in decision.reasons] == ["unfulfilled_obligation"]
    assert [each.code for each in decision.obligations] == ["confirm"]


@pytest.mark.parametrize(
    ("fulfils", "allowed"),
    [
        ({"confirm"}, True),
        (["other", "confirm"], True),
        ("confirm", True),
        ({"other"}, False),
        ({"confir"}, False),
        ("never confirm", False),
        ("confirm other", False),
        (["never confirm"], False),
        ({"confirm": False}, False),
        (["confirm", 7], False),
        (b"confirm", False),
        (7, False),
        (None, False),
    ],
)
def test_an_allow_holds_for_who_sees_to_all_obligations(
    say: Say, fulfils: set[str], *, allowed: bool
) -> None:
    question = Question(
        subject="user:ana", action="numbers.edit", resource="account:acme", fulfils=fulfils
    )

    with Client(say(answer(OBLIGED)).url) as client:
        decision = client.authorize(*EDIT, fulfils=fulfils)
    with Client(say(answer({"answers": [OBLIGED]})).url) as client:
        (of_batch,) = client.authorize_all([question])

    assert (bool(decision), bool(of_batch)) == (allowed, allowed)


# --- whatever is no answer ----------------------------------------------------------------------

NO_ANSWERS = {
    "status 500": answer(ALLOW, "500 Internal Server Error"),
    "status 201": answer(ALLOW, "201 Created"),
    "status 401": answer({"decision": False, "error": {"message": "who?"}}, "401 Unauthorized"),
    "redirect": answer(ALLOW, "302 Found", "Location: http://127.0.0.1:1/"),
    "html": answer(ALLOW).replace(b"application/json", b"text/html"),
    "no content type": answer(ALLOW).replace(b"Content-Type: application/json\r\n", b""),
    "two lengths": answer(ALLOW, "200 OK", f"Content-Length: {len(json.dumps(ALLOW))}"),
    "two other lengths": answer(ALLOW, "200 OK", "content-length: 5"),
    "lengths in one field": answer(ALLOW).replace(b"Content-Length: ", b"Content-Length: 7, "),
    "a length with a sign": answer(ALLOW).replace(b"Content-Length: ", b"Content-Length: +"),
    "a length with a line": answer(ALLOW).replace(b"Content-Length: 1", b"Content-Length: 1_"),
    "a length and a coding": answer(ALLOW, "200 OK", "Transfer-Encoding: chunked"),
    "a coding nobody reads": answer(ALLOW, "200 OK", "Transfer-Encoding: gzip"),
    "a field that is none": answer(ALLOW, "200 OK", "Content-Length : 5"),
    "a chunk that is cut off": chunked(ALLOW)[:-9],
    "no length": answer(ALLOW).replace(b"Content-Length: ", b"X-Length: "),
    "cut off": answer(ALLOW)[:-1],
    "cut off in the head": b"HTTP/1.1 200 OK\r\nContent-",
    "not HTTP": b"\x15\x03\x01\x00\x02\x02\x28 garbage\r\n\r\n",
    "an endless line": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000,
    "nothing": b"",
    "not JSON": answer(b"yes"),
    "no object": answer([ALLOW]),
    "true": answer(True),  # noqa: FBT003  a JSON value
    "null": answer(None),
    "not UTF-8": answer(b'{"decision": true, "x": "\xff"}'),
    "decision twice": answer(b'{"decision": false, ' + json.dumps(ALLOW).encode()[1:]),
    "NaN": answer(b'{"x": NaN, ' + json.dumps(ALLOW).encode()[1:]),
    "nested": answer(b"[" * 100_000),
    "decision 1": answer({**ALLOW, "decision": 1}),
    'decision "true"': answer({**ALLOW, "decision": "true"}),
    "decision null": answer({**ALLOW, "decision": None}),
    "no decision": answer({name: ALLOW[name] for name in ALLOW if name != "decision"}),
    "no obligations": answer({name: ALLOW[name] for name in ALLOW if name != "obligations"}),
    "no reasons": answer({name: ALLOW[name] for name in ALLOW if name != "reasons"}),
    "no revisions": answer({name: ALLOW[name] for name in ALLOW if name != "revisions"}),
    "allowed with reasons": answer({**ALLOW, "reasons": DENY["reasons"]}),
    "allowed with an error": answer({**ALLOW, "error": {"message": "but"}}),
    "denied without reasons": answer({**DENY, "reasons": []}),
    "obligations of another form": answer({**ALLOW, "obligations": ["confirm"]}),
    "an obligation without a code": answer({**ALLOW, "obligations": [{"message": "x"}]}),
}


@pytest.mark.parametrize("told", NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_what_is_no_answer_is_a_denial(say: Say, told: bytes) -> None:
    server = say(told, b"")

    decision = ask(server)

    assert not decision
    assert decision.unavailable
    assert [reason.code for reason in decision.reasons] == ["unavailable"]
    with StrictClient(server.url) as strict, pytest.raises(UnavailableError):
        strict.authorize(*EDIT)


def test_an_answer_in_chunks_is_one(say: Say) -> None:
    assert ask(say(chunked(ALLOW)))


def test_an_answer_that_is_read_too_late_is_none(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(body: str, **rest: Any) -> object:  # noqa: ANN401  as of `json.loads`
        time.sleep(0.4)
        return loads(body, **rest)

    loads = json.loads
    monkeypatch.setattr(json, "loads", slow)
    question = Question(subject="user:ana", action="read", resource="account:acme")

    with Client(say(answer({"answers": [ALLOW]})).url, seconds=0.3) as client:
        decisions = client.authorize_all([question])

    assert [decision.unavailable for decision in decisions] == [True]
    assert ask(say(answer(ALLOW)), seconds=0.3).unavailable


def test_a_large_answer_is_not_read_beyond_the_deadline() -> None:
    large = b"[%b]" % b",".join([b'{"a":{}}'] * 200_000)
    begun = time.monotonic()

    with pytest.raises(UnavailableError, match="took too long"):
        responses.parse(large, begun + 0.02)

    assert time.monotonic() - begun < 2.0


def test_a_length_that_is_too_long_is_no_answer(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "LONGEST_ANSWER", 100)

    assert ask(say(answer(ALLOW))).unavailable


def test_nobody_listening_is_a_denial(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        decision = Client(f"http://127.0.0.1:{taken.getsockname()[1]}").authorize(*EDIT)

    assert decision.unavailable
    assert [record.getMessage() for record in caplog.records] == [
        "denied for want of an answer: no answer: Connection refused"
    ]


def test_a_name_without_an_address_is_a_denial() -> None:
    assert Client("http://sidecar.invalid:1").authorize(*EDIT).unavailable


@pytest.mark.parametrize(
    "script",
    [
        (5.0,),
        (answer(ALLOW)[:20], 5.0),
        tuple(piece for byte in answer(ALLOW) for piece in (bytes([byte]), 0.05)),
    ],
    ids=["silence", "silence in the middle", "a byte now and then"],
)
def test_what_takes_too_long_is_a_denial_in_time(say: Say, script: tuple[bytes | float]) -> None:
    begun = time.monotonic()

    decision = ask(say(*script), seconds=0.3)

    assert decision.unavailable
    assert time.monotonic() - begun < 4.0  # each of them goes on for five and longer


@pytest.mark.parametrize(
    ("subject", "context"),
    [
        ("ana", {}),
        (":ana", {}),
        ("user:", {}),
        (None, {}),
        (7, {}),
        ("user:ana", {"x": object()}),
        ("user:ana", {"x": float("nan")}),
        ("user:ana", {"x": {1}}),
        ("user:ana", None),
    ],
)
def test_what_cannot_be_asked_is_a_denial(
    say: Say, subject: str, context: dict[str, object]
) -> None:
    server = say(answer(ALLOW))

    with Client(server.url) as client:
        decision = client.authorize(subject, "numbers.edit", "account:acme", context=context)

    assert decision.unavailable
    assert server.questions == []


class Hostile:
    """Raises whatever is done with it."""

    def __iter__(self) -> Iterator[str]:
        raise KeyError("x")

    def __bool__(self) -> bool:
        raise RuntimeError

    def __str__(self) -> str:
        raise ZeroDivisionError


ODD = [None, 7, 1.5, b"user:ana", "", "x", [], {}, {"a": 1}, {1: 2}, object(), Hostile(), True]
MEMBERS = ("subject", "action", "resource", "context", "action_properties", "fulfils")


def each_allowed(question: bytes) -> bytes:
    asked = json.loads(question.partition(b"\r\n\r\n")[2])
    return answer({"answers": [ALLOW] * len(asked["requests"])} if "requests" in asked else ALLOW)


@pytest.mark.parametrize("odd", ODD)
def test_no_argument_is_so_odd_that_a_method_raises(say: Say, odd: Any) -> None:  # noqa: ANN401
    plain: dict[str, Any] = dict(zip(MEMBERS, EDIT, strict=False))

    with Client(say(each_allowed).url) as client:
        for name in (*MEMBERS, "request_id"):
            client.authorize(**{**plain, name: odd})
        for name in ("subject", "resource", "context", "request_id"):
            client.permissions(**{"subject": EDIT[0], "resource": EDIT[2], name: odd})
        client.authorize_all([Question(**plain)], request_id=odd)
        questions = [Question(**{**plain, name: odd}) for name in MEMBERS]
        decisions = client.authorize_all([*questions, odd, Question(**plain)])

    assert len(decisions) == len(MEMBERS) + 2
    assert (bool(decisions[0]), bool(decisions[2])) == (False, False)  # none is a reference
    assert (bool(decisions[-2]), bool(decisions[-1])) == (False, True)


@pytest.mark.parametrize("odd", [each for each in ODD if not isinstance(each, list)])
def test_what_is_no_collection_of_questions_is_never_an_empty_success(odd: Any) -> None:  # noqa: ANN401
    with Client("http://127.0.0.1:1") as client, suppress(UnavailableError):
        decisions = client.authorize_all(odd)
        assert decisions
        assert not any(decisions)
    with Client.strict("http://127.0.0.1:1") as strict, pytest.raises(UnavailableError):
        strict.authorize_all(odd)


def test_a_request_id_that_would_be_another_header_is_not_sent(say: Say) -> None:
    server = say(answer(ALLOW))

    with Client(server.url) as client:
        decision = client.authorize(*EDIT, request_id="r\r\nX-Other: 1")

    assert decision.unavailable
    assert server.questions == []


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8181",
        "ftp://x",
        "http://",
        "http://user:word@host",
        "http://host?x=1",
        "http://host#x",
        "http://host:port",
        "unix:",
        "unix:///run/s",
        "",
    ],
)
def test_a_place_that_is_none_is_told_when_the_client_is_made(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Client(url)


@pytest.mark.parametrize(("seconds", "token"), [(0.0, ""), (float("inf"), ""), (1.0, "a b\r\n")])
def test_settings_that_cannot_be_are_told_when_the_client_is_made(
    seconds: float, token: str
) -> None:
    with pytest.raises(ValueError, match=r"must be a positive|no bearer token"):
        Client("http://127.0.0.1:1", seconds=seconds, token=token)


# --- connections --------------------------------------------------------------------------------


def test_one_connection_serves_many_questions(say: Say) -> None:
    server = say(answer(ALLOW))

    with Client(server.url) as client:
        decisions = [client.authorize(*EDIT) for _ in range(5)]

    assert all(decisions)
    assert (len(server.questions), server.connections) == (5, 1)


def test_a_connection_that_was_closed_meanwhile_is_replaced(say: Say) -> None:
    server = say(answer(ALLOW))

    with Client(server.url) as client:
        first = client.authorize(*EDIT)
        server.drop_connections()
        second = client.authorize(*EDIT)

    assert first
    assert second
    assert server.connections == 2


def test_a_connection_that_ends_with_the_question_is_replaced_once(say: Say) -> None:
    server = say(answer(ALLOW))

    with Client(server.url) as client:
        client.authorize(*EDIT)
        server.script = (b"",)
        decision = client.authorize(*EDIT)

    assert decision.unavailable
    assert (len(server.questions), server.connections) == (3, 2)


@pytest.mark.parametrize("pause", [(), (0.05,)], ids=["at once", "later"])
def test_an_answer_that_nobody_asked_for_answers_no_other_question(
    say: Say, pause: tuple[float, ...]
) -> None:
    """Two answers to one question: the second must not be taken for that to the next."""
    server = say(answer(DENY), *pause, answer(ALLOW))

    with Client(server.url) as client:
        decisions = []
        for _ in range(5):
            decisions.append(client.authorize(*EDIT))
            time.sleep(0.1)

    assert not any(decisions)
    assert server.connections == 5


def test_after_a_time_out_the_late_answer_answers_no_other_question(say: Say) -> None:
    server = say(1.5, answer(ALLOW))

    with Client(server.url, seconds=0.5) as client:
        first = client.authorize(*EDIT)
        server.script = (answer(DENY),)
        second = client.authorize(*EDIT)

    assert first.unavailable
    assert [reason.code for reason in second.reasons] == ["not_granted"]


def test_threads_share_a_client(say: Say) -> None:
    server = say(answer(ALLOW))
    allowed: list[bool] = []

    with Client(server.url, connections=4) as client:

        def work() -> None:
            allowed.extend(bool(client.authorize(*EDIT)) for _ in range(25))

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert (len(allowed), all(allowed)) == (200, True)
    assert server.connections < 150


def test_a_fork_does_not_share_connections_with_its_parent(
    say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = say(answer(ALLOW))

    with Client(server.url) as client:
        client.authorize(*EDIT)
        monkeypatch.setattr(os, "getpid", lambda: -1)  # as in a fork
        decision = client.authorize(*EDIT)

    assert decision
    assert server.connections == 2


def test_each_address_of_a_name_is_tried(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    server = say(answer(ALLOW))
    ending = say(b"")
    good = ("127.0.0.1", int(server.url.rpartition(":")[2]))
    ends = ("127.0.0.1", int(ending.url.rpartition(":")[2]))
    with socket.socket() as taken, socket.socket() as silent, socket.socket() as waiting:
        taken.bind(("127.0.0.1", 0))
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        waiting.connect(silent.getsockname())  # after which the kernel answers nobody else
        addresses = [taken.getsockname(), silent.getsockname(), ends, good]
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", each) for each in addresses]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        with Client("http://sidecar.example:1", seconds=2.0) as client:
            decision = client.authorize(*EDIT)

    assert decision


def bearer(question: bytes) -> bytes:
    return question.partition(b"Authorization: Bearer ")[2].partition(b"\r\n")[0]


def test_a_rotated_token_file_is_read_again(say: Say, tmp_path: Path) -> None:
    server, file = say(answer(ALLOW)), tmp_path / "token"
    file.write_bytes(b"\xef\xbb\xbffirst\r\n")

    with Client(server.url, token_file=file) as client:
        client.authorize(*EDIT)
        for content in ("second", "third!?", "", "fourth"):
            (tmp_path / "new").write_text(content)
            (tmp_path / "new").rename(file)
            client.authorize(*EDIT)
        file.unlink()
        client.authorize(*EDIT)

    tokens = [b"first", b"second", b"second", b"second", b"fourth", b"fourth"]
    assert list(map(bearer, server.questions)) == tokens


def test_a_token_that_is_refused_is_read_again_and_asked_with_once(
    say: Say, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("first")

    def rotated(question: bytes) -> bytes:
        file.write_text("second")
        refused = answer({"decision": False, "error": {"message": "who?"}}, "401 Unauthorized")
        return answer(ALLOW) if bearer(question) == b"second" else refused

    server = say(rotated)
    with Client(server.url, token_file=file) as client:
        decision = client.authorize(*EDIT)
        server.script = (answer(REFUSED, "401 Unauthorized"),)
        refused = client.authorize(*EDIT)

    assert (bool(decision), bool(refused)) == (True, False)
    assert len(server.questions) == 3


def test_a_token_file_that_is_none_is_refused_when_the_client_is_made(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "two").write_text("two words")

    for name in ("missing", "pipe", "two"):
        with pytest.raises(ValueError, match=r"the token file .* (cannot|must|is no)"):
            Client("http://127.0.0.1:1", token_file=tmp_path / name)
    with pytest.raises(ValueError, match="cannot both"):
        Client("http://127.0.0.1:1", token="t", token_file=tmp_path / "two")  # noqa: S106


def test_it_asks_at_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer(ALLOW))

        thread = threading.Thread(target=serve)
        thread.start()
        with Client(f"unix:{path}") as client:
            decision = client.authorize(*EDIT)
        thread.join()

    assert decision


def test_a_server_that_cannot_prove_who_it_is_gets_no_question(say: Say) -> None:
    server = say(answer(ALLOW))

    with Client(server.url.replace("http:", "https:"), seconds=1) as client:
        decision = client.authorize(*EDIT)

    assert decision.unavailable


def test_a_certificate_that_is_not_trusted_is_a_denial() -> None:
    context = ssl.create_default_context()

    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        decision = Client(url, seconds=0.2, tls=context).authorize(*EDIT)

    assert decision.unavailable


# --- batches and permissions --------------------------------------------------------------------

QUESTIONS = [
    Question(subject="user:ana", action="remove", resource="membership:acme/bob"),
    Question(
        subject="user:ana",
        action="remove",
        resource="membership:acme/bob",
        fulfils=frozenset({"confirm"}),
    ),
    Question(subject="user:cy", action="numbers.edit", resource="account:acme"),
]
REFUSED = {"decision": False, "error": {"status": 400, "message": "no"}}


def test_a_batch_is_answered_in_order_each_for_what_it_fulfils(say: Say) -> None:
    server = say(answer({"answers": [OBLIGED, OBLIGED, DENY]}))

    with Client(server.url) as client:
        decisions = client.authorize_all(QUESTIONS)

    assert [bool(decision) for decision in decisions] == [False, True, False]
    assert len(server.questions) == 1


@pytest.mark.parametrize(
    "told",
    [
        {"answers": []},
        {"answers": [ALLOW, ALLOW]},
        {"answers": [ALLOW] * 4},
        {"answers": None},
        ALLOW,
        REFUSED,
    ],
)
def test_a_batch_without_its_answers_is_denied_as_a_whole(say: Say, told: object) -> None:
    with Client(say(answer(told)).url) as client:
        decisions = client.authorize_all(QUESTIONS)

    assert [decision.unavailable for decision in decisions] == [True, True, True]


def test_an_item_that_is_no_answer_spoils_no_other(say: Say) -> None:
    with Client(say(answer({"answers": [REFUSED, OBLIGED, 7]})).url) as client:
        decisions = client.authorize_all(QUESTIONS)

    assert [decision.unavailable for decision in decisions] == [True, False, True]
    assert [bool(decision) for decision in decisions] == [False, True, False]


def asked_in(question: bytes) -> list[dict[str, Any]]:
    """Return the questions of a batch that a server was asked."""
    asked: list[dict[str, Any]] = json.loads(question.partition(b"\r\n\r\n")[2])["requests"]
    return asked


def refusing(word: str, status: str, question: bytes) -> bytes:
    """Refuse each batch that holds a word as a whole."""
    if word.encode() in question:
        return answer({"decision": False, "error": {"message": "no"}}, status)
    return each_allowed(question)


def nested(levels: int) -> dict[str, object]:
    value: dict[str, object] = {}
    for _ in range(levels):
        value = {"x": value}
    return value


def plain(resource: str, **context: object) -> Question:
    return Question(subject="user:ana", action="read", resource=resource, context=context)


@pytest.mark.parametrize(
    "context",
    [{"x": object()}, {"x": {1}}, {"x": float("nan")}, {"x": "\ud800"}, nested(100_000)],
    ids=["an odd type", "a set", "NaN", "half a character", "too deep"],
)
def test_one_question_that_cannot_be_sent_denies_no_other(
    say: Say, context: dict[str, object]
) -> None:
    server = say(each_allowed)

    with Client(server.url) as client:
        decisions = client.authorize_all(
            [plain("a:1"), plain("a:2", **context), plain("a:3"), None]  # type: ignore[list-item]
        )

    assert [bool(decision) for decision in decisions] == [True, False, True, False]
    assert [each["resource"]["id"] for each in asked_in(server.questions[0])] == ["1", "3"]


@pytest.mark.parametrize("status", ["400 Bad Request", "413 Content Too Large"])
def test_one_question_that_the_server_refuses_denies_no_other(say: Say, status: str) -> None:
    server = say(partial(refusing, "odd", status))
    questions = [plain(f"a:{number}", x="odd" if number == 5 else "") for number in range(11)]

    with Client(server.url) as client:
        decisions = client.authorize_all(questions)

    assert [index for index, decision in enumerate(decisions) if not decision] == [5]
    assert len(server.questions) < 11


def test_a_batch_that_is_overloaded_is_not_divided(say: Say) -> None:
    server = say(partial(refusing, "requests", "503 Service Unavailable"))

    with Client(server.url) as client:
        decisions = client.authorize_all([plain("a:1"), plain("a:2")])

    assert [decision.unavailable for decision in decisions] == [True, True]
    assert len(server.questions) == 1


def test_a_batch_beyond_the_bounds_of_the_server_is_divided(say: Say) -> None:
    server = say(each_allowed)
    questions = [plain(f"a:{number}", x="x" * 300 * (number % 7)) for number in range(100)]
    questions[50] = plain("a:50", x="x" * 9000)  # by itself, and refused only by the server

    with Client(server.url, max_body_bytes=4000, max_evaluations=3) as client:
        decisions = client.authorize_all(iter(questions))

    assert all(decisions)
    bodies = [question.partition(b"\r\n\r\n")[2] for question in server.questions]
    assert sum(len(body) > 4000 for body in bodies) == 1
    batches = list(map(asked_in, server.questions))
    assert max(map(len, batches)) == 3
    assert [each["resource"]["id"] for batch in batches for each in batch] == [
        str(number) for number in range(100)
    ]


def test_a_batch_of_nothing_asks_nothing() -> None:
    assert Client("http://127.0.0.1:1").authorize_all([]) == ()


def test_a_strict_client_raises_for_an_item_too(say: Say) -> None:
    server = say(answer({"answers": [OBLIGED, OBLIGED, REFUSED]}))

    with Client.strict(server.url) as client, pytest.raises(UnavailableError, match="refused: no"):
        client.authorize_all(QUESTIONS)


def test_permissions_are_told_in_order(say: Say) -> None:
    told = {
        "permissions": ["numbers.view", "switch"],
        "obligations": {"switch": [CONFIRM]},
        "revisions": REVISIONS,
    }

    with Client(say(answer(told)).url) as client:
        permissions = client.permissions("user:ana", "account:acme")

    assert list(permissions) == ["numbers.view", "switch"]
    assert "switch" in permissions
    assert "numbers.edit" not in permissions
    assert permissions.obligations == {"switch": (Obligation("confirm", "Ask first."),)}


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"permissions": "all"},
        {"permissions": ["a", 7]},
        {"permissions": ["a"], "obligations": []},
        {"permissions": ["a"], "obligations": {"a": ["confirm"]}},
        REFUSED,
    ],
)
def test_without_an_answer_nothing_is_permitted(say: Say, told: object) -> None:
    with Client(say(answer(told)).url) as client:
        permissions = client.permissions("user:ana", "account:acme")

    assert len(permissions) == 0
    assert [reason.code for reason in permissions.reasons] == ["unavailable"]


# --- the guard of Flask's views -----------------------------------------------------------------


class Fixed(Client):
    """Answers what it was told to, and keeps what it was asked."""

    def __init__(self, decision: Decision) -> None:
        super().__init__("http://127.0.0.1:1")
        self.decision = decision
        self.asked: list[tuple[object, ...]] = []

    def authorize(
        self, subject: str | Entity, action: str, resource: str | Entity, **said: object
    ) -> Decision:
        self.asked.append((subject, action, resource, said))
        return self.decision


YES = Decision(allowed=True, reasons=())
NO = Decision(allowed=False, reasons=(Reason("not_granted", "No."),))


def guarded(client: Client, subject: str | None = "user:ana") -> FlaskClient:
    app = Flask(__name__)
    guard = Guard(client, subject=lambda: subject)

    @app.get("/accounts/<path:account>")
    @guard.requires("numbers.edit", resource="account:{account}")
    def account(account: str) -> str:
        return f"{account} {g.sidecar_decision.allowed}"

    @app.get("/members")
    @app.get("/members/<path:account>/of/<path:user>")
    @guard.requires("remove", resource="membership:{account}/{user}", fulfils={"confirm"})
    def member(account: str, user: str) -> str:
        return f"{account} {user}"

    @app.get("/numbers/<int:number>")
    @guard.requires(
        "view",
        resource=lambda number: Entity("number", str(number), {"account": "acme"}),
        context=lambda: {"via_proxy": True},
    )
    def number(number: int) -> str:
        return str(number)

    @app.get("/things/<uuid:thing>")
    @guard.requires("view", resource="thing:t-{thing}.x")
    def thing(thing: UUID) -> str:
        return str(thing)

    return app.test_client()


def test_a_view_runs_where_it_is_allowed() -> None:
    client = Fixed(YES)

    response = guarded(client).get("/accounts/acme", headers={"X-Request-ID": "r-1"})

    assert (response.status_code, response.text) == (200, "acme True")
    said = {"context": {}, "fulfils": frozenset(), "request_id": "r-1"}
    assert client.asked == [("user:ana", "numbers.edit", Entity("account", "acme"), said)]


def test_a_view_does_not_run_where_it_is_denied() -> None:
    response = guarded(Fixed(NO)).get("/accounts/acme")

    assert response.status_code == 403
    assert response.json == {
        "decision": False,
        "reasons": [{"code": "not_granted", "message": "No."}],
    }
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("kind", [Client, StrictClient])
def test_a_view_does_not_run_where_it_cannot_be_checked(kind: type[Client]) -> None:
    response = guarded(kind("http://127.0.0.1:1")).get("/accounts/acme")

    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    assert response.json == {
        "decision": False,
        "reasons": [
            {"code": "unavailable", "message": "Access cannot be checked now; try again later."}
        ],
    }


def test_nobody_may_do_anything() -> None:
    client = Fixed(YES)

    response = guarded(client, subject=None).get("/accounts/acme")

    assert response.status_code == 403
    assert client.asked == []


@pytest.mark.parametrize(
    "account", ["a:b", "{account}", "{0.__class__}", "%s", "acme/bob", "a\\b", "\u202e", " "]
)
def test_an_id_is_taken_as_it_is(account: str) -> None:
    client = Fixed(YES)

    guarded(client).get(f"/accounts/{account.replace('%', '%25')}")

    assert client.asked[0][2] == Entity("account", account)


def test_an_id_of_several_arguments_is_put_together() -> None:
    client = Fixed(YES)

    response = guarded(client).get("/members/acme/of/bob/x")

    assert response.text == "acme bob/x"
    assert client.asked[0][2] == Entity("membership", "acme/bob/x")
    assert client.asked[0][3] == {
        "context": {},
        "fulfils": frozenset({"confirm"}),
        "request_id": "",
    }


def test_a_value_that_could_pass_for_two_names_nothing() -> None:
    client = Fixed(YES)

    response = guarded(client).get("/members/acme/bob/of/x")

    assert response.status_code == 403
    assert response.json is not None
    assert response.json["reasons"][0]["code"] == "unknown_resource"
    assert client.asked == []


def test_a_resource_can_be_made_by_a_function() -> None:
    client = Fixed(YES)

    guarded(client).get("/numbers/7")

    assert client.asked[0][2:] == (
        Entity("number", "7", {"account": "acme"}),
        {"context": {"via_proxy": True}, "fulfils": frozenset(), "request_id": ""},
    )


def test_text_may_stand_around_an_argument() -> None:
    client = Fixed(YES)
    thing = "0d4b3d0c-9c6b-4d0a-8a58-f0a3d3e3b9c1"

    guarded(client).get(f"/things/{thing}")

    assert client.asked[0][2] == Entity("thing", f"t-{thing}.x")


def test_a_view_without_the_argument_does_not_run() -> None:
    client = Fixed(YES)

    response = guarded(client).get("/members")

    assert response.status_code == 500
    assert client.asked == []


@pytest.mark.parametrize(
    "resource",
    [
        "account",
        "account:",
        ":{x}",
        "{x}",
        "{x}:y",
        "a b:{x}",
        "a:{x",
        "a:x}",
        "a:{x.y}",
        "a:{a}{b}",
        "a:{}",
    ],
)
def test_a_resource_that_is_none_is_told_when_the_view_is_written(resource: str) -> None:
    guard = Guard(Fixed(YES), subject=lambda: "user:ana")

    with pytest.raises(ValueError, match=r"is not written like|brace|nothing between"):
        guard.requires("view", resource=resource)


def test_a_request_id_that_is_none_is_left_out() -> None:
    client = Fixed(YES)

    guarded(client).get("/accounts/acme", headers={"X-Request-ID": "a b"})

    said = client.asked[0][3]
    assert isinstance(said, dict)
    assert said["request_id"] == ""


def test_permissions_hold_nothing_by_themselves() -> None:
    assert not Permissions(actions=())
