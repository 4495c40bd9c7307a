"""Slips that would make a denial true, and so pass for a good case.

What a request says wrongly is ignored, absent or unknown, and the policy denies it (R20). A case
that expects such a denial has to say so: its cells stand under `because`, which is compared
exactly. Names that nothing declares are refused everywhere.
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
from sidecar.schema.stored_values import not_one_of
from sidecar.schema.values import id_of, key_of, parse_proposed
from sidecar.suites.model import Case, Cell

MEANT = " Say so under `because` if that is meant"


def slips(case: Case, cells: Sequence[Cell], schema: Schema) -> Iterator[Problem]:
    """Yield what a case says that its schema does not know."""
    silent = [cell for cell in cells if cell.silent]
    yield from _types(case, silent, schema)
    types = schema.types
    actions = dict.fromkeys((cell.resource.type, cell.action) for cell in cells)
    properties = {
        action: types[action[0]].actions[action[1]].properties
        for action in actions
        if action[0] in types and action[1] in types[action[0]].actions
    }
    yield from _said(
        case,
        "properties",
        case.action_properties,
        list(properties.values()),
        [
            properties[asked]
            for asked in dict.fromkeys((cell.resource.type, cell.action) for cell in silent)
            if asked in properties
        ],
        schema,
    )
    for member, said, of, of_silent in (
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
        yield from _said(
            case,
            member,
            said,
            [types[name].attributes for name in sorted(of) if name in types],
            [types[name].attributes for name in sorted(of_silent) if name in types],
            schema,
            callers=True,
        )
    asked = [schema.context] if silent else []
    yield from _said(case, "context", case.context, [schema.context], asked, schema)


def missing(cell: Cell, policy: Policy, snapshot: Snapshot) -> Iterator[Problem]:
    """Yield what a cell names that is not there, where nothing is expected of that."""
    kind = kind_of(cell.subject.type, cell.resource.type, policy) if cell.silent else None
    if kind is None:
        return
    try:
        frame = kind.frame(cell.request(), snapshot, cell.case.now)
    except InvalidRequestError:
        return  # its answer tells that
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
    yield from _dangling(cell, policy.schema, snapshot)


def _types(case: Case, silent: Sequence[Cell], schema: Schema) -> Iterator[Problem]:
    for cell in silent:
        for member, reason, named, known in (
            ("subjects", "unknown_subject", cell.subject, schema.subjects()),
            ("resources", "unknown_resource", cell.resource, tuple(schema.types)),
        ):
            if named.type and named.type not in known:
                mend = nearest(named.type, known) or f"; write one of {one_of(known)}."
                what = "type of subjects" if member == "subjects" else "type"
                yield _problem(
                    case,
                    (member, str(named)),
                    f"there is no {what} {shown(named.type)}{mend}"
                    f" Expect `{reason}` under `because` if that is meant",
                )


def _said(  # noqa: PLR0913, PLR0917  what is said, and to whom
    case: Case,
    member: str,
    said: Mapping[str, object],
    declared: Sequence[Mapping[str, Attribute]],
    silent: Sequence[Mapping[str, Attribute]],
    schema: Schema,
    *,
    callers: bool = False,
) -> Iterator[Problem]:
    """Yield the faults of one member of a case.

    Args:
        case: The case.
        member: The member that says it.
        said: What it says.
        declared: What the types or actions of the grid declare.
        silent: What those of the cells declare that are denied for any reason.
        schema: The schema.
        callers: Whether only some of what is declared may be said by a caller.
    """
    if not declared:
        return  # that none of them is declared is told elsewhere
    sayable = sorted(
        {
            name
            for attributes in declared
            for name, attribute in attributes.items()
            if name != "now" and (attribute.caller or not callers)
        }
    )
    for name, value in said.items():
        what = f"{shown(name)} of {shown(member)}"
        if not any(name in attributes for attributes in declared):
            mend = nearest(name, sayable) or f"; {_offered(sayable)}"
            yield _problem(case, (member, name), f"{what} is not declared{mend}")
        elif name not in sayable:
            if silent:
                said_of = "is the sidecar's clock; write the `now` of the case."
                if callers:
                    said_of = f"is nothing that a caller may say; {_offered(sayable)}."
                yield _problem(case, (member, name), f"{what} {said_of}{MEANT}")
        else:
            for attribute in (each[name] for each in silent if name in each):
                if fault := _outside(schema, attribute, value):
                    yield _problem(case, (member, name), f"{what}: {fault}.{MEANT}")


def _offered(sayable: Collection[str]) -> str:
    return f"write one of {one_of(sayable)}" if sayable else "leave it out"


def _outside(schema: Schema, attribute: Attribute, value: object) -> str:
    """Return why a value is outside the domain of an attribute, and so absent; else nothing."""
    try:
        if value is None or admit(schema, attribute, value) is not None:
            return ""
    except TypeError:
        return ""  # it cannot be asked, and the answer tells that
    if attribute.only:
        return not_one_of(str(value), attribute.only)
    element = attribute.type.element
    if element is not None and isinstance(value, list):
        return next((why for each in value if (why := _why(schema, element, each))), "is no set")
    return _why(schema, attribute.type, value) or f"{shown(str(value))} is no {attribute.type.name}"


def _why(schema: Schema, value_type: ValueType, value: object) -> str:
    if not isinstance(value, str):
        return ""
    try:
        parse_proposed(schema, value_type, value)
    except ValueError as error:
        return str(error)
    return ""


def _dangling(cell: Cell, schema: Schema, snapshot: Snapshot) -> Iterator[Problem]:
    """Yield the references that a silent cell says and that name nothing."""
    types = schema.types
    subject, resource = types[cell.subject.type], types[cell.resource.type]
    action = resource.actions.get(cell.action)
    case = cell.case
    for member, said, declared in (
        ("properties", case.action_properties, action.properties if action else {}),
        ("subject_properties", case.subject_properties, subject.attributes),
        ("resource_properties", case.resource_properties, resource.attributes),
        ("context", case.context, schema.context),
    ):
        for name, value in said.items():
            attribute = declared.get(name)
            if attribute is None or attribute.type.kind is not Kind.REFERENCE:
                continue
            target = types[attribute.type.target]
            key = key_of(schema, target.name, value) if isinstance(value, str) else None
            if not target.table or target.implied is not None or key is None:
                continue
            rows = snapshot.rows(target.name)
            if key not in rows:
                mend = nearest(str(value), [id_of(each) for each in rows]) or "."
                message = f"there is no {target.name} {shown(str(value))}{mend}{MEANT}"
                what = f"{shown(name)} of {shown(member)}"
                yield _problem(case, (member, name), f"{what}: {message}")


def _problem(case: Case, place: tuple[str, ...], message: str) -> Problem:
    member, *texts = place
    line = next((case.lines[member, t] for t in texts if (member, t) in case.lines), case.line)
    return Problem(case.file, line, message.replace("?.", "?"))
