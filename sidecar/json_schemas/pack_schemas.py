"""The JSON Schemas of all YAML files of a pack, and which files each is for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from sidecar.errors import InvalidPackError
from sidecar.json_schemas.declarations import schema_shape
from sidecar.json_schemas.pack_files import (
    routes_shape,
    sentences_shape,
    settings_shape,
    sources_shape,
    table_shape,
)
from sidecar.json_schemas.policy_tests import invariants_shape, suite_shape
from sidecar.json_schemas.shapes import Shape
from sidecar.schema import Sentences, read_schema, read_sentences
from sidecar.schema.settings_loader import MORE_SETTINGS

DRAFT = "http://json-schema.org/draft-07/schema#"


class PackSchema(NamedTuple):
    """The JSON Schema of one kind of file."""

    name: str
    """Of its file: ``settings.schema.json``."""
    files: tuple[str, ...]
    """Patterns of the YAML files."""
    content: Shape


def pack_schemas(policies: Path, fixtures: Path) -> tuple[PackSchema, ...]:
    """Return the JSON Schemas for the files of a pack.

    Only its schema has to be valid: the others are what an author is about to mend.

    Raises:
        InvalidPackError: The schema is invalid; all its faults.
    """
    return tuple(
        PackSchema(f"{kind}.schema.json", files, {"$schema": DRAFT, "title": title, **shape})
        for kind, title, files, shape in _shapes(policies, fixtures)
    )


def _shapes(policies: Path, fixtures: Path) -> Iterator[tuple[str, str, tuple[str, ...], Shape]]:
    schema = read_schema(fixtures / "schema.yaml")
    sentences = _sentences(fixtures)
    reasons, obligations = sentences.reasons.keys(), sentences.obligations.keys()
    worlds = sorted(path.name for path in (fixtures / "worlds").glob("*") if path.is_dir())
    at, beside = fixtures.as_posix(), policies.as_posix()
    yield "schema", "Schema of a pack", (f"{at}/schema.yaml",), schema_shape(schema)
    settings = (f"{at}/settings.yaml", f"{at}/{MORE_SETTINGS.replace('y*ml', 'yaml')}")
    yield "settings", "Settings of a pack", settings, settings_shape(schema)
    yield "reasons", "Sentences of a pack", (f"{at}/reasons.yaml",), sentences_shape()
    routes = routes_shape(schema, obligations)
    yield "routes", "Routes of a gateway", (f"{at}/routes.yaml",), routes
    yield "sources", "Tables of a database", ("**/sources.yaml",), sources_shape(schema)
    suite = suite_shape(schema, worlds, reasons, obligations)
    yield "suite", "Suite of a policy", (f"{beside}/*_test.yaml",), suite
    invariants = invariants_shape(schema, reasons, obligations)
    yield "invariants", "Invariants of a policy", (f"{beside}/*invariants.yaml",), invariants
    for declared in schema.types.values():
        if declared.table:
            files = (f"{at}/worlds/*/{declared.table}.yaml",)
            shape = table_shape(schema, declared)
            yield f"table-{declared.table}", f"Rows of {declared.name}", files, shape


def _sentences(fixtures: Path) -> Sentences:
    try:
        return read_sentences(fixtures / "reasons.yaml")
    except InvalidPackError:
        return Sentences({}, {})
