"""Makes a policy that the engine decides by from a pack that was compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from sidecar.bundle.model import EntryRow, diagrams_of, nodes_of
from sidecar.compiler.child_process import Oso
from sidecar.compiler.compile_cache import compile_cached
from sidecar.compiler.compiled import Compiled
from sidecar.compiler.pack import PackTexts, read_texts, revision_of
from sidecar.diagram.nodes import Node
from sidecar.engine.policy import Policy
from sidecar.errors import Problem
from sidecar.schema import Sentences, standard_reasons

ANSWER_SECONDS = 2.0
"""How long Oso may take at request time."""


def load_pack(
    policies: Path,
    fixtures: Path,
    compiling: Callable[[PackTexts], Compiled] = compile_cached,
) -> Policy:
    """Read and compile a pack.

    Args:
        policies: Directory of the ``*.polar`` files.
        fixtures: Directory with ``schema.yaml``, ``settings.yaml`` and ``reasons.yaml``.
        compiling: How it is compiled; several processes can share what one of them compiled.

    Raises:
        InvalidPackError: With all that is wrong with it.
    """
    pack, sentences = read_texts(policies, fixtures)
    return assemble(pack, sentences, compiling(pack))


def assemble(
    pack: PackTexts,
    sentences: Sentences,
    compiled: Compiled,
    known: Mapping[int, Node] | None = None,
) -> Policy:
    """Make a policy of a compiled pack.

    Args:
        pack: What was compiled.
        sentences: Those of its reasons and obligations.
        compiled: What it compiled to.
        known: The nodes, where they have been made from it already.
    """
    nodes = nodes_of(compiled.nodes, {}) if known is None else known
    return Policy(
        schema=pack.schema,
        settings=pack.settings,
        sentences=sentences,
        revision=revision_of(pack, sentences),
        routes=pack.routes,
        unused=tuple(_unused(pack, compiled.entries)),
        files=tuple(pack.texts),
        interpreter=Oso(pack, ANSWER_SECONDS),
        **diagrams_of(compiled, nodes),
    )


def _unused(pack: PackTexts, entries: Sequence[EntryRow]) -> Iterator[Problem]:
    given = {
        "reason": {*standard_reasons(), *(code for entry in entries for code in entry.forbids)},
        "obligation": {code for entry in entries for code in entry.obliges},
    }
    for kind, codes in pack.codes.items():
        for code in sorted(codes - given[kind]):
            yield Problem("reasons.yaml", 0, f"no rule gives the {kind} `{code}`; was one deleted?")
