"""Answers of suites as JUnit XML, which continuous integration reads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from sidecar.suites.model import Cell

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML cannot hold, not even written as references."""


def junit(cells: Sequence[Cell]) -> bytes:
    """Write asked cells as JUnit XML: a test suite for each suite, a test case for each cell."""
    root = Element("testsuites", _counted("policy", cells))
    for name, of_suite in groupby(cells, key=lambda cell: cell.suite):
        together = list(of_suite)
        suite = SubElement(root, "testsuite", _counted(name, together))
        for cell in together:
            _case(suite, cell)
    indent(root)
    written: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def _case(suite: Element, cell: Cell) -> None:
    place = {"file": _kept(cell.case.file), "line": str(cell.case.line)}
    case = SubElement(
        suite, "testcase", {"classname": _kept(cell.suite), "name": _kept(cell.name), **place}
    )
    if cell.failure is not None:
        failure = SubElement(case, "failure", {"message": _kept(cell.failure)})
        failure.text = _kept(f"{cell.case.file}:{cell.case.line}: {cell.name} {cell.failure}")


def _counted(name: str, cells: Sequence[Cell]) -> dict[str, str]:
    failures = sum(cell.failure is not None for cell in cells)
    counts = {"tests": len(cells), "failures": failures, "errors": 0, "skipped": 0}
    return {"name": _kept(name), **{what: str(number) for what, number in counts.items()}}


def _kept(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
