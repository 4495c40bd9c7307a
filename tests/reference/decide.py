"""Decides requests: the always-on rules, joined with what the policy grants and forbids."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.reference.errors import (
    BadRequest,
    OutsideDomainError,
    RuleFault,
    TooDeep,
    WrongTypeError,
)
from tests.reference.facts import Reader, Request, Said, members
from tests.reference.pack import Pack, World
from tests.reference.rules import Interpreter, reason_of
from tests.reference.schema import Attribute
from tests.reference.values import Value

_DEEPEST_CALLS = 20_000
"""Python calls; a hierarchy of a few hundred levels needs them."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A decision with every reason and obligation."""

    decision: bool
    reasons: frozenset[str]
    obligations: frozenset[str]


def decide(pack: Pack, world: World, request: Mapping[str, Any], now: datetime) -> Answer:
    """Return the answer to one request.

    Args:
        pack: The pack that decides.
        world: The facts.
        request: `subject`, `action`, `resource` and perhaps `context`, as JSON has them.
        now: The moment of the decision.

    Raises:
        BadRequest: a member is missing, or has the wrong JSON type.
    """
    read = read_request(pack, request)
    interpreter = Interpreter(pack.policy, Reader(world.facts, read, pack.settings, now))
    with _deep_calls():
        return _answer(pack, world, read, interpreter)


def _answer(pack: Pack, world: World, request: Request, interpreter: Interpreter) -> Answer:
    always_on = set(_always_on(pack, world, request))
    arguments = (request.subject, interpreter.reader.action, request.resource)
    reasons = always_on | _told(interpreter, "forbid", arguments)
    is_granted = False
    if request.is_readable and not always_on:
        try:
            is_granted = interpreter.holds("allow", arguments)
        except (RuleFault, RecursionError) as fault:
            reasons.add(error_of(fault))
    obligations = frozenset[str]()
    if is_granted and not reasons:
        obligations = frozenset(_told(interpreter, "oblige", arguments))
        errors = obligations & {"policy_error", "data_error"}
        if not errors:
            return Answer(True, frozenset(), obligations)  # noqa: FBT003
        reasons |= errors
    return Answer(False, frozenset(reasons or {"not_granted"}), frozenset())  # noqa: FBT003


def error_of(fault: Exception) -> str:
    """Return the reason of a denial because a rule fails."""
    return "data_error" if isinstance(fault, TooDeep) else "policy_error"


def _told(interpreter: Interpreter, name: str, arguments: tuple[object, ...]) -> set[str]:
    """Return the reasons or obligations that hold, and `policy_error` if a rule fails."""
    told = set()
    for rule in interpreter.candidates(name, (*arguments, None)):
        text = reason_of(rule)
        try:
            if interpreter.rule_holds(rule, (*arguments, Value("text", text))):
                told.add(text)
        except (RuleFault, RecursionError) as fault:
            told.add(error_of(fault))
    return told


def _always_on(pack: Pack, world: World, request: Request) -> Iterator[str]:
    """Yield the reasons that need no rule (R20)."""
    subject_type = pack.schema.types.get(request.subject.type)
    resource_type = pack.schema.types.get(request.resource.type)
    if (
        subject_type is None
        or not subject_type.is_subject
        or not world.facts.exists(request.subject)
    ):
        yield "unknown_subject"
    if resource_type is None:
        yield "unknown_resource"
        return
    exists = world.facts.exists(request.resource)
    if request.action not in resource_type.actions:
        yield "unknown_action"
    # Nobody knows which ids of a type without a table are in use.
    if request.creates and exists and resource_type.table is not None:
        yield "already_exists"
    # An id that the type cannot have names nothing that could be created.
    if not exists and not (request.creates and request.resource.key):
        yield "unknown_resource"


def read_request(pack: Pack, request: Mapping[str, Any]) -> Request:
    """Return a request in canonical form."""
    schema = pack.schema
    bodies = {name: _map(request, name) for name in ("subject", "action", "resource")}
    entities = {}
    said: dict[str, Said] = {}
    is_readable = True
    for name in ("subject", "resource"):
        type_name, identifier = _text(bodies[name], "type"), _text(bodies[name], "id")
        entities[name] = schema.entity(type_name, identifier, name)
        declared = schema.types.get(type_name)
        attributes = {
            key: attribute
            for key, attribute in (declared.attributes if declared else {}).items()
            if attribute.from_caller
        }
        said[name] = _said(pack, attributes, _properties(bodies[name]))
        is_readable = is_readable and _is_readable(said[name])
    action_name = _text(bodies["action"], "name")
    resource_type = schema.types.get(entities["resource"].type)
    action = resource_type.actions.get(action_name) if resource_type else None
    properties = action.properties if action else {}
    action_said = _said(pack, properties, _properties(bodies["action"]))
    context_said = _said(pack, schema.context, _map(request, "context", optional=True))
    return Request(
        subject=entities["subject"],
        action=action_name,
        resource=entities["resource"],
        said=said,
        action_properties=members(properties, action_said),
        context=members(schema.context, context_said),
        creates=action is not None and action.creates,
        is_readable=is_readable and _is_readable(action_said) and _is_readable(context_said),
    )


def _is_readable(said: Said) -> bool:
    return not any(isinstance(value, OutsideDomainError) for value in said.values())


def _said(pack: Pack, attributes: Mapping[str, Attribute], members: Mapping[str, Any]) -> Said:
    """Return the declared members that are said; others are ignored, and null says nothing."""
    said: dict[str, Any] = {}
    for name, attribute in attributes.items():
        raw = members.get(name)
        if raw is None:
            continue
        try:
            said[name] = pack.schema.read(attribute, raw, is_proposed=True)
        except OutsideDomainError as fault:
            said[name] = fault
        except WrongTypeError as error:
            raise BadRequest(f"{name}: {error}") from error
    return said


def _properties(body: Mapping[str, Any]) -> Mapping[str, Any]:
    return _map(body, "properties", optional=True)


def _map(body: Mapping[str, Any], name: str, *, optional: bool = False) -> Mapping[str, Any]:
    value = body.get(name)
    if value is None and optional:
        return {}
    if not isinstance(value, Mapping):
        raise BadRequest(f"{name} is not an object")
    return value


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise BadRequest(f"{name} is not a text")
    return value


@contextmanager
def _deep_calls() -> Iterator[None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _DEEPEST_CALLS))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
