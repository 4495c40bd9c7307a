"""Examples in words: the rows of the smallest mount that shows a state, and what is asked of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from sidecar.facts import Quoted
from sidecar.review.states import Example
from sidecar.schema import Schema
from sidecar.schema.messages import in_line


def told(example: Example, action: str, schema: Schema) -> Iterator[str]:
    """Yield an example line by line: the question first, then each row of the mount."""
    request = example.request
    yield " ".join(map(in_line, (str(request.subject), action, str(request.resource))))
    for name, said in (
        ("action", request.action_properties),
        ("resource", request.resource_properties),
        ("subject", request.subject_properties),
        ("context", request.context),
    ):
        if said:
            yield f"said of the {name}: {_members(said)}"
    yield f"at {instant(example.now)}"
    for type_name, rows in example.rows.items():
        for row in rows:
            yield f"{schema.types[type_name].table}: {{{_members(row)}}}"


def case_of(
    example: Example, action: str, schema: Schema, *, allowed: bool, name: str
) -> dict[str, object]:
    """Return an example as a case of a suite, on a world without any rows."""
    request = example.request
    case: dict[str, object] = {"name": name, "now": instant(example.now)}
    case["resource"] = str(request.resource)
    case["subjects"] = [str(request.subject)]
    case["actions"] = [action]
    for member, said in (
        ("properties", request.action_properties),
        ("subject_properties", request.subject_properties),
        ("resource_properties", request.resource_properties),
        ("context", request.context),
    ):
        if said:
            case[member] = {name: _as_said(value) for name, value in said.items()}
    if example.rows:
        case["facts"] = {
            schema.types[type_name].table: [dict(row) for row in rows]
            for type_name, rows in example.rows.items()
        }
    if allowed:
        case["allow"] = {str(request.subject): [action]}
    return case


def as_json(example: Example, action: str, schema: Schema) -> dict[str, object]:
    """Return an example as JSON: the question, and the mount by table."""
    request = example.request
    return {
        "subject": str(request.subject),
        "action": {"name": action, "properties": dict(request.action_properties)},
        "resource": str(request.resource),
        "subject_properties": dict(request.subject_properties),
        "resource_properties": dict(request.resource_properties),
        "context": dict(request.context),
        "now": instant(example.now),
        "facts": {
            schema.types[name].table: [dict(row) for row in rows]
            for name, rows in example.rows.items()
        },
    }


def instant(moment: datetime) -> str:
    """Write a moment as people write it, in UTC."""
    return moment.isoformat().replace("+00:00", "Z")


def _as_said(value: object) -> object:
    """Return a value of a request as YAML has to hold it: a text `5` is no number."""
    if isinstance(value, list):
        return [_as_said(each) for each in value]
    return Quoted(value) if isinstance(value, str) else value


def _members(said: Mapping[str, object]) -> str:
    return ", ".join(f"{in_line(name)}: {_shown(value)}" for name, value in said.items())


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    text = str(value)
    return text if text in {"true", "false"} else in_line(text)
