"""Which pack a command uses: the one that is named, the nearest, or the shipped one."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sidecar.cli import main
from sidecar.config.settings import shipped

SCHEMA = """\
types:
  user: {subject: true, table: users, key: id, attributes: {id: string}}
  doc: {table: docs, key: id, attributes: {id: string, owner: user}, actions: [read]}
"""
GRANT = "actor User {}\nallow(user: User, _: Action, doc: Doc) if doc.owner = user;\n"
ANYBODY = "actor User {}\nallow(_: User, _: Action, _: Doc);\n"
INVARIANTS = "invariants: [{name: only owners, never: {unless: resource.owner = subject}}]\n"
SUITE = """\
suite: docs
world: demo
now: 2026-12-01T12:00:00Z
cases:
  - {name: owners read, subjects: [ana], actions: [read], resource: doc:plan, allow: {ana: [read]}}
"""
QUESTION = ("user:ana", "read", "doc:plan")
COMMANDS = {
    "authorize": QUESTION,
    "check": (),
    "explain": QUESTION,
    "matrix": (),
    "mutate": ("--workers", "1"),
    "permissions": ("user:ana", "doc:plan"),
    "prove": (),
    "replay": ("-",),
    "test": (),
    "tree": ("read", "doc"),
}


def _write(directory: Path, policy: str = GRANT) -> Path:
    world = directory / "fixtures" / "worlds" / "demo"
    world.mkdir(parents=True)
    (directory / "policies").mkdir()
    (directory / "policies" / "main.polar").write_text(policy)
    (directory / "policies" / "invariants.yaml").write_text(INVARIANTS)
    (directory / "policies" / "docs_test.yaml").write_text(SUITE)
    (directory / "fixtures" / "schema.yaml").write_text(SCHEMA)
    (directory / "fixtures" / "settings.yaml").write_text("{}\n")
    (directory / "fixtures" / "reasons.yaml").write_text("{}\n")
    (world / "users.yaml").write_text("- {id: ana}\n")
    (world / "docs.yaml").write_text("- {id: plan, owner: ana}\n")
    return directory


def _git(directory: Path, *arguments: str) -> None:
    who = ["-C", str(directory), "-c", "user.name=ann", "-c", "user.email=ann@acme.example"]
    subprocess.run(["git", *who, *arguments], check=True, capture_output=True)  # noqa: S603, S607


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run a command in a directory."""

    def run(directory: Path, *arguments: str, **environment: str) -> Result:
        monkeypatch.chdir(directory)
        return CliRunner().invoke(main, list(arguments), env=environment, input="")

    return run


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_uses_the_nearest_pack_and_names_it(
    command: str, tmp_path: Path, run: Callable[..., Result]
) -> None:
    _write(tmp_path)
    inside = tmp_path / "services" / "web"
    inside.mkdir(parents=True)

    result = run(inside, command, *COMMANDS[command])

    first = result.stderr.splitlines()[0]
    assert first == (
        f"pack: `{tmp_path / 'policies'}` with `{tmp_path / 'fixtures'}`"
        " (the nearest to the working directory)"
    )
    assert not isinstance(result.exception, Exception)
    assert result.stderr.count("pack: ") == 1


def test_the_search_ends_at_the_root_of_the_repository(
    tmp_path: Path, run: Callable[..., Result]
) -> None:
    _write(tmp_path)
    repository = tmp_path / "other"
    repository.mkdir()
    _git(repository, "init", "--quiet")

    result = run(repository, "tree", "transfer", "account")

    assert f"pack: `{shipped('policies')}`" in result.stderr
    assert "(the shipped pack)" in result.stderr
    assert result.exit_code == 0


@pytest.mark.parametrize("named", ["policies", "fixtures"])
def test_one_directory_uses_the_other_beside_it_or_fails(
    named: str, tmp_path: Path, run: Callable[..., Result]
) -> None:
    pack, lone = _write(tmp_path / "pack"), tmp_path / "lone"
    shutil.copytree(pack / named, lone / named)
    other = "fixtures" if named == "policies" else "policies"

    found = run(tmp_path, "authorize", *QUESTION, f"--{named}", f"pack/{named}")
    by_variable = run(
        tmp_path, "authorize", *QUESTION, **{f"SIDECAR_{named.upper()}": str(pack / named)}
    )
    missing = run(tmp_path, "authorize", *QUESTION, f"--{named}", f"lone/{named}")
    served = run(tmp_path, "serve", f"--{named}", f"lone/{named}")

    assert (found.stdout, by_variable.stdout) == ("allow\n", "allow\n")
    assert found.stderr == "pack: `pack/policies` with `pack/fixtures` (as named)\n"
    for result in (missing, served):
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr == (
            f"error: there is no `{other}` beside `lone/{named}`;"
            f" name the directory with `--{other}`\n"
        )


def test_a_revision_is_one_of_the_repository_of_the_pack(
    tmp_path: Path, run: Callable[..., Result]
) -> None:
    pack, elsewhere = _write(tmp_path / "pack"), tmp_path / "elsewhere"
    elsewhere.mkdir()
    for directory in (pack, elsewhere):
        _git(directory, "init", "--quiet")
    _git(pack, "add", ".")
    _git(pack, "commit", "--quiet", "--message", "as it was")
    (pack / "policies" / "main.polar").write_text(ANYBODY)

    inside = run(pack / "policies", "diff", "HEAD")
    named = run(elsewhere, "diff", "HEAD", "--policies", str(pack / "policies"))
    shipped_one = run(elsewhere, "diff", "no-such-revision")

    for result in (inside, named):
        assert result.exit_code == 1
        assert "newly allowed: read on doc, for user" in result.stdout
    assert shipped_one.exit_code == 2
    assert "of the repository of" in shipped_one.stderr


def test_policies_without_fixtures_are_not_compared_with_those_of_another_pack(
    tmp_path: Path, run: Callable[..., Result]
) -> None:
    pack = _write(tmp_path / "pack")
    shutil.copytree(pack / "policies", tmp_path / "lone" / "deep" / "rules")

    result = run(tmp_path, "diff", "pack", "lone/deep/rules")
    named = run(tmp_path, "diff", "pack", "lone/deep/rules", "--fixtures", "pack/fixtures")

    assert result.exit_code == 2
    assert "there is no `fixtures` beside `lone/deep/rules`" in result.stderr
    assert named.exit_code == 0
