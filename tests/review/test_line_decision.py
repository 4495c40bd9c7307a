"""Lines of the decision log judged by another policy: exactly, or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest

from sidecar.decision_log.hashing import Hashing
from sidecar.decision_log.json_text import encode
from sidecar.decision_log.line import Lines
from sidecar.decision_log.reader import DecisionLine, LoggedValue, read_line
from sidecar.decision_log.timestamps import instant
from sidecar.engine.authorizer import authorize
from sidecar.engine.policy import Policy
from sidecar.engine.trace import record_of
from sidecar.facts import Snapshot
from sidecar.model import Request
from sidecar.review.line_decision import Effect, Judgement
from sidecar.review.line_facts import LineFacts
from sidecar.review.line_request import LineRequest
from sidecar.review.replay import Judge
from tests.depth import deep
from tests.differential.comparing import generated_pairs

HASHING = Hashing(b"a key for tests that is long")
PACKS = deep(20, quick=10)
"""Pairs of packs that are made by chance."""
OTHER = Hashing(b"another key that is long too")


def line_of(
    request: Request, policy: Policy, snapshot: Snapshot, now: datetime, *, with_rules: bool = True
) -> DecisionLine:
    lines = Lines(HASHING)
    decision = authorize(request, policy, snapshot, now)
    facts, rules = record_of(request, policy, snapshot, now)
    made = {
        "policy": policy.revision,
        "data": snapshot.revision,
        "schema": policy.schema.fingerprint,
    }
    line = read_line(
        encode(
            {
                "kind": "decision",
                "time": instant(now),
                "revisions": made,
                **lines.asked(request, policy.schema),
                **lines.answered(decision, facts, policy.settings, rules if with_rules else None),
            }
        )
    )
    assert isinstance(line, DecisionLine)
    return line


@dataclass(frozen=True)
class Outcome:
    """What a policy says to a question, in the form of a judgement."""

    decision: bool
    reasons: frozenset[str] | None
    obligations: frozenset[str] | None

    @classmethod
    def of(cls, request: Request, policy: Policy, snapshot: Snapshot, now: datetime) -> Outcome:
        decision = authorize(request, policy, snapshot, now)
        reasons = frozenset(reason.code for reason in decision.reasons)
        obligations = frozenset(obligation.code for obligation in decision.obligations)
        if decision.allowed:
            return cls(True, None, obligations)  # noqa: FBT003  the decision
        return cls(False, reasons, None)  # noqa: FBT003

    def agrees(self, judgement: Judgement) -> bool:
        return (
            judgement.decision in {None, self.decision}
            and judgement.reasons in {None, self.reasons}
            and judgement.obligations in {None, self.obligations}
        )


@dataclass
class Tally:
    """What was judged, and where a judgement was no answer of the policy."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[object] = field(default_factory=list)

    def judge(
        self, request: Request, packs: tuple[Policy, Policy], snapshot: Snapshot, now: datetime
    ) -> None:
        old, new = packs
        # Half of the lines, since what a rule came to hides what its facts would have told.
        line = line_of(request, old, snapshot, now, with_rules=self.counts["again"] % 2 == 0)
        self.counts["again"] += 1
        for key in (HASHING, None) if line.rules else (HASHING,):
            again = Judge(old, key).judge(line)
            if again.effect is not Effect.SAME:
                self.wrong.append((request, now, again))
        before, after = (Outcome.of(request, policy, snapshot, now) for policy in packs)
        ways: list[tuple[str, Hashing | None, Snapshot | None]] = [
            ("no key", None, None),
            ("key", HASHING, None),
            ("another", OTHER, None),
            ("data", HASHING, snapshot),
            ("data, no key", None, snapshot),
        ]
        for name, hashing, given in ways:
            judgement = Judge(new, hashing, given).judge(line)
            self.counts[f"{name}: {judgement.effect.value}"] += 1
            self.counts[f"{name}: decision {judgement.decision}"] += 1
            known = {Effect.SAME: False, Effect.CHANGED: True}.get(judgement.effect)
            wrong = known is not None and known is not (after != before)
            if wrong or not after.agrees(judgement) or (known is None and not judgement.missing):
                self.wrong.append((request, now, name, judgement, after))


def judged(seeds: Iterable[int], directory: Path) -> Tally:
    tally = Tally()
    for seed in seeds:
        place = directory / str(seed)
        for packs, snapshot, request, now in generated_pairs(
            seed, place, 2, 20, sensitive=bool(seed % 4)
        ):
            tally.judge(request, packs, snapshot, now)
    return tally


@pytest.mark.many
def test_lines_are_judged_as_policies_decide_or_not_at_all(tmp_path: Path) -> None:
    tally = judged(range(PACKS), tmp_path)

    assert tally.wrong == []
    asked = tally.counts["again"]
    assert asked > PACKS * 20
    # It means something only where answers change, and most of them can be told.
    assert tally.counts["key: changed"] > PACKS * 2.5
    assert tally.counts["key: decision True"] > PACKS / 4
    assert tally.counts["no key: decision None"] < asked / 3
    # Facts of a mount that holds what the line was made from are the truth.
    assert tally.counts["data: unknown"] < tally.counts["key: unknown"] / 2


def _absent(*_: object) -> LoggedValue:
    return LoggedValue(None)


@pytest.mark.parametrize(
    ("of", "name"),
    [(LineRequest, "sent_or_default"), (LineFacts, "column"), (LineFacts, "part")],
)
def test_a_guess_planted_in_recollecting_is_caught(
    of: type, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of, name, _absent)

    assert any(judged((seed,), tmp_path).wrong for seed in range(24))


def _not_there(*_: object) -> bool:
    return False


@pytest.mark.parametrize("name", ["exists", "present"])
def test_absence_taken_for_granted_is_caught(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LineFacts, name, _not_there)

    assert any(judged((seed,), tmp_path).wrong for seed in range(24))
