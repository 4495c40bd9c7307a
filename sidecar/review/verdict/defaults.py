"""Defaults that an edit changes: what follows where a request or a row leaves the value out.

Both packs are compared with the default of the new one, which tells everything about values that
are said. Where a value is not said, the old pack reads its own default, and the new pack the new
one: there the diagrams are compared with these values in place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sidecar.diagram.nodes import FALSE, Label, Node
from sidecar.review.aligned_diagrams import NEW_SIDE, OLD_SIDE, Scope
from sidecar.review.diff import ALLOWED, DENIED, Differences
from sidecar.review.verdict.comparing import Comparing
from sidecar.review.verdict.fixed_values import Owner, attributes_of
from sidecar.schema import Attribute, EntityType, Kind, Schema


@dataclass(frozen=True, slots=True)
class ChangedDefault:
    """A flag or an enum that has another default than before."""

    owner: Owner
    name: str
    old: Label
    new: Label

    @property
    def where(self) -> str:
        """The states that are compared, as a reviewer calls them."""
        name = f"{self.name} of the {self.owner[-1]}"
        if self.owner[0] != "attribute":
            name = f"{'context' if self.owner[0] == 'context' else 'action'}.{self.name}"
        return f"{name} is not said"


def changed_defaults(old: Schema, new: Schema) -> tuple[ChangedDefault, ...]:
    """Return the defaults that differ, of flags and enums that have one in both schemas.

    Those by whose values rows are found are left out: another default finds other rows, which no
    question of a diagram shows. What reads such rows is not compared (`union_paths`).
    """
    before = dict(attributes_of(old))
    finding = {*_finding_rows(old), *_finding_rows(new)}
    return tuple(
        ChangedDefault(owner, name, was.default, now.default)
        for (owner, name), now in attributes_of(new)
        if (was := before.get((owner, name))) is not None
        and was.default != now.default
        and (was.type.kind, was.type.name) == (now.type.kind, now.type.name)
        and _has(was, now.default)
        and _has(now, was.default)
        and (owner, name) not in finding
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
    return _Unsaid(found).add_changes(defaults)


def _finding_rows(schema: Schema) -> Iterator[tuple[Owner, str]]:
    """Yield the attributes by whose values look-ups and ids find rows."""
    for declared in schema.types.values():
        for type_name, steps in _reads(declared):
            owner = type_name
            for name in steps:
                yield ("attribute", owner), name
                owner = schema.types[owner].attributes[name].type.target


def _reads(declared: EntityType) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield the paths by which rows are found, each behind the type that it begins at."""
    for lookup in declared.lookups.values():
        yield from lookup.reads()
    for name in declared.current:
        yield declared.name, (name,)
    if declared.implied is not None:
        yield declared.name, declared.implied[0]


def _has(attribute: Attribute, value: object) -> bool:
    """Tell whether a value is one of a flag or an enum."""
    if attribute.type.kind is Kind.BOOLEAN:
        return isinstance(value, bool)
    return attribute.type.kind is Kind.ENUM and value in (attribute.only or attribute.type.values)


def _with(attributes: Mapping[str, Attribute], changed: ChangedDefault) -> dict[str, Attribute]:
    declared = replace(attributes[changed.name], default=changed.new)
    return {**attributes, changed.name: declared}


class _Unsaid(Comparing[ChangedDefault]):
    """Compares what two packs decide where values are not said."""

    def regions(
        self, scope: Scope, action: str, state: ChangedDefault
    ) -> Iterator[tuple[str, Node]]:
        """As `Comparing.regions`."""
        joined, trees = self.joined, self.joined.trees
        allowed = [joined.allowed(side, scope, action) for side in (OLD_SIDE, NEW_SIDE)]
        obliged = [
            joined.obliged(side, scope, action, code)
            for side in (OLD_SIDE, NEW_SIDE)
            for code in joined.policies[side].entry(*scope, action).obliges
        ]
        key = (state.owner, state.name)
        paths = set(self.fixed.paths(scope, action, key, allowed))
        if not paths:
            return
        if len(paths) > 1 or not paths.issuperset(self.fixed.paths(scope, action, key, obliged)):
            self.leave_out(scope, action, state, "it is read in several places")
            return
        (path,) = paths
        old, new = (
            self.fixed.fix(tree, path, value)
            for tree, value in zip(allowed, (state.old, state.new), strict=True)
        )
        yield ALLOWED, trees.choose(old, FALSE, new)
        yield DENIED, trees.choose(new, FALSE, old)
