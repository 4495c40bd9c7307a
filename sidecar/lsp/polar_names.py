"""The names in a Polar file. Types are followed from parameters through attributes and look-ups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sidecar.lsp.names import (
    ACTION,
    ATTRIBUTE,
    CONTEXT,
    OBLIGATION,
    OF_ACTION,
    REASON,
    RELATION,
    ROLE,
    RULE,
    SETTING,
    TYPE,
    VALUE,
    Occurrence,
    Symbol,
)
from sidecar.polar.ast import (
    Binary,
    Call,
    Dictionary,
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
from sidecar.polar.source import Block, Rule, Source
from sidecar.schema import Schema
from sidecar.schema.model import Kind, ValueType, by_polar_name

KIND_OF_RULE = {"has_permission": ACTION, "has_role": ROLE, "has_relation": RELATION}
"""Rules to what their second argument names by a text."""
_CODES = {"forbid": REASON, "oblige": OBLIGATION}
_KNOWN = {"settings": SETTING, "context": CONTEXT}
_ACTION_CLASS = "Action"
_SUBJECT_ACTION_RESOURCE = 3


def names_in_source(source: Source, schema: Schema | None) -> Iterator[Occurrence]:
    """Yield the names in a Polar file.

    Args:
        source: The file.
        schema: What it may name; None if that is not known.
    """
    types = Types(schema)
    for block in source.blocks:
        yield from _names_in_block(block, types)
    for rule in source.rules:
        yield from _RuleNames(rule, types).names()


class Types:
    """The types of a schema, as Polar names them."""

    def __init__(self, schema: Schema | None) -> None:
        """Prepare to follow types; without a schema none is known."""
        self.schema = schema
        self._names = {each.polar: name for name, each in schema.types.items()} if schema else {}

    def of_class(self, name: str) -> str:
        """Return the type that Polar calls so; for actions and others, the name itself."""
        return self._names.get(name, name)

    def has_action(self, owner: str, name: str) -> bool:
        """Tell whether a type has an action."""
        declared = self.schema.types.get(owner) if self.schema else None
        return declared is not None and name in declared.actions

    def value_type(self, owner: str, name: str) -> ValueType | None:
        """Return the type of an attribute by its name in Polar, None if it is not known."""
        declared = self.schema.types.get(owner) if self.schema else None
        attribute = by_polar_name(declared.attributes, name) if declared is not None else None
        return attribute.type if attribute is not None else None

    def after(self, owner: str, member: Name | Call) -> str:
        """Return the type of what a member names; empty if it is none of the schema."""
        if isinstance(member, Call):
            declared = self.schema.types.get(owner) if self.schema else None
            found = declared.lookups.get(member.name.text) if declared is not None else None
            return found.finds if found is not None else ""
        value = self.value_type(owner, member.text)
        return value.target if value is not None and value.kind is Kind.REFERENCE else ""


def _quoted(literal: Literal, symbol: Symbol, *, declares: bool = False) -> Occurrence:
    return Occurrence(symbol, literal.span.start + 1, literal.span.end - 1, declares)


def _word(node: Node, symbol: Symbol, *, declares: bool = False) -> Occurrence:
    return Occurrence(symbol, node.span.start, node.span.end, declares)


def _names_in_block(block: Block, types: Types) -> Iterator[Occurrence]:
    own = types.of_class(block.type)
    yield _word(block.node.type, Symbol(TYPE, own))
    for role in block.roles:
        yield _quoted(role, Symbol(ROLE, str(role.value), own), declares=True)
    for permission in block.permissions:
        yield _quoted(permission, Symbol(ACTION, str(permission.value), own))
    for declaration in block.node.declarations:
        if isinstance(declaration.value, Dictionary):
            for entry in declaration.value.entries:
                yield _word(entry.key, Symbol(RELATION, entry.key.text, own), declares=True)
    for name in block.relations.values():
        yield _word(name, Symbol(TYPE, types.of_class(name.text)))

    def granted(literal: Literal, owner: str) -> Occurrence:
        text = str(literal.value)
        asked = block.names.get(text) if owner == own else None
        kind = KIND_OF_RULE.get(asked or "", ACTION if types.has_action(owner, text) else ROLE)
        return _quoted(literal, Symbol(kind, text, owner))

    for rule in block.node.rules:
        yield granted(rule.head, own)
        owner = own
        if rule.relation is not None:
            yield _quoted(rule.relation, Symbol(RELATION, str(rule.relation.value), own))
            related = block.relations.get(str(rule.relation.value))
            owner = types.of_class(related.text) if related is not None else ""
        yield granted(rule.implier, owner)


class _RuleNames:
    """The names in one rule."""

    def __init__(self, rule: Rule, types: Types) -> None:
        self._rule, self._types = rule, types
        self._variables = dict(self._parameter_types())
        for node in walk(rule.body) if rule.body is not None else ():
            match node:
                case Binary(left=Variable(name=name), operator=Name(text="=" | ":=")):
                    if found := self._type_of(node.right):
                        self._variables.setdefault(name, found)
                case _:
                    pass

    def names(self) -> Iterator[Occurrence]:
        """Yield all of them."""
        rule = self._rule
        yield _word(rule.node.head.name, Symbol(RULE, rule.name), declares=True)
        code = rule.parameters[-1].term if rule.parameters else None
        if rule.name in _CODES and isinstance(code, Literal) and text_of(code):
            yield _quoted(code, Symbol(_CODES[rule.name], str(code.value)))
        yield from self._named_by_text(rule.name, [each.term for each in rule.parameters])
        for call in rule.calls():
            yield _word(call.name, Symbol(RULE, call.name.text))
        for node in walk(rule.node):
            if isinstance(node, Instance):
                yield from self._instance(node)
            elif isinstance(node, Call):
                yield from self._named_by_text(node.name.text, node.arguments)
            elif isinstance(node, Member):
                yield from self._member(node)
            elif isinstance(node, Binary):
                yield from self._comparison(node)

    def _parameter_types(self) -> Iterator[tuple[str, str]]:
        for parameter in self._rule.parameters:
            if isinstance(parameter.term, Variable) and (found := self._specializer(parameter)):
                yield parameter.term.name, found

    def _specializer(self, parameter: Parameter) -> str:
        pattern = parameter.specializer
        return self._types.of_class(pattern.type.text) if isinstance(pattern, Instance) else ""

    def _resource(self) -> str:
        """Return the type of the resource, the third parameter of rules with an action."""
        parameters = self._rule.parameters
        if len(parameters) < _SUBJECT_ACTION_RESOURCE:
            return ""
        found = self._specializer(parameters[2])
        return found if self._types.schema and found in self._types.schema.types else ""

    def _named_by_text(self, rule: str, arguments: Sequence[Term]) -> Iterator[Occurrence]:
        """Yield the role, permission or relation that `has_role` and the others name."""
        if rule in KIND_OF_RULE and len(arguments) == _SUBJECT_ACTION_RESOURCE:
            named, owner = arguments[1], self._type_of(arguments[2])
            if isinstance(named, Literal):
                yield _quoted(named, Symbol(KIND_OF_RULE[rule], str(named.value), owner))

    def _instance(self, node: Instance) -> Iterator[Occurrence]:
        owner = self._types.of_class(node.type.text)
        if owner != _ACTION_CLASS:
            yield _word(node.type, Symbol(TYPE, owner))
        for entry in node.fields.entries if node.fields is not None else ():
            if owner == _ACTION_CLASS and entry.key.text == "name":
                yield from self._actions((entry.value,))
            else:
                of = OF_ACTION if owner == _ACTION_CLASS else owner
                yield _word(entry.key, Symbol(ATTRIBUTE, entry.key.text, of))
                yield from self._values(of, entry.key.text, (entry.value,))

    def _member(self, node: Member) -> Iterator[Occurrence]:
        name = node.member.name if isinstance(node.member, Call) else node.member
        if not isinstance(name, Name):
            return
        if isinstance(node.head, Variable) and node.head.name in _KNOWN:
            yield _word(name, Symbol(_KNOWN[node.head.name], name.text))
            return
        owner = self._type_of(node.head)
        if not (owner == _ACTION_CLASS and name.text == "name"):
            of = OF_ACTION if owner == _ACTION_CLASS else owner
            yield _word(name, Symbol(ATTRIBUTE, name.text, of))

    def _comparison(self, node: Binary) -> Iterator[Occurrence]:
        """Yield the actions and values that a member is compared with."""
        texts = node.right.items if isinstance(node.right, Items) else (node.right,)
        match node.left:
            case Member(head=head, member=Name(text=name)):
                owner = self._type_of(head)
                if owner == _ACTION_CLASS and name == "name":
                    yield from self._actions(texts)
                else:
                    yield from self._values(owner, name, texts)
            case _:
                pass

    def _actions(self, terms: Sequence[Term]) -> Iterator[Occurrence]:
        for term in terms:
            if isinstance(term, Literal) and text_of(term) is not None:
                yield _quoted(term, Symbol(ACTION, str(term.value), self._resource()))

    def _values(self, owner: str, name: str, terms: Sequence[Term]) -> Iterator[Occurrence]:
        """Yield the values of enums among terms that an attribute is compared with."""
        declared = self._types.value_type(owner, name)
        if declared is None or declared.kind is not Kind.ENUM:
            return
        for term in terms:
            if isinstance(term, Literal) and text_of(term) is not None:
                yield _quoted(term, Symbol(VALUE, str(term.value), declared.name))

    def _type_of(self, term: Term) -> str:
        """Return the type of what a term names; empty if it is none of the schema."""
        members: list[Name | Call] = []
        while isinstance(term, Member):
            if not isinstance(term.member, Name | Call):
                return ""
            members.append(term.member)
            term = term.head
        found = self._variables.get(term.name, "") if isinstance(term, Variable) else ""
        for member in reversed(members):
            found = self._types.after(found, member)
        return found
