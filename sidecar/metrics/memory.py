"""Shared memory of all processes that are forked later: one block for each of them.

Only one process writes to a block, so that nothing is locked. A process that takes the block of a
dead one goes on counting where that one has stopped: totals never decrease, however it died.
"""

from __future__ import annotations

import mmap
from collections.abc import Collection, Sequence
from typing import NamedTuple

from sidecar.metrics.layout import CELL_BYTES, Layout

MAX_CLASSES = 2048
"""Decision classes of one block; what comes later is counted as `other`."""

NAME_BYTES = 128 * MAX_CLASSES
"""For the names of the classes of one block."""


class Block(NamedTuple):
    """The memory of one process."""

    counts: memoryview[int]
    """The cells as unsigned numbers."""
    reals: memoryview[float]
    """The same cells as floats."""
    names: memoryview[int]
    """The names of decision classes, in bytes."""


class Memory:
    """The blocks of all processes."""

    def __init__(self, layout: Layout, blocks: int = 1) -> None:
        """Reserve the memory; what nobody writes to costs nothing.

        Args:
            layout: What is counted.
            blocks: For so many processes at once.
        """
        self.layout = layout
        self.blocks = blocks
        self.first_class = layout.size
        """The cell of the first decision class; each has two."""
        self._cell_bytes = CELL_BYTES * (layout.size + 2 * MAX_CLASSES)
        self._block_bytes = -(-(self._cell_bytes + NAME_BYTES) // mmap.PAGESIZE) * mmap.PAGESIZE
        self._memory = mmap.mmap(-1, mmap.PAGESIZE + self.blocks * self._block_bytes)
        self._live = memoryview(self._memory)[: CELL_BYTES * self.blocks].cast("Q")

    def block(self, number: int) -> Block:
        """Return a block."""
        start = mmap.PAGESIZE + number * self._block_bytes
        whole = memoryview(self._memory)[start : start + self._block_bytes]
        cells, names = whole[: self._cell_bytes], whole[self._cell_bytes :]
        return Block(cells.cast("Q"), cells.cast("d"), names)

    def set_live(self, numbers: Collection[int | None]) -> None:
        """Record which blocks belong to running workers; only the master does."""
        for number in range(self.blocks):
            self._live[number] = number in numbers

    def live(self) -> Sequence[int]:
        """Return the blocks of running workers."""
        return [number for number in range(self.blocks) if self._live[number]]
