"""Checks for mistakes in a case that would make its expected denials true.

A request with an undeclared, invalid or unknown part is denied (R20), so that a mistake could pass
for a good case. A case that expects such a denial must list its cells under `because`, whose codes
are compared exactly. Undeclared names are refused in every cell.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from sidecar.engine import kind_of
from sidecar.engine.admission import admit
from sidecar.engine.policy import Policy
from sidecar.errors import InvalidRequestError, Problem
from sidecar.facts import Snapshot
from sidecar.schema import Attribute, Kind, Schema, ValueType
from sidecar.schema.messages import nearest, one_of, shown
from sidecar.schema.values import id_of, key_of, not_one_of, parse_proposed
from sidecar.suites.model import Case, Cell

MEANT = " Expect the denial under `because` if that is meant"


def check_names(case: Case, cells: Sequence[Cell], schema: Schema) -> Iterator[Problem]:
    """Yield the types, properties and values of a case that its schema does not declare."""
    silent = [cell for cell in cells if cell.accepts_any_reason]
    yield from _check_types(case, silent, schema)
    types = schema.types
    actions = dict.fromkeys((cell.resource.type, cell.action) for cell in cells)
    properties = {
        action: types[action[0]].actions[action[1]].properties
        for action in actions
        if action[0] in types and action[1] in types[action[0]].actions
    }
    yield from _check_properties(
        case,
        "properties",
        case.action_properties,
        list(properties.values()),
        [
            properties[action]
            for action in dict.fromkeys((cell.resource.type, cell.action) for cell in silent)
            if action in properties
        ],
        schema,
    )
    for member, declared, types_of_all, types_of_silent in (
        (
            "subject_properties",
            case.subject_properties,
            {cell.subject.type for cell in cells},
            {cell.subject.type for cell in silent},
        ),
        (
            "resource_properties",
            case.resource_properties,
            {cell.resource.type for cell in cells},
            {cell.resource.type for cell in silent},
        ),
    ):
        yield from _check_properties(
            case,
            member,
            declared,
            [types[name].attributes for name in sorted(types_of_all) if name in types],
            [types[name].attributes for name in sorted(types_of_silent) if name in types],
            schema,
            caller_only=True,
        )
    yield from _check_properties(
        case, "context", case.context, [schema.context], [schema.context] if silent else [], schema
    )


def check_entities(cell: Cell, policy: Policy, snapshot: Snapshot) -> Iterator[Problem]:
    """Yield the unknown entities of a cell that does not expect a denial for them."""
    kind = (
        kind_of(cell.subject.type, cell.resource.type, policy) if cell.accepts_any_reason else None
    )
    if kind is None:
        return
    try:
        frame = kind.frame(cell.request(), snapshot, cell.case.now)
    except InvalidRequestError:
        return  # the failure of the cell reports it
    reasons = kind.always_on_reasons(cell.action, frame)
    for member, reason, named in (
        ("subjects", "unknown_subject", cell.subject),
        ("resources", "unknown_resource", cell.resource),
    ):
        if reason in reasons:
            known = [id_of(key) for key in snapshot.rows(named.type)]
            mend = nearest(named.id, known) or ";"
            message = f"there is no {named.type} {shown(named.id)}{mend}"
            yield _problem(
                cell.case,
                (member, str(named), named.id),
                f"{message} Expect `{reason}` under `because` if that is meant",
            )
    yield from _check_references(cell, policy.schema, snapshot)


def _check_types(case: Case, silent: Sequence[Cell], schema: Schema) -> Iterator[Problem]:
    for cell in silent:
        for member, reason, named, known in (
            ("subjects", "unknown_subject", cell.subject, schema.subjects()),
            ("resources", "unknown_resource", cell.resource, tuple(schema.types)),
        ):
            if named.type and named.type not in known:
                mend = nearest(named.type, known) or f"; write one of {one_of(known)}."
                noun = "type of subjects" if member == "subjects" else "type"
                yield _problem(
                    case,
                    (member, str(named)),
                    f"there is no {noun} {shown(named.type)}{mend}"
                    f" Expect `{reason}` under `because` if that is meant",
                )


def _check_properties(  # noqa: PLR0913, PLR0917  private, and called three times
    case: Case,
    member: str,
    values: Mapping[str, object],
    declared: Sequence[Mapping[str, Attribute]],
    silent: Sequence[Mapping[str, Attribute]],
    schema: Schema,
    *,
    caller_only: bool = False,
) -> Iterator[Problem]:
    """Yield the faults of the properties or the context of a case.

    Args:
        case: The case.
        member: The member of the case: ``context``, ``properties``, ...
        values: Its values by name.
        declared: The declarations of each type or action in the grid.
        silent: Those of the cells that expect a denial for any reason.
        schema: The schema.
        caller_only: Whether callers may send only the attributes marked ``caller``.
    """
    if not declared:
        return  # the grid reports that its types or actions are unknown
    allowed = sorted(
        {
            name
            for attributes in declared
            for name, attribute in attributes.items()
            if name != "now" and (attribute.caller or not caller_only)
        }
    )
    for name, value in values.items():
        what = f"{shown(name)} of {shown(member)}"
        if not any(name in attributes for attributes in declared):
            mend = nearest(name, allowed) or f"; {_suggest(allowed)}"
            yield _problem(case, (member, name), f"{what} is not declared{mend}")
        elif name not in allowed:
            if silent:
                fault = "is the sidecar's clock; write the `now` of the case."
                if caller_only:
                    fault = f"cannot be sent by a caller; {_suggest(allowed)}."
                yield _problem(case, (member, name), f"{what} {fault}{MEANT}")
        else:
            for attribute in (types[name] for types in silent if name in types):
                if fault := _value_fault(schema, attribute, value):
                    yield _problem(case, (member, name), f"{what}: {fault}.{MEANT}")


def _suggest(allowed: Collection[str]) -> str:
    return f"write one of {one_of(allowed)}" if allowed else "leave it out"


def _value_fault(schema: Schema, attribute: Attribute, value: object) -> str:
    """Return the fault of a value that an attribute does not admit, or an empty text."""
    try:
        if value is None or admit(schema, attribute, value) is not None:
            return ""
    except TypeError:
        return ""  # the request is invalid, as the failure of the cell reports
    if attribute.only:
        return not_one_of(str(value), attribute.only)
    element = attribute.type.element
    if element is not None and isinstance(value, list):
        return next(
            (why for item in value if (why := _text_fault(schema, element, item))), "is no set"
        )
    return (
        _text_fault(schema, attribute.type, value)
        or f"{shown(str(value))} is no {attribute.type.name}"
    )


def _text_fault(schema: Schema, value_type: ValueType, value: object) -> str:
    if not isinstance(value, str):
        return ""
    try:
        parse_proposed(schema, value_type, value)
    except ValueError as error:
        return str(error)
    return ""


def _check_references(cell: Cell, schema: Schema, snapshot: Snapshot) -> Iterator[Problem]:
    """Yield the references in the properties and the context of a cell to unknown entities."""
    types = schema.types
    subject, resource = types[cell.subject.type], types[cell.resource.type]
    action = resource.actions.get(cell.action)
    case = cell.case
    for member, values, declared in (
        ("properties", case.action_properties, action.properties if action else {}),
        ("subject_properties", case.subject_properties, subject.attributes),
        ("resource_properties", case.resource_properties, resource.attributes),
        ("context", case.context, schema.context),
    ):
        for name, value in values.items():
            attribute = declared.get(name)
            if attribute is None or attribute.type.kind is not Kind.REFERENCE:
                continue
            target = types[attribute.type.target]
            key = key_of(schema, target.name, value) if isinstance(value, str) else None
            if not target.table or target.implied is not None or key is None:
                continue
            rows = snapshot.rows(target.name)
            if key not in rows:
                mend = nearest(str(value), [id_of(other) for other in rows]) or "."
                message = f"there is no {target.name} {shown(str(value))}{mend}{MEANT}"
                what = f"{shown(name)} of {shown(member)}"
                yield _problem(case, (member, name), f"{what}: {message}")


def _problem(case: Case, names: tuple[str, ...], message: str) -> Problem:
    member, *texts = names
    line = next((case.lines[member, t] for t in texts if (member, t) in case.lines), case.line)
    return Problem(case.file, line, message.replace("?.", "?"))
