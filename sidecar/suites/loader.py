"""Read suites, ``*_test.yaml``, and report all their faults at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from sidecar.errors import InvalidSuiteError, Problem
from sidecar.schema.instants import parse_instant
from sidecar.schema.messages import shown
from sidecar.schema.values import is_null
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
_PROPERTIES = ("subject_properties", "properties", "resource_properties", "context")
_EXPECTED = ("allow", "because", "obliges")
_GRID = ("subjects", "actions", "resource", "resources")
CASE_MEMBERS = ("name", "now", *_GRID, *_PROPERTIES, "facts", *_EXPECTED)

_NO_INSTANT = datetime.min.replace(tzinfo=UTC)
"""The `now` of a faulty case."""

_INTEGER = re.compile(r"-?[0-9]+")
_DECIMAL = re.compile(r"-?[0-9]+\.[0-9]+")


def read_suites(directory: Path) -> tuple[Suite, ...]:
    """Return every suite of a directory, in the order of their files.

    Raises:
        InvalidSuiteError: Suites are invalid; all faults of all files.
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
    """Return the suite of one file.

    Raises:
        InvalidSuiteError: It is invalid; all its faults.
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
        # An invalid `now` is reported once, and not again in each case.
        now = self._now(root, _NO_INSTANT if "now" in root.members else None)
        nodes = root.members.get("cases")
        if not isinstance(nodes, Items) or not nodes.items:
            self._faults.add(root.line, "the suite has no cases; write `cases:` and a list")
            nodes = Items((), root.line)
        cases = tuple(self._case(node, now) for node in nodes.items)
        lines: dict[str, int] = {}
        for case in cases:
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
            cases=cases,
        )

    def _case(self, node: Node, now: datetime | None) -> Case:
        case = self._faults.members(node, "a case", CASE_MEMBERS)
        name = self._text(case, "name", "a case")
        instant = self._now(case, now)
        if instant is None:
            self._faults.add(case.line, f"case {shown(name)} has no `now`; write an instant")
        if "resource" in case.members and "resources" in case.members:
            self._faults.add(
                case.lines["resource"], "a case has `resource` or `resources`, not both"
            )
        resources = "resource" if "resource" in case.members else "resources"
        properties = {member: self._json_members(case, member) for member in _PROPERTIES}
        return Case(
            file=self._faults.file,
            line=case.line,
            name=name,
            now=instant or _NO_INSTANT,
            subjects=self._texts(case, "subjects"),
            actions=self._texts(case, "actions"),
            resources=self._texts(case, resources),
            subject_properties=properties["subject_properties"],
            action_properties=properties["properties"],
            resource_properties=properties["resource_properties"],
            context=properties["context"],
            facts=self._facts(case),
            allow=tuple(self._allow(case)),
            because=tuple(self._with_codes(case, "because")),
            obliges=tuple(self._with_codes(case, "obliges")) if "obliges" in case.members else None,
            lines=dict(_lines(case)),
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
        """Return a list of texts; a single text is a list of one."""
        texts = node.members.get(member)
        if texts is None:
            self._faults.add(node.line, f"a case has no {shown(member)}; write a list")
            return ()
        return self._list(texts, shown(member))

    def _list(self, node: Node, what: str) -> tuple[str, ...]:
        if isinstance(node, Text):
            text = self._faults.text(node, what)
            return (text,) if text else ()
        texts = tuple(text for text, _ in self._faults.texts(node, what))
        if not texts:
            self._faults.add(node.line, f"{what} is empty; write a name or leave it out")
        return texts

    def _json_members(self, node: Members, member: str) -> Mapping[str, object]:
        if member not in node.members:
            return {}
        values = self._faults.members(node.members[member], shown(member))
        return {name: _json(value) for name, value in values.members.items()}

    def _facts(self, node: Members) -> Mapping[str, tuple[Members, ...]]:
        if "facts" not in node.members:
            return {}
        tables = self._faults.members(node.members["facts"], "`facts`")
        rows_of: dict[str, tuple[Members, ...]] = {}
        for table, rows in tables.members.items():
            if isinstance(rows, Items):
                rows_of[table] = tuple(
                    self._faults.members(row, f"a row of {shown(table)}") for row in rows.items
                )
            else:
                self._faults.add(rows.line, f"{shown(table)} of `facts` is no list of rows")
        return rows_of

    def _allow(self, case: Members) -> Iterator[Expectation]:
        """Yield the expectations of ``{subject: actions}``, or with resources in between."""
        for subject, resource, node in self._entries(case, "allow"):
            for action in self._list(node, f"`allow` of {shown(subject)}"):
                yield Expectation(line=node.line, subject=subject, resource=resource, action=action)

    def _with_codes(self, case: Members, member: str) -> Iterator[Expectation]:
        """Yield those of ``{subject: {action: codes}}``, or with resources in between."""
        for subject, resource, node in self._entries(case, member):
            actions = self._faults.members(node, f"{shown(member)} of {shown(subject)}")
            for action, codes in actions.members.items():
                what = f"{shown(member)} of {shown(subject)} and {shown(action)}"
                yield Expectation(
                    line=actions.lines[action],
                    subject=subject,
                    resource=resource,
                    action=action,
                    codes=tuple(sorted(self._list(codes, what))),
                )

    def _entries(self, case: Members, member: str) -> Iterator[tuple[str, str, Node]]:
        """Yield the subject, the resource (or an empty text) and the node of each expectation."""
        if member not in case.members:
            return
        subjects = self._faults.members(case.members[member], shown(member))
        for subject, node in subjects.members.items():
            if not isinstance(node, Members):
                yield subject, "", node
                continue
            by_resource = {
                name: child
                for name, child in node.members.items()
                if member == "allow" or isinstance(child, Members)
            }
            for resource, child in by_resource.items():
                yield subject, resource, child
            rest = {name: child for name, child in node.members.items() if name not in by_resource}
            if rest:
                yield subject, "", Members(rest, node.lines, node.line)


def _lines(case: Members) -> Iterator[tuple[tuple[str, str], int]]:
    """Yield the line of each subject, resource, property and member of the context."""
    for member in ("subjects", "resource", "resources", *_PROPERTIES):
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
    """Return the JSON value that a caller would send."""
    if isinstance(node, Items):
        return [_json(item) for item in node.items]
    if isinstance(node, Members):
        return {name: _json(value) for name, value in node.members.items()}
    return node.text if node.quoted else _plain(node.text)


def _plain(text: str) -> object:
    """Return the value of an unquoted scalar: a number, a boolean, null or a string."""
    if text in {"true", "false"}:
        return text == "true"
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return Decimal(text)
    return None if is_null(text) else text
