"""`sidecar review` as a reviewer types it: revisions, directories, approvals and formats."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sidecar.cli import main
from tests.paths import ROOT

PACK = ROOT / "tests" / "review" / "verdict" / "pack"
AT = ("--at", "2026-06-01T08:00:00Z", "--mutants", "0")
MOST_LINES = 60


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository that holds the small pack in a folder, in which the test stands."""
    pack = tmp_path / "access"
    shutil.copytree(PACK, pack)
    monkeypatch.chdir(tmp_path)
    _git("init", "--quiet")
    _commit("as it was")
    monkeypatch.chdir(pack)
    monkeypatch.setenv("COLUMNS", "100")
    return pack


def _git(*arguments: str) -> None:
    who = ["-c", "user.name=ann", "-c", "user.email=ann@acme.example"]
    subprocess.run(["git", *who, *arguments], check=True, capture_output=True)  # noqa: S603, S607


def _commit(message: str) -> None:
    _git("add", "--all")
    _git("commit", "--quiet", "--message", message)


def _edit(file: Path, was: str, now: str) -> None:
    text = file.read_text()
    assert text.count(was) == 1
    file.write_text(text.replace(was, now))


def _widen(pack: Path) -> None:
    _edit(pack / "policies/main.polar", '"run" if "operator";', '"run" if "mechanic";')


def _review(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["review", *arguments, *AT])


def test_without_arguments_the_files_are_compared_with_the_last_commit(checkout: Path) -> None:
    before = _review()
    _widen(checkout)
    edited = _review("--json")
    _commit("widened")
    committed = _review("HEAD~1..HEAD", "--json")
    named = _review("HEAD~1", "HEAD", "--json")

    assert (before.exit_code, edited.exit_code, committed.exit_code) == (0, 1, 1)
    assert before.stdout.startswith("NO CHANGE: ")
    assert named.stdout == committed.stdout
    found = [json.loads(each.stdout) for each in (edited, committed)]
    assert [each.pop("new") for each in found] == ["the files as they are now", "HEAD"]
    assert [each.pop("old") for each in found] == ["HEAD", "HEAD~1"]
    assert found[0] == found[1]


def test_the_text_says_what_was_edited_and_who_gains_and_loses(checkout: Path) -> None:
    _widen(checkout)

    lines = _review().stdout.splitlines()

    assert lines[0] == "WIDENS: more is possible than before"
    first = "\n".join(lines[:10])
    assert "policies/main.polar:13  `run` on Machine is now given to `mechanic`" in first
    assert "  mechanic: run on machine when none of `locked_out`, `too_hot`" in "\n".join(lines)
    assert "    1 subject in the demo world: person:mia on machine:lathe" in lines
    assert "    1 subject in the demo world: person:ola on machine:lathe" in lines
    assert len(lines) <= MOST_LINES


def test_names_are_hashed_where_they_are_not_to_be_seen(checkout: Path) -> None:
    _widen(checkout)

    result = _review("--anonymous")

    assert "person:mia on machine:lathe" not in result.stdout
    assert "1 subject in the demo world: person:" in result.stdout


@pytest.mark.parametrize(
    ("was", "now", "approve", "status"),
    [
        ('"run" if "operator";', '"run" if "mechanic";', [], 1),
        ('"run" if "operator";', '"run" if "mechanic";', ["--approve", "widens"], 0),
        ('"scrap" if "lead";', '"scrap" if "mechanic";', ["--approve", "widens"], 1),
        ('"scrap" if "lead";', '"scrap" if "mechanic";', ["--approve", "breaks"], 0),
        ("machine.locked = true;", "machine.lokced = true;", ["--approve", "breaks"], 2),
        ('  "run" if "operator";\n', "", [], 0),
    ],
    ids=["widens", "approved", "breaks", "breaks approved", "untold", "narrows"],
)
def test_the_status_is_1_for_what_nobody_approved_and_2_for_what_nobody_knows(
    checkout: Path, was: str, now: str, approve: list[str], status: int
) -> None:
    _edit(checkout / "policies/main.polar", was, now)

    assert _review(*approve).exit_code == status


def test_json_has_a_version_and_a_place_for_each_edit(checkout: Path) -> None:
    _widen(checkout)

    review = json.loads(_review("--json").stdout)

    assert (review["version"], review["verdict"], review["told"]) == (1, "widens", "widens")
    place = {"file": "policies/main.polar", "line": 13}
    assert [edit["places"] for edit in review["edits"]] == [{"old": place, "new": place}]
    assert [(each["effect"], each["role"]) for each in review["access"]] == [
        ("allowed", "mechanic"),
        ("denied", "operator"),
    ]
    assert review["widened"] == review["narrowed"] == ["run on machine"]


def test_sarif_has_what_github_reads_with_paths_from_the_root(checkout: Path) -> None:
    _widen(checkout)

    log = json.loads(_review("--sarif").stdout)

    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    rules = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert run["tool"]["driver"]["name"]
    (result,) = run["results"]
    assert result["ruleId"] in rules
    assert result["level"] == "warning"
    assert result["message"]["text"].startswith("`run` on Machine is now given to `mechanic`")
    (location,) = result["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "access/policies/main.polar"},
        "region": {"startLine": 13},
    }


def test_sarif_of_a_policy_that_does_not_compile_points_at_the_line(checkout: Path) -> None:
    _edit(checkout / "policies/main.polar", "machine.locked = true;", "machine.lokced = true;")

    log = json.loads(_review("--sarif").stdout)

    result = log["runs"][0]["results"][0]
    assert (result["ruleId"], result["level"]) == ("cannot-tell", "error")
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 37}


def test_markdown_mentions_nobody_and_runs_no_markup(checkout: Path) -> None:
    _edit(
        checkout / "policies/invariants.yaml",
        "only a lead scraps a machine",
        "<img src=x> @everybody [a](b)",
    )
    _edit(checkout / "policies/main.polar", '"scrap" if "lead";', '"scrap" if "mechanic";')
    _commit("another name")
    _edit(checkout / "policies/invariants.yaml", "<img src=x>", "another")

    result = _review("--markdown")

    assert result.stdout.startswith("### Policy review: ")
    assert "<img" not in result.stdout.replace("\\<", "")
    assert "@everybody" not in result.stdout
    assert "](b)" not in result.stdout.replace("\\]", "")


def test_an_unknown_revision_is_trouble(checkout: Path) -> None:
    assert (checkout / "policies").is_dir()

    result = _review("nowhere")

    assert result.exit_code == 2
    assert "neither a directory with a pack nor a revision" in result.stderr
