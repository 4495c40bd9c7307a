"""The plugin of pytest: ``pytest policies/`` runs policy suites, one test for each cell.

It is imported by every run of pytest where the sidecar is installed; so it imports nothing of the
sidecar until a suite is met.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sidecar.engine.policy import Policy
    from sidecar.errors import SidecarError
    from sidecar.suites import Cell

FIXTURES = "sidecar_fixtures"

_NAME = re.compile(r".*_test\.ya?ml")
_MEMBERS = tuple(
    re.compile(rb"^" + member + rb"[ \t]*:", re.MULTILINE)
    for member in (b"suite", b"world", b"cases")
)
_ENOUGH = 2
"""Members that make a suite, so that one of them may be misspelt and is told."""

_PACKS = pytest.StashKey[dict[tuple[Path, Path], "Policy | SidecarError"]]()
"""Compiled once for all suites of a run; what keeps a pack from loading is kept too."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the one option, for the configuration file."""
    parser.addini(
        FIXTURES,
        "Fixtures of the policy suites, relative to this file"
        " (default: the directory `fixtures` beside that of a suite)",
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> SuiteFile | None:
    """Take a file for a suite if it is named and begins its members as one."""
    if not _NAME.fullmatch(file_path.name):
        return None
    text = file_path.read_bytes()
    if sum(member.search(text) is not None for member in _MEMBERS) < _ENOUGH:
        return None  # somebody else's
    return SuiteFile.from_parent(parent, path=file_path)


class SuiteFile(pytest.File):
    """A suite; its directory is that of the policies."""

    def collect(self) -> Iterator[CellItem]:
        """Yield a test for each cell; faults of the suite or of its pack are collection errors.

        Raises:
            CollectError: All that is wrong, with file and line.
        """
        from sidecar.errors import SidecarError  # noqa: PLC0415  not before a suite is met
        from sidecar.suites import read_suite, run_suite  # noqa: PLC0415

        fixtures = self._fixtures()
        try:
            policy = _policy(self.config, self.path.parent, fixtures)
            asked = run_suite(read_suite(self.path), policy, fixtures / "worlds")
        except SidecarError as error:
            raise self.CollectError(str(error)) from error
        for cell in asked:
            yield CellItem.from_parent(self, name=cell.name, cell=cell)

    def _fixtures(self) -> Path:
        said = self.config.getini(FIXTURES)
        if not said:
            fixtures = self.path.parent.parent / "fixtures"
            if not fixtures.is_dir():
                raise self.CollectError(
                    f"there is no `fixtures` beside `{self.path.parent}`; "
                    f"name the directory with `{FIXTURES}`"
                )
            return fixtures
        root = self.config.rootpath if self.config.inipath is None else self.config.inipath.parent
        return root / str(said)


class CellItem(pytest.Item):
    """One cell: a request, and what the suite expects of its answer."""

    def __init__(self, *, cell: Cell, **rest: object) -> None:
        super().__init__(**rest)  # type: ignore[arg-type]  # as pytest gives them
        self._cell = cell

    def runtest(self) -> None:
        """Fail where the answer is not the expected one.

        Raises:
            UnexpectedAnswerError: It is another.
        """
        if self._cell.failure is not None:
            raise UnexpectedAnswerError(self._cell)

    def repr_failure(
        self,
        excinfo: pytest.ExceptionInfo[BaseException],
        style: object = None,  # noqa: ARG002  how tracebacks are to be written
    ) -> str:
        """Return the failure as ``sidecar test`` tells it: there is no Python to trace back."""
        if isinstance(excinfo.value, UnexpectedAnswerError):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return where the case stands, from 0, and its sentence."""
        return self.path, self._cell.case.line - 1, self.name


class UnexpectedAnswerError(Exception):
    """An answer is not the one that a suite expects."""

    def __init__(self, cell: Cell) -> None:
        super().__init__(f"{cell.case.file}:{cell.case.line}: {cell.name} {cell.failure}")


def _policy(config: pytest.Config, policies: Path, fixtures: Path) -> Policy:
    from sidecar.compiler import load_pack  # noqa: PLC0415
    from sidecar.errors import SidecarError  # noqa: PLC0415

    packs = config.stash.setdefault(_PACKS, {})
    if (policies, fixtures) not in packs:
        try:
            packs[policies, fixtures] = load_pack(policies, fixtures)
        except SidecarError as error:
            packs[policies, fixtures] = error
    found = packs[policies, fixtures]
    if isinstance(found, SidecarError):
        raise found
    return found
