"""Variants of a policy, each compiled in a fork of a process that has compiled the policy itself.

Runs in the child process, as all of Oso does. What a variant cannot have changed is taken over
(`findings`), so it costs a few queries; and equal diagrams have equal numbers.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import replace

from msgspec.json import encode

from sidecar.bundle.model import EntryRow
from sidecar.compiler.compile import InvalidPolicyError, compile_texts
from sidecar.compiler.compiled import Compiled, Reply
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
        self._sent = {node.number for node in self.compiled.nodes}
        self._entries = {_key(entry): entry for entry in self.compiled.entries}

    def vary(self, texts: Mapping[str, str]) -> Reply:
        """Compile a variant; in a fork, because it adds to the diagrams of the pack.

        Args:
            texts: The files that are written otherwise.

        Returns:
            The compiled variant, with all tests, and of the entries and nodes only those that the
            pack itself does not have; or what is wrong with it.
        """
        pack = replace(self._pack, texts={**self._pack.texts, **texts})
        try:
            varied = compile_texts(pack, self._findings, self._trees).compiled
        except InvalidPolicyError as error:
            return error.reply()
        entries = [each for each in varied.entries if each != self._entries.get(_key(each))]
        nodes = [each for each in varied.nodes if each.number not in self._sent]
        return Reply(
            Compiled(
                notices=varied.notices,
                tests=varied.tests,
                nodes=nodes,
                entries=entries,
                never=varied.never,
            )
        )


def _key(entry: EntryRow) -> tuple[str, str, str]:
    return entry.subject, entry.resource, entry.action


def in_fork(work: Callable[[], Reply], seconds: float) -> bytes:
    """Do something in a fork of this process, so that nothing of it is left behind.

    Returns:
        The result as JSON; problems where the fork came to no good end.
    """
    reading, writing = os.pipe()
    fork = os.fork()
    if not fork:  # pragma: no cover - it ends without telling what it ran
        signal.alarm(int(seconds) + 1)  # it is not caught, so it ends Oso's own code too
        os.close(reading)
        try:
            with os.fdopen(writing, "wb") as stream:
                stream.write(encode(work()))
            os._exit(0)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        said = stream.read()
    if os.waitpid(fork, 0)[1] == 0:
        return said
    return encode(Reply(problems=(("", 0, "compiling failed: it took too long, or ended"),)))
