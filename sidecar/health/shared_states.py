"""The reports of all processes, in memory that they share.

Each process writes its own slot, and none holds a lock that another could wait for: a process that
was stopped while it wrote keeps nobody waiting. A report that is being written, or that its writer
did not complete, does not have its checksum and is not returned.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Sequence
from zlib import crc32

import msgspec

from sidecar.health.process_state import ProcessState

SLOT_BYTES = 1 << 18
"""Room of a report. Pages that were never written take no memory."""

_HEAD = struct.Struct("<II")
"""Bytes of the report, and their checksum."""
_ROOM = SLOT_BYTES - _HEAD.size
_READ_ATTEMPTS = 3
"""Each takes some microseconds, as a write does; there are four writes a second."""


class SharedStates:
    """Slots for the processes that are forked later."""

    def __init__(self, slots: int) -> None:
        """Reserve the memory.

        Args:
            slots: How many processes can report.
        """
        self._slots = slots
        self._memory = mmap.mmap(-1, slots * SLOT_BYTES)
        self._decoder = msgspec.json.Decoder(ProcessState)

    def publish(self, slot: int, state: ProcessState) -> None:
        """Replace the report in a slot; only one process and thread writes it."""
        written = msgspec.json.encode(state)
        while len(written) > _ROOM:
            state = _shortened(state)
            written = msgspec.json.encode(state)
        place = slot * SLOT_BYTES
        self._memory[place + _HEAD.size : place + _HEAD.size + len(written)] = written
        self._memory[place : place + _HEAD.size] = _HEAD.pack(len(written), crc32(written))

    def keep_only(self, slots: Sequence[int | None]) -> None:
        """Clear all other slots: their processes have ended."""
        for slot in set(range(self._slots)).difference(slots):
            if self._size(slot):
                self._memory[slot * SLOT_BYTES : slot * SLOT_BYTES + _HEAD.size] = bytes(_HEAD.size)

    def free(self, used: Sequence[int | None]) -> int | None:
        """Return the first slot that is not used; None if there is none."""
        return next((slot for slot in range(self._slots) if slot not in used), None)

    def read(self) -> tuple[ProcessState, ...]:
        """Return all reports, in the order of the slots."""
        found = (self._read(slot) for slot in range(self._slots) if self._size(slot))
        return tuple(state for state in found if state is not None)

    def _size(self, slot: int) -> int:
        size: int = _HEAD.unpack_from(self._memory, slot * SLOT_BYTES)[0]
        return size

    def _read(self, slot: int) -> ProcessState | None:
        place = slot * SLOT_BYTES
        for _ in range(_READ_ATTEMPTS):
            size, checksum = _HEAD.unpack_from(self._memory, place)
            begin = place + _HEAD.size
            written = self._memory[begin : begin + min(size, _ROOM)]
            if crc32(written) == checksum:
                return self._decoder.decode(written)
        return None


def _shortened(state: ProcessState) -> ProcessState:
    """Return a report with half of what can be long."""
    worker = state.worker
    if worker is not None and worker.policy is not None:
        policy = worker.policy
        policy = msgspec.structs.replace(
            policy,
            files=policy.files[: len(policy.files) // 2],
            compiled=policy.compiled[: len(policy.compiled) // 2],
            uncompiled=policy.uncompiled[: len(policy.uncompiled) // 2],
        )
        worker = msgspec.structs.replace(worker, policy=policy)
    problems = state.problems[: len(state.problems) // 2]
    return msgspec.structs.replace(state, worker=worker, problems=problems)
