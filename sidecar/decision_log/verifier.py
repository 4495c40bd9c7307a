"""Verifies the chains of a decision log: were lines removed, edited, moved or inserted?

Of each chain only the place is kept that it has come to, so that a log of any size can be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from sidecar.decision_log.entry import hash_input
from sidecar.decision_log.hashing import Hashing
from sidecar.decision_log.place import Place
from sidecar.decision_log.predecessor import Predecessor
from sidecar.decision_log.reader import Chains, read_news
from sidecar.decision_log.seal import FIRST_HASH, Hasher, PlainSeal, Seal
from sidecar.decision_log.shared import MAX_CHAINS
from sidecar.decision_log.torn_lines import TornLines
from sidecar.decision_log.whole_line import begins_with_json, kind_of
from sidecar.errors import UnreadableLineError

MOST_KEPT = 1_000
"""How many faults are kept; all are counted."""


class Fault(NamedTuple):
    """What is wrong at a line."""

    place: Place
    message: str


@dataclass(slots=True)
class Chain:
    """How far a chain has been read."""

    name: str
    next: int
    """The number of its next line."""
    hasher: Hasher | None
    """Of all since its last hash; None where that, or what follows it, is not known."""
    last: Place | None = None
    first: Place | None = None
    """The first line since its last hash."""
    unsealed: int = 0
    """Lines since its last hash."""
    sealed: int = 0
    """The number of the line with its last hash."""
    digest: str = ""
    """Its last hash."""
    ended: bool = False
    foreign: bool = False
    """Whether its hashes are made with another key than the one given."""
    cut_in: bool = False
    """Whether its first lines are in files that are not given."""


_NEWS = (b'"begin":', b'"missed":', b'"end":')
"""What follows the head of a line that says something of its chain."""
_HEAD = re.compile(rb'\{"chain":"(([0-9a-f]{16})\.[1-9][0-9]{0,9})","sequence":([1-9][0-9]{0,17}),')
_SEAL = re.compile(rb',"(hash|mac)":"([0-9a-f]{64})"\}\n\Z')
_SEAL_BYTES = 80
"""More than a hash with its member has."""


@dataclass(slots=True)
class Verification:
    """What was found in a log, read line by line."""

    hashing: Hashing | None = None
    """By the key of the log; None if its hashes are made without one."""
    lines: int = 0
    chains: dict[str, Chain] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    """The first of them."""
    fault_count: int = 0
    doubts: dict[str, None] = field(default_factory=dict)
    """Why it cannot be told whether the log is whole."""
    older: Predecessor | None = None
    """A line that stood before the first one, in files that are not given or lines that were
    removed."""
    lost: int = 0
    """Answers without lines, of which lines tell."""
    _whole: set[str] = field(default_factory=set)
    """Starts of the sidecar whose first line is there."""
    _cut_in: dict[str, set[int]] = field(default_factory=dict)
    """Numbers of chains whose first line is not there, by the start of the sidecar."""
    _torn: TornLines = field(default_factory=TornLines)
    _seal: Seal = field(init=False)

    def __post_init__(self) -> None:
        self._seal = PlainSeal() if self.hashing is None else self.hashing.seal()

    def read(self, file: str, lines: Iterable[bytes]) -> None:
        """Read the lines of one file; files are read in their order."""
        for number, line in enumerate(lines, 1):
            self.lines += 1
            self._read(Place(file, number), line)

    def open_chains(self) -> list[Chain]:
        """Return the chains that have no end: their process runs, or was killed."""
        return [chain for chain in self.chains.values() if chain.last and not chain.ended]

    def finish(self) -> None:
        """Judge what could not be judged before all lines were read."""
        heads = {c.name: _head(c.name, c.next) for c in self.open_chains()}
        for place in self._torn.unexplained(heads, self._begins_unknown_chain):
            self._fault(place, "is no whole line of a chain: it was edited or inserted")
        for chain in self.open_chains():
            if chain.unsealed:
                lines = f"{chain.first} to {chain.last}"
                self.doubts[
                    f"the lines of chain {chain.name} from {lines} have no hash: its process was"
                    " killed while it wrote them, or they were edited"
                ] = None
        if not self.chains:
            self.doubts["there is no line of a chain"] = None

    @property
    def torn(self) -> int:
        """Torn lines that are accounted for."""
        return self._torn.accounted

    def _begins_unknown_chain(self, line: bytes) -> bool:
        head = _HEAD.match(line)
        return head is not None and head[1].decode() not in self.chains and head[3] == b"1"

    def _fault(self, place: Place, message: str, chain: Chain | None = None) -> None:
        self.fault_count += 1
        if len(self.faults) < MOST_KEPT:
            self.faults.append(Fault(place, message))
        if chain is not None:
            chain.hasher = None  # until its next hash

    def _read(self, place: Place, line: bytes) -> None:
        if line.endswith(b"}"):  # at the end of a file; whoever writes next adds what is missing
            line += b"\n"
        kind = kind_of(line)
        if kind is None:
            self._keep_torn(place, line)
            return
        head = _HEAD.match(line)
        if head is None:
            if self.chains:
                self._fault(place, "belongs to no chain: it was inserted or edited")
            else:
                self.doubts["lines without a chain, from before there were any"] = None
            return
        name, start, number = head[1].decode(), head[2].decode(), int(head[3])
        chain = self.chains.get(name)
        if chain is None:
            chain = self._first(name, start, number)
        if not self._take_number(place, chain, number):
            return
        if line.startswith(_NEWS, head.end()):
            self._take_news(place, chain, line)
        self._hash(place, chain, line)
        if kind == "end":
            self._end(place, chain)

    def _first(self, name: str, start: str, number: int) -> Chain:
        """Begin to follow a chain at its first line that is there."""
        if name == f"{start}.1" and number == 1:
            self._whole.add(start)
        if number == 1 or start in self._whole:
            chain = Chain(name, 1, self._seal.begin(FIRST_HASH))
        else:
            chain = Chain(name, number, None, cut_in=True)
            self._cut_in.setdefault(start, set()).add(int(name.removeprefix(f"{start}.")))
            if not next(iter(self.chains), name).startswith(start):
                self.doubts[
                    "a chain begins in older files, but the log does not begin with its start of"
                    " the sidecar: lines may have been inserted"
                ] = None
        self.chains[name] = chain
        return chain

    def _take_number(self, place: Place, chain: Chain, number: int) -> bool:
        """Compare the number of a line with the one that has to be next."""
        if number < chain.next:
            message = f"line {number} of chain {chain.name} stands here again, or was moved"
            self._fault(place, message, chain)
            return False
        if number > chain.next:
            self._report_missing(place, chain, number - 1)
        if chain.ended:
            self._fault(place, f"follows the end of chain {chain.name}: it was inserted", chain)
        chain.next, chain.last = number + 1, place
        return True

    def _report_missing(self, place: Place, chain: Chain, until: int) -> None:
        lines = f"lines {chain.next} to {until}" if until > chain.next else f"line {until}"
        after = f"; the one before is {chain.last}" if chain.last else ""
        word = "are" if until > chain.next else "is"
        message = f"{lines} of chain {chain.name} {word} missing before this line{after}"
        self._fault(place, message, chain)
        chain.next = until + 1

    def _hash(self, place: Place, chain: Chain, line: bytes) -> None:
        """Hash a line, and compare the hash if the line ends with one."""
        chain.first = chain.first or place
        chain.unsealed += 1
        seal = _SEAL.search(line, max(len(line) - _SEAL_BYTES, 0))
        if chain.hasher is not None:
            chain.hasher.update(hash_input(line[: seal.start()] + b"}\n" if seal else line))
        if seal is None:
            return
        member, digest = seal[1], seal[2].decode()
        if member != self._seal.member:
            self.doubts[
                "the hashes are made with a key; give it with --decision-log-key"
                if self.hashing is None
                else "hashes are made without a key, which whoever edits the file can do"
            ] = None
        elif chain.hasher is not None and chain.hasher.hexdigest() != digest and not chain.foreign:
            lines = f"a line from {chain.first} on" if chain.unsealed > 1 else "it"
            self._fault(place, f"has a hash of chain {chain.name} that differs: {lines} was edited")
        chain.hasher = self._seal.begin(bytes.fromhex(digest))
        chain.first, chain.unsealed, chain.sealed, chain.digest = None, 0, chain.next - 1, digest

    def _take_news(self, place: Place, chain: Chain, text: bytes) -> None:
        """Take note of what a line says about chains."""
        try:
            news = read_news(text)
        except UnreadableLineError:
            self._fault(place, "cannot be read: it was edited", chain)
            return
        if news.missed is not None:
            self.lost += news.missed.lines
            for length in news.missed.torn:
                self._account_for(place, chain, length)
        for chains in (news.begin, news.end):
            if chains is not None:
                self._compare(place, chain, chains)
        if news.begin is not None and news.begin.before is not None:
            self._compare_predecessor(place, news.begin.before)

    def _compare(self, place: Place, chain: Chain, chains: Chains) -> None:
        """Compare the key and the lengths of other chains with what a line tells of them."""
        if self.hashing is not None and chains.key != self.hashing.key_name():
            self.doubts["hashes are made with another key than the one given"] = None
            chain.foreign = True
        start, _, own = chain.name.partition(".")
        for number, length in chains.chains.items():
            self._compare_length(place, f"{start}.{number}", start, length)
        first = min(chains.chains, default=0)  # of those that a line names
        for number in self._cut_in.get(start, set()) - {*chains.chains, int(own)}:
            if first < number <= MAX_CHAINS:
                self._fault(place, f"chain {start}.{number} was not there by then: it was inserted")

    def _compare_predecessor(self, place: Place, before: Predecessor) -> None:
        """Look for the line that stood before the first of a chain."""
        name, number = before.chain, before.sequence
        chain = self.chains.get(name)
        if chain is None:
            if len(self.chains) == 1 or name.partition(".")[0] in self._cut_in:
                self.older = before
            else:
                self._fault(place, f"chain {name} is missing, which had {number} lines by then")
        elif chain.next <= number:
            self._report_missing(place, chain, number)
        elif chain.sealed == number and chain.digest != before.hash:
            self._fault(place, f"tells of another hash of line {number} of chain {name}", chain)

    def _end(self, place: Place, chain: Chain) -> None:
        chain.ended = True
        if chain.unsealed:
            self._fault(place, f"ends chain {chain.name} without a hash: it was edited", chain)

    def _compare_length(self, place: Place, name: str, start: str, length: int) -> None:
        """Compare a chain with the length that a line of another chain tells."""
        chain = self.chains.get(name)
        if chain is None:
            self.chains[name] = Chain(name, length + 1, None, cut_in=True)
            if start in self._whole:
                self._fault(place, f"chain {name} is missing, which had {length} lines by then")
        elif chain.next <= length:
            self._report_missing(place, chain, length)

    # --- torn lines -----------------------------------------------------------------------------

    def _keep_torn(self, place: Place, line: bytes) -> None:
        if self._torn.is_full:
            self._fault(place, "is no whole line, as many before it")
        elif begins_with_json(line):  # what is torn has no end
            self._fault(place, "is no whole line of a chain: it was edited or inserted")
        else:
            self._torn.keep(place, line.removesuffix(b"\n"))

    def _account_for(self, place: Place, chain: Chain, length: int) -> None:
        """Find the torn line that a line tells of."""
        if not self._torn.account_for(length, _head(chain.name, 0)[:-1]):
            self._fault(place, f"tells of a torn line of {length} bytes, which is not there", chain)


def _head(chain: str, number: int) -> bytes:
    return b'{"chain":"%b","sequence":%d' % (chain.encode(), number)
