"""Writes how facts are read, as Python: what `Reader` does by functions, in the lines of one.

No word of a policy, a schema or a request gets into the text: whatever is not a number of ours is a
constant, and stands there by a name that we give it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sidecar.diagram.questions import ACTION, CONTEXT, RESOURCE, SETTINGS, SUBJECT, Path
from sidecar.engine.frame import UNREAD
from sidecar.engine.paths import Reader, domain_of
from sidecar.schema import Value, ValueType, is_id

_ROOTS = (SUBJECT, RESOURCE)


class Constants:
    """What written functions name: constants, and the few things of ours that they call."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"UNREAD": UNREAD, "domain_of": domain_of, "is_id": is_id}
        self._known: dict[tuple[type, object], str] = {}

    def name(self, value: object) -> str:
        """Return the name of a constant."""
        key = (type(value), value)
        if key not in self._known:
            self._known[key] = f"c{len(self._known)}"
            self.names[self._known[key]] = value
        return self._known[key]


class Lines:
    """The lines of one function of a frame, and what it knows where it stands."""

    def __init__(self, reader: Reader, constants: Constants, certain: frozenset[Path]) -> None:
        """Begin.

        Args:
            reader: What there is to read.
            constants: Gets what the lines name.
            certain: Entities that are known to have a row.
        """
        self.indent = 1
        self._reader = reader
        self._constants = constants
        self._certain = set(certain)
        self._known: dict[tuple[str, Path], str] = {}
        self._lines: list[str] = []
        self._variables = 0
        self._used: set[str] = set()

    def text(self, name: str) -> str:
        """Return the whole function."""
        first = [f"def {name}(frame):", *(f"    {_FIRST[used]}" for used in sorted(self._used))]
        return "\n".join([*first, *self._lines, ""])

    def add(self, line: str) -> None:
        """Add a line where we stand."""
        self._lines.append("    " * self.indent + line)

    def constant(self, value: object) -> str:
        """Return the name of a constant."""
        return self._constants.name(value)

    @contextmanager
    def branch(self, condition: str) -> Iterator[None]:
        """Add a branch; what is read in it is not known behind it."""
        self.add(f"if {condition}:")
        known, certain = dict(self._known), set(self._certain)
        self.indent += 1
        yield
        self.indent -= 1
        self._known, self._certain = known, certain

    def assume_row(self, path: Path) -> None:
        """Know from here on that an entity that exists has a row, if its type is such."""
        if self._has_row_if_it_exists(path):
            self._certain.add(path)

    def value(self, path: Path) -> str:
        """Return an attribute, a property or the context; None where it is absent."""
        return self._once("value", path, self._value)

    def key(self, path: Path) -> str:
        """Return the key of an entity, whether it exists or not."""
        return self._once("key", path, self._key)

    def comparable(self, path: Path) -> str:
        """Return what two things have in common if they are the same: key or text."""
        return self.key(path) if self._reader.is_entity(path) else self.value(path)

    def row(self, path: Path) -> str:
        """Return the row of an entity; None where it has none."""
        if path in _ROOTS:
            return self._use("rows", f"r{_ROOTS.index(path)}")
        return self._once("row", path, self._row)

    def exists(self, path: Path) -> str:
        """Return whether there is such an entity."""
        declared = self._reader.type_of(path)
        if not declared.table:
            key = self.key(path)
            return f"is_id({key})" if self._reader.keeps_any_id(path) else f"{key} is not None"
        row = self.row(path)
        if self._has_row_if_it_exists(path) or declared.implied is None:
            return f"{row} is not None"
        found = self.variable(f"{row} is not None")
        with self.branch(f"not {found}"):
            reach, asked = self._reader.implied_paths(path, *declared.implied)
            left, right = self.value(reach), self.key(asked)
            self.add(f"{found} = {left} is not None and {left} == {right}")
        return found

    def element(self, path: Path) -> ValueType:
        """Return the type of what a set holds."""
        declared = self._reader.attribute(path).type
        return declared.element or declared

    def literal(self, declared: ValueType, text: str) -> Value:
        """Return the value of a literal operand."""
        return self._reader.literal(declared, text)

    def variable(self, expression: str) -> str:
        """Keep a value, and return the name of the variable that has it."""
        name = f"v{self._variables}"
        self._variables += 1
        self.add(f"{name} = {expression}")
        return name

    def _use(self, what: str, name: str) -> str:
        self._used.add(what)
        return name

    def _once(self, kind: str, path: Path, write: Any) -> str:  # noqa: ANN401  one of ours
        if (kind, path) not in self._known:
            written = write(path)
            simple = written.isidentifier()
            self._known[kind, path] = written if simple else self.variable(written)
        return self._known[kind, path]

    def _has_row_if_it_exists(self, path: Path) -> bool:
        declared = self._reader.type_of(path)
        if not declared.table:
            return False
        asked = path[0] == "lookup" and not self._reader.names_key(path)
        return declared.implied is None or asked

    def _value(self, path: Path) -> str:
        base, name = path[1], path[2]
        if base == ACTION:
            return f"frame.action.get({self.constant(name)})"
        if base == CONTEXT:
            return f"frame.context.get({self.constant(name)})"
        if base == SETTINGS:
            return self.constant(self._reader.settings.get(name))
        if not self._reader.is_entity(base):
            return f"domain_of({self.value(base)})"
        declared = self._reader.type_of(base)
        if name in declared.key:
            key = self.key(base)
            at = declared.key.index(name)
            return key if len(declared.key) == 1 else f"None if {key} is None else {key}[{at}]"
        return self._stored(base, name)

    def _stored(self, base: Path, name: str) -> str:
        declared = self._reader.type_of(base)
        attribute, column = declared.attributes[name], list(declared.attributes).index(name)
        row = self.row(base)
        certain = base in self._certain
        stored = f"{row}[{column}]" if certain else f"None if {row} is None else {row}[{column}]"
        said = base in _ROOTS and (attribute.caller or attribute.default is not None)
        if not said and attribute.default is None:
            return stored
        value = self.variable(stored)
        if said:  # or the default, which the frame has in its place
            of_root = self._use("said", f"s{_ROOTS.index(base)}")
            self.add(f"if {value} is None: {value} = {of_root}.get({self.constant(name)})")
        else:
            default, exists = self.constant(attribute.default), self.exists(base)
            self.add(f"if {value} is None and {exists}: {value} = {default}")
        return value

    def _key(self, path: Path) -> str:
        if path in _ROOTS:
            return self._use("keys", f"k{_ROOTS.index(path)}")
        if path[0] == "member":
            return self.value(path)
        declared = self._reader.type_of(path)
        if self._reader.names_key(path):
            parts = self._asked(path)
            order = self._reader.order_asked(path)
            if len(order) == 1:
                return parts[order[0]]
            return f"None if {_none_of(parts)} else ({', '.join(parts[at] for at in order)})"
        row = self.row(path)
        columns = [list(declared.attributes).index(column) for column in declared.key]
        if len(columns) == 1:
            return f"None if {row} is None else {row}[{columns[0]}]"
        parts = [f"{row}[{column}]" for column in columns]
        return f"None if {row} is None else ({', '.join(parts)})"

    def _row(self, path: Path) -> str:
        slot = self._reader.slot(path)
        self._used.add("cache")
        row = self.variable(f"cache[{slot}]")
        with self.branch(f"{row} is UNREAD"):
            self.add(f"{row} = cache[{slot}] = {self._found(path)}")
        return row

    def _found(self, path: Path) -> str:
        if path[0] == "lookup":
            parts = self._asked(path)
            start, name = self.constant(self._reader.type_of(path[1]).name), self.constant(path[2])
            found = f"frame.snapshot.find({start}, {name}).get(({', '.join(parts)},))"
            return f"None if {_none_of(parts)} else {found}"
        declared = self._reader.type_of(path)
        if not declared.table:
            return "None"
        return f"frame.snapshot.rows({self.constant(declared.name)}).get({self.value(path)})"

    def _asked(self, path: Path) -> list[str]:
        """Return with what a look-up is asked: the entity's own key, then the arguments."""
        types = self._reader.argument_types(path)
        return [
            self.key(path[1]),
            *(
                self.constant(self._reader.literal(declared, operand[1]))
                if operand[0] == "literal"
                else self.comparable(operand)
                for operand, declared in zip(path[3], types, strict=True)
            ),
        ]


def _none_of(names: list[str]) -> str:
    return " or ".join(f"{name} is None" for name in names)


_FIRST = {
    "cache": "cache = frame.cache",
    "keys": "k0, k1 = frame.keys",
    "rows": "r0, r1 = frame.rows",
    "said": "s0, s1, _, _ = frame.said",
}
