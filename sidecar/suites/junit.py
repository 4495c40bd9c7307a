"""Results of suites as JUnit XML, for continuous integration."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from sidecar.suites.model import Cell

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML cannot hold, not even as references."""


def junit(cells: Sequence[Cell]) -> bytes:
    """Return cells as JUnit XML: a test suite for each suite, a test case for each cell."""
    root = Element("testsuites", _attributes("policy", cells))
    for name, of_suite in groupby(cells, key=lambda cell: cell.suite):
        cells_of_suite = list(of_suite)
        suite = SubElement(root, "testsuite", _attributes(name, cells_of_suite))
        for cell in cells_of_suite:
            _case(suite, cell)
    indent(root)
    document: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _case(suite: Element, cell: Cell) -> None:
    position = {"file": _clean(cell.case.file), "line": str(cell.case.line)}
    case = SubElement(
        suite, "testcase", {"classname": _clean(cell.suite), "name": _clean(cell.name), **position}
    )
    if cell.failure is not None:
        failure = SubElement(case, "failure", {"message": _clean(cell.failure)})
        failure.text = _clean(f"{cell.case.file}:{cell.case.line}: {cell.name} {cell.failure}")


def _attributes(name: str, cells: Sequence[Cell]) -> dict[str, str]:
    failures = sum(cell.failure is not None for cell in cells)
    counts = {"tests": len(cells), "failures": failures, "errors": 0, "skipped": 0}
    return {"name": _clean(name), **{count: str(number) for count, number in counts.items()}}


def _clean(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
