"""The process in which Oso runs: it compiles a pack, or answers single questions, within limits.

Started by `sidecar.compiler.child_process`. It reads messages from standard input and writes
answers to the descriptor that was its standard output; what Oso itself prints goes nowhere.
Messages have a length before them. The first is the pack, pickled by our own parent; all that goes
back is JSON.
"""

from __future__ import annotations

import gc
import json
import os
import pickle
import resource
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any, BinaryIO

import msgspec

from sidecar.compiler.child_process import OUT_OF_MEMORY
from sidecar.compiler.compile import InvalidPolicyError, compile_texts, load
from sidecar.compiler.compiled import Reply
from sidecar.compiler.findings import load_findings
from sidecar.compiler.live_query import answer
from sidecar.compiler.oso_proof import prove
from sidecar.compiler.pack import PackTexts
from sidecar.compiler.variants import GRACE_SECONDS, Varying, in_fork
from sidecar.diagram.paths import Path
from sidecar.diagram.questions import Answer, Question, ValueOf
from sidecar.errors import PolicyFault

MEMORY_BYTES = 4 << 30
"""Address space of the child."""


SIZE_BYTES = 4
"""What stands before each message: its length."""


def read_message(stream: BinaryIO) -> bytes:
    """Read one message; empty at the end of the stream."""
    size = stream.read(SIZE_BYTES)
    return stream.read(int.from_bytes(size, "big")) if len(size) == SIZE_BYTES else b""


def write_message(stream: BinaryIO, message: bytes) -> None:
    """Write one message and send it off."""
    stream.write(len(message).to_bytes(SIZE_BYTES, "big") + message)
    stream.flush()


def main() -> None:
    """Compile the pack that is sent, and answer questions about it until the parent goes."""
    try:
        _serve()
    except MemoryError:
        os._exit(OUT_OF_MEMORY)  # what else there is to be done at an end needs memory too


def _serve() -> None:
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    questions = os.fdopen(os.dup(0), "rb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.setrecursionlimit(50_000)
    task, pack, earlier = pickle.loads(read_message(questions))  # noqa: S301 - written by our own parent
    try:
        if task in {"compile", "vary"}:
            gc.disable()  # nothing of a diagram is garbage, and the process ends soon
        if task == "compile":
            write_message(answers, _compiled(pack, earlier))
            return
        if task == "vary":
            _vary(pack, questions, answers)
            return
        loaded = load(pack)
    except InvalidPolicyError as error:
        write_message(answers, msgspec.json.encode(error.reply()))
        return
    write_message(answers, b'{"ready": true}')
    while message := read_message(questions):
        asked = json.loads(message)
        reply = prove if asked.get("proof") else answer
        said = reply(asked, pack, loaded, _Parent((questions, answers)))
        write_message(answers, json.dumps(said).encode())


def _compiled(pack: PackTexts, earlier: bytes) -> bytes:
    """Return the compiled pack and what was found, as JSON."""
    try:
        known = load_findings(earlier) if earlier else None
    except ValueError:
        known = None  # of another version of this program
    compilation = compile_texts(pack, known)
    found = msgspec.Raw(compilation.findings().dump())
    return msgspec.json.encode(Reply(compilation.compiled, findings=found))


def _vary(pack: PackTexts, messages: BinaryIO, answers: BinaryIO) -> None:
    """Compile the pack, then each variant that is sent, until the parent goes."""
    varying = Varying(pack)
    write_message(answers, msgspec.json.encode(Reply(varying.compiled)))
    while message := read_message(messages):
        texts = json.loads(message)
        seconds = pack.seconds * 2 + GRACE_SECONDS
        write_message(answers, in_fork(partial(varying.vary, texts), seconds))


class _Parent:
    """Answers questions by asking the parent, which holds the facts."""

    def __init__(self, streams: tuple[BinaryIO, BinaryIO]) -> None:
        self._streams = streams
        self._known: dict[Question, Answer] = {}
        self._keys: dict[Path, object] = {}

    def ask(self, question: Question, domain: Sequence[Answer]) -> Answer:
        """Return the parent's answer, which is one of `domain` when the snapshot is sound."""
        if question not in self._known:
            answer = self._asked(question)
            if answer not in domain:
                raise PolicyFault("the facts have no answer")
            self._known[question] = answer
        return self._known[question]

    def key(self, path: Path) -> object:
        """Return the parent's key of the entity that a reference names."""
        if path not in self._keys:
            self._keys[path] = self._asked(ValueOf(path))
        return self._keys[path]

    def _asked(self, question: Question) -> Any:  # noqa: ANN401 - of any type that JSON has
        write_message(self._streams[1], msgspec.json.encode({"ask": question}))
        return json.loads(read_message(self._streams[0]))


if __name__ == "__main__":
    main()
