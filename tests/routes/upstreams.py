"""Servers behind a proxy, each with an idea of its own of what a path means."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from urllib.parse import unquote, unquote_plus


def merge_slashes(path: str) -> str:
    return re.sub("/+", "/", path)


def resolve_dots(path: str) -> str:
    resolved = posixpath.normpath(path.lstrip("/") or ".")
    kept = "" if resolved == "." else resolved
    return "/" + kept.removeprefix("../") + ("/" if kept and path.endswith("/") else "")


def strip_parameters(path: str) -> str:
    return re.sub(";[^/]*", "", path)


def as_slashes(path: str) -> str:
    return path.replace("\\", "/")


def drop_ends(path: str) -> str:
    """Drop dots and blanks at the ends of segments, as Windows does."""
    return "/".join(segment.rstrip(". ") for segment in path.split("/"))


def cut(path: str) -> str:
    """Cut at what ends a path for a reader of C strings, or for one that parses it again."""
    return re.split("[\0?#\r\n]", path, maxsplit=1)[0]


def without_format(path: str) -> str:
    return re.sub(r"(?<=[^/])\.[a-z]+$", "", path)


def compatible(path: str) -> str:
    return unicodedata.normalize("NFKC", path)


STEPS: Sequence[Callable[[str], str]] = (
    unquote,
    unquote_plus,
    merge_slashes,
    resolve_dots,
    strip_parameters,
    as_slashes,
    drop_ends,
    cut,
    without_format,
    compatible,
    str.lower,
    str.upper,
)


def readings(path: str) -> set[str]:
    """Return what servers may take a path for: they do up to three of the steps, in any order."""
    found = latest = {path}
    for _ in range(3):
        latest = {step(each) for step in STEPS for each in latest} - found
        found = found | latest
    return found


def routers(templates: Sequence[str]) -> Iterator[Callable[[str], str | None]]:
    """Yield routers: by exact or any case, that tell a slash at the end from none or do not."""
    for any_case, strict in product((False, True), (False, True)):
        patterns = [
            (
                template,
                re.compile(
                    re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template)) + ("" if strict else "/?"),
                    re.IGNORECASE if any_case else 0,
                ),
            )
            for template in sorted(templates, key=_captures)
        ]

        def route(path: str, patterns: list[tuple[str, re.Pattern[str]]] = patterns) -> str | None:
            return next((name for name, each in patterns if each.fullmatch(path)), None)

        yield route


def _captures(template: str) -> tuple[bool, ...]:
    """Sort literals before captures, segment by segment."""
    return tuple(part.startswith("{") for part in template.split("/"))
