"""Generated packs on disk: written, and left without the rules that the product refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.generated.policies import PolicyMaker
from tests.generated.schemas import Schema, SchemaMaker
from tests.generated.worlds import WorldMaker

SETTINGS = """\
limit: 750.00
most: 5
since: 2026-01-02T05:30:00+05:30
domains: [ONE.example, münchen.example]
words: [a, low]
friends: [x@ONE.example, Y@two.example]
sizes: [1, 5]
holidays: ["2026-01-02", "2026-03-29", "2026-11-01", "10000-01-01"]
top: high
"""
REASONS = "reasons: {r1: First., r2: Second., r3: Third.}\nobligations: {o1: Do it.}\n"
ATTEMPTS = 12
"""How often rules that are refused are left out before a pack is given up."""


@dataclass(frozen=True)
class GeneratedPack:
    """A pack on disk, and who makes worlds and requests for it."""

    seed: int
    policies: Path
    fixtures: Path
    schema: Schema
    worlds: WorldMaker

    def describe(self) -> str:
        """Return the texts that somebody needs who looks into a difference."""
        rules = (self.policies / "main.polar").read_text()
        return f"seed {self.seed}\n{self.schema.text()}\n{rules}"


def write_pack(seed: int, directory: Path, variant: int = 0) -> GeneratedPack:
    """Write the pack of a seed; its variants have the same schema and other rules."""
    schema = SchemaMaker(Random(seed)).make()  # noqa: S311 - the same packs each time
    dice = Random(f"{seed}/{variant}")  # noqa: S311
    policies, fixtures = directory / "policies", directory / "fixtures"
    for place in (policies, fixtures):
        place.mkdir(parents=True)
    (fixtures / "schema.yaml").write_text(schema.text())
    (fixtures / "settings.yaml").write_text(SETTINGS)
    (fixtures / "reasons.yaml").write_text(REASONS)
    rules = PolicyMaker(dice, schema).make()
    (policies / "main.polar").write_text("\n".join(rules) + "\n")
    return GeneratedPack(seed, policies, fixtures, schema, WorldMaker(dice, schema))


def without_refused_rules(pack: GeneratedPack, refused: Callable[[], list[int]]) -> bool:
    """Leave out rules that the product refuses; tell whether it takes the rest.

    Args:
        pack: Is rewritten on disk.
        refused: Loads the pack; returns the lines of `main.polar` that are refused, 0 for a fault
            elsewhere, and nothing when it is taken.
    """
    path = pack.policies / "main.polar"
    for _ in range(ATTEMPTS):
        lines = refused()
        if not lines:
            return True
        if 0 in lines:
            return False
        rules = path.read_text().splitlines()
        kept = [rule for number, rule in enumerate(rules, 1) if number not in lines]
        path.write_text("\n".join(kept) + "\n")
    return False
