"""Limits, against the sidecar as it is run: what is too much is refused at once, and alone."""

from __future__ import annotations

import json
import re
import selectors
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from tests.e2e.running import (
    EDIT,
    UNTRACED,
    Sidecar,
    ask,
    chunked,
    copy_pack,
    posted,
    raw,
    serving,
    start,
    until,
)
from tests.patience import PATIENCE, lenient

pytestmark = pytest.mark.e2e

GOOD = json.dumps(EDIT).encode()
NEXT = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
"""What an attacker would have taken for a request of somebody else's."""


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    with serving(copy_pack(tmp_path_factory.mktemp("limits"))) as running:
        yield running


def kept(said: bytes) -> bytes:
    """Leave the connection open, as far as the caller is concerned."""
    return said.replace(b"Connection: close\r\n", b"", 1)


def tell(what: str, took: list[float]) -> None:
    """Print figures, which `pytest -rP` shows."""
    took = sorted(took)
    middle, most = took[len(took) // 2], took[-1]
    print(f"{what} {middle:.1f} ms, {most:.1f} at most ({len(took)} times)")  # noqa: T201


def answers(told: bytes | bytearray) -> int:
    return len(re.findall(rb"HTTP/1\.1 \d", told))


def read_all(clients: Mapping[socket.socket, int]) -> dict[socket.socket, tuple[bytes, int]]:
    """Read so many answers of each, whichever come first, and how many of all had come by then."""
    told = {client: bytearray() for client in clients}
    ended: dict[socket.socket, tuple[bytes, int]] = {}
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client, selectors.EVENT_READ, client)
        while len(ended) < len(clients):
            ready = selector.select(PATIENCE)
            assert ready, "nothing comes any more"
            for client in (key.data for key, _ in ready):
                chunk = client.recv(65536)
                told[client] += chunk
                if not chunk or (chunk[-1:] == b"}" and answers(told[client]) == clients[client]):
                    ended[client] = bytes(told[client]), sum(map(answers, told.values()))
                    selector.unregister(client)
    return ended


# --- where a request ends -----------------------------------------------------------------------

LINE = b"POST /v1/authorize HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"

SMUGGLED = {
    "a length and pieces": LINE
    + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "pieces and a length": LINE
    + b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n",
    "two lengths": LINE + b"Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}",
    "the same length twice": LINE + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "two lengths in one": LINE + b"Content-Length: 2, 2\r\n\r\n{}",
    "a signed length": LINE + b"Content-Length: +2\r\n\r\n{}",
    "a length in words": LINE + b"Content-Length: 0x2\r\n\r\n{}",
    "a folded field": LINE + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "another folded field": LINE + b"X-A: 1\r\n\tContent-Length: 2\r\n\r\n",
    "a blank before the colon": LINE + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "a blank before the name": LINE + b" Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a coding that hides": LINE + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "pieces twice": LINE + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "no pieces at last": LINE + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "pieces of the past": LINE.replace(b"1.1", b"1.0")
    + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a bare LF": LINE.replace(b"\r\n", b"\n") + b"Content-Length: 2\n\n{}",
    "a hidden LF": LINE + b"X-A: 1\nContent-Length: 2\r\n\r\n{}",
    "a bare CR": LINE + b"X-A: 1\rContent-Length: 2\r\n\r\n{}",
    "a bad size of a piece": LINE + b"Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
    "a piece longer than it says": LINE + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n",
    "a hidden end of a piece": LINE + b"Transfer-Encoding: chunked\r\n\r\n2\n{}\r\n0\r\n\r\n",
    "a length behind the pieces": LINE
    + b"Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 9\r\n\r\n",
    "two hosts": LINE + b"Host: y\r\nContent-Length: 2\r\n\r\n{}",
    "no name of a field": LINE + b": 1\r\nContent-Length: 2\r\n\r\n{}",
    "NUL in a field": LINE + b"X-A: \x00\r\nContent-Length: 2\r\n\r\n{}",
}


@pytest.mark.parametrize("said", SMUGGLED.values(), ids=SMUGGLED)
def test_a_request_whose_end_is_not_clear_is_refused_and_nothing_behind_it_is_read(
    sidecar: Sidecar, said: bytes
) -> None:
    told = raw(sidecar, said + NEXT)

    assert told.startswith(b"HTTP/1.1 400 ")
    assert answers(told) == 1
    assert b"\r\nConnection: close\r\n" in told
    assert json.loads(told.partition(b"\r\n\r\n")[2])["decision"] is False


def test_another_coding_is_refused_as_what_it_is(sidecar: Sidecar) -> None:
    told = raw(sidecar, LINE + b"Transfer-Encoding: zstd\r\n\r\n" + NEXT)

    assert told.startswith(b"HTTP/1.1 501 ")
    assert answers(told) == 1


def test_requests_in_one_piece_are_answered_in_their_order(sidecar: Sidecar) -> None:
    many = b"".join(
        kept(posted(GOOD, f"X-Request-ID: {number}"))
        if number % 2
        else kept(
            posted(
                chunked(GOOD), f"X-Request-ID: {number}", "Transfer-Encoding: chunked", length=-1
            )
        )
        for number in range(50)
    )

    told = raw(sidecar, many + NEXT)

    assert re.findall(rb"X-Request-ID: (\d+)", told) == [b"%d" % number for number in range(50)]
    assert told.count(b'"decision":true') == 50
    assert told.endswith(b'{"status":"ok"}')


def test_a_request_that_comes_byte_by_byte_is_answered(sidecar: Sidecar) -> None:
    said = posted(chunked(GOOD), "Transfer-Encoding: chunked", length=-1)
    with socket.create_connection(("127.0.0.1", sidecar.port), timeout=PATIENCE) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in said:
            client.sendall(bytes([byte]))
        told = client.recv(65536)

    assert told.startswith(b"HTTP/1.1 200 ")


def test_a_caller_that_says_no_more_gets_its_answer(sidecar: Sidecar) -> None:
    with socket.create_connection(("127.0.0.1", sidecar.port), timeout=PATIENCE) as client:
        client.sendall(kept(posted(GOOD)))
        client.shutdown(socket.SHUT_WR)
        told = client.recv(65536)

    assert told.startswith(b"HTTP/1.1 200 ")


# --- sizes, refused while others are answered ---------------------------------------------------

MEGABYTE = b" " * 1024 * 1024

TOO_MUCH = {
    "a body of 1 MB": (posted(MEGABYTE), 413),
    "a body of 1 MB in pieces": (
        posted(chunked(MEGABYTE), "Transfer-Encoding: chunked", length=-1),
        413,
    ),
    "a body that is announced": (posted(b"", length=10**12), 413),
    "a body of one byte more": (posted(b" " * 65537), 413),
    "a body in very many pieces": (
        posted(b"1\r\n \r\n" * 5000, "Transfer-Encoding: chunked", length=-1),
        413,
    ),
    "a deep body": (posted(b"[" * 33 + b"]" * 33), 400),
    "a member twice": (posted(GOOD.replace(b"{", b'{"subject":"user:x",', 1)), 400),
    "a long line": (NEXT.replace(b"/healthz", b"/" + b"a" * 5000), 414),
    "a long field": (posted(GOOD, "X-A: " + "a" * 9000), 431),
    "long fields": (posted(GOOD, *[f"X-{number}: {'a' * 4000}" for number in range(5)]), 431),
    "many fields": (posted(GOOD, *[f"X-{number}: a" for number in range(70)]), 431),
    "a large batch": (
        posted(json.dumps({"evaluations": [{}] * 1001}).encode()).replace(
            b"/v1/authorize", b"/access/v1/evaluations"
        ),
        400,
    ),
}


@pytest.fixture(scope="module")
def busy(sidecar: Sidecar) -> Iterator[Sidecar]:
    """A hundred callers that ask all the time."""
    end = threading.Event()
    faults: list[object] = []
    answers = [0] * 100

    def caller(number: int) -> None:
        with closing(sidecar.connect()) as connection:
            while not end.is_set():
                status, told = ask(connection, "/v1/authorize", EDIT)
                answers[number] += 1
                if (status, told["decision"]) != (200, True):
                    faults.append((status, told))
                end.wait(0.2)

    with ThreadPoolExecutor(100) as callers:
        done = [callers.submit(caller, number) for number in range(100)]
        until(lambda: min(answers) > 0)
        yield sidecar
        until(lambda: min(answers) > 5)
        end.set()
    assert [each.exception() for each in done if each.exception()] == []
    assert faults == []


@pytest.mark.parametrize(("said", "status"), TOO_MUCH.values(), ids=TOO_MUCH)
def test_what_is_above_a_limit_is_refused_at_once_while_a_hundred_others_are_answered(
    busy: Sidecar, said: bytes, status: int
) -> None:
    took, told = [], b""
    for _ in range(5):
        begun = time.perf_counter()
        told = raw(busy, said)
        took.append((time.perf_counter() - begun) * 1000)

    tell("refused in", took)
    assert told.startswith(b"HTTP/1.1 %d " % status)
    assert json.loads(told.partition(b"\r\n\r\n")[2])["decision"] is False
    assert sorted(took)[2] < lenient(50)


# --- callers that are slow ----------------------------------------------------------------------


@contextmanager
def dripping(sidecar: Sidecar, callers: int, said: bytes) -> Iterator[list[socket.socket]]:
    """Have so many callers send this, and then a byte now and then, for ever."""
    end = threading.Event()
    with ExitStack() as stack:
        made = [
            stack.enter_context(socket.create_connection(("127.0.0.1", sidecar.port)))
            for _ in range(callers)
        ]
        for each in made:
            each.sendall(said)

        def drip() -> None:
            while not end.wait(0.5):
                for each in made:
                    try:
                        each.send(b"a")
                    except OSError:
                        continue

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            yield made
        finally:
            end.set()
            thread.join()


@pytest.mark.parametrize(
    "said",
    [
        b"POST /v1/auth",
        LINE + b"X-Slow: ",
        LINE + b"Content-Length: 60000\r\n\r\n{",
        LINE + b"Transfer-Encoding: chunked\r\n\r\nfff0\r\n{",
    ],
    ids=["a line", "a head", "a body", "a piece"],
)
def test_two_hundred_slow_callers_keep_nobody_waiting(sidecar: Sidecar, said: bytes) -> None:
    took: list[float] = []
    with dripping(sidecar, 200, said):
        end = time.monotonic() + 2
        while time.monotonic() < end or len(took) < 40:
            begun = time.perf_counter()
            assert sidecar.ask("/v1/authorize", EDIT)[1]["decision"] is True
            took.append((time.perf_counter() - begun) * 1000)

    tell("answered in", took)
    assert max(took) < lenient(200)


def test_a_caller_that_does_not_read_keeps_nobody_waiting(sidecar: Sidecar) -> None:
    """Each asks for answers that no buffer of the kernel holds, and reads none of them."""
    catalog = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 300
    with ExitStack() as deaf:
        for _ in range(20):
            client = socket.socket()
            deaf.enter_context(client)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", sidecar.port))
            client.setblocking(False)  # noqa: FBT003  its own signature
            client.send(catalog)
        time.sleep(1)
        begun = time.perf_counter()
        told = [sidecar.ask("/v1/authorize", EDIT)[0] for _ in range(10)]
        took = time.perf_counter() - begun

    assert told == [200] * 10
    assert took < lenient(1)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Sidecar]:
    limits = ("--transfer-seconds", "1", "--idle-seconds", "1", "--max-connections", "30")
    with serving(copy_pack(tmp_path), *limits, workers=1) as running:
        yield running


def test_a_request_that_does_not_end_in_time_is_refused(small: Sidecar) -> None:
    begun = time.monotonic()

    told = raw(small, LINE)

    assert told.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert 0.9 < time.monotonic() - begun < 1 + lenient(1)


def test_a_connection_without_a_request_is_closed_in_the_end(small: Sidecar) -> None:
    with closing(small.connect()) as connection:
        ask(connection, "/v1/authorize", EDIT)
        assert connection.sock is not None
        begun = time.monotonic()
        said = connection.sock.recv(1)

    assert said == b""
    assert 0.9 < time.monotonic() - begun < 1 + lenient(1)


def test_more_connections_than_there_may_be_cost_the_idle_ones_their_place(small: Sidecar) -> None:
    with ExitStack() as stack:
        idle = [
            stack.enter_context(socket.create_connection(("127.0.0.1", small.port)))
            for _ in range(100)
        ]
        for each in idle:
            each.sendall(b"POST")
        told = [small.ask("/v1/authorize", EDIT)[0] for _ in range(20)]

    assert told == [200] * 20


# --- too many at once ---------------------------------------------------------------------------

SLOW = {**EDIT, "explain": True, "requests": [{}] * 200}
"""An explanation is never cached: it takes its time however often it is asked for."""


def at_once(
    sidecar: Sidecar, callers: int, sent: threading.Event | None = None
) -> list[tuple[int, float, dict[str, str], str]]:
    """Ask for a large batch by so many at once: status, milliseconds, header fields and body."""
    body = json.dumps(SLOW).encode()
    together = threading.Barrier(callers)
    asked = threading.Barrier(callers, None if sent is None else sent.set)

    def caller(_: int) -> tuple[int, float, dict[str, str], str]:
        with closing(sidecar.connect()) as connection:
            connection.connect()
            together.wait()
            begun = time.perf_counter()
            connection.request("POST", "/v1/authorize", body, {"Content-Type": "application/json"})
            if sent is not None:
                asked.wait()
            response = connection.getresponse()
            told = response.read().decode()
            took = (time.perf_counter() - begun) * 1000
            return response.status, took, dict(response.headers), told

    with ThreadPoolExecutor(callers) as pool:
        return list(pool.map(caller, range(callers)))


def test_more_requests_than_may_wait_are_refused_at_once_and_the_others_answered(
    root: Path,
) -> None:
    with serving(root, "--max-waiting", "10", workers=1) as sidecar:
        told = at_once(sidecar, 100)
        log = sidecar.log()
        after = sidecar.ask("/v1/authorize", EDIT)

    answered = [each for each in told if each[0] == 200]
    refused = [each for each in told if each[0] == 503]
    assert len(answered) >= 10
    assert len(refused) >= 10
    assert len(answered) + len(refused) == 100
    assert {headers["Retry-After"] for _, _, headers, _ in refused} == {"1"}
    assert all(json.loads(body)["decision"] is False for _, _, _, body in refused)
    assert "refusing: 10 requests wait already" in log
    assert after[1]["decision"] is True


def test_a_slow_request_too_many_is_refused_in_no_time_and_a_fast_one_is_answered(
    root: Path,
) -> None:
    end = threading.Event()
    body = json.dumps(SLOW).encode()

    with serving(root, "--max-waiting", "10", workers=1) as sidecar:

        def load() -> None:
            with closing(sidecar.connect()) as connection:
                while not end.is_set():
                    ask(connection, "/v1/authorize", body)

        with ThreadPoolExecutor(20) as others:
            done = [others.submit(load) for _ in range(20)]
            until(lambda: "requests wait already" in sidecar.log())
            refused_in, answered_in, fast = [], [], set()
            with closing(sidecar.connect()) as connection:
                for _ in range(30):
                    begun = time.perf_counter()
                    connection.request("GET", "/v1/catalog", headers={"X-Request-ID": "seven"})
                    response = connection.getresponse()
                    response.read()
                    if response.status == 503:
                        # The same connection goes on: nothing is wrong with it.
                        assert response.headers["X-Request-ID"] == "seven"
                        refused_in.append((time.perf_counter() - begun) * 1000)
                    begun = time.perf_counter()
                    fast.add(ask(connection, "/v1/authorize", EDIT)[0])
                    answered_in.append((time.perf_counter() - begun) * 1000)
            end.set()
    tell("refused in", refused_in)
    tell("answered in", answered_in)

    assert [each.exception() for each in done if each.exception()] == []
    assert fast == {200}
    assert len(refused_in) > 10
    assert sorted(refused_in)[len(refused_in) // 2] < lenient(50)
    assert sorted(answered_in)[len(answered_in) // 2] < lenient(50)


def test_whether_it_lives_is_told_while_requests_are_refused(root: Path) -> None:
    with (
        serving(root, "--max-waiting", "1", "--threads", "1", workers=1) as sidecar,
        ThreadPoolExecutor(1) as other,
    ):
        load = other.submit(at_once, sidecar, 50)
        alive = []
        while not load.done():
            with closing(sidecar.connect()) as connection:
                connection.request("GET", "/healthz")
                alive.append(connection.getresponse().status)
        refused = sum(status == 503 for status, _, _, _ in load.result())

    assert refused > 10
    assert set(alive) == {200}


def test_who_has_waited_long_enough_is_told_so_and_the_sidecar_goes_on(root: Path) -> None:
    options = ("--request-seconds", "0.05", "--threads", "1")
    with serving(root, *options, workers=1) as sidecar:
        told = at_once(sidecar, 60)
        until(lambda: sidecar.ask("/v1/authorize", EDIT)[0] == 200)
        log = sidecar.log()

    late = [body for status, _, _, body in told if status == 503]
    assert {status for status, _, _, _ in told} <= {200, 503}
    assert late
    assert all("the answer took too long" in body for body in late)
    assert "Traceback" not in log


MUCH = json.dumps({**EDIT, "requests": [{}] * 250}).encode()
"""It takes its time, but not so much that it is handed to a thread."""


def test_many_that_pipeline_batches_keep_others_waiting_for_a_few_of_each(
    root: Path,
) -> None:
    """All are heard at the same time, those that ask little last, and some have yet to connect.

    It is nobody's fault to have waited.
    """
    pipeline = kept(posted(MUCH)) * 12
    times = ("--idle-seconds", "1", "--transfer-seconds", "1")
    with serving(root, *times, workers=1, variables=UNTRACED) as sidecar, ExitStack() as stack:
        callers = [stack.enter_context(closing(sidecar.connect())) for _ in range(62)]
        for each in callers:
            assert ask(each, "/v1/authorize", EDIT)[0] == 200
        *heavy, light, alive = (each.sock for each in callers)
        address = ("127.0.0.1", sidecar.port)
        with sidecar.standing_still():
            for client in heavy:
                client.sendall(pipeline)
            new = [stack.enter_context(socket.create_connection(address)) for _ in range(30)]
            for client in (light, *new):
                client.sendall(kept(posted(GOOD)))
            alive.sendall(kept(NEXT))
            time.sleep(1.5)  # what each of them may take is over
        few = [light, alive, *new]
        told = read_all(dict.fromkeys(heavy, 12) | dict.fromkeys(few, 1))

    assert {told[each][0].count(b'"decision":true') for each in heavy} == {12 * 250}
    assert {told[each][0].count(b"HTTP/1.1 200 ") for each in few} == {1}
    before = [told[each][1] for each in few]
    assert max(before) < 360, "half of what the others asked was answered before"


def test_fewer_open_files_than_connections_need_are_trouble_at_the_start(root: Path) -> None:
    limited = ("sh", "-c", 'ulimit -n 300; exec "$@"', "sh")
    process = start(root, "--port", "0", "--max-connections", "237", through=limited)

    assert process.wait(PATIENCE) == 2
    assert (root / "log").read_text() == (
        "error: `--max-connections 237` needs 301 open files, and the system allows 300: "
        "raise that limit (`ulimit -n`), or allow fewer connections\n"
    )


def test_told_to_stop_it_answers_whom_it_has_heard_and_waits_for_nobody_else(root: Path) -> None:
    seconds = 60
    options = ("--stop-seconds", str(seconds))
    with serving(root, *options, workers=1) as sidecar, ExitStack() as stack:
        for said in (b"", b"POST", LINE + b"Content-Length: 9\r\n\r\n"):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", sidecar.port)))
            client.sendall(said)
        idle = stack.enter_context(closing(sidecar.connect()))
        ask(idle, "/v1/authorize", EDIT)
        with ThreadPoolExecutor(1) as other:
            sent = threading.Event()
            load = other.submit(at_once, sidecar, 10, sent)
            sent.wait()
            for _ in range(3):  # whoever asked before these are answered has been heard
                with closing(sidecar.connect()) as connection:
                    connection.request("GET", "/healthz")
                    connection.getresponse().read()
            begun = time.monotonic()
            sidecar.process.terminate()
            status = sidecar.process.wait(2 * seconds)
            took = time.monotonic() - begun
            told = load.result()

    assert (status, {each[0] for each in told}) == (0, {200})
    assert took < seconds
