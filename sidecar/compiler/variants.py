"""Variants of a policy, each compiled in a fork of a process that has compiled the policy itself.

Runs in the child process, as all of Oso does. What a variant cannot have changed is taken over
(`findings`), so it costs a few queries; and equal diagrams have equal numbers.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sidecar.compiler.compile import InvalidPolicyError, compile_texts
from sidecar.compiler.pack import PackTexts

GRACE_SECONDS = 10
"""What a variant may take beyond twice the time for exploring."""


class Varying:
    """A compiled pack, of which variants can be compiled."""

    def __init__(self, pack: PackTexts) -> None:
        """Compile the pack.

        Raises:
            InvalidPolicyError: With every fault of the policy.
        """
        self._pack = pack
        compilation = compile_texts(pack)
        self.compiled = compilation.compiled
        self._trees = compilation.explorer.trees
        self._findings = compilation.findings()
        self._sent = {node[0] for node in self.compiled["nodes"]}
        self._entries = {tuple(entry[:3]): entry for entry in self.compiled["entries"]}

    def vary(self, texts: Mapping[str, str]) -> dict[str, Any]:
        """Compile a variant; in a fork, because it adds to the diagrams of the pack.

        Args:
            texts: The files that are written otherwise.

        Returns:
            Plain data as of `compile_pack`, with all tests, and of ``entries`` and ``nodes`` only
            those that the pack itself does not have; or ``problems``.
        """
        pack = replace(self._pack, texts={**self._pack.texts, **texts})
        try:
            varied = compile_texts(pack, self._findings, self._trees).compiled
        except InvalidPolicyError as error:
            problems = [[problem.file, problem.line, problem.message] for problem in error.problems]
            return {"problems": problems}
        if varied["never"]:
            return {"problems": varied["never"]}
        entries = [
            entry for entry in varied["entries"] if entry != self._entries.get(tuple(entry[:3]))
        ]
        nodes = [node for node in varied["nodes"] if node[0] not in self._sent]
        kept = {name: varied[name] for name in ("tests", "notices")}
        return {**kept, "entries": entries, "nodes": nodes}


def in_fork(work: Callable[[], Mapping[str, Any]], seconds: float) -> bytes:
    """Do something in a fork of this process, so that nothing of it is left behind.

    Returns:
        The result as JSON; ``problems`` where the fork came to no good end.
    """
    reading, writing = os.pipe()
    fork = os.fork()
    if not fork:  # pragma: no cover - it ends without telling what it ran
        signal.alarm(int(seconds) + 1)  # it is not caught, so it ends Oso's own code too
        os.close(reading)
        try:
            with os.fdopen(writing, "wb") as stream:
                stream.write(json.dumps(work()).encode())
            os._exit(0)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        said = stream.read()
    if os.waitpid(fork, 0)[1] == 0:
        return said
    return json.dumps(
        {"problems": [["", 0, "compiling failed: it took too long, or ended"]]}
    ).encode()
