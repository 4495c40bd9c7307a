"""What can stand at a place: names of the schema, the sentences and the policy.

The text before the cursor decides, not a syntax tree: a rule that is being written has none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lsprotocol.types import CompletionItem, CompletionItemKind

from sidecar.lsp.names import ROLE, RULE
from sidecar.lsp.pack_state import PackState
from sidecar.lsp.polar_names import Types
from sidecar.polar.ast import Call, Name, Span
from sidecar.polar.names import SCALARS, with_article
from sidecar.schema import Schema
from sidecar.schema.model import Attribute, EntityType, Kind, polar_names

_BEFORE = 4_000
"""Characters before the cursor that are looked at."""
_STATEMENT = re.compile(r"^[a-z_]\w*\s*\(", re.MULTILINE)
_BLOCK = re.compile(r"^(?:actor|resource)\s+(\w+)\s*\{[^}]*\Z", re.MULTILINE)
_PARAMETER = re.compile(r"(\w+)\s*:\s*(\w+)")
_ASSIGNED = re.compile(r"(\w+)\s*:?=\s*((?:\w+)(?:\.\w+(?:\([^()]*\))?)+)")
_CHAIN = re.compile(r"([a-z_]\w*(?:\.\w+(?:\([^()]*\))?)*)\.\w*\Z")
_STEP = re.compile(r"\.?(\w+)(\([^()]*\))?")
_IN_STRING = re.compile(r'"[^"\n]*\Z')
_COMPARED = re.compile(r'([a-z_]\w*(?:\.\w+(?:\([^()]*\))?)+)\s*(?:!=|=|in\s*\[[^\]]*)\s*"[^"]*\Z')
_NAME_OF_ACTION = re.compile(
    r'(?:\bname\s*:\s*|\.name\s*(?:!=|=)\s*|\.name\s+in\s*\[[^\]]*|has_permission\([^,()]*,\s*)"[^"]*\Z'
)
_ROLE = re.compile(r'has_role\([^,()]*,\s*"[^"]*\Z')
_CODE = re.compile(r'^(forbid|oblige)\((?:[^"]|"[^"\n]*")*,\s*"[^"\n]*\Z')
_SPECIALIZER = re.compile(r"[(,]\s*\w+\s*:\s*\w*\Z|\bmatches\s+\w*\Z")
_YAML_KEY = re.compile(r"(\w+)\s*:[^:\n]*\Z")
_ON = re.compile(r'\bon\s+"[^"]*\Z')


@dataclass(frozen=True, slots=True)
class Offer:
    """A name that can stand somewhere."""

    name: str
    detail: str
    kind: CompletionItemKind

    def item(self) -> CompletionItem:
        """Return it for the editor."""
        return CompletionItem(self.name, kind=self.kind, detail=self.detail)


def complete(state: PackState, path: Path, offset: int) -> list[CompletionItem]:
    """Return the names that can stand at an offset of a file, by their names."""
    schema = state.schema
    if schema is None:
        return []
    before = state.text(path).text[max(0, offset - _BEFORE) : offset]
    line = before[before.rfind("\n") + 1 :]
    if path.suffix == ".polar":
        comment = re.sub(r'"[^"]*"', "", line)
        offers = [] if "#" in comment else _in_polar(state, schema, before)
    else:
        offers = _in_yaml(state, schema, line)
    unique = {offer.name: offer for offer in offers}
    return [unique[name].item() for name in sorted(unique)]


def _in_polar(state: PackState, schema: Schema, before: str) -> Iterator[Offer]:
    starts = [match.start() for match in _STATEMENT.finditer(before)]
    statement = before[starts[-1] :] if starts else before
    block = _BLOCK.search(before)
    scope = _Scope(schema, statement)
    if block is not None and (not starts or block.start() > starts[-1]):
        yield from _in_block(state, schema, block)
    elif _IN_STRING.search(_last_line(before)) and before.count('"', before.rfind("\n") + 1) % 2:
        yield from _in_string(state, scope, statement)
    elif chain := _CHAIN.search(statement):
        yield from scope.members(chain[1])
    elif _SPECIALIZER.search(statement):
        yield from _classes(schema)
    else:
        for name in sorted(_rules(state)):
            yield Offer(name, "rule", CompletionItemKind.Function)
        for name, of in scope.variables.items():
            yield Offer(name, of, CompletionItemKind.Variable)


def _last_line(text: str) -> str:
    return text[text.rfind("\n") + 1 :]


class _Scope:
    """The variables of the statement before the cursor, and what is reached from them."""

    def __init__(self, schema: Schema, statement: str) -> None:
        self.schema = schema
        self._types = Types(schema)
        head = statement.partition(" if")[0]
        self.variables = {name: self._types.of_class(of) for name, of in _PARAMETER.findall(head)}
        for name, chain in _ASSIGNED.findall(statement):
            self.variables.setdefault(name, self._type_of(chain))

    def resource(self) -> str:
        """Return the type of the third parameter; empty if there is none yet."""
        found = list(self.variables.values())
        known = [each for each in found if each in self.schema.types]
        return known[-1] if len(known) > 1 else ""

    def members(self, chain: str) -> Iterator[Offer]:
        """Yield what can stand after a dot."""
        schema = self.schema
        if chain == "settings":
            yield from _attributes(schema.settings)
        elif chain == "context":
            yield from _attributes(schema.context)
            for name in schema.local_context:
                yield Offer(name, "part of an instant", CompletionItemKind.Field)
        elif self.variables.get(chain) == "Action" or chain == "action":
            yield Offer("name", "of the action", CompletionItemKind.Field)
            for declared in schema.types.values():
                for action in declared.actions.values():
                    yield from _attributes(action.properties)
        else:
            found = self._type_of(chain)
            types = [schema.types[found]] if found in schema.types else schema.types.values()
            for declared in types:
                yield from _members(declared)
            yield Offer("exists", "whether it is there", CompletionItemKind.Field)

    def values(self, chain: str) -> Iterator[Offer]:
        """Yield the values of the enum that a path has."""
        owner, _, name = chain.rpartition(".")
        value = self._types.value_type(self._type_of(owner), name)
        if value is not None and value.kind is Kind.ENUM:
            for each in value.values:
                yield Offer(each, value.name, CompletionItemKind.EnumMember)

    def _type_of(self, chain: str) -> str:
        steps = list(_STEP.finditer(chain))
        found = self.variables.get(steps[0][1], "") if steps else ""
        nowhere = Span(0, 0, 0, 0)
        for step in steps[1:]:
            name = Name(nowhere, step[1])
            found = self._types.after(found, Call(nowhere, name, (), ()) if step[2] else name)
        return found


def _in_block(state: PackState, schema: Schema, block: re.Match[str]) -> Iterator[Offer]:
    """Yield the roles, permissions and relations of the type of a block."""
    owner = Types(schema).of_class(block[1])
    declared = schema.types.get(owner)
    if declared is None:
        return
    line = _last_line(block[0])
    if _ON.search(line):
        for source in state.checked.sources.values():
            for each in source.blocks:
                if each.type == block[1]:
                    yield from (
                        Offer(name, "relation", CompletionItemKind.Reference)
                        for name in each.relations
                    )
        return
    yield from _actions(schema, owner)
    if "permissions" not in line:
        yield from _roles(state)


def _in_string(state: PackState, scope: _Scope, statement: str) -> Iterator[Offer]:
    """Yield what the string that begins before the cursor can say."""
    schema = scope.schema
    code = _CODE.search(statement)
    if _NAME_OF_ACTION.search(statement):
        yield from _actions(schema, scope.resource())
    elif _ROLE.search(statement):
        yield from _roles(state)
    elif compared := _COMPARED.search(statement):
        yield from scope.values(compared[1])
    elif code is not None and " if" not in statement:
        yield from _codes(state, code[1])


def _in_yaml(state: PackState, schema: Schema, line: str) -> Iterator[Offer]:
    found = _YAML_KEY.search(line)
    key = found[1] if found is not None else ""
    if key in {"action", "actions"} or key.startswith("allow"):
        yield from _actions(schema, "")
    elif key in {"reason", "because"}:
        yield from _codes(state, "forbid")
    elif key in {"obligation", "obliges"}:
        yield from _codes(state, "oblige")
    elif key in {"resource", "resources", "subject", "finds"}:
        for name, declared in schema.types.items():
            yield Offer(name, declared.description or "type", CompletionItemKind.Class)
    elif key == "type":
        for name in (*(kind.value for kind in Kind), *schema.types, *schema.enums):
            yield Offer(name, "type", CompletionItemKind.Class)


def _codes(state: PackState, rule: str) -> Iterator[Offer]:
    if state.declared is not None:
        sentences = state.declared.sentences
        known = sentences.reasons if rule == "forbid" else sentences.obligations
        for code, sentence in known.items():
            yield Offer(code, sentence, CompletionItemKind.Constant)


def _actions(schema: Schema, owner: str) -> Iterator[Offer]:
    for name, declared in schema.types.items():
        if owner in {"", name}:
            for action in declared.actions:
                yield Offer(action, f"action on {name}", CompletionItemKind.Method)


def _roles(state: PackState) -> Iterator[Offer]:
    for _, occurrences in state.files():
        for each in occurrences:
            if each.symbol.kind == ROLE and each.declares:
                detail = f"role of {each.symbol.owner}"
                yield Offer(each.symbol.name, detail, CompletionItemKind.EnumMember)


def _rules(state: PackState) -> set[str]:
    return {
        each.symbol.name
        for path, occurrences in state.files()
        if path.suffix == ".polar"
        for each in occurrences
        if each.symbol.kind == RULE and each.declares
    }


def _classes(schema: Schema) -> Iterator[Offer]:
    for name, declared in schema.types.items():
        yield Offer(declared.polar, declared.description or name, CompletionItemKind.Class)
    for name in ("Action", *SCALARS):
        yield Offer(name, "built in", CompletionItemKind.Class)


def _attributes(attributes: Mapping[str, Attribute]) -> Iterator[Offer]:
    for each in attributes.values():
        yield Offer(each.polar, each.type.name, CompletionItemKind.Field)


def _members(declared: EntityType) -> Iterable[Offer]:
    yield from _attributes(declared.attributes)
    for name in declared.local.keys() - polar_names(declared.attributes):
        yield Offer(name, "part of an instant", CompletionItemKind.Field)
    for name, lookup in declared.lookups.items():
        detail = f"finds {with_article(lookup.finds)} by ({', '.join(lookup.arguments)})"
        yield Offer(name, detail, CompletionItemKind.Method)
