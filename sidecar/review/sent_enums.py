"""Values of enums that a caller may send, and that only one of two packs knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sidecar.diagram.paths import ACTION, CONTEXT, RESOURCE, SUBJECT, Member, Path
from sidecar.review.schema_union import Scope
from sidecar.schema import Attribute, Kind, Schema


@dataclass(frozen=True, slots=True)
class SentEnum:
    """An enum that a caller may send."""

    path: Member
    of: str
    labels: tuple[str, ...]
    """All values that one of the packs knows."""
    unknown: frozenset[str] = frozenset()
    """Those that are outside the domain of one of the packs."""


class SentEnums:
    """The enums that a caller may send to several packs."""

    def __init__(self, schema: Schema, declared: Sequence[Schema]) -> None:
        """Prepare to compare.

        Args:
            schema: The union of the schemas.
            declared: The schema of each pack as it is written.
        """
        self._schema = schema
        self._declared = declared

    def unknown(self, side: int, scope: Scope, action: str) -> Iterator[SentEnum]:
        """Yield what a caller may send to the other pack, and is outside its domain to this one."""
        if len(self._declared) > 1:
            for sent in self._of(scope, action):
                own = _attribute_at(self._declared[side], scope, action, sent.path)
                if own is not None and own.type.name == sent.of:
                    unknown = frozenset(sent.labels) - frozenset(_domain(own))
                    if unknown:
                        yield replace(sent, unknown=unknown)

    def _of(self, scope: Scope, action: str) -> Iterator[SentEnum]:
        """Yield the enums that a caller may send with an action, with all their values."""
        declared = self._schema.types[scope[1]].actions.get(action)
        places: list[tuple[Path, Mapping[str, Attribute]]] = [
            (ACTION, {} if declared is None else declared.properties),
            (CONTEXT, self._schema.context),
        ]
        roots: tuple[Path, Path] = (SUBJECT, RESOURCE)
        for root, name in zip(roots, scope, strict=True):
            attributes = self._schema.types[name].attributes
            places.append((root, {n: each for n, each in attributes.items() if each.caller}))
        for base, attributes in places:
            for name, attribute in attributes.items():
                if attribute.type.kind is Kind.ENUM:
                    yield SentEnum(Member(base, name), attribute.type.name, _domain(attribute))

    def all_unknown(self, scope: Scope) -> Iterator[SentEnum]:
        """Yield them for every pack and every action on the resource."""
        for side in range(len(self._declared)):
            for action in self._schema.types[scope[1]].actions:
                yield from self.unknown(side, scope, action)


def _attribute_at(schema: Schema, scope: Scope, action: str, path: Member) -> Attribute | None:
    """Return what a schema declares of a value that a caller sends."""
    base, name = path.base, path.name
    if base == CONTEXT:
        return schema.context.get(name)
    owner = schema.types.get(scope[0] if base == SUBJECT else scope[1])
    if owner is None:
        return None
    if base != ACTION:
        return owner.attributes.get(name)
    declared = owner.actions.get(action)
    return None if declared is None else declared.properties.get(name)


def _domain(attribute: Attribute) -> tuple[str, ...]:
    return attribute.only or attribute.type.values
