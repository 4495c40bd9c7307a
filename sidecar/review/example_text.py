"""Examples as text: the rows of the smallest mount that shows a state, and a request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sidecar.facts import Quoted
from sidecar.review.example import Example
from sidecar.schema import Schema
from sidecar.schema.instants import instant_text
from sidecar.schema.messages import in_line


def lines_of(example: Example, action: str, schema: Schema) -> Iterator[str]:
    """Yield an example line by line: the request first, then each row of the mount."""
    request = example.request
    yield " ".join(map(in_line, (str(request.subject), action, str(request.resource))))
    for name, sent in (
        ("action", request.action_properties),
        ("resource", request.resource_properties),
        ("subject", request.subject_properties),
        ("context", request.context),
    ):
        if sent:
            yield f"sent for the {name}: {_members(sent)}"
    yield f"at {instant_text(example.now)}"
    for type_name, rows in example.rows.items():
        for row in rows:
            yield f"{schema.types[type_name].table}: {{{_members(row)}}}"


def case_of(
    example: Example, action: str, schema: Schema, *, allowed: bool, name: str
) -> dict[str, object]:
    """Return an example as a case of a suite, on a world without any rows."""
    request = example.request
    case: dict[str, object] = {"name": name, "now": instant_text(example.now)}
    case["resource"] = str(request.resource)
    case["subjects"] = [str(request.subject)]
    case["actions"] = [action]
    for member, sent in (
        ("properties", request.action_properties),
        ("subject_properties", request.subject_properties),
        ("resource_properties", request.resource_properties),
        ("context", request.context),
    ):
        if sent:
            case[member] = {name: _in_yaml(value) for name, value in sent.items()}
    if example.rows:
        case["facts"] = {
            schema.types[type_name].table: [dict(row) for row in rows]
            for type_name, rows in example.rows.items()
        }
    if allowed:
        case["allow"] = {str(request.subject): [action]}
    return case


def as_json(example: Example, action: str, schema: Schema) -> dict[str, object]:
    """Return an example as JSON: the request, and the mount by table."""
    request = example.request
    return {
        "subject": str(request.subject),
        "action": {"name": action, "properties": dict(request.action_properties)},
        "resource": str(request.resource),
        "subject_properties": dict(request.subject_properties),
        "resource_properties": dict(request.resource_properties),
        "context": dict(request.context),
        "now": instant_text(example.now),
        "facts": {
            schema.types[name].table: [dict(row) for row in rows]
            for name, rows in example.rows.items()
        },
    }


def _in_yaml(value: object) -> object:
    """Return a value of a request as YAML has to hold it: a text `5` is no number."""
    if isinstance(value, list):
        return [_in_yaml(each) for each in value]
    return Quoted(value) if isinstance(value, str) else value


def _members(sent: Mapping[str, object]) -> str:
    return ", ".join(f"{in_line(name)}: {_shown(value)}" for name, value in sent.items())


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    text = str(value)
    return text if text in {"true", "false"} else in_line(text)
