"""The names in the YAML files of a pack."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from sidecar.config.nearest_pack import FIXTURES
from sidecar.lsp.names import (
    ACTION,
    ATTRIBUTE,
    CONTEXT,
    ENUM,
    OBLIGATION,
    OF_ACTION,
    REASON,
    RULE,
    SETTING,
    TYPE,
    VALUE,
    Occurrence,
    Symbol,
)
from sidecar.lsp.positions import Text
from sidecar.lsp.yaml_tree import Node, Scalar, entries, items, member, read_tree, scalars

_CALL = re.compile(r"\b([a-z_]\w*)\(")
_SETTING = re.compile(r"\bsettings\.(\w+)")
_TYPE_WORD = re.compile(r"(?:set of )?(\w+)$")
_KINDS_OF_CODES = {"reason": REASON, "obligation": OBLIGATION}


def names_in_document(path: Path, text: str) -> Iterator[Occurrence]:
    """Yield the names in a YAML file of a pack; none if it is not YAML."""
    document = read_tree(Text(text))
    if document is None:
        return
    reader = _Reader(text)
    if path.name == "schema.yaml":
        yield from reader.schema(document)
    elif path.name == "reasons.yaml":
        yield from reader.codes(document, "reasons", REASON)
        yield from reader.codes(document, "obligations", OBLIGATION)
    elif path.name.endswith("settings.yaml") and path.parent.name == FIXTURES:
        for key, _ in entries(document):
            yield reader.word(key, Symbol(SETTING, key.value), declares=True)
    elif path.name.endswith("_test.yaml"):
        for case in items(member(document, "cases")):
            yield from reader.case(case)
    elif path.name.endswith("invariants.yaml"):
        for invariant in items(member(document, "invariants")):
            yield from reader.invariant(invariant)


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text

    def word(self, node: Scalar, symbol: Symbol, *, declares: bool = False) -> Occurrence:
        """Return the name that a scalar is."""
        return Occurrence(symbol, node.start, node.end, declares)

    def schema(self, document: Node) -> Iterator[Occurrence]:
        """Yield the names of a schema."""
        for key, enum in entries(member(document, "enums")):
            yield self.word(key, Symbol(ENUM, key.value), declares=True)
            values = [name for name, _ in entries(enum)] or scalars(enum)
            for value in values:
                yield from self._text_of(value, VALUE, key.value, declares=True)
        for key, declared in entries(member(document, "types")):
            yield self.word(key, Symbol(TYPE, key.value), declares=True)
            yield from self._attributes(member(declared, "attributes"), ATTRIBUTE, key.value)
            yield from self._attributes(member(declared, "local"), ATTRIBUTE, key.value)
            for name, lookup in entries(member(declared, "lookups")):
                yield self.word(name, Symbol(ATTRIBUTE, name.value, key.value), declares=True)
                yield from self._text_of(member(lookup, "finds"), TYPE)
            for name, action in entries(member(declared, "actions")):
                yield self.word(name, Symbol(ACTION, name.value, key.value), declares=True)
                yield from self._attributes(member(action, "properties"), ATTRIBUTE, OF_ACTION)
        yield from self._attributes(member(document, "context"), CONTEXT, "")
        yield from self._attributes(member(document, "settings"), SETTING, "")

    def codes(self, document: Node, name: str, kind: str) -> Iterator[Occurrence]:
        """Yield the reasons or obligations that have sentences."""
        for key, _ in entries(member(document, name)):
            yield self.word(key, Symbol(kind, key.value), declares=True)

    def case(self, case: Node) -> Iterator[Occurrence]:
        """Yield the names of a case of a suite."""
        resources = [*scalars(member(case, "resource")), *scalars(member(case, "resources"))]
        types = {each.value.partition(":")[0] for each in resources}
        owner = types.pop() if len(types) == 1 else ""
        for each in (*resources, *scalars(member(case, "subjects"))):
            yield from self._type_of_reference(each)
        for each in scalars(member(case, "actions")):
            yield from self._text_of(each, ACTION, owner)
        for _, allowed in entries(member(case, "allow")):
            for each in scalars(allowed):
                yield from self._text_of(each, ACTION, owner)
        for name, kind in (("because", REASON), ("obliges", OBLIGATION)):
            for _, told in entries(member(case, name)):
                for action, codes in entries(told):
                    yield from self._text_of(action, ACTION, owner)
                    for each in scalars(codes):
                        yield from self._text_of(each, kind)

    def invariant(self, invariant: Node) -> Iterator[Occurrence]:
        """Yield the names of an invariant."""
        for claim in (member(invariant, "never"), member(invariant, "always")):
            resources = scalars(member(claim, "resource"))
            owner = resources[0].value if len(resources) == 1 else ""
            for each in (*resources, *scalars(member(claim, "subject"))):
                yield from self._text_of(each, TYPE)
            for each in scalars(member(claim, "action")):
                yield from self._text_of(each, ACTION, owner)
            for name, kind in _KINDS_OF_CODES.items():
                yield from self._text_of(member(claim, name), kind)
            for each in (*scalars(member(claim, "when")), *scalars(member(claim, "unless"))):
                yield from self._condition(each)

    def _attributes(self, node: Node | None, kind: str, owner: str) -> Iterator[Occurrence]:
        for key, declared in entries(node):
            yield self.word(key, Symbol(kind, key.value, owner), declares=True)
            is_short = isinstance(declared, Scalar)
            written = declared if is_short else member(declared, "type")
            found = _TYPE_WORD.search(written.value) if isinstance(written, Scalar) else None
            if found is not None and isinstance(written, Scalar):
                place = (written.start + found.start(1), written.start + found.end(1))
                yield Occurrence(Symbol(TYPE, found[1]), *place)
                yield Occurrence(Symbol(ENUM, found[1]), *place)

    def _condition(self, node: Scalar) -> Iterator[Occurrence]:
        """Yield the rules and settings that a condition in Polar names."""
        written = self._text[node.start : node.end]
        for pattern, kind in ((_CALL, RULE), (_SETTING, SETTING)):
            for match in pattern.finditer(written):
                symbol = Symbol(kind, match[1])
                start = node.start + match.start(1)
                yield Occurrence(symbol, start, start + len(match[1]))

    def _type_of_reference(self, node: Scalar) -> Iterator[Occurrence]:
        """Yield the type in `account:acme`."""
        name, colon, _ = node.value.partition(":")
        if colon:
            yield Occurrence(Symbol(TYPE, name), node.start, node.start + len(name))

    def _text_of(
        self, node: Node | None, kind: str, owner: str = "", *, declares: bool = False
    ) -> Iterator[Occurrence]:
        if isinstance(node, Scalar):
            yield self.word(node, Symbol(kind, node.value, owner), declares=declares)
