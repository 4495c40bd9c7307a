"""Every name in a policy is one that the schema declares, or a fault with the nearest that is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from sidecar.errors import Problem
from sidecar.polar.ast import (
    Binary,
    Call,
    Instance,
    Items,
    Literal,
    Member,
    Name,
    Node,
    Parameter,
    Term,
    Variable,
    text_of,
    walk,
)
from sidecar.polar.source import Block, Implication, Rule, Source
from sidecar.schema.messages import close_match
from sidecar.schema.model import Attribute, EntityType, Schema, polar_names

CODED_PARAMETERS = 4
"""Parameters of `forbid` and `oblige`; the last one is the reason or the obligation."""
SCALARS = ("String", "Boolean", "Integer", "Decimal", "Instant")
"""Specializers for values that are not entities."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the end of a message: the right name that was probably meant, or all of them."""
    names = sorted(known)
    close = close_match(word, names)
    if close:
        return f"did you mean `{close}`?"
    return (
        "known are " + ", ".join(f"`{name}`" for name in names[:12])
        if names
        else "none is declared"
    )


def not_there(declared: EntityType, name: str) -> str:
    """Return what is wrong with a member that a type does not have, or not in this way."""
    if name in declared.lookups:
        arguments = ", ".join(declared.lookups[name].arguments)
        return f"`{name}` of `{declared.name}` is a look-up; write `{name}({arguments})`"
    words = {*polar_names(declared.attributes), *declared.local}
    if name in words or name == "exists":
        return f"`{name}` of `{declared.name}` is no look-up; write it without brackets"
    known = {*words, *declared.lookups, "exists"}
    return f"`{declared.name}` has no `{name}`; {nearest(name, known)}"


def with_article(name: str) -> str:
    """Return a name with its article."""
    return f"an `{name}`" if name[0] in "aeio" else f"a `{name}`"


@dataclass(frozen=True)
class Names:
    """What a policy may name: the schema's nouns, and the reasons and obligations of the pack."""

    schema: Schema
    codes: Mapping[str, frozenset[str]]
    """``reason`` and ``obligation`` to the codes that have a sentence."""
    respelled: frozenset[str] = frozenset()
    """Addresses that the policy writes in several spellings, in canonical form: see `literals`."""

    @cached_property
    def classes(self) -> Mapping[str, str]:
        """The Polar classes of the entities, to the names of their types."""
        return {declared.polar: name for name, declared in self.schema.types.items()}

    @cached_property
    def actions(self) -> frozenset[str]:
        """The names of all actions of all types."""
        return frozenset(
            name for declared in self.schema.types.values() for name in declared.actions
        )

    @cached_property
    def properties(self) -> Mapping[str, Attribute]:
        """The properties of all actions, by what Polar calls them."""
        return {
            each.polar: each
            for declared in self.schema.types.values()
            for action in declared.actions.values()
            for each in action.properties.values()
        }

    @cached_property
    def members(self) -> frozenset[str]:
        """All that may stand after a dot."""
        found = {"exists", "includes", "domain", "name"}
        schema = self.schema
        found.update(polar_names(schema.context), polar_names(schema.settings), self.properties)
        found.update(schema.local_context)
        for declared in schema.types.values():
            found.update(polar_names(declared.attributes), declared.local, declared.lookups)
        return frozenset(found)

    @cached_property
    def specializers(self) -> frozenset[str]:
        """All that may stand after a colon or `matches`."""
        return frozenset({*self.classes, *SCALARS, "Action", "Actor", "Resource"})

    def check(self, source: Source) -> Iterator[Problem]:
        """Yield every name of `source` that is not declared."""
        for block in source.blocks:
            yield from self._block(block)
        for rule in source.rules:
            yield from self._codes(rule)
            for node in walk(rule.node):
                for name, message in self._node(node, source):
                    yield Problem(source.file, name.span.line, message)

    def _block(self, block: Block) -> Iterator[Problem]:
        name = self.classes.get(block.type)
        if name is None:
            yield Problem(block.file, block.line, self._no_type(block.type))
            return
        actions = self.schema.types[name].actions
        for literal in block.permissions:
            if literal.value not in actions:
                text = str(literal.value)
                message = f"`{text}` is no action of `{name}`; {nearest(text, actions)}"
                yield Problem(block.file, literal.span.line, message)
        for related in block.relations.values():
            if related.text not in self.classes:
                yield Problem(block.file, related.span.line, self._no_type(related.text))
        for each in block.implications:
            for message in _undeclared_terms(block, each):
                yield Problem(block.file, each.line, message)

    def _no_type(self, name: str) -> str:
        return f"`{name}` is no type of the schema; {nearest(name, self.classes)}"

    def _codes(self, rule: Rule) -> Iterator[Problem]:
        """Check the reason of a `forbid`, or the obligation of an `oblige`."""
        kind = {"forbid": "reason", "oblige": "obligation"}.get(rule.name)
        code = rule.literals[3] if len(rule.parameters) == CODED_PARAMETERS else None
        if kind and code is not None and code not in self.codes[kind]:
            advice = nearest(code, self.codes[kind])
            message = f"{kind} `{code}` has no sentence in reasons.yaml; {advice}"
            yield Problem(rule.file, rule.parameters[3].span.line, message)

    def _node(self, node: Node, source: Source) -> Iterator[tuple[Node, str]]:
        if isinstance(node, Member):
            yield from self._member(node)
        elif isinstance(node, Instance):
            yield from self._instance(node)
        elif isinstance(node, Binary) and node.operator.text == "matches":
            yield from self._truth(node.right)
        elif isinstance(node, Parameter) and node.specializer is not None:
            yield from self._truth(node.specializer)
        elif isinstance(node, Binary) and _is_name_of_action(node.left):
            yield from self._undeclared_actions(_compared(node))
        elif isinstance(node, Call):
            for entry in node.named:
                mend = f"write `{source.written(entry.value)}` without `{entry.key.text}:`"
                yield entry, f"a call takes no named arguments; {mend}"

    def _member(self, node: Member) -> Iterator[tuple[Node, str]]:
        name = node.member.name if isinstance(node.member, Call) else node.member
        if not isinstance(name, Name):
            return  # `checks` refuses members whose names are computed
        known = self.members
        if isinstance(node.head, Variable) and node.head.name in {"context", "settings"}:
            schema = self.schema
            declared = schema.context if node.head.name == "context" else schema.settings
            known = polar_names(declared)
            if node.head.name == "context":
                known |= schema.local_context.keys()
        if name.text not in known:
            yield name, f"nothing has a member `{name.text}` here; {nearest(name.text, known)}"

    def _instance(self, node: Instance) -> Iterator[tuple[Node, str]]:
        """Check a type, and the fields in `Document{status: "draft"}`."""
        type_name = node.type.text
        if type_name not in self.specializers:
            advice = nearest(type_name, self.specializers)
            yield node, f"`{type_name}` is no type of the schema; {advice}"
            return
        known: frozenset[str] = frozenset()
        if type_name == "Action":
            known = frozenset({"name", *self.properties})
        elif type_name in self.classes:
            declared = self.schema.types[self.classes[type_name]]
            known = frozenset({"exists", *polar_names(declared.attributes), *declared.local})
        for entry in node.fields.entries if node.fields is not None else ():
            key = entry.key.text
            if key not in known:
                message = f"`{type_name}` has no member `{key}`; {nearest(key, known)}"
                yield entry, message
            elif type_name == "Action" and key == "name":
                yield from self._undeclared_actions([entry.value])

    def _truth(self, pattern: Term) -> Iterator[tuple[Node, str]]:
        """Find `true` or `false` where a type should stand."""
        if isinstance(pattern, Literal) and isinstance(pattern.value, bool):
            word = "true" if pattern.value else "false"
            yield pattern, f"`{word}` is no type of the schema; write `= {word}` in a condition"

    def _undeclared_actions(self, terms: Iterable[Term]) -> Iterator[tuple[Node, str]]:
        for term in terms:
            text = text_of(term)
            if text is not None and text not in self.actions:
                yield term, f"`{text}` is no action of any type; {nearest(text, self.actions)}"


def _undeclared_terms(block: Block, implication: Implication) -> Iterator[str]:
    """Yield what a line of a block names and the block does not declare.

    What a related type declares in a block of its own, Oso knows.
    """
    relation, terms = implication.relation, [implication.granted]
    if relation is None or (relation in block.relations and _is_own(block, relation)):
        terms.append(implication.implier)
    for term in dict.fromkeys(terms):
        if term not in block.names:
            message = f"`{term}` is no role, permission or relation of this block"
            yield f"{message}; {nearest(term, block.names)}"
    if relation is not None and relation not in block.relations:
        yield f"`{relation}` is no relation of this block; {nearest(relation, block.relations)}"


def _is_own(block: Block, relation: str) -> bool:
    return block.relations[relation].text == block.type


def _is_name_of_action(term: Term) -> bool:
    return (
        isinstance(term, Member)
        and isinstance(term.member, Name)
        and term.member.text == "name"
        and isinstance(term.head, Variable)
        and term.head.name == "action"
    )


def _compared(node: Binary) -> Sequence[Term]:
    """Return what the left side of a comparison is compared with: a term, or those of a list."""
    if node.operator.text in {"=", "==", "!="}:
        return (node.right,)
    if node.operator.text == "in" and isinstance(node.right, Items):
        return node.right.items
    return ()
