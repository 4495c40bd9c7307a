"""Where a request ends, and what one connection takes in; without a server."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.server.bounds import Bounds
from sidecar.server.connections import Connection
from sidecar.server.framing import MAX_CHUNKS, Framing, Outcome
from sidecar.server.tls import Credentials

BOUNDS = Bounds(
    max_head_bytes=1000,
    max_body_bytes=500,
    max_connections=10,
    max_waiting=10,
    transfer_seconds=1.0,
    request_seconds=1.0,
    idle_seconds=1.0,
)

LINE = b"POST /v1/authorize HTTP/1.1\r\n"
HOST = b"Host: x\r\n"


def head(*fields: bytes) -> bytes:
    return LINE + HOST + b"".join(field + b"\r\n" for field in fields) + b"\r\n"


CHUNKED = head(b"Transfer-Encoding: chunked")

WHOLE = {
    "no body": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "no fields": b"GET / HTTP/1.0\r\n\r\n",
    "an empty line before": b"\r\nGET / HTTP/1.1\r\n\r\n",
    "a length": head(b"Content-Length: 5") + b"hello",
    "no length": head(b"content-length:  0 "),
    "as long as may be": head(b"Content-Length: 500") + b"x" * 500,
    "pieces": CHUNKED + b"5\r\nhello\r\n3 ; a=b\r\n\r\n\r\r\n0\r\n\r\n",
    "no pieces": CHUNKED + b"0\r\n\r\n",
    "trailers": CHUNKED + b"1\r\nx\r\n0\r\nX-A: b\r\n\r\n",
    "hexadecimal": CHUNKED + b"1f4\r\n" + b"x" * 500 + b"\r\n000\r\n\r\n",
}


@pytest.mark.parametrize("said", WHOLE.values(), ids=WHOLE)
def test_a_request_ends_where_it_ends_however_it_arrives(said: bytes) -> None:
    framing = Framing(BOUNDS)
    received = bytearray()

    outcomes = []
    for byte in said:
        received.append(byte)
        outcomes.append(framing.look(received))
    at_once = Framing(BOUNDS)
    followed = at_once.look(bytearray(said + b"GET / HTTP/1.1\r\n"))

    assert outcomes == [Outcome.MORE] * (len(said) - 1) + [Outcome.WHOLE]
    assert (followed, at_once.end, framing.end) == (Outcome.WHOLE, len(said), len(said))


REFUSED = {
    "two lengths": (head(b"Content-Length: 5", b"Content-Length: 5"), Outcome.UNCLEAR),
    "two lengths in one": (head(b"Content-Length: 5, 5"), Outcome.UNCLEAR),
    "a negative length": (head(b"Content-Length: -5"), Outcome.UNCLEAR),
    "a signed length": (head(b"Content-Length: +5"), Outcome.UNCLEAR),
    "an empty length": (head(b"Content-Length:"), Outcome.UNCLEAR),
    "figures that are not ASCII": (
        head("Content-Length: \u0665".encode()),
        Outcome.UNCLEAR,
    ),
    "a length and pieces": (
        head(b"Content-Length: 5", b"Transfer-Encoding: chunked"),
        Outcome.UNCLEAR,
    ),
    "two codings": (
        head(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
        Outcome.UNCLEAR,
    ),
    "another coding": (head(b"Transfer-Encoding: gzip, chunked"), Outcome.UNCLEAR),
    "a coding that hides": (head(b"Transfer-Encoding: \x0bchunked"), Outcome.UNCLEAR),
    "a name that hides": (
        head(b"Content-Length: 5", b"Transfer-Encoding : chunked"),
        Outcome.UNCLEAR,
    ),
    "a bare LF": (LINE + b"Host: x\nContent-Length: 5\r\n\r\n", Outcome.UNCLEAR),
    "a bare LF in a head that does not end": (LINE + b"Host: x\n\n", Outcome.UNCLEAR),
    "a bare CR": (LINE + b"Host: x\rContent-Length: 5\r\n\r\n", Outcome.UNCLEAR),
    "another protocol": (b"\x16\x03\x01\x02", Outcome.UNCLEAR),
    "two empty lines": (b"\r\n\r\nGET / HTTP/1.1\r\n\r\n", Outcome.UNCLEAR),
    "a long head": (LINE + b"X-A: " + b"a" * 1000, Outcome.LONG_HEAD),
    "a long head that ends": (head(b"X-A: " + b"a" * 1000), Outcome.LONG_HEAD),
    "a long body": (head(b"Content-Length: 501"), Outcome.LONG_BODY),
    "an endless body": (head(b"Content-Length: " + b"9" * 18), Outcome.LONG_BODY),
    "a long piece": (CHUNKED + b"1f5\r\n", Outcome.LONG_BODY),
    "an endless piece": (CHUNKED + b"ffffffff\r\n", Outcome.LONG_BODY),
    "a piece that no number holds": (CHUNKED + b"f" * 9 + b"\r\n", Outcome.UNCLEAR),
    "a negative piece": (CHUNKED + b"-1\r\n", Outcome.UNCLEAR),
    "a piece by another notation": (CHUNKED + b"0x5\r\nhello\r\n", Outcome.UNCLEAR),
    "a piece without a size": (CHUNKED + b"\r\n", Outcome.UNCLEAR),
    "a piece that is longer than it says": (CHUNKED + b"1\r\nhello\r\n", Outcome.UNCLEAR),
    "a long line of a piece": (CHUNKED + b"1;" + b"a" * 2000, Outcome.UNCLEAR),
    "long trailers": (CHUNKED + b"0\r\nX-A: " + b"a" * 9000, Outcome.UNCLEAR),
}


@pytest.mark.parametrize(("said", "outcome"), REFUSED.values(), ids=REFUSED)
def test_what_could_be_read_in_two_ways_or_is_too_much_is_known_before_it_has_all_come(
    said: bytes, outcome: Outcome
) -> None:
    assert Framing(BOUNDS).look(bytearray(said)) is outcome


def test_a_body_in_very_many_pieces_is_too_much() -> None:
    large = Bounds(
        max_head_bytes=1000,
        max_body_bytes=MAX_CHUNKS * 2,
        max_connections=10,
        max_waiting=10,
        transfer_seconds=1.0,
        request_seconds=1.0,
        idle_seconds=1.0,
    )
    pieces = b"1\r\nx\r\n" * (MAX_CHUNKS + 1)

    assert Framing(large).look(bytearray(CHUNKED + pieces)) is Outcome.LONG_BODY


def test_what_is_added_to_pieces_is_bounded_too() -> None:
    padded = b"1;" + b"a" * 1000 + b"\r\nx\r\n"

    assert Framing(BOUNDS).look(bytearray(CHUNKED + padded * 20)) is Outcome.MORE
    assert Framing(BOUNDS).look(bytearray(CHUNKED + padded * 100)) is Outcome.LONG_BODY


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=8))
def test_whatever_comes_ends_at_the_same_place_in_one_piece_and_in_many(parts: list[bytes]) -> None:
    said = CHUNKED + b"".join(parts)
    bit_by_bit, received = Framing(BOUNDS), bytearray(CHUNKED)

    outcome = Outcome.MORE
    for part in parts:
        received += part
        if outcome is Outcome.MORE:
            outcome = bit_by_bit.look(received)
    at_once = Framing(BOUNDS)

    assert at_once.look(bytearray(said)) is outcome
    assert at_once.end == bit_by_bit.end


# --- connections --------------------------------------------------------------------------------


@pytest.fixture
def pair() -> Iterator[tuple[Connection, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)  # noqa: FBT003  its own signature
    with ours, theirs:
        yield Connection(ours, ("", ""), BOUNDS), theirs


def test_a_connection_gives_requests_one_by_one(pair: tuple[Connection, socket.socket]) -> None:
    connection, caller = pair
    first, second = WHOLE["a length"], WHOLE["pieces"]
    caller.sendall(first + second + b"GET")

    taken = []
    for _ in range(2):
        assert connection.receive() is Outcome.WHOLE
        taken.append(connection.take())

    assert taken == [first, second]
    assert connection.receive() is Outcome.MORE
    assert bytes(connection.received) == b"GET"


def test_a_caller_that_waits_for_a_word_gets_it_once_and_only_for_a_body_that_may_come(
    pair: tuple[Connection, socket.socket],
) -> None:
    connection, caller = pair
    caller.sendall(head(b"Content-Length: 5", b"Expect: 100-continue"))

    outcomes = [connection.receive(), connection.receive()]
    word = caller.recv(1000)
    caller.sendall(b"hello")

    assert outcomes == [Outcome.MORE, Outcome.MORE]
    assert word == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert connection.receive() is Outcome.WHOLE


def test_a_caller_that_has_left_is_noticed(pair: tuple[Connection, socket.socket]) -> None:
    connection, caller = pair
    caller.close()

    with pytest.raises(ConnectionResetError):
        connection.receive()


def test_a_caller_that_does_not_read_is_not_waited_for(
    pair: tuple[Connection, socket.socket],
) -> None:
    connection, caller = pair
    connection.answer(b"x" * 10_000_000, keep=False)

    first = connection.send()
    received = 0
    while not connection.send():
        received += len(caller.recv(1_000_000))
    connection.part()
    while piece := caller.recv(1_000_000):
        received += len(piece)

    assert (first, received) == (False, 10_000_000)


# --- TLS ----------------------------------------------------------------------------------------


def certificate(file: Path, name: str) -> None:
    command = (
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 "
        f"-subj /CN={name} -keyout {file} -out {file}.crt"
    )
    subprocess.run(command.split(), check=True, capture_output=True)  # noqa: S603  a command of the test's own
    with file.open("a") as stream:
        stream.write(Path(f"{file}.crt").read_text())


def test_replaced_certificates_are_taken_and_bad_ones_are_not(tmp_path: Path) -> None:
    file = tmp_path / "certificate"
    certificate(file, "first")
    credentials = Credentials(file, None, None)
    credentials.load()
    first = credentials.context()

    unchanged = credentials.context()
    file.write_text("nonsense")
    bad = [credentials.context(), credentials.context()]
    certificate(file, "second")
    second = credentials.context()

    assert (unchanged, bad) == (first, [first, first])
    assert second is not first


def test_a_pipe_in_the_place_of_a_certificate_keeps_nobody_waiting(tmp_path: Path) -> None:
    file = tmp_path / "certificate"
    certificate(file, "first")
    credentials = Credentials(file, None, None)
    credentials.load()
    first, content = credentials.context(), file.read_bytes()
    file.unlink()
    os.mkfifo(file)

    piped = [credentials.context(), credentials.context()]
    file.unlink()
    file.write_bytes(content)
    with_the_same = credentials.context()

    assert piped == [first, first]
    assert with_the_same.cert_store_stats() == first.cert_store_stats()


def test_a_certificate_of_callers_is_asked_for_by_newer_versions_only(tmp_path: Path) -> None:
    file = tmp_path / "certificate"
    certificate(file, "both")
    credentials = Credentials(file, file, file)
    credentials.load()

    context = credentials.context()

    assert (context.minimum_version.name, context.verify_mode.name) == ("TLSv1_2", "CERT_REQUIRED")
