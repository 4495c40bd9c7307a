"""The fingerprint of a schema: a hash of all that affects decisions, without descriptions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from sidecar.digests import digest_of
from sidecar.schema.model import Action, Attribute, EntityType, Lookup


def fingerprint_of(types: Mapping[str, EntityType], context: Mapping[str, Attribute]) -> str:
    """Return a hash that is equal for schemas that give every recorded fact the same meaning.

    Descriptions, units, sensitivity, the order of names and the settings do not affect it.
    """
    content = (_sorted(_type(declared) for declared in types.values()), _attributes(context))
    return digest_of(*content).revision()


def _type(declared: EntityType) -> object:
    return (
        declared.name,
        declared.table,
        declared.key,
        declared.subject,
        declared.implied,
        sorted(map(repr, declared.current.items())),
        _attributes(declared.attributes),
        _sorted(
            (
                lookup.name,
                lookup.finds,
                list(lookup.arguments.items()),
                sorted(map(repr, lookup.match.items())),
                sorted(map(repr, lookup.where.items())),
                lookup.several,
                lookup.order,
                *_of_any(lookup),
            )
            for lookup in declared.lookups.values()
        ),
        _sorted(_action(action) for action in declared.actions.values()),
    )


def _of_any(lookup: Lookup) -> Iterator[object]:
    if lookup.clock:
        yield "clock", sorted(lookup.clock.items())
    if (through := lookup.through) is not None:
        yield (
            "through",
            through.type,
            sorted(through.match.items()),
            sorted(map(repr, through.joins.items())),
            sorted(map(repr, through.where.items())),
            sorted(through.clock.items()),
        )


def _action(action: Action) -> object:
    return action.name, action.creates, _attributes(action.properties)


def _attributes(declared: Mapping[str, Attribute]) -> object:
    return _sorted(
        _meaning(replace(attribute, description="", unit="", sensitive=False, word=""))
        for attribute in declared.values()
    )


def _meaning(attribute: Attribute) -> object:
    """Return an attribute without the order of a set, which is another one in each process."""
    meaning: tuple[object, ...] = (attribute,)
    if isinstance(attribute.default, frozenset):
        plain = replace(attribute, default=None)
        meaning = (plain, "default", sorted(map(repr, attribute.default)))
    if attribute.depth:  # which the form of an attribute does not show
        meaning = (*meaning, "depth", attribute.depth)
    return meaning if len(meaning) > 1 else attribute


def _sorted(parts: Iterable[object]) -> list[str]:
    return sorted(map(repr, parts))
