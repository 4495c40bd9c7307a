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
    lenient = [cell for cell in cells if cell.accepts_any_reason]
    yield from _check_types(case, lenient, schema)
    for member, values in _properties(case).items():
        if values:
            declared = _declarations(cells, member, schema)
            of_lenient = _declarations(lenient, member, schema)
            yield from _check_properties(case, member, declared, of_lenient, schema)


def check_entities(cell: Cell, policy: Policy, snapshot: Snapshot) -> Iterator[Problem]:
    """Yield the unknown entities of a cell that does not expect a denial for them."""
    kind = kind_of(cell.subject.type, cell.resource.type, policy)
    if kind is None or not cell.accepts_any_reason:
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


def _properties(case: Case) -> Mapping[str, Mapping[str, object]]:
    """Return the properties and the context of a case by its members."""
    return {
        "properties": case.action_properties,
        "subject_properties": case.subject_properties,
        "resource_properties": case.resource_properties,
        "context": case.context,
    }


def _declared(cell: Cell, member: str, schema: Schema) -> Mapping[str, Attribute] | None:
    """Return the declarations for a member of a case in one cell; None if there are none."""
    subject, resource = schema.types.get(cell.subject.type), schema.types.get(cell.resource.type)
    if member == "context":
        return schema.context
    if member == "subject_properties":
        return subject.attributes if subject else None
    if member == "resource_properties":
        return resource.attributes if resource else None
    action = resource.actions.get(cell.action) if resource else None
    return action.properties if action else None


def _declarations(
    cells: Sequence[Cell], member: str, schema: Schema
) -> list[Mapping[str, Attribute]]:
    """Return the different declarations for a member of a case in its cells."""
    declared = (_declared(cell, member, schema) for cell in cells)
    distinct = {id(attributes): attributes for attributes in declared if attributes is not None}
    return list(distinct.values())


def _check_types(case: Case, lenient: Sequence[Cell], schema: Schema) -> Iterator[Problem]:
    for cell in lenient:
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


def _check_properties(
    case: Case,
    member: str,
    declared: Sequence[Mapping[str, Attribute]],
    of_lenient: Sequence[Mapping[str, Attribute]],
    schema: Schema,
) -> Iterator[Problem]:
    """Yield the faults of the properties or the context of a case.

    Args:
        case: The case.
        member: The member of the case: ``context``, ``properties``, ...
        declared: The declarations of its types or actions.
        of_lenient: Those of the cells that expect a denial for any reason.
        schema: The schema.
    """
    if not declared:
        return  # the grid reports that its types or actions are unknown
    is_of_entity = member in {"subject_properties", "resource_properties"}
    allowed = sorted(
        {
            name
            for attributes in declared
            for name, attribute in attributes.items()
            if name != "now" and (attribute.caller or not is_of_entity)
        }
    )
    for name, value in _properties(case)[member].items():
        what = f"{shown(name)} of {shown(member)}"
        if not any(name in attributes for attributes in declared):
            mend = nearest(name, allowed) or f"; {_suggest(allowed)}"
            yield _problem(case, (member, name), f"{what} is not declared{mend}")
        elif name not in allowed:
            if of_lenient:
                fault = "is the sidecar's clock; write the `now` of the case."
                if is_of_entity:
                    fault = f"cannot be sent by a caller; {_suggest(allowed)}."
                yield _problem(case, (member, name), f"{what} {fault}{MEANT}")
        else:
            for attributes in of_lenient:
                if name in attributes and (fault := _value_fault(schema, attributes[name], value)):
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
    case = cell.case
    for member, values in _properties(case).items():
        declared = _declared(cell, member, schema) or {}
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
