"""The shapes of suites and invariants."""

from __future__ import annotations

from collections.abc import Collection

from sidecar.json_schemas.shapes import (
    ANY,
    TEXT,
    Shape,
    closed,
    either,
    map_of,
    not_both,
    one_of,
    one_or_list,
    suggested,
)
from sidecar.json_schemas.values import row
from sidecar.review.invariants.loader import (
    ALWAYS,
    FILE_MEMBERS,
    INVARIANT_MEMBERS,
    NEVER,
    RULE_MEMBERS,
)
from sidecar.schema import Schema
from sidecar.schema.instants import INSTANT
from sidecar.suites.loader import CASE_MEMBERS, SUITE_MEMBERS
from sidecar.suites.model import ALL

_INSTANT: Shape = {"type": "string", "pattern": f"^(?:{INSTANT.pattern})$"}


def suite_shape(
    schema: Schema, worlds: Collection[str], reasons: Collection[str], obligations: Collection[str]
) -> Shape:
    """Return the shape of a suite, ``*_test.yaml``."""
    actions = one_or_list(suggested([ALL, *_actions(schema)]), least=1)
    case = closed(
        CASE_MEMBERS,
        {
            "name": TEXT,
            "now": _INSTANT,
            "subjects": one_or_list(TEXT, least=1),
            "actions": actions,
            "resource": one_or_list(TEXT, least=1),
            "resources": one_or_list(TEXT, least=1),
            "subject_properties": map_of(ANY),
            "properties": map_of(ANY),
            "resource_properties": map_of(ANY),
            "context": map_of(ANY, properties=dict.fromkeys(schema.context, ANY)),
            "facts": _facts(schema),
            # By subject, or by subject and resource.
            "allow": map_of(either(actions, map_of(actions) | {"type": "object"})),
            "because": _with_codes(reasons),
            "obliges": _with_codes(obligations),
        },
        required=("name", "subjects", "actions"),
        oneOf=[{"required": ["resource"]}, {"required": ["resources"]}],
    )
    has_instants = {"properties": {"cases": {"items": {"required": ["now"]}}}}
    return closed(
        SUITE_MEMBERS,
        {
            "suite": TEXT,
            "world": one_of(worlds) if worlds else TEXT,
            "now": _INSTANT,
            "cases": {"type": "array", "items": case, "minItems": 1},
        },
        required=("suite", "world", "cases"),
        anyOf=[{"required": ["now"]}, has_instants],
    )


def invariants_shape(
    schema: Schema, reasons: Collection[str], obligations: Collection[str]
) -> Shape:
    """Return the shape of invariants, ``*invariants.yaml``."""
    rule = closed(
        RULE_MEMBERS,
        {
            "subject": one_or_list(one_of(schema.subjects())),
            "resource": one_or_list(one_of(schema.types)),
            "action": one_or_list(suggested(_actions(schema))),
            "when": one_or_list(TEXT),
            "unless": one_or_list(TEXT),
            "reason": one_of(sorted(reasons)),
            "obligation": one_of(sorted(obligations)),
        },
    ) | not_both("reason", "obligation")
    invariant = closed(
        INVARIANT_MEMBERS,
        {"name": TEXT, NEVER: rule, ALWAYS: rule},
        required=("name",),
        oneOf=[{"required": [NEVER]}, {"required": [ALWAYS]}],
    )
    items = {"type": "array", "items": invariant, "minItems": 1}
    return closed(FILE_MEMBERS, {"invariants": items}, required=FILE_MEMBERS)


def _actions(schema: Schema) -> list[str]:
    return [*dict.fromkeys(name for each in schema.types.values() for name in each.actions)]


def _facts(schema: Schema) -> Shape:
    tables = {each.table: each for each in schema.types.values() if each.table}
    rows: dict[str, Shape] = {
        name: {"type": "array", "items": row(schema, each, is_whole=False)}
        for name, each in tables.items()
    }
    return closed(tables, rows)


def _with_codes(codes: Collection[str]) -> Shape:
    expected = one_or_list(one_of(sorted(codes)), least=1)
    return map_of(map_of(either(expected, map_of(expected) | {"type": "object"})))
