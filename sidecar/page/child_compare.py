"""What the process of a task says of another policy: the verdict of `sidecar review`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sidecar.page.packs import Edit, Folder, Other
from sidecar.page.tasks import TaskFailedError
from sidecar.review.pack_revisions import PackPlace, packs_named
from sidecar.review.verdict import Mount, Options, review
from sidecar.review.verdict.sections import sections
from sidecar.review.verdict.words import summary, title

MOST_BYTES = 32 << 20
"""Of the files of a pack that is copied to be edited."""

MOST_MUTANTS = 10
"""Slips in changed rules that are tried on the suites: each takes a while."""


def verdict(place: PackPlace, other: Other, mount: Mount | None) -> dict[str, Any]:
    """Return the verdict on another policy, in the words of `sidecar review`.

    Args:
        place: The policy in use.
        other: What it is compared with.
        mount: Whose people are named; None where none are.

    Raises:
        TaskFailedError: The pack is too large to be copied.
        NoPackError: There is no such revision.
    """
    with _opened(place, other) as new:
        found = review(place, new, Options(mount=mount, most_mutants=MOST_MUTANTS))
    return {
        "verdict": found.verdict.value,
        "title": title(found),
        "summary": summary(found),
        "sections": [
            {
                "title": section.title,
                "is_detail": section.is_detail,
                "entries": [
                    {"text": entry.text, "depth": entry.depth} for entry in section.entries
                ],
            }
            for section in sections(found)
        ],
    }


@contextmanager
def _opened(place: PackPlace, other: Other) -> Iterator[PackPlace]:
    """Yield where another policy stands, as long as this lasts."""
    match other:
        case Edit(name, text):
            with TemporaryDirectory(prefix="edited-") as directory:
                yield _edited(place, Path(directory), name, text)
        case Folder(name, path):
            yield PackPlace(name, path / "policies", path / "fixtures")
        case revision:
            # What `packs_named` could take for a directory is none in an empty one.
            with packs_named([revision.name], lambda: place) as (found,):
                yield found


def _edited(place: PackPlace, directory: Path, name: str, text: str) -> PackPlace:
    size = 0
    for source in (place.policies, place.fixtures):
        size += sum(file.stat().st_size for file in source.rglob("*") if file.is_file())
    if size > MOST_BYTES:
        raise TaskFailedError(f"the files of the policy are larger than {MOST_BYTES >> 20} MiB")
    for part, source in (("policies", place.policies), ("fixtures", place.fixtures)):
        shutil.copytree(source, directory / part)
    (directory / name).write_text(text, encoding="utf-8")
    return PackPlace("the edited text", directory / "policies", directory / "fixtures")
