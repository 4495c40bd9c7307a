"""Searches: which actions, which subjects, which resources `decide` would allow.

The results of each are sorted, and can be taken one by one from any place on: a page costs what is
taken, and not what comes before or after it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from sidecar.decide import decide, decisions_of
from sidecar.errors import InvalidRequestError
from sidecar.evaluation import Frame, RequestKind, kind_of
from sidecar.facts import Snapshot
from sidecar.model import PermittedActions, Reference, Request
from sidecar.policy import Policy
from sidecar.policy.questions import RESOURCE, SUBJECT, Path
from sidecar.schema import EntityType, Schema, id_of

MAXIMUM_SCANNED = 10_000
"""Rows that a search looks at one by one where no index bounds it."""


PERMISSIONS = "permissions"
"""Names a question for a list, where answers are remembered."""


def permissions(
    request: Request, policy: Policy, snapshot: Snapshot, now: datetime
) -> tuple[str, ...]:
    """Return the actions that `decide` would allow, in the schema's order.

    The action of `request` is not looked at; its action properties are put to every action.

    Raises:
        InvalidRequestError: A declared property has the wrong JSON type.
    """
    return list_permissions(request, policy, snapshot, now).actions


def list_permissions(
    request: Request,
    policy: Policy,
    snapshot: Snapshot,
    now: datetime,
    asked: bytes | None = None,
) -> PermittedActions:
    """Do the same, and remember the answer.

    Args:
        request: As for `permissions`.
        policy: The policy.
        snapshot: The facts.
        now: The moment.
        asked: The whole question in the bytes of a caller, to be remembered by.

    Raises:
        InvalidRequestError: A declared property has the wrong JSON type.
    """
    kind = kind_of(request.subject.type, request.resource.type, policy)
    if kind is None:
        return PermittedActions(())
    if request.action_properties:  # each action declares its own
        each_asked = (replace(request, action=name) for name in kind.resource.actions)
        return PermittedActions(
            tuple(each.action for each in each_asked if decide(each, policy, snapshot, now).allowed)
        )
    frame = kind.frame(request, snapshot, now)
    names, unsure = kind.listed(frame)
    if unsure:
        known: dict[int, bool] = {}
        names = tuple(
            name for name in names if name not in unsure or _allowed(kind, name, frame, known)
        )
    permitted = PermittedActions(names)
    if asked is not None:
        window = kind.window(frame)
        decisions_of(policy, snapshot).remember((PERMISSIONS, asked), window, permitted)
    return permitted


def search_subjects(
    request: Request, policy: Policy, snapshot: Snapshot, now: datetime
) -> tuple[str, ...]:
    """Return the ids of all subjects of the request's subject type that are allowed, sorted.

    The subject's id in `request` is not looked at. The answer is complete.

    Raises:
        InvalidRequestError: A declared property has the wrong JSON type, nobody mounts the type,
            or nothing bounds the search.
    """
    return tuple(each_subject(request, policy, snapshot, now))


def search_resources(
    request: Request, policy: Policy, snapshot: Snapshot, now: datetime
) -> tuple[str, ...]:
    """Return the ids of all resources of the request's resource type that are allowed, sorted.

    The resource's id in `request` is not looked at. The answer is complete.

    Raises:
        InvalidRequestError: A declared property has the wrong JSON type, nobody mounts the type,
            or nothing bounds the search.
    """
    return tuple(each_resource(request, policy, snapshot, now))


def each_subject(
    request: Request, policy: Policy, snapshot: Snapshot, now: datetime, after: str = ""
) -> Iterator[str]:
    """Return what `search_subjects` finds behind an id, each decided when it is taken.

    Raises:
        InvalidRequestError: As `search_subjects`, before the first is taken.
    """
    kind = request.subject.type
    ids = _candidates((SUBJECT, kind), request, policy, snapshot, now)
    asked = (replace(request, subject=Reference(kind, each)) for each in _behind(after, ids))
    return (each.subject.id for each in asked if decide(each, policy, snapshot, now).allowed)


def each_resource(
    request: Request, policy: Policy, snapshot: Snapshot, now: datetime, after: str = ""
) -> Iterator[str]:
    """Return what `search_resources` finds behind an id, each decided when it is taken.

    Raises:
        InvalidRequestError: As `search_resources`, before the first is taken.
    """
    kind = request.resource.type
    ids = _candidates((RESOURCE, kind), request, policy, snapshot, now)
    asked = (replace(request, resource=Reference(kind, each)) for each in _behind(after, ids))
    return (each.resource.id for each in asked if decide(each, policy, snapshot, now).allowed)


def each_action(
    request: Request, policy: Policy, snapshot: Snapshot, now: datetime, after: str = ""
) -> Iterator[str]:
    """Return what `permissions` finds behind a name, in the order of the names.

    Raises:
        InvalidRequestError: As `permissions`.
    """
    return iter(_behind(after, sorted(permissions(request, policy, snapshot, now))))


def _behind(after: str, names: list[str]) -> list[str]:
    return names[bisect_right(names, after) :]


def _allowed(kind: RequestKind, action: str, frame: Frame, known: dict[int, bool]) -> bool:
    """Tell what `decide` would, with what is known already of trees that actions share."""
    if kind.standing(action, frame):
        return False
    entry = kind.entry(action)
    faults: list[str] = []
    if entry.allowed is not None:
        tree = id(entry.allowed)
        if tree not in known:
            known[tree] = entry.allowed(frame) is True
        allowed = known[tree]
    else:
        allowed = kind.holds(entry.grant, action, frame, faults)
        for rule in entry.forbids:
            allowed = not kind.holds(rule, action, frame, faults) and allowed
    for rule in entry.obliges if allowed else ():
        kind.holds(rule, action, frame, faults)
    return allowed and not faults


def _candidates(
    sought: tuple[Path, str],
    request: Request,
    policy: Policy,
    snapshot: Snapshot,
    now: datetime,
) -> list[str]:
    """Return ids that hold all that is sought, sorted: from an index, or else every id there is."""
    unknown, type_name = sought
    kind = kind_of(request.subject.type, request.resource.type, policy)
    if kind is None:
        return []
    declared = policy.schema.types[type_name]
    member = "subject.type" if unknown == SUBJECT else "resource.type"
    if not declared.table:
        raise InvalidRequestError(member, f"cannot be searched: nobody mounts `{type_name}`")
    action = kind.resource.actions.get(request.action)
    if action is None or (action.creates and unknown == RESOURCE):
        return []  # what exists already cannot be created
    keys = kind.candidates(unknown, request, snapshot, now)
    if keys is not None:
        return sorted(map(id_of, keys))
    rows = snapshot.rows(type_name)
    if len(rows) > MAXIMUM_SCANNED:
        message = (
            f"cannot be searched: `{request.action}` does not depend on anything that bounds the "
            f"search, and there are more than {MAXIMUM_SCANNED} to look at"
        )
        raise InvalidRequestError(member, message)
    return sorted({*map(id_of, rows), *_implied_ids(declared, policy.schema, snapshot)})


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
