"""Read `match` of look-ups: which attributes of the found row, and of a second one, equal what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sidecar.schema.messages import nearest, one_of, shown
from sidecar.schema.model import (
    INDEXED,
    UNTYPED,
    Attribute,
    EntityType,
    Kind,
    Schema,
    Through,
    ValueType,
)
from sidecar.schema.row_paths import attribute_at
from sidecar.schema.yaml_document import Faults, Node


@dataclass(frozen=True, slots=True)
class SecondRow:
    """The row of `through`."""

    name: str
    type: EntityType
    prefix: str
    """What its attributes begin with in `match` and `where`."""

    def attribute(self, path: str) -> tuple[tuple[str, ...], Attribute]:
        """Return the attribute of a path that begins with the prefix.

        Raises:
            ValueError: The type has no such attribute.
        """
        name = path.removeprefix(self.prefix)
        if name in self.type.attributes:
            return (name,), self.type.attributes[name]
        mend = nearest(name, self.type.attributes) or f"; it has {one_of(self.type.attributes)}"
        raise ValueError(f"{self.type.name} has no attribute {shown(name)}{mend}")


def _finds_rows(declared: EntityType, names: Iterable[str]) -> bool:
    """Tell whether rows are found by the value of one of these attributes."""
    return any(declared.attributes[name].type.kind in INDEXED for name in names)


class MatchReader:
    """Reads the match of one look-up."""

    def __init__(
        self,
        schema: Schema,
        what: str,
        rows: tuple[EntityType, SecondRow | None],
        sources: Mapping[str, ValueType],
        faults: Faults,
    ) -> None:
        """Prepare to read.

        Args:
            schema: With the attributes and keys of all types.
            what: How faults name the match.
            rows: The found type, and the row of `through`.
            sources: The types of ``this`` and of the arguments.
            faults: Gets the faults.
        """
        self._schema = schema
        self._what = what
        self._target, self._second = rows
        self._sources = sources
        self._faults = faults

    def read(self, node: Node, line: int) -> tuple[dict[tuple[str, ...], str], Through | None]:
        """Return what is matched of the found row, and the second row, still without `where`."""
        match: dict[tuple[str, ...], str] = {}
        of_second: dict[str, str] = {}
        joins: dict[tuple[str, ...], str] = {}
        members = self._faults.members(node, self._what)
        for path, member in members.members.items():
            source = self._faults.text(member, f"{self._what}: {shown(path)}")
            steps = self._steps(path, source, members.lines[path], member.line)
            if steps is None:
                continue
            if self._is_second(path):
                of_second[steps[0]] = source
            elif self._second is not None and self._is_second(source):
                joins[steps] = source.removeprefix(self._second.prefix)
            else:
                match[steps] = source
        if len(match) + len(of_second) + len(joins) == len(members.members):
            for name in self._sources:
                if name not in {*match.values(), *of_second.values()}:
                    self._faults.add(
                        line, f"{self._what} does not use {shown(name)}; use it or remove it"
                    )
        if self._second is None:
            return match, None
        name, second = self._second.name, self._second.type.name
        return match, Through(
            name=name, type=second, match=of_second, joins=joins, where={}, clock={}
        )

    def check_bounded(
        self, match: Mapping[tuple[str, ...], str], through: Through | None, line: int
    ) -> None:
        """Report a fault if the rows of a look-up of any row are not found by an index."""
        unbound = []
        if not _finds_rows(self._target, {each[0] for each in match if len(each) == 1}):
            unbound.append(self._target.name)
        if self._second is not None and through is not None:
            unbound += [] if _finds_rows(self._second.type, through.match) else [through.name]
        for name in unbound:
            self._faults.add(
                line,
                f"{self._what} finds no rows of {shown(name)}: compare `this` or an argument with"
                " an attribute of it that is a reference, a string, an email or a domain",
            )
        if through is not None and not through.joins:
            self._faults.add(
                line,
                f"{self._what} does not join its two rows; write"
                f" `attribute: {through.name}.attribute`",
            )

    def _steps(self, path: str, source: str, line: int, source_line: int) -> tuple[str, ...] | None:
        """Return the steps of a path; None, and a fault, if its source is of another type."""
        source_type = self._source_type(source, source_line)
        try:
            if self._second is not None and self._is_second(path):
                steps, attribute = self._second.attribute(path)
            else:
                steps, attribute = attribute_at(self._schema, self._target, path)
        except ValueError as error:
            self._faults.add(line, f"{self._what}: {error}")
            return None
        if source_type is None:
            return None
        if self._is_second(path) and self._is_second(source):
            fault = f"{shown(path)} and {shown(source)} are of one row; compare those of two"
        elif UNTYPED in {attribute.type, source_type}:
            return steps
        elif attribute.type != source_type or source_type.kind is Kind.SET:
            fault = (
                f"{shown(path)} is of type {attribute.type.name}"
                f" and {shown(source)} of type {source_type.name}; compare like with like"
            )
        else:
            return steps
        self._faults.add(line, f"{self._what}: {fault}")
        return None

    def _source_type(self, source: str, line: int) -> ValueType | None:
        """Return the type of the right side of a match; None, and a fault, if there is none."""
        if self._second is not None and self._is_second(source):
            try:
                return self._second.attribute(source)[1].type
            except ValueError as error:
                self._faults.add(line, f"{self._what}: {error}")
                return None
        if source and source not in self._sources:
            mend = nearest(source, self._sources) or f"; write one of {one_of(self._sources)}"
            self._faults.add(line, f"{self._what}: {shown(source)} is no argument{mend}")
        return self._sources.get(source)

    def _is_second(self, path: str) -> bool:
        return self._second is not None and path.startswith(self._second.prefix)
