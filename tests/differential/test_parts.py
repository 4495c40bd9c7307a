"""Packs by chance with hours, weekdays and dates: compiled rules hold as Oso says of the facts."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from sidecar.engine import kind_of
from sidecar.engine.authorizer import authorize
from sidecar.engine.bound_rules import BoundRule
from sidecar.engine.policy import Policy
from sidecar.errors import InvalidRequestError
from sidecar.facts import Snapshot, read_directory
from tests.depth import deep
from tests.differential.test_against_reference import load_pack, request_of
from tests.generated.packs import write_pack
from tests.generated.worlds import Question

PACKS, WORLDS, QUESTIONS = deep(10, quick=6), 2, 30
PART = re.compile(r"\.(?:hour|weekday|date)_\d+_of_\w+")


@pytest.mark.many
def test_rules_about_parts_of_instants_hold_as_oso_says(tmp_path: Path) -> None:
    tally: Counter[str] = Counter()
    for seed in range(PACKS):
        pack = write_pack(seed, tmp_path / str(seed))
        policy = load_pack(pack)
        if policy is None:
            continue
        tally["packs"] += 1
        rules = (pack.policies / "main.polar").read_text()
        tally["reads parts"] += PART.search(rules) is not None
        for number in range(WORLDS):
            mount = tmp_path / str(seed) / f"world{number}"
            pack.worlds.world(mount)
            facts = read_directory(policy.schema, mount)
            for _ in range(QUESTIONS):
                question = pack.worlds.question()
                try:
                    _compare(policy, facts, question, tally)
                except InvalidRequestError:
                    tally["bad"] += 1
        policy.interpreter.close()

    assert tally["packs"] > PACKS * 0.8
    assert tally["reads parts"] > PACKS * 0.5
    assert tally["differs"] == 0
    assert tally["holds"] > PACKS * 5
    assert tally["bounded"] > PACKS


def _compare(policy: Policy, facts: Snapshot, question: Question, tally: Counter[str]) -> None:
    request, now = request_of(question.request), question.now
    kind = kind_of(request.subject.type, request.resource.type, policy)
    decision = authorize(request, policy, facts, now)
    if kind is None:
        return
    frame, entry = kind.frame(request, facts, now), kind.entry(request.action)
    is_open = bool(kind.always_on_reasons(request.action, frame) or frame.outside)
    for rule in (*([] if is_open else [entry.grant]), *entry.forbids, *entry.obliges):
        ours, theirs = list[str](), list[str]()
        held = kind.holds(rule, request.action, frame, ours)
        live = BoundRule(rule.kind, rule.code, None)
        also = kind.holds(live, request.action, frame, theirs)
        tally["holds"] += held
        tally["differs"] += (held, bool(ours)) != (also, bool(theirs))
    if decision.valid is not None:
        since, until = decision.valid
        for other in (since + timedelta(microseconds=1), until - timedelta(microseconds=1)):
            if since < other < until and since.year > 1 and until.year < 9999:
                tally["bounded"] += 1
                again = authorize(request, policy, facts, other)
                tally["differs"] += again.reasons != decision.reasons
