"""Decision diagrams as pictures: rows of questions from the top to the bottom.

Each row is one question. Answers that end a diagram stand at its right; the diagram goes on below,
indented where several answers go on. A part that several branches share is drawn once, with a
number, and named afterwards. So a picture of a hundred leaves is long, and its text stays as large
as that of a small one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from sidecar.diagram.nodes import FALSE, FAULT, LEAVES, TRUE, Node, Test
from sidecar.diagram.path_text import worded
from sidecar.review.diagram_text import LEAF_WORDS, branches_of

MOST_ROWS = 300
"""Questions of one picture; what is left out is named at its end."""

CHARACTER = 8
"""Pixels of a character of the fixed width that is used, at most."""
PADDING = 10
BOX = 28
"""Height of a box."""
STEP = 56
"""From one row to the next."""
INDENT = 40
_MARGIN = 4
_KINDS = {TRUE.number: "yes", FALSE.number: "no", FAULT.number: "fault"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle with a text."""

    x: int
    y: int
    width: int
    text: str
    kind: str
    """``test``, ``yes``, ``no``, ``fault`` or ``again``: which class draws it."""
    is_taken: bool
    """Whether the decision has passed here."""

    @property
    def middle(self) -> int:
        """The height of its middle."""
        return self.y + BOX // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A connection of two boxes, with the answer that leads from one to the other."""

    path: str
    """As an SVG path has it."""
    x: int
    y: int
    """Where the text begins."""
    text: str
    is_taken: bool


@dataclass(slots=True)
class Picture:
    """Boxes and lines, in pixels."""

    width: int = 0
    height: int = 0
    boxes: list[Box] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    left_out: int = 0
    """Questions that were not drawn."""


@dataclass(frozen=True, slots=True)
class _Open:
    """A node that is to be drawn below another one."""

    node: Node
    depth: int
    above: Box | None
    labels: str
    is_taken: bool
    """Whether the decision has come from the node above."""


def draw(tests: Sequence[Test], root: Node, walked: Sequence[Node] = ()) -> Picture:
    """Return the picture of a diagram.

    Args:
        tests: Of the policy.
        root: A node, or a leaf.
        walked: The nodes that a decision has passed, its leaf last.
    """
    drawing = _Drawing(tests, root, walked)
    drawing.draw(root)
    return drawing.picture


class _Drawing:
    def __init__(self, tests: Sequence[Test], root: Node, walked: Sequence[Node]) -> None:
        self.picture = Picture()
        self._tests = tests
        self._walked = frozenset(node.number for node in walked)
        self._following = {node.number: after.number for node, after in pairwise(walked)}
        self._shared = _shared(root)
        self._numbers: dict[int, int] = {}
        """Those of shared nodes that were drawn, by the numbers of the nodes."""

    def draw(self, root: Node) -> None:
        """Draw row by row: what goes on last from a row comes directly below it."""
        picture = self.picture
        if root in LEAVES:
            place = (_MARGIN, _MARGIN)
            self._place(
                place, LEAF_WORDS[root.number], _KINDS[root.number], is_taken=bool(self._walked)
            )
        waiting = [] if root in LEAVES else [_Open(root, 0, None, "", is_taken=False)]
        y = _MARGIN
        while waiting:
            each = waiting.pop()
            if y > MOST_ROWS * STEP:
                picture.left_out += 1
                continue
            is_again = each.node.number in self._numbers
            box = self._question(each, y)
            y += STEP
            if not is_again:
                waiting += reversed(list(self._below(each, box)))
        picture.width = max(box.x + box.width for box in picture.boxes) + _MARGIN
        picture.height = max(box.y for box in picture.boxes) + BOX + _MARGIN

    def _question(self, each: _Open, y: int) -> Box:
        """Draw the box of a question, and the line to it."""
        number, kind = each.node.number, "test"
        if number in self._numbers:  # another branch has led to it meanwhile
            text, kind = f"as [{self._numbers[number]}]", "again"
        else:
            text = f"{worded(self._tests[each.node.test].question)}?"
            if number in self._shared:
                self._numbers[number] = len(self._numbers) + 1
                text = f"[{self._numbers[number]}] {text}"
        x = _MARGIN + each.depth * INDENT
        # A shared part may be drawn elsewhere than where the decision came from.
        is_taken = each.is_taken if kind == "again" else number in self._walked
        box = self._place((x, y), text, kind, is_taken=is_taken)
        if each.above is not None:
            start = f"M{each.above.x + INDENT // 2} {each.above.y + BOX}"
            path = f"{start}V{y}" if x == each.above.x else f"{start}V{box.middle}H{x}"
            self._connect(path, (x + INDENT // 2 + 6, y - 8), each.labels, is_taken=each.is_taken)
        return box

    def _below(self, each: _Open, box: Box) -> Iterator[_Open]:
        """Draw the answers that end here, and yield where the diagram goes on."""
        branches = list(branches_of(self._tests[each.node.test], each.node))
        goes_on = [branch for _, branch in branches if not self._ends(branch)]
        x = box.x + box.width
        for labels, branch in branches:
            is_taken = self._following.get(each.node.number) == branch.number
            if not self._ends(branch):
                # The last needs no further indent: most questions follow one another.
                is_last = branch is goes_on[-1]
                yield _Open(branch, each.depth + (not is_last), box, labels, is_taken)
                continue
            start, x = x, x + (len(labels) + 2) * CHARACTER
            if branch in LEAVES:
                text, kind = LEAF_WORDS[branch.number], _KINDS[branch.number]
            else:
                text, kind = f"as [{self._numbers[branch.number]}]", "again"
            end = self._place((x, box.y), text, kind, is_taken=is_taken)
            place = (start + CHARACTER, box.middle - 4)
            self._connect(f"M{start} {box.middle}H{x}", place, labels, is_taken=is_taken)
            x = end.x + end.width

    def _ends(self, branch: Node) -> bool:
        return branch in LEAVES or branch.number in self._numbers

    def _place(self, place: tuple[int, int], text: str, kind: str, *, is_taken: bool) -> Box:
        width = len(text) * CHARACTER + 2 * PADDING
        x, y = place
        box = Box(x=x, y=y, width=width, text=text, kind=kind, is_taken=is_taken)
        self.picture.boxes.append(box)
        return box

    def _connect(self, path: str, place: tuple[int, int], text: str, *, is_taken: bool) -> None:
        x, y = place
        self.picture.lines.append(Line(path=path, x=x, y=y, text=text, is_taken=is_taken))


def _shared(root: Node) -> frozenset[int]:
    """Return the numbers of nodes that several branches lead to."""
    met: Counter[int] = Counter()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        for branch in {branch.number: branch for branch in node.branches}.values():
            met[branch.number] += 1
            if branch not in LEAVES and met[branch.number] == 1:
                waiting.append(branch)
    return frozenset(number for number, times in met.items() if times > 1 and number > FAULT.number)
