"""What a decision read, so that it can be judged again without the data."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.config.settings import Settings
from sidecar.diagram.questions import path_of, show
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
        (fact.question[0], *(show(each) for each in fact.question[1:]), fact.answer)
        for fact in facts
    ]


def test_the_facts_are_those_on_the_way_through_the_trees(pair: Pair) -> None:
    asked = request("user:dora", "billing.view", "account:acme")

    facts = words(facts_read(asked, pair.policy, pair.snapshot, NOW))

    assert facts[:5] == [
        ("exists", "subject", True),
        ("exists", "resource", True),
        ("exists", "resource.membership(subject)", True),
        ("value", "resource.membership(subject).status", "active"),
        ("value", "resource.membership(subject).role", "developer"),
    ]


def test_what_is_absent_is_told_too(pair: Pair) -> None:
    asked = request("user:mallory", "numbers.edit", "account:gorse")

    facts = words(facts_read(asked, pair.policy, pair.snapshot, NOW))

    assert ("exists", "resource.membership(subject)", False) in facts
    assert ("value", "resource.owner", "uma") in facts


def test_what_equal_hashes_cannot_answer_is_told_of_a_sensitive_value(pair: Pair) -> None:
    said = {"account": "acme", "email": "zoe@gmail.com", "role": "support"}
    asked = request("user:bob", "create", "invitation:new", resource_properties=said)

    facts = facts_read(asked, pair.policy, pair.snapshot, NOW)

    sensitive = {show(fact.question[1]) for fact in facts if fact.sensitive}
    assert {"resource.email", "resource.email.domain"} <= sensitive
    includes = ("includes", "settings.personal_email_domains", "resource.email.domain", True)
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

    assert facts[:2] == [("exists", "subject", True), ("exists", "resource", True)]


def test_every_path_of_the_shipped_pack_is_read_back(pair: Pair) -> None:
    paths = {part for test in pair.policy.tests for part in test.question[1:] if part[0] != "rule"}

    assert len(paths) > 20
    assert [path_of(show(path)) for path in paths] == list(paths)


@given(st.text())
def test_every_literal_is_read_back(text: str) -> None:
    path = ("lookup", ("member", ("resource",), "a"), "b", (("literal", text), ("subject",)))

    assert path_of(show(path)) == path


@pytest.mark.parametrize(
    "text",
    [
        *("", "a.", "a.b(", 'a.b("c', "a.b(c", "a.b(c,d)", "a.b)", "a b", '"', "a.b(c))", ".a"),
        *("1", "_a", "é", "a-b", "a.1", 'a."b', 'a."b"c', '"a".b', "a.b(c, )"),
    ],
)
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no path"):
        path_of(text)
