"""`sidecar unused` and `sidecar tighten`: what a decision log says that nobody used."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask.testing import FlaskClient

from sidecar.cli import EXIT_NO, EXIT_TROUBLE, EXIT_YES, main
from sidecar.config.settings import Settings
from sidecar.decision_log import DecisionLog, Hashing, LineFile, OnFailure
from sidecar.http import create_app
from sidecar.reload import Places, Reloading

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
AT = ["--at", "2026-12-01T12:00:00Z"]
Change = Callable[[list[bytes]], list[bytes]]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the shipped pack."""
    directory = tmp_path_factory.mktemp("checkout")
    shipped = Settings()
    for place in (shipped.policies, shipped.fixtures):
        shutil.copytree(place, directory / place.name)
    return directory


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "decisions"


@pytest.fixture
def client(checkout: Path, log: Path) -> Iterator[FlaskClient]:
    """A sidecar that writes the log until the test reads it."""
    reloading = Reloading(
        Places(
            checkout / "policies", checkout / "fixtures", checkout / "fixtures" / "worlds" / "demo"
        )
    )
    reloading.load()
    file = LineFile(str(log))
    decision_log = DecisionLog(file, Hashing.for_this_start(), OnFailure.REFUSE)
    yield create_app(reloading, lambda: NOW, log=decision_log).test_client()
    file.close()


def _ask(client: FlaskClient, *requests: str) -> None:
    for request in requests:
        subject, action, resource = request.split()
        asked = {"subject": f"user:{subject}", "action": action, "resource": resource}
        assert client.post("/v1/authorize", json=asked).status_code == 200


def _run(command: str, checkout: Path, log: Path, *more: str) -> Result:
    pack = [f"--{name}={checkout / name}" for name in ("policies", "fixtures")]
    return CliRunner().invoke(main, [command, *pack, "--log", str(log), *more])


def _document(command: str, checkout: Path, log: Path, *more: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_run(command, checkout, log, "--json", *more).stdout)
    return found


def _unused(document: dict[str, Any]) -> dict[tuple[str, str], list[str]]:
    return {
        (row["subject"]["id"], row["resource"]["id"]): row["unused"] for row in document["rows"]
    }


def test_what_was_allowed_in_the_log_is_used_and_all_else_is_not(
    client: FlaskClient, checkout: Path, log: Path
) -> None:
    _ask(client, "bob logs.view account:acme", "bob fly account:acme", "sue fly account:acme")
    client.post(
        "/v1/authorize",
        json={
            "requests": [
                {"subject": "user:sue", "action": name, "resource": "account:acme"}
                for name in ("cards.view", "cards.edit")
            ]
        },
    )

    selected = ["--account", "acme", *AT]
    result = _run("unused", checkout, log, *selected)
    document = _document("unused", checkout, log, *selected)

    unused = _unused(document)
    assert result.exit_code == EXIT_NO
    assert "logs.view" not in unused["bob", "acme"]
    assert {"cards.view", "cards.edit"} <= set(unused["bob", "acme"])
    assert "cards.view" not in unused["sue", "acme"]
    assert "credentials.view" not in unused["sue", "acme"], "sue may not do it, used or not"
    assert document["log"]["lines"] == {"decision": 5}
    assert "log: 2026-12-01T12:00:00Z to 2026-12-01T12:00:00Z" in result.stdout
    assert document["doubts"] == []
    whole = {row["subject"]["id"] for row in document["rows"] if row["nothing_used"]}
    assert {"dora", "max"} <= whole
    assert {"bob", "sue"} & whole == set()


def test_a_search_is_use_of_what_it_found_and_a_list_of_permissions_is_none(
    client: FlaskClient, checkout: Path, log: Path
) -> None:
    search = {
        "subject": {"type": "user", "id": "ana"},
        "action": {"name": "switch"},
        "resource": {"type": "account"},
    }
    assert client.post("/access/v1/search/resource", json=search).status_code == 200
    listed = {"subject": "user:bob", "resource": "account:acme"}
    assert client.post("/v1/permissions", json=listed).status_code == 200

    unused = _unused(_document("unused", checkout, log, *AT))

    assert "switch" not in unused["ana", "acme"] + unused["ana", "harbor"]
    assert "switch" in unused["bob", "acme"]


def test_all_used_is_status_0(client: FlaskClient, checkout: Path, log: Path) -> None:
    _ask(client, "bob logs.view account:acme")

    result = _run("unused", checkout, log, "--user=bob", "--account=acme", "--action=logs.view")

    assert result.exit_code == EXIT_YES
    assert "0 of 1 entitlements were not used" in result.stdout


@pytest.mark.parametrize("command", ["unused", "tighten"])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda lines: [lines[0], *lines[2:]], "lines were removed, edited or moved"),
        (lambda lines: [*lines[:-1], lines[-1][:40]], "cannot be read"),
        (lambda _: [], "the log has no line in this period"),
    ],
    ids=["a line is gone", "the last line is torn", "the log is empty"],
)
def test_a_log_with_a_gap_is_status_2_and_says_so(
    command: str, change: Change, words: str, client: FlaskClient, checkout: Path, log: Path
) -> None:
    _ask(client, *["bob logs.view account:acme"] * 4)
    log.write_bytes(b"".join(change(log.read_bytes().splitlines(keepends=True))))

    result = _run(command, checkout, log)

    assert result.exit_code == EXIT_TROUBLE
    assert words in result.stdout


def test_only_lines_of_the_period_count(client: FlaskClient, checkout: Path, log: Path) -> None:
    _ask(client, "bob logs.view account:acme")
    selected = ["--user=bob", "--account=acme", "--action=logs.view"]

    for more, status in (
        (["--since", "2026-12-01T12:00:00Z"], EXIT_YES),
        (["--until", "2026-12-01T12:00:00Z"], EXIT_TROUBLE),
        (["--since", "2026-12-02T00:00:00Z"], EXIT_TROUBLE),
    ):
        assert _run("unused", checkout, log, *selected, *more).exit_code == status


def _edits(document: dict[str, Any], permission: str) -> list[tuple[str, str | None]]:
    return [
        (each["old"], each["new"]) for each in document["edits"] if each["permission"] == permission
    ]


def test_a_role_that_used_a_permission_keeps_it_and_the_others_lose_it(
    client: FlaskClient, checkout: Path, log: Path
) -> None:
    _ask(
        client,
        "sue cards.view account:acme",  # support
        "bob logs.view account:acme",  # admin
        "ana pricing.view account:acme",  # owner
        "mallory billing.view account:acme",  # denied
        "ana switch account:acme",
        "dora switch account:acme",
    )

    result = _run("tighten", checkout, log)
    document = _document("tighten", checkout, log)

    assert result.exit_code == EXIT_NO
    assert _edits(document, "cards.view") == [('"cards.view" if "finance_analyst";', None)]
    assert sorted(_edits(document, "logs.view"), key=str) == [
        ('"logs.view" if "developer";', '"logs.view" if "admin";'),
        ('"logs.view" if "support";', None),
    ]
    assert _edits(document, "pricing.view") == [
        ('"pricing.view" if "finance_analyst";', '"pricing.view" if "owner";')
    ]
    assert [old for old, _ in _edits(document, "billing.view")] == [
        '"billing.view" if "finance_analyst";',
        '"billing.view" if "support";',
    ]
    assert [old for old, _ in _edits(document, "switch")] == [
        '"switch" if "finance_analyst";',
        '"switch" if "support";',
    ]
    (cards,) = [each for each in document["edits"] if each["permission"] == "cards.view"]
    assert (cards["holders"], cards["used_by"]) == (2, ["support"])
    assert document["replayed"] == {"allows": 5, "lost": 0}


def test_the_patch_applies_and_the_edited_policy_loses_no_allow(
    client: FlaskClient, checkout: Path, log: Path, tmp_path: Path
) -> None:
    _ask(client, "bob logs.view account:acme", "sue cards.view account:acme")
    _ask(client, "ana remove membership:acme/bob", "dora numbers.view account:acme")
    shutil.copytree(checkout / "policies", tmp_path / "edited" / "policies")
    shutil.copytree(checkout / "fixtures", tmp_path / "edited" / "fixtures")
    patch = _run("tighten", checkout, log, "--patch").stdout

    subprocess.run(
        ["git", "apply"],  # noqa: S607 - whichever git the developer has
        input=patch,
        text=True,
        check=True,
        cwd=tmp_path / "edited" / "policies",
    )
    pack = [f"--{name}={tmp_path / 'edited' / name}" for name in ("policies", "fixtures")]
    replayed = CliRunner().invoke(main, ["replay", str(log), *pack])

    assert replayed.exit_code == EXIT_YES, replayed.stdout
    assert "0 of 4 decisions change" in replayed.stdout
    text = (tmp_path / "edited" / "policies" / "account.polar").read_text()
    assert '"credentials.edit" if' not in text


def test_what_a_search_found_stays_as_it_is(client: FlaskClient, checkout: Path, log: Path) -> None:
    search = {
        "subject": {"type": "user", "id": "ana"},
        "action": {"name": "switch"},
        "resource": {"type": "account"},
    }
    client.post("/access/v1/search/resource", json=search)

    document = _document("tighten", checkout, log)

    assert _edits(document, "switch") == []
    assert {each["old"] for each in document["left"]} >= {'"switch" if "support";'}
    assert _edits(document, "set_default") != []
