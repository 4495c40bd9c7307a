"""What the responses of one worker are counted as."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator

import pytest

from sidecar.config.settings import Settings
from sidecar.http import create_app
from sidecar.http.endpoints import ENDPOINTS, PREFIXES
from sidecar.http.errors import CAUSES
from sidecar.metrics import Counters, Layout, Memory
from sidecar.metrics.collector import Totals
from sidecar.reload import Places, Reloading
from tests.metrics.scraping import Samples, samples_of, total
from tests.server.loopback import LIMITS, Loopback
from tests.server.test_protocol import GOOD, HOST, NEXT, head, posted

DENIED = GOOD.replace(b"ana", b"mallory")
PERMISSIONS = b'{"subject":"user:ana","resource":"account:acme"}'


class Counted(Loopback):
    """A service and the totals of its counts."""

    totals: Totals

    def samples(self) -> Samples:
        return samples_of(self.totals.render("").body.decode())


@pytest.fixture
def server() -> Iterator[Counted]:
    shipped = Settings()
    reloading = Reloading(Places(shipped.policies, shipped.fixtures, shipped.mount()))
    reloading.load()
    memory = Memory(Layout([each.path for each in ENDPOINTS], CAUSES, PREFIXES))
    memory.set_live({0})
    counters = Counters(memory)
    app = create_app(reloading, counters=counters)
    made = Counted(app, counters=counters)
    made.totals = Totals(memory)
    yield made
    made.loop.close()


def batch(*items: bytes) -> bytes:
    return b'{"requests":[%b]}' % b",".join(items)


def test_decisions_are_counted_by_outcome_and_by_what_made_them(server: Counted) -> None:
    server.exchange(posted(GOOD) * 3 + posted(DENIED) * 2 + NEXT)

    found = server.samples()
    assert {key: n for key, n in found.items() if key.startswith("sidecar_decisions_total")} == {
        "sidecar_decisions_total action=numbers.edit decision=allow type=account": 3,
        "sidecar_decisions_total action=numbers.edit decision=deny type=account": 2,
    }
    assert total(found, "sidecar_denial_reasons_total", "reason=not_granted") == 2
    assert found["sidecar_decision_sources_total source=compiled"] == 2
    assert found["sidecar_decision_sources_total source=cache"] == 3
    assert found["sidecar_responses_total code=200 endpoint=/v1/authorize"] == 5
    assert found["sidecar_request_duration_seconds_count endpoint=/v1/authorize"] == 5
    assert found["sidecar_request_duration_seconds_count endpoint=/healthz"] == 1


def test_each_item_of_a_batch_is_counted_as_a_request_of_its_own_would_be(server: Counted) -> None:
    server.exchange(posted(batch(GOOD, DENIED, GOOD, GOOD, b"{}")))
    server.exchange(posted(batch(GOOD, DENIED, GOOD, GOOD, b"{}")))

    found = server.samples()
    assert total(found, "sidecar_decisions_total", "decision=allow") == 6
    assert total(found, "sidecar_decisions_total", "decision=deny") == 2
    assert found["sidecar_decision_sources_total source=cache"] == 4
    assert found["sidecar_decision_sources_total source=compiled"] == 4
    assert found["sidecar_responses_total code=200 endpoint=/v1/authorize"] == 2


def test_items_behind_the_one_that_ends_a_batch_are_not_counted(server: Counted) -> None:
    item = {
        "subject": {"type": "user", "id": "ana"},
        "action": {"name": "numbers.edit"},
        "resource": {"type": "account", "id": "acme"},
    }
    other = {**item, "subject": {"type": "user", "id": "mallory"}}
    semantic = {"evaluations_semantic": "deny_on_first_deny"}
    said = json.dumps({"evaluations": [item, other, item], "options": semantic}).encode()
    sent = posted(said).replace(b"/v1/authorize", b"/access/v1/evaluations")

    server.exchange(sent)
    server.exchange(sent)

    found = server.samples()
    assert total(found, "sidecar_decisions_total", "decision=allow") == 2
    assert total(found, "sidecar_decisions_total", "decision=deny") == 2


def test_requests_at_a_gateway_are_counted_by_its_dialect(server: Counted) -> None:
    paths = ("envoy/accounts/acme", "envoy/accounts/zeta?page=2", "nginx", "unknown")
    for path in paths:
        server.exchange(f"GET /v1/gateway/{path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    found = server.samples()
    seen = {name: n for name, n in found.items() if name.startswith("sidecar_responses_total")}
    assert seen == {
        "sidecar_responses_total code=403 endpoint=/v1/gateway/envoy": 2,
        "sidecar_responses_total code=403 endpoint=/v1/gateway/nginx": 1,
        "sidecar_responses_total code=404 endpoint=other": 1,
    }


def test_lists_of_permissions_are_counted_by_resource(server: Counted) -> None:
    several = b'{"subject":"user:ana","resources":["account:acme","account:oak"]}'
    for body in (PERMISSIONS, PERMISSIONS, several):
        server.exchange(posted(body).replace(b"/v1/authorize", b"/v1/permissions"))

    found = server.samples()
    assert found["sidecar_permission_lists_total source=new"] == 3
    assert found["sidecar_permission_lists_total source=cache"] == 1
    assert total(found, "sidecar_decisions_total") == 0


REFUSED = {
    "no JSON": (posted(b"{"), "/v1/authorize", 400, "invalid_request"),
    "a made-up path": (NEXT.replace(b"healthz", b"nowhere"), "other", 404, "not_found"),
    "a method": (NEXT.replace(b"GET", b"PUT"), "/healthz", 405, "wrong_method"),
    "a body that is too long": (head(b"Content-Length: 9999"), "unread", 413, "long_body"),
    "no HTTP": (b"nonsense\r\n\r\n", "unread", 400, "malformed_http"),
    "a long head": (b"GET /%b HTTP/1.1\r\n" % (b"a" * 5000) + HOST, "unread", 431, "long_head"),
    "many fields": (head(*[b"X-%d: a" % n for n in range(70)]), "unread", 431, "many_fields"),
}


@pytest.mark.parametrize(("sent", "endpoint", "code", "cause"), REFUSED.values(), ids=REFUSED)
def test_a_refused_request_is_counted_by_status_and_cause(
    server: Counted, sent: bytes, endpoint: str, code: int, cause: str
) -> None:
    server.exchange(sent)

    found = server.samples()
    assert found[f"sidecar_responses_total code={code} endpoint={endpoint}"] == 1
    assert {key: n for key, n in found.items() if "rejections" in key and n} == {
        f"sidecar_rejections_total cause={cause}": 1
    }


def test_a_limit_that_nobody_has_hit_is_there_with_0(server: Counted) -> None:
    found = server.samples()

    for cause in CAUSES:
        assert found[f"sidecar_rejections_total cause={cause}"] == 0


def test_connections_are_counted_and_why_they_were_closed(server: Counted) -> None:
    async def run() -> tuple[Samples, Samples]:
        clients = [await server.connect() for _ in range(LIMITS.max_connections)]
        await server.loop.sock_sendall(clients[0], posted(GOOD))
        await server.loop.sock_recv(clients[0], 65536)
        opened = server.samples()
        server.service.connections.make_room()
        server.service.sweep(time.monotonic() + 2 * LIMITS.transfer_seconds)
        while server.service.connections:  # noqa: ASYNC110  they are closed by the event loop
            await asyncio.sleep(0.01)
        for client in clients:
            client.close()
        return opened, server.samples()

    opened, closed = server.loop.run_until_complete(run())

    assert opened["sidecar_connections"] == LIMITS.max_connections
    assert closed["sidecar_connections"] == 0
    assert closed["sidecar_connections_accepted_total"] == LIMITS.max_connections
    assert closed["sidecar_connections_closed_total cause=room"] == 1
    assert closed["sidecar_connections_closed_total cause=idle"] == 1
    assert closed["sidecar_connections_closed_total cause=silent"] == LIMITS.max_connections - 2


def test_the_duration_of_a_request_is_that_until_its_response(server: Counted) -> None:
    slow = posted(PERMISSIONS).replace(b"/v1/authorize", b"/access/v1/search/subject")
    begun = time.monotonic()
    server.exchange(slow)
    lasted = time.monotonic() - begun

    seconds = server.samples()[
        "sidecar_request_duration_seconds_sum endpoint=/access/v1/search/subject"
    ]

    assert 0 < seconds < lasted
