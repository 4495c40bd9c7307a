"""Which facts a caller decides by what it sends: they are open in a review of stored facts."""

from __future__ import annotations

from collections.abc import Iterator

from sidecar.diagram.paths import ACTION, CONTEXT, NOW, RESOURCE, SUBJECT, Member, Operand, within
from sidecar.engine.frame import Read
from sidecar.engine.paths import Reader
from sidecar.schema import Attribute

_ROOTS = (SUBJECT, RESOURCE)


class SentFacts:
    """What of the facts of one pair of types is sent.

    The context and the properties of the action always are; an attribute of the subject or the
    resource is where the schema lets a caller send it and no value is stored, since a stored value
    wins. The clock is given.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def always(self, *operands: Operand) -> bool:
        """Tell whether a caller decides a test of these facts, whatever is stored."""
        return any(
            isinstance(part, Member) and part.base in (ACTION, CONTEXT) and part != NOW
            for part in within(*operands)
        )

    def columns(self, *operands: Operand) -> tuple[Read, ...]:
        """Return how the stored values are read without which a caller decides a test."""
        found = dict(self._attributes(*operands))
        return tuple(self._reader.column(part.base, each) for part, each in found.items())

    def unindexed(self, root: Operand, *operands: Operand) -> bool:
        """Tell whether a test reads of `root` what can be sent, so that no index bounds it."""
        declared = self._reader.type_of(root) if root in _ROOTS else None
        return declared is not None and any(
            part.base == root and (attribute.optional or declared.implied is not None)
            for part, attribute in self._attributes(*operands)
        )

    def _attributes(self, *operands: Operand) -> Iterator[tuple[Member, Attribute]]:
        for part in within(*operands):
            if isinstance(part, Member) and part.base in _ROOTS:
                attribute = self._reader.attribute(part)
                if attribute.caller:
                    yield part, attribute
