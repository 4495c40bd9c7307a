"""Faults planted in the product are seen by the comparison with the reference.

The first ones take back a mend of a fault that two differential tests had not seen, since product
and oracle shared the code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from sidecar.compiler import comparison as comparing
from sidecar.compiler import semantics as looking
from sidecar.compiler.comparison import Comparison
from sidecar.compiler.presence import Presence
from sidecar.compiler.symbols import Thing
from sidecar.diagram.diagram import Trees
from sidecar.diagram.nodes import Node
from sidecar.engine import Frame, authorizer, frame_builder
from sidecar.engine.admission import Admitted, admit_properties
from sidecar.engine.frame_builder import FrameBuilder
from sidecar.engine.policy import Policy
from sidecar.facts import Row, Snapshot
from sidecar.model import Decision, Request, Window
from sidecar.schema import EntityType, Key, Value
from tests.differential.test_against_reference import Tally, compare_pack

MOST_PACKS = 12
"""Packs that are tried until a fault is seen."""


def _ids_as_they_are_sent(patch: pytest.MonkeyPatch) -> None:
    """Item 3: an id in another spelling is another entity."""

    def reader(_schema: object, declared: EntityType) -> Callable[[str], Key | None]:
        if len(declared.key) == 1:
            return lambda text: text or None
        return lambda text: tuple(text.split("/", len(declared.key) - 1))

    patch.setattr(frame_builder, "id_reader", reader)


def _no_defaults_beside_rows(patch: pytest.MonkeyPatch) -> None:
    """Item 4: no default for action properties, context, and types without a table."""
    patch.setattr(frame_builder, "defaults_of", lambda _: {})


def _defaults_for_values_outside(patch: pytest.MonkeyPatch) -> None:
    """Item 4: a caller's value outside its domain takes the default."""
    admit = admit_properties

    def forgetful(*sent: Any) -> Admitted:
        return Admitted(admit(*sent).values)

    patch.setattr(frame_builder, "admit_properties", forgetful)


def _absent_has_a_type(patch: pytest.MonkeyPatch) -> None:
    """Item 5: what a look-up does not find matches a typed parameter."""
    patch.setattr(Thing, "can_be_absent", property(lambda _: False))


def _decimals_that_are_floats(patch: pytest.MonkeyPatch) -> None:
    """Item 7: a number literal is whole or not, whatever it is compared with."""
    for module in (looking, comparing):
        patch.setattr(module, "number_value", lambda _kind, number: int(number))


def _boundary_moved(patch: pytest.MonkeyPatch) -> None:
    holds = Comparison.holds

    def shifted(comparison: Comparison, operator: str, left: object, right: object) -> bool:
        return holds(comparison, {"Leq": "Lt"}.get(operator, operator), left, right)

    patch.setattr(Comparison, "holds", shifted)


def _only_the_first_rule(patch: pytest.MonkeyPatch) -> None:
    def either(_: Trees, left: Node, right: Node) -> Node:
        return left if left.branches else right

    patch.setattr(Trees, "either", either)


def _nothing_optional(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Presence, "is_asked", lambda *_: True)


def _callers_win_over_the_mount(patch: pytest.MonkeyPatch) -> None:
    add = FrameBuilder._add_properties

    def forgetful(builder: FrameBuilder, request: Request, frame: Frame) -> None:
        add(builder, request, frame)
        subject, resource = frame.rows
        frame.rows = (
            _without(builder._subject, subject, frame.sent[0]),
            _without(builder._resource, resource, frame.sent[1]),
        )

    patch.setattr(FrameBuilder, "_add_properties", forgetful)


def _without(declared: EntityType, row: Row | None, said: Mapping[str, Value]) -> Row | None:
    if row is None:
        return None
    return tuple(
        None if name in said and attribute.caller else value
        for value, (name, attribute) in zip(row, declared.attributes.items(), strict=True)
    )


def _obligations_forgotten(patch: pytest.MonkeyPatch) -> None:
    allow = authorizer._allow

    def forgetful(
        _codes: Sequence[str], policy: Policy, snapshot: Snapshot, valid: Window | None
    ) -> Decision:
        return allow((), policy, snapshot, valid)

    patch.setattr(authorizer, "_allow", forgetful)


FAULTS = {
    _ids_as_they_are_sent: 10_001,
    _no_defaults_beside_rows: 10_004,
    _defaults_for_values_outside: 10_000,
    _absent_has_a_type: 10_005,
    _decimals_that_are_floats: 10_056,
    _boundary_moved: 10_012,
    _only_the_first_rule: 10_001,
    _nothing_optional: 10_001,
    _callers_win_over_the_mount: 10_003,
    _obligations_forgotten: 10_011,
}
"""Each with the seed of a pack that shows it, to find it soon; others follow where it does not."""


@pytest.mark.many
@pytest.mark.parametrize(("plant", "seed"), FAULTS.items())
def test_planted_fault_is_seen(
    plant: Callable[[pytest.MonkeyPatch], None],
    seed: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plant(monkeypatch)
    tally = Tally()

    for each in range(seed, seed + MOST_PACKS):
        compare_pack(each, tmp_path / str(each), tally)
        if tally.differences:
            break

    assert tally.differences != []
