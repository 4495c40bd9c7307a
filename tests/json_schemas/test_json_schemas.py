"""JSON Schemas take what the readers take, and refuse what these refuse for its shape."""

from __future__ import annotations

import copy
import json
import random
import re
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft7Validator  # type: ignore[import-untyped]

from sidecar.cli import main
from sidecar.json_schemas import pack_schemas
from sidecar.json_schemas.shapes import TEXT, closed, one_of
from tests.json_schemas.corpus import Pack, dumped, faults_of, files_of, loaded
from tests.paths import ROOT

SHIPPED = Pack(ROOT / "policies", ROOT / "fixtures")
PACKS = [
    SHIPPED,
    *(
        Pack(directory / "policies", directory / "fixtures")
        for directory in sorted((ROOT / "tests" / "packs").iterdir())
        if (directory / "fixtures" / "schema.yaml").exists()
    ),
    *(
        Pack(directory / "policies", directory / "fixtures")
        for directory in sorted((ROOT / "tests" / "reference" / "packs").iterdir())
        if (directory / "fixtures" / "schema.yaml").exists()
    ),
]
SOURCES = ROOT / "examples" / "team-service" / "sources.yaml"


@cache
def validators(pack: Pack) -> dict[str, Any]:
    schemas = {each.name.removesuffix(".schema.json"): each.content for each in pack_schemas(*pack)}
    for content in schemas.values():
        Draft7Validator.check_schema(content)
    return {kind: Draft7Validator(content) for kind, content in schemas.items()}


def errors(pack: Pack, kind: str, text: str) -> list[str]:
    found = validators(pack)[kind].iter_errors(loaded(text))
    return [f"{error.json_path}: {error.message}" for error in found]


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.fixtures.parent.name)
def test_every_file_of_a_pack_is_valid(pack: Pack) -> None:
    files = [*files_of(pack)]

    found = {path.name: errors(pack, kind, path.read_text()) for kind, path in files}

    assert {name: each for name, each in found.items() if each} == {}
    assert "schema.yaml" in found


def test_the_sources_of_the_example_are_valid() -> None:
    assert errors(SHIPPED, "sources", SOURCES.read_text()) == []


def test_the_shipped_pack_has_files_of_every_kind() -> None:
    kinds = {kind for kind, _ in files_of(SHIPPED)} | {"sources"}

    assert kinds == validators(SHIPPED).keys()


# --- the readers --------------------------------------------------------------------------------

OF_SHAPE = re.compile(
    r"has no member|write a map|write text|write a list|write true or false$"
    r"|has no type; write `type: \.\.\.`|has no key;|has no finds;|has no match;"
    r"|has no attributes;|names .* twice|column .* is missing|has no column"
    r"|which is no table|is no list of rows|is empty; write|has no `"
    r"|has `resource` or `resources`|is no number from|has no action;|has no resource;"
    r"|is no method and path|is no instant|must be an instant|write an instant|is no single value"
    r"|write one sentence"
)
"""Faults that a JSON Schema can express."""
OF_NAMES = re.compile(r"is not (?:one of|a boolean|an integer|a decimal)|there is no type")
"""Faults that it can express of files that refer to the pack's schema."""

ODD: list[object] = [None, [], {}, "x", 7, True, ["x"], {"x": "y"}, [[]], "2026-03-01T12:00:00Z"]


def places(node: object) -> Iterator[tuple[Any, Any]]:
    """Yield each map or list of a document with each of its names or indexes."""
    if isinstance(node, dict | list):
        for name in [*node] if isinstance(node, dict) else range(len(node)):
            yield node, name
            yield from places(node[name])


def shortened(document: Any) -> Any:  # noqa: ANN401  any document
    """Return a document whose long lists have some items, so that it is read faster."""
    if isinstance(document, list):
        return document[:6]
    return {
        name: member[:6] if isinstance(member, list) else member
        for name, member in document.items()
    }


def mutated(original: object, chance: random.Random) -> str:
    """Return the text of a document with one change of its shape."""
    document = copy.deepcopy(original)
    parent, name = chance.choice([*places(document)])
    change = chance.randrange(5)
    if change == 0 and isinstance(parent, dict):
        parent["misspelt"] = chance.choice(ODD)
    elif change == 1:
        del parent[name]
    elif change == 2 and isinstance(parent, dict):
        parent[f"{name}x"] = parent.pop(name)
    elif change == 3 and isinstance(parent[name], list):
        parent[name].append(copy.deepcopy(chance.choice([*parent[name], "x"])))
    else:
        parent[name] = chance.choice(ODD)
    return dumped(document)


@pytest.fixture(scope="module")
def edited(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    root = tmp_path_factory.mktemp("edited")
    shutil.copytree(SHIPPED.policies, root / "policies")
    shutil.copytree(SHIPPED.fixtures, root / "fixtures")
    shutil.copy(SOURCES, root / "fixtures")
    return Pack(root / "policies", root / "fixtures")


@pytest.mark.parametrize(
    ("kind", "count"),
    [
        ("schema", 40), ("settings", 30), ("reasons", 30), ("routes", 40), ("sources", 40),
        ("suite", 40), ("invariants", 40), ("table-memberships", 30), ("table-invitations", 30),
    ],
)  # fmt: skip
def test_a_schema_takes_and_refuses_what_the_reader_does(
    edited: Pack, kind: str, count: int
) -> None:
    chance = random.Random(kind)  # noqa: S311  the same mutations each time
    path = min(
        (path for each, path in files_of(edited) if each == kind), key=lambda p: len(p.read_bytes())
    )
    original = path.read_text()
    document = shortened(loaded(original))
    path.write_text(dumped(document))
    assert faults_of(kind, edited, path) == ""
    refused = 0
    try:
        for _ in range(count):
            text = mutated(document, chance)
            path.write_text(text)
            faults = faults_of(kind, edited, path)
            found = errors(SHIPPED, kind, text)
            if not faults:
                assert found == [], text
            elif OF_SHAPE.search(faults) or (
                kind not in {"schema", "suite"} and OF_NAMES.search(faults)
            ):
                assert found, f"{faults}\n{text}"
                refused += 1
    finally:
        path.write_text(original)

    assert refused > count / 5


# --- the command --------------------------------------------------------------------------------


def test_the_command_writes_a_file_for_each_schema_and_prints_the_setting_of_editors(
    edited: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(edited.policies.parent)

    printed = CliRunner().invoke(main, ["schemas", "--output", "schemas"])

    places = json.loads(printed.stdout)["yaml.schemas"]
    assert places["./schemas/settings.schema.json"] == [
        "fixtures/settings.yaml",
        "fixtures/*_settings.yaml",
    ]
    written = sorted(edited.policies.parent.glob("schemas/*"))
    assert [f"./schemas/{path.name}" for path in written] == sorted(places)
    assert json.loads(CliRunner().invoke(main, ["schemas"]).stdout) == {
        path.name: json.loads(path.read_text()) for path in written
    }
    for name, patterns in places.items():
        matched = [path for pattern in patterns for path in Path().glob(pattern)]
        assert matched, name


def test_an_invalid_schema_is_trouble(edited: Pack, tmp_path: Path) -> None:
    shutil.copytree(edited.fixtures, tmp_path / "fixtures")
    shutil.copytree(edited.policies, tmp_path / "policies")
    (tmp_path / "fixtures" / "schema.yaml").write_text("types: 7\n")

    printed = CliRunner().invoke(main, ["schemas", "--policies", str(tmp_path / "policies")])

    assert printed.exit_code == 2
    assert "schema.yaml:1" in printed.stderr


def test_invalid_sentences_leave_the_schemas_to_mend_them_by(edited: Pack, tmp_path: Path) -> None:
    shutil.copytree(edited.fixtures, tmp_path / "fixtures")
    shutil.copytree(edited.policies, tmp_path / "policies")
    (tmp_path / "fixtures" / "reasons.yaml").write_text("reasons: [x]\n")

    printed = CliRunner().invoke(main, ["schemas", "--policies", str(tmp_path / "policies")])

    assert printed.exit_code == 0


def test_a_member_without_a_shape_is_an_error() -> None:
    with pytest.raises(ValueError, match="no shape"):
        closed(("a", "b"), {"a": TEXT})
    with pytest.raises(ValueError, match="no member"):
        closed(("a",), {"a": TEXT, "b": TEXT})


@pytest.mark.parametrize("text", ["true", "null", "12", "1.5", "none", "no"])
def test_a_text_of_several_may_be_written_without_quotes(text: str) -> None:
    validator = Draft7Validator(one_of([text]))

    assert validator.is_valid(loaded(text))
    assert validator.is_valid(text)
    assert not validator.is_valid("other")
