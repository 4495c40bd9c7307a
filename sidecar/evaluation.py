"""Reads facts: turns the paths and questions of a policy into functions of one request.

A `Frame` is one subject and one resource on one snapshot; an `Evaluator` knows, for one pair of
their types, how each path is read from it. The same functions answer the tests of compiled trees
and, one by one, what Oso asks at request time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from typing import Any

from sidecar.facts import Row, Snapshot
from sidecar.policy.compiled import Policy
from sidecar.policy.questions import (
    ACTION,
    CONTEXT,
    RESOURCE,
    SETTINGS,
    SUBJECT,
    Answer,
    Path,
    Question,
    value_of,
)
from sidecar.policy.trees import FALSE, TRUE, Node, Test
from sidecar.requests import Said
from sidecar.schema import Attribute, EntityType, Key, Kind, Lookup, Value, ValueType

FAULT = "fault"
"""What a walk ends with where the policy fails, or the facts are not what the schema says."""

Tree = bool | str | tuple[Any, Any, Any]
"""A leaf, or (what to read, outcome to tree, tree for any other outcome)."""

_UNREAD = object()


class Frame:
    """All that one question is answered from."""

    __slots__ = ("action", "cache", "context", "keys", "rows", "said", "snapshot")

    def __init__(
        self,
        snapshot: Snapshot,
        evaluator: Evaluator,
        keys: tuple[Key | None, Key | None],
        said: tuple[Said, Said],
        action: Said,
        context: Said,
    ) -> None:
        self.snapshot = snapshot
        self.keys = keys
        """Of the subject and the resource; None for an id that no entity can have."""
        self.rows = (
            evaluator.tables[0](snapshot).get(keys[0]) if evaluator.tables[0] else None,
            evaluator.tables[1](snapshot).get(keys[1]) if evaluator.tables[1] else None,
        )
        self.said = said
        self.action = action
        self.context = context
        self.cache: list[Any] = [_UNREAD] * evaluator.slots


Read = Callable[[Frame], Any]


class Evaluator:
    """How paths are read for one type of subject and one type of resource."""

    def __init__(self, policy: Policy, subject: EntityType, resource: EntityType) -> None:
        self._policy = policy
        self._roots: Mapping[Path, tuple[int, EntityType]] = {
            SUBJECT: (0, subject),
            RESOURCE: (1, resource),
        }
        self.tables = tuple(
            _table(declared) if declared.table else None for declared in (subject, resource)
        )
        self.slots = 0
        self._rows: dict[Path, Read] = {}
        self._trees: dict[int, Tree] = {}
        self._answers: dict[Question, Read] = {}

    def walk(self, tree: Tree, frame: Frame) -> bool | str:
        """Follow a tree to its leaf: True, False, or `FAULT`."""
        while tree.__class__ is tuple:
            read, outcomes, other = tree  # type: ignore[misc]  # a tuple is no leaf
            tree = outcomes.get(read(frame), other)
        return tree  # type: ignore[return-value]  # no tuple is left

    def tree(self, node: Node) -> Tree:
        """Return a compiled tree with its tests bound to how they are read."""
        made = self._trees.get(node.number)
        if made is None:
            made = self._trees[node.number] = self._bound(node)
        return made

    def answer(self, question: Question, frame: Frame) -> Answer:
        """Answer a single question, as Oso asks it at request time."""
        if question not in self._answers:
            slots = self.slots
            self._answers[question] = self._asked(question)
            if self.slots != slots:
                frame.cache.extend([_UNREAD] * (self.slots - len(frame.cache)))
        if len(frame.cache) < self.slots:
            frame.cache.extend([_UNREAD] * (self.slots - len(frame.cache)))
        answer: Answer = self._answers[question](frame)
        return answer

    def _bound(self, node: Node) -> Tree:
        if not node.branches:
            return True if node is TRUE else False if node is FALSE else FAULT
        test = self._policy.tests[node.test]
        branches = [self.tree(branch) for branch in node.branches]
        if test.outcomes == "text":
            return (
                self.value(test.question[1]),
                dict(zip(node.labels, branches, strict=False)),
                branches[-1],
            )
        if test.outcomes == "number":
            return (self._region(test, node.labels), dict(enumerate(branches)), FAULT)
        return (self._asked(test.question), dict(zip(node.labels, branches, strict=True)), FAULT)

    def _region(self, test: Test, labels: tuple[Any, ...]) -> Read:
        """Return how many cuts a number has reached: `(750, False)` at 750, `(750, True)` above it."""
        cuts = [(value_of(test.kind or Kind.DECIMAL, text), above) for text, above in labels]
        value = self.value(test.question[1])
        return lambda frame: bisect_right(cuts, (value(frame), False))

    def _asked(self, question: Question) -> Read:
        kind = question[0]
        if kind == "exists":
            return self.exists(question[1])
        if kind == "present":
            value = self.value(question[1])
            return lambda frame: value(frame) is not None
        if kind == "value":
            return self.value(question[1])
        if kind == "order":
            return _order(self.value(question[1]), self.value(question[2]))
        if kind == "same":
            left, right = self._comparable(question[1]), self._comparable(question[2])
            return lambda frame: left(frame) == right(frame)
        if kind == "includes":
            return self._includes(question[1], question[2])
        value = self.value(question[1])
        if kind == "is":
            return lambda frame: value(frame) == question[2]
        limit: Any = value_of(Kind(question[3]), question[2])
        if kind == "least":
            return lambda frame: value(frame) >= limit
        return lambda frame: value(frame) > limit

    def _includes(self, operand: Path, member: Path) -> Read:
        members, element = self._set(operand)
        value = self._comparable(member) if member[0] != "literal" else _constant(member[1])
        if element.kind is Kind.DOMAIN:
            return lambda frame: _covers(members(frame), value(frame))
        return lambda frame: value(frame) in members(frame)

    def _set(self, path: Path) -> tuple[Read, ValueType]:
        if path[1] == SETTINGS:
            declared = self._policy.schema.settings[path[2]].type
            return _constant(self._policy.settings[path[2]]), declared.element or declared
        declared = self._attribute(path).type
        return self.value(path), declared.element or declared

    def _comparable(self, path: Path) -> Read:
        """Return how to read what two things have in common when they are the same: a key, or a text."""
        return self.key(path) if self._is_entity(path) else self.value(path)

    def _is_entity(self, path: Path) -> bool:
        return (
            path in self._roots
            or path[0] == "lookup"
            or self._attribute(path).type.kind is Kind.REFERENCE
        )

    def value(self, path: Path) -> Read:
        """Return how to read an attribute, a property or a member of the context."""
        base, name = path[1], path[2]
        if base == ACTION:
            return lambda frame: frame.action.get(name)
        if base == CONTEXT:
            return lambda frame: frame.context.get(name)
        if base == SETTINGS:
            return _constant(self._policy.settings.get(name))
        if not self._is_entity(base):
            address = self.value(base)  # the only member that a value has is an address' domain
            return lambda frame: address(frame).rpartition("@")[2]
        declared = self.type_of(base)
        if name in declared.key:
            return _part(self.key(base), declared, name)
        return self._stored(base, declared, declared.attributes[name])

    def _stored(self, base: Path, declared: EntityType, attribute: Attribute) -> Read:
        row, column, default = (
            self.row(base),
            list(declared.attributes).index(attribute.name),
            attribute.default,
        )
        said = self._roots[base][0] if base in self._roots and attribute.caller else None
        name = attribute.name

        def read(frame: Frame) -> Value:
            found = row(frame)
            value = None if found is None else found[column]
            if value is None and said is not None:
                value = frame.said[said].get(name)
            if value is None and found is not None:
                value = default
            return value

        if said is None and default is None:
            return lambda frame: None if (found := row(frame)) is None else found[column]
        return read

    def exists(self, path: Path) -> Read:
        """Return how to tell whether there is such an entity."""
        declared = self.type_of(path)
        if not declared.table:
            return _constant(value=True)
        row = self.row(path)
        if declared.implied is None or (path[0] == "lookup" and not self._names_key(path)):
            return lambda frame: row(frame) is not None
        implied = self._implied(path, declared, *declared.implied)
        return lambda frame: row(frame) is not None or implied(frame)

    def _implied(
        self, path: Path, declared: EntityType, steps: tuple[str, ...], column: str
    ) -> Read:
        """Return how to tell that an entity exists though it has no row."""
        reach = path
        for step in steps:
            reach = ("member", reach, step)
        left, right = self.value(reach), _part(self.key(path), declared, column)
        return lambda frame: (found := left(frame)) is not None and found == right(frame)

    def row(self, path: Path) -> Read:
        """Return how to read the row of an entity; None where it has none. Each is read once."""
        if path in self._roots:
            root = self._roots[path][0]
            return lambda frame: frame.rows[root]
        if path not in self._rows:
            find = self._find(path)
            slot = self.slots
            self.slots += 1

            def read(frame: Frame) -> Row | None:
                found: Row | None = frame.cache[slot]
                if found is _UNREAD:
                    found = frame.cache[slot] = find(frame)
                return found

            self._rows[path] = read
        return self._rows[path]

    def _find(self, path: Path) -> Read:
        declared = self.type_of(path)
        if path[0] == "lookup":
            owner = self.type_of(path[1]).name
            name, asked = path[2], self._asked_with(path)
            return lambda frame: (
                None if None in (key := asked(frame)) else frame.snapshot.find(owner, name).get(key)
            )
        key, name, mounted = self.value(path), declared.name, bool(declared.table)
        if not mounted:
            return _constant(None)
        return lambda frame: frame.snapshot.rows(name).get(key(frame))

    def _asked_with(self, path: Path) -> Read:
        """Return the key with which an index is asked: the entity's own, then the arguments."""
        parts = [self.key(path[1])]
        for operand, declared in zip(path[3], self._lookup(path).arguments.values(), strict=True):
            if operand[0] == "literal":
                parts.append(_constant(value_of(declared.kind, operand[1])))
            else:
                parts.append(self._comparable(operand))
        if len(parts) == 2:
            own, argument = parts
            return lambda frame: (own(frame), argument(frame))
        return lambda frame: tuple(part(frame) for part in parts)

    def key(self, path: Path) -> Read:
        """Return how to read the key of an entity, whether it exists or not."""
        if path in self._roots:
            root = self._roots[path][0]
            return lambda frame: frame.keys[root]
        if path[0] == "member":
            return self.value(path)
        declared = self.type_of(path)
        if self._names_key(path):
            return self._key_asked(path, declared)
        row, columns = (
            self.row(path),
            [list(declared.attributes).index(column) for column in declared.key],
        )
        if len(columns) == 1:
            return lambda frame: None if (found := row(frame)) is None else found[columns[0]]
        return lambda frame: (
            None if (found := row(frame)) is None else tuple(found[column] for column in columns)
        )

    def _names_key(self, path: Path) -> bool:
        """Tell whether a look-up is by the whole key, so that the key is known without a row."""
        lookup = self._lookup(path)
        columns = {match[0] for match in lookup.match if len(match) == 1}
        return (
            not lookup.where
            and len(lookup.match) == len(columns)
            and columns == set(self.type_of(path).key)
        )

    def _key_asked(self, path: Path, declared: EntityType) -> Read:
        lookup, asked = self._lookup(path), self._asked_with(path)
        names = ["this", *lookup.arguments]
        order = [names.index(lookup.match[column,]) for column in declared.key]
        if len(order) == 1:
            return lambda frame: asked(frame)[order[0]]
        return lambda frame: (
            None if None in (parts := asked(frame)) else tuple(parts[at] for at in order)
        )

    def _lookup(self, path: Path) -> Lookup:
        return self.type_of(path[1]).lookups[path[2]]

    def type_of(self, path: Path) -> EntityType:
        """Return the type of the entity at `path`."""
        if path in self._roots:
            return self._roots[path][1]
        types = self._policy.schema.types
        return (
            types[self._lookup(path).finds]
            if path[0] == "lookup"
            else types[self._attribute(path).type.target]
        )

    def _attribute(self, path: Path) -> Attribute:
        base, name = path[1], path[2]
        if base == ACTION:
            resource = self._roots[RESOURCE][1]
            return next(
                each.properties[name]
                for each in resource.actions.values()
                if name in each.properties
            )
        if base == CONTEXT:
            return self._policy.schema.context[name]
        if base == SETTINGS:
            return self._policy.schema.settings[name]
        if not self._is_entity(base):
            return Attribute(name=name, type=ValueType(Kind.DOMAIN, "domain"))
        return self.type_of(base).attributes[name]


def _table(declared: EntityType) -> Callable[[Snapshot], Mapping[Any, Row]]:
    name = declared.name
    return lambda snapshot: snapshot.rows(name)


def _constant(value: object) -> Read:
    return lambda _: value


def _part(key: Read, declared: EntityType, name: str) -> Read:
    if len(declared.key) == 1:
        return key
    at = declared.key.index(name)
    return lambda frame: None if (found := key(frame)) is None else found[at]


def _order(left: Read, right: Read) -> Read:
    def order(frame: Frame) -> str | None:
        first, second = left(frame), right(frame)
        if first is None or second is None:
            return None
        return "lt" if first < second else "gt" if first > second else "eq"

    return order


def _covers(domains: frozenset[str], domain: str) -> bool:
    """Tell whether a domain, or one that it is a subdomain of, is among `domains`."""
    while domain not in domains:
        _, dot, domain = domain.partition(".")
        if not dot:
            return False
    return True
