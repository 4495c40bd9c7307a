"""Every name in a policy is one that the schema declares, or a fault with the nearest that is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from sidecar.errors import Problem
from sidecar.polar.source import Block, Rule, Source
from sidecar.polar.tokens import Token, closing
from sidecar.schema.messages import close_match
from sidecar.schema.model import Attribute, EntityType, Schema, words_of

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
    words = words_of(declared.attributes)
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
        found.update(words_of(schema.context), words_of(schema.settings), self.properties)
        for declared in schema.types.values():
            found.update(words_of(declared.attributes), declared.lookups)
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
            yield from self._rule(rule)

    def _block(self, block: Block) -> Iterator[Problem]:
        name = self.classes.get(block.type)
        if name is None:
            message = (
                f"`{block.type}` is no type of the schema; {nearest(block.type, self.classes)}"
            )
            yield Problem(block.file, block.line, message)
            return
        actions = self.schema.types[name].actions
        for token in block.permissions:
            if token.literal not in actions:
                message = (
                    f"`{token.literal}` is no action of `{name}`; {nearest(token.literal, actions)}"
                )
                yield Problem(block.file, token.line, message)
        for token in block.relations.values():
            if token.text not in self.classes:
                message = (
                    f"`{token.text}` is no type of the schema; {nearest(token.text, self.classes)}"
                )
                yield Problem(block.file, token.line, message)

    def _rule(self, rule: Rule) -> Iterator[Problem]:
        for parameter in rule.parameters:
            yield from self._tokens(rule.file, parameter)
        yield from self._tokens(rule.file, rule.body)
        kind = {"forbid": "reason", "oblige": "obligation"}.get(rule.name)
        if (
            kind
            and len(rule.parameters) == 4
            and (code := rule.literal(3)) is not None
            and (code not in self.codes[kind])
        ):
            advice = nearest(code, self.codes[kind])
            message = f"{kind} `{code}` has no sentence in reasons.yaml; {advice}"
            yield Problem(rule.file, rule.parameters[3][0].line, message)

    def _tokens(self, file: str, tokens: Sequence[Token]) -> Iterator[Problem]:
        for position, token in enumerate(tokens):
            before = tokens[position - 1].text if position else ""
            after = tokens[position + 1].text if position + 1 < len(tokens) else ""
            if token.kind != "word":
                continue
            if before == ".":
                known = self._members_of(tokens, position)
                if token.text not in known:
                    message = (
                        f"nothing has a member `{token.text}` here; {nearest(token.text, known)}"
                    )
                    yield Problem(file, token.line, message)
                elif token.text == "name" and tokens[position - 2].text == "action":
                    yield from self._action_names(file, tokens[position + 1 :])
            elif (
                before in {":", "matches"} and after != "(" and token.text not in self.specializers
            ):
                around = _innermost(tokens, position) if before == ":" else ""
                if around == "{" and after != "{":
                    continue
                if around == "(":
                    mend = f"write `{token.text}` without `{tokens[position - 2].text}:`"
                    yield Problem(file, token.line, f"a call takes no named arguments; {mend}")
                    continue
                advice = nearest(token.text, self.specializers)
                message = f"`{token.text}` is no type of the schema; {advice}"
                yield Problem(file, token.line, message)
            if after == "{" and token.text in self.specializers:
                yield from self._fields(file, token, tokens[position + 1 :])

    def _members_of(self, tokens: Sequence[Token], position: int) -> frozenset[str]:
        root = tokens[position - 2].text if position >= 2 else ""
        first = position < 3 or tokens[position - 3].text != "."
        if first and root == "context":
            return words_of(self.schema.context)
        if first and root == "settings":
            return words_of(self.schema.settings)
        return self.members

    def _action_names(self, file: str, rest: Sequence[Token]) -> Iterator[Problem]:
        """Check the literals in `action.name = "…"` and `action.name in ["…", …]`."""
        literals: Sequence[Token] = ()
        if len(rest) > 1 and rest[0].text in {"=", "==", "!="}:
            literals = rest[1:2]
        elif len(rest) > 1 and rest[0].text == "in" and rest[1].text == "[":
            literals = rest[2 : closing(rest, 1)]
        yield from self._undeclared_actions(file, literals)

    def _undeclared_actions(self, file: str, literals: Iterable[Token]) -> Iterator[Problem]:
        for token in literals:
            if token.kind == "string" and token.literal not in self.actions:
                advice = nearest(token.literal, self.actions)
                message = f"`{token.literal}` is no action of any type; {advice}"
                yield Problem(file, token.line, message)

    def _fields(self, file: str, type_token: Token, rest: Sequence[Token]) -> Iterator[Problem]:
        """Check the field names in `Document{status: "draft"}`."""
        if type_token.text == "Action":
            known = {"name", *self.properties}
        elif type_token.text in self.classes:
            declared = self.schema.types[self.classes[type_token.text]]
            known = {"exists", *words_of(declared.attributes)}
        else:
            known = set()
        depth = 0
        for position in range(1, closing(rest, 0)):
            token = rest[position]
            depth += (token.text in {"(", "[", "{"}) - (token.text in {")", "]", "}"})
            if depth:
                continue
            if (
                token.kind == "word"
                and rest[position - 1].text in {"{", ","}
                and token.text not in known
            ):
                advice = nearest(token.text, known)
                message = f"`{type_token.text}` has no member `{token.text}`; {advice}"
                yield Problem(file, token.line, message)
            if type_token.text == "Action" and rest[position - 2].text == "name":
                yield from self._undeclared_actions(file, [token])


def _innermost(tokens: Sequence[Token], position: int) -> str:
    """Return the innermost bracket that is open at `position`, empty where none is."""
    depth = 0
    for token in reversed(tokens[:position]):
        depth += (token.text in {")", "]", "}"}) - (token.text in {"(", "[", "{"})
        if depth < 0:
            return token.text
    return ""
