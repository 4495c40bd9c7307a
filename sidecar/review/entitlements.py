"""Entitlements: which permissions hold for whom in a mount, and what an edit does to them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import product

from sidecar.engine.policy import Policy
from sidecar.engine.search import search_resources
from sidecar.errors import InvalidRequestError
from sidecar.facts import Snapshot
from sidecar.model import Reference, Request
from sidecar.schema import Kind, id_of
from sidecar.schema.messages import in_line
from sidecar.schema.model import Action

ActionKey = tuple[str, str, str]
"""The types of subject and resource, and the action."""


@dataclass(frozen=True, slots=True, order=True)
class Entitlement:
    """A permission that holds for somebody: who may do what on which resource."""

    subject: str
    action: str
    properties: tuple[tuple[str, object], ...]
    """Of the action, where the permission depends on them."""
    resource: str

    def __str__(self) -> str:
        properties = ", ".join(f"{in_line(name)} {value}" for name, value in self.properties)
        subject, action, resource = map(in_line, (self.subject, self.action, self.resource))
        return f"{subject} {action}{f' ({properties})' if properties else ''} {resource}"


@dataclass(frozen=True, slots=True)
class Given:
    """What entitlements follow from: a policy, the facts and the time."""

    policy: Policy
    snapshot: Snapshot
    now: datetime


def changed(
    old: Given, new: Given, only: Collection[ActionKey] | None = None
) -> tuple[tuple[Entitlement, ...], tuple[Entitlement, ...], tuple[str, ...]]:
    """Return the entitlements that are gained, those that are lost, and what cannot be listed.

    Args:
        old: Before the edit.
        new: After it.
        only: The actions whose decisions can have changed; None: all.
    """
    gained: list[Entitlement] = []
    lost: list[Entitlement] = []
    unlisted: dict[str, None] = {}
    actions = dict.fromkeys((*_actions(old.policy), *_actions(new.policy)))
    for key in actions:
        if only is None or key in only:
            before = dict(_held(old, key, unlisted))
            after = dict(_held(new, key, unlisted))
            gained += after.keys() - before.keys()
            lost += before.keys() - after.keys()
    return tuple(sorted(gained, key=str)), tuple(sorted(lost, key=str)), tuple(unlisted)


def _actions(policy: Policy) -> Iterator[ActionKey]:
    types = policy.schema.types
    for subject in policy.schema.subjects():
        for resource, declared in types.items():
            for action in declared.actions:
                yield subject, resource, action


def _held(
    given: Given, action_key: ActionKey, unlisted: dict[str, None]
) -> Iterator[tuple[Entitlement, None]]:
    subject_type, resource_type, name = action_key
    types = given.policy.schema.types
    if subject_type not in types or resource_type not in types:
        return
    subject, resource = types[subject_type], types[resource_type]
    action = resource.actions.get(name)
    if action is None or action.creates:
        return
    if not subject.table or not resource.table:
        unlisted[f"nobody mounts `{resource_type if subject.table else subject_type}`"] = None
        return
    for properties in _properties(action):
        for key in given.snapshot.rows(subject_type):
            request = Request(
                subject=Reference(subject_type, id_of(key)),
                action=name,
                resource=Reference(resource_type, ""),
                action_properties=properties,
            )
            try:
                found = search_resources(request, given.policy, given.snapshot, given.now)
            except InvalidRequestError as error:
                unlisted[f"`{name}` on `{resource_type}`: {error}"] = None
                return
            for each in found:
                entitlement = Entitlement(
                    str(request.subject),
                    name,
                    tuple(properties.items()),
                    f"{resource_type}:{each}",
                )
                yield entitlement, None


def _properties(action: Action) -> Iterator[Mapping[str, object]]:
    """Yield the properties that can be sent with an action, as far as they have few values."""
    finite: dict[str, list[object]] = {}
    for name, attribute in action.properties.items():
        if attribute.type.kind is Kind.BOOLEAN:
            finite[name] = [True, False]
        elif attribute.type.kind is Kind.ENUM:
            finite[name] = list(attribute.only or attribute.type.values)
    for values in product(*finite.values()):
        yield dict(zip(finite, values, strict=True))
