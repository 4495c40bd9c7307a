"""What a decision log says was used: who was allowed what, and whether the log says all of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sidecar.decision_log import Hashing
from sidecar.decision_log.files import lines_of, log_files
from sidecar.decision_log.reader import read_members
from sidecar.decision_log.verifier import Verification
from sidecar.engine.admission import key_of_id
from sidecar.engine.sensitivity import origin_of_key
from sidecar.errors import UnreadableLineError, UnreadableLogError
from sidecar.schema import Key, Schema, id_of
from sidecar.schema.instants import instant_text, parse_instant
from sidecar.schema.messages import in_line
from sidecar.schema.secrecy import names_secret

Name = tuple[str, str]
"""A type, and an id in canonical form or its hash; no text is both."""


@dataclass(slots=True)
class Period:
    """The lines of a log that count: the first moment, and the first that is too late."""

    since: datetime | None = None
    until: datetime | None = None

    def holds(self, moment: datetime) -> bool:
        """Tell whether a moment is in the period."""
        return (self.since is None or self.since <= moment) and (
            self.until is None or moment < self.until
        )


@dataclass(slots=True)
class LogUse:
    """The use that a log tells of.

    Decisions count that allow, each of a batch too, and so does what a search found: its subject,
    action and resource are named. A list of permissions does not count: it names all that somebody
    holds, whenever a menu is drawn.
    """

    schema: Schema
    hashing: Hashing | None = None
    """By the key of the log; None if nobody gave it."""
    period: Period = field(default_factory=Period)
    first: datetime | None = None
    last: datetime | None = None
    """Of the lines in the period."""
    kinds: Counter[str] = field(default_factory=Counter)
    """Lines in the period."""
    doubts: dict[str, None] = field(default_factory=dict)
    """Why use may be missing, in sentences."""
    searched: set[tuple[str, str, str]] = field(default_factory=set)
    """The types and actions of searches that found something."""
    _used: dict[tuple[Name, Name], set[str]] = field(default_factory=dict)
    _unreadable: int = 0

    def used(self, subject: Name | None, resource: Name | None) -> frozenset[str]:
        """Return the actions that a subject used on a resource; none of one without a name."""
        if subject is None or resource is None:
            return frozenset()
        return frozenset(self._used.get((subject, resource), ()))

    def name(self, type_name: str, key: Key) -> Name | None:
        """Return an entity as lines name it; None where only the key of the log would tell."""
        declared = self.schema.types[type_name]
        if not names_secret(self.schema, declared):
            return type_name, id_of(key)
        if self.hashing is None:
            self.doubts[
                f"the log has ids of `{in_line(type_name)}` as hashes; give --decision-log-key"
            ] = None
            return None
        return type_name, self.hashing.of(origin_of_key(self.schema, declared), id_of(key))

    def read(self, files: Sequence[Path]) -> None:
        """Read the files of a log, the oldest first, and verify that they are whole."""
        verification = Verification(self.hashing)
        for file in log_files(files):
            try:
                verification.read(str(file), self._seen(lines_of(file)))
            except UnreadableLogError as error:
                self.doubts[str(error)] = None
        verification.finish()
        if verification.fault_count:
            self.doubts[
                f"lines were removed, edited or moved ({verification.fault_count} faults):"
                " `sidecar log verify` tells which"
            ] = None
        self.doubts |= verification.doubts
        if verification.lost:
            self.doubts[f"{verification.lost} answers are without a line"] = None
        if verification.torn:
            self.doubts[f"{verification.torn} lines are torn"] = None
        if self._unreadable:
            self.doubts[f"{self._unreadable} lines cannot be read"] = None
        if not self.kinds:
            self.doubts["the log has no line in this period"] = None

    def heading(self) -> str:
        """Return what was read, in a line."""
        covers = "nothing"
        if self.first is not None and self.last is not None:
            covers = f"{instant_text(self.first)} to {instant_text(self.last)}"
        counts = ", ".join(
            f"{count:,} of kind {kind}" for kind, count in sorted(self.kinds.items())
        )
        return f"log: {covers}{f'; lines: {counts}' if counts else ''}"

    def _seen(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        for line in lines:
            try:
                self._read_line(read_members(line))
            except (UnreadableLineError, ValueError, TypeError, KeyError):
                self._unreadable += 1
            yield line

    def _read_line(self, line: Mapping[str, Any]) -> None:
        """Take note of one line.

        Raises:
            ValueError, TypeError, KeyError: It is not what a log holds.
        """
        if line["kind"] == "end":
            return
        moment = parse_instant(line["time"])
        if not self.period.holds(moment):
            return
        self.kinds[str(line["kind"])] += 1
        self.first = moment if self.first is None else min(self.first, moment)
        self.last = moment if self.last is None else max(self.last, moment)
        if line["kind"] == "decision" and line["decision"] is True:
            self._add(_name(line["subject"]), line["action"]["name"], _name(line["resource"]))
        elif line["kind"] == "search":
            self._read_search(line)

    def _read_search(self, line: Mapping[str, Any]) -> None:
        subject, resource = line["subject"], line["resource"]
        found = [str(each) for each in line.get("found", line.get("found_hashes", ()))]
        action = line["action"]["name"]
        if found:
            self.searched.add((subject["type"], resource["type"], action))
        for each in found:
            self._add(self._side(subject, each), action, self._side(resource, each))

    def _side(self, entity: Mapping[str, Any], found: str) -> Name:
        """Return one side of what a search found: the one that it names, or else what it found."""
        if any(member in entity for member in _IDS):
            return _name(entity)
        declared = self.schema.types.get(entity["type"])
        key = None if declared is None else key_of_id(self.schema, declared, found)
        is_plain = declared is not None and not names_secret(self.schema, declared)
        return entity["type"], id_of(key) if is_plain and key is not None else found

    def _add(self, subject: Name, action: str, resource: Name) -> None:
        self._used.setdefault((subject, resource), set()).add(action)


_IDS = ("key", "id_hash", "id")


def lines_in(files: Sequence[Path], period: Period) -> Iterator[bytes]:
    """Yield the lines of a log that are in a period.

    Raises:
        UnreadableLogError: A file cannot be read.
    """
    for file in log_files(files):
        for line in lines_of(file):
            try:
                if period.holds(parse_instant(read_members(line)["time"])):
                    yield line
            except (UnreadableLineError, ValueError, TypeError, KeyError):
                continue  # `LogUse.read` counts it


def _name(entity: Mapping[str, Any]) -> Name:
    for member in _IDS:
        if member in entity:
            return str(entity["type"]), str(entity[member])
    raise KeyError("id")
