"""The process that does one task: it compiles, proves and solves, within limits."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from sidecar.compiler import load_pack
from sidecar.compiler.pack import PackTexts, read_texts, revision_of
from sidecar.errors import SidecarError
from sidecar.facts import RowPositions, read_positions
from sidecar.facts.store.file import StoreFile
from sidecar.facts.store.snapshot import StoredSnapshot
from sidecar.model import Request
from sidecar.page.child_compare import verdict
from sidecar.page.child_matrix import helpers, rules_by_action, sheet_data
from sidecar.page.packs import Other
from sidecar.page.tasks import Task, TaskFailedError, limit_this_process
from sidecar.reload import Pair, Places, Reloading
from sidecar.review.explain import Facts, explain_to_reviewer
from sidecar.review.explain_output import as_json
from sidecar.review.matrix import matrix
from sidecar.review.pack_revisions import PackPlace
from sidecar.review.verdict import Mount
from sidecar.schema.instants import parse_instant

_NO_POSITIONS: RowPositions = {}


def main() -> None:
    """Read a task from standard input, and write its result to standard output."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    limit_this_process()
    sys.setrecursionlimit(50_000)
    task: Task = pickle.load(sys.stdin.buffer)  # noqa: S301  written by our own parent
    try:
        result = _TASKS[task.name](task)
    except SidecarError as error:
        result = {"failure": str(error)}
    with answers:
        answers.write(msgspec.json.encode(result))


def _explain(task: Task) -> dict[str, Any]:
    """Explain a decision: the rules with their lines, and the nearest changes."""
    asked = msgspec.json.decode(task.arguments["request"], type=Request)
    moment = parse_instant(str(task.arguments["moment"]))
    pair = _pair(task)
    policy = pair.policy
    rows = _NO_POSITIONS if task.data is None else read_positions(policy.schema, task.data)
    told = explain_to_reviewer(asked, policy, Facts(pair.snapshot, rows), moment)
    word = "denied" if told.decision.allowed else "allowed"
    turning = [{"line": each.line(word), "told_to": each.audience} for each in told.turning]
    return {**as_json(told), "turning": turning, "unturned": told.unturned}


def _matrix(task: Task) -> dict[str, Any]:
    """Put the matrix of the policy in use into words."""
    place, pack = _in_use(task)
    explored = place.load().explored
    return {
        "sheets": list(map(sheet_data, matrix(place))),
        "rules": rules_by_action(explored, pack.texts),
        "helpers": helpers(explored, pack.texts),
    }


def _compare(task: Task) -> dict[str, Any]:
    """Judge another policy in the place of the one in use."""
    place, _ = _in_use(task)
    written = task.arguments["other"]
    assert isinstance(written, bytes)  # noqa: S101  as our own parent writes it
    other: Other = pickle.loads(written)  # noqa: S301  likewise
    mount = None
    if task.data is not None:
        now = datetime.now(UTC)  # noqa: TID251  of the people who are named
        mount = Mount("the facts", (task.data, task.data), now, is_demanded=False)
    return verdict(place, other, mount)


def _in_use(task: Task) -> tuple[PackPlace, PackTexts]:
    """Return the files of the policy in use.

    Raises:
        TaskFailedError: They are others by now.
    """
    pack, sentences = read_texts(task.policies, task.fixtures)
    revision = revision_of(pack, sentences)
    if revision != task.arguments["revision"]:
        raise TaskFailedError(
            f"the files of the policy are not those in use any more: they have revision {revision}"
        )
    return PackPlace("the policy in use", task.policies, task.fixtures), pack


def _pair(task: Task) -> Pair:
    if task.store is None:
        assert task.data is not None  # noqa: S101  one of the two is given
        return Reloading(Places(task.policies, task.fixtures, task.data)).load()
    path, layout = task.store
    store = StoreFile(path, pickle.loads(layout))  # noqa: S301  written by our own parent
    return Pair(load_pack(task.policies, task.fixtures), StoredSnapshot(store))


_TASKS: Mapping[str, Callable[[Task], dict[str, Any]]] = {
    "explain": _explain,
    "matrix": _matrix,
    "compare": _compare,
}
