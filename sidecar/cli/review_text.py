"""The output of `sidecar review` as text: at most 60 lines, the most telling first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import wrap

from sidecar.review.verdict import Review
from sidecar.review.verdict.sections import Entry, sections
from sidecar.review.verdict.words import summary
from sidecar.review.verdict.words import title as title_of

MOST_LINES = 60


@dataclass(slots=True)
class _Block:
    """A section in lines; its last entries are left out where there are too many lines."""

    title: list[str]
    entries: list[list[str]]
    shown: int

    def lines(self) -> list[str]:
        """Return what is shown."""
        left = len(self.entries) - self.shown
        shown = [line for entry in self.entries[: self.shown] for line in entry]
        return ["", *self.title, *shown, *([f"  and {left} more"] if left else [])]


def as_text(review: Review, width: int) -> Iterator[str]:
    """Yield the lines of a review, none wider than `width` and `MOST_LINES` at most."""
    head = [title_of(review), *_wrapped(Entry(summary(review), most=2), width)]
    if review.untold:
        head += _wrapped(Entry(f"because: {review.untold[0]}", most=2), width)
    blocks = []
    for section in sections(review):
        title = wrap(section.title, width, subsequent_indent="    ")
        entries = [_wrapped(entry, width) for entry in section.entries]
        blocks.append(_Block(title, entries, min(len(entries), section.most)))
    while len(head) + sum(len(block.lines()) for block in blocks) > MOST_LINES:
        max(blocks, key=lambda block: len(block.lines())).shown -= 1
    yield from head
    for block in blocks:
        yield from block.lines()


def _wrapped(entry: Entry, width: int) -> list[str]:
    """Return an entry in lines, the later ones indented deeper; cut behind the most it may take."""
    indent = "  " * (entry.depth + 1)
    lines = wrap(
        entry.text,
        width,
        initial_indent=indent,
        subsequent_indent=f"{indent}    ",
        break_on_hyphens=False,
    )
    if len(lines) <= entry.most:
        return lines
    return [*lines[: entry.most - 1], f"{lines[entry.most - 1][: width - 2]} …"]
