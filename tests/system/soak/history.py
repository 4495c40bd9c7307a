"""All versions of the facts, when each was replaced, and the comparison of answers with them."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from threading import Lock

from tests.system.soak.model import BITS, Facts

STALENESS = 6.0
"""Seconds for which the sidecar may answer from facts that nobody has confirmed."""
SLACK = 3.0
"""Seconds that an answer may be under way, and a look may take."""

Question = tuple[str, str, str]
"""User, action and team."""


@dataclass
class Answer:
    """One batch: the items of the bits, then those of some questions."""

    sent_at: float
    revision: str
    allowed: list[bool]
    reasons: list[set[str]]
    questions: list[Question]
    least: int = 0
    """The version that the caller has demanded."""


@dataclass
class History:
    """What the writer has tried to commit, and what it knows."""

    facts: dict[int, Facts] = field(default_factory=dict)
    replaced_at: dict[int, float] = field(default_factory=dict)
    """When the next version was known to be committed."""
    newest: int = 0
    """The last version that is known to be committed."""
    token: str = ""
    """That of its transaction."""
    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    _versions: dict[str, int] = field(default_factory=dict)
    """By revision."""
    _lock: Lock = field(default_factory=Lock)

    def commit(self, version: int, token: str) -> None:
        """Take note that a version is committed."""
        with self._lock:
            if self.newest:
                self.replaced_at[self.newest] = time.monotonic()
            self.newest, self.token = version, token
            self.counts["commits"] += 1

    def has_answered(self, version: int) -> bool:
        """Return whether there was an answer from a version."""
        with self._lock:
            return version in self._versions.values()

    def check(self, answer: Answer) -> None:
        """Compare an answer with the model at its version."""
        with self._lock:
            self.counts["answers"] += len(answer.allowed)
            if any("stale_data" in each for each in answer.reasons):
                self.counts["stale"] += 1
                if any(answer.allowed):
                    self._fail("allowed beside stale_data", answer)
                return
            version = sum(on << bit for bit, on in enumerate(answer.allowed[:BITS]))
            facts = self.facts.get(version)
            if facts is None:
                self._fail(f"there is no version {version}", answer)
                return
            self._check_order(answer, version)
            if version < answer.least:
                self._fail(f"version {version} does not contain {answer.least}", answer)
            replaced = self.replaced_at.get(version)
            if replaced is not None and answer.sent_at - replaced > STALENESS + SLACK:
                self._fail(f"version {version} was replaced long ago", answer)
            for question, allowed, reasons in zip(
                answer.questions, answer.allowed[BITS:], answer.reasons[BITS:], strict=True
            ):
                expected = facts.reasons(*question)
                self.counts["compared"] += 1
                self.counts["allowed"] += allowed
                if allowed != (not expected) or reasons != expected:
                    self._fail(f"version {version}: {question}: {reasons}, not {expected}", answer)

    def _check_order(self, answer: Answer, version: int) -> None:
        """Make sure that a revision has one version, and that both are in the same order."""
        if self._versions.setdefault(answer.revision, version) != version:
            self._fail(f"the revision was version {self._versions[answer.revision]}", answer)
        for revision, other in list(self._versions.items())[-50:]:
            is_comparable = revision[:16] == answer.revision[:16] and other != version
            if is_comparable and (revision > answer.revision) != (other > version):
                self._fail(f"revision {revision} was version {other}", answer)

    def _fail(self, message: str, answer: Answer) -> None:
        self.counts["wrong"] += 1
        self.wrong.append(f"{message} (revision {answer.revision})")
