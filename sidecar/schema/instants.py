"""Instants of RFC 3339, and faults that show how to write those of other notations."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from sidecar.schema.messages import shown

_MAX_CHARACTERS = 64
"""Longest text whose notation a fault looks at: callers may send any."""

INSTANT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?"
    r"([Zz]|([+-][0-9]{2})(?::?([0-5][0-9])(?::?([0-5][0-9]))?)?)"
)
"""RFC 3339, and offsets as PostgreSQL writes them."""
_OFFSET = re.compile(r".*(?:[0-9:.,] ?[Zz]|UTC|GMT|:[0-9].*[+-][0-9:]+)", re.DOTALL)
"""Texts that seem to have an offset."""
_OTHER_NOTATION = re.compile(
    r"(?P<day>[0-9W-]{7,10})[Tt ](?P<time>[0-9:]{2,8})(?:[.,](?P<fraction>[0-9]+))?"
    r"(?: ?(?P<offset>[Zz]|[+-][0-9]{2}(?::?[0-5][0-9])?))?"
    r"(?: ?(?P<zone>UTC|GMT|[A-Z]{3,5}|\[[A-Za-z0-9_+/-]+\]))?"
)
"""Instants in other notations: the rest of ISO 8601, Go's, Java's."""
_LONG_FRACTION = re.compile(r":[0-9]{2}[.,][0-9]{7}")
_NO_OFFSET = frozenset({"UTC", "GMT"})
_UNBOUNDED = {
    "infinity": "9999-12-31T00:00:00Z",
    "-infinity": "0001-01-01T00:00:00Z",
}


def parse_instant(text: str) -> datetime:
    """Return the instant of a text of RFC 3339, in UTC.

    Raises:
        ValueError: The text is not an instant. The message begins with it in backticks.
    """
    match = INSTANT.fullmatch(text)
    if not match:
        raise ValueError(_fault(text))
    day, time, second, fraction, offset, hours, minutes, seconds = match.groups(default="")
    if fraction[6:].strip("0"):
        raise ValueError(
            f"{shown(text)} has more than six digits of a second;"
            f" write six, such as {shown(f'{day}T{time}:{second}.{fraction[:6]}{offset}')}"
        )
    if second == "60":
        raise ValueError(f"{shown(text)} is a leap second; write the second before or after it")
    offset = f"{hours}:{minutes or '00'}:{seconds or '00'}" if hours else "+00:00"
    try:
        return datetime.fromisoformat(
            f"{day}T{time}:{second or '00'}.{fraction[:6].ljust(6, '0')}{offset}"
        ).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{shown(text)} is no moment of the calendar; correct it") from None


def _fault(text: str) -> str:
    """Return the fault of a text that is not an instant, and its mend."""
    if text.lower() in _UNBOUNDED:
        mend = shown(_UNBOUNDED[text.lower()])
        return f"{shown(text)} is no moment of the calendar; write {mend}"
    short = text[:_MAX_CHARACTERS]
    if _LONG_FRACTION.search(short):
        return f"{shown(text)} has more than six digits of a second; write six at most"
    plain = _from_other_notation(short) if short == text else None
    if plain is not None:
        return f"{shown(text)} is not an instant; write {shown(plain)} instead"
    if short.endswith(" BC"):
        return f"{shown(text)} is before the year 1; write `0001-01-01T00:00:00Z` or later"
    lacking = "" if _OFFSET.fullmatch(short) else " with an offset"
    return f"{shown(text)} is not an instant{lacking}; write it as `2026-12-24T00:00:00Z`"


def _from_other_notation(text: str) -> str | None:
    """Return an instant of another notation in ours; None if its meaning is not certain."""
    match = _OTHER_NOTATION.fullmatch(text)
    if match is None:
        return None
    if match["fraction"] and len(match["time"].replace(":", "")) < len("000000"):
        return None  # the fraction would be of a minute or an hour
    # An offset makes the name of a zone redundant; without one only the name of UTC is certain.
    offset = match["offset"] or ("Z" if match["zone"] in _NO_OFFSET else "")
    if not offset:
        return None
    fraction = f".{match['fraction']}" if match["fraction"] else ""
    try:
        instant = datetime.fromisoformat(
            f"{match['day']}T{match['time']}{fraction}{offset.upper()}"
        )
    except ValueError:
        return None
    return instant_text(instant)


def instant_text(instant: datetime) -> str:
    """Write an instant as people write it: `Z` for UTC."""
    return instant.isoformat().replace("+00:00", "Z")
