"""Searches: every candidate is decided on its own, so a search agrees with decisions."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from tests.reference.decide import decide
from tests.reference.pack import Pack, World

_NONE: Mapping[str, Any] = MappingProxyType({})


def permissions(
    pack: Pack,
    world: World,
    subject: Mapping[str, Any],
    resource: Mapping[str, Any],
    context: Mapping[str, Any],
    now: datetime,
    action_properties: Mapping[str, Any] = _NONE,
) -> frozenset[str]:
    """Return the actions of the resource's type that would be allowed.

    Raises:
        BadRequest: a member is missing, or has the wrong JSON type.
    """
    request = {"subject": subject, "resource": resource, "context": context}

    def is_allowed(name: str) -> bool:
        action = {"name": name, "properties": action_properties}
        return decide(pack, world, {**request, "action": action}, now).decision

    # Asked once whatever the type is, so that an incomplete subject or resource is refused.
    is_allowed("any")
    declared = pack.schema.types.get(str(resource.get("type")))
    return frozenset(filter(is_allowed, declared.actions if declared else ()))


def search_resources(
    pack: Pack,
    world: World,
    subject: Mapping[str, Any],
    action: Mapping[str, Any],
    resource_type: str,
    context: Mapping[str, Any],
    now: datetime,
    resource_properties: Mapping[str, Any] = _NONE,
) -> list[str]:
    """Return the ids of a type on which the action would be allowed, in order.

    Raises:
        BadRequest: a member is missing, or has the wrong JSON type.
    """
    request = {"subject": subject, "action": action, "context": context}
    searched = {"type": resource_type, "properties": resource_properties}
    return _search(pack, world, request, "resource", searched, now)


def search_subjects(
    pack: Pack,
    world: World,
    subject_type: str,
    action: Mapping[str, Any],
    resource: Mapping[str, Any],
    context: Mapping[str, Any],
    now: datetime,
    subject_properties: Mapping[str, Any] = _NONE,
) -> list[str]:
    """Return the ids of a type of subjects to whom the action would be allowed, in order.

    Raises:
        BadRequest: a member is missing, or has the wrong JSON type.
    """
    request = {"action": action, "resource": resource, "context": context}
    searched = {"type": subject_type, "properties": subject_properties}
    return _search(pack, world, request, "subject", searched, now)


def _search(
    pack: Pack,
    world: World,
    request: Mapping[str, Any],
    member: str,
    searched: Mapping[str, Any],
    now: datetime,
) -> list[str]:
    def is_allowed(identifier: str) -> bool:
        candidate = {**searched, "id": identifier}
        return decide(pack, world, {**request, member: candidate}, now).decision

    # Asked about any id first, so that an incomplete request is refused without candidates too.
    is_allowed("any")
    spellings = [spelling for _, spelling in world.facts.entities(str(searched["type"]))]
    return sorted(filter(is_allowed, spellings))
