"""The chain of the lines of one process: a number in each line, and a hash in the last of a write.

Lines of several chains stand mixed in one file. Whoever removes, edits, moves or inserts a line
breaks its chain (`sidecar.decision_log.verifier`). What a chain says about itself:

- The member `begin` of its first line: the process writes for the first time.
- The member `missed` of a later line: answers were given without their lines, or a write ended
  within a line.
- A line of the kind `end`: the process ends, and its chain with it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

from msgspec.structs import asdict

from sidecar.decision_log.entry import END, Entry, digest_of_decision
from sidecar.decision_log.json_text import encode
from sidecar.decision_log.predecessor import Predecessor
from sidecar.decision_log.seal import FIRST_HASH, Seal
from sidecar.decision_log.shared import Shared
from sidecar.decision_log.timestamps import Stamp, instant

NAMED_CHAINS = 100
"""How many other chains the first and the last line of a chain name: those begun last."""

_HEAD = b'{"chain":"%b","sequence":%d'
"""What every line begins with: the name of its chain, and its number."""
_HEAD_OF_ANSWER = b'{"chain":"%b","sequence":%%d%%b%%b%%b%%b'
"""The same of the lines of one chain; then what is said about it, and what follows up to
`revisions`."""

Line: TypeAlias = tuple[Entry, bytes, Stamp]
"""The entry of an answer, the id of its decision (empty without one), and the stamp of its HTTP
request."""


@dataclass(slots=True)
class _State:
    """How far the chain of a process is."""

    process: int
    number: int = 0
    """Among the chains of this start of the sidecar, from 1."""
    is_begun: bool = False
    """Whether anything of it was written; before, another process can have its number."""
    name: bytes = b""
    lines: int = 0
    digest: bytes = FIRST_HASH
    """The last hash."""
    unsealed: bytes = b""
    """What is hashed of lines after it, which a write left that failed."""
    lost: int = 0
    """Answers without a line, of which no line tells yet."""
    torn: tuple[int, ...] = ()
    """The lengths of torn lines, of which no line tells yet."""


class Chain:
    """The chain of this process; a process that is forked off begins its own."""

    def __init__(  # noqa: PLR0913  all that it consists of
        self,
        shared: Shared,
        seal: Seal,
        clock: Callable[[], float],
        *,
        predecessor: Callable[[], Predecessor | None],
        key: str,
        counts: bool,
    ) -> None:
        """Prepare to number and to seal lines.

        Args:
            shared: Of the processes that write to the same file.
            seal: Makes the hashes.
            clock: Returns seconds since 1970.
            predecessor: Returns the last line with a hash in the files, of whatever chain.
            key: The name of the key.
            counts: Whether an answer is given whose line cannot be written.
        """
        self.shared = shared
        self.seal = seal
        self.counts = counts
        self._clock = clock
        self._predecessor = predecessor
        self._key = key
        self._start = os.urandom(8).hex()
        self._state = _State(0)

    def is_begun(self) -> bool:
        """Tell whether this process has written to its chain."""
        return self.state().lines > 0

    def forget(self) -> None:
        """Begin another chain with the next line."""
        self._state = _State(0)

    def state(self) -> _State:
        """Return the state of the chain of this process."""
        process = os.getpid()
        if self._state.process != process:
            self._state = _State(process)
        if not self._state.is_begun:
            self._state.number = self.shared.chains() + 1
            self._state.name = f"{self._start}.{self._state.number}".encode("ascii")
        return self._state

    def news(self, state: _State, *, ends: bool = False) -> bytes:
        """Return the members of the next line that are about the chain."""
        news: dict[str, object] = {}
        if not state.lines:
            before = self._predecessor()
            news["begin"] = {
                **self._chains(state),
                "before": None if before is None else asdict(before),
            }
        if state.lost or state.torn:
            news["missed"] = {"lines": state.lost, "torn": state.torn}
        if ends:
            news["end"] = self._chains(state)
        return b"," + encode(news)[1:-1] if news else b""

    def last_line(self, state: _State) -> bytes:
        """Return the line that ends the chain."""
        moment = instant(datetime.fromtimestamp(self._clock(), UTC))
        said = encode({"kind": "end", "time": moment})[1:]
        head = _HEAD % (state.name, state.lines + 1)
        return head + self.news(state, ends=True) + b"," + said + END

    def _chains(self, state: _State) -> Mapping[str, object]:
        """Return what is known of all chains: whoever cuts the others is found out by it."""
        lengths = self.shared.lengths(NAMED_CHAINS)
        others = {str(each): lengths[each] for each in lengths if each != state.number}
        lost = self.shared.lost()
        return {"process": state.process, "key": self._key, "lost": lost, "chains": others}


class Write:
    """Lines that one write appends to a chain."""

    def __init__(self, chain: Chain, lines: Sequence[Line], *, ends: bool = False) -> None:
        """Prepare to write.

        Args:
            chain: The chain.
            lines: Of answers.
            ends: Whether the chain ends instead.
        """
        self.unwritten = 0
        """Of the lines of answers, those that were not written as a whole."""
        self._chain = chain
        self._lines = lines
        self._ends = ends
        self._state = chain.state()
        self._told_lost = self._told_torn = 0
        """What the first line tells of the chain."""
        self._text = b""
        self._hashed: list[bytes] = []
        """What is hashed, two for each line."""
        self._digest = FIRST_HASH

    def compose(self) -> bytes:
        """Return the lines with their numbers, and the hash in the last of them."""
        chain = self._chain
        self._state = state = chain.state()
        self._told_lost, self._told_torn = state.lost, len(state.torn)
        text: list[bytes] = []
        hashed: list[bytes] = []
        if self._ends:
            line = chain.last_line(state)
            text.append(line)
            hashed += (line, b"")
        head, number, news = _HEAD_OF_ANSWER % state.name, state.lines, chain.news(state)
        for entry, identifier, stamp in self._lines:
            number += 1
            begin, news = head % (number, news, entry.prefix, identifier, stamp.members), b""
            parts = entry.parts
            if len(parts) == 2:  # noqa: PLR2004  as of most that read the moment; not joined twice
                text += (begin, parts[0], stamp.now, parts[1])
            elif len(parts) == 1:
                text += (begin, parts[0])
            else:
                text += (begin, stamp.now.join(parts))
            hashed += (begin, entry.digest or digest_of_decision(parts[0], stamp.now))
        self._hashed = hashed
        data = b"".join((state.digest, state.unsealed, *hashed))
        self._digest = chain.seal.of(data)
        seal = b',"%b":"%b"}\n' % (chain.seal.member, self._digest.hex().encode("ascii"))
        text[-1] = text[-1][:-2]
        text.append(seal)
        self._text = b"".join(text)
        return self._text

    def settle(self, written: int) -> None:
        """Take note of how many bytes were appended."""
        chain, state = self._chain, self._state
        written += self._text.startswith(b"\n", written)  # whoever writes next adds it
        if written == len(self._text):
            whole = len(self._hashed) // 2
            state.digest, state.unsealed = self._digest, b""
        else:
            whole = self._text.count(b"\n", 0, written)
            self._take_failure(whole, written)
        if whole:  # the first line tells what was to be told
            state.lost -= self._told_lost
            state.torn = state.torn[self._told_torn :]
        state.lines += whole
        if written:
            state.is_begun = True
            chain.shared.set_length(state.number, state.lines)
        if self._ends and written == len(self._text):
            chain.forget()

    def _take_failure(self, whole: int, written: int) -> None:
        """Take note of what was not written, or not as a whole."""
        chain, state = self._chain, self._state
        state.unsealed += b"".join(self._hashed[: 2 * whole])
        if torn := written - self._text.rfind(b"\n", 0, written) - 1:
            state.torn += (torn,)
        self.unwritten = max(len(self._lines) - whole, 0)
        if chain.counts:
            state.lost += self.unwritten
            chain.shared.count_lost(self.unwritten)
