"""The policy as it is given to Oso: each clause can be asked alone, under a name of its own.

`f(x) if g(x);` becomes `c__7(x) if s__g(x);`. The generated rule `s__g` asks Python about `g`
(`Asking.ask_rule`): while a policy is compiled the answer is a branch, and the tree of `g` is
explored once and joined afterwards; without that, sizes multiply. Where an argument is not known
yet, and when a question is answered by Oso at request time, `s__g` goes through the clauses.

Resource blocks are written out as the rules that Oso makes of them. Line numbers stay as they are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sidecar.compiler.selection import ClauseIndex, Parameter, Types, read_head
from sidecar.diagram.paths import Operand
from sidecar.polar import ast
from sidecar.polar.desugar import ASKER, guard, spell_out
from sidecar.polar.source import Block, Edit, Rule, Source, apply_edits, implied_rules

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
    column: int
    node: ast.Rule | None
    """None for a line of a block."""
    written: str
    """Its text; of a line of a block the rule that Oso makes of it."""
    calls: frozenset[str]
    """The rules that it calls."""
    implier: tuple[str, str] | None = None
    """Of a line of a block without a relation: the rule that it calls, and the role or permission
    that it calls it with."""
    _lines: dict[str, int] = field(default_factory=dict, compare=False)
    """Its words, once they are needed, and the lines in which they stand first."""

    @property
    def literals(self) -> tuple[str | None, ...]:
        """The parameters that are strings; None for every other."""
        return tuple(parameter.text for parameter in self.parameters)

    @property
    def name(self) -> str:
        """The name by which Oso is asked about this clause alone."""
        return f"c__{self.number}"

    @property
    def strings(self) -> frozenset[str]:
        """All strings in it; of a line of a block the name in the head of its rule."""
        nodes = ast.walk(self.node) if self.node is not None else ()
        texts = [ast.text_of(node) for node in nodes if isinstance(node, ast.Literal)]
        return frozenset(text for text in (*self.literals, *texts) if text is not None)

    def names(self, word: str) -> bool:
        """Tell whether a name stands in it: of a variable, a rule, a member, a type or a key."""
        return word in self._words()

    def line_of(self, word: str) -> int:
        """Return the line where a name or a string in quotes stands, or where the clause begins."""
        return self._words().get(word, self.line)

    def _words(self) -> Mapping[str, int]:
        lines = self._lines
        for node in ast.walk(self.node) if self.node is not None and not lines else ():
            if isinstance(node, ast.Name):
                word = node.text
            elif isinstance(node, ast.Variable):
                word = node.name
            elif isinstance(node, ast.Literal) and isinstance(node.value, str):
                word = f'"{node.value}"'
            else:
                continue
            lines[word] = min(node.span.line, lines.get(word, node.span.line))
        return lines


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
                if any(clause.names(each) for clause in clauses for each in words)
            }
            words = new - found
            found |= new
        return frozenset(found)

    def called_by(self, clause: Clause) -> frozenset[str]:
        """Return the rules that a clause calls."""
        return clause.calls & self._rules

    def matching(self, rule: str, operands: tuple[Operand, ...], types: Types) -> Sequence[Clause]:
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

    def add(self, clause: Clause) -> None:
        self.count += 1
        self.clauses[clause.rule, len(clause.parameters)].append(clause)


def write_program(sources: Sequence[Source]) -> Program:
    """Divide `sources`, which Oso has accepted as they are, into clauses."""
    building = _Building()
    texts: dict[str, str] = {}
    whole: dict[str, str] = {}
    blocks = {block.type: block for source in sources for block in source.blocks}
    for source in sources:
        spelled = [edit for rule in source.rules for edit in spell_out(rule)]
        edits = [*spelled, *(edit for rule in source.rules for edit in guard(rule))]
        for rule in source.rules:
            edits += _divide(rule, source, building)
        for block in source.blocks:
            inside = block.node.inside
            lines = source.text.count("\n", inside.start, inside.end)
            edits.append((inside.start, inside.end, "\n" * lines))
            _write_out(block, blocks, building)
        texts[source.file] = apply_edits(source.text, edits)
        whole[source.file] = apply_edits(source.text, spelled)
    for (name, arity), clauses in building.clauses.items():
        building.generated += _asking(name, arity, clauses)
    texts[GENERATED] = "\n".join(building.generated)
    divided = {key: tuple(clauses) for key, clauses in building.clauses.items()}
    kinds = frozenset((block.keyword, block.type) for source in sources for block in source.blocks)
    return Program(texts, whole, divided, kinds, frozenset(rule for rule, _ in divided))


def _divide(rule: Rule, source: Source, building: _Building) -> Iterator[Edit]:
    calls = list(rule.calls())
    clause = Clause(
        number=building.count,
        rule=rule.name,
        parameters=read_head(rule.parameters),
        file=rule.file,
        line=rule.line,
        column=rule.node.span.column,
        node=rule.node,
        written=source.written(rule.node),
        calls=frozenset(call.name.text for call in calls),
    )
    building.add(clause)
    head = rule.node.head.name.span
    yield head.start, head.end, clause.name
    for call in calls:
        yield call.name.span.start, call.name.span.end, f"s__{call.name.text}"


def _write_out(block: Block, blocks: Mapping[str, Block], building: _Building) -> None:
    """Add the rules that Oso makes of a block's lines."""
    for line in implied_rules(block, blocks):
        head = f'(actor: Actor, "{_quoted(line.granted)}", resource: {block.type}) if '
        asks = f's__{line.asks}(actor, "{_quoted(line.implier)}", '
        body = f"{asks}resource);"
        if line.relation is not None:
            relation = f's__has_relation(related, "{_quoted(line.relation)}", resource)'
            body = f"{relation} and {asks}related);"
        clause = Clause(
            number=building.count,
            rule=line.granted_by,
            parameters=(
                Parameter(is_total=True),
                Parameter(text=line.granted),
                Parameter(type=block.type, is_total=True),
            ),
            file=block.file,
            line=line.line,
            column=line.column,
            node=None,
            written=head + body,
            calls=frozenset({line.asks, *(["has_relation"] if line.relation else [])}),
            implier=None if line.relation else (line.asks, line.implier),
        )
        building.add(clause)
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
