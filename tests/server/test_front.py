"""The front answers as Flask does, and never answers what it has not read exactly."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config  # type: ignore[import-untyped]  # it has no types
from gunicorn.glogging import Logger  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from sidecar.config.settings import Settings
from sidecar.errors import InvalidRequestError
from sidecar.http import PATHS, Access, Limits, create_app, hot
from sidecar.http import fast_decoder as quick
from sidecar.http.authzen_requests import Evaluation
from sidecar.http.fast_decoder import Quickly
from sidecar.http.json_body import convert, parse
from sidecar.reload import Places, Reloading
from sidecar.server.bounds import Bounds
from sidecar.server.connections import Connection
from sidecar.server.exchanges import Exchange
from sidecar.server.front import MOST_HEADS, Front

TOKEN = "0123456789abcdef0123456789abcdef"  # noqa: S105  made up
BOUNDS = Bounds(
    max_head_bytes=4000,
    max_body_bytes=3000,
    max_connections=10,
    max_waiting=10,
    transfer_seconds=1.0,
    request_seconds=1.0,
    idle_seconds=1.0,
)


class One:
    """Knows one token."""

    reading = "the only one"
    problems = ()
    failures = ()

    def holder(self, token: str) -> str | None:
        return "one" if token == TOKEN else None


class Ways:
    """The two ways to an answer, over one application."""

    def __init__(self) -> None:
        shipped = Settings()
        reloading = Reloading(Places(shipped.policies, shipped.fixtures, shipped.mount()))
        reloading.load()
        limits = Limits(max_body_bytes=BOUNDS.max_body_bytes, max_evaluations=20)
        app = create_app(reloading, limits=limits, access=Access(One()))
        self.config = Config()
        self.front = Front(hot(app), self.config, BOUNDS)
        self.closed = Front(hot(app), self.config, BOUNDS)
        self.closed.answers = False
        self._server = SimpleNamespace(
            cfg=self.config, log=Logger(self.config), wsgi=app, alive=True, front=self.closed
        )

    def by_flask(self, said: bytes) -> bytes:
        exchange = Exchange(said, (("127.0.0.1", 1), ("127.0.0.1", 2)), None)
        exchange.run(self._server)
        return bytes(exchange.answer)

    def by_front(self, said: bytes) -> bytes | None:
        """Return None where the front leaves it to Flask."""
        parts = self.front.parts(said)
        if parts is None:
            return None
        answered = self.front.answer(*parts)
        moment = self.front.moment()
        assert moment is not None
        briefly = self.front.answer_here(*parts, moment)
        if briefly is not None:
            assert comparable(self.front.written(briefly, keep=parts[0].keeps)) == comparable(
                self.front.written(answered, keep=parts[0].keeps)
            )
        return self.front.written(answered, keep=parts[0].keeps)


@pytest.fixture(scope="module")
def ways() -> Ways:
    return Ways()


def comparable(told: bytes) -> tuple[bytes, dict[str, str], object]:
    """Divide an answer into its first line, its fields and its body, ids and dates apart."""
    head, _, body = told.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    fields = dict(line.decode("latin-1").lower().split(": ", 1) for line in lines)
    fields.pop("date")
    assert len(fields) == len(lines) - 1
    assert int(fields.pop("content-length", "0")) == len(body)
    known = re.sub(rb'"decision_id":"[0-9a-f]{32}"', b'"decision_id":""', body)
    return first, fields, known


def request(path: str, body: bytes, *fields: str, token: str = f"Bearer {TOKEN}") -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: x",
        *([f"Authorization: {token}"] if token else []),
        *fields,
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


JSON = "Content-Type: application/json"

names = st.sampled_from(["ana", "bob", "dora", "nobody", "a:b", "", "é", "a b", 'q"', "\u2028"])
values = st.one_of(
    st.booleans(), st.none(), names, st.integers(),
    st.floats(allow_nan=False), st.sampled_from([[], {}]),
)  # fmt: skip
members = st.dictionaries(
    st.sampled_from(["account", "email", "role", "via_proxy", "now", "x:y", "é"]),
    values, max_size=3
)  # fmt: skip


def optional(shape: dict[str, Any], **more: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401  strategies
    return st.fixed_dictionaries(shape, optional=more)


subjects = optional({"type": st.just("user"), "id": names}, properties=members)
accounts = optional(
    {"type": st.sampled_from(["account", "invitation", "number", "x"]),
     "id": st.sampled_from(["acme", "acme/bob", "new", "y"])},
    properties=members,
)  # fmt: skip
deeds = optional(
    {"name": st.sampled_from(["numbers.edit", "create", "switch", "x", ""])}, properties=members
)
long = optional(
    {"subject": subjects, "action": deeds, "resource": accounts}, context=members, more=values
)
items = optional({}, subject=subjects, action=deeds, resource=accounts, context=members, x=values)
batches = optional(
    {"evaluations": st.lists(st.one_of(items, values), max_size=22)},
    subject=subjects,
    action=deeds,
    resource=accounts,
    context=members,
    options=optional({}, evaluations_semantic=st.sampled_from(
        ["execute_all", "deny_on_first_deny", "permit_on_first_permit", "x", ""])),
)  # fmt: skip
short = optional(
    {"subject": st.one_of(names.map("user:{}".format), names, subjects),
     "action": st.one_of(st.sampled_from(["numbers.view", "switch", ""]), deeds),
     "resource": st.one_of(st.sampled_from(["account:acme", "account:", "x"]), accounts)},
    context=members,
    max_age=values,
    explain=st.booleans(),
    requests=st.lists(items, max_size=3),
    resources=st.lists(st.just("account:acme"), max_size=3),
)  # fmt: skip
bodies = st.one_of(long, batches, short, values)


@st.composite
def written(draw: st.DrawFn) -> bytes:
    """Write a body in one of many ways, and perhaps spoil it."""
    value = draw(bodies)
    indent = draw(st.sampled_from([None, None, 1, "\t"]))
    separators = draw(st.sampled_from([None, (",", ":")]))
    ascii_only = draw(st.booleans())
    text = json.dumps(value, indent=indent, separators=separators, ensure_ascii=ascii_only)
    said = text.encode()
    spoil = draw(st.sampled_from(["", "", "", "twice", "cut", "byte"]))
    at = draw(st.integers(0, len(said)))
    if spoil == "twice":
        return said.replace(b'"id":', b'"id":"x","id":', 1).replace(
            b'"name"', b'"name":"x","name"', 1
        )
    if spoil == "cut":
        return said[:at]
    return said[:at] + draw(st.binary(max_size=2)) + said[at:] if spoil == "byte" else said


fields = st.lists(
    st.sampled_from(
        [JSON, JSON, JSON, "content-type: Application/JSON; charset=utf-8",
         "Content-Type: text/plain",
         "X-Request-ID: seven", "X-Request-ID: s e", "X-Request-ID: -", 'If-None-Match: "x"',
         "If-None-Match: *", "Connection: close", "Connection: keep-alive", "Accept: */*",
         "Authorization: Bearer x", "X_Request_ID: eight", "x-request-id: nine"]
    ),
    max_size=4,
    unique_by=lambda field: (field, field.lower()) if "pplication" in field else field,
)  # fmt: skip


@given(
    st.sampled_from(sorted(PATHS)),
    written(),
    fields,
    st.sampled_from([f"Bearer {TOKEN}", f"bearer  {TOKEN}", "Bearer x", "Basic x", ""]),
)
def test_the_front_answers_as_flask_does(
    ways: Ways, path: str, body: bytes, said: list[str], token: str
) -> None:
    asked = request(path, body, *said, token=token)

    told = ways.by_front(asked)

    by_flask = ways.by_flask(asked)
    if told is not None:
        assert comparable(told) == comparable(by_flask)
    elif len(body) <= BOUNDS.max_body_bytes:  # then gunicorn has refused the head
        assert b"read in one way only" in by_flask


def test_a_caller_that_has_the_answer_is_told_so_by_both(ways: Ways) -> None:
    body = b'{"subject":"user:dora","resource":"account:acme"}'
    first = ways.by_front(request("/v1/permissions", body, JSON))
    assert first is not None
    tag = comparable(first)[1]["etag"]

    again = request("/v1/permissions", body, JSON, f"If-None-Match: {tag}")
    front, flask = ways.by_front(again), ways.by_flask(again)

    assert front is not None
    assert front.startswith(b"HTTP/1.1 304 NOT MODIFIED\r\n")
    assert comparable(front) == comparable(flask)


GOOD = b'{"subject":"user:ana","action":"numbers.edit","resource":"account:acme"}'
WHOLE = request("/v1/authorize", GOOD, JSON)

NOT_OURS = {
    "another method": WHOLE.replace(b"POST", b"PUT"),
    "another path": WHOLE.replace(b"authorize", b"catalog"),
    "a query": WHOLE.replace(b"authorize", b"authorize?x"),
    "an escaped path": WHOLE.replace(b"authorize", b"authoriz%65"),
    "an older version": WHOLE.replace(b"HTTP/1.1", b"HTTP/1.0"),
    "pieces": WHOLE.replace(b"Content-Length: 72", b"Transfer-Encoding: chunked"),
    "pieces and a length": WHOLE.replace(b"Host: x", b"Host: x\r\nTransfer-Encoding: chunked"),
    "two lengths": WHOLE.replace(b"Host: x", b"Host: x\r\nContent-Length: 72"),
    "a signed length": WHOLE.replace(b"Length: 72", b"Length: +72"),
    "a length with a zero": WHOLE.replace(b"Length: 72", b"Length: 072"),
    "no length": WHOLE.replace(b"Content-Length: 72\r\n", b""),
    "a word that is waited for": WHOLE.replace(b"Host: x", b"Host: x\r\nExpect: 100-continue"),
    "two hosts": WHOLE.replace(b"Host: x", b"Host: x\r\nHost: y"),
    "a folded field": WHOLE.replace(b"Host: x", b"Host: x\r\n y"),
    "a blank before the colon": WHOLE.replace(b"Host:", b"Host :"),
    "a bare LF": WHOLE.replace(b"Host: x\r\n", b"Host: x\n"),
    "a bare CR": WHOLE.replace(b"Host: x\r\n", b"Host: x\ry\r\n"),
    "NUL": WHOLE.replace(b"Host: x", b"Host: x\0"),
    "more than it says": WHOLE + b"x",
    "less than it says": WHOLE[:-1],
    "two requests": WHOLE + WHOLE,
    "a long head": WHOLE.replace(b"Host: x", b"Host: x\r\nX-A: " + b"a" * 4000),
    "a long body": request("/v1/authorize", b" " * 3001, JSON),
    "no end": b"POST /v1/authorize HTTP/1.1\r\nHost: x\r\n",
}  # fmt: skip


@pytest.mark.parametrize("said", NOT_OURS.values(), ids=NOT_OURS)
def test_what_can_be_read_in_another_way_is_left_to_the_worker(ways: Ways, said: bytes) -> None:
    assert ways.front.parts(WHOLE) is not None
    assert ways.front.parts(said) is None
    assert ways.front.parts(said) is None  # nor the second time


def test_heads_are_told_apart_by_every_byte(ways: Ways) -> None:
    known = ways.front.parts(WHOLE)
    unknown = ways.front.parts(WHOLE.replace(TOKEN.encode(), b"1" + TOKEN[1:].encode()))

    assert known is not None
    assert unknown is not None
    assert ways.front.answer(*known).status == 200
    assert ways.front.answer(*unknown).status == 401


def test_each_request_has_its_own_id_however_many_there_are(ways: Ways) -> None:
    for number in range(2 * MOST_HEADS):
        parts = ways.front.parts(request("/v1/authorize", GOOD, JSON, f"X-Request-ID: n{number}"))
        assert parts is not None
        assert parts[0].fields.request_id == f"n{number}"


def test_an_answer_that_comes_again_is_that_of_its_own_moment(ways: Ways) -> None:
    question = b'{"subject":"user:gus","action":"numbers.view","resource":"account:acme"}'
    parts = ways.front.parts(request("/v1/authorize", question, JSON))
    assert parts is not None
    last = datetime(2027, 6, 30, tzinfo=UTC) - timedelta(microseconds=1)
    moments = [last, last, last + timedelta(microseconds=1), last + timedelta(microseconds=2)]

    told = [ways.front.answer_here(*parts, moment) for moment in (*moments, last)]

    assert [each and json.loads(each.body)["decision"] for each in told] == [
        *(True, True, False, False),
        True,
    ]


def test_what_is_malformed_in_one_form_is_so_after_it_was_asked_in_the_other(ways: Ways) -> None:
    short = b'{"subject":"user:ana","action":"numbers.edit","resource":"account:acme"}'
    long = (
        b'{"subject":{"type":"user","id":"ana"},"action":{"name":"numbers.edit"},'
        b'"resource":{"type":"account","id":"acme"}}'
    )

    # The second has the same answer, and writes it in the form of the standard.
    for path, body in (("/v1/authorize", short), ("/access/v1/evaluation", long)):
        assert b"200 OK" in (ways.by_front(request(path, body, JSON)) or b"")

    for path, body in (
        ("/access/v1/evaluation", short),
        ("/access/v1/evaluations", b'{"evaluations":[' + short + b"]}"),
    ):
        told = ways.by_front(request(path, body, JSON))
        assert told is not None
        assert b'"decision":true' not in told


def test_a_connection_does_not_hold_on_to_what_was_sent() -> None:
    ours, theirs = socket.socketpair()
    with closing(ours), closing(theirs):
        connection = Connection(ours, (None, None), BOUNDS)
        answer = bytearray(b"x" * 1000)
        connection.answer(answer, keep=True)

        assert connection.send()
        answer.clear()  # which a view of it, even an empty one, would not let us do


def test_there_is_no_moment_to_answer_at_where_the_front_does_not_answer(ways: Ways) -> None:
    assert ways.front.moment() is not None
    assert ways.closed.moment() is None


# --- bodies that are read in one step -------------------------------------------------------------


def readings() -> Iterator[tuple[bytes, bool]]:
    plain = (
        b'{"subject":{"type":"user","id":"ana"},"action":{"name":"x"},'
        b'"resource":{"type":"a","id":"b"}}'
    )
    yield plain, True
    yield plain.replace(b":", b" : ").replace(b",", b"\r\n,\t"), True
    yield plain.replace(b"ana", b"a: n, a"), True
    yield (
        plain.replace(b'"action"', b'"context":{"a":1,"b":-7,"c":true,"d":null,"e":"x"},"action"'),
        True,
    )
    yield plain.replace(b'"id":"ana"', b'"id":"x","id":"ana"'), False
    yield plain.replace(b'"id":"ana"', b'"id":"ana","id":"ana"'), False
    yield plain.replace(b'"id":"ana"', b'"id":"ana","properties":{"a":1,"a":1}'), False
    yield plain.replace(b'"id":"ana"', b'"id":"ana","other":1'), False
    yield plain.replace(b"ana", b"an\\u0061"), False
    yield plain.replace(b'"id":"ana"', b'"id":"ana","properties":{"a":1.0}'), False
    yield plain.replace(b'"id":"ana"', b'"id":"ana","properties":{"a":-0}'), False
    yield plain.replace(b'"id":"ana"', b'"id":"ana","properties":{"a":[]}'), False
    yield plain.replace(b'"id":"ana"', b'"id":"ana","properties":{"a":9007199254740993}'), False
    yield plain.replace(b"ana", b"an\xff"), False
    yield plain.replace(b"ana", b"an\x01"), False
    yield plain + b"x", False
    yield b"", False


@pytest.mark.parametrize(("body", "read"), list(readings()))
def test_only_what_is_sure_to_be_exact_is_read_in_one_step(body: bytes, *, read: bool) -> None:
    assert (Quickly(quick.Evaluation).read(body) is not None) is read


@given(written())
def test_what_is_read_in_one_step_is_what_strict_reading_finds(body: bytes) -> None:
    found = Quickly(quick.Evaluation).read(body)
    if found is None:
        return
    try:
        expected = convert(parse(body), Evaluation)
    except InvalidRequestError as error:
        raise AssertionError(body) from error

    assert _members(found) == _members(expected)


def _members(question: Any) -> object:  # noqa: ANN401  of either reading
    subject, action, resource = question.subject, question.action, question.resource
    return (
        (subject.type, subject.id, subject.properties or {}),
        (action.name, action.properties or {}),
        (resource.type, resource.id, resource.properties or {}),
        question.context or {},
    )
