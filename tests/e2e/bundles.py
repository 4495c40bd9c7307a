"""Two servers of one policy, of its pack and of its bundle, and what is put to both."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from click.testing import CliRunner

from sidecar.cli import main
from tests.e2e.running import EDIT, Sidecar, beginning_with

BUNDLE = ("--bundle", "policy.bundle")
MISSING = """\
import sys


class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"oso", "polar", "_polar_lib", "lark"}:
            raise ModuleNotFoundError(f"{name} is not to be had", name=name)


sys.meta_path.insert(0, Missing())
"""
"""Makes Oso and the grammar impossible to import, in every process that begins with it."""

OPTIONS = (
    *("--public-url", "https://pdp.example", "--decision-log", "decisions.jsonl"),
    *("--page-key", "key", "--decision-log-key", "key"),
)


class Both(NamedTuple):
    """Two servers of the same policy and facts."""

    pack: Sidecar
    bundle: Sidecar


def without_oso(root: Path) -> Mapping[str, str]:
    """Return the variables of a process without Oso and without packs that were compiled before."""
    return {**beginning_with(MISSING, root / "missing"), "XDG_CACHE_HOME": os.devnull}


def build(root: Path, output: str = "policy.bundle") -> Path:
    pack = ("--policies", str(root / "policies"), "--fixtures", str(root / "fixtures"))
    result = CliRunner().invoke(main, ["build", *pack, "--output", str(root / output)])
    assert result.exit_code == 0, result.output
    return root / output


def entity(text: str) -> dict[str, str]:
    kind, _, identifier = text.partition(":")
    return {"type": kind, "id": identifier}


def evaluation(subject: str, action: str, resource: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "subject": entity(subject),
        "action": {"name": action},
        "resource": entity(resource),
        **more,
    }


MANAGE = evaluation("user:ana", "team.manage", "account:acme")
QUESTIONS: list[tuple[str, Any]] = [
    ("/v1/authorize", EDIT),
    ("/v1/authorize", {**EDIT, "explain": True}),
    ("/v1/authorize", {**EDIT, "subject": "user:nobody"}),
    ("/v1/authorize", {**EDIT, "action": "nothing", "explain": True}),
    ("/v1/authorize", {"requests": [EDIT, {**EDIT, "subject": "user:bob", "explain": True}]}),
    ("/v1/authorize", {**EDIT, "resource": "account:"}),
    ("/v1/permissions", {"subject": "user:ana", "resource": "account:acme"}),
    ("/v1/permissions", {"subject": "user:bob", "resources": ["account:acme", "account:x"]}),
    ("/access/v1/evaluation", MANAGE),
    ("/access/v1/evaluation", {**MANAGE, "subject": entity("user:dora")}),
    ("/access/v1/evaluation", {**MANAGE, "context": {"now": "no"}}),
    ("/access/v1/evaluations", {**MANAGE, "evaluations": [{}, {"subject": entity("user:bob")}]}),
    ("/access/v1/search/subject", {**MANAGE, "subject": {"type": "user"}}),
    ("/access/v1/search/resource", {**MANAGE, "resource": {"type": "account"}}),
    (
        "/access/v1/search/subject",
        {**MANAGE, "subject": {"type": "user"}, "page": {"limit": 1}},
    ),
    (
        "/access/v1/search/action",
        {"subject": entity("user:ana"), "resource": entity("account:acme")},
    ),
    ("/access/v1/nothing", {}),
]
PATHS = (
    "/v1/catalog",
    "/openapi.json",
    "/.well-known/authzen-configuration",
    "/healthz",
    "/readyz",
)


def told(sidecar: Sidecar, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """Return the status and the body of an answer, without what differs from one to the next."""
    with closing(sidecar.connect()) as connection:
        content = None if body is None else json.dumps(body).encode()
        connection.request(method, path, content, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, same(json.loads(_CLOCK.sub("…", response.read().decode())))


_CLOCK = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00")
"""An instant with its microseconds: no fact is so precise."""


def same(told: Any) -> Any:  # noqa: ANN401  JSON
    if isinstance(told, dict):
        return {
            name: "…" if name in {"decision_id", "next_token", "time", "version"} else same(member)
            for name, member in told.items()
        }
    return [same(member) for member in told] if isinstance(told, list) else told
