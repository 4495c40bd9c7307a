"""Reading of suites, ``*_test.yaml``, with all their faults at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from sidecar.errors import InvalidSuiteError, Problem
from sidecar.schema.messages import shown
from sidecar.schema.values import is_null, parse_instant
from sidecar.schema.yaml_document import (
    Faults,
    Items,
    Members,
    Node,
    Text,
    read_document,
    shown_file,
)
from sidecar.suites.model import Case, Expectation, Suite

SUITE_MEMBERS = ("suite", "world", "now", "cases")
_REQUEST = ("subject_properties", "properties", "resource_properties", "context")
_EXPECTED = ("allow", "because", "obliges")
_GRID = ("subjects", "actions", "resource", "resources")
CASE_MEMBERS = ("name", "now", *_GRID, *_REQUEST, "facts", *_EXPECTED)

_NO_MOMENT = datetime.min.replace(tzinfo=UTC)
"""Stands in a case that is faulty."""

_INTEGER = re.compile(r"-?[0-9]+")
_DECIMAL = re.compile(r"-?[0-9]+\.[0-9]+")


def read_suites(directory: Path) -> tuple[Suite, ...]:
    """Read every suite of a directory, in the order of their files.

    Raises:
        InvalidSuiteError: Suites cannot be used; all that is wrong with them.
    """
    problems: list[Problem] = []
    suites: list[Suite] = []
    for path in sorted(path for path in directory.glob("*_test.y*ml") if path.is_file()):
        try:
            suites.append(read_suite(path))
        except InvalidSuiteError as error:
            problems += error.problems
    if problems:
        raise InvalidSuiteError(problems)
    return tuple(suites)


def read_suite(path: Path) -> Suite:
    """Read the suite of one file.

    Raises:
        InvalidSuiteError: It cannot be used; all that is wrong with it.
    """
    faults = Faults(shown_file(path))
    document = read_document(path, faults)
    suite = None if document is None else _Reader(faults).suite(document)
    if faults.problems or suite is None:
        raise InvalidSuiteError(faults.problems)
    return suite


class _Reader:
    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def suite(self, document: Node) -> Suite:
        root = self._faults.members(document, "the suite", SUITE_MEMBERS)
        # A `now` that cannot be read is told once, and not again in each case.
        now = self._now(root, _NO_MOMENT if "now" in root.members else None)
        cases = root.members.get("cases")
        if not isinstance(cases, Items) or not cases.items:
            self._faults.add(root.line, "the suite has no cases; write `cases:` and a list")
            cases = Items((), root.line)
        read = tuple(self._case(node, now) for node in cases.items)
        lines: dict[str, int] = {}
        for case in read:
            if case.name and lines.setdefault(case.name, case.line) != case.line:
                self._faults.add(
                    case.line,
                    f"the case on line {lines[case.name]} has this name too; tell them apart",
                )
        return Suite(
            name=self._text(root, "suite", "the suite"),
            file=self._faults.file,
            line=root.lines.get("world", root.line),
            world=self._text(root, "world", "the suite"),
            cases=read,
        )

    def _case(self, node: Node, now: datetime | None) -> Case:
        found = self._faults.members(node, "a case", CASE_MEMBERS)
        name = self._text(found, "name", "a case")
        moment = self._now(found, now)
        if moment is None:
            self._faults.add(found.line, f"case {shown(name)} has no `now`; write an instant")
        if "resource" in found.members and "resources" in found.members:
            self._faults.add(
                found.lines["resource"], "a case has `resource` or `resources`, not both"
            )
        resources = "resource" if "resource" in found.members else "resources"
        said = {member: self._said(found, member) for member in _REQUEST}
        return Case(
            file=self._faults.file,
            line=found.line,
            name=name,
            now=moment or _NO_MOMENT,
            subjects=self._texts(found, "subjects"),
            actions=self._texts(found, "actions"),
            resources=self._texts(found, resources),
            subject_properties=said["subject_properties"],
            action_properties=said["properties"],
            resource_properties=said["resource_properties"],
            context=said["context"],
            facts=self._facts(found),
            allow=tuple(self._allowed(found)),
            because=tuple(self._coded(found, "because")),
            obliges=tuple(self._coded(found, "obliges")) if "obliges" in found.members else None,
            lines=dict(_lines(found)),
        )

    def _text(self, node: Members, member: str, what: str) -> str:
        if member in node.members:
            return self._faults.text(node.members[member], f"{member} of {what}")
        self._faults.add(node.line, f"{what} has no {shown(member)}; write one")
        return ""

    def _now(self, node: Members, default: datetime | None) -> datetime | None:
        if "now" not in node.members:
            return default
        text = self._faults.text(node.members["now"], "`now`")
        try:
            return parse_instant(text) if text else default
        except ValueError as error:
            self._faults.add(node.lines["now"], f"`now`: {error}")
            return default

    def _texts(self, node: Members, member: str) -> tuple[str, ...]:
        """Return a list of texts; one text alone is a list of it."""
        found = node.members.get(member)
        if found is None:
            self._faults.add(node.line, f"a case has no {shown(member)}; write a list")
            return ()
        return self._listed(found, shown(member))

    def _listed(self, node: Node, what: str) -> tuple[str, ...]:
        if isinstance(node, Text):
            text = self._faults.text(node, what)
            return (text,) if text else ()
        texts = tuple(text for text, _ in self._faults.texts(node, what))
        if not texts:
            self._faults.add(node.line, f"{what} is empty; write a name or leave it out")
        return texts

    def _said(self, node: Members, member: str) -> Mapping[str, object]:
        if member not in node.members:
            return {}
        said = self._faults.members(node.members[member], shown(member))
        return {name: _json(value) for name, value in said.members.items()}

    def _facts(self, node: Members) -> Mapping[str, tuple[Members, ...]]:
        if "facts" not in node.members:
            return {}
        tables = self._faults.members(node.members["facts"], "`facts`")
        found: dict[str, tuple[Members, ...]] = {}
        for table, rows in tables.members.items():
            if isinstance(rows, Items):
                found[table] = tuple(
                    self._faults.members(row, f"a row of {shown(table)}") for row in rows.items
                )
            else:
                self._faults.add(rows.line, f"{shown(table)} of `facts` is no list of rows")
        return found

    def _allowed(self, case: Members) -> Iterator[Expectation]:
        """Yield `allow`: subject -> actions, or subject -> resource -> actions."""
        for subject, resource, node in self._placed(case, "allow"):
            for action in self._listed(node, f"`allow` of {shown(subject)}"):
                yield Expectation(line=node.line, subject=subject, resource=resource, action=action)

    def _coded(self, case: Members, member: str) -> Iterator[Expectation]:
        """Yield `because` or `obliges`: as in `allow`, and each action has its codes."""
        for subject, resource, node in self._placed(case, member):
            actions = self._faults.members(node, f"{shown(member)} of {shown(subject)}")
            for action, codes in actions.members.items():
                what = f"{shown(member)} of {shown(subject)} and {shown(action)}"
                yield Expectation(
                    line=actions.lines[action],
                    subject=subject,
                    resource=resource,
                    action=action,
                    codes=tuple(sorted(self._listed(codes, what))),
                )

    def _placed(self, case: Members, member: str) -> Iterator[tuple[str, str, Node]]:
        """Yield subject, resource (or nothing) and what stands below them."""
        if member not in case.members:
            return
        subjects = self._faults.members(case.members[member], shown(member))
        for subject, node in subjects.members.items():
            if not isinstance(node, Members):
                yield subject, "", node
                continue
            by_resource = {
                name: below
                for name, below in node.members.items()
                if member == "allow" or isinstance(below, Members)
            }
            for resource, below in by_resource.items():
                yield subject, resource, below
            rest = {name: below for name, below in node.members.items() if name not in by_resource}
            if rest:
                yield subject, "", Members(rest, node.lines, node.line)


def _lines(case: Members) -> Iterator[tuple[tuple[str, str], int]]:
    """Yield where each subject, resource and member of what the caller says stands."""
    for member in ("subjects", "resource", "resources", *_REQUEST):
        node = case.members.get(member)
        named = "resources" if member == "resource" else member
        if isinstance(node, Members):
            for name, line in node.lines.items():
                yield (named, name), line
        else:
            for item in node.items if isinstance(node, Items) else (node,):
                if isinstance(item, Text):
                    yield (named, item.text), item.line


def _json(node: Node) -> object:
    """Return what a caller would say in JSON."""
    if isinstance(node, Items):
        return [_json(item) for item in node.items]
    if isinstance(node, Members):
        return {name: _json(value) for name, value in node.members.items()}
    return node.text if node.quoted else _plain(node.text)


def _plain(text: str) -> object:
    """Return an unquoted scalar: numbers, booleans and nulls are such, all else is a string."""
    if text in {"true", "false"}:
        return text == "true"
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return Decimal(text)
    return None if is_null(text) else text
