"""Whole packs of other domains: the tools for reviewers end, in seconds, without a traceback."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sidecar.cli import EXIT_TROUBLE, main
from sidecar.review import condition_cover as covering
from tests.depth import deep
from tests.paths import PACKS

EDITS = {
    "code_hosting": ("repository.polar", '"push" if "write"', '"push" if "triage"'),
    "code_hosting_nested": ("repository.polar", '"push" if "write"', '"push" if "triage"'),
    "bank": ("bank.polar", '"release" if "manager"', '"release" if "officer"'),
    "two_subjects": ("a.polar", '"edit" if "admin"', '"edit" if "viewer"'),
}
STATUSES = {
    "code_hosting": {"check": 0, "matrix": 0, "prove": 0, "diff": 2},
    "code_hosting_nested": {"check": 0, "matrix": 0, "prove": 0, "diff": 2},
    "bank": {"check": 0, "matrix": 0, "prove": 0, "diff": 1},
    "two_subjects": {"check": 0, "matrix": 0, "prove": 0, "diff": 1},
}
LONGEST = 120
"""Lines of an answer, the matrix apart."""

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What was compiled by then: the commands need much the same of a pack."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def answered() -> dict[tuple[str, str], Result]:
    """What was answered by then, by command and pack."""
    return {}


@pytest.fixture
def run(
    cache: Path,
    answered: dict[tuple[str, str], Result],
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """Run a command, in this process, with what was compiled for others."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))

    def run(command: str, name: str, *arguments: str) -> Result:
        # So that what is not listed is met, and soon.
        monkeypatch.setattr(covering, "MOST_CONDITIONS", 12 if name == "code_hosting" else 40)
        places = ("--policies", str(PACKS / name / "policies"))
        if (command, name) not in answered:
            result = CliRunner().invoke(main, [command, *(arguments or places)])
            assert result.exception is None or isinstance(result.exception, SystemExit)
            answered[command, name] = result
        return answered[command, name]

    return run


QUICK = ["bank", "two_subjects"]
"""Packs that every run goes through; those of code hosting take a minute, in `make deep`."""


@pytest.mark.many
@pytest.mark.parametrize("name", EDITS if deep(1) > 1 else QUICK)
def test_every_tool_ends_with_its_status_and_in_few_lines(
    name: str, run: Run, tmp_path: Path
) -> None:
    pack, edited = PACKS / name, tmp_path / name
    shutil.copytree(pack, edited)
    file, before, after = EDITS[name]
    text = (edited / "policies" / file).read_text()
    assert text.count(before) == 1
    (edited / "policies" / file).write_text(text.replace(before, after))

    results = {command: run(command, name) for command in ("check", "matrix", "prove")}
    results["diff"] = run("diff", name, str(pack), str(edited))

    assert {each: result.exit_code for each, result in results.items()} == STATUSES[name]
    for command, result in results.items():
        assert command == "matrix" or len(result.stdout.splitlines()) < LONGEST
    assert "newly allowed: " in results["diff"].stdout
    assert "no situation is decided otherwise" not in results["diff"].stdout


def test_rules_over_teams_of_a_declared_depth_are_compiled_and_proved(run: Run) -> None:
    checked, proved = run("check", "code_hosting_nested"), run("prove", "code_hosting_nested")

    assert [line.split()[0] for line in checked.stdout.splitlines()] == ["policy", "data", "suites"]
    assert proved.stdout.splitlines()[-1] == "7 of 7 invariants hold in every state"


def test_no_rule_is_called_dead_that_oso_may_reach(tmp_path: Path) -> None:
    pack = tmp_path / "pack"
    shutil.copytree(PACKS / "code_hosting_nested", pack)
    schema = pack / "fixtures" / "schema.yaml"
    text = schema.read_text()
    assert ", depth: 3" in text
    schema.write_text(text.replace(", depth: 3", ""))

    found = CliRunner().invoke(main, ["check", "--policies", str(pack / "policies")])

    lines = found.stdout.splitlines()
    assert [line for line in lines if line.startswith("look at")] == []
    assert [line.partition(": ")[0] for line in lines if line.startswith("notice")] == [
        "notice main.polar:3"  # one cause, and all actions in it
    ]


def test_a_rule_that_nothing_asks_for_is_not_one_that_can_never_hold(run: Run) -> None:
    found = run("check", "bank")

    advice = "nothing asks for this rule of `has_role`; delete it, or write what should ask it"
    assert found.stdout.splitlines()[3:] == [f"look at bank.polar:30:3: {advice}"]


def test_what_is_not_listed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(covering, "MOST_CONDITIONS", 1)

    found = CliRunner().invoke(main, ["matrix", "--policies", str(PACKS / "bank" / "policies")])

    assert found.exit_code == EXIT_TROUBLE
    told = "error: not listed: `sanctioned` for a `payment`: it has more than 1 conditions"
    assert told in found.stderr
    listed = found.stdout.splitlines()
    assert "enough(payment): not listed, it has more than 1 conditions" in listed
    assert (
        "forbidden, `wrong_currency` (create): not listed, it has more than 1 conditions" in listed
    )
