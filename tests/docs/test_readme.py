"""What the README promises, held to: its examples are run, and it names all there is."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient

from sidecar.cli import main
from sidecar.cli.commands import COMMANDS
from sidecar.config.settings import Settings
from sidecar.config.variables import WRITINGS, default_text, variable
from sidecar.http import create_app
from sidecar.reload import Places, Reloading
from tests.paths import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
SITE = "http://127.0.0.1:8181"


def _examples(program: str) -> Iterator[tuple[str, str]]:
    """Yield each command of that program with the output shown below it."""
    for block in re.findall(r"^```console\n\$ (.*?)^```", README, re.MULTILINE | re.DOTALL):
        # A command ends with the first line that closes all of its quotes.
        lines = block.splitlines(keepends=True)
        command = ""
        while command.count("'") % 2 or not command:
            command += lines.pop(0)
        if command.split()[0] == program:
            yield command.strip(), "".join(lines)


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    reloading = Reloading(
        Places(ROOT / "policies", ROOT / "fixtures", ROOT / "fixtures/worlds/demo")
    )
    reloading.load()
    return create_app(reloading, now=lambda: datetime(2026, 12, 1, 12, tzinfo=UTC)).test_client()


@pytest.mark.parametrize(("command", "output"), list(_examples("sidecar")))
def test_readme_shows_what_the_command_prints(
    command: str, output: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    command, _, head = command.partition(" | head -")

    printed = CliRunner().invoke(main, shlex.split(command)[1:]).stdout

    assert "".join(printed.splitlines(keepends=True)[: int(head) if head else None]) == output


@pytest.mark.parametrize(("command", "output"), list(_examples("curl")))
def test_readme_shows_what_the_sidecar_answers(
    command: str, output: str, client: FlaskClient
) -> None:
    curl, silent, url, header, content_type, data, body = shlex.split(command)

    answer = client.post(
        url.removeprefix(SITE), data=body, headers=[tuple(content_type.split(": "))]
    )

    assert [curl, silent, header, data] == ["curl", "-s", "-H", "-d"]
    assert _blanked(answer.get_json()) == json.loads(output)


def _blanked(answer: dict[str, object]) -> dict[str, object]:
    """Replace what differs from one answer to the next as the README does."""
    if "decision_id" in answer:
        answer["decision_id"] = "…"
    if isinstance(page := answer.get("page"), dict):
        answer["page"] = {**page, "next_token": "…"}
    if isinstance(revisions := answer.get("revisions"), dict):
        answer["revisions"] = dict.fromkeys(revisions, "…")
    return answer


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_readme_names_each_command(name: str) -> None:
    assert f"\n| `{name}` | " in README


@pytest.mark.parametrize("name", sorted(Settings.__dataclass_fields__))
def test_readme_names_each_setting_with_its_default(name: str) -> None:
    explained, _, default = WRITINGS[name].help.partition("  [default: ")
    default = default.removesuffix("]") or (f"`{text}`" if (text := default_text(name)) else "")

    option = f"--{name.replace('_', '-')}"

    assert f"| `{option}` | `{variable(name)}` | {default} | {explained} |" in README


def test_readme_names_each_path(client: FlaskClient) -> None:
    paths = {
        f"{method} {re.sub('<.*?>', 'NAME', rule.rule)}"
        for rule in client.application.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }

    assert {path for path in paths if f"`{path}`" not in README} == set()


def test_readme_names_each_target_of_make() -> None:
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert {name for name in targets if f"make {name}" not in README} == set()


@pytest.mark.parametrize(
    "path",
    sorted({found for found in re.findall(r"`([a-z]+/[\w./]*)`", README) if "*" not in found}),
)
def test_readme_names_files_that_are_there(path: str) -> None:
    assert (ROOT / path).exists()
