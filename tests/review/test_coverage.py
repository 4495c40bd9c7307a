"""`sidecar test --coverage`: what the suites try, and cases that try more when they are pasted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from sidecar.cli import main

SCHEMA = """\
types:
  user:
    subject: true
    table: users
    key: id
    attributes: {id: string, active: boolean}
  doc:
    table: docs
    key: id
    attributes: {id: string, owner: user, pages: integer, due: instant}
    actions:
      view: {}
      edit: {}
"""
POLICY = """\
actor User {}
resource Doc { permissions = ["view", "edit"]; }
allow(s: User, action: Action, r: Doc) if has_permission(s, action.name, r);
has_permission(s: User, "view", r: Doc) if r.owner = s;
has_permission(s: User, "edit", r: Doc) if r.owner = s and r.pages < 10 and context.now < r.due;
forbid(s: User, _: Action, _: Doc, "asleep") if s.active = false;
"""
SUITE = """\
suite: docs
world: small
now: 2026-01-01T00:00:00Z
cases:
  - name: the owner may view
    resource: doc:first
    subjects: [ann, bob]
    actions: [view]
    allow: {ann: [view]}
"""
REST = """\
  - name: the owner may edit what is short
    resources: [doc:first, doc:long]
    subjects: [ann, bob]
    actions: [edit]
    allow: {ann: {doc:first: [edit]}}
  - name: nobody may edit what is overdue
    now: 2027-01-01T00:00:00Z
    resource: doc:first
    subjects: [ann]
    actions: [edit]
  - name: whoever sleeps may not
    resources: [doc:first]
    subjects: [zoe]
    actions: [view, edit]
    because: {zoe: {all: asleep}}
  - name: nobody who is not there may
    resources: [doc:first]
    subjects: [nobody]
    actions: [view]
    because: {nobody: {view: unknown_subject}}
"""


def _pack(directory: Path, suite: str) -> None:
    world = directory / "fixtures" / "worlds" / "small"
    (directory / "policies").mkdir()
    world.mkdir(parents=True)
    (directory / "fixtures" / "schema.yaml").write_text(SCHEMA)
    (directory / "fixtures" / "settings.yaml").write_text("{}\n")
    (directory / "fixtures" / "reasons.yaml").write_text("reasons: {asleep: They sleep.}\n")
    (directory / "policies" / "main.polar").write_text(POLICY)
    (directory / "policies" / "docs_test.yaml").write_text(suite)
    (world / "users.yaml").write_text(
        "- {id: ann, active: true}\n- {id: bob, active: true}\n- {id: zoe, active: false}\n"
    )
    (world / "docs.yaml").write_text(
        "- {id: first, owner: ann, pages: 1, due: 2027-01-01T00:00:00Z}\n"
        "- {id: long, owner: ann, pages: 10, due: 2027-01-01T00:00:00Z}\n"
    )


def _test(directory: Path, *options: str, status: int = 0) -> str:
    places = [f"--{name}={directory / name}" for name in ("policies", "fixtures")]
    found = CliRunner().invoke(main, ["test", *places, *options])
    assert found.exit_code == status, found.output
    return found.stdout


def _coverage(directory: Path) -> dict[str, Any]:
    coverage: dict[str, Any] = json.loads(_test(directory, "--coverage", "--json"))["coverage"]
    return coverage


def test_a_rule_that_holds_in_no_request_is_named_with_its_place(tmp_path: Path) -> None:
    _pack(tmp_path, SUITE)

    lines = _test(tmp_path, "--coverage").splitlines()

    assert lines[1] == "rules: 50 %, 2 of 4 hold in a request of the suites"
    assert "main.polar:5: this rule of `has_permission` holds in no request of the suites" in lines
    assert "main.polar:6: this rule of `forbid` holds in no request of the suites" in lines
    assert not any("main.polar:4" in line for line in lines)


def test_each_pasted_case_passes_and_all_of_them_follow_every_way(tmp_path: Path) -> None:
    _pack(tmp_path, SUITE)
    before = _coverage(tmp_path)
    first, *others = before["cases"]
    suite = tmp_path / "policies" / "docs_test.yaml"

    _paste(suite, first)
    once = _coverage(tmp_path)
    for case in others:
        _paste(suite, case)
    after = _coverage(tmp_path)

    assert before["leaves"]["covered"] < once["leaves"]["covered"] < after["leaves"]["covered"]
    assert before["leaves"]["total"] == once["leaves"]["total"] == after["leaves"]["total"]
    assert after["leaves"]["percent"] == after["rules"]["percent"] == 100
    assert after["cases"] == after["leaves"]["uncovered"] == after["rules"]["uncovered"] == []


def test_suites_that_try_everything_are_told_so(tmp_path: Path) -> None:
    _pack(tmp_path, SUITE + REST)

    lines = _test(tmp_path, "--coverage").splitlines()

    assert [line.partition(",")[0] for line in lines[1:]] == ["rules: 100 %", "leaves: 100 %"]


def test_an_action_that_is_asked_covers_no_tree_of_another(tmp_path: Path) -> None:
    _pack(tmp_path, SUITE)

    uncovered = _coverage(tmp_path)["leaves"]["uncovered"]

    granted = [way for way in uncovered if way["tree"] == "granted"]
    assert {action for way in granted for action in way["actions"]} == {"edit"}
    assert ["doc.owner is user", "doc.pages is at least 10"] in [w["conditions"] for w in granted]


def test_coverage_leaves_the_exit_status_as_it_is(tmp_path: Path) -> None:
    _pack(tmp_path, SUITE.replace("ann: [view]", "bob: [view]"))

    assert "rules: 50 %" in _test(tmp_path, "--coverage", status=1)


def _paste(suite: Path, case: str) -> None:
    indented = "".join(f"  {line}\n" for line in case.splitlines())
    suite.write_text(suite.read_text() + indented)
