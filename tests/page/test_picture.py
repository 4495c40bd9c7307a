"""Decision diagrams as pictures."""

from __future__ import annotations

from itertools import combinations

from sidecar.diagram import nodes
from sidecar.diagram.nodes import FALSE, TRUE, Node
from sidecar.diagram.paths import RESOURCE, Member
from sidecar.diagram.questions import TextOf, ValueOf
from sidecar.page.picture import BOX, MOST_ROWS, Box, Picture, draw


def text_test(name: str) -> nodes.Test:
    return nodes.Test(TextOf(Member(RESOURCE, name)), "text")


def chain(length: int) -> tuple[list[nodes.Test], Node]:
    """Return a diagram with a leaf more than questions."""
    tests = [text_test(f"name{place}") for place in range(length)]
    node = FALSE
    for place in reversed(range(length)):
        node = Node(place, ("right",), (TRUE, node), 10 + place)
    return tests, node


def bush(depth: int) -> tuple[list[nodes.Test], Node]:
    """Return a diagram with 2 ** depth leaves, in which nothing is shared."""
    tests, numbers = [text_test(f"name{place}") for place in range(depth)], iter(range(10, 10_000))

    def grown(place: int) -> Node:
        if place == depth:
            return TRUE
        return Node(place, ("right",), (grown(place + 1), grown(place + 1)), next(numbers))

    return tests, grown(0)


def overlapping(picture: Picture) -> list[tuple[Box, Box]]:
    return [
        (one, other)
        for one, other in combinations(picture.boxes, 2)
        if abs(one.y - other.y) < BOX
        and one.x < other.x + other.width
        and other.x < one.x + one.width
    ]


def test_a_hundred_leaves_stand_apart_in_a_picture_that_is_no_wider_than_a_page() -> None:
    picture = draw(*chain(100))

    assert sum(box.kind in {"yes", "no"} for box in picture.boxes) == 101
    assert overlapping(picture) == []
    assert picture.width < 600


def test_a_bush_of_128_leaves_stands_apart() -> None:
    picture = draw(*bush(7))

    assert sum(box.kind == "yes" for box in picture.boxes) == 64  # two equal leaves are one answer
    assert overlapping(picture) == []
    assert picture.width < 900


def test_all_of_a_picture_is_within_its_bounds() -> None:
    picture = draw(*bush(5))

    assert all(box.x >= 0 and box.x + box.width <= picture.width for box in picture.boxes)
    assert all(box.y >= 0 and box.y + BOX <= picture.height for box in picture.boxes)


def test_the_path_of_a_decision_is_marked_and_nothing_else() -> None:
    tests, root = chain(3)
    second = root.branches[1]

    picture = draw(tests, root, [root, second, TRUE])

    taken = [box.text for box in picture.boxes if box.is_taken]
    assert taken == ["resource.name0?", "resource.name1?", "yes"]
    assert [line.text for line in picture.lines if line.is_taken] == ["anything else", '"right"']


def test_a_shared_part_is_drawn_once_and_marked_where_it_is_drawn() -> None:
    shared = Node(1, ("right",), (TRUE, FALSE), 10)
    root = Node(0, ("a", "b"), (shared, Node(2, ("right",), (shared, FALSE), 11), FALSE), 12)
    tests = [text_test("first"), text_test("second"), text_test("third")]

    picture = draw(tests, root, [root, root.branches[1], shared, FALSE])

    texts = [box.text for box in picture.boxes]
    assert texts.count("[1] resource.second?") == 1
    assert texts.count("as [1]") == 1
    taken = [box.text for box in picture.boxes if box.is_taken]
    assert taken == ["resource.first?", "[1] resource.second?", "no", "resource.third?", "as [1]"]


def test_a_diagram_of_one_leaf_is_one_box() -> None:
    picture = draw([], TRUE, [TRUE])

    assert [(box.text, box.is_taken) for box in picture.boxes] == [("yes", True)]


def test_a_picture_that_is_too_long_says_so() -> None:
    picture = draw(*chain(MOST_ROWS * 2))

    assert picture.left_out > 0


def test_a_deep_diagram_needs_no_deep_stack() -> None:
    tests = [nodes.Test(ValueOf(Member(RESOURCE, "flag")), "finite")]
    node = TRUE
    for number in range(10, 20_000):
        node = Node(0, (True, False), (node, FALSE), number)

    assert draw(tests, node).left_out == 1
