"""Whether there is what a symbol stands for, asked only where the schema does not tell.

What a path means, and so what these questions are answered, is defined in
`sidecar.engine.fact_paths`. Here is only which of the answers follow from others: that a required
column of a row has a value, that a default is there where its entity is, that a reference which the
source checks leads to a row.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol

from sidecar.compiler.operands import is_absent
from sidecar.compiler.symbols import Thing, Truth
from sidecar.diagram.paths import RESOURCE, SUBJECT, LookupPath, Member, Path
from sidecar.diagram.questions import YES_NO, Answer, Exists, Present, Question, ValueOf
from sidecar.errors import PolicyFault
from sidecar.schema.model import Attribute


class Answers(Protocol):
    """Whoever answers questions: a path that is being explored, or the facts of a request."""

    def ask(self, question: Question, domain: Sequence[Answer]) -> Answer:
        """Answer a question with one of `domain`."""


class Narrowing(ABC):
    """Answers whether an enum has one value, without answering which of all values it has."""

    @abstractmethod
    def is_value(self, question: ValueOf, value: str, domain: Sequence[str]) -> bool:
        """Answer whether the question for an enum has the answer `value`, one of `domain`."""


def refuse_any_row(thing: Thing, word: str) -> None:
    """Refuse to read or to compare what a look-up of any row finds.

    Raises:
        PolicyFault: The entity is found so.
    """
    if thing.any_row:
        raise PolicyFault(
            f"`{thing.any_row}` tells whether any row fits, and finds none in particular; read its"
            " `.exists`, and give the look-up what the row must have",
            word,
        )


class Presence:
    """Asks whether entities exist and attributes have values, for one query."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    def is_asked(self, path: Path) -> bool:
        """Ask whether a fact has a value."""
        return bool(self._answers.ask(Present(path), YES_NO))

    def exists(self, thing: Thing) -> bool:
        """Tell whether there is such an entity."""
        if thing.path is None or thing.certain is not None:
            return thing.path is not None and bool(thing.certain)
        return bool(self._answers.ask(Exists(thing.path), YES_NO))

    def existence(self, thing: Thing) -> Truth:
        """Return the same as a truth, which is asked only when it is compared."""
        if thing.path is None or thing.certain is not None:
            return Truth(thing.path is not None and bool(thing.certain))
        return Truth(Exists(thing.path))

    def of_symbol(self, instance: object) -> Truth:
        """Return whether there is what a symbol stands for."""
        if isinstance(instance, Thing) and instance.can_be_absent:
            return self.existence(instance)
        return Truth(not is_absent(instance))

    def is_there(self, thing: Thing) -> bool:
        """Tell whether there is an entity to speak of: what a look-up does not find is absent.

        What a reference or a request names is there to be asked about, though it may not exist.
        """
        return not thing.can_be_absent or self.exists(thing)

    def has_key(self, thing: Thing) -> bool:
        """Tell whether an entity has a key to be compared or looked up by.

        What a look-up did not find has none, nor has an id outside the domain of its key column.

        Raises:
            PolicyFault: A look-up of any row finds it.
        """
        refuse_any_row(thing, thing.any_row)
        path = thing.path
        if path is None:
            return False
        if isinstance(path, LookupPath):
            return bool(self._answers.ask(Exists(path), YES_NO))
        if path in {SUBJECT, RESOURCE} and not thing.type.keeps_any_id:
            return self.is_asked(Member(path, thing.type.key[0]))
        return True

    def has_value(self, thing: Thing, attribute: Attribute) -> bool:
        """Tell whether a declared attribute of an entity has a value."""
        base = thing.path
        if base is None:
            return False
        path, root = Member(base, attribute.name), base in {SUBJECT, RESOURCE}
        if attribute.name in thing.type.key:
            if isinstance(base, LookupPath):
                return self.exists(thing)
            return not root or thing.type.keeps_any_id or self.is_asked(path)
        if root and (attribute.caller or not thing.type.table or _is_created(thing, attribute)):
            return self.is_asked(path)
        if not self.exists(thing):
            return False
        if attribute.default is not None:
            return True
        if not thing.type.table:
            return False  # only a caller could say it, and only of the subject and the resource
        return self.is_asked(path) if attribute.optional or thing.type.implied else True


def _is_created(thing: Thing, attribute: Attribute) -> bool:
    """Tell whether an attribute has its default of a resource that does not exist yet."""
    creates = any(action.creates for action in thing.type.actions.values())
    return creates and thing.path == RESOURCE and attribute.default is not None
