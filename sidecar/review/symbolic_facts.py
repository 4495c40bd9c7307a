"""The facts of any mount and request as terms of a solver, under the laws that every mount keeps.

What a path means is defined in `engine.fact_paths`. The laws are those by which a snapshot is
built (`facts`): a row has its required attributes, a reference that may not dangle leads to
something, one key has one row, and a look-up finds the row that matches, or the one that it
prefers, and nothing only where none does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from sidecar.diagram.paths import (
    ACTION,
    CONTEXT,
    NOW,
    RESOURCE,
    SETTINGS,
    LookupPath,
    Member,
    Operand,
    Path,
)
from sidecar.engine.fact_paths import ROOTS, FactPaths
from sidecar.review.calendar_terms import CalendarTerms
from sidecar.review.formulas import FALSE, TRUE, Term, Terms, all_of, any_of, negated
from sidecar.review.lookup_terms import Search
from sidecar.review.row_terms import Entity, Reading, RowTerms
from sidecar.review.terms import Vocabulary
from sidecar.schema import Attribute, EntityType, Kind, Schema, Value, ValueType
from sidecar.schema.local_time import LocalPart


@dataclass(frozen=True, slots=True, eq=False)
class CallerValue:
    """What a caller sends as one member of a request."""

    base: Path
    attribute: Attribute
    value: Terms
    is_sent: Term
    is_refused: Term
    """Whether it is sent, and outside its domain, so that the default does not apply."""


class SymbolicFacts(FactPaths[Reading, Term]):
    """Reads paths as terms, and says what laws there are about them."""

    def __init__(
        self,
        schema: Schema,
        settings: Mapping[str, Value],
        types: tuple[EntityType, EntityType],
        terms: Vocabulary,
    ) -> None:
        super().__init__(schema, settings, *types)
        self.terms = terms
        self.caller_values: dict[Member, CallerValue] = {}
        self.mount = RowTerms(schema, terms, lambda: self.comparable(NOW))
        self.calendar = CalendarTerms(terms)
        self._readings: dict[Path, Reading] = {}

    # --- paths -----------------------------------------------------------------------------------

    def comparable(self, path: Path) -> Reading:
        """Return what is at a path: a value, or the key of an entity."""
        known = self._readings.get(path)
        if known is None:
            known = self._readings[path] = super().comparable(path)
            if self.is_entity(path):
                self.mount.note(Entity(self.type_of(path), known.value))
        return known

    def constant(self, value: Value, declared: ValueType) -> Reading:
        """Return a value of a type that is always the same."""
        return self.mount.constant(value, declared)

    def key_sent(self, root: Path) -> Reading:
        """Return the key that the id of the subject or the resource names."""
        declared = self.type_of(root)
        key = tuple(
            self.mount.plain(f"{root.name}.{column}", declared.attributes[column], ())[0]
            for column in declared.key
        )
        if declared.keeps_any_id:
            return Reading(key, TRUE)
        present = self.terms.flag(f"{root.name} has a key")
        for part in key:
            self.terms.imply(present, self.terms.is_proper(part))
        return Reading(key, present)

    def sent(self, base: Path, name: str) -> Reading:
        """Return what the caller sent as an attribute or a property, or else its default."""
        attribute = self.attribute(Member(base, name))
        if base in ROOTS:
            default = self.given(
                self._has_defaults(base), self.constant(attribute.default, attribute.type)
            )
            if not attribute.caller:
                return default
            sent = self._caller_value(base, attribute)
            return self.first(
                Reading(sent.value, sent.is_sent), self.given(negated(sent.is_refused), default)
            )
        # Which action it is, and so what its defaults are, is open; a default that applies is no
        # other than one that is sent.
        sent = self._caller_value(base, attribute)
        is_flag = attribute.default is not None and attribute.type.is_flag
        certain = base == CONTEXT and (name == "now" or is_flag)
        return Reading(sent.value, TRUE if certain else sent.is_sent)

    def _has_defaults(self, base: Path) -> Term:
        creates = any(each.creates for each in self.type_of(base).actions.values())
        if base == RESOURCE and creates:
            # The action is still open: it may make the resource, which then has its defaults.
            return any_of([self.exists(base), self.terms.flag("the action creates")])
        return self.exists(base)

    def _caller_value(self, base: Path, attribute: Attribute) -> CallerValue:
        path = Member(base, attribute.name)
        if path not in self.caller_values:
            terms, name = self.terms, f"{base.name} sent {attribute.name}"
            # A boolean is either, or of the wrong JSON type.
            refusable = attribute.default is not None and not attribute.type.is_flag
            self.caller_values[path] = CallerValue(
                base=base,
                attribute=attribute,
                value=self.mount.plain(name, self._of_all_actions(base, attribute), ()),
                is_sent=terms.flag(f"is {name}"),
                is_refused=terms.flag(f"is refused {name}") if refusable else FALSE,
            )
        return self.caller_values[path]

    def _of_all_actions(self, base: Path, attribute: Attribute) -> Attribute:
        """Return a property with the values that any action of the resource lets it have."""
        if base != ACTION or not attribute.only:
            return attribute
        actions = self.type_of(RESOURCE).actions.values()
        of_name = (each.properties.get(attribute.name) for each in actions)
        domains = [each.only for each in of_name if each is not None] or [attribute.only]
        only = dict.fromkeys(chain.from_iterable(domains) if all(domains) else ())
        return replace(attribute, only=tuple(only))

    def column(self, path: Path, attribute: Attribute) -> Reading:
        """Return a value of the row of an entity."""
        owner = self.comparable(path)
        stored = self.mount.cell(Entity(self.type_of(path), owner.value), attribute.name)
        return self.given(owner.present, stored)

    def key_of_row(self, path: LookupPath) -> Reading:
        """Return the key of the row that a look-up finds."""
        search, is_asked = self._search(path)
        return Reading(search.rows[0].key, all_of([search.hit, is_asked]))

    def _search(self, path: LookupPath) -> tuple[Search, Term]:
        """Return what a look-up finds, and whether everything is there that it is asked with."""
        given = self.arguments(path)
        search = self.mount.lookups.search(self.type_of(path.base), self.lookup(path), given)
        return search, all_of(each.present for each in given)

    def has_row(self, path: Path) -> Term:
        """Tell whether an entity has a row."""
        if isinstance(path, LookupPath) and self.lookup(path).finds_any:
            search, is_asked = self._search(path)
            return all_of([search.hit, is_asked])
        owner = self.comparable(path)
        if isinstance(path, LookupPath) and not self.names_key(path):
            return owner.present
        return all_of([owner.present, self.mount.row(Entity(self.type_of(path), owner.value))])

    def first(self, preferred: Reading, other: Reading) -> Reading:
        """Return a value, or another one where it is absent."""
        return self.mount.first(preferred, other)

    def given(self, condition: Term, value: Reading) -> Reading:
        """Return a value where a condition holds, and absent elsewhere."""
        return self.mount.given(condition, value)

    def part(self, key: Reading, declared: EntityType, name: str) -> Reading:
        """Return one column of a key."""
        return Reading((key.value[declared.key.index(name)],), key.present)

    def whole(self, parts: Sequence[Reading]) -> Reading:
        """Return the key of these columns; absent where one of them is."""
        key = tuple(term for part in parts for term in part.value)
        return Reading(key, all_of(part.present for part in parts))

    def domain(self, address: Reading) -> Reading:
        """Return the domain of an address."""
        return Reading((self.terms.domain_of(address.value[0]),), address.present)

    def local(self, instant: Reading, part: LocalPart) -> Reading:
        """Return the hour, the weekday or the date of an instant."""
        if instant.present == FALSE:
            return Reading((), FALSE)
        return Reading((self.calendar.part(instant.value[0], part),), instant.present)

    def is_present(self, value: Reading) -> Term:
        """Tell whether a value is there."""
        return value.present

    def is_id(self, value: Reading) -> Term:
        """Tell whether a text can be an id."""
        return self.terms.is_proper(value.value[0])

    def same(self, left: Reading, right: Reading) -> Term:
        """Tell whether two values are there and equal."""
        return self.mount.same(left, right)

    def either(self, left: Term, right: Term) -> Term:
        """Tell whether one of two conditions holds."""
        return any_of([left, right])

    # --- sets ------------------------------------------------------------------------------------

    def includes(self, members: Path, operand: Operand) -> Reading:
        """Return whether a set includes a value, and whether both are there."""
        declared = self.attribute(members).type.element
        assert declared is not None  # noqa: S101 - only sets include something
        held, member = self.comparable(members), self.operand(operand, declared)
        present = all_of([held.present, member.present])
        assert isinstance(members, Member)  # noqa: S101 - only an attribute is a set
        if members.base == SETTINGS:
            known = self.settings.get(members.name)
            values = known if isinstance(known, frozenset) else frozenset()
            among = self.mount.sets.is_among(values, members.name, declared, member.value)
            return Reading((among,), present)
        if self.entity_at(members.base) is not None:
            self._refer_members(members, declared, member)
        return Reading((self.mount.sets.holds(declared, held.value, member.value),), present)

    def _refer_members(self, members: Member, declared: ValueType, member: Reading) -> None:
        base, attribute = members.base, self.attribute(members)
        if declared.kind is Kind.REFERENCE and not attribute.may_dangle:
            owner = Entity(self.type_of(base), self.comparable(base).value)
            stored = self.mount.cell(owner, attribute.name)
            holds = self.mount.sets.holds(declared, stored.value, member.value)
            target = Entity(self.schema.types[declared.target], member.value)
            condition = all_of([stored.present, holds])
            self.terms.imply(condition, self.mount.is_there(target))
