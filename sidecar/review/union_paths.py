"""The paths of a pack in the union of two schemas: their names there, and what they depend on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace as replace_fields

from sidecar.diagram.path_types import PathTypes
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
    within,
)
from sidecar.diagram.questions import Includes, Order, Question, RuleHolds, Same, Tested, facts_of
from sidecar.review.schema_union import Declared, Union
from sidecar.schema import EntityType


class UnionPaths:
    """The paths of one pack, for one type of subject and one type of resource."""

    def __init__(self, union: Union, own: PathTypes) -> None:
        """Prepare to read paths.

        Args:
            union: Of the schemas of both packs.
            own: The types of paths by the schema of this pack.
        """
        self._union = union
        self._own = own

    # --- what means something else in the other pack ---------------------------------------------

    def reasons(self, action: str | None, questions: Iterable[Question]) -> tuple[str, ...]:
        """Return why what asks these questions cannot be compared; nothing where it can.

        Args:
            action: The name of the action; None where its properties are of any action.
            questions: The questions; subject and resource are looked at anyway.
        """
        if not self._union.changed:
            return ()
        met: set[Declared] = set()
        paths = (path for question in questions for path in facts_of(question))
        for part in within(SUBJECT, RESOURCE, *paths):
            self._visit(part, met)
        resource = self._own.type_of(RESOURCE).name
        changed = self._union.changed.items()
        return tuple(
            dict.fromkeys(text for each, text in changed if _is_met(each, met, resource, action))
        )

    def _visit(self, part: Operand, met: set[Declared]) -> None:
        """Add everything on which the last step of a path depends."""
        types = self._own.schema.types
        match part:
            case Member(base, name) if base in {ACTION, CONTEXT}:
                met.add(("property" if base == ACTION else "context", name))
            case Member(base, name) if base != SETTINGS and self._own.is_entity(base):
                self._steps(self._own.type_of(base), (name,), met)
            case LookupPath():
                lookup = self._own.lookup(part)
                for name, steps in lookup.reads():
                    self._steps(types[name], steps, met)
                self._entity(types[lookup.finds], met)
            case _ if part in {SUBJECT, RESOURCE}:
                self._entity(self._own.type_of(part), met)
            case _:
                pass

    def _entity(self, declared: EntityType, met: set[Declared]) -> None:
        if ("type", declared.name) not in met:
            met.add(("type", declared.name))
            met.update(("attribute", declared.name, name) for name in declared.current)
            if declared.implied is not None:
                self._steps(declared, declared.implied[0], met)

    def _steps(self, owner: EntityType, steps: Sequence[str], met: set[Declared]) -> None:
        self._entity(owner, met)
        for name in steps:
            met.add(("attribute", owner.name, name))
            target = owner.attributes[name].type.target
            if target:
                owner = self._own.schema.types[target]
                self._entity(owner, met)

    # --- names in the union ----------------------------------------------------------------------

    def renamed(self, question: Tested) -> Tested:
        """Return a question of the old pack with the names of the union."""
        if not self._union.renamed:
            return question
        match question:
            case Order(left, right) | Same(left, right):
                return type(question)(self._path(left), self._path(right))
            case Includes(members, value):
                return Includes(self._path(members), self._operand(value))
            case RuleHolds(name, operands):
                return RuleHolds(name, tuple(map(self._operand, operands)))
            case _:
                return replace_fields(question, path=self._path(question.path))

    def _operand(self, operand: Operand) -> Operand:
        return operand if isinstance(operand, Literal) else self._path(operand)

    def _path(self, path: Path) -> Path:
        match path:
            case Member(base, name) if base == SETTINGS:
                return Member(SETTINGS, self._union.renamed.get(("", name), name))
            case Member(base, name):
                return Member(self._path(base), name)
            case LookupPath(base, name, operands):
                name = self._union.renamed.get((self._own.type_of(base).name, name), name)
                return LookupPath(self._path(base), name, tuple(map(self._operand, operands)))
            case _:
                return path


def _is_met(changed: Declared, met: set[Declared], resource: str, action: str | None) -> bool:
    """Tell whether questions depend on a declaration, for an action on a type of resource."""
    if changed[0] != "property":
        return changed in met
    _, owner, of, name = changed
    return owner == resource and action in {None, of} and ("property", name) in met
