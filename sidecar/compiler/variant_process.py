"""Variants of a pack, compiled one after another in a process of their own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Self

from sidecar.bundle.model import entries_of, nodes_of
from sidecar.compiler.child_process import Child, ChildFailedError, Oso, failed
from sidecar.compiler.compiled import Reply
from sidecar.compiler.pack import PackTexts, revision_of
from sidecar.compiler.policy import ANSWER_SECONDS, assemble
from sidecar.compiler.variants import GRACE_SECONDS
from sidecar.engine.policy import Policy
from sidecar.errors import Problem
from sidecar.schema import Sentences


class Variants:
    """A pack whose policy is written otherwise again and again."""

    def __init__(self, pack: PackTexts, sentences: Sentences) -> None:
        """Start the process and compile the pack itself.

        Raises:
            InvalidPackError: With all that is wrong with it.
        """
        self._pack = pack
        self._sentences = sentences
        self._seconds = pack.seconds * 2 + GRACE_SECONDS
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        self._child.close()

    def compile(self, texts: Mapping[str, str]) -> Policy:
        """Compile a variant. What it decides as the pack does has the very nodes of the pack.

        Args:
            texts: The files that are written otherwise.

        Raises:
            InvalidPackError: With all that is wrong with the variant.
        """
        pack = replace(self._pack, texts={**self._pack.texts, **texts})
        try:
            self._child.send(json.dumps(dict(texts)).encode())
            self._child.allow(self._seconds + GRACE_SECONDS)
            reply = self._child.receive(Reply)
        except ChildFailedError as error:
            self._child.close()
            self._start()
            raise failed(pack, error) from error
        rows = reply.usable()
        nodes = nodes_of(rows.nodes, self._nodes)
        return replace(
            self.policy,
            revision=revision_of(pack, self._sentences),
            notices=tuple(Problem(*notice) for notice in rows.notices),
            entries={**self.policy.entries, **entries_of(rows.entries, nodes)},
            tests=tuple(rows.tests),
            interpreter=Oso(pack, ANSWER_SECONDS),
            explored=(),
            probes={},
        )

    def _start(self) -> None:
        try:
            self._child = Child("vary", self._pack, self._seconds)
            compiled = self._child.receive(Reply).usable()
        except ChildFailedError as error:
            raise failed(self._pack, error) from error
        self._nodes = nodes_of(compiled.nodes, {})
        self.policy = assemble(self._pack, self._sentences, compiled, self._nodes)
