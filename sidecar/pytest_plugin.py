"""The pytest plugin: ``pytest policies/`` runs policy suites, and services have fixtures.

Every run of pytest imports it where the sidecar is installed, so it imports the rest of the sidecar
only for a suite, or for a test that uses a fixture.
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
    from sidecar.testing import PDP, FakePDP

FIXTURES = "sidecar_fixtures"
POLICIES = "sidecar_policies"
WORLD = "sidecar_world"

_NAME = re.compile(r".*_test\.ya?ml")
_MEMBERS = tuple(
    re.compile(rb"^" + member + rb"[ \t]*:", re.MULTILINE)
    for member in (b"suite", b"world", b"cases")
)
_MIN_MEMBERS = 2
"""Members that identify a suite: one of the three may be misspelt, and is reported."""

_PACKS = pytest.StashKey[dict[tuple[Path, Path], "Policy | SidecarError"]]()
"""The compiled packs of a run, or the errors of loading them."""

_PDPS = pytest.StashKey[dict[tuple[Path, Path, Path], "PDP"]]()
"""A PDP for each pack and world of a run, of which every test gets a fresh one."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options of the configuration file."""
    parser.addini(
        FIXTURES,
        "Fixtures of the policy suites, relative to this file"
        " (default: the directory `fixtures` beside that of a suite)",
    )
    parser.addini(
        POLICIES,
        "Policies of the fixture `sidecar_pdp`, relative to this file (default: `policies`)",
        default="policies",
    )
    parser.addini(
        WORLD,
        "World of the fixture `sidecar_pdp`: a directory in `worlds` of the fixtures"
        " (default: `demo`)",
        default="demo",
    )


@pytest.fixture
def sidecar_fake() -> FakePDP:
    """A fake PDP, which denies what it is not told to allow."""
    from sidecar.testing import FakePDP  # noqa: PLC0415  not before a test uses it

    return FakePDP()


@pytest.fixture
def sidecar_pdp(pytestconfig: pytest.Config) -> PDP:
    """A PDP in the process, with the facts of the world and the clock of the machine."""
    from sidecar.testing import PDP  # noqa: PLC0415  not before a test uses it

    policies = _configured(pytestconfig, POLICIES)
    named = pytestconfig.getini(FIXTURES)
    fixtures = _configured(pytestconfig, FIXTURES) if named else policies.parent / "fixtures"
    world = fixtures / "worlds" / str(pytestconfig.getini(WORLD))
    pdps = pytestconfig.stash.setdefault(_PDPS, {})
    if (policies, fixtures, world) not in pdps:
        pdps[policies, fixtures, world] = PDP.of_pack(policies, fixtures, world=world)
    return pdps[policies, fixtures, world].fresh()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> SuiteFile | None:
    """Collect a file as a suite if it has the name and the members of one."""
    if not _NAME.fullmatch(file_path.name):
        return None
    text = file_path.read_bytes()
    if sum(member.search(text) is not None for member in _MEMBERS) < _MIN_MEMBERS:
        return None  # another kind of file
    return SuiteFile.from_parent(parent, path=file_path)


class SuiteFile(pytest.File):
    """A suite, in the directory of its policies."""

    def collect(self) -> Iterator[CellItem]:
        """Yield a test for each cell; faults of the suite or of its pack are collection errors.

        Raises:
            CollectError: The suite or its pack is invalid; all faults with file and line.
        """
        from sidecar.errors import SidecarError  # noqa: PLC0415  not before a suite is met
        from sidecar.suites import read_suite, run_suite  # noqa: PLC0415

        fixtures = self._fixtures()
        try:
            policy = _policy(self.config, self.path.parent, fixtures)
            cells = run_suite(read_suite(self.path), policy, fixtures / "worlds")
        except SidecarError as error:
            raise self.CollectError(str(error)) from error
        for cell in cells:
            yield CellItem.from_parent(self, name=cell.name, cell=cell)

    def _fixtures(self) -> Path:
        configured = self.config.getini(FIXTURES)
        if not configured:
            fixtures = self.path.parent.parent / "fixtures"
            if not fixtures.is_dir():
                raise self.CollectError(
                    f"there is no `fixtures` beside `{self.path.parent}`; "
                    f"name the directory with `{FIXTURES}`"
                )
            return fixtures
        return _configured(self.config, FIXTURES)


class CellItem(pytest.Item):
    """The test of one cell."""

    def __init__(self, *, cell: Cell, **rest: object) -> None:
        super().__init__(**rest)  # type: ignore[arg-type]  # the arguments of pytest
        self._cell = cell

    def runtest(self) -> None:
        """Fail if the decision is not the expected one.

        Raises:
            UnexpectedDecisionError: It differs.
        """
        if self._cell.failure is not None:
            raise UnexpectedDecisionError(self._cell)

    def repr_failure(
        self,
        excinfo: pytest.ExceptionInfo[BaseException],
        style: object = None,  # noqa: ARG002  how tracebacks are to be written
    ) -> str:
        """Return the failure as ``sidecar test`` prints it, without a traceback."""
        if isinstance(excinfo.value, UnexpectedDecisionError):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return the file, the 0-based line and the name of the case."""
        return self.path, self._cell.case.line - 1, self.name


class UnexpectedDecisionError(Exception):
    """The decision on a cell is not the expected one."""

    def __init__(self, cell: Cell) -> None:
        super().__init__(f"{cell.case.file}:{cell.case.line}: {cell.name} {cell.failure}")


def _configured(config: pytest.Config, option: str) -> Path:
    """Return the path of an option, relative to the configuration file."""
    root = config.rootpath if config.inipath is None else config.inipath.parent
    return root / str(config.getini(option))


def _policy(config: pytest.Config, policies: Path, fixtures: Path) -> Policy:
    from sidecar.compiler import load_pack  # noqa: PLC0415
    from sidecar.errors import SidecarError  # noqa: PLC0415

    packs = config.stash.setdefault(_PACKS, {})
    if (policies, fixtures) not in packs:
        try:
            packs[policies, fixtures] = load_pack(policies, fixtures)
        except SidecarError as error:
            packs[policies, fixtures] = error
    pack = packs[policies, fixtures]
    if isinstance(pack, SidecarError):
        raise pack
    return pack
