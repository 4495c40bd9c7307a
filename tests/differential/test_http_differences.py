"""What is answered over HTTP is what the core decides, over packs and requests made by chance."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from msgspec.structs import replace

from sidecar.engine.authorizer import authorize
from sidecar.engine.policy import Policy
from sidecar.engine.search import permissions, search_resources, search_subjects
from sidecar.errors import InvalidRequestError
from sidecar.facts import Snapshot
from sidecar.http import Limits, Paging, Standard, create_app
from sidecar.model import Decision, Reference, Request
from sidecar.reload import Pair
from tests.depth import deep
from tests.differential.comparing import generated_requests
from tests.differential.generating import START
from tests.edge import Still, post

NOW: datetime = START

ASKED = 3_300
"""Requests that are sent, at least."""

PACKS, WORLDS, REQUESTS = deep(10), 4, 15
"""Worlds are those of each pack, requests those about each world; each is sent in many forms."""

PAGE = 2
"""Results on a page: generated worlds are small."""

SEMANTICS = {"execute_all": None, "deny_on_first_deny": False, "permit_on_first_permit": True}


@pytest.mark.many
def test_answers_over_http_are_those_of_the_core(tmp_path: Path) -> None:
    tally: Counter[str] = Counter()
    differences: list[str] = []

    for seed in range(PACKS):
        for policy, snapshot, requests in _worlds(seed, tmp_path / str(seed)):
            comparing = _Comparing(policy, snapshot, tally)
            differences += comparing.all(requests)

    assert differences == []
    assert tally["sent"] >= ASKED
    # The comparison means something only where there are answers of every kind.
    assert tally["allowed"] > 150
    assert tally["obliged"] >= 5
    assert tally["found"] > 100
    assert tally["refused"] > 60
    assert tally["pages"] > 10


_SPOILT: dict[str, Any] = {
    "context": {"flag": "yes"},
    "action_properties": {"to": 7, "why": None},
    "resource_properties": {"team": ["t1"]},
}


def _worlds(seed: int, directory: Path) -> Iterator[tuple[Policy, Snapshot, tuple[Request, ...]]]:
    generated = generated_requests(seed, directory, WORLDS, REQUESTS)
    policy = None
    for _, group in groupby(generated, key=lambda each: id(each[1])):
        world = list(group)
        policy, snapshot = world[0][0], world[0][1]
        yield policy, snapshot, tuple(request for *_, request in world)
    if policy is not None:
        policy.interpreter.close()


class _Comparing:
    """One world, asked over HTTP and in process."""

    def __init__(self, policy: Policy, snapshot: Snapshot, tally: Counter[str]) -> None:
        self._facts = (policy, snapshot, NOW)
        self._tally = tally
        paging = Paging(page_size=PAGE)
        self._client: FlaskClient = create_app(
            Still(Pair(policy, snapshot)), lambda: NOW, Limits(), Standard(paging=paging)
        ).test_client()

    def all(self, requests: Sequence[Request]) -> Iterator[str]:
        """Yield what differs."""
        for number, request in enumerate(requests):
            for each in self._around(request, number):
                yield from self._evaluation(each)
            yield from self._authorize(request)
            yield from self._permissions(request)
            yield from self._searches(request)
        for start in range(0, len(requests), 5):
            yield from self._batch(requests[start : start + 5], start)

    def _around(self, request: Request, number: int) -> Iterator[Request]:
        """Yield a request, its neighbours that are allowed, and at times one of a wrong type."""
        yield request
        for found in (self._found(search_subjects, request) or [])[:3]:
            yield replace(request, subject=Reference(request.subject.type, found))
        for found in (self._found(search_resources, request) or [])[:3]:
            yield replace(request, resource=Reference(request.resource.type, found))
        if number % 5 == 0:
            name, spoilt = list(_SPOILT.items())[number // 5 % len(_SPOILT)]
            yield replace(request, **{name: spoilt})

    def _evaluation(self, request: Request) -> Iterator[str]:
        answer = self._ask("/access/v1/evaluation", _long(request))
        decision = self._decide(request)
        yield from self._differs(request, _flat(answer), _expected(decision, profile=True))
        if decision is not None:
            self._tally["allowed"] += decision.allowed
            self._tally["obliged"] += bool(decision.obligations)

    def _authorize(self, request: Request) -> Iterator[str]:
        answer = self._ask("/v1/authorize", _long(request))

        yield from self._differs(request, answer, _expected(self._decide(request), profile=False))

    def _permissions(self, request: Request) -> Iterator[str]:
        plain = replace(request, action_properties={})
        answer = self._ask("/v1/permissions", _long(plain))
        expected = self._found(permissions, plain)
        yield from self._differs(plain, answer.get("permissions"), expected)

    def _searches(self, request: Request) -> Iterator[str]:
        plain = replace(request, action_properties={})
        everything = self._found(permissions, plain)
        for path, asked, expected in (
            ("subject", request, self._found(search_subjects, request)),
            ("resource", request, self._found(search_resources, request)),
            ("action", plain, everything if everything is None else sorted(everything)),
        ):
            whole = self._ask(f"/access/v1/search/{path}", _long(asked)).get("results")
            paged = self._paged(f"/access/v1/search/{path}", _long(asked))
            yield from self._differs(asked, _names(whole), expected)
            yield from self._differs(asked, _names(paged), expected)
            self._tally["found"] += bool(expected)

    def _batch(self, requests: Sequence[Request], number: int) -> Iterator[str]:
        semantic, last = list(SEMANTICS.items())[number // 5 % 3]
        items = [_long(each) for each in requests]
        said = {"options": {"evaluations_semantic": semantic}, "evaluations": items}
        answers = self._ask("/access/v1/evaluations", said)["evaluations"]
        expected = []
        for request in requests:
            expected.append(_expected(self._decide(request), profile=True))
            if (expected[-1] or {"decision": False})["decision"] is last:
                break
        yield from self._differs(requests, [_flat(each) for each in answers], expected)

    def _paged(self, path: str, said: dict[str, Any]) -> list[dict[str, str]] | None:
        page: dict[str, object] = {"limit": PAGE}
        results: list[dict[str, str]] = []
        while True:
            answer = self._ask(path, {**said, "page": page})
            if "results" not in answer:
                return None
            assert 0 < len(answer["results"]) <= PAGE or not answer["page"]["next_token"]
            assert len(results) < 1000
            results += answer["results"]
            if not (token := answer["page"]["next_token"]):
                return results
            self._tally["pages"] += 1
            page = {"token": token}

    def _decide(self, request: Request) -> Decision | None:
        try:
            return authorize(request, *self._facts)
        except InvalidRequestError:
            return None

    def _found(self, search: Any, request: Request) -> list[str] | None:
        try:
            return list(search(request, *self._facts))
        except InvalidRequestError:
            return None

    def _ask(self, path: str, said: object) -> dict[str, Any]:
        response = post(self._client, path, said)
        self._tally["sent"] += 1
        self._tally["refused"] += response.status_code == 400
        assert response.status_code in {200, 400}, f"{path} {said}: {response.text}"
        answer: dict[str, Any] = json.loads(response.data)
        assert response.status_code == 200 or answer["decision"] is False
        return answer

    def _differs(self, asked: object, ours: object, expected: object) -> Iterator[str]:
        if _known(ours) != _known(expected):
            yield f"{asked}: HTTP {ours}, core {expected}"


def _long(request: Request) -> dict[str, Any]:
    return {
        "subject": {
            "type": request.subject.type,
            "id": request.subject.id,
            "properties": dict(request.subject_properties),
        },
        "action": {"name": request.action, "properties": dict(request.action_properties)},
        "resource": {
            "type": request.resource.type,
            "id": request.resource.id,
            "properties": dict(request.resource_properties),
        },
        "context": dict(request.context),
    }


def _flat(answer: dict[str, Any]) -> dict[str, Any]:
    """Write an answer of AuthZEN as a native one."""
    return {
        **{name: answer[name] for name in answer if name != "context"},
        **answer.get("context", {}),
    }


def _expected(decision: Decision | None, *, profile: bool) -> dict[str, Any] | None:
    """Write a decision as an answer; None where the question is refused."""
    if decision is None:
        return None
    obligations: list[dict[str, Any]] = [
        {"code": each.code, "message": each.message}
        | (
            {"id": each.code, "type": "custom", "properties": {"message": each.message}}
            if profile
            else {}
        )
        for each in decision.obligations
    ]
    return {
        "decision": decision.allowed,
        "reasons": [{"code": each.code, "message": each.message} for each in decision.reasons],
        "obligations": obligations,
        "revisions": {
            "policy": decision.revisions.policy,
            "data": decision.revisions.data,
        },
    }


def _known(answer: object) -> object:
    """Drop what no core tells, and make all refusals one."""
    if isinstance(answer, list):
        return [_known(each) for each in answer]
    if not isinstance(answer, dict):
        return answer
    if "error" in answer:
        return None
    return {name: value for name, value in answer.items() if name != "decision_id"}


def _names(results: list[dict[str, str]] | None) -> list[str] | None:
    return None if results is None else [each.get("id") or each["name"] for each in results]
