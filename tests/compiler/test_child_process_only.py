"""What happens in the process in which Oso runs, done here: proofs, and variants of a pack."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from sidecar.compiler import load_pack
from sidecar.compiler.compile import load
from sidecar.compiler.oso_proof import prove
from sidecar.compiler.pack import PackTexts, read_texts
from sidecar.compiler.proof import read_proof
from sidecar.compiler.variants import Varying
from sidecar.diagram.paths import Path as FactPath
from sidecar.diagram.questions import Answer, Question
from sidecar.engine import kind_of
from sidecar.engine.fact_sources import Sources
from sidecar.engine.policy import Policy
from sidecar.facts import read_directory
from sidecar.model import Reference, Request
from tests.paths import ROOT

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_pack(ROOT / "policies", ROOT / "fixtures")


@pytest.fixture(scope="module")
def pack() -> PackTexts:
    return read_texts(ROOT / "policies", ROOT / "fixtures")[0]


class Answering:
    """Answers as the parent does, from the demo world."""

    def __init__(self, policy: Policy, request: Request) -> None:
        snapshot = read_directory(policy.schema, ROOT / "fixtures" / "worlds" / "demo")
        kind = kind_of(request.subject.type, request.resource.type, policy)
        assert kind is not None
        self._sources = Sources(request, policy, kind.frame(request, snapshot, NOW))

    def ask(self, question: Question, domain: Sequence[Answer]) -> Answer:
        answer = self._sources.answer(question)
        assert answer in domain
        assert answer is not None
        return answer

    def key(self, path: FactPath) -> object:
        return self._sources.value(path)


@pytest.mark.parametrize(
    ("user", "action", "rule", "code", "holds", "line"),
    [
        ("dora", "credentials.view", "allow", None, True, 'has_role(subject, "developer"'),
        ("sue", "credentials.view", "allow", None, False, None),
        ("ana", "transfer", "forbid", "owner_is_fixed", True, None),
        ("ana", "land", "allow", None, True, None),
    ],
)
def test_a_proof_is_made_of_the_clauses_that_hold(
    policy: Policy,
    pack: PackTexts,
    user: str,
    action: str,
    rule: str,
    code: str | None,
    holds: bool,  # noqa: FBT001 - what is expected
    line: str | None,
) -> None:
    request = Request(
        subject=Reference("user", user), action=action, resource=Reference("account", "acme")
    )
    asked = {
        "rule": rule, "code": code, "subject": "user", "resource": "account", "action": action
    }  # fmt: skip

    proof = read_proof(prove(asked, pack, load(pack), Answering(policy, request)))

    assert proof.holds is holds
    assert any(True for _ in proof.granting()) is holds
    places = {(c.place.file, c.place.rule) for r in proof.rules.values() for c in r.clauses}
    assert line is None or ("account.polar", "has_role") in places


def test_a_variant_has_only_the_entries_that_are_decided_otherwise(pack: PackTexts) -> None:
    varying = Varying(pack)
    text = pack.texts["account.polar"]
    before = '"logs.view" if "developer";'
    assert text.count(before) == 1

    changed = varying.vary(
        {"account.polar": text.replace(before, '"logs.view" if "finance_analyst";')}
    )
    broken = varying.vary({"account.polar": text.replace(before, '"logs.view" if "supprt";')})

    entries = changed.usable().entries
    assert [(entry.subject, entry.resource, entry.action) for entry in entries] == [
        ("user", "account", "logs.view")
    ]
    assert broken.problems
