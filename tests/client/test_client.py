"""The client: only a well-formed response is an allow, and no method raises."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sidecar.client import (
    Client,
    Decision,
    Entity,
    Obligation,
    Permissions,
    Question,
    Reason,
    Resources,
    Revisions,
    StrictClient,
    UnavailableError,
    calls,
    posts,
    responses,
    writer_position,
)
from tests.client.kinds import BlockingClient, BlockingStrictClient
from tests.client.scripted import (
    ALLOW,
    CONFIRM,
    DENY,
    OBLIGED,
    REVISIONS,
    Piece,
    Scripted,
    StartServer,
    chunked,
    respond,
)
from tests.e2e.running import until
from tests.patience import lenient

EDIT = ("user:ana", "numbers.edit", "account:acme")
ACCOUNTS = ("user:ana", "switch", "account")


@pytest.fixture(autouse=True, params=["blocking", "asynchronous"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Let each test judge both clients."""
    if request.param == "asynchronous":
        monkeypatch.setitem(globals(), "Client", BlockingClient)
        monkeypatch.setitem(globals(), "StrictClient", BlockingStrictClient)
    yield str(request.param)
    BlockingClient.close_all()


def ask(server: Scripted, seconds: float = 2.0) -> Decision:
    with Client(server.url, seconds=seconds) as client:
        return client.authorize(*EDIT)


# --- answers ------------------------------------------------------------------------------------


def test_an_allow_is_true_and_has_its_revisions(start_server: StartServer) -> None:
    decision = ask(start_server(respond(ALLOW)))

    assert decision
    assert decision == Decision(
        allowed=True, reasons=(), decision_id="1", revisions=Revisions("p1", "d1")
    )


def test_a_denial_is_false_and_has_its_reasons(start_server: StartServer) -> None:
    decision = ask(start_server(respond(DENY)))

    assert not decision
    assert (decision.reasons, decision.unavailable) == ((Reason("not_granted", "No."),), False)


def test_every_member_of_a_question_is_sent_unchanged(start_server: StartServer) -> None:
    server = start_server(respond(ALLOW))
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

    head, _, body = server.requests[0].partition(b"\r\n\r\n")
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


def test_a_base_path_precedes_the_path(start_server: StartServer) -> None:
    server = start_server(respond(ALLOW))

    with Client(f"{server.url}/pdp/") as client:
        client.authorize(*EDIT)

    assert server.requests[0].startswith(b"POST /pdp/v1/authorize ")


# --- obligations --------------------------------------------------------------------------------


def test_an_allow_with_an_unfulfilled_obligation_is_a_denial(start_server: StartServer) -> None:
    decision = ask(start_server(respond(OBLIGED)))

    assert not decision
    assert not decision.allowed
    assert [reason.code for reason in decision.reasons] == ["unfulfilled_obligation"]
    assert [obligation.code for obligation in decision.obligations] == ["confirm"]


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
def test_an_allow_holds_if_the_caller_fulfils_all_obligations(
    start_server: StartServer, fulfils: set[str], *, allowed: bool
) -> None:
    question = Question(
        subject="user:ana", action="numbers.edit", resource="account:acme", fulfils=fulfils
    )

    with Client(start_server(respond(OBLIGED)).url) as client:
        decision = client.authorize(*EDIT, fulfils=fulfils)
    with Client(start_server(respond({"answers": [OBLIGED]})).url) as client:
        (of_batch,) = client.authorize_all([question])

    assert (bool(decision), bool(of_batch)) == (allowed, allowed)


# --- malformed responses ------------------------------------------------------------------------

MALFORMED = {
    "status 500": respond(ALLOW, "500 Internal Server Error"),
    "status 201": respond(ALLOW, "201 Created"),
    "status 401": respond({"decision": False, "error": {"message": "who?"}}, "401 Unauthorized"),
    "redirect": respond(ALLOW, "302 Found", "Location: http://127.0.0.1:1/"),
    "html": respond(ALLOW).replace(b"application/json", b"text/html"),
    "no content type": respond(ALLOW).replace(b"Content-Type: application/json\r\n", b""),
    "two lengths": respond(ALLOW, "200 OK", f"Content-Length: {len(json.dumps(ALLOW))}"),
    "two other lengths": respond(ALLOW, "200 OK", "content-length: 5"),
    "lengths in one field": respond(ALLOW).replace(b"Content-Length: ", b"Content-Length: 7, "),
    "a length with a sign": respond(ALLOW).replace(b"Content-Length: ", b"Content-Length: +"),
    "a length with a line": respond(ALLOW).replace(b"Content-Length: 1", b"Content-Length: 1_"),
    "a length and a coding": respond(ALLOW, "200 OK", "Transfer-Encoding: chunked"),
    "a coding nobody reads": respond(ALLOW, "200 OK", "Transfer-Encoding: gzip"),
    "a field that is none": respond(ALLOW, "200 OK", "Content-Length : 5"),
    "a chunk that is cut off": chunked(ALLOW)[:-9],
    "no length": respond(ALLOW).replace(b"Content-Length: ", b"X-Length: "),
    "cut off": respond(ALLOW)[:-1],
    "cut off in the head": b"HTTP/1.1 200 OK\r\nContent-",
    "not HTTP": b"\x15\x03\x01\x00\x02\x02\x28 garbage\r\n\r\n",
    "an endless line": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000,
    "nothing": b"",
    "not JSON": respond(b"yes"),
    "no object": respond([ALLOW]),
    "true": respond(True),  # noqa: FBT003  a JSON value
    "null": respond(None),
    "not UTF-8": respond(b'{"decision": true, "x": "\xff"}'),
    "decision twice": respond(b'{"decision": false, ' + json.dumps(ALLOW).encode()[1:]),
    "NaN": respond(b'{"x": NaN, ' + json.dumps(ALLOW).encode()[1:]),
    "nested": respond(b"[" * 100_000),
    "decision 1": respond({**ALLOW, "decision": 1}),
    'decision "true"': respond({**ALLOW, "decision": "true"}),
    "decision null": respond({**ALLOW, "decision": None}),
    "no decision": respond({name: ALLOW[name] for name in ALLOW if name != "decision"}),
    "no obligations": respond({name: ALLOW[name] for name in ALLOW if name != "obligations"}),
    "no reasons": respond({name: ALLOW[name] for name in ALLOW if name != "reasons"}),
    "no revisions": respond({name: ALLOW[name] for name in ALLOW if name != "revisions"}),
    "allowed with reasons": respond({**ALLOW, "reasons": DENY["reasons"]}),
    "allowed with an error": respond({**ALLOW, "error": {"message": "but"}}),
    "denied without reasons": respond({**DENY, "reasons": []}),
    "obligations of another form": respond({**ALLOW, "obligations": ["confirm"]}),
    "an obligation without a code": respond({**ALLOW, "obligations": [{"message": "x"}]}),
}


@pytest.mark.parametrize("response", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_response_is_a_denial(start_server: StartServer, response: bytes) -> None:
    server = start_server(response, b"")

    decision = ask(server)

    assert not decision
    assert decision.unavailable
    assert [reason.code for reason in decision.reasons] == ["unavailable"]
    with StrictClient(server.url) as strict, pytest.raises(UnavailableError):
        strict.authorize(*EDIT)


def test_a_chunked_response_is_accepted(start_server: StartServer) -> None:
    assert ask(start_server(chunked(ALLOW)))


def test_a_response_that_is_read_after_the_deadline_is_a_denial(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(body: str, **rest: Any) -> object:  # noqa: ANN401  as of `json.loads`
        time.sleep(0.4)
        return loads(body, **rest)

    loads = json.loads
    monkeypatch.setattr(json, "loads", slow)
    question = Question(subject="user:ana", action="read", resource="account:acme")

    with Client(start_server(respond({"answers": [ALLOW]})).url, seconds=0.3) as client:
        decisions = client.authorize_all([question])

    assert [decision.unavailable for decision in decisions] == [True]
    assert ask(start_server(respond(ALLOW)), seconds=0.3).unavailable


def test_a_decision_that_is_made_after_the_deadline_is_a_denial(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(response: object, fulfils: frozenset[str]) -> Decision:
        time.sleep(0.4)
        return responses.read_decision(response, fulfils)

    monkeypatch.setattr(calls, "read_decision", slow)

    assert ask(start_server(respond(ALLOW)), seconds=0.3).unavailable


def test_a_large_response_is_not_parsed_beyond_the_deadline() -> None:
    large = b"[%b]" % b",".join([b'{"a":{}}'] * 200_000)
    begun = time.monotonic()

    with pytest.raises(UnavailableError, match="took too long"):
        responses.parse(large, begun + 0.02)

    assert time.monotonic() - begun < lenient(0.2)


def test_a_response_that_is_too_long_is_a_denial(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posts, "LONGEST_RESPONSE_BYTES", 100)

    assert ask(start_server(respond(ALLOW))).unavailable


def test_a_refused_connection_is_a_denial(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        decision = Client(f"http://127.0.0.1:{taken.getsockname()[1]}").authorize(*EDIT)

    assert decision.unavailable
    assert [record.getMessage() for record in caplog.records] == [
        "denied because the sidecar is unavailable: no response: Connection refused"
    ]


def test_a_name_without_an_address_is_a_denial() -> None:
    assert Client("http://sidecar.invalid:1").authorize(*EDIT).unavailable


@pytest.mark.parametrize(
    "script",
    [
        (5.0,),
        (respond(ALLOW)[:20], 5.0),
        tuple(piece for byte in respond(ALLOW) for piece in (bytes([byte]), 0.05)),
    ],
    ids=["silence", "silence in the middle", "a byte now and then"],
)
def test_a_slow_response_is_a_denial_in_time(
    start_server: StartServer, script: tuple[bytes | float]
) -> None:
    begun = time.monotonic()

    decision = ask(start_server(*script), seconds=0.3)

    assert decision.unavailable
    assert time.monotonic() - begun < lenient(0.3)


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
def test_a_question_that_cannot_be_encoded_is_a_denial(
    start_server: StartServer, subject: str, context: dict[str, object]
) -> None:
    server = start_server(respond(ALLOW))

    with Client(server.url) as client:
        decision = client.authorize(subject, "numbers.edit", "account:acme", context=context)

    assert decision.unavailable
    assert server.requests == []


class Hostile:
    """Raises an error in every operation."""

    def __iter__(self) -> Iterator[str]:
        raise KeyError("x")

    def __bool__(self) -> bool:
        raise RuntimeError

    def __str__(self) -> str:
        raise ZeroDivisionError


ODD = [None, 7, 1.5, b"user:ana", "", "x", [], {}, {"a": 1}, {1: 2}, object(), Hostile(), True]
MEMBERS = ("subject", "action", "resource", "context", "action_properties", "fulfils")


def allow_all(question: bytes) -> bytes:
    body = json.loads(question.partition(b"\r\n\r\n")[2])
    return respond({"answers": [ALLOW] * len(body["requests"])} if "requests" in body else ALLOW)


@pytest.mark.parametrize("odd", ODD)
def test_no_method_raises_for_an_argument_of_any_type(start_server: StartServer, odd: Any) -> None:  # noqa: ANN401
    plain: dict[str, Any] = dict(zip(MEMBERS, EDIT, strict=False))

    with Client(start_server(allow_all).url) as client:
        options = ("request_id", "min_revision")
        for name in (*MEMBERS, *options):
            client.authorize(**{**plain, name: odd})
        for name in ("subject", "resource", "context", "action_properties", *options):
            client.permissions(**{"subject": EDIT[0], "resource": EDIT[2], name: odd})
        searched = dict(zip(("subject", "action", "resource_type"), ACCOUNTS, strict=True))
        for name in (*searched, "context", "action_properties", "limit", *options):
            client.search_resources(**{**searched, name: odd})
        client.authorize_all([Question(**plain)], request_id=odd)
        questions = [Question(**{**plain, name: odd}) for name in MEMBERS]
        decisions = client.authorize_all([*questions, odd, Question(**plain)])

    assert len(decisions) == len(MEMBERS) + 2
    assert (bool(decisions[0]), bool(decisions[2])) == (False, False)  # none is a reference
    assert (bool(decisions[-2]), bool(decisions[-1])) == (False, True)


@pytest.mark.parametrize("odd", [value for value in ODD if not isinstance(value, list)])
def test_an_argument_that_is_no_collection_is_a_denial(odd: Any) -> None:  # noqa: ANN401
    with Client("http://127.0.0.1:1") as client, suppress(UnavailableError):
        decisions = client.authorize_all(odd)
        assert decisions
        assert not any(decisions)
    with Client.strict("http://127.0.0.1:1") as strict, pytest.raises(UnavailableError):
        strict.authorize_all(odd)


def test_a_request_id_with_a_line_break_is_not_sent(start_server: StartServer) -> None:
    server = start_server(respond(ALLOW))

    with Client(server.url) as client:
        decision = client.authorize(*EDIT, request_id="r\r\nX-Other: 1")

    assert decision.unavailable
    assert server.requests == []


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
def test_a_malformed_url_is_refused_when_the_client_is_created(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Client(url)


@pytest.mark.parametrize(("seconds", "token"), [(0.0, ""), (float("inf"), ""), (1.0, "a b\r\n")])
def test_invalid_settings_are_refused_when_the_client_is_created(
    seconds: float, token: str
) -> None:
    with pytest.raises(ValueError, match=r"must be a positive|not a bearer token"):
        Client("http://127.0.0.1:1", seconds=seconds, token=token)


# --- connections --------------------------------------------------------------------------------


def test_one_connection_serves_many_questions(start_server: StartServer) -> None:
    server = start_server(respond(ALLOW))

    with Client(server.url) as client:
        decisions = [client.authorize(*EDIT) for _ in range(5)]

    assert all(decisions)
    assert (len(server.requests), server.connections) == (5, 1)


def test_a_closed_idle_connection_is_replaced(start_server: StartServer) -> None:
    server = start_server(respond(ALLOW))

    with Client(server.url) as client:
        first = client.authorize(*EDIT)
        server.drop_connections()
        second = client.authorize(*EDIT)

    assert first
    assert second
    assert server.connections == 2


def test_a_connection_that_the_server_closes_on_a_request_is_replaced_once(
    start_server: StartServer,
) -> None:
    server = start_server(respond(ALLOW))

    with Client(server.url) as client:
        client.authorize(*EDIT)
        server.script = (b"",)
        decision = client.authorize(*EDIT)

    assert decision.unavailable
    assert (len(server.requests), server.connections) == (3, 2)


@pytest.mark.parametrize(
    "script",
    [
        (respond(DENY) + respond(ALLOW),),
        (respond(DENY), respond(ALLOW)),
        (respond(DENY), 0.05, respond(ALLOW)),
    ],
    ids=["with it", "at once", "later"],
)
def test_a_surplus_response_answers_no_other_request(
    start_server: StartServer, script: tuple[Piece, ...]
) -> None:
    """The second response to one request must not be taken for the response to the next."""
    server = start_server(*script)

    with Client(server.url) as client:
        decisions = []
        for number in range(1, 6):
            decisions.append(client.authorize(*EDIT))
            until(partial(server.has_sent, number))

    assert not any(decisions)
    assert server.connections == 5


def test_a_response_to_another_request_is_a_denial(start_server: StartServer) -> None:
    server = start_server(respond(ALLOW, "200 OK", "X-Request-ID: r-2"))

    with Client(server.url) as client:
        decisions = [client.authorize(*EDIT, request_id=name) for name in ("r-1", "r-2", "")]

    assert [bool(decision) for decision in decisions] == [False, True, False]


def test_each_request_has_an_id(start_server: StartServer) -> None:
    server = start_server(respond(ALLOW))

    with Client(server.url) as client:
        client.authorize(*EDIT)
        client.authorize(*EDIT)

    sent = [request.partition(b"X-Request-ID: ")[2][:16] for request in server.requests]
    assert len(set(sent)) == 2


def test_a_late_response_answers_no_other_request(start_server: StartServer) -> None:
    server = start_server(1.5, respond(ALLOW))

    with Client(server.url, seconds=0.5) as client:
        first = client.authorize(*EDIT)
        server.script = (respond(DENY),)
        second = client.authorize(*EDIT)

    assert first.unavailable
    assert [reason.code for reason in second.reasons] == ["not_granted"]


@pytest.mark.parametrize("kind", ["blocking"], indirect=True)
def test_threads_share_a_client(start_server: StartServer) -> None:
    server = start_server(respond(ALLOW))
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
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start_server(respond(ALLOW))

    with Client(server.url) as client:
        client.authorize(*EDIT)
        monkeypatch.setattr(os, "getpid", lambda: -1)  # as in a fork
        decision = client.authorize(*EDIT)

    assert decision
    assert server.connections == 2


def test_each_address_of_a_name_is_tried(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start_server(respond(ALLOW))
    ending = start_server(b"")
    good = ("127.0.0.1", int(server.url.rpartition(":")[2]))
    ends = ("127.0.0.1", int(ending.url.rpartition(":")[2]))
    with socket.socket() as taken, socket.socket() as silent, socket.socket() as waiting:
        taken.bind(("127.0.0.1", 0))
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        waiting.connect(
            silent.getsockname()
        )  # fills the backlog, so that the kernel ignores others
        addresses = [taken.getsockname(), silent.getsockname(), ends, good]
        entries = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", name) for name in addresses]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: entries)
        with Client("http://sidecar.example:1", seconds=2.0) as client:
            decision = client.authorize(*EDIT)

    assert decision


def bearer(question: bytes) -> bytes:
    return question.partition(b"Authorization: Bearer ")[2].partition(b"\r\n")[0]


def test_a_rotated_token_file_is_read_again(start_server: StartServer, tmp_path: Path) -> None:
    server, file = start_server(respond(ALLOW)), tmp_path / "token"
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
    assert list(map(bearer, server.requests)) == tokens


def test_a_refused_token_is_read_again_and_sent_once_more(
    start_server: StartServer, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("first")

    def rotated(question: bytes) -> bytes:
        file.write_text("second")
        refused = respond({"decision": False, "error": {"message": "who?"}}, "401 Unauthorized")
        return respond(ALLOW) if bearer(question) == b"second" else refused

    server = start_server(rotated)
    with Client(server.url, token_file=file) as client:
        decision = client.authorize(*EDIT)
        server.script = (respond(REFUSED, "401 Unauthorized"),)
        refused = client.authorize(*EDIT)

    assert (bool(decision), bool(refused)) == (True, False)
    assert len(server.requests) == 3


def test_an_invalid_token_file_is_refused_when_the_client_is_created(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "two").write_text("two words")

    for name in ("missing", "pipe", "two"):
        with pytest.raises(ValueError, match=r"the token file .* (cannot|must|is not)"):
            Client("http://127.0.0.1:1", token_file=tmp_path / name)
    with pytest.raises(ValueError, match="cannot both"):
        Client("http://127.0.0.1:1", token="t", token_file=tmp_path / "two")  # noqa: S106


def test_a_unix_socket_is_an_address(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(respond(ALLOW))

        thread = threading.Thread(target=serve)
        thread.start()
        with Client(f"unix:{path}") as client:
            decision = client.authorize(*EDIT)
        thread.join()

    assert decision


def test_a_server_without_tls_gets_no_request_over_https(start_server: StartServer) -> None:
    server = start_server(respond(ALLOW))

    with Client(server.url.replace("http:", "https:"), seconds=1) as client:
        decision = client.authorize(*EDIT)

    assert decision.unavailable


def test_an_untrusted_certificate_is_a_denial() -> None:
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


def test_decisions_of_a_batch_are_in_order_and_use_their_own_fulfils(
    start_server: StartServer,
) -> None:
    server = start_server(respond({"answers": [OBLIGED, OBLIGED, DENY]}))

    with Client(server.url) as client:
        decisions = client.authorize_all(QUESTIONS)

    assert [bool(decision) for decision in decisions] == [False, True, False]
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "response",
    [
        {"answers": []},
        {"answers": [ALLOW, ALLOW]},
        {"answers": [ALLOW] * 4},
        {"answers": None},
        ALLOW,
        REFUSED,
    ],
)
def test_a_batch_with_a_malformed_response_is_denied_as_a_whole(
    start_server: StartServer, response: object
) -> None:
    with Client(start_server(respond(response)).url) as client:
        decisions = client.authorize_all(QUESTIONS)

    assert [decision.unavailable for decision in decisions] == [True, True, True]


def test_a_malformed_item_denies_no_other(start_server: StartServer) -> None:
    with Client(start_server(respond({"answers": [REFUSED, OBLIGED, 7]})).url) as client:
        decisions = client.authorize_all(QUESTIONS)

    assert [decision.unavailable for decision in decisions] == [True, False, True]
    assert [bool(decision) for decision in decisions] == [False, True, False]


def items_in(request: bytes) -> list[dict[str, Any]]:
    """Return the items of a batch."""
    items: list[dict[str, Any]] = json.loads(request.partition(b"\r\n\r\n")[2])["requests"]
    return items


def refusing(word: str, status: str, question: bytes) -> bytes:
    """Refuse each batch that holds a word as a whole."""
    if word.encode() in question:
        return respond({"decision": False, "error": {"message": "no"}}, status)
    return allow_all(question)


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
def test_a_question_that_cannot_be_encoded_denies_no_other(
    start_server: StartServer, context: dict[str, object]
) -> None:
    server = start_server(allow_all)

    with Client(server.url) as client:
        decisions = client.authorize_all(
            [plain("a:1"), plain("a:2", **context), plain("a:3"), None]  # type: ignore[list-item]
        )

    assert [bool(decision) for decision in decisions] == [True, False, True, False]
    assert [item["resource"]["id"] for item in items_in(server.requests[0])] == ["1", "3"]


@pytest.mark.parametrize("status", ["400 Bad Request", "413 Content Too Large"])
def test_a_question_that_the_server_refuses_denies_no_other(
    start_server: StartServer, status: str
) -> None:
    server = start_server(partial(refusing, "odd", status))
    questions = [plain(f"a:{number}", x="odd" if number == 5 else "") for number in range(11)]

    with Client(server.url) as client:
        decisions = client.authorize_all(questions)

    assert [index for index, decision in enumerate(decisions) if not decision] == [5]
    assert len(server.requests) < 11


def test_a_batch_that_an_overloaded_server_refuses_is_not_divided(
    start_server: StartServer,
) -> None:
    server = start_server(partial(refusing, "requests", "503 Service Unavailable"))

    with Client(server.url) as client:
        decisions = client.authorize_all([plain("a:1"), plain("a:2")])

    assert [decision.unavailable for decision in decisions] == [True, True]
    assert len(server.requests) == 1


def test_a_batch_beyond_the_limits_of_the_server_is_divided(start_server: StartServer) -> None:
    server = start_server(allow_all)
    questions = [plain(f"a:{number}", x="x" * 300 * (number % 7)) for number in range(100)]
    questions[50] = plain("a:50", x="x" * 9000)  # by itself, and refused only by the server

    with Client(server.url, max_body_bytes=4000, max_evaluations=3) as client:
        decisions = client.authorize_all(iter(questions))

    assert all(decisions)
    bodies = [question.partition(b"\r\n\r\n")[2] for question in server.requests]
    assert sum(len(body) > 4000 for body in bodies) == 1
    batches = list(map(items_in, server.requests))
    assert max(map(len, batches)) == 3
    assert [item["resource"]["id"] for batch in batches for item in batch] == [
        str(number) for number in range(100)
    ]


def test_an_empty_batch_sends_nothing() -> None:
    assert Client("http://127.0.0.1:1").authorize_all([]) == ()


def test_a_strict_client_raises_for_a_refused_item(start_server: StartServer) -> None:
    server = start_server(respond({"answers": [OBLIGED, OBLIGED, REFUSED]}))

    with Client.strict(server.url) as client, pytest.raises(UnavailableError, match="refused: no"):
        client.authorize_all(QUESTIONS)


def test_permissions_keep_their_order(start_server: StartServer) -> None:
    response = {
        "permissions": ["numbers.view", "switch"],
        "obligations": {"switch": [CONFIRM]},
        "revisions": REVISIONS,
    }

    with Client(start_server(respond(response)).url) as client:
        permissions = client.permissions("user:ana", "account:acme")

    assert list(permissions) == ["numbers.view", "switch"]
    assert "switch" in permissions
    assert "numbers.edit" not in permissions
    assert permissions.obligations == {"switch": (Obligation("confirm", "Ask first."),)}


@pytest.mark.parametrize(
    "response",
    [
        {},
        {"permissions": "all"},
        {"permissions": ["a", 7]},
        {"permissions": ["a"], "obligations": []},
        {"permissions": ["a"], "obligations": {"a": ["confirm"]}},
        REFUSED,
    ],
)
def test_a_malformed_response_permits_nothing(start_server: StartServer, response: object) -> None:
    with Client(start_server(respond(response)).url) as client:
        permissions = client.permissions("user:ana", "account:acme")

    assert len(permissions) == 0
    assert [reason.code for reason in permissions.reasons] == ["unavailable"]


def test_permissions_without_actions_are_false() -> None:
    assert not Permissions(actions=())


# --- searches -----------------------------------------------------------------------------------

CONFIRM_CEDAR = {**CONFIRM, "id": "confirm", "type": "custom", "results": ["cedar"]}


def page(*ids: str, token: str = "", **members: object) -> dict[str, object]:
    results = [{"type": "account", "id": each} for each in ids]
    return {"results": results, "page": {"next_token": token, "count": len(ids)}, **members}


def pages(**by_token: dict[str, object]) -> Callable[[bytes], bytes]:
    """Return the page that the token of the request names; the first one is `first`."""

    def respond_with_page(request: bytes) -> bytes:
        token = json.loads(request.partition(b"\r\n\r\n")[2])["page"]["token"]
        return respond(by_token[token or "first"])

    return respond_with_page


def search(server: Scripted, limit: int | None = None) -> Resources:
    with Client(server.url, seconds=2.0) as client:
        return client.search_resources(*ACCOUNTS, limit=limit)


def test_a_search_returns_the_results_of_all_pages(start_server: StartServer) -> None:
    obligations = {"obligations": [CONFIRM_CEDAR]}
    server = start_server(
        pages(
            first=page("birch", token="t1"),  # noqa: S106  of a page
            t1=page(token="t2"),  # noqa: S106
            t2=page("cedar", "oak", context=obligations),
        )
    )

    found = search(server)

    assert [*found] == ["birch", "cedar", "oak"]
    assert found.obligations == {"cedar": (Obligation("confirm", "Ask first."),)}
    assert json.loads(server.requests[0].partition(b"\r\n\r\n")[2]) == {
        "subject": {"type": "user", "id": "ana", "properties": {}},
        "action": {"name": "switch", "properties": {}},
        "resource": {"type": "account", "properties": {}},
        "context": {},
        "page": {"token": ""},
    }


def test_a_search_with_a_limit_reads_no_more_pages_than_it_needs(
    start_server: StartServer,
) -> None:
    server = start_server(pages(first=page("birch", "cedar", token="t1")))  # noqa: S106

    assert [*search(server, limit=1)] == ["birch"]
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "second",
    [
        {},
        {**page("oak"), "results": [{"type": "user", "id": "oak"}]},
        {**page("oak"), "results": ["oak"]},
        {**page("oak"), "page": {}},
        {**page("oak"), "context": {}},
        {**page("oak"), "context": {"obligations": [{**CONFIRM, "results": [7]}]}},
        page("oak", token="t1"),  # noqa: S106
    ],
)
def test_a_search_without_its_last_page_returns_nothing(
    start_server: StartServer, second: dict[str, object]
) -> None:
    server = start_server(pages(first=page("birch", token="t1"), t1=second))  # noqa: S106

    found = search(server)

    assert ([*found], [reason.code for reason in found.reasons]) == ([], ["unavailable"])
    with StrictClient(server.url) as strict, pytest.raises(UnavailableError):
        strict.search_resources(*ACCOUNTS)


@pytest.mark.parametrize("limit", [0, -1, "1"])
def test_a_limit_that_is_none_finds_nothing(start_server: StartServer, limit: int) -> None:
    found = search(start_server(pages(first=page("birch"))), limit=limit)

    assert [reason.code for reason in found.reasons] == ["unavailable"]


# --- revisions ----------------------------------------------------------------------------------


def test_the_revision_that_facts_must_contain_is_sent_with_every_call(
    start_server: StartServer,
) -> None:
    question = Question(subject=EDIT[0], action=EDIT[1], resource=EDIT[2])
    token = "postgresql:7-00000001-0:42"  # noqa: S105  of a writer
    server = start_server(respond({**ALLOW, "answers": [ALLOW], "permissions": [], "results": []}))

    with Client(server.url) as client:
        client.authorize(*EDIT, min_revision=token)
        client.authorize_all([question], min_revision=token)
        client.permissions(EDIT[0], EDIT[2], min_revision=token)
        client.search_resources(*ACCOUNTS, min_revision=token)
        client.authorize(*EDIT)

    sent = [f"\r\nSidecar-Min-Revision: {token}\r\n".encode() in each for each in server.requests]
    assert sent == [True] * 4 + [False]


@pytest.mark.parametrize("revision", ["", "a\r\nX: b", 7, b"a"])
def test_a_revision_that_is_none_is_a_denial(start_server: StartServer, revision: str) -> None:
    server = start_server(respond(ALLOW))

    with Client(server.url) as client:
        decision = client.authorize(*EDIT, min_revision=revision)

    assert (decision.unavailable, server.requests) == (True, [])


class Cursor:
    """A cursor of a driver of PostgreSQL that has one row."""

    def __init__(self, row: object) -> None:
        self.row = row
        self.statements: list[str] = []

    def execute(self, operation: str, /) -> None:
        self.statements.append(operation)

    def fetchone(self) -> object:
        return self.row


@pytest.mark.parametrize("row", [("postgresql:7:1",), {"token": "postgresql:7:1"}])
def test_a_writer_reads_its_position_in_postgresql(row: object) -> None:
    cursor = Cursor(row)

    assert writer_position(cursor) == "postgresql:7:1"
    assert cursor.statements == ["SELECT sidecar.position() AS token"]


@pytest.mark.parametrize("factory", [None, sqlite3.Row])
def test_a_writer_reads_its_position_in_sqlite(factory: type[sqlite3.Row] | None) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.row_factory = factory
        connection.execute("CREATE TABLE sidecar_position AS SELECT 'sqlite:00:9' AS token")

        assert writer_position(connection.cursor()) == "sqlite:00:9"


def test_a_database_without_a_history_has_no_position() -> None:
    with pytest.raises(LookupError, match="sidecar source init"):
        writer_position(Cursor(None))
