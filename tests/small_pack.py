"""Packs of a few lines that stand in a test."""

from __future__ import annotations

from pathlib import Path

from sidecar.compiler.compile import compile_pack
from sidecar.compiler.pack import read_texts
from sidecar.compiler.policy import assemble
from sidecar.engine.policy import Policy
from tests.bundled import through_a_bundle


def put_pack(
    directory: Path, rules: str, schema: str, *, settings: str = "{}\n", reasons: str = "{}\n"
) -> tuple[Path, Path]:
    """Write a pack, and return its policies and its fixtures."""
    policies, fixtures = directory / "policies", directory / "fixtures"
    for place in (policies, fixtures):
        place.mkdir()
    (policies / "main.polar").write_text(rules)
    (fixtures / "schema.yaml").write_text(schema)
    (fixtures / "settings.yaml").write_text(settings)
    (fixtures / "reasons.yaml").write_text(reasons)
    return policies, fixtures


def compiled_pack(policies: Path, fixtures: Path) -> Policy:
    """Return a pack as it is compiled and read from its bundle."""
    texts, sentences = read_texts(policies, fixtures)
    return through_a_bundle(assemble(texts, sentences, compile_pack(texts)), fixtures)
