"""Two schemas as one, so that two packs can be compared in the states of both.

What only one of them declares stands in the union, and what one allows the other allows there too:
a pack then denies what it does not know. A look-up that both declare differently is two look-ups.
A fact that means something else in one than in the other has no place in the union: what looks at
it is not compared (`Union.reasons`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from msgspec.structs import replace as replace_fields

from sidecar.diagram.paths import (
    ACTION,
    CONTEXT,
    RESOURCE,
    SETTINGS,
    SUBJECT,
    Literal,
    LookupPath,
    Member,
    Operand,
    Path,
    Root,
)
from sidecar.diagram.questions import Includes, Order, Question, Same, Tested, facts_of
from sidecar.review.schema_widening import OLD, Touched, Widening
from sidecar.schema import EntityType, Schema, Value


@dataclass(frozen=True, slots=True)
class Union:
    """The union of two schemas, and of their settings."""

    schema: Schema
    settings: Mapping[str, Value]
    renamed: Mapping[tuple[str, str], str]
    """(type, look-up), or ("", setting), of the old pack, to its name in the union."""
    changed: Mapping[Touched, str]
    """What means something else in one pack than in the other, and a sentence that says so."""

    def rename(self, question: Tested, owners: Mapping[Path, EntityType]) -> Tested:
        """Return a question of the old pack with the names of the union.

        Args:
            question: The question.
            owners: The old types of the subject and the resource.
        """
        return _Renaming(self, owners).question(question)

    def reasons(
        self, own: Schema, scope: tuple[str, str], action: str | None, questions: Iterable[Question]
    ) -> tuple[str, ...]:
        """Return why what asks these questions cannot be compared; nothing where it can.

        Args:
            own: The schema of the pack that asks them.
            scope: The types of subject and resource, both of which are looked at anyway.
            action: The name of the action; None where its properties are of any action.
            questions: The questions.
        """
        if not self.changed:
            return ()
        touching = _Touching(own, scope)
        met: set[Touched] = {("type", name) for name in scope}
        for question in questions:
            for path in facts_of(question):
                touching.visit(path, met)
        return tuple(
            dict.fromkeys(
                sentence
                for changed, sentence in self.changed.items()
                if changed in met
                or (
                    changed[0] == "property"
                    and changed[1] == scope[1]
                    and action in {None, changed[2]}
                    and ("property", changed[3]) in met
                )
            )
        )


class _Touching:
    """Finds what the paths of one pack look at."""

    def __init__(self, schema: Schema, scope: tuple[str, str]) -> None:
        self._types = schema.types
        self._roots = dict(zip((SUBJECT, RESOURCE), scope, strict=True))

    def visit(self, path: Operand, met: set[Touched]) -> EntityType | None:
        """Add all that leads to what is at a path; return its type where it is an entity."""
        match path:
            case Member(base, name) if base in {ACTION, CONTEXT}:
                met.add(("property" if base == ACTION else "context", name))
                return None
            case Member(base, name):
                return self._steps(self.visit(base, met), (name,), met)
            case LookupPath(base, name, operands):
                owner = self.visit(base, met)
                for operand in operands:
                    self.visit(operand, met)
                return self._found(owner, name, met)
            case _:
                return self._entity(self._roots[path], met) if path in self._roots else None

    def _found(self, owner: EntityType | None, name: str, met: set[Touched]) -> EntityType | None:
        if owner is None or name not in owner.lookups:
            return None
        lookup = owner.lookups[name]
        for type_name, steps in lookup.reads():
            self._steps(self._entity(type_name, met), steps, met)
        return self._entity(lookup.finds, met)

    def _entity(self, name: str, met: set[Touched]) -> EntityType | None:
        if name not in self._types:
            return None
        new = ("type", name) not in met
        met.add(("type", name))
        declared = self._types[name]
        if declared.implied is not None and new:
            self._steps(declared, declared.implied[0], met)
        return declared

    def _steps(
        self, owner: EntityType | None, steps: Sequence[str], met: set[Touched]
    ) -> EntityType | None:
        for name in steps:
            if owner is None or name not in owner.attributes:
                return None
            met.add(("attribute", owner.name, name))
            declared = owner.attributes[name].type
            owner = self._entity(declared.target, met) if declared.target else None
        return owner


class _Renaming:
    def __init__(self, union: Union, owners: Mapping[Path, EntityType]) -> None:
        self._union = union
        self._owners = owners

    def question(self, question: Tested) -> Tested:
        match question:
            case Order(left, right) | Same(left, right):
                return type(question)(self.path(left), self.path(right))
            case Includes(members, value):
                return Includes(self.path(members), self.operand(value))
            case _:
                return replace_fields(question, path=self.path(question.path))

    def operand(self, operand: Operand) -> Operand:
        return operand if isinstance(operand, Literal) else self.path(operand)

    def path(self, path: Path) -> Path:
        match path:
            case Member(base, name) if base == SETTINGS:
                return Member(SETTINGS, self._union.renamed.get(("", name), name))
            case Member(base, name):
                return Member(self.path(base), name)
            case LookupPath(base, name, operands):
                name = self._union.renamed.get((self._type_of(base), name), name)
                return LookupPath(self.path(base), name, tuple(map(self.operand, operands)))
            case _:
                return path

    def _type_of(self, path: Path) -> str:
        if isinstance(path, Root):
            return self._owners[path].name
        owner = self._union.schema.types[self._type_of(path.base)]
        if isinstance(path, LookupPath):
            return owner.lookups[path.name].finds
        return owner.attributes[path.name].type.target


def unite(
    old: Schema, new: Schema, old_settings: Mapping[str, Value], new_settings: Mapping[str, Value]
) -> Union:
    """Return the union of two schemas."""
    changed: dict[Touched, str] = {}
    renamed: dict[tuple[str, str], str] = {}
    settings: dict[str, Value] = {**old_settings, **new_settings}
    declared = {**old.settings, **new.settings}
    for name in old_settings.keys() & new_settings.keys():
        if isinstance(old_settings[name], frozenset) and old_settings[name] != new_settings[name]:
            renamed["", name] = name + OLD
            settings[name + OLD] = old_settings[name]
            declared[name + OLD] = replace(old.settings[name], name=name + OLD)
    enums = {**old.enums, **new.enums}
    for name in old.enums.keys() & new.enums.keys():
        known = {value.name for value in new.enums[name]}
        enums[name] = (
            *new.enums[name],
            *(value for value in old.enums[name] if value.name not in known),
        )
    widening = Widening(
        {name: tuple(value.name for value in values) for name, values in enums.items()}, changed
    )
    types = {
        name: widening.type(old.types.get(name), new.types.get(name), renamed)
        for name in dict.fromkeys((*new.types, *old.types))
    }
    context = widening.attributes(("context",), old.context, new.context)
    schema = replace(
        new, types=types, enums=enums, context=context, settings=declared, revision=new.revision
    )
    return Union(schema, settings, renamed, changed)
