"""Decisions that are remembered are those that would be made anew, at every moment."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest

from sidecar.engine import authorizer as deciding
from sidecar.engine.authorizer import authorize, decisions_of
from sidecar.engine.policy import Policy
from sidecar.facts import Snapshot
from sidecar.model import NOTHING, Reference, Request
from tests.differential.comparing import generated_requests
from tests.differential.generating import START
from tests.library import ACTOR, NOW, Library, ask

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


def plain(request: Request) -> Request:
    """Return the question with nothing said beside it."""
    return replace(
        request,
        subject_properties=NOTHING,
        action_properties=NOTHING,
        resource_properties=NOTHING,
        context=NOTHING,
    )


def recalled(request: Request, policy: Policy, snapshot: Snapshot, now: datetime) -> bool:
    """Tell whether there is an answer already."""
    names = (
        request.subject.type,
        request.subject.id,
        request.action,
        request.resource.type,
        request.resource.id,
    )
    return decisions_of(policy, snapshot).recall(names, now) is not None


def test_at_every_moment_what_is_remembered_is_what_would_be_decided(tmp_path: Path) -> None:
    dice = random.Random(1)  # noqa: S311  not for secrets
    tally: Counter[str] = Counter()
    for seed in range(PACKS):
        asked = generated_requests(seed, tmp_path / str(seed), worlds=2, requests=6)
        for policy, snapshot, request in asked:
            question = plain(request)
            forgetful = replace(policy)
            for now in dice.sample(MOMENTS * 2, len(MOMENTS) * 2):
                tally["recalled"] += recalled(question, policy, snapshot, now)
                tally["asked"] += 1
                remembered = authorize(question, policy, snapshot, now)
                forgetful.remembered.clear()
                assert remembered == authorize(question, forgetful, snapshot, now), (seed, now)

    assert tally["recalled"] > tally["asked"] / 3


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


def test_answers_change_at_each_of_several_instants_and_nowhere_else(library: Library) -> None:
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
    forgetful, dice = replace(policy), random.Random(1)  # noqa: S311  not for secrets
    changing = 0
    for user, action, day in product(("ana", "bob"), ("view", "edit", "tag"), range(4)):
        question = Request(
            subject=Reference("user", user), action=action, resource=Reference("doc", f"d{day}")
        )
        answers = set()
        for now in dice.sample(MOMENTS * 2, len(MOMENTS) * 2):
            forgetful.remembered.clear()
            answers.add(remembered := authorize(question, policy, snapshot, now))
            assert remembered == authorize(question, forgetful, snapshot, now)
        changing += len(answers) > 1

    assert changing >= 10


def moment(day: int) -> str:
    """Write one of `MOMENTS` as a mount does."""
    return f"{START + timedelta(days=day):%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize("first", [DUE - MICROSECOND, DUE, DUE + MICROSECOND])
def test_an_answer_ends_with_the_instant_that_the_moment_is_compared_with(
    library: Library, first: datetime
) -> None:
    policy = library.policy(UNTIL_DUE)
    snapshot = library.world(policy)

    ask(policy, snapshot, "ana", "view", "doc:full", first)
    told = [
        ask(policy, snapshot, "ana", "view", "doc:full", now).allowed
        for now in (DUE - MICROSECOND, DUE, DUE + MICROSECOND, DUE - MICROSECOND)
    ]

    assert told == [True, False, False, True]


def test_another_snapshot_is_asked_anew(library: Library) -> None:
    policy = library.policy(
        ACTOR, 'allow(user: User, _: Action{name: "view"}, doc: Doc) if doc.author = user;\n'
    )
    before, after = (
        library.world(policy, docs=f"- {{id: bare, folder: top, stage: draft, author: {author}}}\n")
        for author in ("ana", "bob")
    )

    told = [
        ask(policy, each, "ana", "view", "doc:bare").allowed for each in (before, after, before)
    ]

    assert told == [True, False, True]


def test_a_copy_of_a_policy_remembers_nothing_of_it(library: Library) -> None:
    policy = library.policy(ACTOR, 'allow(_: User, _: Action{name: "view"}, _: Doc);\n')
    snapshot = library.world(policy)
    request = Request(
        subject=Reference("user", "ana"), action="view", resource=Reference("doc", "bare")
    )
    authorize(request, policy, snapshot, NOW)

    copy = replace(policy, revision="another")

    assert not recalled(request, copy, snapshot, NOW)
    assert authorize(request, copy, snapshot, NOW).revisions.policy == "another"


def test_what_is_said_beside_a_question_is_never_passed_over(library: Library) -> None:
    policy = library.policy(
        ACTOR, 'allow(_: User, action: Action{name: "edit"}, _: Doc) if action.pages > 3;\n'
    )
    snapshot = library.world(policy)

    told = [
        ask(policy, snapshot, "ana", "edit", "doc:bare", action_properties=said).allowed
        for said in ({}, {"pages": 4}, {"pages": 3}, {}, {"pages": 4})
    ]

    assert told == [False, True, False, False, True]


def test_a_rule_that_fails_is_told_each_time(library: Library) -> None:
    policy = library.policy(
        ACTOR, 'allow(_: User, _: Action{name: "view"}, doc: Doc) if doc.pages > 3;\n'
    )
    snapshot = library.world(policy)

    faults = [ask(policy, snapshot, "ana", "view", "doc:bare").faults for _ in range(2)]

    assert faults[0] == faults[1]


def test_there_is_an_end_to_what_is_remembered(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deciding, "MOST_REMEMBERED", 10)
    policy = library.policy(ACTOR, 'allow(_: User, _: Action{name: "view"}, _: Doc);\n')
    snapshot = library.world(policy)

    told = {ask(policy, snapshot, f"user{number}", "view", "doc:bare") for number in range(25)}
    first = Request(
        subject=Reference("user", "user0"), action="view", resource=Reference("doc", "bare")
    )

    assert {each.allowed for each in told} == {False}
    assert not recalled(first, policy, snapshot, NOW)
