"""Searches are complete: exactly the ids for which a decision says true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from sidecar.compiler import load_pack
from sidecar.diagram.paths import RESOURCE, SUBJECT
from sidecar.diagram.paths import Path as FactPath
from sidecar.engine import kind_of
from sidecar.engine import search as search_module
from sidecar.engine.authorizer import authorize
from sidecar.engine.policy import Policy
from sidecar.engine.search import (
    each_action,
    each_resource,
    each_subject,
    list_permissions,
    permissions,
    search_resources,
    search_subjects,
)
from sidecar.errors import InvalidRequestError
from sidecar.facts import Snapshot, Table, build, read_directory
from sidecar.model import Decision, Reference, Request
from tests.depth import deep
from tests.differential.comparing import generated_requests
from tests.paths import ROOT
from tests.small_pack import put_pack

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def policy() -> Iterator[Policy]:
    policy = load_pack(ROOT / "policies", ROOT / "fixtures")
    yield policy
    policy.interpreter.close()


@pytest.fixture(scope="module")
def demo(policy: Policy) -> Snapshot:
    return read_directory(policy.schema, ROOT / "fixtures" / "worlds" / "demo")


def _request(subject: str, action: str, resource: str) -> Request:
    return Request(
        subject=Reference(*subject.split(":", 1)),
        action=action,
        resource=Reference(*resource.split(":", 1)),
    )


def _one_by_one(
    unknown: FactPath, request: Request, policy: Policy, snapshot: Snapshot
) -> tuple[str, ...]:
    """Ask about every id that any type of the world has; what can be created is not there."""
    side = "subject" if unknown == SUBJECT else "resource"
    kind = getattr(request, side).type
    action = policy.schema.types[request.resource.type].actions.get(request.action)
    if action is not None and action.creates and unknown == RESOURCE:
        return ()
    ids = {
        key if isinstance(key, str) else "/".join(key)
        for name in policy.schema.types
        for key in snapshot.rows(name)
    }
    teams = [key for name in policy.schema.types for key in snapshot.rows(name) if key]
    ids |= {f"{one}/{other}" for one in teams for other in teams if isinstance(other, str)}
    found = (Reference(kind, each) for each in sorted(ids))
    asked = (
        replace(request, subject=each) if unknown == SUBJECT else replace(request, resource=each)
        for each in found
    )
    return tuple(
        getattr(each, side).id for each in asked if authorize(each, policy, snapshot, NOW).allowed
    )


@pytest.mark.many
def test_searches_over_generated_packs_find_exactly_what_is_allowed(tmp_path: Path) -> None:
    tally: Counter[str] = Counter()
    differences = []

    for seed in range(deep(25)):
        for policy, snapshot, request in generated_requests(seed, tmp_path / str(seed), 3, 6):
            for search, unknown in ((search_subjects, SUBJECT), (search_resources, RESOURCE)):
                found = search(request, policy, snapshot, NOW)
                if found != (wanted := _one_by_one(unknown, request, policy, snapshot)):
                    differences.append((seed, unknown, request, found, wanted))
                kind = kind_of(request.subject.type, request.resource.type, policy)
                assert kind is not None
                bounded = kind.candidates(unknown, request, snapshot, NOW) is not None
                tally[f"bounded {bounded}, found {bool(found)}"] += 1

    assert differences == []
    assert tally["bounded True, found True"] > 20


@pytest.mark.parametrize(
    ("request_", "unknown"),
    [
        (_request("user:any", action, f"{kind}:{each}"), SUBJECT)
        for kind, action, each in [
            ("account", "credentials.view", "acme"),
            ("account", "switch", "acme"),
            ("membership", "remove", "acme/bob"),
            ("invitation", "accept", "inv-7"),
            ("invitation", "revoke", "inv-7"),
        ]
    ]
    + [
        (_request(f"user:{user}", action, f"{kind}:any"), RESOURCE)
        for user in ("ana", "bob", "cy", "mallory", "nobody")
        for kind, action in [
            ("account", "switch"),
            ("account", "land"),
            ("account", "team.manage"),
            ("membership", "change_role"),
            ("membership", "remove"),
            ("invitation", "accept"),
            ("invitation", "revoke"),
        ]
    ],
    ids=str,
)
def test_searches_of_the_shipped_pack_are_complete_and_need_no_scan(
    request_: Request, unknown: FactPath, policy: Policy, demo: Snapshot
) -> None:
    search = search_subjects if unknown == SUBJECT else search_resources
    kind = kind_of(request_.subject.type, request_.resource.type, policy)
    assert kind is not None

    found = search(request_, policy, demo, NOW)

    assert found == _one_by_one(unknown, request_, policy, demo)
    assert kind.candidates(unknown, request_, demo, NOW) is not None


def test_a_search_that_nothing_bounds_is_complete_however_large_the_table_is(
    policy: Policy,
) -> None:
    users = [{"id": f"u{number:05}", "email": f"u{number}@a.example"} for number in range(10_001)]
    snapshot = build(policy.schema, {"user": Table("users.yaml", [*enumerate(users)])})

    found = search_subjects(_request("user:any", "create", "account:new"), policy, snapshot, NOW)

    assert found == tuple(user["id"] for user in users)


def test_each_permission_carries_the_obligations_of_its_decision(
    policy: Policy, demo: Snapshot
) -> None:
    asked = _request("user:ana", "any", "membership:acme/bob")
    demand = ["confirm_irreversible"]
    with_role = replace(asked, action_properties={"role": "support"})

    listed = [list_permissions(each, policy, demo, NOW) for each in (asked, with_role)]

    assert [each.actions for each in listed] == [("remove",), ("change_role", "remove")]
    for each in listed:
        codes = {name: [one.code for one in every] for name, every in each.obligations.items()}
        assert codes == {"remove": demand}
    (bob, *_) = [
        each
        for each in each_subject(
            _request("user:any", "remove", "membership:acme/bob"), policy, demo, NOW
        )
        if each.allowed
    ]
    assert [each.code for each in bob.obligations] == demand


def test_a_type_that_nobody_mounts_cannot_be_searched(policy: Policy, demo: Snapshot) -> None:
    with pytest.raises(InvalidRequestError, match="nobody mounts `number`"):
        search_resources(_request("user:ana", "view", "number:any"), policy, demo, NOW)


@pytest.mark.parametrize("request_", [
    _request("user:ana", "fly", "account:any"),
    _request("user:ana", "create", "account:any"),
    _request("user:ana", "switch", "planet:any"),
    _request("robot:r2", "switch", "account:any"),
])  # fmt: skip
def test_what_nobody_can_be_allowed_has_no_results(
    request_: Request, policy: Policy, demo: Snapshot
) -> None:
    assert search_resources(request_, policy, demo, NOW) == ()


@pytest.mark.parametrize("after", ["", "acme", "b", "harbor", "zzz"])
def test_a_search_can_go_on_behind_any_id(after: str, policy: Policy, demo: Snapshot) -> None:
    switch = _request("user:ana", "switch", "account:acme")
    searches = ((each_subject, search_subjects), (each_resource, search_resources))

    for each, whole in searches:
        found = tuple(one.id for one in each(switch, policy, demo, NOW, after) if one.allowed)

        assert found == tuple(name for name in whole(switch, policy, demo, NOW) if name > after)


def test_actions_can_be_taken_in_the_order_of_their_names(policy: Policy, demo: Snapshot) -> None:
    asked = _request("user:bob", "any", "account:acme")
    names = sorted(permissions(asked, policy, demo, NOW))

    assert [each.id for each in each_action(asked, policy, demo, NOW)] == names
    assert [each.id for each in each_action(asked, policy, demo, NOW, names[3])] == names[4:]


def test_what_is_not_taken_from_a_search_is_not_decided(
    policy: Policy, demo: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided: list[Request] = []

    def counted(request: Request, *rest: Any) -> Decision:  # noqa: ANN401  as `authorize` takes them
        decided.append(request)
        return authorize(request, *rest)

    monkeypatch.setattr(search_module, "authorize", counted)

    found = each_subject(_request("user:any", "switch", "account:acme"), policy, demo, NOW)
    next(found)

    assert len(decided) == 1


def test_a_search_takes_page_by_page_what_an_index_would_find_by_the_thousand(
    tmp_path: Path,
) -> None:
    schema = (
        "enums: {kind: [open, closed]}\n"
        "types:\n"
        "  user: {subject: true, table: users, key: id, attributes: {id: string, kind: kind}}\n"
        "  item: {table: items, key: id, attributes: {id: string, kind: kind}, actions: [a, b]}\n"
        "settings: {kinds: set of kind}\n"
    )
    rules = (
        'allow(user: User, _: Action{name: "a"}, item: Item) if item.kind = user.kind;\n'
        'allow(_: User, _: Action{name: "b"}, item: Item) if '
        "settings.kinds.includes(item.kind) = true;\n"
    )
    made = load_pack(*put_pack(tmp_path, rules, schema, settings="kinds: [open]\n"))
    rows = {
        "user": [{"id": "u", "kind": "open"}],
        "item": [{"id": "i1", "kind": "closed"}, {"id": "i2", "kind": "open"}],
    }
    tables = {name: Table(f"{name}s", list(enumerate(each, 1))) for name, each in rows.items()}
    facts = build(made.schema, tables)
    kind = kind_of("user", "item", made)
    assert kind is not None

    for action in ("a", "b"):
        asked = _request("user:u", action, "item:any")
        assert kind.candidates(RESOURCE, asked, facts, NOW) is None
        assert search_resources(asked, made, facts, NOW) == ("i2",)


def test_a_search_reads_what_no_decision_reads(tmp_path: Path) -> None:
    schema = (
        "types:\n"
        "  user: {subject: true, table: users, key: id, attributes: {id: string}}\n"
        "  folder: {table: folders, key: id, attributes: {id: string, owner: user}}\n"
        "  item:\n"
        "    {table: items, key: id, attributes: {id: string, folder: folder}, actions: [a]}\n"
    )
    # What does not exist is denied whatever this rule says, so that its owner is never looked for.
    rules = (
        'allow(user: User, _: Action{name: "a"}, item: Item) if '
        "user.exists = false and item.folder.owner = user;\n"
    )
    made = load_pack(*put_pack(tmp_path, rules, schema))
    rows = {
        "user": [{"id": "u"}],
        "folder": [{"id": "f", "owner": "u"}],
        "item": [{"id": "i", "folder": "f"}],
    }
    tables = {name: Table(f"{name}s", list(enumerate(each, 1))) for name, each in rows.items()}

    found = search_subjects(
        _request("user:any", "a", "item:i"), made, build(made.schema, tables), NOW
    )

    assert found == ()
