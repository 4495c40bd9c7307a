"""What Oso is given in place of values: things that can only be asked.

Oso never holds a fact. It holds a symbol, and each look that it takes at one comes to
`sidecar.compiler.oso`, which answers from the path that is being explored or from the snapshot.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sidecar.diagram.paths import RESOURCE, SUBJECT, LookupPath, Member, Path
from sidecar.diagram.questions import Exists, Includes
from sidecar.errors import PolicyFault
from sidecar.schema.model import Attribute, EntityType, Value, ValueType


class Unexplorable(Exception):  # noqa: N818 - it is a limit, not an error
    """The rule cannot be compiled, but Oso can answer it at request time."""


class TooDeep(PolicyFault):
    """References to the own type go on behind their declared depth: the facts are at fault."""


@dataclass(frozen=True, slots=True)
class Fact:
    """An attribute, property or setting that is present; only comparing it tells more."""

    path: Member
    attribute: Attribute

    @property
    def type(self) -> ValueType:
        """The declared type."""
        return self.attribute.type


@dataclass(frozen=True, slots=True)
class Constant:
    """A setting: its value is known."""

    path: Member
    type: ValueType
    value: Value


@dataclass(frozen=True, slots=True)
class Truth:
    """A yes/no that is asked only when it is compared: `.exists`, `.includes(…)`."""

    question: Exists | Includes | bool
    of: Path | None = None
    """Where the answer is known already: what was asked whether it exists."""


@dataclass(frozen=True, slots=True)
class Chain:
    """References of declared depth on the way to an entity."""

    attribute: str = ""
    """The last step, if it is one."""
    steps: int = 0
    """How many follow each other up to the entity."""
    all: int = 0
    """How many there are on the whole way."""

    def after(self, attribute: Attribute) -> Chain:
        """Return the chain behind a reference."""
        if not attribute.depth:
            return Chain(all=self.all)
        steps = self.steps + 1 if attribute.name == self.attribute else 1
        return Chain(attribute.name, steps, self.all + 1)


class Thing:
    """An entity. Oso is given an instance of the subclass that the schema's type has."""

    type: EntityType

    def __init__(
        self,
        path: Path | None,
        certain: bool | None = None,  # noqa: FBT001
        any_row: str = "",
    ) -> None:
        self.any_row = any_row
        """The look-up of any row that finds it: nothing but its existence can be read."""
        self.chain = Chain()
        self.path = path
        """None for an entity that was looked up by something absent."""
        # Of what nobody mounts every id is, but not every text is an id.
        asked = path in {SUBJECT, RESOURCE}
        self.certain = certain if self.type.table or asked else True
        """Whether it exists, where that is known without asking."""

    @property
    def can_be_absent(self) -> bool:
        """Whether there may be no such entity to speak of: what a look-up finds, or does not."""
        return self.path is None or isinstance(self.path, LookupPath)


@dataclass(frozen=True, slots=True)
class ActionName:
    """The name of the action that was asked: known, and compared with names of actions."""

    text: str
    is_operand: bool = field(default=False, compare=False)
    """Whether the rule was called with it; otherwise it was read of the action."""


class ActionObject:
    """The action that was asked: its name is known, its properties are facts."""


class ContextObject:
    """The context of the request."""


class SettingsObject:
    """The settings of the pack."""


class Asker:
    """What generated rules ask about rules."""
