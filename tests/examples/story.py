"""The story of the README of the team service: its commands, and the answers that it shows."""

from __future__ import annotations

import json
import re
import subprocess

from tests.examples.team_service import EXAMPLE, TeamService

README = EXAMPLE / "README.md"
_URL = "http://127.0.0.1:8282"
_SEPARATOR = "\x1e"


def run_story(service: TeamService) -> list[tuple[str, object, object]]:
    """Run all commands in one shell; return each with the answer that is shown, and its own."""
    text = README.read_text(encoding="utf-8")
    (functions,) = re.findall(r"^```bash\ncd [^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    examples = [
        example
        for block in blocks
        for example in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
    ]
    script = "\n".join(f"{command}\nprintf '{_SEPARATOR}'" for command, _ in examples)
    shell = subprocess.run(  # noqa: S603  our own README
        ["bash", "-euc", functions.replace(_URL, f"http://127.0.0.1:{service.port}") + script],  # noqa: S607
        cwd=service.directory,
        check=True,
        text=True,
        stdout=subprocess.PIPE,
    )
    answers = shell.stdout.split(_SEPARATOR)[:-1]
    return [
        (command, _parsed(shown), _parsed(answer))
        for (command, shown), answer in zip(examples, answers, strict=True)
    ]


def _parsed(text: str) -> object:
    return json.loads(text) if text else None


def agrees(shown: object, answer: object) -> bool:
    """Return whether an answer is the one that is shown, in which `…` stands for anything."""
    if isinstance(shown, dict) and isinstance(answer, dict):
        return shown.keys() == answer.keys() and all(agrees(shown[k], answer[k]) for k in shown)
    if isinstance(shown, list) and isinstance(answer, list):
        is_open = shown[-1:] == ["…"]
        shown = shown[:-1] if is_open else shown
        return (len(shown) < len(answer) if is_open else len(shown) == len(answer)) and all(
            map(agrees, shown, answer)
        )
    if isinstance(shown, str) and isinstance(answer, str):
        return re.fullmatch(".+".join(map(re.escape, shown.split("…"))), answer) is not None
    return shown == answer
