"""Read the parts of a route that are written as text: its method, its template, its patterns."""

from __future__ import annotations

import re
from collections.abc import Collection

from sidecar.routes.model import METHODS, Capture, Pattern
from sidecar.routes.target import AmbiguousTargetError, parse_target
from sidecar.schema.messages import nearest, one_of, shown
from sidecar.schema.yaml_document import Faults

_CAPTURE = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_BRACES = re.compile(r"(\{[^{}]*\})")


def read_heading(text: str, line: int, faults: Faults) -> tuple[tuple[str, ...], str]:
    """Return the methods and the template of ``GET HEAD /accounts/{account}``.

    Invalid ones are faults; the template is then empty.
    """
    *methods, template = text.split(" ")
    if not methods or not template.startswith("/"):
        faults.add(line, f"{shown(text)} is no method and path; write `GET /accounts/{{account}}`")
        return (), ""
    for method in methods:
        if method not in METHODS:
            mend = nearest(method, METHODS) or f"; write one of {one_of(METHODS)}"
            faults.add(line, f"{shown(text)}: there is no method {shown(method)}{mend}")
            return (), ""
    if len(set(methods)) != len(methods):
        faults.add(line, f"{shown(text)} names a method twice; remove one")
    return tuple(dict.fromkeys(methods)), template


def read_template(
    template: str, line: int, faults: Faults
) -> tuple[tuple[str | Capture, ...], bool] | None:
    """Return the segments of a template, and whether it ends with a slash.

    If it is invalid, that is a fault, and there are none.
    """
    what = f"path {shown(template)}"
    written = template[1:].split("/") if template != "/" else []
    has_slash = bool(written) and not written[-1]
    segments: list[str | Capture] = []
    for text in written[: len(written) - has_slash]:
        found = _CAPTURE.fullmatch(text)
        if found is None and ("{" in text or "}" in text):
            faults.add(
                line,
                f"{what}: {shown(text)} is no segment; `{{name}}`, with a name of a-z, 0-9 and "
                "`_`, stands for one whole segment",
            )
            return None
        if found is None and (cause := _unfit(text)):
            faults.add(line, f"{what}: {cause}; no path that is let through has such a segment")
            return None
        segments.append(text if found is None else Capture(found[1]))
    names = [each.name for each in segments if isinstance(each, Capture)]
    for name in sorted({name for name in names if names.count(name) > 1}):
        faults.add(line, f"{what} captures {shown(name)} twice; name one of them otherwise")
        return None
    return tuple(segments), has_slash


def _unfit(text: str) -> str:
    """Return why no path has a literal segment; empty if one can have it."""
    try:
        target = parse_target(f"/{text}".encode())
    except AmbiguousTargetError as error:
        return f"{shown(text)} {error}"
    if target.raw != (text,) or target.decoded != target.raw:
        return f"{shown(text)} is not written as it is compared"
    return ""


def read_pattern(
    text: str, captures: Collection[str], what: str, line: int, faults: Faults
) -> Pattern:
    """Return the pattern of a text with ``{name}`` in it; unknown names are faults."""
    parts: list[str | Capture] = []
    for part in filter(None, _BRACES.split(text)):
        if not part.startswith("{"):
            parts.append(part)
        elif (name := part[1:-1]) in captures:
            parts.append(Capture(name))
        else:
            mend = nearest(name, captures)
            if not mend:
                mend = f"; write one of {one_of(captures)}" if captures else "; it captures none"
            faults.add(line, f"{what}: the path captures no {shown(name)}{mend}")
    return Pattern(tuple(parts))
