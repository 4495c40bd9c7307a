"""Every command with `--json` prints a document with a version, and its progress beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from sidecar.cli import main, progress
from sidecar.cli.formats import JSON
from tests.cli.test_progress import LateAtOnce
from tests.paths import ROOT


def of_pack(directory: Path) -> tuple[str, ...]:
    return ("--policies", f"{directory / 'policies'}", "--fixtures", f"{directory / 'fixtures'}")


PACK = ROOT / "tests" / "packs" / "two_subjects"
OF_PACK = of_pack(PACK)
OF_TODO = of_pack(ROOT / "tests" / "packs" / "todo")
ASKED = ("user:ana", "view", "doc:d")
LOG = "LOG"
"""The place of an empty decision log among the arguments."""

ARGUMENTS = {
    "access": OF_PACK,
    "check": OF_PACK,
    "diff": (str(PACK), str(PACK)),
    "explain": (*ASKED, *OF_PACK),
    "log verify": (LOG,),
    "matrix": OF_PACK,
    "mutate": ("--workers", "1", *OF_PACK),
    "prove": OF_PACK,
    "replay": (LOG, *OF_PACK),
    "review": (str(PACK), str(PACK)),
    "test": OF_TODO,
    "tighten": ("--log", LOG, *OF_TODO),
    "unused": ("--log", LOG, *OF_PACK),
}
LINES_OF_THE_LOG = {"log show"}
"""Commands that print lines as they are in the log, which have the version of the log."""


def with_json(group: click.Group, before: str = "") -> Iterator[str]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from with_json(command, f"{before}{name} ")
        elif command is not None and any(f"--{JSON}" in each.opts for each in command.params):
            yield f"{before}{name}"


def test_each_command_with_json_is_tried_here() -> None:
    assert set(with_json(main)) == {*ARGUMENTS, *LINES_OF_THE_LOG}


@pytest.mark.parametrize("command", ARGUMENTS)
def test_the_json_of_a_command_has_a_version_and_its_progress_is_not_in_it(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "Timer", LateAtOnce)
    log = tmp_path / "decisions.log"
    log.write_bytes(b"")
    arguments = (str(log) if each == LOG else each for each in ARGUMENTS[command])

    result = CliRunner().invoke(main, [*command.split(), *arguments, "--json"])

    assert result.stdout, result.stderr
    assert json.loads(result.stdout)["version"] == 1
    assert " …\n" in result.stderr


def test_the_json_of_a_pack_with_a_fault_has_a_version(tmp_path: Path) -> None:
    for name in ("policies", "fixtures"):
        (tmp_path / name).mkdir()

    result = CliRunner().invoke(main, ["check", *of_pack(tmp_path), "--json"])

    document = json.loads(result.stdout)

    assert (document["version"], document["usable"]) == (1, False)
