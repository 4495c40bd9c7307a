"""What a proxy is answered is what the policy says of the route, and the log tells of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from sidecar.decision_log import DecisionLog, Hashing, LineFile, OnFailure
from sidecar.decision_log.reader import DecisionLine, GatewayLine, read_line
from sidecar.engine.policy import Policy
from sidecar.facts import read_directory
from sidecar.http import RequestHead, Response, Service, create_app, service_of
from sidecar.http.jwt import JwtVerifier
from sidecar.http.key_set import KeySet
from sidecar.reload import Pair
from tests.edge import Still
from tests.small_pack import compiled_pack, put_pack

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

SCHEMA = """\
types:
  user:
    subject: true
    table: users
    key: id
    attributes: {id: string, clerk: {type: boolean, default: false}}
  doc:
    key: id
    attributes:
      id: string
      owner: {type: user, caller: true}
    actions: {view: {}, edit: {}, burn: {}}
context:
  inner: {type: boolean, default: false}
"""
RULES = """\
allow(user: User, _: Action{name: "view"}, doc: Doc) if doc.owner = user;
allow(user: User, _: Action{name: "edit"}, _: Doc) if user.clerk = true and context.inner = true;
allow(_: User, _: Action{name: "burn"}, _: Doc);
oblige(_: User, _: Action{name: "burn"}, _: Doc, "log_twice");
oblige(user: User, _: Action{name: "burn"}, _: Doc, "confirm") if user.clerk = true;
"""
REASONS = "obligations: {log_twice: Log it twice., confirm: Confirm it.}\n"
ROUTES = """\
subject: {type: user, header: x-user-id}
routes:
  GET /docs/{owner}/{doc}:
    action: view
    resource: {type: doc, id: "{doc}", properties: {owner: "{owner}"}}
  PUT /docs/{doc}: {action: edit, resource: "doc:{doc}", context: {inner: true}}
  PATCH /docs/{doc}: {action: edit, resource: "doc:{doc}"}
  DELETE /docs/{doc}: {action: burn, resource: "doc:{doc}"}
  DELETE /logged/{doc}: {action: burn, resource: "doc:{doc}", pass_on: [log_twice]}
  DELETE /both/{doc}: {action: burn, resource: "doc:{doc}", pass_on: [confirm, log_twice]}
  GET /signed/{owner}:
    action: view
    resource: {type: doc, id: x, properties: {owner: "{owner}"}}
    subject: {type: user, jwt: {issuer: "https://issuer.test", audience: api}}
"""
USERS = [{"id": "ana"}, {"id": "bob", "clerk": True}, {"id": "j\u00fcrg, 100%"}]


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    """Return the policy as a server of its bundle has it."""
    directory = tmp_path_factory.mktemp("pack")
    places = put_pack(directory, RULES, SCHEMA, reasons=REASONS)
    (places[1] / "routes.yaml").write_text(ROUTES)
    return compiled_pack(*places)


@dataclass
class Gateway:
    """A service, and the lines of its log."""

    still: Still
    service: Service
    file: Path

    def ask(self, method: str, target: str, **fields: str) -> Response:
        told = {"x-original-method": method, "x-original-uri": target, **fields}
        head = {name.replace("_", "-").encode(): value.encode() for name, value in told.items()}
        return self.service.answer("/v1/gateway/nginx", RequestHead(head), b"")

    def lines(self) -> list[bytes]:
        lines = self.file.read_bytes().splitlines()
        return [line for line in lines if json.loads(line)["kind"] in {"decision", "gateway"}]


KEY = ECKey.generate_key("P-256", {"kid": "one"})


def token(subject: str, **claims: object) -> str:
    """Return the header of a client."""
    expires = int((NOW + timedelta(minutes=5)).timestamp())
    said = {"iss": "https://issuer.test", "aud": "api", "sub": subject, "exp": expires, **claims}
    return f"Bearer {jwt.encode({'alg': 'ES256', 'kid': 'one'}, said, KEY)}"


@pytest.fixture
def gateway(policy: Policy, tmp_path: Path) -> Gateway:
    mount, keys = tmp_path / "mount", tmp_path / "jwks.json"
    mount.mkdir()
    (mount / "users.yaml").write_text(json.dumps(USERS))
    keys.write_text(json.dumps({"keys": [KEY.as_dict(private=False)]}))
    key_set = KeySet(keys)
    key_set.load()
    still = Still(Pair(policy, read_directory(policy.schema, mount)))
    log = DecisionLog(LineFile(str(tmp_path / "log")), Hashing.for_this_start(), OnFailure.REFUSE)
    app = create_app(still, lambda: NOW, log=log, tokens=JwtVerifier(key_set))
    return Gateway(still, service_of(app), tmp_path / "log")


def reasons(response: Response) -> list[str]:
    return [reason["code"] for reason in json.loads(response.body)["reasons"]]


@pytest.mark.parametrize(
    ("method", "target", "subject", "status", "codes"),
    [
        ("GET", "/docs/ana/x", "ana", 200, []),
        ("GET", "/docs/ana/x", "bob", 403, ["not_granted"]),
        ("GET", "/docs/ana/x", "eve", 403, ["unknown_subject"]),
        ("GET", "/docs/ANA/x", "ana", 403, ["not_granted"]),
        ("PUT", "/docs/x", "bob", 200, []),
        ("PATCH", "/docs/x", "bob", 403, ["not_granted"]),
        ("PUT", "/docs/x", "ana", 403, ["not_granted"]),
        ("POST", "/docs/x", "bob", 403, ["no_route"]),
        ("put", "/docs/x", "bob", 403, ["no_route"]),
        ("PUT", "/docs/x/", "bob", 403, ["no_route"]),
        ("PUT", "/docs/..", "bob", 403, ["ambiguous_path"]),
    ],
)
def test_a_proxy_is_answered_as_the_policy_decides_of_the_route(
    gateway: Gateway, method: str, target: str, subject: str, status: int, codes: list[str]
) -> None:
    for _ in range(2):  # the second answer may be one that was kept
        response = gateway.ask(method, target, x_user_id=subject)

        assert (response.status, reasons(response)) == (status, codes)
        assert json.loads(response.body)["decision"] is (status == 200)


@pytest.mark.parametrize(
    ("target", "subject", "status", "passed_on"),
    [
        ("/docs/x", "ana", 403, None),
        ("/logged/x", "ana", 200, "log_twice"),
        ("/logged/x", "bob", 403, None),
        ("/both/x", "ana", 200, "log_twice"),
        ("/both/x", "bob", 200, "log_twice,confirm"),
    ],
)
def test_an_allow_with_an_obligation_that_nobody_sees_to_is_a_denial(
    gateway: Gateway, target: str, subject: str, status: int, passed_on: str | None
) -> None:
    for _ in range(2):
        response = gateway.ask("DELETE", target, x_user_id=subject)
        fields = dict(response.headers)

        assert (response.status, fields.get("X-Auth-Obligations")) == (status, passed_on)
        assert reasons(response) == ([] if status == 200 else ["unmet_obligation"])


@pytest.mark.parametrize(
    ("subject", "shown"),
    [("ana", "ana"), ("j\u00fcrg, 100%", "j%C3%BCrg%2C%20100%25")],
)
def test_the_id_of_the_subject_is_told_in_plain_ascii(
    gateway: Gateway, subject: str, shown: str
) -> None:
    response = gateway.ask("DELETE", "/logged/x", x_user_id=subject)

    assert dict(response.headers)["X-Auth-Subject"] == shown


def test_an_answer_is_kept_for_its_route_its_path_and_its_subject_alone(gateway: Gateway) -> None:
    asked = [
        (method, target, subject)
        for method, target in (("GET", "/docs/ana/x"), ("GET", "/docs/bob/x"), ("PUT", "/docs/x"))
        for subject in ("ana", "bob")
    ]

    statuses = [
        [gateway.ask(method, target, x_user_id=who).status for method, target, who in order]
        for order in (asked, asked[::-1], asked)
    ]

    assert statuses[0] == statuses[1][::-1] == statuses[2] == [200, 403, 403, 200, 403, 200]


def test_what_changes_is_seen_at_once(
    gateway: Gateway, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = gateway.ask("PUT", "/docs/x", x_user_id="bob").status

    (tmp_path / "mount" / "users.yaml").write_text(json.dumps([{"id": "bob"}]))
    policy = gateway.still.pair.policy
    gateway.still.pair = Pair(policy, read_directory(policy.schema, tmp_path / "mount"))
    after = gateway.ask("PUT", "/docs/x", x_user_id="bob").status
    lacking = replace(policy, routes=None, revision="0123456789abcdef")
    gateway.still.pair = Pair(lacking, gateway.still.pair.snapshot)
    without = [gateway.ask("PUT", "/docs/x", x_user_id="bob") for _ in range(2)][1]

    assert (before, after, without.status) == (200, 403, 404)
    assert b"routes.yaml" in without.body
    (warning,) = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert "policy 0123456789abcdef has no routes; write a `routes.yaml`" in warning


# --- tokens -------------------------------------------------------------------------------------


def test_a_token_identifies_the_subject_and_a_header_does_not(gateway: Gateway) -> None:
    allowed = gateway.ask("GET", "/signed/ana", authorization=token("ana"))
    again = gateway.ask("GET", "/signed/ana", authorization=token("ana"))
    other = gateway.ask("GET", "/signed/ana", authorization=token("bob"), x_user_id="ana")
    by_header = gateway.ask("GET", "/signed/ana", x_user_id="ana")
    by_token = gateway.ask("GET", "/docs/ana/x", authorization=token("ana"))

    statuses = [each.status for each in (allowed, again, other, by_header, by_token)]
    assert statuses == [200, 200, 403, 401, 401]
    assert dict(allowed.headers)["X-Auth-Subject"] == "ana"


@pytest.mark.parametrize(
    ("authorization", "challenge"),
    [
        (None, 'Bearer realm="gateway"'),
        ("Basic YTpi", 'Bearer realm="gateway"'),
        ("Bearer", 'Bearer realm="gateway"'),
        ("Bearer x.y.z", 'Bearer realm="gateway", error="invalid_token"'),
        (token("ana", exp=1), 'Bearer realm="gateway", error="invalid_token"'),
        (token("ana", aud="other"), 'Bearer realm="gateway", error="invalid_token"'),
        (f"{token('ana')},{token('bob')}", 'Bearer realm="gateway", error="invalid_token"'),
    ],
    ids=map(str, count()),
)
def test_who_shows_no_valid_token_is_told_how_to(
    gateway: Gateway, authorization: str | None, challenge: str
) -> None:
    fields = {} if authorization is None else {"authorization": authorization}

    response = gateway.ask("GET", "/signed/ana", **fields)

    assert (response.status, reasons(response)) == (401, ["not_identified"])
    assert dict(response.headers)["WWW-Authenticate"] == challenge


def test_an_unknown_token_is_verified_in_a_thread_and_a_known_one_at_once(
    gateway: Gateway,
) -> None:
    head = RequestHead(
        {
            b"x-original-method": b"GET",
            b"x-original-uri": b"/signed/ana",
            b"authorization": token("ana").encode(),
        }
    )

    before = gateway.service.answer_now("/v1/gateway/nginx", head, b"", NOW)
    verified = gateway.service.answer("/v1/gateway/nginx", head, b"")
    after = gateway.service.answer_now("/v1/gateway/nginx", head, b"", NOW)

    assert before is None
    assert verified.status == 200
    assert after is not None
    assert after.status == 200


def test_without_keys_no_token_is_valid_and_the_operator_is_told(gateway: Gateway) -> None:
    app = create_app(gateway.still, lambda: NOW)
    fields = {"X-Original-Method": "GET", "X-Original-URI": "/signed/ana"}

    refused = app.test_client().get(
        "/v1/gateway/nginx", headers={**fields, "Authorization": token("ana")}
    )
    ready = app.test_client().get("/readyz")

    assert refused.status_code == 401
    assert "give `--jwks FILE`" in ready.text


# --- the log ------------------------------------------------------------------------------------


def test_the_line_of_a_decision_says_by_which_route_it_was_asked_for(gateway: Gateway) -> None:
    allowed = gateway.ask("GET", "/docs/ana/secret?token=hidden", x_user_id="ana", x_request_id="r")
    gateway.ask("GET", "/docs/ana/secret?token=hidden", x_user_id="ana", x_request_id="r")
    gateway.ask("DELETE", "/docs/x", x_user_id="ana")

    first, second, third = gateway.lines()
    line = json.loads(first)
    route = {"dialect": "nginx", "method": "GET", "route": "/docs/{owner}/{doc}", "status": 200}
    assert line["gateway"] == json.loads(second)["gateway"] == route
    assert line["decision_id"] == json.loads(allowed.body)["decision_id"]
    assert (line["request_id"], line["action"], line["decision"]) == ("r", {"name": "view"}, True)
    assert b"hidden" not in first + second
    assert isinstance(read_line(first), DecisionLine)
    # The policy allowed it, and the proxy was told that it must not let it through.
    assert (json.loads(third)["decision"], json.loads(third)["gateway"]["status"]) == (True, 403)


@pytest.mark.parametrize(
    ("method", "target", "fields", "told"),
    [
        ("GET", "/hidden?x=y", {"x_user_id": "ana"}, ("no_route", "GET", None, 403)),
        ("HIDDEN", "/docs/x", {"x_user_id": "ana"}, ("no_route", None, None, 403)),
        ("PUT", "/docs/hidden%2F", {"x_user_id": "ana"}, ("ambiguous_path", "PUT", None, 403)),
        ("PUT", "/docs/hidden", {}, ("not_identified", "PUT", "/docs/{doc}", 401)),
        ("PUT", "/docs/hidden", {"x_auth_subject": "a"}, ("gateway_headers", None, None, 403)),
    ],
)
def test_what_is_denied_before_the_policy_is_logged_without_its_path(
    gateway: Gateway,
    method: str,
    target: str,
    fields: dict[str, str],
    told: tuple[str, str | None, str | None, int],
) -> None:
    response = gateway.ask(method, target, **fields)

    (text,) = gateway.lines()
    line = json.loads(text)
    asked = line["gateway"]
    assert isinstance(read_line(text), GatewayLine)
    assert line["decision_id"] == json.loads(response.body)["decision_id"]
    assert (line["decision"], line["reasons"]) == (False, [told[0]])
    assert (asked["method"], asked["route"], asked["status"]) == told[1:]
    assert b"hidden" not in text.lower()
