"""What facts mean: a hash of what decides how they are read, apart from what people are told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from sidecar.digests import digest_of
from sidecar.schema.model import Action, Attribute, EntityType


def meaning_of(types: Mapping[str, EntityType], context: Mapping[str, Attribute]) -> str:
    """Return a hash that is the same for schemas under which each recorded fact says the same.

    Descriptions, units, secrecy, the order of names and the settings have no part in it.
    """
    content = (_sorted(_type(each) for each in types.values()), _attributes(context))
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
                each.name,
                each.finds,
                list(each.arguments.items()),
                sorted(map(repr, each.match.items())),
                sorted(map(repr, each.where.items())),
                each.several,
                each.order,
            )
            for each in declared.lookups.values()
        ),
        _sorted(_action(each) for each in declared.actions.values()),
    )


def _action(action: Action) -> object:
    return action.name, action.creates, _attributes(action.properties)


def _attributes(declared: Mapping[str, Attribute]) -> object:
    return _sorted(
        replace(each, description="", unit="", sensitive=False, word="")
        for each in declared.values()
    )


def _sorted(parts: Iterable[object]) -> list[str]:
    return sorted(map(repr, parts))
