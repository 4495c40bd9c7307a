"""Generated packs of a stated size, and facts of a stated size for the shipped one."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from sidecar.facts import Table


def roles_and_permissions(directory: Path, *, roles: int, permissions: int) -> tuple[Path, Path]:
    """Write a pack whose every role has every second permission, shifted from role to role."""
    role_names = [f"role_{number}" for number in range(roles)]
    actions = [f"do.p{number}" for number in range(permissions)]
    schema = "\n".join(
        [
            "enums:",
            f"  role: [{', '.join(role_names)}]",
            "types:",
            "  user: {subject: true, table: users, key: id, attributes: {id: string}}",
            "  member:",
            "    table: members",
            "    key: [document, user]",
            "    attributes: {document: document, user: user, role: role}",
            "  document:",
            "    table: documents",
            "    key: id",
            "    attributes: {id: string}",
            "    lookups:",
            "      member:",
            "        {finds: member, arguments: {user: user}, match: {document: this, user: user}}",
            f"    actions: [{', '.join(actions)}]",
        ]
    )
    grants = "\n".join(
        f'  "{action}" if "{role}";'
        for number, action in enumerate(actions)
        for shift, role in enumerate(role_names)
        if (number + shift) % 2 == 0
    )
    policy = f"""\
actor User {{}}
resource Document {{
  roles = [{_quoted(role_names)}];
  permissions = [{_quoted(actions)}];
{grants}
}}
has_role(user: User, role: String, document: Document) if
  member = document.member(user) and
  member.role = role;
allow(user: User, action: Action, resource) if
  has_permission(user, action.name, resource);
"""
    return _write(directory, schema, policy)


def rules_of_conditions(directory: Path, *, rules: int, conditions: int) -> tuple[Path, Path]:
    """Write a pack with as many `allow` rules, each with conditions of its own."""
    flags = [f"f{rule}_{number}" for rule in range(rules) for number in range(conditions)]
    schema = "\n".join(
        [
            "types:",
            "  user: {subject: true, table: users, key: id, attributes: {id: string}}",
            "  document:",
            "    table: documents",
            "    key: id",
            "    attributes:",
            "      id: string",
            *(f"      {flag}: integer" for flag in flags),
            "    actions: [read]",
        ]
    )
    policy = "actor User {}\n" + "\n".join(
        'allow(_: User, _: Action{name: "read"}, document: Document) if\n  '
        + " and\n  ".join(f"document.f{rule}_{number} > {rule}" for number in range(conditions))
        + ";"
        for rule in range(rules)
    )
    return _write(directory, schema, policy)


def resource_types(directory: Path, *, types: int, roles: int, actions: int) -> tuple[Path, Path]:
    """Write a pack of so many types of resources, whose roles and actions have the same names."""
    role_names = [f"role{number}" for number in range(roles)]
    action_names = [f"act{number}" for number in range(actions)]
    schema = [
        f"enums: {{role: [{', '.join(role_names)}]}}",
        "types:",
        "  user:",
        "    {subject: true, table: users, key: id,",
        "     attributes: {id: string, suspended: {type: boolean, default: false}}}",
        "  org:",
        "    table: orgs",
        "    key: id",
        "    attributes: {id: string, owner: user}",
        "    lookups:",
        "      membership:",
        "        {finds: membership, arguments: {user: user}, match: {org: this, user: user}}",
        "  membership:",
        "    {table: memberships, key: [org, user],",
        "     attributes: {org: org, user: user, role: role}}",
    ]
    policy = [
        "actor User {}",
        "allow(user: User, action: Action, resource) if",
        "  has_permission(user, action.name, resource);",
        'forbid(user: User, _: Action, _, "suspended") if user.suspended = true;',
    ]
    for number in range(types):
        schema += [
            f"  thing{number}:",
            f"    table: thing{number}s",
            "    key: id",
            "    attributes: {id: string, org: org, archived: {type: boolean, default: false}}",
            f"    actions: [{', '.join(action_names)}]",
        ]
        policy += [
            f"resource Thing{number} {{",
            f"  roles = [{_quoted(role_names)}];",
            f"  permissions = [{_quoted(action_names)}];",
            *(
                f'  "{action}" if "{role_names[(place * 7 + number) % roles]}";'
                for place, action in enumerate(action_names)
            ),
            *(f'  "{low}" if "{high}";' for low, high in pairwise(role_names)),
            "}",
            f"has_role(user: User, role: String, thing: Thing{number}) if",
            "  thing.org.membership(user).role = role;",
            f'has_role(user: User, "{role_names[-1]}", thing: Thing{number}) if',
            "  thing.org.owner = user;",
            f'forbid(_: User, action: Action, thing: Thing{number}, "archived") if',
            '  not action.name = "act0" and thing.archived = true;',
        ]
    written = _write(directory, "\n".join(schema), "\n".join(policy) + "\n")
    (written[1] / "reasons.yaml").write_text(
        "reasons: {archived: It is archived., suspended: You are suspended.}\n"
    )
    return written


def memberships(count: int, *, of_each: int = 10) -> dict[str, Table]:
    """Return the tables of the shipped pack with `count` memberships, `of_each` for an account."""
    accounts = range(count // of_each)
    roles = ("admin", "developer", "finance_analyst", "support")
    plan = {
        "plan": "committed",
        "monthly_commitment": "750.00",
        "contract": "annual",
        "contract_ends": "2030-01-01T00:00:00Z",
    }
    users = ({"id": f"u{n}", "email": f"u{n}@bench.example"} for n in accounts)
    shared = ({"id": f"a{n}", "owner": f"u{n}", **plan} for n in accounts)
    members = (
        {
            "account": f"a{n}",
            "user": f"u{(n + other) % len(accounts)}",
            "role": roles[other % len(roles)],
            "status": "active",
        }
        for n in accounts
        for other in range(1, of_each + 1)
    )
    return {
        "user": Table("users.yaml", enumerate(users, 1)),
        "account": Table("accounts.yaml", enumerate(shared, 1)),
        "membership": Table("memberships.yaml", enumerate(members, 1)),
    }


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _write(directory: Path, schema: str, policy: str) -> tuple[Path, Path]:
    policies, fixtures = directory / "policies", directory / "fixtures"
    policies.mkdir(parents=True)
    fixtures.mkdir()
    (fixtures / "schema.yaml").write_text(schema + "\n")
    (fixtures / "settings.yaml").write_text("{}\n")
    (fixtures / "reasons.yaml").write_text("{}\n")
    (policies / "main.polar").write_text(policy)
    return policies, fixtures
