"""The event loop answers as Flask does, and what it answers at once is what a thread would."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.http import Access, RequestHead
from sidecar.http.endpoints import ENDPOINTS
from sidecar.server import service
from tests.server.loopback import Loopback, application, loopback, responses

TOKEN = "0123456789abcdef0123456789abcdef"  # noqa: S105  made up


class One:
    """Knows one token."""

    reading = "the only one"
    problems = ()
    failures = ()

    def holder(self, token: str) -> str | None:
        return "one" if token == TOKEN else None


@pytest.fixture(scope="module")
def ways() -> Iterator[Loopback]:
    """The server, over an application that it also answers by."""
    access = Access(One())
    with loopback(application(access), access) as made:
        yield made


def by_flask(ways: Loopback, sent: bytes) -> bytes:
    """Return the response where no path is answered by the event loop."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service, "endpoint_at", lambda *_: None)
        return ways.exchange(sent)


def comparable(told: bytes) -> tuple[bytes, dict[str, str], object]:
    """Divide an answer into its first line, its fields and its body, ids and times apart."""
    head, _, body = told.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    fields = dict(line.decode("latin-1").lower().split(": ", 1) for line in lines)
    fields.pop("date")
    assert len(fields) == len(lines) - 1
    assert int(fields.pop("content-length", "0")) == len(body)
    known = re.sub(rb'"decision_id":"[0-9a-f]{32}"', b'"decision_id":""', body)
    known = re.sub(rb'"context.now","value":"[^"]*"', b'"context.now"', known)  # in an explanation
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
    st.sampled_from(sorted(each.path for each in ENDPOINTS if each.questions)),
    written(),
    fields,
    st.sampled_from([f"Bearer {TOKEN}", f"bearer  {TOKEN}", "Bearer x", "Basic x", ""]),
)
@settings(deadline=None)  # what takes long is left to a thread, and comes back when there is time
def test_the_event_loop_answers_as_flask_does(
    ways: Loopback, path: str, body: bytes, said: list[str], token: str
) -> None:
    sent = request(path, body, *said, token=token)

    received = ways.exchange(sent)

    assert comparable(received) == comparable(by_flask(ways, sent))


def test_a_client_that_has_the_response_is_told_so_by_both(ways: Loopback) -> None:
    body = b'{"subject":"user:dora","resource":"account:acme"}'
    tag = comparable(ways.exchange(request("/v1/permissions", body, JSON)))[1]["etag"]

    again = request("/v1/permissions", body, JSON, f"If-None-Match: {tag}")
    received = ways.exchange(again)

    assert received.startswith(b"HTTP/1.1 304 NOT MODIFIED\r\n")
    assert comparable(received) == comparable(by_flask(ways, again))


GOOD = b'{"subject":"user:ana","action":"numbers.edit","resource":"account:acme"}'


def test_tokens_are_told_apart_by_every_byte(ways: Loopback) -> None:
    known = request("/v1/authorize", GOOD, JSON)
    unknown = known.replace(TOKEN.encode(), b"1" + TOKEN[1:].encode())

    received = responses(ways.exchange(known + unknown + known))

    assert [status for status, _, _ in received] == [200, 401, 200]


def test_each_request_has_its_own_id_however_many_there_are(ways: Loopback) -> None:
    sent = b"".join(
        request("/v1/authorize", GOOD, JSON, f"X-Request-ID: n{number}") for number in range(500)
    )

    received = responses(ways.exchange(sent))

    assert [fields["x-request-id"] for _, fields, _ in received] == [f"n{n}" for n in range(500)]


def test_an_answer_that_comes_again_is_that_of_its_own_moment(ways: Loopback) -> None:
    question = b'{"subject":"user:gus","action":"numbers.view","resource":"account:acme"}'
    head = RequestHead(
        {b"content-type": b"application/json", b"authorization": f"Bearer {TOKEN}".encode()}
    )
    last = datetime(2027, 6, 30, tzinfo=UTC) - timedelta(microseconds=1)
    moments = [last, last, last + timedelta(microseconds=1), last + timedelta(microseconds=2)]

    told = [
        ways.http.answer_now("/v1/authorize", head, question, moment) for moment in (*moments, last)
    ]

    assert [each and json.loads(each.body)["decision"] for each in told] == [
        *(True, True, False, False),
        True,
    ]


def test_what_is_malformed_in_one_form_is_so_after_it_was_asked_in_the_other(
    ways: Loopback,
) -> None:
    short = b'{"subject":"user:ana","action":"numbers.edit","resource":"account:acme"}'
    long = (
        b'{"subject":{"type":"user","id":"ana"},"action":{"name":"numbers.edit"},'
        b'"resource":{"type":"account","id":"acme"}}'
    )

    # The second has the same answer, and writes it in the form of the standard.
    for path, body in (("/v1/authorize", short), ("/access/v1/evaluation", long)):
        assert b"200 OK" in ways.exchange(request(path, body, JSON))

    for path, body in (
        ("/access/v1/evaluation", short),
        ("/access/v1/evaluations", b'{"evaluations":[' + short + b"]}"),
    ):
        assert b'"decision":true' not in ways.exchange(request(path, body, JSON))
