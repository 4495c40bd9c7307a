"""Searches: which actions, which subjects, which resources `decide` would allow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from sidecar.decide import decide
from sidecar.errors import InvalidRequestError
from sidecar.evaluation import Frame, RequestKind, kind_of
from sidecar.facts import Snapshot
from sidecar.model import Reference, Request
from sidecar.policy import Policy
from sidecar.schema import EntityType, Schema, id_of


def permissions(
    request: Request, policy: Policy, snapshot: Snapshot, now: datetime
) -> tuple[str, ...]:
    """Return the actions that `decide` would allow, in the schema's order.

    The action of `request` is not looked at; its action properties are put to every action.

    Raises:
        InvalidRequestError: A declared property has the wrong JSON type.
    """
    kind = kind_of(request.subject.type, request.resource.type, policy)
    if kind is None:
        return ()
    if request.action_properties:  # each action declares its own
        asked = (replace(request, action=name) for name in kind.resource.actions)
        return tuple(
            each.action for each in asked if decide(each, policy, snapshot, now).allowed
        )
    frame = kind.frame(request, snapshot, now)
    known: dict[int, bool] = {}
    return tuple(name for name in kind.resource.actions if _allowed(kind, name, frame, known))


def search_subjects(
    request: Request, policy: Policy, snapshot: Snapshot, now: datetime
) -> tuple[str, ...]:
    """Return the ids of all subjects of the request's subject type that are allowed, sorted.

    The subject's id in `request` is not looked at.

    Raises:
        InvalidRequestError: A declared property has the wrong JSON type, or nobody mounts the type.
    """
    ids = _candidates(policy.schema, request.subject.type, snapshot, "subject.type")
    asked = (replace(request, subject=Reference(request.subject.type, each)) for each in ids)
    return tuple(
        each.subject.id for each in asked if decide(each, policy, snapshot, now).allowed
    )


def search_resources(
    request: Request, policy: Policy, snapshot: Snapshot, now: datetime
) -> tuple[str, ...]:
    """Return the ids of all resources of the request's resource type that are allowed, sorted.

    The resource's id in `request` is not looked at.

    Raises:
        InvalidRequestError: A declared property has the wrong JSON type, or nobody mounts the type.
    """
    ids = _candidates(policy.schema, request.resource.type, snapshot, "resource.type")
    asked = (replace(request, resource=Reference(request.resource.type, each)) for each in ids)
    return tuple(
        each.resource.id for each in asked if decide(each, policy, snapshot, now).allowed
    )


def _allowed(kind: RequestKind, action: str, frame: Frame, known: dict[int, bool]) -> bool:
    """Tell what `decide` would, with what is known already of trees that actions share."""
    if kind.standing(action, frame):
        return False
    entry = kind.entry(action)
    faults: list[str] = []
    rules = [("allow", None, entry.granted), *(("forbid", *each) for each in entry.forbids)]
    for rule in rules:
        tree = rule[2]
        holds = known.get(id(tree)) if tree is not None else None
        if holds is None:
            holds = kind.holds(rule, action, frame, faults)
            if faults:
                return False
            if tree is not None:
                known[id(tree)] = holds
        if holds is not (rule[0] == "allow"):
            return False
    for code, tree in entry.obliges:
        kind.holds(("oblige", code, tree), action, frame, faults)
    return not faults


def _candidates(
    schema: Schema, type_name: str, snapshot: Snapshot, member: str
) -> Iterator[str]:
    """Yield the ids of a type, sorted; those included that exist without a row."""
    declared = schema.types.get(type_name)
    if declared is None:
        return
    if not declared.table:
        raise InvalidRequestError(member, f"cannot be searched: nobody mounts `{type_name}`")
    implied = _implied_ids(declared, schema, snapshot)
    yield from sorted({*(id_of(key) for key in snapshot.rows(type_name)), *implied})


def _implied_ids(declared: EntityType, schema: Schema, snapshot: Snapshot) -> Iterator[str]:
    """Yield the ids that exist by implication.

    One column of the key refers to an entity, and a path from that one names the other column.
    """
    if declared.implied is None:
        return
    (reference, *steps), column = declared.implied
    start = declared.attributes[reference].type.target
    for key in snapshot.rows(start):
        current, value = schema.types[start], key
        for step in steps:
            row = snapshot.rows(current.name).get(value)
            found = None if row is None else row[list(current.attributes).index(step)]
            if not isinstance(found, str):
                break
            current = schema.types.get(current.attributes[step].type.target, current)
            value = found
        else:
            parts = {reference: id_of(key), column: id_of(value)}
            yield "/".join(parts[name] for name in declared.key)
