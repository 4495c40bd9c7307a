"""An access report lists exactly what a decision allows, with its rules and its rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import groupby, product
from pathlib import Path

import pytest

from sidecar.compiler.pack import PackTexts, read_texts
from sidecar.diagram.nodes import TRUE
from sidecar.engine.admission import key_of_id
from sidecar.engine.authorizer import authorize
from sidecar.engine.evaluator import Evaluator
from sidecar.engine.frame_builder import FrameBuilder
from sidecar.engine.paths import Reader
from sidecar.engine.policy import Policy
from sidecar.errors import InvalidRequestError
from sidecar.facts import Facts, Snapshot, read_directory
from sidecar.model import Decision, Reference, Request
from sidecar.review.access.pair_access import ActionAccess
from sidecar.review.access.pairs import Selected
from sidecar.review.access.report import AccessReport, AccessRow
from sidecar.review.pack_revisions import PackPlace
from tests.depth import deep
from tests.differential.comparing import generated_requests
from tests.paths import ROOT
from tests.small_pack import put_pack

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
EVERYTHING = Selected()
Listed = Mapping[tuple[str, str], AccessRow]


def _report(
    policies: Path, fixtures: Path, mount: Path, selected: Selected = EVERYTHING
) -> AccessReport:
    policy = PackPlace("now", policies, fixtures).load()
    pack, _ = read_texts(policies, fixtures)
    return AccessReport(policy, pack, read_directory(policy.schema, mount), NOW, selected)


def _without_texts(policy: Policy) -> PackTexts:
    """Return a pack without files: what is allowed does not depend on them."""
    return PackTexts(policy.schema, policy.settings, {}, {}, 0.0)


def _shipped(selected: Selected = EVERYTHING) -> AccessReport:
    fixtures = ROOT / "fixtures"
    return _report(ROOT / "policies", fixtures, fixtures / "worlds" / "demo", selected)


def _listed(report: AccessReport) -> Listed:
    rows = list(report.rows())
    found = {(str(row.subject), str(row.resource)): row for row in rows}
    assert len(found) == len(rows), "a pair has two rows"
    return found


def _holds(action: ActionAccess, request: Request, policy: Policy, snapshot: Facts) -> bool:
    """Tell whether the condition of an action holds for what a request sends."""
    subject, resource = (
        policy.schema.types[each.type] for each in (request.subject, request.resource)
    )
    reader = Reader(policy.schema, policy.settings, subject, resource)
    frame = FrameBuilder(reader, subject, resource).build(request, snapshot, NOW)
    *_, leaf = Evaluator(reader, policy.tests).walk(action.allowed, frame)
    return leaf is TRUE


def _differs(request: Request, decision: Decision, report: AccessReport, listed: Listed) -> str:
    """Return what a report says otherwise than a decision; empty where it says the same."""
    policy, snapshot = report.policy, report.snapshot
    keys = [
        snapshot.id_of(each.type, key_of_id(policy.schema, policy.schema.types[each.type], each.id))  # type: ignore[arg-type]
        for each in (request.subject, request.resource)
    ]
    pair = (f"{request.subject.type}:{keys[0]}", f"{request.resource.type}:{keys[1]}")
    row = listed.get(pair)
    actions = {each.name: each for each in row.access.actions} if row else {}
    action = actions.get(request.action)
    if action is None:
        return "allowed, and not listed" if decision.allowed else ""
    if action.is_certain and not decision.allowed:
        return "listed without a condition, and denied"
    if not action.unlisted and _holds(action, request, policy, snapshot) is not decision.allowed:
        return "its condition holds otherwise than the decision"
    missing = {each.code for each in decision.obligations} - set(action.obligations)
    return f"obligations {missing} are not listed" if missing else ""


def _every_request(policy: Policy, snapshot: Snapshot) -> Iterator[Request]:
    """Yield a request about each pair and each action, of a caller that sends nothing."""
    types = policy.schema.types
    for subject, (resource, declared) in product(policy.schema.subjects(), types.items()):
        if types[subject].table and declared.table:
            for who, what in product(snapshot.ids(subject), snapshot.ids(resource)):
                for name, action in declared.actions.items():
                    if not action.creates:
                        yield Request(
                            subject=Reference(subject, who),
                            action=name,
                            resource=Reference(resource, what),
                        )


def test_a_report_of_the_shipped_pack_lists_exactly_what_decisions_allow() -> None:
    report = _shipped()
    listed = _listed(report)
    tally: Counter[bool] = Counter()
    differences = []

    for request in _every_request(report.policy, report.snapshot):  # type: ignore[arg-type]
        decision = authorize(request, report.policy, report.snapshot, NOW)
        tally[decision.allowed] += 1
        if differs := _differs(request, decision, report, listed):
            differences.append((request, differs))

    assert differences == []
    assert tally[True] > 300
    assert report.summary.rows == len(listed)
    assert not report.summary.unlisted


@pytest.mark.many
def test_reports_of_generated_worlds_agree_with_every_decision(tmp_path: Path) -> None:
    tally: Counter[str] = Counter()
    differences = []

    for seed in range(deep(10)):
        requests = generated_requests(seed, tmp_path / str(seed), 3, 15)
        for _, same in groupby(requests, key=lambda each: id(each[1])):
            found = list(same)
            policy, snapshot = found[0][:2]
            report = AccessReport(policy, _without_texts(policy), snapshot, NOW, EVERYTHING)
            listed = _listed(report)
            asked = [each[2] for each in found]
            for request in [*asked, *_every_request(policy, snapshot)]:
                decision = _decided(request, policy, snapshot)
                if decision is None:
                    tally["passed over"] += 1
                elif differs := _differs(request, decision, report, listed):
                    differences.append((seed, request, differs))
                else:
                    tally[f"allowed {decision.allowed}"] += 1
            tally["conditions"] += sum(
                not action.is_certain for row in listed.values() for action in row.access.actions
            )
            assert not report.summary.unlisted

    assert differences == []
    assert tally["allowed True"] > 150
    assert tally["conditions"] > 20


def _decided(request: Request, policy: Policy, snapshot: Snapshot) -> Decision | None:
    """Return a decision; None of one that a report does not list, or that is malformed."""
    subject, resource = (
        policy.schema.types.get(each.type) for each in (request.subject, request.resource)
    )
    if subject is None or resource is None or not (subject.table and resource.table):
        return None
    action = resource.actions.get(request.action)
    keys = [
        key_of_id(policy.schema, declared, each.id)
        for declared, each in ((subject, request.subject), (resource, request.resource))
    ]
    if action is None or action.creates or None in keys:
        return None
    try:
        decision = authorize(request, policy, snapshot, NOW)
    except InvalidRequestError:
        return None
    return None if decision.outside else decision


@pytest.mark.parametrize(
    ("subject", "resource", "roles", "rules", "rows"),
    [
        ("user:ana", "account:acme", ("owner",), ["account.polar:54"], ["account:acme"]),
        (
            "user:bob",
            "account:acme",
            ("admin",),
            ["account.polar:59"],
            ["membership:acme/bob", "account:acme"],
        ),
        (
            "user:bob",
            "membership:acme/dora",
            ("admin",),
            ["account.polar:59"],
            ["membership:acme/bob", "account:acme"],
        ),
        ("user:wes", "account:willow", ("owner",), ["account.polar:54"], ["account:willow"]),
        (
            "user:cy",
            "invitation:inv-7",
            (),
            ["invitation.polar:18"],
            ["invitation:inv-7", "user:cy"],
        ),
    ],
)
def test_a_row_names_the_rule_and_the_rows_that_give_access(
    subject: str, resource: str, roles: tuple[str, ...], rules: list[str], rows: list[str]
) -> None:
    who, what = (Reference(*each.split(":")) for each in (subject, resource))

    (row,) = _shipped(Selected(subject=who, resource=what)).rows()

    assert row.access.roles == roles
    given = [f"{each.file}:{each.line}" for each in row.access.given_by]
    assert [each for each in given if each in rules] == rules
    assert [str(each) for each in row.rows] == rows


def test_a_selection_lists_what_the_whole_report_lists_of_it() -> None:
    whole = _listed(_shipped())
    acme, bob = Reference("account", "acme"), Reference("user", "bob")

    for selected, fits in (
        (Selected(subject=bob), lambda row: row.subject == bob),
        (Selected(resource=acme), lambda row: row.resource == acme),
        (Selected(subject=bob, resource=acme), lambda r: (r.subject, r.resource) == (bob, acme)),
    ):
        found = _listed(_shipped(selected))
        assert found.keys() == {pair for pair, row in whole.items() if fits(row)}
        for pair, row in found.items():
            names = [each.name for each in row.access.actions]
            assert names == [each.name for each in whole[pair].access.actions]
    switching = _listed(_shipped(Selected(action="team.manage")))
    assert {pair for pair, row in whole.items() if "team.manage" in _names(row)} == {*switching}


def _names(row: AccessRow) -> list[str]:
    return [each.name for each in row.access.actions]


SCHEMA = """\
types:
  user: {subject: true, table: users, key: id, attributes: {id: string}}
  paper:
    table: papers
    key: id
    attributes:
      id: string
      owner: user
      level: {type: integer, caller: true, optional: true}
    actions:
      read: {}
      edit: {properties: {draft: boolean}}
      print: {}
context:
  inside: {type: boolean, default: false}
settings: {}
"""
RULES = """\
actor User {}
allow(user: User, _: Action{name: "read"}, paper: Paper) if paper.owner = user and paper.level >= 3;
allow(user: User, action: Action{name: "edit"}, paper: Paper) if
  paper.owner = user and action.draft = true and context.inside = true;
allow(_: User, _: Action{name: "print"}, _: Paper);
"""


def test_what_a_caller_sends_is_a_condition_and_no_yes(tmp_path: Path) -> None:
    policies, fixtures = put_pack(tmp_path, RULES, SCHEMA)
    mount = tmp_path / "mount"
    mount.mkdir()
    (mount / "users.yaml").write_text("- {id: ana}\n- {id: bob}\n")
    (mount / "papers.yaml").write_text(
        "- {id: p1, owner: ana, level: 3}\n"
        "- {id: p2, owner: ana, level: 2}\n"
        "- {id: p3, owner: ana}\n"
    )

    listed = _listed(_report(policies, fixtures, mount))

    edit = ("edit", (("action.draft is true", "context.inside is true"),))
    certain, conditional = ("read", ((),)), ("read", (("paper.level is at least 3",),))
    everybody = ("print", ((),))
    assert {
        pair: [(each.name, each.when) for each in row.access.actions]
        for pair, row in listed.items()
    } == {
        ("user:ana", "paper:p1"): [certain, edit, everybody],
        ("user:ana", "paper:p2"): [edit, everybody],
        ("user:ana", "paper:p3"): [conditional, edit, everybody],
        **{("user:bob", f"paper:p{number}"): [everybody] for number in (1, 2, 3)},
    }


def test_a_condition_is_told_by_its_rule_and_gives_no_role() -> None:
    """Ada attends Pat. Whether she heads a department depends on the one that a request names."""
    pack = ROOT / "tests" / "packs" / "hospital"
    fixtures = pack / "fixtures"
    selected = Selected(
        subject=Reference("staff", "ada"), action="transfer", resource=Reference("patient", "pat")
    )

    (row,) = _report(pack / "policies", fixtures, fixtures / "worlds" / "demo", selected).rows()

    (transfer,) = row.access.actions
    assert transfer.when == (("action.to is given", 'has_role(staff, "head", action.to)'),)
    assert row.access.roles == ()


def test_a_row_that_a_look_up_of_any_row_finds_is_named() -> None:
    pack = ROOT / "tests" / "packs" / "hospital"
    fixtures = pack / "fixtures"
    policy = PackPlace("now", pack / "policies", fixtures).load()
    snapshot = read_directory(policy.schema, fixtures / "worlds" / "demo")
    on_shift = datetime(2026, 11, 30, 9, tzinfo=UTC)
    texts, _ = read_texts(pack / "policies", fixtures)
    selected = Selected(subject=Reference("staff", "cleo"), resource=Reference("patient", "pat"))

    (row,) = AccessReport(policy, texts, snapshot, on_shift, selected).rows()
    later = AccessReport(policy, texts, snapshot, NOW, selected).rows()

    assert [str(each) for each in row.rows] == ["care:pat/red"]
    assert "main.polar:22 (rule `cares`)" in [str(each) for each in row.access.given_by]
    assert list(later) == []
