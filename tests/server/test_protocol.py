"""Where a request ends, what is refused, and how connections go on."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.http import Access
from sidecar.http.message import Response
from sidecar.server.access_log import AccessLog
from sidecar.server.protocol import REQUESTS_PER_TURN, HttpProtocol
from sidecar.server.request import Request
from sidecar.server.request_parser import MAX_CHUNKS
from tests.patience import PATIENCE
from tests.server.loopback import LIMITS, SECONDS, Loopback, application, loopback, responses
from tests.server.test_fast_path import TOKEN, One

LINE = b"POST /v1/authorize HTTP/1.1\r\n"
HOST = b"Host: x\r\n"
JSON = b"Content-Type: application/json"
GOOD = b'{"subject":"user:ana","action":"numbers.edit","resource":"account:acme"}'
NEXT = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def head(*fields: bytes) -> bytes:
    return LINE + HOST + b"".join(field + b"\r\n" for field in fields) + b"\r\n"


def posted(body: bytes = GOOD, *fields: bytes) -> bytes:
    return head(JSON, *fields, b"Content-Length: %d" % len(body)) + body


CHUNKED = head(JSON, b"Transfer-Encoding: chunked")


@pytest.fixture(scope="module")
def app() -> Flask:
    return application()


@pytest.fixture(scope="module", name="server")
def shared_server(app: Flask) -> Iterator[Loopback]:
    with loopback(app) as made:
        yield made


# --- where a request ends -----------------------------------------------------------------------

WHOLE = {
    "no body": b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    "no fields": b"GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "an empty line before": b"\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    "a length": posted(),
    "a length of nothing": head(b"content-length:  0 "),
    "as long as may be": posted(GOOD + b" " * (3000 - len(GOOD))),
    "chunks": CHUNKED + b"9\r\n" + GOOD[:9] + b"\r\n3f;a=b\r\n" + GOOD[9:] + b"\r\n0\r\n\r\n",
    "no chunks": CHUNKED + b"0\r\n\r\n",
    "trailers": CHUNKED + b"48\r\n" + GOOD + b"\r\n0\r\nX-A: b\r\n\r\n",
    "zeros": CHUNKED + b"0048\r\n" + GOOD + b"\r\n000\r\n\r\n",
    "an absolute target": b"GET http://x/healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    "an offer of HTTP/2": posted(
        GOOD, b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk"
    ),
}


def statuses(received: bytes) -> list[int]:
    return [status for status, _, _ in responses(received)]


def known(received: bytes) -> bytes:
    """Leave out what differs each time."""
    received = re.sub(rb"Date: [^\r]+", b"", received)
    return re.sub(rb'"decision_id":"[0-9a-f]{32}"', b"", received)


@pytest.mark.parametrize("sent", WHOLE.values(), ids=WHOLE)
def test_a_request_ends_where_it_ends_however_it_arrives(server: Loopback, sent: bytes) -> None:
    at_once = server.exchange(sent + NEXT)
    bit_by_bit = server.exchange(*[bytes([byte]) for byte in sent + NEXT])

    assert len(statuses(at_once)) == 2
    assert at_once.endswith(b'{"status":"ok"}')
    assert known(bit_by_bit) == known(at_once)
    if GOOD in sent.replace(b"\r\n3f;a=b\r\n", b""):
        assert b'"decision":true' in at_once


REFUSED = {
    "two lengths": (head(b"Content-Length: 5", b"Content-Length: 5") + b"hello", 400),
    "two different lengths": (head(b"Content-Length: 5", b"Content-Length: 6") + b"hello", 400),
    "two lengths in one": (head(b"Content-Length: 5, 5") + b"hello", 400),
    "a negative length": (head(b"Content-Length: -5"), 400),
    "a signed length": (head(b"Content-Length: +5") + b"hello", 400),
    "an empty length": (head(b"Content-Length:"), 400),
    "a length in hexadecimal": (head(b"Content-Length: 0x5") + b"hello", 400),
    "figures that are not ASCII": (head("Content-Length: \u0665".encode()), 400),
    "a length that no number holds": (head(b"Content-Length: " + b"9" * 30), 400),
    "a length and chunks": (head(b"Content-Length: 5", b"Transfer-Encoding: chunked"), 400),
    "chunks and a length": (head(b"Transfer-Encoding: chunked", b"Content-Length: 5"), 400),
    "two codings": (head(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"), 400),
    "another coding before": (head(b"Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n", 400),
    "another coding behind": (head(b"Transfer-Encoding: chunked, gzip") + b"0\r\n\r\n", 400),
    "another coding": (head(b"Transfer-Encoding: gzip"), 501),
    "a coding that hides": (head(b"Transfer-Encoding: \x0bchunked") + b"0\r\n\r\n", 400),
    "chunks of HTTP/1.0": (CHUNKED.replace(b"1.1", b"1.0") + b"0\r\n\r\n", 400),
    "a blank before the colon": (head(b"Transfer-Encoding : chunked") + b"0\r\n\r\n", 400),
    "a folded field": (head(b"X-A: 1", b" Content-Length: 5") + b"hello", 400),
    "a folded coding": (head(b"Transfer-Encoding:", b" chunked") + b"0\r\n\r\n", 400),
    "a blank before the first field": (LINE + b" Host: x\r\n\r\n", 400),
    "a bare LF": (LINE + b"Host: x\nContent-Length: 0\r\n\r\n", 400),
    "bare LFs": (head(b"Content-Length: 0").replace(b"\r\n", b"\n"), 400),
    "a head that ends in a bare LF": (LINE + b"Host: x\r\n\n", 400),
    "a bare CR": (LINE + b"Host: x\rContent-Length: 5\r\n\r\n", 400),
    "NUL in a field": (head(b"X-A: \x00"), 400),
    "NUL in a name": (head(b"X\x00A: 1"), 400),
    "no name": (head(b": 1"), 400),
    "a blank in a name": (head(b"X A: 1"), 400),
    "two hosts": (head(b"Host: y"), 400),
    "no host": (LINE + b"Content-Length: 0\r\n\r\n", 400),
    "HTTP/1.2": (head().replace(b"1.1", b"1.2"), 400),
    "HTTP/2.0": (head().replace(b"1.1", b"2.0"), 400),
    "HTTP/0.9": (b"GET /healthz\r\n\r\n", 400),
    "HTTP/2 without asking": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "another method": (head().replace(b"POST", b"PURGE"), 400),
    "a method that is none": (head().replace(b"POST", b"POST!"), 400),
    "a tunnel": (b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "another protocol": (b"\x16\x03\x01\x02", 400),
    "a query behind an authority": (
        head().replace(b"/v1/authorize", b"http://x?/v1/authorize"),
        400,
    ),
    "a fragment": (head().replace(b"authorize", b"authorize#x"), 400),
    "a content coding": (posted(GOOD, b"Content-Encoding: gzip"), 415),
    "two content codings": (
        posted(GOOD, b"Content-Encoding: identity", b"Content-Encoding: gzip"),
        400,
    ),
    "another expectation": (posted(GOOD, b"Expect: the-unexpected"), 417),
    "a long line": (head().replace(b"authorize", b"a" * 4070), 431),
    "a long head": (head(*[b"X-%d: %s" % (n, b"a" * 900) for n in range(5)]), 431),
    "a long head that does not end": (LINE + b"X-A: " + b"a" * 4000, 431),
    "a long field": (head(b"X-A: " + b"a" * 3000), 431),
    "many fields": (head(*[b"X-%d: a" % n for n in range(64)]), 431),
    "a long body": (head(b"Content-Length: 3001"), 413),
    "an endless body": (head(b"Content-Length: " + b"9" * 18), 413),
    "a long chunk": (CHUNKED + b"bb9\r\n" + b" " * 3001 + b"\r\n", 413),
    "chunks that are long together": (CHUNKED + b"5dd\r\n%s\r\n" % (b" " * 1501) * 2, 413),
    "a chunk that no number holds": (CHUNKED + b"f" * 17 + b"\r\n", 400),
    "a negative chunk": (CHUNKED + b"-1\r\n", 400),
    "a chunk by another notation": (CHUNKED + b"0x5\r\nhello\r\n", 400),
    "a chunk without a size": (CHUNKED + b"\r\n", 400),
    "a chunk that is longer than it says": (CHUNKED + b"1\r\nhello\r\n", 400),
    "a chunk that ends in a bare LF": (CHUNKED + b"2\r\n{}\n0\r\n\r\n", 400),
    "a size that ends in a bare LF": (CHUNKED + b"2\n{}\r\n0\r\n\r\n", 400),
    "a long extension": (CHUNKED + b"1;" + b"a" * 2000, 400),
    "long extensions": (CHUNKED + (b"1;%s\r\n \r\n" % (b"a" * 500)) * 3, 400),
    "long trailers": (CHUNKED + b"0\r\nX-A: " + b"a" * 2000, 400),
    "a length in the trailers": (CHUNKED + b"0\r\nContent-Length: 9\r\n\r\n", 400),
}


@pytest.mark.parametrize(("sent", "status"), REFUSED.values(), ids=REFUSED)
def test_what_could_be_read_in_two_ways_or_is_too_much_is_refused_and_nothing_behind_it_is_read(
    server: Loopback, sent: bytes, status: int
) -> None:
    for received in (
        server.exchange(posted() + sent + NEXT),
        server.exchange(posted(), *[bytes([byte]) for byte in sent[-1500:]])
        if len(sent) <= 1500
        else server.exchange(posted(), sent),
    ):
        (first, _, _), (second, fields, body) = responses(received)

        assert (first, second, fields["connection"]) == (200, status, "close")
        assert json.loads(body)["decision"] is False
        assert json.loads(body)["error"]["status"] == status


def test_a_body_in_very_many_chunks_is_too_much(app: Flask) -> None:
    with loopback(app, limits=replace(LIMITS, max_body_bytes=MAX_CHUNKS * 2)) as server:
        received = server.exchange(CHUNKED + b"1\r\n \r\n" * (MAX_CHUNKS + 1))

    assert statuses(received) == [413]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=40), min_size=1, max_size=8))
def test_whatever_comes_is_read_alike_in_one_piece_and_in_many(
    server: Loopback, parts: list[bytes]
) -> None:
    at_once = server.exchange(CHUNKED + b"".join(parts))
    in_pieces = server.exchange(CHUNKED, *parts)

    assert statuses(in_pieces) == statuses(at_once)


def test_empty_lines_before_a_request_are_refused_but_for_one(server: Loopback) -> None:
    assert statuses(server.exchange(b"\r\n\r\n" + NEXT)) == [400]
    assert statuses(server.exchange(b"\r\n", b"\r\n" + NEXT)) == [400]


@pytest.mark.parametrize("path", [b"//v1/authorize", b"/v1%2fauthorize", b"/v1/authoriz%65"])
def test_a_path_is_what_is_written(server: Loopback, path: bytes) -> None:
    received = server.exchange(posted().replace(b"/v1/authorize", path))

    assert statuses(received) == [404]


# --- how a connection goes on -------------------------------------------------------------------

CLOSES = {
    "close": (b"HTTP/1.1\r\nHost: x\r\nConnection: close", "close"),
    "close among others": (b"HTTP/1.1\r\nHost: x\r\nConnection: close, te\r\nTE: x", "close"),
    "close behind others": (b"HTTP/1.1\r\nHost: x\r\nConnection: te, Close", "close"),
    "close in another field": (
        b"HTTP/1.1\r\nHost: x\r\nConnection: te\r\nConnection: close",
        "close",
    ),
    "nothing": (b"HTTP/1.1\r\nHost: x", "keep-alive"),
    "nothing, long ago": (b"HTTP/1.0\r\nHost: x", "close"),
    "keep-alive, long ago": (b"HTTP/1.0\r\nConnection: keep-alive", "keep-alive"),
}


@pytest.mark.parametrize(("fields", "connection"), CLOSES.values(), ids=CLOSES)
def test_a_connection_is_kept_as_the_client_says(
    server: Loopback, fields: bytes, connection: str
) -> None:
    received = responses(server.exchange(b"GET /healthz " + fields + b"\r\n\r\n" + NEXT))

    assert received[0][1]["connection"] == connection
    assert len(received) == (2 if connection == "keep-alive" else 1)


def test_the_trailers_of_a_request_are_no_fields_of_the_next() -> None:
    access = Access(One())
    token, asked_id = b"Authorization: Bearer " + TOKEN.encode(), b"X-Request-ID: 1"
    chunks = head(JSON, token, b"Transfer-Encoding: chunked") + b"48\r\n" + GOOD + b"\r\n0\r\n"
    trailers = b"".join(field + b"\r\n" for field in (token, asked_id, asked_id))
    first = chunks + trailers + b"\r\n"

    with loopback(application(access), access) as server:
        received = [
            server.exchange(first + posted() + NEXT),
            server.exchange(first, posted(), NEXT),
            server.exchange(first[:-1], first[-1:] + posted()[:9], posted()[9:] + NEXT),
        ]

    for each in map(responses, received):
        assert [status for status, _, _ in each] == [200, 401, 200]
        assert not any("x-request-id" in fields for _, fields, _ in each)


def test_requests_in_one_piece_are_answered_in_their_order(server: Loopback) -> None:
    count = 3 * REQUESTS_PER_TURN
    chunked = CHUNKED + b"48\r\n" + GOOD + b"\r\n0\r\n\r\n"
    large = posted(GOOD + b" " * 2000)
    kinds = (posted(), chunked, large, b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
    sent = b"".join(
        kinds[n % 4].replace(b"Host: x", b"Host: x\r\nX-Request-ID: %d" % n) for n in range(count)
    )

    received = responses(server.exchange(sent))

    assert [fields["x-request-id"] for _, fields, _ in received] == [str(n) for n in range(count)]
    assert {status for status, _, _ in received} == {200}


def test_of_long_requests_at_once_one_is_answered_before_short_ones(
    server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered: list[str | None] = []
    answer = server.service.answer

    def recorded(connection: HttpProtocol, request: Request, clock: float) -> None:
        answered.append(request.request_id)
        answer(connection, request, clock)

    async def ask(*bodies: bytes) -> list[bytes]:
        clients = [await server.connect() for _ in bodies]
        for number, (client, body) in enumerate(zip(clients, bodies, strict=True)):
            await server.loop.sock_sendall(client, posted(body, b"X-Request-ID: %d" % number))
            client.shutdown(socket.SHUT_WR)
        return [await server.read_all(client) for client in clients]

    monkeypatch.setattr(server.service, "answer", recorded)
    long = GOOD + b" " * 2500
    received = server.loop.run_until_complete(ask(long, long, long, GOOD))

    assert [statuses(each) for each in received] == [[200]] * 4
    assert answered == ["0", "3", "1", "2"]


def test_a_client_that_waits_for_a_word_gets_it_once_and_only_for_a_body_that_may_come(
    server: Loopback,
) -> None:
    expecting = posted(GOOD, b"Expect: 100-continue")
    at, word = expecting.index(GOOD), b"HTTP/1.1 100 Continue\r\n\r\n"

    async def exchange(begin: bytes, *rest: bytes) -> tuple[bytes, bytes]:
        client = await server.connect()
        await server.loop.sock_sendall(client, begin)
        first = await server.loop.sock_recv(client, 65536)
        for piece in rest:
            await server.loop.sock_sendall(client, piece)
            await asyncio.sleep(0)
        client.shutdown(socket.SHUT_WR)
        return first, await server.read_all(client)

    run = server.loop.run_until_complete
    waited = run(exchange(expecting[:at], expecting[at : at + 9], expecting[at + 9 :]))
    in_one_piece = server.exchange(expecting)
    refused = server.exchange(expecting.replace(b"Length: 72", b"Length: 7200"))
    old = server.exchange(expecting.replace(b"1.1", b"1.0")[:at], expecting[at:])

    assert waited[0] == word
    assert statuses(waited[1]) == statuses(in_one_piece) == statuses(old) == [200]
    assert statuses(refused) == [413]


@pytest.mark.parametrize("path", [b"/healthz", b"/readyz", b"/nowhere"])
def test_a_response_to_head_has_the_length_of_its_body_and_no_body(
    server: Loopback, path: bytes
) -> None:
    ((status, fields, _),) = responses(
        server.exchange(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path)
    )

    received = server.exchange(b"HEAD %b HTTP/1.1\r\nHost: x\r\n\r\n" % path)

    assert received.endswith(b"\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 %d " % status)
    assert f"content-length: {fields['content-length']}\r\n".encode() in received.lower()


def test_the_id_of_a_refused_request_comes_back(server: Loopback) -> None:
    sent = head(b"X-Request-ID: seven", b"Content-Length: 9999")

    (response,) = responses(server.exchange(sent))

    assert (response[0], response[1]["x-request-id"]) == (413, "seven")


TRACE = b"traceparent: 00-%b-%b-01" % (b"4b" * 16, b"01" * 8)

FAILING = {
    "a head that is refused": (head(TRACE, b"Content-Length: 9999"), 413),
    "a field that is refused": (head(TRACE, b"Content-Length: 5", b"Content-Length: 6"), 400),
    "a body that is too long": (head(TRACE, b"Transfer-Encoding: chunked") + b"bb9\r\n" * 2, 413),
    "a body that is no JSON": (posted(b"{", TRACE), 400),
    "a path without content": (b"GET /nowhere HTTP/1.1\r\nHost: x\r\n%b\r\n\r\n" % TRACE, 404),
    "a path that only looks like one": (b"GET //x HTTP/1.1\r\nHost: x\r\n%b\r\n\r\n" % TRACE, 404),
}


@pytest.mark.parametrize(("sent", "status"), FAILING.values(), ids=FAILING)
def test_an_error_has_the_trace_id_of_its_request(
    server: Loopback, sent: bytes, status: int
) -> None:
    received = server.exchange(sent + b"x" * 6000 if b"chunked" in sent else sent)

    ((found, _, body),) = responses(received)
    assert (found, json.loads(body)["error"]["trace_id"]) == (status, "4b" * 16)


@pytest.mark.parametrize(
    "fields",
    [
        (b"traceparent: <script>",),
        (TRACE, TRACE),
        (TRACE.replace(b"00-", b"ff-"),),
        (TRACE.replace(b"00-", b"00-", 1) + b"-more",),
    ],
)
def test_an_invalid_trace_is_not_told_and_changes_nothing(
    server: Loopback, fields: tuple[bytes, ...]
) -> None:
    received = server.exchange(posted(b"{", *fields) + posted(GOOD, *fields))

    (refused, answered) = responses(received)
    assert (refused[0], answered[0]) == (400, 200)
    assert "trace_id" not in json.loads(refused[2])["error"]
    assert b"script" not in received


def test_a_client_that_does_not_read_is_not_waited_for_and_gets_everything_later(
    app: Flask,
) -> None:
    """And it has no more than one response at a time in our memory."""
    asked: list[str] = []

    def large(environ: dict[str, object], start_response: object) -> list[bytes]:
        asked.append(str(environ["PATH_INFO"]))
        start_response("200 OK", [])  # type: ignore[operator]
        return [b"x" * 5_000_000]

    async def exchange() -> tuple[int, int]:
        client = await server.connect()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await server.loop.sock_sendall(client, b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
        while not asked:  # noqa: ASYNC110  a thread tells
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        before = len(asked)
        client.shutdown(socket.SHUT_WR)
        return before, len(await server.read_all(client))

    with loopback(app, wsgi=large) as server:
        before, received = server.loop.run_until_complete(exchange())

    assert (before, len(asked)) == (1, 3)
    assert received > 15_000_000


# --- deadlines, and who makes room --------------------------------------------------------------


@pytest.mark.parametrize("ends", ["to make room", "by its client"])
def test_a_response_is_sent_though_its_connection_ends_before_it_is_the_turn_of_others(
    app: Flask, ends: str
) -> None:
    with loopback(app) as server:

        async def exchange() -> bytes:
            client = await server.connect()
            (connection,) = server.service.connections
            connection.data_received(posted())
            if ends == "to make room":
                assert server.service.connections.make_room()
            else:
                assert not connection.eof_received()
                connection.transport.close()
            return await server.read_all(client)

        received = server.loop.run_until_complete(exchange())

    assert [status for status, _, _ in responses(received)] == [200]


def test_a_client_that_does_not_close_after_its_last_response_is_closed_at_the_deadline(
    app: Flask,
) -> None:
    with loopback(app) as server:

        async def exchange() -> bytes:
            client = await server.connect()
            await server.loop.sock_sendall(client, NEXT)
            while not (received := await server.loop.sock_recv(client, 65536)):
                pass
            while await server.loop.sock_recv(client, 65536):
                pass
            assert server.service.connections
            server.service.sweep(time.monotonic() + SECONDS)
            client.close()
            return received

        received = server.loop.run_until_complete(exchange())

        assert [status for status, _, _ in responses(received)] == [200]
        assert not server.service.connections


def test_deadlines_are_those_of_the_state_of_a_connection(app: Flask) -> None:
    limits = replace(LIMITS, transfer_seconds=1000.0, idle_seconds=100_000.0)

    async def run() -> list[tuple[str, bool]]:
        found = []

        async def note(client: socket.socket, sent: bytes) -> None:
            await server.loop.sock_sendall(client, sent)
            for _ in range(5):
                await asyncio.sleep(0.01)
            (connection,) = server.service.connections
            is_short = connection.deadline - time.monotonic() <= limits.transfer_seconds
            found.append((connection.phase.name, is_short))

        client = await server.connect()
        await note(client, b"")
        await note(client, posted()[:40])
        await note(client, posted()[40:])
        await note(client, b"\r\n")
        await note(client, posted()[:40])
        client.close()
        return found

    with loopback(app, limits=limits) as server:
        found = server.loop.run_until_complete(run())

    assert found == [
        ("RECEIVING", True),
        ("RECEIVING", True),
        ("IDLE", False),
        ("IDLE", False),
        ("RECEIVING", True),
    ]


def test_a_response_that_takes_too_long_is_a_503_and_the_connection_goes_on(app: Flask) -> None:
    ends: list[bool] = []

    def slow(_: object, start_response: object) -> list[bytes]:
        while not ends:
            time.sleep(0.01)
        start_response("200 OK", [])  # type: ignore[operator]
        return [b"late"]

    async def run() -> bytes:
        client = await server.connect()
        await server.loop.sock_sendall(client, b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n" + NEXT)
        for _ in range(5):
            await asyncio.sleep(0.01)
        server.service.sweep(time.monotonic() + 2 * LIMITS.request_seconds)
        ends.append(True)
        return await server.read_all(client)

    with loopback(app, wsgi=slow) as server:
        late, alive = responses(server.loop.run_until_complete(run()))

    assert (late[0], late[1]["retry-after"], late[1]["connection"]) == (503, "1", "keep-alive")
    assert "took too long" in late[2].decode()
    assert (alive[0], alive[2]) == (200, b'{"status":"ok"}')


def test_an_error_while_answering_is_that_of_one_request(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    with loopback(app) as server:

        def fail(*_: object) -> Response:
            raise ZeroDivisionError

        monkeypatch.setattr(server.service._http, "answer_now", fail)  # noqa: SLF001  a fault that no test knows how to cause
        failed, alive = server.exchange(posted(GOOD, TRACE)), server.exchange(NEXT)

    assert (statuses(failed), statuses(alive)) == ([500], [200])
    assert b'"decision":false' in failed
    assert b'"trace_id":"%b"' % (b"4b" * 16) in failed


# --- the access log -----------------------------------------------------------------------------


def test_every_response_is_a_line_of_the_access_log_where_it_is_wanted(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    log = AccessLog()
    agent = b'User-Agent: a "client"'
    caplog.set_level("INFO", "gunicorn.access")
    with loopback(app, access_log=log) as server:
        server.exchange(posted(GOOD, agent) + b"GET /nowhere?x HTTP/1.0\r\n\r\n")
        server.exchange(b"nonsense\r\n\r\n")
        begun = time.monotonic()
        while len(caplog.messages) < 3 and time.monotonic() < begun + PATIENCE:
            time.sleep(0.01)

    known = [re.sub(r"\[[^]]*\]", "[]", line) for line in caplog.messages]
    assert known[0].startswith('- - - [] "POST /v1/authorize HTTP/1.1" 200 ')
    assert known[0].endswith(' "-" "a \\"client\\""')
    assert known[1].startswith('- - - [] "GET /nowhere?x HTTP/1.0" 404 ')
    assert known[2].startswith('- - - [] "-" 400 ')
