"""The examples of the documentation show what the commands print and what the sidecar answers."""

from __future__ import annotations

import json
import re
import shlex
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient

from sidecar.cli import main
from sidecar.http import create_app
from sidecar.reload import Places, Reloading
from tests.docs.examples import PAGES, console_examples, filter_lines
from tests.paths import ROOT

SITE = "http://127.0.0.1:8181"
# These examples need edited copies of the pack, or a decision log; tests of their own run them.
APART = {"reviewing.md", "access-reviews.md"}
OTHERS = [page for page in PAGES if page.name not in APART]
CLOCKS = (datetime(2026, 12, 1, 12, tzinfo=UTC), datetime(2046, 12, 1, 12, tzinfo=UTC))
"""Whoever tries an example over HTTP has the clock of that day."""


def _examples(program: str) -> list[tuple[str, str]]:
    return [example for page in OTHERS for example in console_examples(page, program)]


@pytest.fixture(scope="module")
def clients() -> list[FlaskClient]:
    """The sidecar with the demo world, at different times."""
    reloading = Reloading(
        Places(ROOT / "policies", ROOT / "fixtures", ROOT / "fixtures/worlds/demo")
    )
    reloading.load()
    return [create_app(reloading, now=partial(_same, now)).test_client() for now in CLOCKS]


def _same(now: datetime) -> datetime:
    return now


@pytest.mark.parametrize(("command", "output"), _examples("sidecar"))
def test_document_shows_what_the_command_prints(
    command: str, output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where there is no pack, so that the shipped one is used
    command, *filters = command.split(" | ")

    printed = CliRunner().invoke(main, shlex.split(command)[1:]).stdout
    printed = re.sub(r"^policy \w+$", "policy …", printed, flags=re.MULTILINE)

    assert filter_lines(printed, filters) == output


@pytest.mark.parametrize(("command", "output"), _examples("curl"))
def test_document_shows_what_the_sidecar_answers_at_any_time(
    command: str, output: str, clients: list[FlaskClient]
) -> None:
    curl, silent, url, header, content_type, data, body = shlex.split(command)
    headers = [tuple(content_type.split(": "))]

    answers = [
        client.post(url.removeprefix(SITE), data=body, headers=headers) for client in clients
    ]

    assert [curl, silent, header, data] == ["curl", "-s", "-H", "-d"]
    assert [_blanked(answer.get_json()) for answer in answers] == [json.loads(output)] * len(CLOCKS)


def _blanked(answer: object) -> object:
    """Replace what differs from one response to the next as the documentation does."""
    if isinstance(answer, list):
        return [_blanked(item) for item in answer]
    if not isinstance(answer, dict):
        return answer
    blanked = {name: _blanked(member) for name, member in answer.items()}
    blanked |= dict.fromkeys({"decision_id", "next_token"} & blanked.keys(), "…")
    if isinstance(revisions := blanked.get("revisions"), dict):
        blanked["revisions"] = dict.fromkeys(revisions, "…")
    return blanked


def test_every_page_is_looked_at() -> None:
    assert {page.name for page in OTHERS} >= {"README.md", "http.md", "authzen.md"}
