"""Kinds of request whose answer an edit may reach through rules that Oso answers.

Such rules have no trees to compare, so that only the texts tell what an edit cannot change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sidecar.bundle import Entry
from sidecar.engine.policy import Policy
from sidecar.polar.ast import Block, Head, Instance, Literal, Rule
from sidecar.polar.parser import parse
from sidecar.review.mutants import Mutant
from sidecar.review.witness import Entry as EntryKey
from sidecar.schema import Attribute, Kind, Schema

_ENTRY_POINTS = {"allow", "forbid", "oblige"}


class UncompiledEntries:
    """The kinds of request of a policy for which Oso answers a rule at request time."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._keys = [key for key, entry in policy.entries.items() if _is_uncompiled(entry)]
        self._types = {key: _reachable_types(policy.schema, key) for key in self._keys}

    def touched(self, mutant: Mutant, text: str) -> list[EntryKey]:
        """Return those whose answer an edit of a file may change.

        The parameters of the edited rule, or the type of the edited block, name types. Where one
        of these cannot be reached from the types of a request, Oso never gets to the rule.

        Args:
            mutant: The edit.
            text: Of the file before the edit.
        """
        if not self._keys:
            return []
        rule = _edited(mutant, text)
        if rule is None:
            return list(self._keys)
        by_polar = {declared.polar: name for name, declared in self._policy.schema.types.items()}
        types = {by_polar[name] for name in _named_types(rule) if name in by_polar}
        action = _named_action(rule.head) if isinstance(rule, Rule) else None
        return [
            key
            for key in self._keys
            if types <= self._types[key] and (action is None or action == key[2])
        ]


def _is_uncompiled(entry: Entry) -> bool:
    rules = (entry.granted, *entry.forbids.values(), *entry.obliges.values())
    return any(node is None for node in rules)


def _edited(mutant: Mutant, text: str) -> Rule | Block | None:
    at = mutant.edit.span.start
    for line in parse(text, mutant.file).lines:
        if isinstance(line, Rule | Block) and line.span.start <= at < line.span.end:
            return line
    return None


def _named_types(rule: Rule | Block) -> Iterator[str]:
    if isinstance(rule, Block):
        yield rule.type.text
        return
    for parameter in rule.head.parameters:
        if isinstance(parameter.specializer, Instance):
            yield parameter.specializer.type.text


def _named_action(head: Head) -> str | None:
    """Return the only action that an entry point is asked about; None for any."""
    if head.name.text not in _ENTRY_POINTS or len(head.parameters) < 2:  # noqa: PLR2004 - subject, action
        return None
    pattern = head.parameters[1].specializer
    if isinstance(pattern, Instance) and pattern.fields is not None:
        for entry in pattern.fields.entries:
            if entry.key.text == "name" and isinstance(entry.value, Literal):
                return str(entry.value.value)
    return None


def _reachable_types(schema: Schema, key: EntryKey) -> frozenset[str]:
    """Return the types whose entities a rule can be put to, starting from those of a request."""
    said = [
        *schema.context.values(),
        *schema.settings.values(),
        *(
            member
            for declared in schema.types.values()
            for action in declared.actions.values()
            for member in action.properties.values()
        ),
    ]
    waiting = [*key[:2], *_targets(said)]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in found or name not in schema.types:
            continue
        found.add(name)
        declared = schema.types[name]
        waiting += _targets(declared.attributes.values())
        waiting += [lookup.finds for lookup in declared.lookups.values()]
    return frozenset(found)


def _targets(members: Iterable[Attribute]) -> list[str]:
    return [member.type.target for member in members if member.type.kind is Kind.REFERENCE]
