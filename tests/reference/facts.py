"""What a rule can read: the facts of a snapshot, and what the caller of one request says."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from tests.reference.errors import OutsideDomainError, RuleFault, TooDeep
from tests.reference.schema import Attribute, Schema, Term
from tests.reference.values import (
    ABSENT,
    Absent,
    Entity,
    Kind,
    Value,
    as_kind,
    domain_of,
    includes,
)
from tests.reference.world import EXISTENCE, Facts

Said = Mapping[str, Value | Entity | OutsideDomainError]
"""What a caller says, by attribute; a fault stands for a value outside its domain."""


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """The action, the context or the settings of a request."""

    name: str
    members: Mapping[str, Term]


@dataclass(frozen=True, slots=True)
class Request:
    """One request in canonical form."""

    subject: Entity
    action: str
    resource: Entity
    said: Mapping[str, Said]
    """Properties of `subject` and `resource`."""
    action_properties: Mapping[str, Term]
    context: Mapping[str, Term]
    creates: bool
    is_readable: bool
    """Whether every declared member lies in its domain; nothing is granted otherwise."""


def members(attributes: Mapping[str, Attribute], said: Said) -> dict[str, Term]:
    """Return what rules read of the action, the context or the settings."""
    found: dict[str, Term] = {}
    for name, attribute in attributes.items():
        value = said.get(name) or attribute.default
        found[attribute.polar] = value if isinstance(value, Value | Entity) else ABSENT
    return found


@dataclass(slots=True)
class Reader:
    """Reads members of terms for the rules of one request."""

    facts: Facts
    request: Request
    settings: Mapping[str, Term]
    now: datetime
    action: Record = field(init=False)
    records: Mapping[str, Record] = field(init=False)

    def __post_init__(self) -> None:
        name = Value("string", self.request.action)
        self.action = Record("action", {**self.request.action_properties, "name": name})
        context: dict[str, Term] = {**self.request.context, "now": Value("instant", self.now)}
        for member, part in self.schema.context_parts.items():
            context[member] = part.value(context[part.of.polar])
        self.records = {
            "context": Record("context", context),
            "settings": Record("settings", self.settings),
        }

    @property
    def schema(self) -> Schema:
        """The schema of the pack."""
        return self.facts.schema

    def exists(self, term: object) -> bool:
        """Return whether a term is there: a value, or an entity that exists."""
        return self.facts.exists(term) if isinstance(term, Entity) else term is not ABSENT

    def member(self, term: object, name: str) -> Term:
        """Return an attribute of a term, or the row of a look-up without arguments."""
        if name == "exists":
            return Value("boolean", self.exists(term))
        if isinstance(term, Absent):
            return ABSENT
        if isinstance(term, Entity):
            if term.role == EXISTENCE:
                raise RuleFault(f"only the existence of any {term.type} can be read, not {name}")
            declared = self.schema.types.get(term.type)
            if declared is None:
                return ABSENT
            if name in declared.parts:
                part = declared.parts[name]
                return part.value(self._attribute(term, part.of))
            if name in declared.members:
                return along(term, declared.members[name], self._attribute)
            return self.ask(term, name, ())
        if isinstance(term, Record):
            # A property that another action declares is absent.
            return term.members.get(name, ABSENT)
        if isinstance(term, Value) and term.kind == "email" and name == "domain":
            return domain_of(term)
        raise RuleFault(f"{term!r} has no member {name}")

    def _attribute(self, entity: Entity, attribute: Attribute) -> Term:
        """Return the stored value, or else the caller's, or else the default."""
        name = attribute.name
        row = self.facts.row(entity)
        if name in self.schema.types[entity.type].key or (row and name in row.values):
            return self.facts.stored(entity, name)
        said = self.request.said.get(entity.role, {}).get(name)
        if said is not None:
            return ABSENT if isinstance(said, OutsideDomainError) else said
        if self.request.creates and entity.role == "resource":
            return attribute.default or ABSENT
        return self.facts.stored(entity, name)

    def ask(self, term: object, name: str, arguments: Sequence[object]) -> Term:
        """Return the result of a look-up, or of `includes`."""
        if isinstance(term, Absent):
            return Value("boolean", raw=False) if name == "includes" else ABSENT
        if isinstance(term, Value) and term.kind.startswith("set ") and name == "includes":
            return Value("boolean", includes(term, *arguments))
        if not isinstance(term, Entity):
            raise RuleFault(f"{term!r} has no look-up {name}")
        declared = self.schema.types.get(term.type)
        if declared is None:
            return ABSENT
        look_up = declared.look_ups.get(name)
        if look_up is None or len(look_up.arguments) != len(arguments):
            raise RuleFault(f"{term.type} has no look-up {name}")
        kinds = zip(look_up.arguments.values(), arguments, strict=True)
        typed = [argument_of_kind(kind, argument) for kind, argument in kinds]
        if look_up.several == "any":
            return self.facts.any_row(look_up, term, typed, self.now)
        return self.facts.find(term.type, name, term, typed)


def along(entity: Entity, attribute: Attribute, read: Callable[[Entity, Attribute], Term]) -> Term:
    """Return an attribute; count the references of declared depth that follow each other."""
    found = read(entity, attribute)
    if not attribute.depth or not isinstance(found, Entity):
        return found
    name, steps = entity.along
    steps = steps + 1 if name == attribute.name else 1
    if steps > attribute.depth:
        raise TooDeep(f"{entity} has more than {attribute.depth} {attribute.name}")
    return replace(found, along=(attribute.name, steps))


def argument_of_kind(kind: Kind, term: object) -> Term:
    """Return an argument of a look-up in the type that the look-up declares."""
    if isinstance(term, Absent):
        return ABSENT
    if isinstance(term, Entity) and kind.base == "reference" and term.type == kind.name:
        return term if term.key else ABSENT
    if isinstance(term, Value) and as_kind(term, str(kind)).kind == str(kind):
        return as_kind(term, str(kind))
    raise RuleFault(f"{term!r} is no argument of type {kind}")
