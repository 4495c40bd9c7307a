"""The YAML files of packs, as editors see them and as the readers do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from sidecar.errors import SidecarError
from sidecar.facts import MountFaults, Table, build, capture, read_tables
from sidecar.facts.sources.mapping import MappingFile, read_mapping
from sidecar.review.invariants.loader import Codes, read_invariants
from sidecar.routes import read_routes
from sidecar.schema import Schema, Sentences, read_schema, read_sentences, read_settings
from sidecar.suites import read_suite
from sidecar.suites.grids import expand
from sidecar.suites.world import World


class Pack(NamedTuple):
    """The directories of a pack."""

    policies: Path
    fixtures: Path


class CoreLoader(yaml.CSafeLoader):
    """Reads scalars as YAML 1.2 does, which editors follow: no dates, and no `yes`."""


CoreLoader.yaml_implicit_resolvers = {}
for tag, pattern, first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
):
    CoreLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{tag}", re.compile(rf"^(?:{pattern})$"), list(first)
    )


class _Dumper(yaml.CSafeDumper):
    """Writes null as nothing, which is how it comes about."""


_Dumper.add_representer(
    type(None), lambda dumper, _: dumper.represent_scalar("tag:yaml.org,2002:null", "")
)


def loaded(text: str) -> Any:  # noqa: ANN401  any document
    """Return what an editor reads."""
    return yaml.load(text, Loader=CoreLoader)  # noqa: S506, TID251  a safe loader


def dumped(document: object) -> str:
    """Return a text of a document."""
    text = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    return "" if document is None else text


def kind_of(path: Path) -> str:
    """Return the kind of a file of a pack, as its JSON Schema is named; empty if it has none."""
    if path.parent.parent.name == "worlds":
        return f"table-{path.stem}"
    if path.name.endswith("_settings.yaml"):
        return "settings"
    if path.name.endswith("invariants.yaml"):
        return "invariants"
    if path.name.endswith("_test.yaml"):
        return "suite"
    return path.stem if path.stem in KINDS else ""


def files_of(pack: Pack) -> Iterator[tuple[str, Path]]:
    """Yield the kind and the path of each file of a pack that has a JSON Schema."""
    for path in sorted({*pack.policies.rglob("*.yaml"), *pack.fixtures.rglob("*.yaml")}):
        if kind := kind_of(path):
            yield kind, path


@cache
def _schema(fixtures: Path) -> Schema:
    return read_schema(fixtures / "schema.yaml")


@cache
def _sentences(fixtures: Path) -> Sentences:
    return read_sentences(fixtures / "reasons.yaml")


def _read_suite(pack: Pack, path: Path) -> None:
    suite, schema = read_suite(path), _schema(pack.fixtures)
    World(suite, schema, pack.fixtures / "worlds")
    problems: list[Any] = []
    expand(suite, schema, _sentences(pack.fixtures), problems)
    if problems:
        raise SidecarError("\n".join(map(str, problems)))


def _read_settings(pack: Pack, path: Path) -> None:
    read_settings(_schema(pack.fixtures), path)


def _read_table(pack: Pack, path: Path) -> None:
    schema, faults = _schema(pack.fixtures), MountFaults()
    tables = read_tables(schema, capture(path.parent), faults)
    build(
        schema, {name: Table(each.file, list(each.rows)) for name, each in tables.items()}, faults
    )


def _read_invariants(pack: Pack, path: Path) -> None:
    codes = Codes.of(_sentences(pack.fixtures))
    read_invariants(path.parent, _schema(pack.fixtures), codes)


def _read_routes(pack: Pack, path: Path) -> None:
    read_routes(path, _schema(pack.fixtures), _sentences(pack.fixtures).obligations)


KINDS: dict[str, Callable[[Pack, Path], object]] = {
    "schema": lambda _, path: read_schema(path),
    "settings": _read_settings,
    "reasons": lambda _, path: read_sentences(path),
    "suite": _read_suite,
    "invariants": _read_invariants,
    "routes": _read_routes,
    "sources": lambda pack, path: read_mapping(MappingFile(path), _schema(pack.fixtures)),
}


def faults_of(kind: str, pack: Pack, path: Path) -> str:
    """Return what the reader finds wrong with a file; empty if it takes it."""
    try:
        KINDS.get(kind, _read_table)(pack, path)
    except SidecarError as error:
        return str(error) or type(error).__name__
    return ""
