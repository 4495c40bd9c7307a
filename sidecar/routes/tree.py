"""A tree of templates: the route of a path is found segment by segment.

At each segment a literal is more specific than a capture, and an earlier segment counts more than a
later one. The loader refuses templates for which this order would be a surprise
(`sidecar.routes.overlaps`).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Generic, TypeVar

from sidecar.routes.target import AmbiguousTargetError, Target

T = TypeVar("T")


class Tree(Generic[T]):
    """The templates of one method that begin with the same segments."""

    def __init__(self) -> None:
        self._literals: dict[str, Tree[T]] = {}
        self._folded: dict[str, str] = {}
        """Literals by their folded form."""
        self._longest = 0
        """Length of the longest of these forms."""
        self._capture: Tree[T] | None = None
        self._values: dict[bool, T] = {}
        """What templates that end here stand for, by whether they end with a slash."""

    def literal(self, text: str) -> Tree[T]:
        """Return the part of the tree behind a literal segment, a new one if there is none."""
        self._folded.setdefault(_fold(text), text)
        self._longest = max(self._longest, len(_fold(text)))
        return self._literals.setdefault(text, Tree())

    def capture(self) -> Tree[T]:
        """Return the part of the tree behind a captured segment, likewise."""
        if self._capture is None:
            self._capture = Tree()
        return self._capture

    def alike(self, text: str) -> str | None:
        """Return another literal that differs from a text by case alone; None if there is none."""
        other = self._folded.get(_fold(text))
        return None if other == text else other

    def end(self, value: T, *, has_slash: bool) -> T | None:
        """End a template here; return what one that ends here stands for already, if there is one.

        Two templates that differ only by a slash at their ends count as the same: many servers take
        a path for both.
        """
        if self._values:
            return next(iter(self._values.values()))
        self._values[has_slash] = value
        return None

    def find(self, target: Target, depth: int = 0) -> T | None:
        """Return what the most specific template for a path stands for; None if none matches.

        Args:
            target: The path.
            depth: The number of its segments that lead here.

        Raises:
            AmbiguousTargetError: A segment of the path is no literal of a template, but some
                servers would take it for one.
        """
        if depth == len(target.raw):
            return self._values.get(target.has_slash)
        if self._literals:
            below = self._literals.get(target.raw[depth])
            if below is not None:
                found = below.find(target, depth + 1)
                if found is not None:
                    return found
            elif any(form in self._folded for form in _forms(target.decoded[depth], self._longest)):
                raise AmbiguousTargetError("is almost that of another route")
        return None if self._capture is None else self._capture.find(target, depth + 1)


def _fold(text: str) -> str:
    return text.casefold()


def _forms(segment: str, longest: int) -> Iterator[str]:
    """Yield what servers may take a segment for, folded, up to a length.

    They ignore case (Express, IIS), take what stands behind a dot for a format (Rails, Spring), and
    drop accents, or blanks and dots at the end (Windows), which a plus may be (forms). Some do two
    of these.
    """
    bases = [segment]
    if not segment.isascii():
        decomposed = unicodedata.normalize("NFKD", segment)
        bases.append("".join(each for each in decomposed if not unicodedata.combining(each)))
    for base in bases:
        for text in (base, base.upper()):  # a dotless i is another letter until it is upper case
            folded = _fold(text)
            end = folded.find(".")
            while end >= 0:
                form = _stripped(folded[:end])
                if len(form) > longest:  # and so is every longer part
                    break
                yield form
                end = folded.find(".", end + 1)
            else:
                yield _stripped(folded)


def _stripped(text: str) -> str:
    return text.lstrip(" +").rstrip(" +.")
