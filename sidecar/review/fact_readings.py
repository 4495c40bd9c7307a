"""The facts of one request for a reviewer: their values, and where each stands."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sidecar.diagram.path_text import show
from sidecar.diagram.paths import (
    ACTION,
    CONTEXT,
    SETTINGS,
    LookupPath,
    Member,
    Path,
    Root,
)
from sidecar.diagram.questions import Exists, Includes, ValueOf, text_of
from sidecar.engine.explanation import WITHHELD
from sidecar.engine.fact_sources import Sources
from sidecar.engine.paths import Reader
from sidecar.facts import RowPositions
from sidecar.schema import Attribute
from sidecar.schema.instants import instant_text

MOST_MEMBERS = 8
"""Members of a set that are shown."""
_NO_ENTITIES = (ACTION, CONTEXT, SETTINGS)
_SOURCES = {
    "mount": "in the mount",
    "request": "sent in the request",
    "settings": "settings.yaml",
    "clock": "the clock",
    "schema": "the default in schema.yaml",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One fact."""

    path: str
    """As a policy would write it: ``resource.account.plan``."""
    value: str | None
    """In its text form; None where it is absent or withheld."""
    source: str | None
    """`mount`, `request`, `settings`, `clock` or `schema`; None where it is absent."""
    file: str | None = None
    """Of what a mounted directory says."""
    line: int | None = None
    withheld: bool = False

    def __str__(self) -> str:
        if self.withheld:
            state = f"is {WITHHELD}"
        elif self.path.endswith(".exists"):
            path = self.path.removesuffix(".exists")
            return f"{path} {'exists' if self.value == 'true' else 'does not exist'}{self._from()}"
        else:
            state = "is absent" if self.value is None else f"is {self.value}"
        return f"{self.path} {state}{self._from()}"

    def _from(self) -> str:
        if self.file is not None:
            return f" ({self.file}:{self.line}, in the mount)"
        return "" if self.source is None else f" ({_SOURCES[self.source]})"


class Readings:
    """Reads paths of one request; sensitive values only where they may be shown."""

    def __init__(
        self,
        sources: Sources,
        reader: Reader,
        places: RowPositions,
        shown: frozenset[str],
    ) -> None:
        """Prepare to read.

        Args:
            sources: Of the request.
            reader: For its types.
            places: Where the rows of the mount stand.
            shown: What is told beside the rest: `sensitive` values, or nothing.
        """
        self.sources = sources
        self._reader = reader
        self._places = places
        self._shown = shown

    def attribute(self, path: Path) -> Attribute | None:
        """Return what the schema declares at a path; None for an entity that is looked up."""
        return self._reader.attribute(path) if isinstance(path, Member) else None

    def is_entity(self, path: Path) -> bool:
        """Tell whether an entity stands at a path, and not a value."""
        root = path if isinstance(path, Root) else path.base
        return root not in _NO_ENTITIES and self._reader.is_entity(path)

    def text(self, path: Path) -> str | None:
        """Return the value at a path in its text form, or that it is withheld; None if absent."""
        value = self.sources.value(path)
        if value is None:
            return None
        if self._withheld(path):
            return WITHHELD
        if isinstance(value, frozenset):
            members = sorted(map(text_of, value))
            more = f" and {len(members) - MOST_MEMBERS} more" if len(members) > MOST_MEMBERS else ""
            return f"{', '.join(members[:MOST_MEMBERS])}{more}" if members else "empty"
        return instant_text(value) if isinstance(value, datetime) else text_of(value)

    def reading(self, path: Path) -> Reading:
        """Return the fact at a path."""
        text = self.text(path)
        if text is None:
            return Reading(path=show(path), value=None, source=None)
        withheld = self._withheld(path)
        source = self.sources.source(path)
        file, line = self._place(path) if source == "mount" else (None, None)
        value = None if withheld else text
        return Reading(
            path=show(path), value=value, source=source, file=file, line=line, withheld=withheld
        )

    def existence(self, path: Path) -> Reading:
        """Return whether there is such an entity."""
        answer = self.sources.answer(Exists(path))
        source = self.sources.source_of_existence(path)
        file, line = self._of_row(path) if source == "mount" else (None, None)
        return Reading(
            path=f"{show(path)}.exists",
            value=text_of(bool(answer)),
            source=source,
            file=file,
            line=line,
        )

    def told(self, question: Exists | ValueOf | Includes) -> Reading:
        """Return the fact that a question is about."""
        if isinstance(question, Includes):
            shown = f"{show(question.members)}.includes({show(question.value)})"
            answer = self.sources.answer(question)
            if answer is None:
                return Reading(path=shown, value=None, source=None)
            of_set = self.reading(question.members)
            return replace(of_set, path=shown, value=text_of(answer), withheld=False)
        path = question.path
        entity = isinstance(question, Exists) and self._reader.is_entity(path)
        return self.existence(path) if entity else self.reading(path)

    def _withheld(self, path: Path) -> bool:
        return "sensitive" not in self._shown and self.sources.sensitive(path)

    def _place(self, path: Path) -> tuple[str | None, int | None]:
        """Return where the row stands that says what is at a path."""
        match path:
            case LookupPath(base):
                return (
                    self._of_row(path) if self.sources.row(path) is not None else self._place(base)
                )
            case Member(base, _) if base in _NO_ENTITIES:
                return None, None
            case Member(base, name):
                declared = self._reader.type_of(base) if self._reader.is_entity(base) else None
                is_key = declared is None or name in declared.key
                return self._place(base) if is_key else self._of_row(base)
            case _:
                return self._of_row(path)

    def _of_row(self, path: Path) -> tuple[str | None, int | None]:
        row = self.sources.row(path)
        found = None if row is None else self._places.get((self._reader.type_of(path).name, row))
        return found if found is not None else (None, None)
