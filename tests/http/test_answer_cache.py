"""Answers that are kept are those that would be made anew, at every moment."""

from __future__ import annotations

import json
import logging
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from sidecar.engine.authorizer import authorize
from sidecar.engine.policy import Policy
from sidecar.facts import Snapshot
from sidecar.http import RequestHead, Service, answer_cache, create_app, service_of
from sidecar.http.answer_cache import AnswerCache
from sidecar.model import NOTHING, Decision, Reference, Request
from sidecar.reload import Pair
from tests.differential.comparing import generated_requests
from tests.differential.generating import START
from tests.edge import Still
from tests.library import ACTOR, NOW, SCHEMA, Library

PACKS = 12

MICROSECOND = timedelta(microseconds=1)
MOMENTS = [
    START + timedelta(days=days) + between
    for days in range(-1, 5)
    for between in (-MICROSECOND, timedelta(0), MICROSECOND, timedelta(hours=12))
]
"""Those that generated facts name, right before and behind them, and between them."""

DUE = datetime(2026, 3, 1, 12, tzinfo=UTC)
"""Of the document `full`."""

UNTIL_DUE = (
    ACTOR
    + """
allow(_: User, _: Action{name: "view"}, doc: Doc) if context.now < doc.due;
"""
)


EVALUATION, EVALUATIONS = "/access/v1/evaluation", "/access/v1/evaluations"
JSON = {b"content-type": b"application/json"}
HEAD = RequestHead(JSON)


@dataclass
class Asked:
    """A service over a pair, which a test may exchange, at moments of its own."""

    still: Still
    service: Service
    moments: list[datetime]
    hits: Counter[bool]

    def ask(self, request: Request, now: datetime) -> dict[str, Any]:
        """Return the answer to a request; it is the same as an item of a batch."""
        body = as_json(request)
        one = self._ask(EVALUATION, body, now)
        many = self._ask(EVALUATIONS, {"evaluations": [body]}, now)
        assert [one] == many["evaluations"]
        return one

    def _ask(self, path: str, body: object, now: datetime) -> dict[str, Any]:
        written = json.dumps(body).encode()
        self.moments[:] = [now]
        response = self.service.answer_now(path, HEAD, written, now)
        if response is None:  # a rule needs the interpreter
            response = self.service.answer(path, HEAD, written)
        answer: dict[str, Any] = json.loads(response.body)
        for each in answer.get("evaluations", [answer]):
            each.get("context", {}).pop("decision_id", None)
        return answer


def asked_of(policy: Policy, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Return what asks, and counts which of its answers were kept."""
    hits: Counter[bool] = Counter()
    get = AnswerCache.get

    def counted(cache: AnswerCache, *asked: Any) -> Any:  # noqa: ANN401  as `get`
        answer = get(cache, *asked)
        hits[answer is not None] += 1
        return answer

    monkeypatch.setattr(AnswerCache, "get", counted)
    still, moments = Still(Pair(policy, snapshot)), [NOW]
    app = create_app(still, lambda: moments[0])
    return Asked(still, service_of(app), moments, hits)


def as_json(request: Request) -> dict[str, Any]:
    """Write a request as AuthZEN has it."""
    subject, resource = request.subject, request.resource
    return {
        "subject": {
            "type": subject.type, "id": subject.id,
            "properties": dict(request.subject_properties),
        },
        "action": {"name": request.action, "properties": dict(request.action_properties)},
        "resource": {
            "type": resource.type, "id": resource.id,
            "properties": dict(request.resource_properties),
        },
        "context": dict(request.context),
    }  # fmt: skip


def is_answer_to(answer: dict[str, Any], decision: Decision) -> bool:
    """Tell whether an answer is that of a decision."""
    context = answer["context"]
    return (
        answer["decision"],
        [each["code"] for each in context["reasons"]],
        [each["code"] for each in context["obligations"]],
        context["revisions"]["policy"],
        context["revisions"]["data"],
    ) == (
        decision.allowed,
        [each.code for each in decision.reasons],
        [each.code for each in decision.obligations],
        decision.revisions.policy,
        decision.revisions.data,
    )


def to_doc(who: str, action: str, doc: str, properties: Mapping[str, object] = NOTHING) -> Request:
    return Request(
        subject=Reference("user", who),
        action=action,
        resource=Reference("doc", doc),
        action_properties=properties,
    )


def test_at_every_moment_a_kept_answer_is_what_would_be_decided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = random.Random(1)  # noqa: S311  not for secrets
    tally: Counter[str] = Counter()
    for seed in range(PACKS):
        for policy, snapshot, request in generated_requests(
            seed, tmp_path / str(seed), worlds=2, requests=6
        ):
            with monkeypatch.context() as patch:
                asked = asked_of(policy, snapshot, patch)
                for now in dice.sample(MOMENTS * 2, len(MOMENTS) * 2):
                    answer = asked.ask(request, now)
                    decision = authorize(request, policy, snapshot, now)
                    assert is_answer_to(answer, decision), (seed, now)
                tally["kept"] += asked.hits[True]
                tally["asked"] += asked.hits.total()

    assert tally["kept"] > tally["asked"] / 3


TIMES = """
allow(user: User, action: Action, doc: Doc) if permits(user, action.name, doc);
permits(user: User, "view", doc: Doc) if
    share = doc.folder.share(user) and share.until >= context.now;
permits(_: User, "edit", doc: Doc) if doc.due < context.now;
permits(user: User, "tag", doc: Doc) if
    doc.folder.owner = user and not doc.due = context.now;
forbid(_: User, _: Action{name: "tag"}, doc: Doc, "no") if
    share = doc.folder.share(doc.reviewer) and share.until < context.now;
"""


def test_answers_change_at_each_of_several_instants_and_nowhere_else(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = library.policy(ACTOR, TIMES)
    snapshot = library.world(
        policy,
        docs="".join(
            f"- {{id: d{day}, folder: top, reviewer: bob, stage: draft, due: {moment(day)}}}\n"
            for day in range(4)
        ),
        shares="".join(
            f"- {{folder: {folder}, user: {user}, role: reader, until: {moment(day)}}}\n"
            for folder, user, day in (("top", "bob", 1), ("top", "ana", 2), ("sub", "bob", 3))
        ),
    )
    asked, dice = asked_of(policy, snapshot, monkeypatch), random.Random(1)  # noqa: S311  likewise
    changing = 0
    for user, action, day in product(("ana", "bob"), ("view", "edit", "tag"), range(4)):
        request = to_doc(user, action, f"d{day}")
        decisions = set()
        for now in dice.sample(MOMENTS * 2, len(MOMENTS) * 2):
            answer = asked.ask(request, now)
            assert is_answer_to(answer, authorize(request, policy, snapshot, now))
            decisions.add(answer["decision"])
        changing += len(decisions) > 1

    assert changing >= 10


def moment(day: int) -> str:
    """Write one of `MOMENTS` as a mount does."""
    return f"{START + timedelta(days=day):%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize("first", [DUE - MICROSECOND, DUE, DUE + MICROSECOND])
def test_an_answer_ends_with_the_instant_that_the_moment_is_compared_with(
    library: Library, monkeypatch: pytest.MonkeyPatch, first: datetime
) -> None:
    policy = library.policy(UNTIL_DUE)
    asked = asked_of(policy, library.world(policy), monkeypatch)
    request = to_doc("ana", "view", "full")

    asked.ask(request, first)
    answers = [
        asked.ask(request, now)["decision"]
        for now in (DUE - MICROSECOND, DUE, DUE + MICROSECOND, DUE - MICROSECOND)
    ]

    assert answers == [True, False, False, True]


def test_another_snapshot_is_asked_anew(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = library.policy(
        ACTOR, 'allow(user: User, _: Action{name: "view"}, doc: Doc) if doc.author = user;\n'
    )
    before, after = (
        library.world(policy, docs=f"- {{id: bare, folder: top, stage: draft, author: {author}}}\n")
        for author in ("ana", "bob")
    )
    asked = asked_of(policy, before, monkeypatch)

    answers = []
    for snapshot in (before, after, before):
        asked.still.pair = Pair(policy, snapshot)
        answers.append(asked.ask(to_doc("ana", "view", "bare"), NOW)["decision"])

    assert answers == [True, False, True]


def test_another_policy_is_asked_anew(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = library.policy(ACTOR, 'allow(_: User, _: Action{name: "view"}, _: Doc);\n')
    asked = asked_of(policy, library.world(policy), monkeypatch)
    request = to_doc("ana", "view", "bare")
    asked.ask(request, NOW)

    asked.still.pair = replace(asked.still.pair, policy=replace(policy, revision="another"))

    assert asked.ask(request, NOW)["context"]["revisions"]["policy"] == "another"


def test_properties_are_never_ignored(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = library.policy(
        ACTOR, 'allow(_: User, action: Action{name: "edit"}, _: Doc) if action.pages > 3;\n'
    )
    asked = asked_of(policy, library.world(policy), monkeypatch)

    answers = [
        asked.ask(to_doc("ana", "edit", "bare", said), NOW)["decision"]
        for said in ({}, {"pages": 4}, {"pages": 3}, {}, {"pages": 4})
    ]

    assert answers == [False, True, False, False, True]


ROUND = "- {id: top, owner: bob, parent: sub}\n- {id: sub, owner: bob, parent: top}\n"
OWNS = """\
allow(user: User, _: Action{name: "view"}, doc: Doc) if owns(user, doc.folder);
owns(user: User, folder: Folder) if folder.owner = user;
owns(user: User, folder: Folder) if owns(user, folder.parent);
"""


@pytest.mark.parametrize(
    ("parent", "report"),
    [
        ("{type: folder, optional: true}", "policy error, denied: "),
        (
            "{type: folder, optional: true, depth: 2}",
            "data error, denied: `allow` reads references that go on behind their depth, or go",
        ),
    ],
)
def test_a_rule_that_fails_is_reported_each_time(
    library: Library,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    parent: str,
    report: str,
) -> None:
    schema = SCHEMA.replace("{type: folder, optional: true}", parent)
    policy = replace(library, schema=schema).policy(ACTOR, OWNS)
    asked = asked_of(policy, library.world(policy, folders=ROUND), monkeypatch)

    reports = []
    for _ in range(2):
        caplog.clear()
        with caplog.at_level(logging.ERROR):
            asked.ask(to_doc("ana", "view", "bare"), NOW)
        reports += [record.message.partition(" (decision")[0] for record in caplog.records]

    # `ask` asks at both APIs.
    assert [each.startswith(report) for each in reports] == [True] * 4


def test_few_answers_are_kept(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_cache, "MAX_ANSWERS", 10)
    policy = library.policy(ACTOR, 'allow(_: User, _: Action{name: "view"}, _: Doc);\n')
    asked = asked_of(policy, library.world(policy), monkeypatch)

    for number in range(25):
        asked.ask(to_doc(f"user{number}", "view", "bare"), NOW)
    asked.hits.clear()
    answer = asked.ask(to_doc("user0", "view", "bare"), NOW)

    assert answer["decision"] is False
    assert asked.hits[True] == 0


def test_a_long_request_is_not_kept(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = library.policy(ACTOR, 'allow(_: User, _: Action{name: "view"}, _: Doc);\n')
    asked = asked_of(policy, library.world(policy), monkeypatch)

    for _ in range(2):
        asked.ask(to_doc("a" * answer_cache.MAX_KEY_BYTES, "view", "bare"), NOW)

    assert asked.hits[True] == 0


@pytest.mark.parametrize(
    ("path", "members", "head"),
    [
        ("/v1/authorize", {"explain": True}, HEAD),
        ("/v1/authorize", {"max_age": 5}, HEAD),
        ("/v1/authorize", {"min_revision": "0"}, HEAD),
        ("/v1/permissions", {"max_age": 5}, HEAD),
        ("/v1/authorize", {}, RequestHead({**JSON, b"sidecar-max-age": b"5"})),
    ],
)
def test_what_demands_more_than_an_answer_is_not_answered_from_the_cache(
    library: Library,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    members: dict[str, object],
    head: RequestHead,
) -> None:
    policy = library.policy(ACTOR, 'allow(_: User, _: Action{name: "view"}, _: Doc);\n')
    asked = asked_of(policy, library.world(policy), monkeypatch)
    body = {"subject": "user:ana", "action": "view", "resource": "doc:bare", **members}
    if path == "/v1/permissions":
        del body["action"]

    statuses = [
        asked.service.answer(path, head, json.dumps(body).encode()).status for _ in range(2)
    ]

    assert (statuses, asked.hits[True]) == ([200, 200], 0)
