"""What a reviewer should look at in a pack that can be used: rules and permissions in vain.

Every finding is exact: it holds in all states that can be, with the settings as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from sidecar.bundle import RuleDiagram
from sidecar.compiler.compile_cache import compiler_digest
from sidecar.compiler.disk_cache import DiskCache
from sidecar.diagram.diagram import TooLargeError
from sidecar.diagram.nodes import FALSE, Node
from sidecar.diagram.path_types import paths_of
from sidecar.diagram.paths import Operand
from sidecar.digests import digest_of
from sidecar.engine.policy import Policy
from sidecar.polar.ast import File, Rule, type_of
from sidecar.polar.parser import parse
from sidecar.polar.reachability import unreached
from sidecar.polar.source import Source, read_source
from sidecar.review.absent_grants import grants_by_absence
from sidecar.review.aligned_diagrams import Joined, Scope, UncompiledError
from sidecar.review.condition_cover import MOST_NODES
from sidecar.review.regions import Regions
from sidecar.review.unread_files import unread_files
from sidecar.schema.messages import shown
from sidecar.schema.yaml_document import Faults, Members, read_document

NOBODY, SOMEBODY, SHADOWED, NEVER, UNUSED = "nobody", "somebody", "shadowed", "never", "unused"
UNASKED = "unasked"
IDLE, UNREACHED, UNREAD, ABSENT = "idle", "unreached", "unread", "absent"
_PROHIBITING = frozenset({"forbid", "oblige"})
"""Rules that nobody is advised to delete: what they should add may be what is missing."""
Written = tuple[str, File]
"""The text of a file of Polar, and its syntax tree."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing to look at, with its place and how to mend it."""

    file: str
    line: int
    column: int
    kind: str
    message: str
    fix: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.message}; {self.fix}"


def findings(
    policy: Policy, policies: Path, fixtures: Path, missed: list[str] | None = None
) -> tuple[Finding, ...]:
    """Return what is to be looked at in a pack that was loaded for review, by place.

    Args:
        policy: The pack.
        policies: The directory of its Polar files.
        fixtures: That of its schema.
        missed: Takes sentences about what is too large to be looked at.
    """
    texts = {file: (policies / file).read_text(encoding="utf-8-sig") for file in policy.files}
    schema = fixtures / "schema.yaml"
    cache, missing = DiskCache.default(), missed if missed is not None else []
    depends = (compiler_digest(), policy.revision, texts, schema.read_bytes())
    key = digest_of("findings of lint", *depends).bytes()
    kept = cache.read(key)
    if kept is not None:
        found, sentences = msgspec.json.decode(kept, type=tuple[tuple[Finding, ...], list[str]])
        missing += sentences
        return found
    too_large: list[str] = []
    linting = _Linting(Joined(policy), texts, schema, too_large)
    every = {*linting.permissions(), *linting.rules(), *linting.sentences(), *linting.unreached()}
    found = tuple(sorted(every))
    cache.write(key, msgspec.json.encode((found, too_large)))
    missing += too_large
    return found


def unread(policies: Path, fixtures: Path) -> tuple[Finding, ...]:
    """Return the files that look like a part of a pack and are not read, whether it loads or not.

    Args:
        policies: The directory of its Polar files.
        fixtures: That of its schema.
    """
    return tuple(
        Finding(f, 0, 0, UNREAD, what, mend) for f, what, mend in unread_files(policies, fixtures)
    )


def absences(policies: Path, fixtures: Path) -> Iterator[Finding]:
    """Yield the grants that hold because a fact is absent, which is often meant and easily missed.

    Raises:
        InvalidPackError: The pack cannot be used.
    """
    for each in grants_by_absence(policies, fixtures):
        message = f"{shown(each.condition)} grants where {shown(each.fact)} is absent"
        fix = f"if that is not meant, ask {shown(f'{each.fact}.exists = true')} too"
        yield Finding(each.file, each.line, each.column, ABSENT, message, fix)


class _Linting:
    def __init__(
        self, joined: Joined, texts: Mapping[str, str], schema: Path, missed: list[str]
    ) -> None:
        self._joined = joined
        self._missed = missed
        self._uses: dict[int, list[tuple[Scope, tuple[Operand, ...]]]] = {}
        self._policy = joined.policies[0]
        self._files = {file: (text, parse(text, file)) for file, text in texts.items()}
        self._schema = schema
        self._sources = [read_source(file, text)[0] for file, text in texts.items()]
        self._signatures: dict[tuple[str, int], list[tuple[str, ...]]] = {}
        for source in self._sources:
            self._signatures.update(_signatures(source))

    def permissions(self) -> Iterator[Finding]:
        """Yield permissions that nobody can have, unless that is meant; and the opposite."""
        lines = _lines_of_actions(self._schema)
        for name, declared in self._policy.schema.types.items():
            for action, each in declared.actions.items():
                can = self._can(name, action)
                place = ("schema.yaml", *lines.get((name, action), (0, 0)))
                if can is False and not each.nobody:
                    message = f"nobody can ever {shown(action)} on a {shown(name)}"
                    fix = "grant it in a rule, or write `nobody: true` here if that is meant"
                    yield Finding(*place, NOBODY, message, fix)
                elif can and each.nobody:
                    message = f"somebody can {shown(action)} on a {shown(name)}"
                    fix = "mend the rule that grants it, or remove `nobody: true`"
                    yield Finding(*place, SOMEBODY, message, fix)

    def rules(self) -> Iterator[Finding]:
        """Yield clauses that never hold, and those without which nothing would be otherwise."""
        settings = self._with_settings()
        groups: dict[int, list[tuple[bool, bool]]] = {}
        clauses: dict[int, RuleDiagram] = {}
        for scope in self._joined.scopes():
            for clause, useless, empty in self._clauses(scope):
                groups.setdefault(clause.number, []).append((useless, empty))
                clauses[clause.number] = clause
        for number, uses in groups.items():
            clause = clauses[number]
            if clause.number in settings or clause.rule == "allow":
                continue
            what = f"this rule of {shown(clause.rule)}"
            place = (clause.file, clause.line, clause.column)
            if self._is_unasked(clause):
                message = f"nothing asks for {what}"
                deleting = "" if clause.rule in _PROHIBITING else "delete it, or "
                yield Finding(*place, UNASKED, message, f"{deleting}write what should ask it")
            elif all(empty for _, empty in uses):
                message = f"{what} can never hold, in no state that can be"
                deleting = "" if clause.rule in _PROHIBITING else ", or delete it"
                yield Finding(*place, NEVER, message, f"mend its conditions{deleting}")
            elif all(useless for useless, _ in uses):
                message = f"{what} changes nothing: others hold wherever it does"
                deleting = "" if clause.rule in _PROHIBITING else "delete it, or "
                yield Finding(*place, SHADOWED, message, f"{deleting}mend what it should add")

    def unreached(self) -> Iterator[Finding]:
        """Yield the rules that no entry point reaches, directly or through others."""
        for rule in unreached(self._sources):
            message = f"nothing asks this rule of {shown(rule.name)}, so it decides nothing"
            fix = "call it where it should decide, or delete it"
            yield Finding(rule.file, rule.line, rule.node.span.column, UNREACHED, message, fix)

    def sentences(self) -> Iterator[Finding]:
        """Yield the sentences that no rule leads to."""
        for problem in self._policy.unused:
            message, _, question = problem.message.partition("; ")
            fix = question.replace("was one deleted?", "delete it, or write the rule again")
            yield Finding(problem.file, problem.line, 1, UNUSED, message, fix)

    def _can(self, resource: str, action: str) -> bool | None:
        """Tell whether anybody can do something in any state; None where Oso is asked."""
        for subject in self._policy.schema.subjects():
            scope = (subject, resource)
            try:
                with self._joined.trees.bounded(MOST_NODES):
                    allowed = self._joined.allowed(0, scope, action)
            except UncompiledError:
                return None
            except TooLargeError as error:
                self._missed.append(f"`{action}` on a `{resource}`: {error}")
                return None
            if allowed is not FALSE and not Regions(self._joined, scope).is_empty(allowed):
                return True
        return False

    def _is_unasked(self, clause: RuleDiagram) -> bool:
        """Tell whether a clause was only met where its rule is asked of other types."""
        if clause.rule in self._policy.gone_through:  # and with what else nobody can say
            return False
        signatures = self._signatures.get((clause.file, clause.line), [])
        classes = {name: each.polar for name, each in self._policy.schema.types.items()}

        def is_for(signature: Sequence[str], use: tuple[Scope, tuple[Operand, ...]]) -> bool:
            scope, operands = use
            paths = paths_of(self._policy.schema, *scope)
            for wanted, operand in zip(signature, operands, strict=False):
                declared = paths.entity_at(operand)
                if wanted in classes.values() and declared and declared.polar != wanted:
                    return False
            return True

        uses = self._uses.get(clause.number, [])
        return bool(signatures) and not any(
            is_for(signature, use) for signature in signatures for use in uses
        )

    def _clauses(self, scope: Scope) -> Iterator[tuple[RuleDiagram, bool, bool]]:
        """Yield each clause as it is used: whether others make it useless, whether it is empty."""
        together: dict[tuple[object, ...], list[RuleDiagram]] = {}
        for each in self._joined.explored(0, scope):
            if each.file:
                self._uses.setdefault(each.number, []).append((scope, each.operands))
                key = (each.rule, each.operands, each.action)
                together.setdefault(key, []).append(each)
        regions = Regions(self._joined, scope)
        for clauses in together.values():
            trees = [
                None if each.root is None else self._joined.take(0, each.root, scope)
                for each in clauses
            ]
            taken = [tree for tree in trees if tree is not None]
            if len(taken) < len(trees) or clauses[0].rule in self._policy.gone_through:
                # Nobody can say of these what they change.
                yield from ((clause, False, False) for clause in clauses)
                continue
            for at, clause in enumerate(clauses):
                empty = taken[at] is FALSE or regions.is_empty(taken[at])
                # Of two that are alike the later one is the one too many.
                others = [
                    each
                    for place, each in enumerate(taken)
                    if place != at and not (each is taken[at] and place > at)
                ]
                yield clause, empty or self._is_within(clause, taken[at], others, regions), empty

    def _is_within(
        self, clause: RuleDiagram, tree: Node, others: Sequence[Node], regions: Regions
    ) -> bool:
        """Tell whether other clauses hold wherever this one does."""
        try:
            with self._joined.trees.bounded(MOST_NODES):
                return regions.is_empty(tree, *map(regions.outside, others))
        except TooLargeError as error:
            self._missed.append(f"{clause.file}:{clause.line}: {shown(clause.rule)}: {error}")
            return False

    def _with_settings(self) -> frozenset[int]:
        """Return the clauses that look at settings: another setting may bring them to life."""
        mentioning = {
            (file, line.span.line)
            for file, (text, tree) in self._files.items()
            for line in tree.lines
            if "settings." in text[line.span.start : line.span.end] and isinstance(line, Rule)
        }
        return frozenset(
            each.number
            for each in self._policy.explored
            if each.file and (each.file, each.line) in mentioning
        )


def _signatures(source: Source) -> dict[tuple[str, int], list[tuple[str, ...]]]:
    """Return the types of the parameters of each clause, by its place; empty where it has none."""
    found: dict[tuple[str, int], list[tuple[str, ...]]] = {}
    for rule in source.rules:
        types = tuple(type_of(parameter) or "" for parameter in rule.parameters)
        found.setdefault((source.file, rule.line), []).append(types)
    for block in source.blocks:
        for line in block.implications:
            found.setdefault((source.file, line.line), []).append(("", "", block.type))
    return found


def _lines_of_actions(path: Path) -> Mapping[tuple[str, str], tuple[int, int]]:
    """Return where each action is declared: line and column."""
    document = read_document(path, Faults(path.name))
    lines: dict[tuple[str, str], tuple[int, int]] = {}
    types = document.members.get("types") if isinstance(document, Members) else None
    for name, declared in types.members.items() if isinstance(types, Members) else ():
        actions = declared.members.get("actions") if isinstance(declared, Members) else None
        if isinstance(actions, Members):
            lines.update({(name, each): (line, 1) for each, line in actions.lines.items()})
    return lines
