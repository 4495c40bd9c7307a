"""The checks of one pack while it is edited: at once what is quick, then the rest.

A newer text ends the checks of an older one. What only the full check finds stays shown for lines
that did not change, until it has looked again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lsprotocol.types import Diagnostic, DiagnosticSeverity

from sidecar.config.nearest_pack import FIXTURES
from sidecar.errors import Problem
from sidecar.lsp import full_check
from sidecar.lsp.diagnostics import Remark, diagnostic, moved
from sidecar.lsp.full_check import CheckResult
from sidecar.lsp.pack_state import PackState
from sidecar.lsp.quick_checks import Checked, QuickChecks
from sidecar.lsp.shadow import Shadow

QUIET_SECONDS = 0.4
"""How long nothing is typed before the full check begins."""
Remarks = Mapping[Path, Sequence[Remark]]
Publish = Callable[[Path, list[Diagnostic]], None]
Report = Callable[[str], None]


@dataclass(slots=True)
class _Full:
    """What the full check said, and of which texts."""

    remarks: dict[Path, list[Remark]] = field(default_factory=dict)
    texts: dict[Path, str] = field(default_factory=dict)
    is_current: bool = False


class Session:
    """Checks one pack, and publishes what is wrong with its files."""

    def __init__(self, state: PackState, publish: Publish, report: Report) -> None:
        """Prepare; nothing is checked before `schedule`.

        Args:
            state: The pack, whose open files the caller changes.
            publish: Takes the faults of a file, all of them each time.
            report: Takes a sentence about what cannot be checked.
        """
        self.state = state
        self._publish = publish
        self._report = report
        self._shadow = Shadow(state.pack)
        self._quick = QuickChecks()
        self._full = _Full()
        self._published: dict[Path, list[Diagnostic]] = {}
        self._is_stale = False
        self._worker: asyncio.Task[None] | None = None
        self._background: asyncio.Task[None] | None = None

    def schedule(self) -> None:
        """Check the pack as it is now, and nothing older."""
        self._is_stale = True
        self._end_background()
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())

    def forget(self) -> None:
        """Take back the faults that are shown."""
        for path in self._published:
            self._publish(path, [])

    def close(self) -> None:
        """End all checks."""
        for task in (self._worker, self._background):
            if task is not None:
                task.cancel()
        self._shadow.close()

    async def _work(self) -> None:
        while self._is_stale:
            self._is_stale = False
            opened = dict(self.state.opened)
            # In a thread, so that requests are answered meanwhile.
            try:
                checked = await asyncio.to_thread(self._check, opened)
            except OSError as error:  # a full disk, or a file that vanishes
                self._report(f"the pack cannot be checked: {error.strerror}")
                continue
            self.state.checked = checked
            if checked.declared is not None:
                self.state.declared = checked.declared
            self._full.is_current = False
            if not self._is_stale:
                self._publish_all(opened.keys())
        self._background = asyncio.create_task(self._check_fully(dict(self.state.opened)))

    def _check(self, opened: Mapping[Path, str]) -> Checked:
        self._shadow.update(opened)
        return self._quick.check(self._shadow.policies, self._shadow.fixtures)

    async def _check_fully(self, opened: Mapping[Path, str]) -> None:
        await asyncio.sleep(QUIET_SECONDS)
        try:
            await self._compile(opened)
        except full_check.CheckFailedError as error:
            self._report(f"the pack cannot be compiled: {error}")

    async def _compile(self, opened: Mapping[Path, str]) -> None:
        checked = self.state.checked
        place = (self._shadow.policies, self._shadow.fixtures)
        result = await full_check.check(*place)
        remarks = self._by_file(self._remarks(result))
        texts = {path: self.state.text(path).text for path in remarks}
        self._full = _Full(remarks, texts, is_current=True)
        self._publish_all(opened.keys())
        if result.usable:
            self.state.take_explanations(await full_check.explain(*place), checked)

    def _end_background(self) -> None:
        if self._background is not None:
            self._background.cancel()
            self._background = None

    def _remarks(self, result: CheckResult) -> Iterator[tuple[str, Remark]]:
        """Yield what `sidecar check` says, with the names of the files."""
        for fault in result.problems:
            yield fault.file, Remark(fault.line, 0, fault.message)
        information = DiagnosticSeverity.Information
        for notice in result.notices:
            yield notice.file, Remark(notice.line, 0, notice.message, information)
        for found in result.findings:
            message = f"{found.message}; {found.fix}" if found.fix else found.message
            remark = Remark(found.line, found.column, message, DiagnosticSeverity.Warning)
            yield found.file, remark

    def _by_file(self, remarks: Iterator[tuple[str, Remark]]) -> dict[Path, list[Remark]]:
        found: dict[Path, list[Remark]] = {}
        for file, remark in remarks:
            path = self._shadow.original(file)
            message = self._shadow.readable(remark.message)
            shown = Remark(remark.line, remark.column, message, remark.severity)
            if path is None:  # a file that is missing, say
                path = self.state.pack / FIXTURES / "schema.yaml"
                shown = Remark(0, 0, f"{self._shadow.readable(file)}: {message}", remark.severity)
            found.setdefault(path, []).append(shown)
        return found

    def _publish_all(self, opened: Collection[Path]) -> None:
        """Publish the faults of all files; those of open files in any case."""
        now = self._now()
        for path in {*now, *opened, *self._published}:
            text = self.state.text(path)
            shown = [diagnostic(each, text) for each in now.get(path, ())]
            if path in opened or shown != self._published.get(path, []):
                self._publish(path, shown)
            self._published[path] = shown
        self._published = {path: shown for path, shown in self._published.items() if shown}

    def _now(self) -> Remarks:
        """Return what is known of the newest texts."""
        checked = self.state.checked
        if self._full.is_current:
            others = self._by_file(_of_problems(checked.other_problems))
            return _joined(self._full.remarks, others)
        quick = self._by_file(_of_problems(checked.pack_problems or frozenset()))
        others = self._by_file(_of_problems(checked.other_problems))
        older = {
            path: list(moved(remarks, self._full.texts[path], self.state.text(path).text))
            for path, remarks in self._full.remarks.items()
        }
        if checked.pack_problems:  # which `check` would report alone
            older = {path: _without_faults(remarks) for path, remarks in older.items()}
        return _joined(quick, others, older)


def _of_problems(problems: frozenset[Problem]) -> Iterator[tuple[str, Remark]]:
    for problem in sorted(problems):
        yield problem.file, Remark(problem.line, 0, problem.message)


def _without_faults(remarks: Sequence[Remark]) -> list[Remark]:
    return [each for each in remarks if each.severity != DiagnosticSeverity.Error]


def _joined(*parts: Remarks) -> Remarks:
    """Return the remarks of several checks, each once."""
    joined: dict[Path, dict[Remark, None]] = {}
    for part in parts:
        for path, remarks in part.items():
            joined.setdefault(path, {}).update(dict.fromkeys(remarks))
    return {path: list(remarks) for path, remarks in joined.items()}
