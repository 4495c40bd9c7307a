"""The script of `deploy/ci` on a shallow clone of a real repository, beside a code host."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

from tests.paths import ROOT

CI = ROOT / "deploy" / "ci"
PACK = ROOT / "tests" / "review" / "verdict" / "pack"
WIDENED = ('"run" if "operator";', '"run" if "operator"; "run" if "mechanic";')
UNTOLD = ("machine.locked = true;", "machine.lokced = true;")


@dataclass
class CodeHost:
    """What a code host knows of one request."""

    address: str = ""
    labels: list[str] = field(default_factory=list)
    comments: list[dict[str, Any]] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    is_read_only: bool = False


@pytest.fixture
def host() -> Iterator[CodeHost]:
    """Listen as GitHub and GitLab do, as far as the script calls them."""
    known = CodeHost()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            answers: dict[str, object] = {
                "/repos/acme/access/issues/7/labels": [{"name": each} for each in known.labels],
                "/repos/acme/access/issues/7/comments": known.comments,
                "/projects/3/merge_requests/7": {"labels": known.labels},
                "/projects/3/merge_requests/7/notes": known.comments,
            }
            self._answer(answers[path])

        def do_POST(self) -> None:
            self._write(lambda text: known.comments.append(self._comment(text)))

        def do_PATCH(self) -> None:
            self._write(lambda text: known.comments[0].update(body=text))

        do_PUT = do_PATCH  # noqa: N815  the name by which it is called

        def _comment(self, text: str) -> dict[str, Any]:
            comment: dict[str, Any] = {"id": 1, "body": text}
            if self.path.startswith("/repos"):
                comment["url"] = f"{known.address}/repos/acme/access/issues/comments/1"
            return comment

        def _write(self, change: Callable[[str], None]) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            known.writes.append(f"{self.command} {self.path}")
            if known.is_read_only:
                self.send_error(403)
                return
            change(body["body"])
            self._answer({})

        def _answer(self, body: object) -> None:
            content = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    known.address = f"http://127.0.0.1:{server.server_port}"
    yield known
    server.shutdown()
    thread.join()
    server.server_close()


Environment = Callable[["CodeHost", "Clone"], dict[str, str]]


@dataclass(frozen=True)
class Clone:
    """A shallow clone of a request's last commit, as runners make it."""

    directory: Path
    base: str


def _git(at: Path, *arguments: str) -> str:
    who = ["-c", "user.name=ann", "-c", "user.email=ann@acme.example", "-C", str(at)]
    done = subprocess.run(  # noqa: S603
        ["git", *who, *arguments],  # noqa: S607
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def _clone(tmp_path: Path, was: str, now: str, *, merged: bool = False) -> Clone:
    """Clone the edited branch; or the merge of it with a main branch that went on."""
    origin = tmp_path / "origin"
    shutil.copytree(PACK, origin)
    _git(origin, "init", "--quiet", "--initial-branch=main")
    _git(origin, "config", "uploadpack.allowAnySHA1InWant", "true")
    _git(origin, "add", ".")
    _git(origin, "commit", "--quiet", "--message", "as it was")
    base = _git(origin, "rev-parse", "HEAD")
    _git(origin, "switch", "--quiet", "--create", "edit")
    file = origin / "policies/main.polar"
    assert file.read_text().count(was) == 1
    file.write_text(file.read_text().replace(was, now))
    _git(origin, "commit", "--quiet", "--all", "--message", "edited")
    branch = "merge" if merged else "edit"
    if merged:
        _git(origin, "switch", "--quiet", "main")
        settings = origin / "fixtures/settings.yaml"
        settings.write_text("hottest: 80\nshown: tested\n")
        _git(origin, "commit", "--quiet", "--all", "--message", "edited by another")
        _git(origin, "switch", "--quiet", "--create", "merge")
        _git(origin, "merge", "--quiet", "--no-ff", "edit")
    directory = tmp_path / "clone"
    address = f"file://{origin}"
    _git(tmp_path, "clone", "--quiet", "--depth=1", f"--branch={branch}", address, str(directory))
    assert _git(directory, "rev-list", "--count", "HEAD") == "1"
    return Clone(directory, base)


def _run(clone: Clone, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT")}  # noqa: TID251
    arguments = "--mutants 0 --at 2026-06-01T08:00:00Z"
    ours = {"SIDECAR": f"{sys.executable} -m sidecar", "SIDECAR_REVIEW_ARGUMENTS": arguments}
    return subprocess.run(  # noqa: S603
        [sys.executable, CI / "review_change.py"],
        cwd=clone.directory,
        env={**kept, "PYTHONPATH": str(ROOT), **ours, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def _of_github(host: CodeHost, clone: Clone) -> dict[str, str]:
    event = clone.directory.parent / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 7, "base": {"sha": clone.base}}}))
    return {
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_API_URL": host.address,
        "GITHUB_REPOSITORY": "acme/access",
        "GITHUB_TOKEN": "secret",
        "GITHUB_STEP_SUMMARY": str(clone.directory.parent / "summary.md"),
    }


def _of_gitlab(host: CodeHost, clone: Clone) -> dict[str, str]:
    return {
        "CI_API_V4_URL": host.address,
        "CI_PROJECT_ID": "3",
        "CI_MERGE_REQUEST_IID": "7",
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": clone.base,
        "SIDECAR_REVIEW_TOKEN": "secret",
    }


@pytest.mark.parametrize("environment", [_of_github, _of_gitlab], ids=["GitHub", "GitLab"])
def test_a_widening_waits_for_its_label_and_has_one_comment(
    host: CodeHost, tmp_path: Path, environment: Environment
) -> None:
    clone = _clone(tmp_path, *WIDENED)

    refused = _run(clone, **environment(host, clone))
    first = host.comments[0]["body"]
    host.labels = ["bug", "policy-widens"]
    approved = _run(clone, **environment(host, clone))

    assert (refused.returncode, approved.returncode) == (1, 0), refused.stderr + approved.stderr
    assert first.startswith("<!-- sidecar review -->\n### Policy review: WIDENS")
    assert "set the label `policy-widens`" in first
    assert "`run` on Machine is now given to `mechanic`" in first
    assert len(host.comments) == 1
    assert "set the label" not in host.comments[0]["body"]
    changing = "PATCH" if environment is _of_github else "PUT"
    assert [each.partition(" ")[0] for each in host.writes] == ["POST", changing]
    sarif = json.loads((clone.directory / "sidecar-review/review.sarif").read_text())
    assert sarif["runs"][0]["results"][0]["ruleId"] == "widens"


def test_what_others_merged_meanwhile_is_not_reviewed(host: CodeHost, tmp_path: Path) -> None:
    clone = _clone(tmp_path, *WIDENED, merged=True)

    result = _run(clone, **_of_github(host, clone))

    assert result.returncode == 1
    assert "hottest" not in host.comments[0]["body"]


def test_what_cannot_be_judged_is_approved_by_no_label(host: CodeHost, tmp_path: Path) -> None:
    clone = _clone(tmp_path, *UNTOLD)
    host.labels = ["policy-widens", "policy-breaks-invariant"]

    result = _run(clone, **_of_github(host, clone))

    assert result.returncode == 2
    assert "cannot be approved by a label" in host.comments[0]["body"]


def test_a_token_that_may_not_write_changes_no_status(host: CodeHost, tmp_path: Path) -> None:
    clone = _clone(tmp_path, *WIDENED)
    host.is_read_only = True

    result = _run(clone, **_of_github(host, clone))

    assert result.returncode == 1
    assert "warning: the comment cannot be written: HTTP Error 403" in result.stderr
    assert "### Policy review: WIDENS" in (tmp_path / "summary.md").read_text()


def test_the_action_gives_the_script_the_settings_that_it_reads() -> None:
    action = yaml.safe_load((CI / "github/action.yml").read_text())
    template = yaml.safe_load((CI / "gitlab/review.yml").read_text())
    script = (CI / "review_change.py").read_text()

    (step,) = action["runs"]["steps"]
    named = {name for name in step["env"] if name.startswith("SIDECAR")}
    assert all(f"{name}:" in script for name in named)
    assert {f"${{{{ inputs.{name} }}}}" for name in action["inputs"]} == set(step["env"].values())
    assert "${{" not in step["run"]
    (job,) = template.values()
    assert (ROOT / job["variables"]["SIDECAR_REVIEW_SCRIPT"]).is_file()
