"""What a decision read, so that it can be judged again without the data."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sidecar.config.settings import Settings
from sidecar.diagram.path_text import show
from sidecar.diagram.questions import Exists, Includes, ValueOf, facts_of
from sidecar.engine.trace import Fact, facts_read
from sidecar.model import Reference, Request
from sidecar.reload import Pair, Places, Reloading

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def pair() -> Pair:
    settings = Settings()
    return Reloading(Places(settings.policies, settings.fixtures, settings.mount())).load()


def request(subject: str, action: str, resource: str, **said: object) -> Request:
    references = [Reference(*each.split(":", 1)) for each in (subject, resource)]
    return Request(subject=references[0], action=action, resource=references[1], **said)  # type: ignore[arg-type]  # as each test says


def words(facts: tuple[Fact, ...]) -> list[tuple[object, ...]]:
    return [
        (type(fact.question), *map(show, facts_of(fact.question)), fact.answer) for fact in facts
    ]


def test_the_facts_are_those_on_the_way_through_the_trees(pair: Pair) -> None:
    asked = request("user:dora", "billing.view", "account:acme")

    facts = words(facts_read(asked, pair.policy, pair.snapshot, NOW))

    assert facts[:5] == [
        (Exists, "subject", True),
        (Exists, "resource", True),
        (Exists, "resource.membership(subject)", True),
        (ValueOf, "resource.membership(subject).status", "active"),
        (ValueOf, "resource.membership(subject).role", "developer"),
    ]


def test_what_is_absent_is_told_too(pair: Pair) -> None:
    asked = request("user:mallory", "numbers.edit", "account:gorse")

    facts = words(facts_read(asked, pair.policy, pair.snapshot, NOW))

    assert (Exists, "resource.membership(subject)", False) in facts
    assert (ValueOf, "resource.owner", "uma") in facts


def test_what_equal_hashes_cannot_answer_is_told_of_a_sensitive_value(pair: Pair) -> None:
    said = {"account": "acme", "email": "zoe@gmail.com", "role": "support"}
    asked = request("user:bob", "create", "invitation:new", resource_properties=said)

    facts = facts_read(asked, pair.policy, pair.snapshot, NOW)

    sensitive = {show(*facts_of(fact.question)) for fact in facts if fact.sensitive}
    assert {"resource.email", "resource.email.domain"} <= sensitive
    includes = (Includes, "settings.personal_email_domains", "resource.email.domain", True)
    assert includes in words(facts)


@pytest.mark.parametrize(
    ("subject", "action", "resource"),
    [("robot:r2", "numbers.edit", "account:acme"), ("user:ana", "read", "galaxy:far")],
)
def test_of_an_undeclared_type_there_are_no_facts(
    pair: Pair, subject: str, action: str, resource: str
) -> None:
    assert facts_read(request(subject, action, resource), pair.policy, pair.snapshot, NOW) == ()


def test_an_undeclared_action_reads_what_its_trees_read(pair: Pair) -> None:
    facts = words(
        facts_read(request("user:ana", "fly", "account:acme"), pair.policy, pair.snapshot, NOW)
    )

    assert facts[:2] == [(Exists, "subject", True), (Exists, "resource", True)]
