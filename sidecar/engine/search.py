"""Searches: which actions, which subjects, which resources `authorize` would allow.

The candidates of each are sorted, and can be taken one by one from any place on: a page costs what
is taken, and not what comes before or after it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from msgspec.structs import replace

from sidecar.diagram.paths import RESOURCE, SUBJECT, Path
from sidecar.engine import kind_of
from sidecar.engine.authorizer import authorize, is_denied
from sidecar.engine.policy import Policy
from sidecar.engine.validity import shared_window
from sidecar.errors import InvalidRequestError
from sidecar.facts import Facts
from sidecar.model import Decision, Obligation, PermittedActions, Reference, Request


class Candidate(NamedTuple):
    """What a search has looked at: an id, or the name of an action."""

    id: str
    allowed: bool
    obligations: tuple[Obligation, ...] = ()
    """What the caller must do along with an allow."""

    @classmethod
    def of(cls, identifier: str, decision: Decision) -> Candidate:
        """Return what a decision says of an id."""
        return cls(identifier, decision.allowed, decision.obligations)


def permissions(
    request: Request, policy: Policy, snapshot: Facts, now: datetime
) -> tuple[str, ...]:
    """Return the actions that `authorize` would allow, in the schema's order.

    The action of `request` is not looked at; its action properties are put to every action.

    Raises:
        InvalidRequestError: A declared property has the wrong JSON type.
    """
    return list_permissions(request, policy, snapshot, now).actions


def list_permissions(
    request: Request, policy: Policy, snapshot: Facts, now: datetime
) -> PermittedActions:
    """Return the same actions with the obligations of each.

    Every action is decided on its own, as `authorize` does. Each declares its own properties; a
    property of the wrong JSON type for one action may be right for another, so it is an error only
    where it is right for none that declares it.

    Raises:
        InvalidRequestError: A declared property has the wrong JSON type.
    """
    kind = kind_of(request.subject.type, request.resource.type, policy)
    if kind is None:
        return PermittedActions(())
    names = request.action_properties.keys()
    decisions: dict[str, Decision] = {}
    failure: InvalidRequestError | None = None
    fits = False
    for name, action in kind.resource.actions.items():
        try:
            decisions[name] = authorize(replace(request, action=name), policy, snapshot, now)
        except InvalidRequestError as error:
            if not error.member.startswith("action."):
                raise
            failure = failure or error
        else:
            fits = fits or not names.isdisjoint(action.properties)
    if failure is not None and not fits:
        raise failure
    allowed = {name: decision for name, decision in decisions.items() if decision.allowed}
    return PermittedActions(
        tuple(allowed),
        {name: decision.obligations for name, decision in allowed.items() if decision.obligations},
        shared_window([decision.valid for decision in decisions.values()]),
    )


def needs_interpreter(request: Request, policy: Policy) -> bool:
    """Tell whether a rule of any action was not compiled, so that a list takes long."""
    if not policy.uncompiled:
        return False
    kind = kind_of(request.subject.type, request.resource.type, policy)
    return kind is not None and any(kind.entry(name).asks_oso for name in kind.resource.actions)


def search_subjects(
    request: Request, policy: Policy, snapshot: Facts, now: datetime
) -> tuple[str, ...]:
    """Return the ids of all subjects of the request's subject type that are allowed, sorted.

    The subject's id in `request` is not looked at. The answer is complete.

    Raises:
        InvalidRequestError: A declared property has the wrong JSON type, or nobody mounts the type.
    """
    found = each_subject(request, policy, snapshot, now)
    return tuple(candidate.id for candidate in found if candidate.allowed)


def search_resources(
    request: Request, policy: Policy, snapshot: Facts, now: datetime
) -> tuple[str, ...]:
    """Return the ids of all resources of the request's resource type that are allowed, sorted.

    The resource's id in `request` is not looked at. The answer is complete.

    Raises:
        InvalidRequestError: A declared property has the wrong JSON type, or nobody mounts the type.
    """
    found = each_resource(request, policy, snapshot, now)
    return tuple(candidate.id for candidate in found if candidate.allowed)


def each_subject(
    request: Request, policy: Policy, snapshot: Facts, now: datetime, after: str = ""
) -> Iterator[Candidate]:
    """Return the candidates of `search_subjects` behind an id, each decided when it is taken.

    Raises:
        InvalidRequestError: As `search_subjects`, before the first is taken.
    """
    kind = request.subject.type
    ids = _candidates((SUBJECT, kind), request, policy, snapshot, now, after)
    asked = ((each, replace(request, subject=Reference(kind, each))) for each in ids)
    return (_decided(*each, policy, snapshot, now) for each in asked)


def each_resource(
    request: Request, policy: Policy, snapshot: Facts, now: datetime, after: str = ""
) -> Iterator[Candidate]:
    """Return the candidates of `search_resources` behind an id, each decided when it is taken.

    Raises:
        InvalidRequestError: As `search_resources`, before the first is taken.
    """
    kind = request.resource.type
    ids = _candidates((RESOURCE, kind), request, policy, snapshot, now, after)
    asked = ((each, replace(request, resource=Reference(kind, each))) for each in ids)
    return (_decided(*each, policy, snapshot, now) for each in asked)


def _decided(
    identifier: str, request: Request, policy: Policy, snapshot: Facts, now: datetime
) -> Candidate:
    """Return what is decided of the candidate with an id."""
    if is_denied(request, policy, snapshot, now):
        return Candidate(identifier, allowed=False)
    return Candidate.of(identifier, authorize(request, policy, snapshot, now))


def each_action(
    request: Request, policy: Policy, snapshot: Facts, now: datetime, after: str = ""
) -> Iterator[Candidate]:
    """Return what `permissions` finds behind a name, in the order of the names.

    Raises:
        InvalidRequestError: As `permissions`.
    """
    found = list_permissions(request, policy, snapshot, now)
    names = _behind(after, sorted(found.actions))
    return (Candidate(name, allowed=True, obligations=found.of(name)) for name in names)


def _behind(after: str, names: Sequence[str]) -> Iterator[str]:
    return islice(names, bisect_right(names, after), None)


def _candidates(  # noqa: PLR0913, PLR0917  as a search has them
    sought: tuple[Path, str],
    request: Request,
    policy: Policy,
    snapshot: Facts,
    now: datetime,
    after: str,
) -> Iterable[str]:
    """Return ids behind one that hold all that is sought, sorted: of an index, or else every id."""
    unknown, type_name = sought
    kind = kind_of(request.subject.type, request.resource.type, policy)
    if kind is None:
        return []
    member = "subject.type" if unknown == SUBJECT else "resource.type"
    if not policy.schema.types[type_name].table:
        raise InvalidRequestError(member, f"cannot be searched: nobody mounts `{type_name}`")
    action = kind.resource.actions.get(request.action)
    if action is None or (action.creates and unknown == RESOURCE):
        return []  # what exists already cannot be created
    keys = kind.candidates(unknown, request, snapshot, now)
    if keys is not None:
        return _behind(after, sorted(snapshot.id_of(type_name, key) for key in keys))
    return snapshot.ids(type_name, after)
