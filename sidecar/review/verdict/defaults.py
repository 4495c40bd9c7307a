"""Defaults that an edit changes: what follows where a request or a row leaves the value out.

Both packs are compared with the default of the new one, which tells everything about values that
are said. Where a value is not said, the old pack reads its own default, and the new pack the new
one: there the diagrams are compared with these values in place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sidecar.diagram.diagram import TooLargeError
from sidecar.diagram.nodes import FALSE, Label, Node
from sidecar.diagram.path_types import PathTypes, paths_of
from sidecar.diagram.paths import ACTION, CONTEXT, Member, Path
from sidecar.diagram.questions import Present, ValueOf, facts_of
from sidecar.review.aligned_diagrams import NEW_SIDE, OLD_SIDE, Joined, Scope, UncompiledError
from sidecar.review.condition_cover import MOST_NODES
from sidecar.review.diff import ALLOWED, DENIED, Change, Differences
from sidecar.schema import Attribute, Kind, Schema

Owner = tuple[str, ...]
"""``context``; ``attribute`` and a type; ``property``, a type of resource and an action."""


@dataclass(frozen=True, slots=True)
class ChangedDefault:
    """A flag or an enum that has another default than before."""

    owner: Owner
    name: str
    old: Label
    new: Label

    @property
    def said(self) -> str:
        """How a reviewer calls it."""
        if self.owner[0] == "context":
            return f"context.{self.name}"
        if self.owner[0] == "property":
            return f"action.{self.name}"
        return f"{self.name} of the {self.owner[1]}"


def changed_defaults(old: Schema, new: Schema) -> tuple[ChangedDefault, ...]:
    """Return the defaults that differ, of flags and enums that have one in both schemas."""
    before = dict(_declared(old))
    return tuple(
        ChangedDefault(owner, name, was.default, now.default)
        for (owner, name), now in _declared(new)
        if (was := before.get((owner, name))) is not None
        and was.default != now.default
        and (was.type.kind, was.type.name) == (now.type.kind, now.type.name)
        and _has(was, now.default)
        and _has(now, was.default)
    )


def assuming(schema: Schema, defaults: Sequence[ChangedDefault]) -> Schema:
    """Return a schema with the new defaults."""
    for each in defaults:
        if each.owner[0] == "context":
            schema = replace(schema, context=_with(schema.context, each))
            continue
        declared = schema.types[each.owner[1]]
        if each.owner[0] == "attribute":
            declared = replace(declared, attributes=_with(declared.attributes, each))
        else:
            action = declared.actions[each.owner[2]]
            action = replace(action, properties=_with(action.properties, each))
            declared = replace(declared, actions={**declared.actions, action.name: action})
        schema = replace(schema, types={**schema.types, declared.name: declared})
    return schema


def with_unsaid(found: Differences, defaults: Sequence[ChangedDefault]) -> Differences:
    """Add what is decided otherwise where a value with another default is not said."""
    if not defaults:
        return found
    comparing = _Unsaid(found, defaults)
    changes = tuple(comparing.changes())
    return replace(
        found,
        changes=(*found.changes, *changes),
        uncompared=(*found.uncompared, *comparing.uncompared),
    )


def _declared(schema: Schema) -> Iterator[tuple[tuple[Owner, str], Attribute]]:
    for name, attribute in schema.context.items():
        yield (("context",), name), attribute
    for type_name, declared in schema.types.items():
        for name, attribute in declared.attributes.items():
            yield (("attribute", type_name), name), attribute
        for action in declared.actions.values():
            for name, attribute in action.properties.items():
                yield (("property", type_name, action.name), name), attribute


def _has(attribute: Attribute, value: object) -> bool:
    """Tell whether a value is one of a flag or an enum."""
    if attribute.type.kind is Kind.BOOLEAN:
        return isinstance(value, bool)
    return attribute.type.kind is Kind.ENUM and value in (attribute.only or attribute.type.values)


def _with(attributes: Mapping[str, Attribute], changed: ChangedDefault) -> dict[str, Attribute]:
    declared = replace(attributes[changed.name], default=changed.new)
    return {**attributes, changed.name: declared}


class _Unsaid:
    """Compares what two packs decide where values are not said."""

    def __init__(self, found: Differences, defaults: Sequence[ChangedDefault]) -> None:
        self._joined: Joined = found.joined
        self._coverings = found.coverings
        self._unknown = found.unknown
        self._defaults = defaults
        self._fixed: dict[tuple[int, Path, Label], Node] = {}
        self.uncompared: list[str] = []

    def changes(self) -> Iterator[Change]:
        """Yield the changes, those of actions that change alike as one."""
        for scope in self._joined.scopes():
            if self._joined.schema.types[scope[0]].subject:
                yield from self._of_scope(scope)

    def _of_scope(self, scope: Scope) -> Iterator[Change]:
        together: dict[tuple[str, str, int], tuple[Node, list[str]]] = {}
        for action in self._joined.schema.types[scope[1]].actions:
            if (scope, action) in self._unknown:
                continue
            for default in self._defaults:
                try:
                    with self._joined.trees.bounded(MOST_NODES):
                        regions = list(self._regions(scope, action, default))
                except (TooLargeError, UncompiledError) as error:
                    self._leave_out(scope, action, default, str(error))
                    continue
                for what, region in regions:
                    key = (what, default.said, region.number)
                    together.setdefault(key, (region, []))[1].append(action)
        covering = self._coverings[scope]
        for (what, said, _), (region, actions) in together.items():
            if covering.regions.is_empty(region):
                continue
            listing = covering.told(region)
            yield Change(
                what=what,
                code=None,
                subject=scope[0],
                resource=scope[1],
                actions=tuple(actions),
                region=region,
                listing=listing,
                examples=tuple(covering.examples(listing, region)),
                where=f"{said} is not said",
            )

    def _regions(
        self, scope: Scope, action: str, default: ChangedDefault
    ) -> Iterator[tuple[str, Node]]:
        joined, trees = self._joined, self._joined.trees
        allowed = [joined.allowed(side, scope, action) for side in (OLD_SIDE, NEW_SIDE)]
        obliged = [
            joined.obliged(side, scope, action, code)
            for side in (OLD_SIDE, NEW_SIDE)
            for code in joined.policies[side].entry(*scope, action).obliges
        ]
        paths = set(self._paths(scope, action, default, allowed))
        if not paths:
            return
        if len(paths) > 1 or paths != set(self._paths(scope, action, default, obliged)) | paths:
            self._leave_out(scope, action, default, "it is read in several places")
            return
        (path,) = paths
        old, new = (
            self._fix(tree, path, value)
            for tree, value in zip(allowed, (default.old, default.new), strict=True)
        )
        yield ALLOWED, trees.choose(old, FALSE, new)
        yield DENIED, trees.choose(new, FALSE, old)

    def _paths(
        self, scope: Scope, action: str, default: ChangedDefault, roots: Sequence[Node]
    ) -> Iterator[Path]:
        """Yield the paths by which diagrams read a value."""
        types = paths_of(self._joined.schema, *scope)
        tests = {node.test for node in self._joined.trees.reachable(roots) if node.branches}
        for test in sorted(tests):
            question = self._joined.trees.tests[test].question
            for path in facts_of(question):
                if _owner(path, types, scope, action) == (default.owner, default.name):
                    yield path
                    if not isinstance(question, ValueOf | Present):
                        yield CONTEXT  # a second one: two facts are compared with each other

    def _fix(self, node: Node, path: Path, value: Label) -> Node:
        """Return a diagram where a fact has a value."""
        if not node.branches:
            return node
        key = (node.number, path, value)
        if key not in self._fixed:
            question = self._joined.trees.tests[node.test].question
            if question == ValueOf(path):
                at = node.labels.index(value) if value in node.labels else None
                branch = FALSE if at is None else node.branches[at]
                self._fixed[key] = self._fix(branch, path, value)
            elif question == Present(path):
                self._fixed[key] = self._fix(node.branches[node.labels.index(True)], path, value)
            else:
                branches = [self._fix(branch, path, value) for branch in node.branches]
                self._fixed[key] = self._joined.trees.place(node.test, node.labels, branches)
        return self._fixed[key]

    def _leave_out(self, scope: Scope, action: str, default: ChangedDefault, why: str) -> None:
        self.uncompared.append(
            f"`{action}` on a `{scope[1]}` where {default.said} is not said, and its default"
            f" changes: {why}"
        )


def _owner(path: Path, types: PathTypes, scope: Scope, action: str) -> tuple[Owner, str] | None:
    """Return what declares a fact."""
    if not isinstance(path, Member):
        return None
    if path.base == CONTEXT:
        return ("context",), path.name
    if path.base == ACTION:
        return ("property", scope[1], action), path.name
    if not types.is_entity(path.base):
        return None
    return ("attribute", types.type_of(path.base).name), path.name
