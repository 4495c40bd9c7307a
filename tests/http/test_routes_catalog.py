"""The catalog: that forms and documentation find every word of the pack."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sidecar.config.settings import Settings
from sidecar.http import create_app
from sidecar.reload import Places, Reloading


@pytest.fixture(scope="module")
def reloading() -> Reloading:
    settings = Settings()
    made = Reloading(Places(settings.policies, settings.fixtures, settings.mount()))
    made.load()
    return made


@pytest.fixture(scope="module")
def catalog(reloading: Reloading) -> dict[str, Any]:
    app = create_app(reloading, now=lambda: datetime(2026, 12, 1, 12, tzinfo=UTC))
    response = app.test_client().get("/v1/catalog")
    assert response.status_code == 200
    told: dict[str, Any] = response.get_json()
    return told


def named(listed: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    found = {each["name"]: each for each in listed}
    assert len(found) == len(listed)
    return found


def test_a_form_finds_the_roles_with_the_assignable_ones_marked(catalog: dict[str, Any]) -> None:
    roles = named(catalog["enums"])["role"]["values"]

    assert {role["name"]: role["marks"] for role in roles} == {
        "owner": {"assignable": False},
        "admin": {"assignable": True},
        "developer": {"assignable": True},
        "finance_analyst": {"assignable": True},
        "support": {"assignable": True},
    }
    assert all(role["label"] and role["description"] for role in roles)


def test_every_type_is_told_with_its_actions_in_the_order_of_the_schema(
    catalog: dict[str, Any], reloading: Reloading
) -> None:
    schema = reloading.current().policy.schema

    told = {
        each["name"]: [action["name"] for action in each["actions"]] for each in catalog["types"]
    }

    assert told == {name: list(declared.actions) for name, declared in schema.types.items()}
    assert [each["name"] for each in catalog["types"] if each["subject"]] == ["user"]
    assert all(each["description"] for each in catalog["types"])


def test_a_caller_finds_what_it_may_say_and_nothing_else(catalog: dict[str, Any]) -> None:
    types = named(catalog["types"])

    assert list(named(types["invitation"]["properties"])) == ["account", "email", "role"]
    assert types["user"]["properties"] == []
    assert list(named(catalog["context"])) == ["via_proxy"]


def test_a_property_tells_which_values_may_stand_there(catalog: dict[str, Any]) -> None:
    changing = named(named(catalog["types"])["membership"]["actions"])["change_role"]

    assert changing["properties"] == [
        {
            "name": "role",
            "type": "role",
            "values": ["admin", "developer", "finance_analyst", "support"],
            "unit": "",
            "description": "",
        }
    ]


def test_an_action_that_makes_its_resource_says_so(catalog: dict[str, Any]) -> None:
    actions = named(named(catalog["types"])["invitation"]["actions"])

    assert [name for name, action in actions.items() if action["creates"]] == ["create"]


def test_every_sentence_is_told_with_its_code(
    catalog: dict[str, Any], reloading: Reloading
) -> None:
    sentences = reloading.current().policy.sentences

    assert {each["code"]: each["message"] for each in catalog["reasons"]} == sentences.reasons
    told = {each["code"]: each["message"] for each in catalog["obligations"]}
    assert told == sentences.obligations
    assert "stale_data" in sentences.reasons


def test_nothing_of_the_mount_is_told_but_its_revision(
    catalog: dict[str, Any], reloading: Reloading
) -> None:
    revisions = reloading.current().revisions()

    assert catalog["revisions"] == {"policy": revisions.policy, "data": revisions.data}
    assert set(catalog) == {
        "types", "enums", "context", "reasons", "obligations", "revisions",
    }  # fmt: skip
