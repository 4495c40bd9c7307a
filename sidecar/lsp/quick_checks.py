"""The checks that are made at each keystroke: all of `sidecar check` that needs no compiling.

What did not change is not checked again: the fixtures, and each file of the policy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from sidecar.compiler.pack import Declared, read_declared, read_policies
from sidecar.errors import InvalidDocumentsError, Problem
from sidecar.polar.literals import one_spelling
from sidecar.polar.names import Names
from sidecar.polar.policy_checks import check_file, check_policy
from sidecar.polar.source import Source, read_source
from sidecar.review.invariants.loader import Codes, read_invariants
from sidecar.suites.loader import read_suite

_KEPT = 256
"""Files whose results are kept."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What is known of a pack without compiling it."""

    declared: Declared | None
    """What the fixtures declare; None if the schema is invalid."""
    sources: Mapping[str, Source]
    """The statements of each Polar file that can be parsed."""
    pack_problems: frozenset[Problem] = frozenset()
    """Faults of the schema, settings, sentences and policy, which `check` reports alone."""
    other_problems: frozenset[Problem] = frozenset()
    """Faults of suites and invariants."""


@dataclass(slots=True)
class QuickChecks:
    """Checks one pack again and again."""

    _fixtures: tuple[tuple[str, bytes], ...] = ()
    _declared: Declared | frozenset[Problem] = frozenset()
    _names: dict[frozenset[str], Names] = field(default_factory=dict)

    def check(self, policies: Path, fixtures: Path) -> Checked:
        """Check the files of a pack as they are now."""
        declared = self._read_declared(fixtures)
        texts, unreadable = read_policies(policies)
        read = {file: _read(file, text) for file, text in texts.items()}
        sources = {file: source for file, (source, _) in read.items()}
        if isinstance(declared, frozenset):
            others = frozenset(_suite_problems(policies))
            return Checked(None, sources, declared, others)
        problems: list[Problem] = [*unreadable, *declared.problems]
        if not problems:
            problems = [problem for _, found in read.values() for problem in found]
            in_order, respelled = one_spelling(list(sources.values()))
            if not problems:
                names = self._names.setdefault(
                    respelled, Names(declared.schema, declared.codes, respelled)
                )
                problems, _ = check_policy(in_order, names, check=_check)
        others = frozenset((*_suite_problems(policies), *_invariant_problems(policies, declared)))
        return Checked(declared, sources, frozenset(problems), others)

    def _read_declared(self, fixtures: Path) -> Declared | frozenset[Problem]:
        files = tuple((path.name, _content(path)) for path in sorted(fixtures.glob("*.y*ml")))
        if files != self._fixtures or not files:
            self._names = {}
            try:
                self._declared = read_declared(fixtures)
            except InvalidDocumentsError as error:
                self._declared = frozenset(error.problems)
            self._fixtures = files
        return self._declared


@lru_cache(_KEPT)
def _read(file: str, text: str) -> tuple[Source, tuple[Problem, ...]]:
    source, problems = read_source(file, text)
    return source, tuple(problems)


def read_kept(file: str, text: str) -> Source:
    """Return the statements of a file, which are kept for the same text."""
    return _read(file, text)[0]


_checked: dict[tuple[int, int], tuple[Source, Names, tuple[Problem, ...]]] = {}


def _check(source: Source, names: Names) -> tuple[Problem, ...]:
    """Check one file, unless it was checked before with the same names."""
    key = (id(source), id(names))
    kept = _checked.get(key)
    if kept is None:
        if len(_checked) >= _KEPT:
            _checked.clear()
        # Both objects are kept along, so that no other ones get their numbers.
        kept = _checked[key] = (source, names, tuple(check_file(source, names)))
    return kept[2]


def _content(path: Path) -> bytes:
    """Return the content of a file, nothing of one that cannot be read."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _suite_problems(policies: Path) -> Iterator[Problem]:
    for path in sorted(policies.glob("*_test.y*ml")):
        yield from _of_suite(path, _content(path))


@lru_cache(_KEPT)
def _of_suite(path: Path, _content: bytes) -> tuple[Problem, ...]:
    try:
        read_suite(path)
    except InvalidDocumentsError as error:
        return error.problems
    return ()


def _invariant_problems(policies: Path, declared: Declared) -> Iterator[Problem]:
    sentences = declared.sentences
    codes = Codes(frozenset(sentences.reasons), frozenset(sentences.obligations))
    try:
        read_invariants(policies, declared.schema, codes)
    except InvalidDocumentsError as error:
        yield from error.problems
