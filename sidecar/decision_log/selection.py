"""Selects lines of a decision log, and writes them for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sidecar.model import Reference
from sidecar.schema.instants import parse_instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What lines have to be about; None is anything."""

    subject: Reference | None = None
    """Its id as it was sent, in canonical form, or its hash."""
    action: str | None = None
    resource: Reference | None = None
    """As `subject`."""
    decision: bool | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    """The first moment that is too late."""
    kind: str | None = None
    decision_id: str | None = None
    trace_id: str | None = None

    def fits(self, line: Mapping[str, Any]) -> bool:
        """Tell whether a line is selected, by its members."""
        return (
            all(
                wanted is None or line.get(name) == wanted
                for name, wanted in (
                    ("kind", self.kind),
                    ("decision", self.decision),
                    ("decision_id", self.decision_id),
                    ("trace_id", self.trace_id),
                )
            )
            and (self.action is None or _member(line, "action").get("name") == self.action)
            and (self.reason is None or self.reason in line.get("reasons", ()))
            and _names(_member(line, "subject"), self.subject)
            and _names(_member(line, "resource"), self.resource)
            and self._is_in_time(line)
        )

    def _is_in_time(self, line: Mapping[str, Any]) -> bool:
        if self.since is None and self.until is None:
            return True
        try:
            time = parse_instant(line.get("time", ""))
        except (TypeError, ValueError):
            return False
        return (self.since is None or self.since <= time) and (
            self.until is None or time < self.until
        )


def text_of_line(line: Mapping[str, Any]) -> str:
    """Return a line for people: its time, what was asked, and what was answered."""
    kind, time = line["kind"], _plain(line.get("time"))
    subject, resource = (_entity(_member(line, name)) for name in ("subject", "resource"))
    action = _plain(_member(line, "action").get("name", "-"))
    match kind:
        case "decision" | "gateway":
            outcome = "allow" if line.get("decision") is True else "deny"
            codes = line.get("obligations" if outcome == "allow" else "reasons") or ["-"]
            words = [outcome, subject, action, resource, ",".join(map(_plain, codes))]
            words.append(_plain(line.get("decision_id")))
        case "search":
            found = line.get("found", line.get("found_hashes", ()))
            words = ["search", subject, action, resource, f"{len(found)} found"]
        case "permissions":
            found = ",".join(map(_plain, line.get("found") or ["-"]))
            words = ["permissions", subject, resource, found]
        case _:
            rest = {name: each for name, each in line.items() if name not in {"kind", "time"}}
            words = [_plain(kind), json.dumps(rest)]
    return " ".join((time, *words))


def _member(line: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = line.get(name)
    return found if isinstance(found, dict) else {}


def _names(entity: Mapping[str, Any], wanted: Reference | None) -> bool:
    if wanted is None:
        return True
    ids = (entity.get("id"), entity.get("key"), entity.get("id_hash"))
    return entity.get("type") == wanted.type and wanted.id in ids


def _entity(entity: Mapping[str, Any]) -> str:
    if not entity:  # of a request at a gateway that was denied before there was any
        return "-"
    identifier = entity.get("id", entity.get("id_hash", ""))
    return f"{_plain(entity.get('type', ''))}:{_plain(identifier)}"


def _plain(text: object) -> str:
    """Write a text so that it is one word, and moves no cursor, whatever a caller sent."""
    if isinstance(text, str) and text.isprintable() and not any(map(str.isspace, text)):
        return text
    return json.dumps(text)
