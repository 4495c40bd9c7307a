"""Finds, from the indexes of a snapshot, everybody or everything that a tree can allow.

A tree is followed with one side of the request unknown. Tests of the known side have one outcome.
A test that ties the unknown side to something known, such as ``resource.owner = subject`` or
``resource.membership(subject)`` exists, names its candidates through an index; what holds further
down is for `authorize` to tell of each. A path to an allow without such a test cannot be bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from sidecar.diagram.nodes import FALSE, FAULT, TRUE, Node, Test
from sidecar.diagram.paths import Literal, LookupPath, Member, Operand, Path, parts_of, within
from sidecar.diagram.questions import Exists, Includes, Question, Same, facts_of
from sidecar.engine.any_row import UNKNOWN, AnyRow
from sidecar.engine.evaluator import Evaluator
from sidecar.engine.frame import Frame, Read, constant
from sidecar.engine.paths import Reader
from sidecar.errors import BadRowError
from sidecar.facts import reader_of
from sidecar.schema import Attribute, EntityType, Key, Kind, Lookup
from sidecar.schema.model import INDEXED

Found = frozenset[Any]
"""Keys of the unknown side, or values of a path."""
Back = Callable[["_Search", Found], Found]
"""Returns the keys of the unknown side for which a path leads to one of these values."""
Implied = Callable[[Frame, Any], Iterable[Any]]
"""Returns the other column of the keys that exist without a row, for one column."""
Find = Callable[["_Search"], Found]
"""Returns keys of the unknown side: all that a test can hold for, and perhaps more."""


_NOTHING: Found = frozenset()


class _Search:
    """One request, with what was found for it: tests of a chain of references share most steps."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self._found: dict[Hashable, Found] = {}

    def once(self, step: Hashable, find: Callable[[Frame], Iterable[Any]]) -> Found:
        """Return what a step finds; equal steps are taken once."""
        found = self._found.get(step)
        if found is None:
            found = self._found[step] = frozenset(find(self.frame))
        return found


class Candidates:
    """Candidates for one unknown side, `SUBJECT` or `RESOURCE`, of one kind of request."""

    def __init__(
        self, reader: Reader, evaluator: Evaluator, tests: tuple[Test, ...], unknown: Path
    ) -> None:
        self._reader = reader
        self._evaluator = evaluator
        self._tests = tests
        self._unknown = unknown
        self._finds: dict[Question, Find | None] = {}

    def of(self, root: Node, frame: Frame) -> set[Key] | None:
        """Return keys that hold all for which `root` can be true; None where it has no bound.

        Args:
            root: The tree that grants.
            frame: The request; of its unknown side neither key nor row is looked at.
        """

        def ways(node: Node) -> Sequence[Node] | None:
            return None if self.depends(node) else (self._evaluator.step(node, frame),)

        finds = self.finds([root], ways)
        return None if finds is None else self.found(finds, frame)

    def finds(
        self, roots: Iterable[Node], ways: Callable[[Node], Sequence[Node] | None]
    ) -> tuple[Find, ...] | None:
        """Return the tests that name all for which a tree can be true; None without a bound.

        Args:
            roots: The trees that grant.
            ways: Returns the branches of a node that can be taken; None for a test that ties the
                unknown side to what is known. Raises `BadRowError` where a row cannot be read, so
                that whatever comes to the test is denied.
        """
        found: dict[Find, None] = {}
        seen: set[int] = set()
        open_nodes = list(roots)
        while open_nodes:
            node = open_nodes.pop()
            if node is TRUE:
                return None
            if node.number in seen or node is FALSE or node is FAULT:
                continue
            seen.add(node.number)
            with suppress(BadRowError):
                branches = ways(node)
                open_nodes += self._ways_on(node, found) if branches is None else branches
        return tuple(found)

    def found(self, finds: Iterable[Find], frame: Frame) -> set[Key]:
        """Return the keys that tests name for one request."""
        search, keys = _Search(frame), set[Key]()
        self._reader.make_room(frame)
        for find in finds:
            with suppress(BadRowError):  # whatever comes to this test is denied
                keys |= find(search)
        keys.discard(None)  # an absent reference leads to nobody
        return keys

    def depends(self, node: Node) -> bool:
        """Tell whether a test is about the unknown side."""
        return self._depends(*facts_of(self._tests[node.test].question))

    def _ways_on(self, node: Node, found: dict[Find, None]) -> Iterator[Node]:
        """Yield the branches that can still be taken; add the test where it names candidates."""
        question = self._tests[node.test].question
        if question not in self._finds:
            self._finds[question] = self._find(question)
        find = self._finds[question]
        for label, branch in zip(node.labels, node.branches, strict=False):
            if find is None or label is not True:
                yield branch
            elif branch is not FALSE:
                found[find] = None
        if len(node.branches) > len(node.labels):
            yield node.branches[-1]

    def _depends(self, *operands: Operand) -> bool:
        """Tell whether paths are about the unknown side."""
        return self._unknown in within(*operands)

    def _find(self, question: Question) -> Find | None:
        match question:
            case Same(left, right):
                return self._find_same(*sorted((left, right), key=self._depends))
            case Exists(LookupPath() as path):
                return self._find_looked_up(path)
            case Includes(members, value) if not isinstance(value, Literal):
                return self._find_included(members, value)
            case _:
                return None

    def _find_same(self, known: Path, unknown: Path) -> Find | None:
        if self._depends(known):
            return None
        value, back = self._reader.comparable(known), self._back(unknown)
        return None if back is None else lambda search: back(search, _one(value(search.frame)))

    def _find_included(self, members: Path, operand: Path) -> Find | None:
        declared = self._reader.attribute(members).type
        if declared.element is None or declared.element.kind is Kind.DOMAIN:
            return None
        if self._depends(members):
            value, back = self._reader.comparable(operand), self._back(members)
            if self._depends(operand) or back is None:
                return None
            return lambda search: back(search, _one(value(search.frame)))
        each, back_to = self._evaluator.members(members), self._back(operand)
        if back_to is None:
            return None
        return lambda search: back_to(search, frozenset(each(search.frame) or ()))

    def _find_looked_up(self, path: LookupPath) -> Find | None:
        """Return who can be found by a look-up in which one part is unknown."""
        lookup, found = self._reader.lookup(path), self._reader.type_of(path)
        if lookup.finds_any:
            return self._find_any_row(path, lookup)
        parts = dict(zip(lookup.sources, parts_of(path), strict=True))
        unknown = [name for name, part in parts.items() if self._depends(part)]
        columns = {source: match[0] for match, source in lookup.match.items() if len(match) == 1}
        if len(unknown) != 1 or unknown[0] not in columns:
            return None
        attributes = found.attributes
        known = next(
            (
                source
                for source, column in columns.items()
                if source != unknown[0] and attributes[column].type.single.kind in INDEXED
            ),
            None,
        )
        if known is None:
            return None
        from_known, to_unknown = parts[known], parts[unknown[0]]
        if isinstance(from_known, Literal) or isinstance(to_unknown, Literal):
            return None
        back = self._back(to_unknown)
        if back is None:
            return None
        value = self._reader.comparable(from_known)
        want = reader_of(found, columns[unknown[0]])
        name, column = found.name, columns[known]
        implied = self._implied(found, column) if self._reader.names_key(path) else _nobody
        if implied is None:
            return None

        def looked_up(frame: Frame, given: Any) -> Iterator[Any]:  # noqa: ANN401 - of any declared type
            rows = frame.snapshot.rows(name)
            for key in frame.snapshot.holders(name, column).get(given, ()):
                with suppress(BadRowError):  # it is denied to those whom the row would lead to
                    yield want(rows[key])
            yield from implied(frame, given)

        step = (lookup.name, self._reader.type_of(path.base).name, unknown[0])

        def find(search: _Search) -> Found:
            given = value(search.frame)
            values = search.once((*step, given), lambda frame: looked_up(frame, given))
            return back(search, values)

        return find

    def _find_any_row(self, path: LookupPath, lookup: Lookup) -> Find | None:
        """Return who can fit a look-up of any row in which one part is unknown."""
        unknown = [(at, part) for at, part in enumerate(parts_of(path)) if self._depends(part)]
        if len(unknown) != 1:
            return None
        ((place, part),) = unknown
        any_row = AnyRow(self._reader.schema, lookup)
        if isinstance(part, Literal) or not any_row.is_bounded(place):
            return None
        back = self._back(part)
        if back is None:
            return None
        reads = list(self._parts(path, place))
        step = (lookup.name, self._reader.type_of(path.base).name)

        def find(search: _Search) -> Found:
            sources = tuple([read(search.frame) for read in reads])
            if None in sources:
                return _NOTHING
            values = search.once(
                (*step, sources),
                lambda frame: any_row.sources_of(frame.snapshot, sources, frame.now),
            )
            return back(search, values)

        return find

    def _parts(self, path: LookupPath, unknown: int) -> Iterator[Read]:
        """Yield how each part of a look-up is read; the unknown one is not."""
        if unknown == 0:
            yield constant(UNKNOWN)
        else:
            yield self._reader.comparable(path.base)
        types = self._reader.argument_types(path)
        for at, (part, declared) in enumerate(zip(path.operands, types, strict=True), 1):
            yield constant(UNKNOWN) if at == unknown else self._reader.operand(part, declared)

    def _back(self, path: Path) -> Back | None:
        """Return how to go from a value at `path` back to the unknown side."""
        if path == self._unknown:
            return lambda _, values: values
        if not isinstance(path, Member) or not self._reader.is_entity(path.base):
            return None
        declared, name = self._reader.type_of(path.base), path.name
        attribute = declared.attributes[name]
        root = path.base == self._unknown
        if not declared.table or (root and attribute.caller and attribute.optional):
            return None
        if attribute.optional and attribute.default is not None:
            return None
        base = self._back(path.base)
        if base is None:
            return None
        if declared.key == (name,):
            return base
        if attribute.type.single.kind not in INDEXED:
            return None
        return self._back_through(base, declared, attribute)

    def _back_through(self, base: Back, declared: EntityType, attribute: Attribute) -> Back | None:
        name, column = declared.name, attribute.name
        other = next((each for each in declared.key if each != column), column)
        implied = self._implied(declared, column) if column in declared.key else _nobody
        if implied is None:
            return None

        def holders(frame: Frame, values: Found) -> Iterator[Any]:
            held = frame.snapshot.holders(name, column)
            for value in values:
                yield from held.get(value, ())
                for part in implied(frame, value):
                    parts = {column: value, other: part}
                    yield tuple(parts[each] for each in declared.key)

        def back(search: _Search, values: Found) -> Found:
            keys = search.once((name, column, values), lambda frame: holders(frame, values))
            return base(search, keys)

        return back

    def _implied(self, declared: EntityType, known: str) -> Implied | None:
        """Return, given one column of the key, the other of entities that exist without a row.

        None where they cannot be found through an index.
        """
        if declared.implied is None:
            return _nobody
        (reference, *steps), column = declared.implied
        if len(steps) != 1 or set(declared.key) != {reference, column}:
            return None
        target = declared.attributes[reference].type.target
        read = reader_of(self._reader.schema.types[target], steps[0])
        if known == reference:

            def named(frame: Frame, value: Any) -> Iterable[Any]:  # noqa: ANN401 - a key
                try:
                    row = frame.snapshot.rows(target).get(value)
                except BadRowError:
                    return ()  # it is denied to whomever it would name
                return () if row is None else (read(row),)

            return named
        return lambda frame, value: frame.snapshot.holders(target, steps[0]).get(value, ())


def _nobody(_frame: Frame, _value: object) -> Iterable[Any]:
    return ()


def _one(value: Any) -> Found:  # noqa: ANN401 - of any declared type
    return _NOTHING if value is None else frozenset((value,))
