"""The console examples of a page of documentation, as commands and the output shown below them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.paths import ROOT

# The changelog names what there was.
PAGES = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")} - {ROOT / "CHANGELOG.md"})


def console_examples(page: Path, program: str) -> Iterator[tuple[str, str]]:
    """Yield each command of that program with the output shown below it."""
    text = page.read_text(encoding="utf-8")
    for block in re.findall(r"^```console\n\$ (.*?)^```", text, re.MULTILINE | re.DOTALL):
        # A command ends with the first line that closes all of its quotes.
        lines = block.splitlines(keepends=True)
        command = ""
        while command.count("'") % 2 or not command:
            command += lines.pop(0)
        if command.split()[0] == program:
            yield command.strip(), "".join(lines)


def filter_lines(text: str, filters: list[str]) -> str:
    """Return what `head`, `tail` and `grep -v` leave of a text, each as in ``head -3``."""
    lines = text.splitlines(keepends=True)
    for command in filters:
        program, option, *pattern = command.split()
        if program == "grep":
            lines = [line for line in lines if not re.match(pattern[0], line)]
        else:
            count = int(option.removeprefix("-"))
            lines = lines[:count] if program == "head" else lines[-count:]
    return "".join(lines)
