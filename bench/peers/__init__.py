"""Peers as services: each with its command, its place and its words for the same questions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.facts import Facts
from bench.questions import Oracle, Question


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What every peer is made from: the facts, the questions, and a folder for its files."""

    facts: Facts
    oracle: Oracle
    questions: Sequence[Question]
    grouped: Sequence[Sequence[Question]]
    folder: Path
    cerbos: Path
    """The binary of the npm package."""

    def file(self, name: str, text: str) -> Path:
        """Write a file for a peer."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def accounts(self) -> Iterator[str]:
        """Yield the ids of all accounts."""
        yield from self.facts.accounts
