"""The edits that take unused permissions from roles, as text, JSON and a patch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sidecar.review.access import words
from sidecar.review.access.holders import Held
from sidecar.review.access.log_use import LogUse
from sidecar.review.access.output import VERSION
from sidecar.review.access.report import AccessReport
from sidecar.review.access.role_lines import Edit, RoleLine, patch
from sidecar.review.access.tighten import Tightening
from sidecar.review.phrases import either
from sidecar.schema.instants import instant_text


@dataclass(frozen=True, slots=True)
class TightenReport:
    """The edits, with what they were found from."""

    access: AccessReport
    """Of which the holders were counted."""
    use: LogUse
    texts: Mapping[str, str]
    """The files as they are."""
    result: Tightening
    holders: Mapping[Held, int]

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why a permission may have been used all the same."""
        unjudged = self.result.unjudged
        return (
            *self.use.doubts,
            *([f"{unjudged} lines could not be judged by the policy as it is"] if unjudged else []),
            *self.access.summary.unlisted,
        )

    def holders_of(self, line: RoleLine) -> int:
        """Return how many subjects have the permission of a line by its role."""
        return self.holders.get((line.type, line.permission, line.role), 0)

    def others(self, line: RoleLine) -> tuple[str, ...]:
        """Return the roles by which the permission of a line was used."""
        return tuple(sorted(self.result.used.get((line.type, line.permission), ())))


def as_text(report: TightenReport) -> Iterator[str]:
    """Yield the lines of a text."""
    result, access = report.result, report.access
    yield f"policy revision {access.policy.revision}, facts revision {access.snapshot.revision}"
    yield report.use.heading()
    for edit in result.edits:
        yield ""
        yield f"{edit.line.file}:{edit.line.line}"
        yield f"- {edit.line.text}"
        if edit.new:
            yield f"+ {edit.new}"
        yield f"  {_why(report, edit.line)}"
    if result.kept:
        yield ""
        yield "not used either, and left as they are:"
        for line, why in sorted(result.kept.items()):
            yield f"  {line.file}:{line.line} {line.text} {why}"
    yield ""
    edits = "1 line" if len(result.edits) == 1 else f"{len(result.edits)} lines"
    yield (
        f"{edits} to edit; with all of them 0 of {result.allows:,} allowed decisions of the log"
        " are lost"
        if result.edits
        else "no line to edit: every role used what it has, or nobody can tell"
    )
    for doubt in report.doubts:
        yield f"a permission may have been used all the same: {doubt}"


def _why(report: TightenReport, line: RoleLine) -> str:
    count = report.holders_of(line)
    subjects = "1 subject has" if count == 1 else f"{count:,} subjects have"
    start = f"{subjects} it by the role `{line.role}`"
    if others := report.others(line):
        return f"{start}, and none used it so; it was used by {either([*map(words.plain, others)])}"
    return f"{start}, and nobody used it"


def as_patch(report: TightenReport) -> Iterator[str]:
    """Yield the lines of a patch of the policies."""
    if report.result.edits:
        yield from patch(report.texts, report.result.texts)


def as_json(report: TightenReport) -> dict[str, Any]:
    """Return all of it as plain data."""
    use, access = report.use, report.access
    return {
        "version": VERSION,
        "report": "tighten",
        "policy_revision": access.policy.revision,
        "facts_revision": access.snapshot.revision,
        "log": {
            "from": use.first and instant_text(use.first),
            "to": use.last and instant_text(use.last),
            "lines": dict(sorted(use.kinds.items())),
        },
        "edits": [_edit(report, each) for each in report.result.edits],
        "left": [{**_line(line), "why": why} for line, why in sorted(report.result.kept.items())],
        "replayed": {"allows": report.result.allows, "lost": 0},
        "doubts": list(report.doubts),
        "patch": "".join(f"{line}\n" for line in as_patch(report)),
    }


def _edit(report: TightenReport, edit: Edit) -> dict[str, Any]:
    return {
        **_line(edit.line),
        "new": edit.new or None,
        "holders": report.holders_of(edit.line),
        "last_use": None,
        "used_by": list(report.others(edit.line)),
    }


def _line(line: RoleLine) -> dict[str, Any]:
    return {
        "file": line.file,
        "line": line.line,
        "old": line.text,
        "type": line.type,
        "permission": line.permission,
        "role": line.role,
    }
