"""The decision log of a running sidecar: the answers of many callers, logged together."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.decision_lines import lines_of_answers
from tests.e2e.killing import kill_often
from tests.e2e.running import Sidecar, copy_pack, serving, until
from tests.patience import PATIENCE

CALLERS, EACH = 12, 3
"""Callers at once, and requests that each sends in one piece."""

ITEMS = 150

EVALUATION = {
    "subject": {"type": "user", "id": "ana"},
    "action": {"name": "numbers.edit"},
    "resource": {"type": "account", "id": "acme"},
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return copy_pack(tmp_path)


def _request(path: str, said: object, request_id: str) -> bytes:
    body = json.dumps(said).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: sidecar\r\nContent-Type: application/json\r\n"
        f"X-Request-ID: {request_id}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _asked_at_once(sidecar: Sidecar, kinds: Sequence[tuple[str, object]]) -> list[bytes]:
    """Return what each of the callers gets to `EACH` requests, whose ids are `caller-request`."""
    got = []
    with ExitStack() as stack:
        callers = [
            stack.enter_context(
                closing(socket.create_connection(("127.0.0.1", sidecar.port), PATIENCE))
            )
            for _ in range(CALLERS)
        ]
        for caller, sock in enumerate(callers):
            path, said = kinds[caller % len(kinds)]
            sock.sendall(b"".join(_request(path, said, f"{caller}-{n}") for n in range(EACH)))
        got += [_answered(sock, EACH) for sock in callers]
    return got


def _answered(sock: socket.socket, count: int = 1) -> bytes:
    """Return so many answers; fewer where the connection ends before."""
    answers = b""
    while _whole(answers) < count and (piece := sock.recv(1 << 16)):
        answers += piece
    return answers


def _whole(answers: bytes) -> int:
    """Count the answers that have come as a whole."""
    count = 0
    while (head := re.match(rb"(?s).*?\r\nContent-Length: (\d+)\r\n\r\n", answers)) and (
        len(answers) >= (end := head.end() + int(head[1]))
    ):
        count, answers = count + 1, answers[end:]
    return count


def test_what_many_callers_are_told_at_once_is_in_the_log_line_for_line(root: Path) -> None:
    kinds: list[tuple[str, object]] = [
        ("/access/v1/evaluation", EVALUATION),
        # More lines than are held back for one write.
        ("/access/v1/evaluations", {**EVALUATION, "evaluations": [{}] * ITEMS}),
        ("/v1/permissions", {"subject": "user:ana", "resource": "account:acme"}),
    ]
    with serving(root, "--decision-log", "decisions", workers=1) as sidecar:
        rounds = [_asked_at_once(sidecar, kinds) for _ in range(3)]
        lines = lines_of_answers(root / "decisions")

    answers = [answer for each in rounds for answer in each]
    told = [each.decode() for answer in answers for each in _ids(answer)]
    asked = [
        f"{caller}-{n}"
        for caller in range(CALLERS)
        for n in range(EACH)
        for _ in range(3 * (ITEMS if caller % 3 == 1 else 1))
    ]
    assert all(answer.count(b"HTTP/1.1 200 OK") == EACH for answer in answers)
    assert sorted(line["decision_id"] for line in lines if "decision_id" in line) == sorted(told)
    assert sorted(line["request_id"] for line in lines) == sorted(asked)
    assert {line["kind"] for line in lines} == {"decision", "permissions"}


def test_who_waits_behind_others_is_answered_at_a_later_moment(root: Path) -> None:
    """Or it would be the more in the past the longer these take."""
    with serving(root, "--decision-log", "decisions", workers=1) as sidecar, ExitStack() as stack:
        callers = [
            stack.enter_context(
                closing(socket.create_connection(("127.0.0.1", sidecar.port), PATIENCE))
            )
            for _ in range(CALLERS)
        ]
        for sock in callers:
            sock.sendall(_request("/access/v1/evaluation", EVALUATION, "first"))
            _answered(sock)
        with sidecar.standing_still():
            for caller, sock in enumerate(callers):
                # Each takes more than a millisecond: nothing of it was asked before.
                others = [{"subject": {"type": "user", "id": f"{caller}-{n}"}} for n in range(250)]
                said = {**EVALUATION, "evaluations": others}
                sock.sendall(_request("/access/v1/evaluations", said, str(caller)))
        for sock in callers:
            _answered(sock)
        lines = lines_of_answers(root / "decisions")

    moments = {line["request_id"]: line["time"] for line in lines[CALLERS:]}
    assert len(lines) == CALLERS * (1 + 250)
    assert len(set(moments.values())) == CALLERS


def test_none_of_many_callers_is_answered_while_nothing_can_be_logged(root: Path) -> None:
    log = root / "decisions"
    kinds: list[tuple[str, object]] = [("/access/v1/evaluation", EVALUATION)]
    with serving(root, "--decision-log", "decisions", workers=1) as sidecar:
        _asked_at_once(sidecar, kinds)
        log.rename(root / "decisions.1")
        log.mkdir()

        refused = _asked_at_once(sidecar, kinds)

        log.rmdir()
        until(lambda: b"200 OK" in _asked_at_once(sidecar, kinds)[0])
    assert all(answer.count(b"503 SERVICE UNAVAILABLE") == EACH for answer in refused)
    assert not any(b'"decision":true' in answer for answer in refused)
    for caller, answer in enumerate(refused):
        for number in range(EACH):
            assert f"X-Request-ID: {caller}-{number}\r\n".encode() in answer


def test_what_callers_were_told_is_in_the_log_whatever_process_is_killed(root: Path) -> None:
    """`make stress` kills a hundred."""
    outcome = kill_often(root, 4, ["worker", "follower", "worker", "master"])

    assert set(outcome.told) <= set(outcome.logged)
    assert len(outcome.logged) == len(set(outcome.logged))
    assert (outcome.verification.faults, outcome.verification.doubts) == ([], {})
    assert len(outcome.verification.chains) > 1  # a busy machine may leave all to one worker


def _ids(answer: bytes) -> list[bytes]:
    return re.findall(rb'"decision_id":"(\w+)"', answer)
