"""`sidecar explain`: the proof is Oso's, its places are right, and it tells nothing sensitive."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from msgspec import structs

from sidecar.cli import EXIT_NO, EXIT_TROUBLE, EXIT_YES, main
from sidecar.compiler import load_pack
from sidecar.compiler.proof import Proof, read_proof
from sidecar.config.settings import Settings
from sidecar.engine.policy import Policy
from sidecar.facts import Cells, Table, build, read_directory, read_positions
from sidecar.model import Request
from sidecar.review import explain as explaining
from sidecar.review.explain import Explained, Facts, explain_to_reviewer
from sidecar.review.explain_output import as_json, as_markdown, as_text
from sidecar.suites import read_suites
from tests.depth import deep
from tests.differential.comparing import generated_requests
from tests.differential.generating import START
from tests.engine.test_explanation import AT, DOCUMENTS, asked_by, question
from tests.paths import ROOT


@cache
def packs() -> Mapping[str, tuple[Policy, Facts]]:
    settings = Settings()
    found = {}
    for name, policies, fixtures, mount in (
        ("shipped", settings.policies, settings.fixtures, settings.mount()),
        (
            "documents",
            DOCUMENTS / "policies",
            DOCUMENTS / "fixtures",
            DOCUMENTS / "fixtures" / "worlds" / "library",
        ),
    ):
        policy = load_pack(policies, fixtures)
        schema = policy.schema
        facts = Facts(read_directory(schema, mount), read_positions(schema, mount))
        found[name] = policy, facts
    return found


def explained(subject: str, action: str, resource: str, *, pack: str = "shipped") -> Explained:
    policy, facts = packs()[pack]
    return explain_to_reviewer(question(subject, action, resource), policy, facts, AT)


def explained_of(
    directory: Path, schema: str, rules: str, rows: Mapping[str, Cells], asked: Request
) -> Explained:
    """Explain a decision of a pack without settings; `rows` has one of each type that has any."""
    (directory / "schema.yaml").write_text(schema)
    (directory / "settings.yaml").write_text("{}\n")
    (directory / "reasons.yaml").write_text("reasons: {no: No.}\n")
    (directory / "main.polar").write_text(f"actor User {{}}\n{rules}")
    policy = load_pack(directory, directory)
    mount = build(policy.schema, {name: Table(name, [(1, row)]) for name, row in rows.items()})
    told = explain_to_reviewer(asked, policy, Facts(mount, {}), AT)
    policy.interpreter.close()
    return told


def invited(email: str, *, show: str = "", **context: object) -> Explained:
    said: dict[str, object] = {"account": "acme", "email": email, "role": "support"}
    request = question("bob", "create", "invitation:new", said=said, context=context)
    policy, facts = packs()["shipped"]
    return explain_to_reviewer(request, policy, replace(facts, shown=frozenset({show})), AT)


def command(*arguments: str) -> Result:
    at = ("--at", "2026-12-01T12:00:00Z")
    return CliRunner().invoke(main, ["explain", *arguments, *at])


def line_of(file: str, text: str, pack: Path = ROOT) -> str:
    """Return the place of a text, so that no test breaks when a comment is added to a policy."""
    lines = (pack / "policies" / file).read_text().splitlines()
    return f"{file}:{next(at for at, line in enumerate(lines, 1) if text in line)}"


def proof_of(told: Explained) -> list[str]:
    assert told.granted is not None
    return [str(line).strip() for line in told.granted.proof]


def hindrances_of(told: Explained) -> list[str]:
    assert told.granted is not None
    return [str(each) for each in told.granted.hindrances]


PACKS = deep(8, quick=4)
"""Packs that are made by chance."""
OWNER = line_of("account.polar", 'has_role(user: User, "owner"')
ROLE = line_of("account.polar", "has_role(user: User, role: String")
PLAN = line_of("account.polar", "plan_holds(account: Account) if")
SHUT_OUT = line_of("account.polar", "shut_out_by_plan(user: User, account")
FORBIDDEN = line_of("account.polar", "forbid(user: User, action: Action, account")


def test_an_owner_is_granted_by_the_line_that_makes_an_owner_of_him() -> None:
    told = explained("ana", "team.manage", "account:acme")

    entry = line_of("main.polar", "allow(user: User")
    permission = line_of("account.polar", '"team.manage" if')
    admin = line_of("account.polar", '"admin" if "owner"')
    assert told.decision.allowed
    assert proof_of(told) == [
        f"{entry} allow(subject, action, resource)",
        f'{permission} has_permission(subject, "team.manage", resource)',
        f'{admin} has_role(subject, "admin", resource)',
        f'{OWNER} has_role(subject, "owner", resource)',
        "resource.owner = subject",
    ]


def test_a_member_is_granted_by_the_role_and_the_plan() -> None:
    told = proof_of(explained("dora", "numbers.view", "account:acme"))

    assert told[-5:] == [
        f"{PLAN} plan_holds(resource)",
        'resource.plan = "committed"',
        "resource.monthly_commitment >= settings.minimum_commitment",
        "resource.contract = settings.required_contract",
        "resource.contract_ends > context.now",
    ]
    assert 'resource.membership(subject).role = "developer"' in told


def test_a_role_that_gives_too_little_is_told_with_those_that_give_enough() -> None:
    needs = "needs resource.membership(subject).role to be admin or developer; it is support"
    assert hindrances_of(explained("sue", "credentials.view", "account:acme")) == [
        f"{OWNER} needs resource.owner to be subject; it is ana, subject is sue",
        f"{ROLE} {needs}",
    ]


def test_a_member_whom_the_plan_shuts_out_sees_the_plan_and_not_the_roles() -> None:
    told = explained("wes", "billing.view", "account:cedar")

    needs = "needs resource.plan to be committed; it is pay_as_you_go"
    assert hindrances_of(told)[-1] == f"{PLAN} {needs}"
    assert [str(line).strip() for line in told.forbidden[0].proof] == [
        f'{FORBIDDEN} forbid(subject, action, resource, "plan_required")',
        f"{SHUT_OUT} shut_out_by_plan(subject, resource)",
        'resource.membership(subject).status = "active"',
        "not resource.owner = subject",
        "not plan_holds(resource)",
        f"{PLAN} fails: it {needs}",
    ]


def test_a_removed_member_is_told_the_status_with_its_line() -> None:
    told = explained("rex", "numbers.view", "account:acme")

    membership = "resource.membership(subject).status"
    assert any(
        f"needs {membership} to be active; it is removed" in each for each in hindrances_of(told)
    )
    rows = (ROOT / "fixtures/worlds/demo/memberships.yaml").read_text().splitlines()
    line = max(at for at, row in enumerate(rows, 1) if "user: rex" in row and "acme" in row)
    assert f"{membership} is removed (memberships.yaml:{line}, in the mount)" in map(
        str, told.facts
    )


def test_every_reason_against_an_invitation_has_its_own_proof() -> None:
    told = as_json(invited("zoe@gmail.com", via_proxy=True))

    proofs = {each["code"]: [line["text"] for line in each["proof"]] for each in told["forbidden"]}
    assert told["decision"] is False
    assert proofs == {
        "personal_email": [
            'forbid(subject, action, resource, "personal_email")',
            "settings.personal_email_domains includes resource.email.domain",
        ],
        "via_proxy": [
            'forbid(subject, action, resource, "via_proxy")',
            "context.via_proxy = true",
        ],
    }
    assert told["granted"]["holds"] is True


def test_what_is_sensitive_is_told_only_where_that_is_asked_for() -> None:
    hidden, shown = invited("zoe@gmail.com"), invited("zoe@gmail.com", show="sensitive")

    for text in (*as_text(hidden), *as_markdown(hidden), json.dumps(as_json(hidden))):
        assert "zoe" not in text
        assert "ana@acme.example" not in text
    assert "  resource.email is withheld (sent in the request)" in list(as_text(hidden))
    assert "  resource.email is zoe@gmail.com (sent in the request)" in list(as_text(shown))
    owner = "resource.account.owner.email is ana@acme.example (users.yaml:4, in the mount)"
    assert f"  {owner}" in list(as_text(shown))


def test_a_folder_is_read_through_those_above_it_with_the_line_of_the_share() -> None:
    told = explained("bob", "view", "folder:minutes", pack="documents")

    share = line_of("folder.polar", "has_role(user: User, role: String", DOCUMENTS)
    assert f'{share} has_role(subject, "writer", resource.parent.parent)' in proof_of(told)
    assert 'resource.parent.parent.share(subject).access = "writer"' in proof_of(told)
    assert "not resource.parent.parent.share(subject).until <= context.now" in proof_of(told)
    assert (
        "resource.parent.parent.share(subject).access is writer (shares.yaml:2, in the mount)"
        in map(str, told.facts)
    )


def test_a_hierarchy_of_any_depth_is_proved_to_its_first_folder() -> None:
    told = explained("bob", "remove", "folder:c14", pack="documents")

    first = "resource" + ".parent" * 14
    owner = line_of("folder.polar", 'has_role(user: User, "owner"', DOCUMENTS)
    assert f'{owner} has_role(subject, "owner", {first})' in proof_of(told)
    assert f"{first}.owner = subject" in proof_of(told)


def test_many_conditions_of_one_rule_are_told_in_one_short_line() -> None:
    told = explained("cleo", "view", "folder:c14", pack="documents")

    owner = line_of("folder.polar", 'has_role(user: User, "owner"', DOCUMENTS)
    line = next(each for each in hindrances_of(told) if each.startswith(owner))
    assert line.endswith("; or 12 more like these")


@pytest.mark.parametrize(
    "asked",
    [
        ("nobody", "numbers.view", "account:acme"),
        ("dora", "fly", "account:acme"),
        ("dora", "numbers.view", "account:nowhere"),
        ("dora", "numbers.view", "planet:mars"),
    ],
)
def test_what_does_not_exist_is_told_without_a_proof_of_a_grant(asked: tuple[str, ...]) -> None:
    told = explained(*asked)

    assert told.granted is None
    assert told.disagreements == ()
    assert next(as_text(told)) == "deny"


PEOPLE = """\
types:
  user:
    subject: true
    table: users
    key: id
    attributes: {id: string, mentor: {type: user, optional: true}}
    lookups:
      led: {finds: team, match: {lead: this}, several: first}
  team:
    table: teams
    key: id
    attributes: {id: string, lead: user}
    lookups:
      place: {finds: place, arguments: {user: user}, match: {team: this, user: user}}
    actions: {join: {properties: {whom: user}}}
  place:
    table: places
    key: [team, user]
    attributes: {team: team, user: user, level: string}
  doc:
    table: docs
    key: id
    attributes: {id: string, team: {type: team, optional: true}}
    actions: {view: {}}
"""


@pytest.mark.parametrize(
    ("condition", "absent"),
    [
        ("user.mentor.mentor.id = doc.id", "subject.mentor.mentor.id"),
        ("user.mentor.led.lead.id = doc.id", "subject.mentor.led().lead.id"),
        ("doc.team.place(user).level = doc.id", "resource.team.place(subject).level"),
        ("action.whom = user and doc.id = doc.id", "action.whom"),
        ("action.whom.led = user.led and doc.id = doc.id", "action.whom"),
    ],
)
def test_what_is_read_of_something_absent_is_told_as_what_it_is(
    tmp_path: Path, condition: str, absent: str
) -> None:
    action = "action" if "action" in condition else "_"
    rule = f"allow(user: User, {action}: Action, doc: Doc) if {condition};\n"
    rows: dict[str, Cells] = {"user": {"id": "ana"}, "doc": {"id": "plan"}}

    told = explained_of(tmp_path, PEOPLE, rule, rows, question("ana", "view", "doc:plan"))

    assert hindrances_of(told) == [f"main.polar:2 needs {absent}, which is absent"]
    assert f"{absent} is absent" in map(str, told.facts)
    assert told.disagreements == ()


def test_a_value_that_has_to_exist_is_named(tmp_path: Path) -> None:
    schema = """\
types:
  user: {subject: true, table: users, key: id, attributes: {id: string}}
  doc:
    table: docs
    key: id
    attributes: {id: string, until: {type: instant, optional: true}}
    actions: {view: {properties: {why: string, how: string}}}
"""
    rule = """\
allow(_: User, action: Action, doc: Doc) if
  action.why.exists = true and doc.until.exists = false and action.how.exists = true;
"""
    rows: dict[str, Cells] = {"user": {"id": "ana"}, "doc": {"id": "plan"}}
    asked = question("ana", "view", "doc:plan")

    def told(directory: str, **properties: object) -> Explained:
        (tmp_path / directory).mkdir()
        request = structs.replace(asked, action_properties=properties)
        return explained_of(tmp_path / directory, schema, rule, rows, request)

    assert proof_of(told("allowed", why="it", how="so"))[1:] == [
        "action.why exists",
        "resource.until does not exist",
        "action.how exists",
    ]
    assert hindrances_of(told("denied", why="it")) == [
        "main.polar:2 needs action.how to exist; it is absent"
    ]


def test_the_command_begins_with_the_answer_of_authorize_and_has_its_status() -> None:
    asked = ("user:bob", "remove", "membership:acme/dora")

    result = command(*asked)
    same = CliRunner().invoke(main, ["authorize", *asked, "--at", "2026-12-01T12:00:00Z"])

    assert (result.exit_code, same.exit_code) == (EXIT_YES, EXIT_YES)
    assert result.stdout.startswith(same.stdout)
    assert "obliged by confirm_irreversible" in result.stdout


def test_the_command_shows_what_is_sensitive_when_it_is_told_to() -> None:
    result = command("user:cy", "accept", "invitation:inv-6", "--show-sensitive", "--json")

    told = {fact["path"]: fact["value"] for fact in json.loads(result.stdout)["facts"]}
    assert result.exit_code == EXIT_NO
    assert told["resource.email"] == "cy@partner.example"


def test_a_proof_that_differs_from_the_decision_is_told_loudly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def lying(plain: Mapping[str, Any]) -> Proof:
        holds = plain["holds"]
        name, operands, _, clauses = plain["rules"][0]
        rules = [[name, operands, not holds, clauses], *plain["rules"][1:]]
        return read_proof({"holds": not holds, "rules": rules})

    monkeypatch.setattr(explaining, "read_proof", lying)

    result = command("user:dora", "numbers.view", "account:acme")

    assert result.exit_code == EXIT_TROUBLE
    assert "error: PROOF AND DECISION DIFFER, report this: `allow`" in result.stderr


@pytest.mark.parametrize("pack", ["shipped", "documents"])
@pytest.mark.many
def test_proofs_agree_with_the_decisions_of_the_suites(pack: str) -> None:
    policy, facts = packs()[pack]
    settings = Settings()
    policies, fixtures = {
        "shipped": (settings.policies, settings.fixtures),
        "documents": (DOCUMENTS / "policies", DOCUMENTS / "fixtures"),
    }[pack]
    asked = [
        each
        for suite in read_suites(policies)
        for each in asked_by(suite, policy, fixtures / "worlds")
    ]

    for request, snapshot in asked[:: len(asked) // 40]:
        told = explain_to_reviewer(request, policy, Facts(snapshot, facts.places), AT)
        assert told.disagreements == (), request


@pytest.mark.many
def test_proofs_agree_with_the_decisions_of_packs_made_by_chance(tmp_path: Path) -> None:
    asked = allowed = 0

    for seed in range(200, 200 + PACKS):
        for policy, snapshot, request in generated_requests(seed, tmp_path / str(seed), 2, 8):
            told = explain_to_reviewer(request, policy, Facts(snapshot, {}), START)
            asked += 1
            allowed += told.decision.allowed
            assert told.disagreements == (), (seed, request)
            assert _names_a_rule(told, tmp_path / str(seed) / "main.polar"), (seed, request)

    assert asked >= PACKS * 8
    assert allowed > 0


def _names_a_rule(told: Explained, policy: Path) -> bool:
    """Tell whether each question that holds was proved, by a rule that stands where it is said."""
    lines = policy.read_text().splitlines()
    proofs = [each for each in (told.granted, *told.forbidden, *told.obliged) if each is not None]
    return all(
        each.proof != () and lines[each.proof[0].place.line - 1].startswith(each.rule)
        for each in proofs
        if each.holds and each.proof[0].place is not None
    )
