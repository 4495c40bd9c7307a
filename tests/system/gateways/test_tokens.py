"""A token that the issuer has not signed for this service lets nobody through."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.system.gateways.client import Fields, basic, request, send
from tests.system.gateways.gateway import Gateway
from tests.system.gateways.proxies import PROXIES
from tests.system.gateways.tokens import HEADER, bearer

OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))


def _unsigned(alg: str) -> bytes:
    return bearer(header={**HEADER, "alg": alg}, sub="ana").rpartition(b".")[0] + b"."


def _with_subject(subject: bytes) -> bytes:
    """Return a token whose claims were changed after it was signed."""
    head, claims, signature = bearer(sub="cy").split(b".")
    changed = base64.urlsafe_b64decode(claims + b"==").replace(b'"cy"', b'"%s"' % subject)
    return b".".join([head, base64.urlsafe_b64encode(changed).rstrip(b"="), signature])


FORGERIES: dict[str, Callable[[], list[bytes]]] = {
    "nothing": list,
    "a password": lambda: [basic("ana")],
    "no signature": lambda: [_unsigned("EdDSA")],
    "the algorithm none": lambda: [_unsigned("none")],
    "the algorithm None": lambda: [_unsigned("None")],
    "another algorithm": lambda: [bearer(header={**HEADER, "alg": "HS256"}, sub="ana")],
    "another key": lambda: [bearer(OTHER_KEY, sub="ana")],
    "an unknown key": lambda: [bearer(OTHER_KEY, {**HEADER, "kid": "key-2"}, sub="ana")],
    "changed claims": lambda: [_with_subject(b"ana")],
    "another issuer": lambda: [bearer(sub="ana", iss="https://forged.example")],
    "another audience": lambda: [bearer(sub="ana", aud="others")],
    "an end in the past": lambda: [bearer(sub="ana", exp=1)],
    "no end": lambda: [bearer(sub="ana", exp=None)],
    "a beginning in the future": lambda: [bearer(sub="ana", nbf=4102444800)],
    "no subject": lambda: [bearer()],
    "an empty subject": lambda: [bearer(sub="")],
    "a list of subjects": lambda: [bearer(sub=["ana"])],
    "a subject of two lines": lambda: [bearer(sub="ana\r\nX-Auth-Obligations: -")],
    "two tokens": lambda: [bearer(sub="ana"), bearer(sub="cy")],
    "two tokens in a field": lambda: [bearer(sub="ana") + b", " + bearer(sub="cy")],
    "a token and a password": lambda: [bearer(sub="cy") + b", " + basic("ana")],
}


@pytest.mark.parametrize(
    "gateway", [(proxy, "jwt") for proxy in PROXIES], indirect=True, ids=lambda param: param[0].name
)
@pytest.mark.parametrize("values", FORGERIES.values(), ids=FORGERIES)
def test_forged_token_lets_nobody_through(
    gateway: Gateway, values: Callable[[], list[bytes]]
) -> None:
    fields: Fields = [(b"Authorization", value) for value in values()]
    gateway.service.taken()

    answer = send(gateway.port, request(b"DELETE", b"/projects/alpha", fields))

    assert answer.status in {400, 401}
    assert gateway.service.taken() == []


def test_token_in_a_query_identifies_nobody(gateway: Gateway) -> None:
    gateway.service.taken()
    token = bearer(sub="ana").removeprefix(b"Bearer ")

    target = b"/projects/alpha?access_token=" + token
    answer = send(gateway.port, request(b"GET", target, [(b"Cookie", b"access_token=" + token)]))

    assert answer.status == 401
    assert gateway.service.taken() == []
