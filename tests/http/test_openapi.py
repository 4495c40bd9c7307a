"""The OpenAPI document: valid, complete, and true of what is asked and answered."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it has no types
from openapi_spec_validator import OpenAPIV31SpecValidator

from sidecar.config.settings import Settings
from sidecar.http import Standard, create_app
from sidecar.http.endpoints import ENDPOINTS, Endpoint
from sidecar.http.openapi import document
from sidecar.reload import Places, Reloading

Document = dict[str, Any]

ANA = {"type": "user", "id": "ana"}
ACME = {"type": "account", "id": "acme"}
SHORT = {"subject": "user:ana", "action": "numbers.edit", "resource": "account:acme"}
LONG = {"subject": ANA, "action": {"name": "numbers.edit"}, "resource": ACME}
REMOVE = {
    "subject": ANA,
    "action": {"name": "remove"},
    "resource": {"type": "membership", "id": "acme/bob"},
}


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    settings = Settings()
    reloading = Reloading(Places(settings.policies, settings.fixtures, settings.mount()))
    reloading.load()
    moment = datetime(2026, 12, 1, 12, tzinfo=UTC)
    standard = Standard(public_url="https://pdp.example.com")
    return create_app(reloading, lambda: moment, standard=standard).test_client()


@pytest.fixture(scope="module")
def told(client: FlaskClient) -> Document:
    found: Document = client.get("/openapi.json").get_json()
    return found


def schema(told: Document, path: str, status: int = 200) -> Document:
    """Return the schema of an answer, with all that it refers to."""
    (operation,) = told["paths"][path].values()
    response = operation["responses"][str(status)]
    if "$ref" in response:
        response = told["components"]["responses"][response["$ref"].rpartition("/")[2]]
    return {**response["content"]["application/json"]["schema"], "components": told["components"]}


def question_schema(told: Document, path: str) -> Document:
    content = told["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    return {**content["schema"], "components": told["components"]}


def faults(schema: Document, value: object) -> list[str]:
    return [error.message for error in Draft202012Validator(schema).iter_errors(value)]


def closed(part: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a schema that refuses members which it does not declare."""
    if isinstance(part, list):
        return [closed(each) for each in part]
    if not isinstance(part, dict):
        return part
    made = {name: closed(each) for name, each in part.items()}
    if part.get("type") == "object" and "properties" in part:
        made.setdefault("additionalProperties", False)
    return made


def test_the_document_is_valid(told: Document) -> None:
    assert list(OpenAPIV31SpecValidator(told).iter_errors()) == []
    assert told["openapi"].startswith("3.1.")


def test_each_schema_is_one(told: Document) -> None:
    for each in told["components"]["schemas"].values():
        Draft202012Validator.check_schema({**each, "components": told["components"]})


def test_every_path_is_documented_and_nothing_else(client: FlaskClient, told: Document) -> None:
    served = {
        (rule.rule, method.lower())
        for rule in client.application.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }

    assert {(path, method) for path, item in told["paths"].items() for method in item} == served


def test_every_reference_leads_somewhere_and_every_schema_is_used(told: Document) -> None:
    referred = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(told)))

    assert referred == set(told["components"]["schemas"])


def test_a_public_url_with_a_path_is_where_the_metadata_are() -> None:
    made = document("https://pdp.example.com/base")

    assert "/.well-known/authzen-configuration/base" in made["paths"]
    assert made["servers"] == [{"url": "https://pdp.example.com/base"}]


ASKED = [endpoint for endpoint in ENDPOINTS if endpoint.questions]


@pytest.mark.parametrize("endpoint", ASKED, ids=lambda endpoint: endpoint.name)
def test_each_example_is_a_question_as_documented_and_is_answered_as_documented(
    client: FlaskClient, told: Document, endpoint: Endpoint
) -> None:
    assert endpoint.examples
    for name, example in endpoint.examples.items():
        response = client.post(endpoint.path, json=example)

        assert faults(question_schema(told, endpoint.path), example) == [], name
        assert response.status_code == 200, name
        assert faults(schema(told, endpoint.path), response.get_json()) == [], name


QUESTIONS: list[tuple[str, Document]] = [
    ("/v1/authorize", {**SHORT, "explain": True}),
    ("/v1/authorize", {**SHORT, "action": "remove", "resource": "membership:acme/bob"}),
    ("/v1/authorize", {**SHORT, "subject": "user:mallory", "explain": True, "max_age": 0}),
    ("/v1/authorize", {**SHORT, "requests": [{}, 7, {"subject": "x"}, {"explain": True}]}),
    ("/v1/permissions", {"subject": "user:ana", "resource": "account:acme"}),
    ("/v1/permissions", {"subject": "user:ana", "resource": "account:acme", "max_age": 9000}),
    ("/v1/permissions", {"subject": ANA, "resources": ["account:acme", ACME]}),
    ("/access/v1/evaluation", REMOVE),
    ("/access/v1/evaluation", {**LONG, "subject": {"type": "user", "id": "mallory"}}),
    ("/access/v1/evaluations", REMOVE),
    ("/access/v1/evaluations", {**LONG, "evaluations": [{}, 7, {"subject": "x"}]}),
    ("/access/v1/search/subject", {**LONG, "subject": {"type": "user"}}),
    ("/access/v1/search/subject", {**LONG, "subject": {"type": "user"}, "page": {"limit": 1}}),
    ("/access/v1/search/resource", {**LONG, "resource": {"type": "account"}, "page": {}}),
    ("/access/v1/search/action", {"subject": ANA, "resource": ACME, "page": {"limit": 1}}),
]  # fmt: skip


@pytest.mark.parametrize(("path", "said"), QUESTIONS)
def test_an_answer_has_the_members_that_are_documented_and_no_others(
    client: FlaskClient, told: Document, path: str, said: Document
) -> None:
    response = client.post(path, json=said)

    assert response.status_code == 200, response.text
    assert faults(closed(schema(told, path)), response.get_json()) == []


@pytest.mark.parametrize(
    "path", [each.path for each in ENDPOINTS if not (each.questions or each.fields)]
)
def test_what_is_told_without_a_question_is_as_documented(
    client: FlaskClient, told: Document, path: str
) -> None:
    response = client.get(path)

    assert response.status_code == 200
    assert faults(closed(schema(told, path)), response.get_json()) == []


@pytest.mark.parametrize("path", [each.path for each in ASKED])
@pytest.mark.parametrize("said", [{}, [], 7, {"subject": 7}])
def test_what_is_malformed_is_so_by_the_document_and_is_refused_as_documented(
    client: FlaskClient, told: Document, path: str, said: object
) -> None:
    response = client.post(path, json=said)

    assert response.status_code == 400
    assert faults(question_schema(told, path), said) != []
    assert faults(closed(schema(told, path, 400)), response.get_json()) == []


@pytest.mark.parametrize("endpoint", ASKED, ids=lambda endpoint: endpoint.name)
def test_examples_are_read_by_the_types_that_are_enforced(endpoint: Endpoint) -> None:
    for example in endpoint.examples.values():
        read = [kind for kind in endpoint.questions if _reads(example, kind)]

        assert read != []


def _reads(example: object, kind: Any) -> bool:  # noqa: ANN401 - a type
    try:
        msgspec.convert(example, kind)
    except msgspec.ValidationError:
        return False
    return True


def test_examples_of_errors_are_as_documented(told: Document) -> None:
    for response in told["components"]["responses"].values():
        content = response["content"]["application/json"]

        assert (
            faults({**content["schema"], "components": told["components"]}, content["example"])
            == []
        )
