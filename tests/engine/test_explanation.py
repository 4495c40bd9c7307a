"""Explanations: that they tell what decided, with its source, and nothing that is sensitive."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from sidecar.compiler import load_pack
from sidecar.config.settings import Settings
from sidecar.engine.authorizer import authorize
from sidecar.engine.explanation import Explanation, explain
from sidecar.engine.policy import Policy
from sidecar.errors import InvalidRequestError
from sidecar.facts import Snapshot, read_directory
from sidecar.model import Decision, Reference, Request
from sidecar.suites import Suite, read_suites
from sidecar.suites.grids import expand
from sidecar.suites.world import World
from tests.depth import deep
from tests.differential.comparing import generated_requests
from tests.differential.generating import START
from tests.library import NOW, Library, allow
from tests.paths import PACKS

AT = datetime(2026, 12, 1, 12, tzinfo=UTC)
DOCUMENTS = PACKS / "documents"
NOT_SAID: dict[str, object] = {}


@cache
def shipped() -> tuple[Policy, Snapshot]:
    settings = Settings()
    policy = load_pack(settings.policies, settings.fixtures)
    return policy, read_directory(policy.schema, settings.mount())


def question(
    subject: str,
    action: str,
    resource: str,
    *,
    said: dict[str, object] = NOT_SAID,
    context: dict[str, object] = NOT_SAID,
) -> Request:
    return Request(
        subject=Reference("user", subject),
        action=action,
        resource=Reference(*resource.split(":", 1)),
        resource_properties=said,
        context=context,
    )


def told(*asked: str, said: dict[str, object] = NOT_SAID, **context: object) -> Explanation:
    subject, action, resource = asked
    request = question(subject, action, resource, said=said, context=context)
    return explain(request, *shipped(), AT)


def facts(explanation: Explanation) -> dict[str, tuple[str | None, str | None]]:
    return {fact.path: (fact.value, fact.source) for fact in explanation.facts}


def holding(explanation: Explanation) -> list[tuple[str, str | None]]:
    return [(rule.rule, rule.code) for rule in explanation.rules if rule.holds]


# --- what is told -------------------------------------------------------------------------------


def test_an_owner_is_explained_by_the_facts_that_make_one() -> None:
    explanation = told("ana", "numbers.edit", "account:acme")

    assert facts(explanation) == {
        "subject.exists": ("true", "mount"),
        "resource.exists": ("true", "mount"),
        "resource.owner": ("ana", "mount"),
        "subject": ("ana", "request"),
        "resource.membership(subject).exists": ("true", "mount"),  # an owner's, by implication
        "resource.membership(subject).status": (None, None),
    }
    assert holding(explanation) == [("allow", None)]
    assert [(step.question, step.answer) for step in explanation.rules[0].steps][-1] == (
        "resource.owner = subject",
        "yes",
    )


def test_every_prohibition_that_holds_is_explained_beside_those_that_do_not() -> None:
    zoe: dict[str, object] = {"account": "acme", "email": "zoe@gmail.com", "role": "support"}

    explanation = told("bob", "create", "invitation:new", said=zoe, via_proxy=True)

    found = facts(explanation)
    assert holding(explanation) == [
        ("allow", None), ("forbid", "personal_email"), ("forbid", "via_proxy"),
    ]  # fmt: skip
    assert ("forbid", False) in {(rule.rule, rule.holds) for rule in explanation.rules}
    assert found["context.via_proxy"] == ("true", "request")
    assert found["resource.account"] == ("acme", "request")
    assert found["resource.role"] == ("support", "request")
    assert found["settings.personal_email_domains.includes(resource.email.domain)"] == (
        "true",
        "settings",
    )


def test_a_fact_of_the_mount_wins_over_what_is_said_and_says_so() -> None:
    said: dict[str, object] = {"account": "beta", "email": "x@y.example", "role": "support"}

    found = facts(told("ana", "revoke", "invitation:inv-7", said=said))

    assert found["resource.account"] == ("acme", "mount")


def test_what_nobody_says_counts_as_the_schema_has_it() -> None:
    zoe: dict[str, object] = {"account": "acme", "email": "zoe@y.example", "role": "support"}

    found = facts(told("bob", "create", "invitation:new", said=zoe))

    assert found["context.via_proxy"] == ("false", "schema")


def test_the_clock_is_told_as_such() -> None:
    found = facts(told("cy", "accept", "invitation:inv-6"))

    assert found["context.now"] == ("2026-12-01T12:00:00+00:00", "clock")


def test_a_sensitive_fact_is_withheld_wherever_it_is_read() -> None:
    explanation = told("cy", "accept", "invitation:inv-7")

    withheld = {fact.path: fact.value for fact in explanation.facts if fact.withheld}
    assert withheld == {"resource.email": None, "subject.email": None}
    assert "@" not in repr(explanation)


def test_who_does_not_exist_is_not_granted_anything_and_the_rest_is_told() -> None:
    explanation = told("nobody", "numbers.edit", "account:acme")

    assert facts(explanation)["subject.exists"] == ("false", "mount")
    assert "allow" not in {rule.rule for rule in explanation.rules}


def test_of_unknown_types_there_is_nothing_to_tell() -> None:
    assert told("ana", "fly", "planet:mars") == Explanation(facts=(), rules=())


def test_an_unknown_action_is_explained_without_a_grant() -> None:
    assert holding(told("ana", "fly", "account:acme")) == []


def test_an_obligation_is_explained() -> None:
    assert ("oblige", "confirm_irreversible") in holding(
        told("ana", "remove", "membership:acme/bob")
    )


def test_a_wrong_json_type_is_refused_as_it_is_without_an_explanation() -> None:
    with pytest.raises(InvalidRequestError):
        told("ana", "numbers.edit", "account:acme", via_proxy="yes")


@pytest.mark.parametrize(
    ("condition", "said", "path", "fact"),
    [
        ("doc.pages >= 5", "full", "resource.pages", ("7", "mount")),
        ("doc.pages >= 5", "bare", "resource.pages", (None, None)),
        ("doc.price >= settings.most", "full", "resource.price", ("750", "mount")),
        ('doc.title = "plan"', "full", "resource.title", ("plan", "mount")),
        ("doc.title = doc.subtitle", "full", "resource.subtitle", ("plan", "mount")),
        ("doc.public", "full", "resource.public", ("true", "mount")),
        ("doc.public", "bare", "resource.public", ("false", "mount")),
        ("doc.contact = user.email", "full", "resource.contact", ("ana@work.example", "mount")),
        ('doc.contact.domain = "work.example"', "full", "resource.contact.domain",
         ("work.example", "mount")),
        ('doc.labels.includes("plan") = true', "full", 'resource.labels.includes("plan")',
         ("true", "mount")),
        ('doc.labels.includes("plan") = true', "full", "resource.labels.exists",
         ("true", "mount")),
        ('doc.labels.includes("plan") = true', "bare", "resource.labels", (None, None)),
        ("doc.folder.owner = user", "full", "resource.folder.owner", ("bob", "mount")),
        ("doc.folder.share(user).exists = true", "full", "resource.folder.share(subject).exists",
         ("false", "mount")),
        ('user = doc.folder.shared_as("reader").user', "orphan",
         'resource.folder.shared_as("reader").user', ("bob", "mount")),
        ("doc.reviewer.boss = user", "full", "resource.reviewer.boss", ("ana", "mount")),
        ("doc.due <= context.now", "full", "resource.due", ("2026-03-01T12:00:00+00:00", "mount")),
        ('context.network = "lan"', "full", "context.network", ("lan", "request")),
        ("action.pages >= 1", "full", "action.pages", ("3", "request")),
        ('user.nick = "a"', "full", "subject.nick", ("a", "mount")),
    ],
)  # fmt: skip
def test_each_kind_of_fact_is_told_with_its_value_and_its_source(
    library: Library, condition: str, said: str, path: str, fact: tuple[str | None, str | None]
) -> None:
    policy = library.policy(allow(condition))
    request = Request(
        subject=Reference("user", "ana"),
        action="edit",
        resource=Reference("doc", said),
        action_properties={"pages": 3},
        context={"network": "lan"},
    )

    explanation = explain(request, policy, library.world(policy), NOW)

    assert facts(explanation)[path] == fact


UP = """
forbid(_: User, _: Action, doc: Doc, "no") if up(doc.folder);
up(folder: Folder) if folder.parent.exists = true and up(folder.parent);
up(folder: Folder) if folder.owner.exists = true and folder.parent.exists = false;
"""


def test_a_rule_that_was_put_to_oso_is_told_with_its_answer_alone(library: Library) -> None:
    policy = library.policy(allow("user.exists = true"), UP)
    request = question("ana", "edit", "doc:full")

    explanation = explain(request, policy, library.world(policy), NOW)

    asked = [rule for rule in explanation.rules if rule.code == "no"]
    assert [(rule.steps, rule.holds) for rule in asked] == [((), True)]


# --- agreement with `authorize` ----------------------------------------------------------------


def agree(explanation: Explanation, decision: Decision) -> bool:
    by_rule: dict[str, list[str | None]] = {"allow": [], "forbid": [], "oblige": []}
    for rule in explanation.rules:
        if rule.holds:
            by_rule[rule.rule].append(rule.code)
    failed = any(rule.holds is None for rule in explanation.rules)
    reasons = [reason.code for reason in decision.reasons]
    obligations = [each.code for each in decision.obligations]
    return (
        decision.allowed is (bool(by_rule["allow"]) and not by_rule["forbid"] and not failed)
        and set(by_rule["forbid"]) <= set(reasons)
        and ("policy_error" in reasons) is failed
        and obligations == (by_rule["oblige"] if decision.allowed else [])
    )


def asked_by(suite: Suite, policy: Policy, worlds: Path) -> Iterator[tuple[Request, Snapshot]]:
    world = World(suite, policy.schema, worlds)
    for cell in expand(suite, policy.schema, policy.sentences, []):
        yield (
            Request(
                subject=cell.subject,
                action=cell.action,
                resource=cell.resource,
                subject_properties=cell.case.subject_properties,
                action_properties=cell.case.action_properties,
                resource_properties=cell.case.resource_properties,
                context=cell.case.context,
            ),
            world.snapshot(cell.case),
        )


@pytest.mark.parametrize(
    ("policies", "fixtures", "cells"),
    [
        (Settings().policies, Settings().fixtures, 2000),
        (DOCUMENTS / "policies", DOCUMENTS / "fixtures", 50),
    ],
    ids=["shipped", "documents"],
)
@pytest.mark.many
def test_the_rules_that_are_told_are_those_that_decide(
    policies: Path, fixtures: Path, cells: int
) -> None:
    policy = load_pack(policies, fixtures)
    asked = [
        each
        for suite in read_suites(policies)
        for each in asked_by(suite, policy, fixtures / "worlds")
    ]

    differences = [
        request
        for request, snapshot in asked
        if not agree(
            explain(request, policy, snapshot, AT), authorize(request, policy, snapshot, AT)
        )
    ]
    policy.interpreter.close()

    assert differences == []
    assert len(asked) >= cells


@pytest.mark.many
def test_the_rules_that_are_told_are_those_that_decide_for_packs_made_by_chance(
    tmp_path: Path,
) -> None:
    asked = 0

    for seed in range(deep(25)):
        for policy, snapshot, request in generated_requests(seed, tmp_path / str(seed), 2, 10):
            explanation = explain(request, policy, snapshot, START)
            decision = authorize(request, policy, snapshot, START)
            asked += 1
            assert agree(explanation, decision), (seed, request)

    assert asked > 300
