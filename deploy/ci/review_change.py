"""Review the policy of a pull request or merge request: one comment, kept up to date, and a status.

For GitHub Actions and GitLab CI. It needs git, the command `sidecar` and Python's own library.

The base commit is fetched where a clone is shallow. The review stands in one comment, which later
runs replace. An edit that widens access fails unless the request carries the label that approves
it; an edit that cannot be judged fails always. The labels are read when the job runs, not when it
was queued, so that a job can be run again after a label was set.

Settings, by environment variable:
    SIDECAR: the command; default `sidecar`.
    SIDECAR_REVIEW_ARGUMENTS: further arguments of `sidecar review`, such as `--anonymous`.
    SIDECAR_REVIEW_LABEL: the label that approves an edit that widens; default `policy-widens`.
    SIDECAR_REVIEW_BREAKS_LABEL: the label that approves one that breaks an invariant, too; default
        `policy-breaks-invariant`.
    SIDECAR_REVIEW_OUTPUT: the directory for review.md, review.json and review.sarif.
    SIDECAR_REVIEW_TOKEN: the token for comments; on GitHub `GITHUB_TOKEN` serves as well.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MARKER = "<!-- sidecar review -->"
"""By which a later run finds the comment of an earlier one."""
MOST_CHARACTERS = 60_000
"""A comment of GitHub has 65,536 characters at most."""
SECONDS = 30
TROUBLE = 2
PAGE = 100


class Host:
    """A code host: where comments and labels of one request are."""

    def __init__(self, comments: str, labels: str, headers: Mapping[str, str]) -> None:
        self._comments = comments
        self._labels = labels
        self._headers = {"Content-Type": "application/json", **headers}

    def labels(self) -> set[str]:
        """Return the labels of the request as they are now."""
        found = self._call("GET", self._labels)
        listed = found["labels"] if isinstance(found, dict) else found
        return {each if isinstance(each, str) else each["name"] for each in listed}

    def comment(self, text: str) -> None:
        """Write the comment, in place of the one of an earlier run."""
        page = 1
        while True:
            found = self._call("GET", f"{self._comments}?per_page={PAGE}&page={page}")
            for each in found:
                if each["body"].startswith(MARKER):
                    self._replace(each, text)
                    return
            if len(found) < PAGE:
                break
            page += 1
        self._call("POST", self._comments, {"body": text})

    def _replace(self, comment: Mapping[str, Any], text: str) -> None:
        if comment["body"] != text:
            url = comment.get("url") or f"{self._comments}/{comment['id']}"
            self._call("PATCH" if "url" in comment else "PUT", url, {"body": text})

    def _call(self, method: str, url: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, dict(self._headers), method=method)
        with urllib.request.urlopen(request, timeout=SECONDS) as response:
            return json.loads(response.read() or b"null")


def github(environment: Mapping[str, str]) -> tuple[Host, str]:
    """Return the host and the base commit of a pull request of GitHub."""
    event = json.loads(Path(environment["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))
    pull = event["pull_request"]
    root = f"{environment['GITHUB_API_URL']}/repos/{environment['GITHUB_REPOSITORY']}"
    issue = f"{root}/issues/{pull['number']}"
    token = environment.get("SIDECAR_REVIEW_TOKEN") or environment.get("GITHUB_TOKEN", "")
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"}
    host = Host(f"{issue}/comments", f"{issue}/labels?per_page={PAGE}", headers)
    return host, base_of_merge() or pull["base"]["sha"]


def gitlab(environment: Mapping[str, str]) -> tuple[Host, str]:
    """Return the host and the base commit of a merge request of GitLab."""
    project = f"{environment['CI_API_V4_URL']}/projects/{environment['CI_PROJECT_ID']}"
    request = f"{project}/merge_requests/{environment['CI_MERGE_REQUEST_IID']}"
    headers = {"PRIVATE-TOKEN": environment.get("SIDECAR_REVIEW_TOKEN", "")}
    host = Host(f"{request}/notes", request, headers)
    return host, environment["CI_MERGE_REQUEST_DIFF_BASE_SHA"]


def base_of_merge() -> str:
    """Return the first parent where HEAD is a merge commit, as GitHub checks out; else nothing.

    The base of the event may be older than the one that was merged.
    """
    commit = git("cat-file", "-p", "HEAD")
    head = (commit or "").split("\n\n", 1)[0]
    parents = [line.split()[1] for line in head.splitlines() if line.startswith("parent ")]
    return parents[0] if len(parents) > 1 else ""


def fetch(commit: str) -> bool:
    """Fetch a commit alone where the clone lacks it; tell whether it is there."""
    if git("cat-file", "-e", f"{commit}^{{commit}}") is not None:
        return True
    git("fetch", "--quiet", "--no-tags", "--depth=1", "origin", commit)
    return git("cat-file", "-e", f"{commit}^{{commit}}") is not None


def git(*arguments: str) -> str | None:
    """Return what git prints; None where it fails."""
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        return None
    return done.stdout


def approval(labels: set[str], environment: Mapping[str, str]) -> list[str]:
    """Return the arguments that say what the labels approve."""
    if environment.get("SIDECAR_REVIEW_BREAKS_LABEL", "policy-breaks-invariant") in labels:
        return ["--approve", "breaks"]
    if environment.get("SIDECAR_REVIEW_LABEL", "policy-widens") in labels:
        return ["--approve", "widens"]
    return []


def wanted(verdict: str, status: int, environment: Mapping[str, str]) -> str:
    """Return what has to be done before the job passes; nothing where it does."""
    label = environment.get("SIDECAR_REVIEW_LABEL", "policy-widens")
    if verdict == "breaks_invariant":
        label = environment.get("SIDECAR_REVIEW_BREAKS_LABEL", "policy-breaks-invariant")
    if status == TROUBLE:
        return "This cannot be approved by a label: it could not be judged."
    return f"To approve this, set the label `{label}` and run the job again." if status else ""


def main(environment: Mapping[str, str]) -> int:
    """Review, comment, and return the status of the job."""
    host, base = (github if "GITHUB_EVENT_PATH" in environment else gitlab)(environment)
    if not fetch(base):
        print(f"error: the base commit {base} cannot be fetched", file=sys.stderr)
        return TROUBLE
    try:
        labels = host.labels()
    except (OSError, ValueError, KeyError) as error:
        print(f"warning: labels cannot be read, so nothing is approved: {error}", file=sys.stderr)
        labels = set()
    output = Path(environment.get("SIDECAR_REVIEW_OUTPUT", "sidecar-review"))
    output.mkdir(parents=True, exist_ok=True)
    command = [
        *shlex.split(environment.get("SIDECAR", "sidecar")),
        *("review", base, "--output-directory", str(output)),
        *approval(labels, environment),
        *shlex.split(environment.get("SIDECAR_REVIEW_ARGUMENTS", "")),
    ]
    done = subprocess.run(command, check=False)
    report = output / "review.md"
    if not report.is_file():
        return done.returncode or TROUBLE
    verdict = json.loads((output / "review.json").read_text(encoding="utf-8"))["verdict"]
    parts = (
        MARKER,
        report.read_text(encoding="utf-8"),
        wanted(verdict, done.returncode, environment),
    )
    text = "\n".join(filter(None, parts))[:MOST_CHARACTERS]
    if summary := environment.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")
    try:
        host.comment(text)
    except (OSError, ValueError, KeyError) as error:
        # A pull request from a fork has a token that may not write; its status counts all the same.
        print(f"warning: the comment cannot be written: {error}", file=sys.stderr)
    return done.returncode


if __name__ == "__main__":
    raise SystemExit(main(os.environ))
