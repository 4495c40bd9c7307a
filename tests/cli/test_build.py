"""`sidecar build`, and the commands that take what it built."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sidecar.bundle.file import decode, read_bundle
from sidecar.cli import main
from sidecar.compiler import load_pack
from sidecar.config.settings import shipped
from tests.paths import ROOT

SCHEMA = """\
types:
  user: {subject: true, table: users, key: id, attributes: {id: string}}
  folder:
    {table: folders, key: id, attributes: {id: string, parent: {type: folder, optional: true}}}
  doc:
    table: docs
    key: id
    attributes: {id: string, owner: user, folder: folder}
    actions: [read, move]
"""
GRANT = 'actor User {}\nallow(user: User, _: Action{name: "read"}, doc: Doc) if doc.owner = user;\n'
DEEP = """\
allow(user: User, _: Action{name: "move"}, doc: Doc) if doc.owner = user and top(doc.folder);
top(folder: Folder) if folder.id = "top";
top(folder: Folder) if top(folder.parent);
"""
SUITE = """\
suite: docs
world: demo
now: 2026-12-01T12:00:00Z
cases:
  - {name: owners read, subjects: [ana], actions: [read], resource: doc:plan, allow: {ana: [read]}}
"""
WORLD = {
    "users": "[{id: ana}]\n",
    "folders": "[{id: top}]\n",
    "docs": "[{id: plan, owner: ana, folder: top}]\n",
}


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    world = tmp_path / "fixtures" / "worlds" / "demo"
    world.mkdir(parents=True)
    for table, rows in WORLD.items():
        (world / f"{table}.yaml").write_text(rows)
    for name, text in {
        "policies/main.polar": GRANT,
        "policies/docs_test.yaml": SUITE,
        "fixtures/schema.yaml": SCHEMA,
        "fixtures/settings.yaml": "{}\n",
        "fixtures/reasons.yaml": "{}\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def run(*args: str, **variables: str) -> Result:
    return CliRunner().invoke(main, list(args), env=variables)


def build(pack: Path, *options: str) -> Result:
    output = ("--output", str(pack / "policy.bundle"))
    return run("build", "--policies", str(pack / "policies"), *output, *options)


def decided(pack: Path, command: str, *args: str) -> Result:
    places = ("--bundle", "policy.bundle", "--data", "fixtures/worlds/demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(pack)
        return run(command, *args, *places)


def test_a_bundle_is_written_and_decides_as_the_pack_does(pack: Path) -> None:
    result = build(pack)

    bundle = decode(read_bundle(pack / "policy.bundle"), "policy.bundle")
    assert (result.exit_code, result.stdout) == (
        0,
        f"policy {bundle.revision}\nbundle {pack / 'policy.bundle'}\n",
    )
    assert bundle.revision == load_pack(pack / "policies", pack / "fixtures").revision
    allowed = decided(pack, "authorize", "user:ana", "read", "doc:plan")
    denied = decided(pack, "authorize", "user:ana", "move", "doc:plan")
    listed = decided(pack, "permissions", "user:ana", "doc:plan")
    assert (allowed.exit_code, allowed.stdout) == (0, "allow\n")
    assert (denied.exit_code, denied.stdout.splitlines()[0]) == (1, "deny")
    assert (listed.exit_code, listed.stdout) == (0, "read\n")
    assert "bundle: `policy.bundle`" in allowed.stderr


def test_the_same_pack_gives_the_same_bytes_in_any_process(tmp_path: Path) -> None:
    contents = []
    for seed in ("1", "2"):
        target = tmp_path / f"{seed}.bundle"
        pack = ("--policies", str(shipped("policies")), "--fixtures", str(shipped("fixtures")))
        subprocess.run(  # noqa: S603  our own program
            [sys.executable, "-m", "sidecar", "build", "--output", str(target), *pack],
            check=True,
            capture_output=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed},  # noqa: TID251
        )
        contents.append(target.read_bytes())

    assert contents[0] == contents[1]


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        (
            "policies/docs_test.yaml",
            SUITE.replace("allow: {ana: [read]}", "allow: {}"),
            "docs_test.yaml:5: owners read",
        ),
        ("policies/main.polar", "allow(_: Usr, _: Action, _: Doc);\n", "main.polar:1: "),
        ("fixtures/schema.yaml", SCHEMA + "extra: 1\n", "schema.yaml:"),
        ("fixtures/worlds/demo/docs.yaml", "[{id: plan}]\n", "docs.yaml"),
    ],
)
def test_nothing_is_written_where_something_is_wrong(
    pack: Path, file: str, text: str, message: str
) -> None:
    (pack / file).write_text(text)

    result = build(pack)

    assert result.exit_code == 1
    assert message in result.stdout
    assert not (pack / "policy.bundle").exists()


def test_a_bundle_that_is_there_stays_where_something_is_wrong(pack: Path) -> None:
    build(pack)
    before = (pack / "policy.bundle").read_bytes()
    (pack / "policies" / "main.polar").write_text("allow(")

    assert build(pack).exit_code == 1
    assert (pack / "policy.bundle").read_bytes() == before


def test_a_place_that_cannot_be_written_is_trouble(pack: Path) -> None:
    result = build(pack, "--output", str(pack / "none" / "policy.bundle"))

    assert result.exit_code == 2
    assert "cannot be written: No such file or directory" in result.stderr


# --- rules that are not compiled ----------------------------------------------------------------


def test_a_rule_that_is_not_compiled_is_refused_by_file_line_and_name(pack: Path) -> None:
    (pack / "policies" / "main.polar").write_text(GRANT + DEEP)

    result = build(pack)

    assert result.exit_code == 1
    assert result.stdout.startswith("main.polar:3: `allow` is not compiled for `doc.move`: ")
    assert result.stdout.endswith("or have these denied by --allow-uncompiled doc.move\n")
    assert not (pack / "policy.bundle").exists()


def test_a_rule_that_is_not_compiled_is_denied_where_that_is_accepted(pack: Path) -> None:
    (pack / "policies" / "main.polar").write_text(GRANT + DEEP)

    result = build(pack, "--allow-uncompiled", "doc.move")

    denied = decided(pack, "authorize", "user:ana", "move", "doc:plan")
    allowed = decided(pack, "authorize", "user:ana", "read", "doc:plan")
    listed = decided(pack, "permissions", "user:ana", "doc:plan")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "denied doc.move")
    assert (denied.exit_code, denied.stdout.splitlines()[1].split(":")[0]) == (
        1,
        "reason policy_error",
    )
    assert (allowed.exit_code, listed.stdout) == (0, "read\n")


@pytest.mark.parametrize(
    ("accepted", "status", "message"),
    [
        ("dog.move", 2, "there is no type `dog`; did you mean `doc`?"),
        ("doc.mov", 2, "`doc` has no action `mov`"),
        ("doc", 2, "`doc` has no action ``"),
        ("doc.read", 0, "note: `doc.read` is compiled; --allow-uncompiled can go"),
    ],
)
def test_an_action_that_need_not_be_accepted_is_told(
    pack: Path, accepted: str, status: int, message: str
) -> None:
    result = build(pack, "--allow-uncompiled", accepted)

    assert result.exit_code == status
    assert message in result.stderr


# --- which pack ---------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["serve", "authorize", "permissions"])
@pytest.mark.parametrize(
    ("options", "variables", "message"),
    [
        (("--policies", "p", "--data", "d"), {}, "a bundle takes the place of policies"),
        (("--data", "d"), {"SIDECAR_FIXTURES": "f"}, "their variables `SIDECAR_BUNDLE` and"),
        ((), {}, "a bundle has no demo world; name the mounted facts with `--data`"),
    ],
)
def test_a_bundle_beside_a_pack_or_without_facts_is_a_usage_error(
    command: str, options: tuple[str, ...], variables: dict[str, str], message: str
) -> None:
    asked = {"serve": (), "permissions": ("user:a", "b:c"), "authorize": ("user:a", "b", "c:d")}

    result = run(command, *asked[command], "--bundle", "x", *options, **variables)

    assert result.exit_code == 2
    assert message in result.stderr


def test_a_bundle_can_be_named_by_a_variable(pack: Path) -> None:
    build(pack)

    result = run(
        "authorize",
        *("user:ana", "read", "doc:plan"),
        SIDECAR_BUNDLE=str(pack / "policy.bundle"),
        SIDECAR_DATA=str(pack / "fixtures" / "worlds" / "demo"),
    )

    assert (result.exit_code, result.stdout) == (0, "allow\n")
