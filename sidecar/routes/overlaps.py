"""Templates of one method that match the same paths, neither of them being more specific."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import TypeAlias

from sidecar.routes.model import Capture, Route

_Shape: TypeAlias = tuple[str | None, ...]
"""The segments of a template, None for each capture."""


def overlaps(routes: Sequence[Route]) -> Iterator[tuple[Route, Route, str]]:
    """Yield two routes that match the same path, and the template that would decide between them.

    Routers differ here: the first one declared wins, or the one with more literals, or the one
    whose literal comes first. With a template for exactly the paths that both match, it is that one
    everywhere.

    Args:
        routes: Of one method; no two have the same shape.
    """
    shapes = {_shape(route) for route in routes}
    for one, other in combinations(routes, 2):
        left, right = _shape(one), _shape(other)
        both = _intersection(left, right)
        if both is not None and both not in shapes:
            yield one, other, _written(both, one, other)


def _shape(route: Route) -> _Shape:
    return tuple(None if isinstance(each, Capture) else each for each in route.segments)


def _intersection(left: _Shape, right: _Shape) -> _Shape | None:
    """Return the shape of the paths that both match; None if there are none."""
    if len(left) != len(right):
        return None
    both = []
    for one, other in zip(left, right, strict=True):
        if one is not None and other is not None and one != other:
            return None
        both.append(other if one is None else one)
    return tuple(both)


def _written(shape: _Shape, one: Route, other: Route) -> str:
    named = zip(shape, one.segments, other.segments, strict=True)
    texts = [
        literal
        if literal is not None
        else f"{{{left.name if isinstance(left, Capture) else right}}}"
        for literal, left, right in named
    ]
    return "/" + "/".join(texts) + ("/" if one.has_slash else "")
