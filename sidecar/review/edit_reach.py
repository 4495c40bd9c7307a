"""Kinds of request whose answer an edit may reach through rules that Oso answers.

Such rules have no diagrams to compare, so that only the texts tell what an edit cannot change.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache

from sidecar.bundle import Entry
from sidecar.engine.policy import Policy
from sidecar.polar.ast import Block, File, Rule, calls_in
from sidecar.polar.parser import parse
from sidecar.polar.reachability import named_action, named_types, reachable_types
from sidecar.review.mutants import Mutant
from sidecar.review.witness import Entry as EntryKey


class UncompiledEntries:
    """The kinds of request of a policy for which Oso answers a rule at request time."""

    def __init__(self, policy: Policy) -> None:
        self._by_polar = {type_.polar: name for name, type_ in policy.schema.types.items()}
        self._keys = [key for key, entry in policy.entries.items() if _is_uncompiled(entry)]
        self._types = {key: reachable_types(policy.schema, key[:2]) for key in self._keys}

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
        statement = _edited(mutant, text)
        if statement is None:
            return list(self._keys)
        types = {self._by_polar[name] for name in named_types(statement) if name in self._by_polar}
        action = named_action(statement)
        return [
            key
            for key in self._keys
            if types <= self._types[key] and (action is None or action == key[2])
        ]


def reaching(
    policy: Policy, texts: Mapping[str, str], key: EntryKey, roots: Collection[str]
) -> Iterator[Rule | Block]:
    """Yield the statements of a policy that may decide a kind of request, wherever they stand.

    Args:
        policy: The policy.
        texts: Its files.
        key: The types of subject and resource, and the action.
        roots: The entry points that are asked.
    """
    statements = [each for file, text in texts.items() for each in _parsed(text, file).lines]
    calls: dict[str, set[str]] = {}
    for each in statements:
        if isinstance(each, Rule) and each.body is not None:
            called = {call.name.text for call in calls_in(each.body)}
            calls.setdefault(each.head.name.text, set()).update(called)
    calls.setdefault("has_permission", set()).update({"has_role", "has_relation"})
    reached, waiting = set(roots), list(roots)
    while waiting:
        new = calls.get(waiting.pop(), set()) - reached
        reached |= new
        waiting += new
    for each in _of_types(policy, statements, key):
        if isinstance(each, Block) or each.head.name.text in reached:
            yield each


def _of_types(
    policy: Policy, statements: Iterable[object], key: EntryKey
) -> Iterator[Rule | Block]:
    """Yield the statements that the types and the action of a kind of request can reach."""
    by_polar = {type_.polar: name for name, type_ in policy.schema.types.items()}
    reachable = reachable_types(policy.schema, key[:2])
    for line in statements:
        if isinstance(line, Rule | Block):
            types = {by_polar[name] for name in named_types(line) if name in by_polar}
            if types <= reachable and named_action(line) in {None, key[2]}:
                yield line


def _is_uncompiled(entry: Entry) -> bool:
    rules = (entry.granted, *entry.forbids.values(), *entry.obliges.values())
    return any(node is None for node in rules)


def _edited(mutant: Mutant, text: str) -> Rule | Block | None:
    at = mutant.edit.span.start
    for line in _parsed(text, mutant.file).lines:
        if isinstance(line, Rule | Block) and line.span.start <= at < line.span.end:
            return line
    return None


@lru_cache(maxsize=8)
def _parsed(text: str, file: str) -> File:
    """Parse a file once for all of its mutants."""
    return parse(text, file)
