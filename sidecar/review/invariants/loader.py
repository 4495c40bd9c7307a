"""Reading of invariants, ``*invariants.yaml`` beside the policies, with all their faults."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Self

from sidecar.errors import InvalidDocumentsError, Problem
from sidecar.schema import Schema, Sentences
from sidecar.schema.messages import nearest, one_of, shown
from sidecar.schema.yaml_document import (
    Faults,
    Items,
    Members,
    Node,
    Text,
    read_document,
    shown_file,
)

NEVER, ALWAYS = "never", "always"
FILE_MEMBERS = ("invariants",)
INVARIANT_MEMBERS = ("name", NEVER, ALWAYS)
RULE_MEMBERS = ("subject", "resource", "action", "when", "unless", "reason", "obligation")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


class InvalidInvariantError(InvalidDocumentsError):
    """Invariants that cannot be asked; their author must act."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One action on a type of resource, for a type of subject, that an invariant is about."""

    subject: str
    resource: str
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariant:
    """One sentence that must hold in every state.

    ``never``: in no state in which every `when` and no `unless` holds is the action allowed (or
    the reason told, or the obligation given). ``always``: in each such state it is.
    """

    file: str
    line: int
    name: str
    always: bool
    targets: tuple[Target, ...]
    when: tuple[str, ...]
    """Conditions in Polar, of `subject`, `action`, `resource` and `context`."""
    unless: tuple[str, ...]
    reason: str | None
    obligation: str | None


@dataclass(frozen=True, slots=True)
class Codes:
    """The reasons and obligations that have a sentence."""

    reasons: frozenset[str]
    obligations: frozenset[str]

    @classmethod
    def of(cls, sentences: Sentences) -> Self:
        """Return those of a pack."""
        return cls(frozenset(sentences.reasons), frozenset(sentences.obligations))


def read_invariants(directory: Path, schema: Schema, codes: Codes) -> tuple[Invariant, ...]:
    """Read every file of invariants of a directory, in the order of their names.

    Raises:
        InvalidInvariantError: Some cannot be asked; all that is wrong with them.
    """
    found, problems = collect_invariants(directory, schema, codes)
    if problems:
        raise InvalidInvariantError(problems)
    return found


def collect_invariants(
    directory: Path, schema: Schema, codes: Codes
) -> tuple[tuple[Invariant, ...], list[Problem]]:
    """Return all invariants of a directory, faulty ones too, and all that is wrong with them."""
    problems: list[Problem] = []
    found: list[Invariant] = []
    for path in sorted(each for each in directory.glob("*invariants.y*ml") if each.is_file()):
        faults = Faults(shown_file(path))
        document = read_document(path, faults)
        if document is not None:
            found += _Reader(schema, codes, faults).invariants(document)
        problems += faults.problems
    return tuple(found), problems


class _Reader:
    def __init__(self, schema: Schema, codes: Codes, faults: Faults) -> None:
        self._schema = schema
        self._codes = codes
        self._faults = faults

    def invariants(self, document: Node) -> Iterator[Invariant]:
        root = self._faults.members(document, "the file", FILE_MEMBERS)
        items = root.members.get("invariants")
        if not isinstance(items, Items) or not items.items:
            self._faults.add(root.line, "there are no invariants; write `invariants:` and a list")
            return
        names: dict[str, int] = {}
        for item in items.items:
            invariant = self._invariant(
                self._faults.members(item, "an invariant", INVARIANT_MEMBERS)
            )
            first = names.setdefault(invariant.name, invariant.line)
            if invariant.name and first != invariant.line:
                self._faults.add(invariant.line, f"this name stands on line {first} already")
            yield invariant

    def _invariant(self, node: Members) -> Invariant:
        faults = self._faults
        name = ""
        if "name" in node.members:
            name = faults.text(node.members["name"], "name of an invariant")
        else:
            faults.add(node.line, "an invariant has no `name`; write a sentence")
        kinds = [kind for kind in (NEVER, ALWAYS) if kind in node.members]
        if len(kinds) != 1:
            faults.add(node.line, f"invariant {shown(name)} needs `never` or `always`, one of them")
            kinds = [NEVER]
        what = f"{kinds[0]} of {shown(name)}"
        body = node.members.get(kinds[0])
        members = (
            Members({}, {}, node.line) if body is None else faults.members(body, what, RULE_MEMBERS)
        )
        for code, known in (
            ("reason", self._codes.reasons),
            ("obligation", self._codes.obligations),
        ):
            self._check_code(members, code, known)
        if {"reason", "obligation"} <= members.members.keys():
            faults.add(members.line, f"{what} has `reason` or `obligation`, not both")
        return Invariant(
            file=faults.file,
            line=node.line,
            name=name,
            always=kinds[0] == ALWAYS,
            targets=tuple(self._targets(members, what)),
            when=self._conditions(members, "when"),
            unless=self._conditions(members, "unless"),
            reason=self._code(members, "reason"),
            obligation=self._code(members, "obligation"),
        )

    def _targets(self, members: Members, what: str) -> Iterator[Target]:
        schema = self._schema
        subjects = self._names(members, "subject", schema.subjects())
        resources = self._names(members, "resource", tuple(schema.types))
        patterns = self._texts(members, "action") or ("*",)
        matched: set[str] = set()
        for subject in subjects:
            for resource in resources:
                for action in schema.types[resource].actions:
                    fitting = [
                        each for each in patterns if action == each or fnmatchcase(action, each)
                    ]
                    matched.update(fitting)
                    if fitting:
                        yield Target(subject=subject, resource=resource, action=action)
        known = {action for each in resources for action in schema.types[each].actions}
        for pattern in patterns:
            if pattern not in matched:
                mend = nearest(pattern, known)
                line = members.lines.get("action", members.line)
                self._faults.add(line, f"{what}: no action is called {shown(pattern)}{mend}")

    def _names(self, members: Members, member: str, known: tuple[str, ...]) -> tuple[str, ...]:
        names = self._texts(members, member)
        for name in names:
            if name not in known:
                mend = nearest(name, known) or f"; write one of {one_of(known)}"
                line = members.lines[member]
                self._faults.add(line, f"there is no type {shown(name)} of {member}s{mend}")
        return tuple(name for name in names if name in known) or (() if names else known)

    def _texts(self, members: Members, member: str) -> tuple[str, ...]:
        node = members.members.get(member)
        if node is None:
            return ()
        if isinstance(node, Text):
            text = self._faults.text(node, f"`{member}`")
            return (text,) if text else ()
        return tuple(text for text, _ in self._faults.texts(node, f"`{member}`"))

    def _conditions(self, members: Members, member: str) -> tuple[str, ...]:
        # The mistake that is made first: `{unless: role in [a, b]}` is no YAML without quotes.
        texts = self._texts(members, member)
        for text in texts if len(texts) > 1 else ():
            bare = _STRING.sub("", text)
            if any(bare.count(left) > bare.count(right) for left, right in ("()", "[]")):
                # The next one: `unless: [cares(subject, resource)]` is a list of two.
                message = f"{shown(text)} ends at a comma; write the condition in quotes"
                self._faults.add(members.lines[member], f"`{member}`: {message}")
        return tuple(text.strip().rstrip(";") for text in texts)

    def _code(self, members: Members, member: str) -> str | None:
        node = members.members.get(member)
        return node.text if isinstance(node, Text) else None

    def _check_code(self, members: Members, member: str, known: frozenset[str]) -> None:
        node = members.members.get(member)
        if node is None:
            return
        code = self._faults.text(node, f"`{member}`")
        if code and code not in known:
            mend = nearest(code, known)
            self._faults.add(node.line, f"{member} {shown(code)} has no sentence{mend}")
