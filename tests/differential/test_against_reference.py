"""The product against the reference interpreter, over packs, worlds and requests made by chance.

`tests/reference` was written from the documentation and imports nothing of the product, so a
misreading that the compiler and the evaluator share is seen here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from sidecar.compiler.compile import InvalidPolicyError, compile_pack
from sidecar.compiler.pack import read_texts
from sidecar.compiler.policy import assemble
from sidecar.decision_log import DecisionLog, Hashing, LineFile, OnFailure
from sidecar.decision_log.reader import DecisionLine, EndLine, read_line
from sidecar.engine.authorizer import authorize
from sidecar.engine.policy import Policy
from sidecar.engine.search import permissions, search_resources, search_subjects
from sidecar.errors import InvalidDocumentsError, InvalidRequestError
from sidecar.facts import Snapshot, read_directory
from sidecar.http import create_app
from sidecar.model import Reference, Request
from sidecar.reload import Pair
from sidecar.review.line_decision import Effect
from sidecar.review.replay import Judge
from tests import reference
from tests.bundled import through_a_bundle
from tests.depth import deep
from tests.edge import Still, post
from tests.generated.packs import GeneratedPack, without_refused_rules, write_pack
from tests.generated.worlds import Question

GROUPS = 6
"""The packs are divided among tests, so that two processes can share them."""
PACKS = deep(25, quick=10)
"""Packs of a group."""
WORLDS, REQUESTS = 4, 52 if deep(1) == 1 else 84
"""Worlds of a pack, and requests about each: 12,480 requests over 60 packs in `make test`, and
1,008,000 over 3,000 in `make deep`."""
LISTED, SEARCHED = 8, 13
"""One in so many requests is asked as a list of permissions, or as a search, too."""
KEPT = 20
"""One in so many decisions is compared at other moments at which a cache would give it."""
DAYS, TICK = timedelta(days=2), timedelta(microseconds=1)
SENT = 6
"""One in so many requests is sent over HTTP, and logged, too."""
REPLAYED = 5
"""Of one in so many packs the log is replayed by a pack with other rules."""
KEY = b"a key for tests that is long"
BAD = "bad request"
SHOWN = 5
"""Differences that a failure shows."""


@dataclass
class Tally:
    """What was compared."""

    counts: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)


@pytest.mark.many
@pytest.mark.parametrize("group", range(GROUPS))
def test_product_answers_as_the_reference_does(group: int, tmp_path: Path) -> None:
    tally = Tally()

    for seed in range(group * PACKS, (group + 1) * PACKS):
        compare_pack(seed, tmp_path / str(seed), tally)

    assert tally.differences[:SHOWN] == []
    # The comparison means something only where packs are taken, and there are answers of all kinds.
    assert tally.counts["packs"] > PACKS * 0.9
    assert tally.counts["requests"] >= tally.counts["packs"] * WORLDS * REQUESTS
    for kind in (
        "allowed",
        "forbidden",
        "not granted",
        "too deep",
        "bad",
        "listed",
        "found",
        "kept",
    ):
        assert tally.counts[kind] > 0, kind


def compare_pack(seed: int, directory: Path, tally: Tally) -> None:
    """Compare the answers about one generated pack; differences are added to the tally."""
    pack = write_pack(seed, directory)
    policy = load_pack(pack)
    if policy is None:
        tally.counts["refused packs"] += 1
        return
    tally.counts["packs"] += 1
    other = reference.Pack.load(pack.policies, pack.fixtures)
    edge: Edge | None = None
    variant = Variant.of(seed, directory / "variant") if seed % REPLAYED == 0 else None
    for number in range(WORLDS):
        mount = directory / f"world{number}"
        pack.worlds.world(mount)
        snapshot = read_directory(policy.schema, mount)
        comparison = Comparison(policy, snapshot, other, reference.World.load(other, mount), tally)
        sent: list[tuple[Question, object]] = []
        for turn in range(REQUESTS):
            question = pack.worlds.question()
            before = len(tally.differences)
            expected = comparison.decision(question)
            if turn % LISTED == 0:
                comparison.permissions(question)
            if turn % SEARCHED == 0:
                comparison.searches(question)
            if turn % SENT == 0:
                sent.append((question, expected))
            for at in range(before, len(tally.differences)):
                tally.differences[at] += f"\n{mount}\n{pack.describe()}"
        edge = edge or Edge(Pair(policy, snapshot), directory / "log")
        log = comparison.sent(sent, edge)
        if variant is not None:
            variant.compare(log, comparison)
    if edge is not None:
        edge.log.close()
    policy.interpreter.close()
    if variant is not None:
        variant.policy.interpreter.close()


class Edge:
    """A pack over HTTP, and its decision log."""

    def __init__(self, pair: Pair, path: Path) -> None:
        self.pairs = Still(pair)
        self.now: datetime
        self._path = path
        self._lines_read = 0
        self.log = LineFile(str(path))
        log = DecisionLog(self.log, Hashing(KEY), OnFailure.REFUSE)
        self.client = create_app(self.pairs, lambda: self.now, log=log).test_client()

    def new_lines(self) -> list[bytes]:
        """Return the lines that were logged since this was called last."""
        lines = self._path.read_bytes().splitlines()[self._lines_read :]
        self._lines_read += len(lines)
        return [line for line in lines if not isinstance(read_line(line), EndLine)]


@dataclass
class Variant:
    """A pack with the same schema and other rules, by which logs are replayed."""

    made: GeneratedPack
    policy: Policy
    pack: reference.Pack

    @classmethod
    def of(cls, seed: int, directory: Path) -> Variant | None:
        """Write and load the variant of a seed; None where it is refused."""
        made = write_pack(seed, directory, variant=1)
        policy = load_pack(made)
        if policy is None:
            return None
        return cls(made, policy, reference.Pack.load(made.policies, made.fixtures))

    def compare(self, log: list[tuple[Question, bytes]], comparison: Comparison) -> None:
        """Compare what the variant says to the lines of a log."""
        judge = Judge(self.policy, Hashing(KEY))
        for question, text in log:
            line = read_line(text)
            assert isinstance(line, DecisionLine)
            judgement = judge.judge(line)
            comparison.tally.counts["replayed"] += 1
            if judgement.effect is Effect.UNKNOWN:
                comparison.tally.counts["not judged"] += 1
                continue
            answer = reference.decide(self.pack, comparison.world, question.request, question.now)
            codes = answer.obligations if answer.decision else answer.reasons
            expected: object = (answer.decision, codes)
            judged = judgement.obligations if judgement.decision else judgement.reasons
            found: object = (judgement.decision, judged)
            if judged is None:  # of a denial or an allow whose codes the line does not tell
                expected, found = answer.decision, judgement.decision
            comparison.compare(f"replay by {self.made.describe()}", question, expected, found)


def load_pack(pack: GeneratedPack) -> Policy | None:
    """Compile a pack without the rules that are refused; None where that is not enough.

    It is read from a bundle that was written of it, so that this is compared too.
    """
    taken: list[Policy] = []

    def refused() -> list[int]:
        try:
            texts, sentences = read_texts(pack.policies, pack.fixtures)
            policy = assemble(texts, sentences, compile_pack(texts))
            taken.append(through_a_bundle(policy, pack.fixtures))
        except (InvalidDocumentsError, InvalidPolicyError) as error:
            return [
                problem.line if problem.file.endswith("main.polar") else 0
                for problem in error.problems
            ]
        return []

    return taken[-1] if without_refused_rules(pack, refused) else None


@dataclass
class Comparison:
    """One world, asked of the product and of the reference."""

    policy: Policy
    snapshot: Snapshot
    pack: reference.Pack
    world: reference.World
    tally: Tally

    def decision(self, question: Question) -> object:
        """Compare a decision, its reasons and its obligations; return what the reference says."""
        request, now = question.request, question.now
        try:
            answer = reference.decide(self.pack, self.world, request, now)
            expected: object = (answer.decision, answer.reasons, answer.obligations)
        except reference.BadRequest:
            expected = BAD
        try:
            decision = authorize(request_of(request), self.policy, self.snapshot, now)
            found: object = (
                decision.allowed,
                frozenset(reason.code for reason in decision.reasons),
                frozenset(obligation.code for obligation in decision.obligations),
            )
        except InvalidRequestError:
            found = BAD
        else:
            if self.tally.counts["requests"] % KEPT == 0 and decision.valid is not None:
                self._kept(question, found, decision.valid)
        self.compare("decision", question, expected, found)
        self._count(expected)
        return expected

    def _kept(self, question: Question, found: object, valid: tuple[datetime, datetime]) -> None:
        """Compare a decision with what the reference says at another moment of its validity."""
        since, until = valid
        now = question.now
        # Just after it begins, just before it ends, and somewhere between.
        between = now + (min(until, now + DAYS) - now) * 0.7
        moments = (max(since, now - DAYS) + TICK, min(until, now + DAYS) - TICK, between)
        for moment in moments:
            answer = reference.decide(self.pack, self.world, question.request, moment)
            expected = (answer.decision, answer.reasons, answer.obligations)
            self.compare(f"kept from {now}", Question(question.request, moment), expected, found)
        self.tally.counts["kept"] += 1

    def permissions(self, question: Question) -> None:
        """Compare a list of permissions."""
        request, now = question.request, question.now
        said = request["action"].get("properties", {})
        subject, resource = request["subject"], request["resource"]
        context = request.get("context", {})
        try:
            expected: object = reference.permissions(
                self.pack, self.world, subject, resource, context, now, said
            )
        except reference.BadRequest:
            expected = BAD
        try:
            found: object = frozenset(
                permissions(request_of(request), self.policy, self.snapshot, now)
            )
        except InvalidRequestError:
            found = BAD
        if expected == BAD:
            # A property that is malformed for one action may be right for another, so that the
            # list has the actions that it is right for, each of which `decision` compares.
            found = BAD
        self.compare("permissions", question, expected, found)
        self.tally.counts["listed"] += bool(expected)

    def searches(self, question: Question) -> None:
        """Compare a search for resources and one for subjects."""
        request, now = question.request, question.now
        subject, resource = request["subject"], request["resource"]
        action, context = request["action"], request.get("context", {})
        types = self.policy.schema.types
        if types[resource["type"]].table:
            said = resource.get("properties", {})
            self._search(
                "resources",
                question,
                lambda: reference.search_resources(
                    self.pack, self.world, subject, action, resource["type"], context, now, said
                ),
                lambda: search_resources(request_of(request), self.policy, self.snapshot, now),
            )
        if types[subject["type"]].table:
            said = subject.get("properties", {})
            self._search(
                "subjects",
                question,
                lambda: reference.search_subjects(
                    self.pack, self.world, subject["type"], action, resource, context, now, said
                ),
                lambda: search_subjects(request_of(request), self.policy, self.snapshot, now),
            )

    def sent(
        self, questions: list[tuple[Question, object]], edge: Edge
    ) -> list[tuple[Question, bytes]]:
        """Compare answers over HTTP with what the reference says.

        Returns:
            The questions that were logged, with their lines.
        """
        edge.pairs.pair = Pair(self.policy, self.snapshot)
        logged = []
        for question, expected in questions:
            edge.now = question.now
            response = post(edge.client, "/v1/authorize", question.request)
            answered = response.status_code == HTTPStatus.OK and response.json is not None
            found = _answer(response.json or {}) if answered else BAD
            if answered:
                logged.append(question)
            self.compare("over HTTP", question, expected, found)
        return list(zip(logged, edge.new_lines(), strict=True))

    def _search(self, kind: str, question: Question, reference_search: Any, search: Any) -> None:
        try:
            expected: object = sorted(reference_search())
        except reference.BadRequest:
            expected = BAD
        try:
            found: object = sorted(search())
        except InvalidRequestError:
            found = BAD
        if expected == BAD and not found:
            found = BAD
        self.compare(kind, question, expected, found)
        self.tally.counts["found"] += bool(expected)

    def compare(self, kind: str, question: Question, expected: object, found: object) -> None:
        """Count a comparison, and keep a difference."""
        self.tally.counts["requests"] += 1
        if expected != found:
            self.tally.differences.append(
                f"{kind}: expected {expected}, found {found}: {question.request} at {question.now}"
            )

    def _count(self, expected: object) -> None:
        counts = self.tally.counts
        if not isinstance(expected, tuple):
            counts["bad"] += 1
            return
        allowed, reasons, obligations = expected
        counts["allowed"] += allowed
        counts["obliged"] += bool(obligations)
        counts["forbidden"] += bool(reasons & {"r1", "r2", "r3"})
        counts["too deep"] += "data_error" in reasons
        counts["not granted"] += reasons == {"not_granted"}


def _answer(body: Mapping[str, Any]) -> object:
    return (
        body["decision"],
        frozenset(reason["code"] for reason in body["reasons"]),
        frozenset(obligation["code"] for obligation in body["obligations"]),
    )


def request_of(request: Mapping[str, Any]) -> Request:
    """Return the product's request for parsed JSON."""
    subject, action, resource = request["subject"], request["action"], request["resource"]
    return Request(
        subject=Reference(subject["type"], subject["id"]),
        action=action["name"],
        resource=Reference(resource["type"], resource["id"]),
        subject_properties=subject.get("properties", {}),
        action_properties=action.get("properties", {}),
        resource_properties=resource.get("properties", {}),
        context=request.get("context", {}),
    )
