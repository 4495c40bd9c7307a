"""A service behind real proxies does what the subject may have it do, whatever a client sends."""

from __future__ import annotations

import json

import pytest

from tests.system.gateways import attacks
from tests.system.gateways.client import Fields, request, send
from tests.system.gateways.gateway import Gateway
from tests.system.gateways.oracle import PERMITTED, SUBJECTS, faults, may
from tests.system.gateways.smuggling import framings, upgrades
from tests.system.gateways.targets import TARGETS


def test_every_route_is_open_to_those_who_may_use_it_and_to_nobody_else(gateway: Gateway) -> None:
    for method, path in PERMITTED:
        for subject in SUBJECTS:
            gateway.service.taken()

            answer = gateway.ask(subject, method, path)

            permitted = may(subject, method, path)
            assert answer.status == (200 if permitted else 403), (subject, method, path, answer)
            received = gateway.service.taken()
            assert len(received) == permitted
            assert [fault for one in received for fault in faults(one, subject)] == []
            if gateway.mode == "header":  # the password is for the proxy alone
                assert [one.values(b"authorization") for one in received] == [[]] * permitted


@pytest.mark.parametrize("query", attacks.CLEAN)
def test_query_reaches_the_service_as_it_was_sent(gateway: Gateway, query: bytes) -> None:
    gateway.service.taken()

    answer = gateway.ask("cy", b"GET", b"/projects/alpha" + query)

    (received,) = gateway.service.taken()
    assert (answer.status, received.line) == (200, b"GET /projects/alpha%s HTTP/1.1" % query)


@pytest.mark.parametrize(
    "field",
    [
        (b"Content-Encoding", b"gzip"),
        (b"Expect", b"100-continue"),
        (b"Range", b"bytes=0-1"),
        (b"If-None-Match", b"*"),
        (b"TE", b"trailers"),
        (b"X-Request-ID", b"a-b"),
        (b"traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        (b"Cookie", b"a=%22b%22; c=d"),
    ],
    ids=lambda field: field[0].decode(),
)
def test_usual_header_prevents_nothing(gateway: Gateway, field: tuple[bytes, bytes]) -> None:
    fields = [*gateway.credentials("bob"), field]
    gateway.service.taken()

    answer = send(gateway.port, request(b"PUT", b"/projects/alpha", fields, b"hello"))

    assert answer.statuses[-1] == 200
    (received,) = gateway.service.taken()
    assert (received.body, list(faults(received, "bob"))) == (b"hello", [])


@pytest.mark.parametrize("subject", ["bob", "cy"])
@pytest.mark.parametrize("body", [b"hello", b"a" * 100_000], ids=["short", "long"])
@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_body_reaches_the_service_whole_or_not_at_all(
    gateway: Gateway, subject: str, body: bytes, framing: str
) -> None:
    own = gateway.credentials(subject)
    gateway.service.taken()

    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    in_chunks = [*own, (b"Transfer-Encoding", b"chunked")]
    sent = {
        "length": request(b"PUT", b"/projects/alpha", own, body),
        "chunks": request(b"PUT", b"/projects/alpha", in_chunks) + chunked,
    }
    answer = send(gateway.port, sent[framing])

    came = [(one.line, one.body) for one in gateway.service.taken()]
    is_permitted = may(subject, b"PUT", b"/projects/alpha")
    assert came == [(b"PUT /projects/alpha HTTP/1.1", body)] * is_permitted
    assert answer.status == (200 if is_permitted else 403)


@pytest.mark.parametrize("method", [b"GET", b"DELETE"])
def test_no_path_trick_reaches_what_the_subject_may_not_use(
    gateway: Gateway, method: bytes
) -> None:
    own = gateway.credentials("bob")

    found = gateway.faults_of("bob", *(request(method, path, own) for path in TARGETS))

    assert found == []


def test_no_method_trick_reaches_what_the_subject_may_not_use(gateway: Gateway) -> None:
    own, path = gateway.credentials("bob"), b"/projects/alpha"

    found = gateway.faults_of("bob", *(request(method, path, own) for method in attacks.METHODS))

    assert found == []


@pytest.mark.parametrize("method", [b"GET", b"DELETE"], ids=["permitted", "denied"])
def test_no_forged_header_reaches_the_service_or_the_decision(
    gateway: Gateway, method: bytes
) -> None:
    own = gateway.credentials("bob")

    found = gateway.faults_of(
        "bob",
        *(request(method, b"/projects/alpha", [*own, forged]) for forged in attacks.FORGED),
        request(method, b"/projects/alpha", [*own, *attacks.FORGED]),
    )

    assert found == []


def test_no_spelling_of_a_forged_header_reaches_the_service(gateway: Gateway) -> None:
    own = gateway.credentials("bob")

    found = gateway.faults_of(
        "bob",
        *(
            attacks.with_lines(b"GET", b"/projects/alpha", own, attacks.spelled(spelling, *forged))
            for spelling in attacks.SPELLINGS
            for forged in attacks.FORGED
        ),
    )

    assert found == []


def test_nobody_gets_in_without_credentials(gateway: Gateway) -> None:
    forgeries: list[Fields] = [[], *([forged] for forged in attacks.FORGED), attacks.FORGED]

    gateway.service.taken()
    for forged in forgeries:
        answer = send(gateway.port, request(b"GET", b"/projects/alpha", forged))

        assert answer.status == 401
        assert answer.field("WWW-Authenticate")

    assert gateway.service.taken() == []


def test_no_second_request_hides_in_another(gateway: Gateway) -> None:
    found = []
    for sent in framings(gateway.credentials("bob")):
        found += gateway.faults_after("bob", sent)

    assert found == []


def test_no_tunnel_is_opened(gateway: Gateway) -> None:
    found = []
    for sent in upgrades(gateway.credentials("bob")):
        found += gateway.faults_after("bob", sent)

    assert found == []


def test_every_request_of_a_connection_is_authorized(gateway: Gateway) -> None:
    mine, theirs = gateway.credentials("bob"), gateway.credentials("cy")
    keep: Fields = [(b"Connection", b"keep-alive")]
    sent = b"".join(
        [
            request(b"GET", b"/projects/alpha?1", [*mine, *keep]),
            request(b"DELETE", b"/projects/alpha?2", [*mine, *keep]),
            request(b"GET", b"/projects/beta?3", [*mine, *keep]),
            request(b"GET", b"/projects/beta?4", [*theirs, *keep]),
            request(b"GET", b"/projects/alpha?5", [*mine, *keep]),
            request(b"GET", b"/projects/alpha?6", []),
        ]
    )

    gateway.service.taken()
    answer = send(gateway.port, sent)

    assert answer.statuses == [200, 403, 403, 200, 200, 401]
    targets = [one.line.split(b" ")[1] for one in gateway.service.taken()]
    assert targets == [b"/projects/alpha?1", b"/projects/beta?4", b"/projects/alpha?5"]


def test_denial_reaches_the_client_as_far_as_the_proxy_passes_it(gateway: Gateway) -> None:
    answer = gateway.ask("bob", b"DELETE", b"/projects/alpha")

    assert answer.status == 403
    if gateway.proxy.passes_body:
        assert answer.field("Content-Type") == "application/json"
        assert [reason["code"] for reason in json.loads(answer.body)["reasons"]] == ["not_granted"]
    else:
        assert b"403 Forbidden" in answer.body


def test_client_that_is_not_known_learns_how_to_authenticate(gateway: Gateway) -> None:
    answer = send(gateway.port, request(b"GET", b"/projects/alpha", []))

    scheme = "Basic" if gateway.mode == "header" else "Bearer"
    assert (answer.status, answer.field("WWW-Authenticate").split()[0]) == (401, scheme)
