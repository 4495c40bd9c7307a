"""The shapes of settings, sentences, routes, sources and tables."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sidecar.facts.sources.mapping import ALL, SOURCE_MEMBERS
from sidecar.json_schemas.shapes import (
    SCALAR,
    TEXT,
    Shape,
    closed,
    either,
    list_of,
    map_of,
    not_both,
    one_of,
    reference_to,
    suggested,
)
from sidecar.json_schemas.values import row, value
from sidecar.routes.identification import JWT_MEMBERS, SUBJECT_MEMBERS
from sidecar.routes.loader import FILE_MEMBERS, ROUTE_MEMBERS
from sidecar.routes.model import METHODS
from sidecar.routes.request_parts import ACTION_MEMBERS, RESOURCE_MEMBERS
from sidecar.schema import EntityType, Schema, standard_reasons
from sidecar.schema.reasons import CODE, SENTENCE_MEMBERS


def settings_shape(schema: Schema) -> Shape:
    """Return the shape of ``settings.yaml``, and of the files beside it that hold the rest."""
    return closed(
        schema.settings, {name: value(schema, each) for name, each in schema.settings.items()}
    )


def sentences_shape() -> Shape:
    """Return the shape of ``reasons.yaml``; editors suggest the built-in reasons."""
    sentence: Shape = {"type": ["string", "number", "boolean"], "pattern": r"\S"}
    code: Shape = {"pattern": f"^(?:{CODE.pattern})$"}
    reasons = map_of(sentence, code, properties=dict.fromkeys(sorted(standard_reasons()), sentence))
    shapes = {"reasons": reasons, "obligations": map_of(sentence, code)}
    return closed(SENTENCE_MEMBERS, shapes)


def routes_shape(schema: Schema, obligations: Collection[str]) -> Shape:
    """Return the shape of ``routes.yaml``."""
    subject = closed(
        SUBJECT_MEMBERS,
        {
            "type": one_of(schema.subjects()),
            "header": TEXT,
            "jwt": closed(
                JWT_MEMBERS,
                {"issuer": TEXT, "audience": TEXT, "claim": TEXT},
                required=("issuer", "audience"),
            ),
        },
        required=("type",),
        oneOf=[{"required": ["header"]}, {"required": ["jwt"]}],
    )
    actions = one_of(dict.fromkeys(name for each in schema.types.values() for name in each.actions))
    values = map_of(SCALAR)
    action = closed(ACTION_MEMBERS, {"name": actions, "properties": values}, required=("name",))
    resource = closed(
        RESOURCE_MEMBERS,
        {"type": one_of(schema.types), "id": TEXT, "properties": values},
        required=("type", "id"),
    )
    route = closed(
        ROUTE_MEMBERS,
        {
            "action": either(actions, action),
            "resource": either(reference_to(schema.types), resource),
            "context": closed(
                (names := [name for name in schema.context if name != "now"]),
                dict.fromkeys(names, SCALAR),
            ),
            "subject": subject,
            "pass_on": list_of(one_of(sorted(obligations))),
        },
        required=("action", "resource"),
    )
    heading: Shape = {"pattern": f"^(?:(?:{'|'.join(METHODS)}) )+/"}
    routes = map_of(route, heading, minProperties=1) | {"type": "object"}
    return closed(FILE_MEMBERS, {"subject": subject, "routes": routes}, required=("routes",))


def sources_shape(schema: Schema) -> Shape:
    """Return the shape of ``sources.yaml``."""
    types = {name: each for name, each in schema.types.items() if each.table}
    return closed(types, {name: _source(each) for name, each in types.items()})


def table_shape(schema: Schema, declared: EntityType) -> Shape:
    """Return the shape of the file of a table: a list of rows."""
    return {"type": "array", "items": row(schema, declared)}


def _source(declared: EntityType) -> Shape:
    attributes = declared.attributes
    missing = [name for name, each in attributes.items() if each.optional]
    columns: Iterable[str] = attributes
    parts = len(declared.key)
    keys = list_of(TEXT, minItems=parts, maxItems=parts)
    return closed(
        SOURCE_MEMBERS,
        {
            "table": TEXT,
            "select": TEXT,
            "columns": closed(columns, dict.fromkeys(columns, TEXT)),
            "without": list_of(one_of(missing)),
            "order": list_of(TEXT),
            "follow": map_of(suggested([ALL], keys), minProperties=1) | {"type": "object"},
        },
        dependencies={"follow": ["select"], "select": ["follow"]},
    ) | not_both("table", "select")
