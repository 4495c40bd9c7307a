"""Files that look like a part of a pack and are not read: a prohibition in one of them is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sidecar.schema.messages import close_match, shown

FIXTURES = ("schema.yaml", "settings.yaml", "reasons.yaml", "routes.yaml", "sources.yaml")
"""The files of `fixtures`; further ones hold settings (`*_settings.yaml`)."""
_YAML = frozenset({".yaml", ".yml"})
_SPOILT = frozenset({".pol", ".polr", ".oso", ".plr"})
"""Endings that are slips of `.polar`."""
_UNREAD = "is not read"
_Unread = tuple[str, str, str]
"""The file, what is wrong, and how to mend it."""


def unread_files(policies: Path, fixtures: Path) -> Iterator[_Unread]:
    """Yield each file that is not read though its author may think so: file, what, how to mend it.

    Copies that editors and tools make (`main.polar.bak`, `main.polar~`) and hidden files are left
    out: nobody takes them for a part of the pack.
    """
    for path in _visible(policies):
        yield from _beside_policies(policies, path)
    for path in _visible(fixtures):
        if not path.is_dir():
            yield from _in_fixtures(fixtures, policies, path)
        elif path.name != "worlds":
            mend = "a world stands in `worlds`, everything else beside `schema.yaml`"
            yield from _in_folder(fixtures, path, mend)
        else:
            for inner in _visible(path):
                if inner.is_file() and inner.suffix.lower() in _YAML:
                    mend = "put the tables of a world into a folder of its own"
                    yield f"{_named(fixtures, path)}/{inner.name}", _UNREAD, mend


def _beside_policies(policies: Path, path: Path) -> Iterator[_Unread]:
    if path.is_dir():
        yield from _in_folder(policies, path, f"put it into `{policies.absolute().name}` itself")
    elif path.suffix.lower() in _YAML:
        if not (path.match("*_test.y*ml") or path.match("*invariants.yaml")):
            mend = "call a suite `*_test.yaml`, invariants `*invariants.yaml`"
            yield _named(policies, path), _UNREAD, mend
    elif path.suffix != ".polar" and _looks_like_polar(path):
        yield _named(policies, path), _UNREAD, "call a file of rules `*.polar`"


def _in_fixtures(fixtures: Path, policies: Path, path: Path) -> Iterator[_Unread]:
    if _looks_like_polar(path):
        mend = f"put it into `{policies.absolute().name}`"
        yield _named(fixtures, path), _UNREAD, mend
    elif path.suffix.lower() in _YAML and not (
        path.name in FIXTURES or path.match("*_settings.yaml")
    ):
        meant = close_match(path.stem, [Path(name).stem for name in FIXTURES])
        mend = f"was {shown(f'{meant}.yaml')} meant?" if meant else "rename it, or delete it"
        yield _named(fixtures, path), _UNREAD, mend


def _visible(directory: Path) -> list[Path]:
    try:
        found = sorted(directory.iterdir())
    except OSError:  # whoever reads the pack says so
        return []
    hidden = (path.name.startswith((".", "__")) or path.name.endswith("~") for path in found)
    return [path for path, left_out in zip(found, hidden, strict=True) if not left_out]


def _named(directory: Path, path: Path) -> str:
    return f"{directory.absolute().name}/{path.name}"


def _looks_like_polar(path: Path) -> bool:
    suffix = path.suffix.lower()
    return suffix == ".polar" or suffix in _SPOILT or close_match(suffix, [".polar"]) is not None


def _in_folder(directory: Path, folder: Path, mend: str) -> Iterator[_Unread]:
    """Yield a folder that holds what looks like a part of a pack."""
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".polar" or path.suffix.lower() in _YAML:
            inner = path.relative_to(directory)
            yield _named(directory, folder), f"holds `{inner}`, which is not read", mend
            return
