"""Random edits: the server lives on, and shows what `sidecar check` says of the same texts."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from lsprotocol.types import DiagnosticSeverity

from sidecar.cli import main
from tests.depth import deep
from tests.lsp.editor import Editor, editor
from tests.paths import ROOT

EDITS = 30 if deep(1) == 1 else deep(200)
"""Edits one after the other: 1,000 in `make deep`."""
COMPARED = 10
"""One text in so many is compared with `sidecar check`."""
PIECES = (
    *('"', "(", ")", "[", "]", "{", "}", ";", ",", ".", ":", "#", "\n", " if ", " and ", " not "),
    *("account", "user", "settings.", "😀", "é", "\t", "\r", "\x00", "- ", "  ", "= 1", "exists"),
    "f(x) if x = 1;\n",
)
FILES = (
    *("policies/account.polar", "policies/invitation.polar", "policies/main.polar"),
    *("fixtures/schema.yaml", "fixtures/settings.yaml", "fixtures/reasons.yaml"),
    *("policies/account_test.yaml", "policies/invariants.yaml"),
)


@pytest.mark.many
def test_random_edits_leave_the_server_alive_and_consistent_with_check(tmp_path: Path) -> None:
    for name in ("policies", "fixtures"):
        shutil.copytree(ROOT / name, tmp_path / name)

    seconds = asyncio.run(edits(tmp_path))

    seconds.sort()
    p50, p99 = (seconds[int(part * (len(seconds) - 1))] for part in (0.5, 0.99))
    print(f"{len(seconds)} edits until faults are shown: p50 {p50:.3f} s, p99 {p99:.3f} s")  # noqa: T201


async def edits(pack: Path) -> list[float]:
    """Edit the files of a pack, and return how long each edit took until its faults were shown."""
    dice = random.Random(21)  # noqa: S311  the same cases each time
    seconds: list[float] = []
    async with editor(pack) as opened:
        for file in FILES:
            opened.open(pack / file)
        originals = {pack / file: opened.text(pack / file) for file in FILES}
        for number in range(EDITS):
            path = pack / dice.choice(FILES)
            text = opened.text(path)
            is_original = dice.random() < 0.3
            opened.change(path, originals[path] if is_original else edited(text, dice))
            seconds.append(await opened.checked(path))
            if number % COMPARED == COMPARED - 1:
                await compare(opened, pack)
            elif dice.random() < 0.5:  # most texts have few faults, so that all checks are reached
                opened.change(path, originals[path])
    return seconds


def edited(text: str, dice: random.Random) -> str:
    """Put something into a text, or leave some of it out."""
    start = dice.randrange(len(text) + 1)
    end = min(len(text), start + dice.choice((0, 0, 1, 3, 40)))
    return f"{text[:start]}{dice.choice(PIECES)}{text[end:]}"


async def compare(opened: Editor, pack: Path) -> None:
    """Wait until the editor shows what `sidecar check` says of the texts that it has."""
    saved = {pack / file: (pack / file).read_bytes() for file in FILES}
    for path in saved:
        path.write_bytes(opened.text(path).encode())
    expected = await asyncio.to_thread(said_by_check, pack)
    for path, content in saved.items():
        path.write_bytes(content)
    try:
        await opened.until(lambda: shown(opened) == expected)
    except TimeoutError:
        assert shown(opened) == expected


def said_by_check(pack: Path) -> set[tuple[str, int, str]]:
    """Return the faults of a pack by the command: file, line and message."""
    options = ["--policies", str(pack / "policies"), "--fixtures", str(pack / "fixtures")]
    result = CliRunner().invoke(main, ["check", "--json", *options])
    problems = json.loads(result.stdout).get("problems", [])
    known = {path.name for path in pack.rglob("*")}
    return {
        (Path(file).name, max(each["line"], 1), each["message"])
        if Path(file := each["file"]).name in known
        else ("schema.yaml", 1, f"{file}: {each['message']}")  # of a file that is missing
        for each in problems
    }


def shown(opened: Editor) -> set[tuple[str, int, str]]:
    """Return the faults that the editor shows; of suites and invariants only if nothing else is.

    `check` reads the suites of a pack that it can use, and no invariants.
    """
    found = {
        (Path(uri).name, each.range.start.line + 1, each.message)
        for uri, faults in opened.all_faults().items()
        for each in faults
        if each.severity == DiagnosticSeverity.Error
    }
    of_pack = {each for each in found if not each[0].endswith(("_test.yaml", "invariants.yaml"))}
    return of_pack or {each for each in found if not each[0].endswith("invariants.yaml")}
