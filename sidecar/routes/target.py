"""Targets of requests: the path in segments, where every server reads the same segments.

A proxy passes the path on as the client wrote it. So a path is not repaired: where a server behind
the proxy could read another path than the one that was decided on, the target is refused.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple
from urllib.parse import unquote_plus, unquote_to_bytes

MAX_SEGMENTS = 64
MAX_SEGMENT_BYTES = 255
"""As it is sent."""

METHOD_OVERRIDES = frozenset(
    {"_method", "$httpmethod", "x-http-method", "x-http-method-override", "x-method-override"}
)
"""Names, in lower case, by which frameworks let a query or a header field replace the method: Rails
and Symfony (`_method`), the method-override of Node, OData and Google's APIs."""

_TARGET = re.compile(rb"/[!-\"$-~]*")
"""Visible ASCII without `#`: a target in origin form (RFC 9112, 3.2.1)."""

_SEGMENT = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*,=:@]|%[0-9A-Fa-f]{2})+")
"""What RFC 3986 lets stand in a segment, without `;`, which begins parameters (Tomcat, Jetty), and
`+`, which is a blank to servers that decode a path as a form."""

_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")

_ESCAPABLE = frozenset(" +!$&'()*,=:@")
"""ASCII that may be escaped. Escaped letters, digits and `-._~` are other paths to routers that
compare without decoding; `/ \\ % ; ? #` and control characters are other paths to those that decode
twice, or before they divide the path."""


class AmbiguousTargetError(Exception):
    """Two servers could read a target differently."""


class Target(NamedTuple):
    """A path in segments."""

    raw: tuple[str, ...]
    """As they were sent."""
    decoded: tuple[str, ...]
    """Without escapes."""
    has_slash: bool
    """Whether the path ends with a slash behind its last segment."""


def parse_target(target: bytes) -> Target:
    """Return the segments of a target: a path, perhaps with a query.

    Raises:
        AmbiguousTargetError: It is no target in origin form, or its path or method could be read
            in another way.
    """
    if not _TARGET.fullmatch(target):
        raise AmbiguousTargetError("is not a path of visible ASCII, such as `/a/b?c`")
    path, _, query = target.decode("ascii").partition("?")
    if "_" in query or "$" in query or "-" in query or "%" in query:
        _refuse_method_override(query)
    if path == "/":
        return Target((), (), has_slash=False)
    raw = path[1:].split("/")
    has_slash = not raw[-1]
    if has_slash:
        raw.pop()
    if len(raw) > MAX_SEGMENTS:
        raise AmbiguousTargetError(f"has more than {MAX_SEGMENTS} segments")
    return Target(tuple(raw), tuple(map(_decode, raw)), has_slash)


def _refuse_method_override(query: str) -> None:
    for part in re.split("[&;]", query):
        name = unquote_plus(part.partition("=")[0]).partition("[")[0].strip().lower()
        if name in METHOD_OVERRIDES:
            raise AmbiguousTargetError("has a query that replaces the method")


def _decode(segment: str) -> str:
    if len(segment) > MAX_SEGMENT_BYTES:
        raise AmbiguousTargetError(f"has a segment of more than {MAX_SEGMENT_BYTES} bytes")
    if not _SEGMENT.fullmatch(segment):
        raise AmbiguousTargetError(
            "has an empty segment, or a character that servers read differently"
        )
    text = segment
    if "%" in segment:
        text = _unescape(segment)
    # Windows drops dots and blanks at the end; a segment of dots is a step up.
    if text.endswith((".", " ")) or text.startswith(" ") or ".." in text:
        raise AmbiguousTargetError("has a segment with a dot or a blank at its end, or `..`")
    return text


def _unescape(segment: str) -> str:
    for escape in _ESCAPE.findall(segment):
        code = int(escape[1:], 16)
        if chr(code).isascii() and chr(code) not in _ESCAPABLE:
            raise AmbiguousTargetError(f"escapes a character that must not be: `{escape}`")
    try:
        text = unquote_to_bytes(segment).decode("utf-8")  # strict: neither overlong nor surrogates
    except UnicodeDecodeError:
        raise AmbiguousTargetError("is not UTF-8") from None
    if not text.isascii() and not _is_plain_text(text):
        raise AmbiguousTargetError("holds characters that some servers take for others")
    return text


def _is_plain_text(text: str) -> bool:
    """Tell whether all characters beyond ASCII are letters, marks or digits in their usual form.

    Others are invisible, or become ASCII where a server normalises them (NFKC) or where Windows
    looks for the best fit: a full-width dot, a fraction slash, a Kelvin sign.
    """
    return (
        unicodedata.normalize("NFKC", text) == text
        and not unicodedata.combining(text[0])
        and all(each.isascii() or unicodedata.category(each)[0] in "LMN" for each in text)
    )
