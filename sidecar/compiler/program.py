"""The policy as it is given to Oso: each clause can be asked alone, under a name of its own.

`f(x) if g(x);` becomes `c__7(x) if s__g(x);`. The generated rule `s__g` asks Python about `g`
(`Asking.ask_rule`): while a policy is compiled the answer is a branch, and the tree of `g` is
explored once and joined afterwards; without that, sizes multiply. Where an argument is not known
yet, and when a question is answered by Oso at request time, `s__g` goes through the clauses.

Resource blocks are written out as the rules that Oso makes of them. Line numbers stay as they are.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sidecar.compiler.selection import ClauseIndex, Parameter, Types, read_head
from sidecar.diagram.questions import Path
from sidecar.polar.desugar import ASKER, Edit, guard, spell_out
from sidecar.polar.source import Block, Rule, Source
from sidecar.polar.tokens import Token

FOUND = "found__"
"""What is called of it when a clause has found what its caller did not know."""
GENERATED = "<generated>"
"""Stands in place of a file; no file of a policy has this name."""


@dataclass(frozen=True, slots=True)
class Clause:
    """One rule of the policy, or one that a resource block stands for."""

    number: int
    rule: str
    parameters: tuple[Parameter, ...]
    """Its head."""
    file: str
    line: int
    tokens: tuple[Token, ...]
    """Parameters and body, to find the place of a name; empty for a line of a block."""
    written: tuple[str, ...]
    """What stands in it, word for word; of a line of a block what Oso makes of it."""
    implier: tuple[str, str] | None = None
    """Of a line of a block without a relation: the rule that it calls, and the role or permission
    that it calls it with."""

    @property
    def literals(self) -> tuple[str | None, ...]:
        """The parameters that are strings; None for every other."""
        return tuple(parameter.text for parameter in self.parameters)

    @property
    def name(self) -> str:
        """The name by which Oso is asked about this clause alone."""
        return f"c__{self.number}"

    def line_of(self, word: str) -> int:
        """Return the line where `word` stands in the clause, or the line where it begins."""
        return next((token.line for token in self.tokens if token.text == word), self.line)


@dataclass(frozen=True, slots=True)
class Program:
    """All files of a policy, divided into clauses."""

    texts: Mapping[str, str]
    """File to the text that Oso is given in place of it; the generated rules are one file more."""
    whole: Mapping[str, str]
    """File to its text spelled out (`sidecar.polar.desugar`), and nothing else changed."""
    clauses: Mapping[tuple[str, int], tuple[Clause, ...]]
    """(rule, number of parameters) to its clauses, in the order of the files."""
    blocks: frozenset[tuple[str, str]]
    """``actor`` or ``resource``, and the type that has such a block."""
    _rules: frozenset[str]
    """Names of all rules."""
    _indexes: dict[tuple[str, int], ClauseIndex[Clause]] = field(default_factory=dict)

    def mentioning(self, word: str) -> frozenset[str]:
        """Return the rules in which a word stands, or in those that they call."""
        found: set[str] = set()
        words = {word}
        while words:
            new = {
                name
                for (name, _), clauses in self.clauses.items()
                if any(token.text in words for clause in clauses for token in clause.tokens)
            }
            words = new - found
            found |= new
        return frozenset(found)

    def called_by(self, clause: Clause) -> frozenset[str]:
        """Return the rules that a clause calls."""
        return frozenset(
            word for each in clause.written if (word := each.removeprefix("s__")) in self._rules
        )

    def matching(self, rule: str, operands: tuple[Path, ...], types: Types) -> Sequence[Clause]:
        """Return the clauses of a rule whose heads allow these operands of these types."""
        key = (rule, len(operands))
        if key not in self._indexes:
            self._indexes[key] = ClauseIndex(self.clauses.get(key, ()))
        return self._indexes[key].select(operands, types)


@dataclass(slots=True)
class _Building:
    clauses: dict[tuple[str, int], list[Clause]] = field(default_factory=lambda: defaultdict(list))
    generated: list[str] = field(default_factory=list)
    count: int = 0

    def add(  # noqa: PLR0913, PLR0917 - all that a clause is but its number
        self,
        rule: str,
        parameters: Sequence[Parameter],
        place: tuple[str, int],
        tokens: tuple[Token, ...],
        written: Sequence[str],
        implier: tuple[str, str] | None = None,
    ) -> Clause:
        number = self.count
        self.count += 1
        clause = Clause(number, rule, tuple(parameters), *place, tokens, tuple(written), implier)
        self.clauses[rule, len(parameters)].append(clause)
        return clause


def write_program(sources: Sequence[Source]) -> Program:
    """Divide `sources`, which Oso has accepted as they are, into clauses."""
    building = _Building()
    texts: dict[str, str] = {}
    whole: dict[str, str] = {}
    blocks = {block.type: block for source in sources for block in source.blocks}
    for source in sources:
        spelled = [edit for rule in source.rules for edit in spell_out(rule.body)]
        edits = [*spelled, *(edit for rule in source.rules for edit in guard(rule))]
        for rule in source.rules:
            edits += _divide(rule, building)
        for block in source.blocks:
            edits.append((*block.span, "\n" * source.text[slice(*block.span)].count("\n")))
            _write_out(block, blocks, building)
        texts[source.file] = _edited(source.text, edits)
        whole[source.file] = _edited(source.text, spelled)
    for (name, arity), clauses in building.clauses.items():
        building.generated += _asking(name, arity, clauses)
    texts[GENERATED] = "\n".join(building.generated)
    divided = {key: tuple(clauses) for key, clauses in building.clauses.items()}
    kinds = frozenset((block.keyword, block.type) for source in sources for block in source.blocks)
    return Program(texts, whole, divided, kinds, frozenset(rule for rule, _ in divided))


def _edited(text: str, edits: list[Edit]) -> str:
    for start, end, replacement in sorted(edits, reverse=True):
        text = text[:start] + replacement + text[end:]
    return text


def _divide(rule: Rule, building: _Building) -> Iterator[Edit]:
    tokens = tuple(token for parameter in rule.parameters for token in parameter) + rule.body
    written = [text for each in rule.parameters for text in (*(t.text for t in each), ",")]
    written += [token.text for token in rule.body]
    clause = building.add(
        rule.name, read_head(rule.parameters), (rule.file, rule.line), tokens, written
    )
    yield rule.head.start, rule.head.end, clause.name
    for token, _ in rule.calls():
        yield token.start, token.end, f"s__{token.text}"


def _write_out(block: Block, blocks: Mapping[str, Block], building: _Building) -> None:
    """Add the rules that Oso makes of a block's lines (polar-core, resource_block.rs)."""
    for line in block.implications:
        granted = block.names.get(line.granted)
        related = blocks.get(block.relations[line.relation].text) if line.relation else None
        owner = related if line.relation else block
        implier = owner.names.get(line.implier) if owner is not None else None
        if (
            granted is None or implier is None
        ):  # pragma: no cover - Oso has refused the block before
            continue
        head = f'(actor: Actor, "{_quoted(line.granted)}", resource: {block.type}) if '
        if line.relation:
            body = (
                f's__has_relation(related, "{_quoted(line.relation)}", resource) and '
                f's__{implier}(actor, "{_quoted(line.implier)}", related);'
            )
        else:
            body = f's__{implier}(actor, "{_quoted(line.implier)}", resource);'
        written = re.findall(r"\w+|\W", head + body)
        parameters = [
            Parameter(is_total=True),
            Parameter(text=line.granted),
            Parameter(type=block.type, is_total=True),
        ]
        place, alone = (block.file, line.line), None if line.relation else (implier, line.implier)
        clause = building.add(granted, parameters, place, (), written, alone)
        building.generated.append(f"{clause.name}{head}{body}")


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _asking(rule: str, arity: int, clauses: Sequence[Clause]) -> Iterator[str]:
    """Write the rule that stands for all clauses of `rule`, and asks Python how to go on."""
    names = ", ".join(f"a{position}" for position in range(arity))
    more = f", {names}" if names else ""
    yield (
        f"s__{rule}({names}) if [answer, open, again] = {ASKER}.{rule}__{arity}({names}) "
        f"and v__{rule}(answer, open, again);"
    )
    yield f'v__{rule}("yes", _, _);'
    for clause in clauses:
        found = f"{ASKER}.{FOUND}(open{more}) = true"
        yield f'v__{rule}("clauses", open, [{names}]) if {clause.name}({names}) and {found};'
