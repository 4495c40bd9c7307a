"""Which rules a clause of a policy calls, with operands as far as its text tells them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sidecar.bundle import RuleDiagram
from sidecar.diagram.paths import ACTION, Literal, LookupPath, Member, Operand
from sidecar.polar import ast
from sidecar.polar.source import Block, ImpliedRule, Rule, implied_rules, read_source
from sidecar.schema import Schema

_NAME = (ACTION, "name")
Pattern = tuple[str, tuple[Operand | None, ...]]
"""The name of a rule and its operands; None for one that the text of the caller does not tell."""


@dataclass(frozen=True, slots=True)
class RuleCalls:
    """The clauses of a policy as they are written, by their places."""

    rules: Mapping[tuple[str, int, int], Rule]
    """By file, line and column."""
    lines: Mapping[tuple[str, int, int], ImpliedRule]
    """The lines of blocks, likewise."""
    renamed: frozenset[str]
    """Names of attributes in Polar that are others in the schema."""

    @classmethod
    def of(cls, texts: Mapping[str, str], schema: Schema) -> RuleCalls:
        """Read the files of a policy that compiles."""
        sources = [read_source(file, text)[0] for file, text in texts.items()]
        blocks: dict[str, Block] = {b.type: b for source in sources for b in source.blocks}
        return cls(
            {
                (rule.file, rule.line, rule.node.span.column): rule
                for source in sources
                for rule in source.rules
            },
            {
                (block.file, line.line, line.column): line
                for block in blocks.values()
                for line in implied_rules(block, blocks)
            },
            frozenset(
                attribute.word
                for declared in schema.types.values()
                for attribute in declared.attributes.values()
                if attribute.word
            ),
        )

    def of_clause(self, clause: RuleDiagram, action: str) -> Iterator[Pattern]:
        """Yield what a clause calls so that it can hold; what it negates is left out."""
        place = (clause.file, clause.line, clause.column)
        line = self.lines.get(place)
        if line is not None:
            subject, _, resource = clause.operands
            implier = Literal(f"str {line.implier}")
            yield line.asks, (subject, implier, resource if line.relation is None else None)
        elif (rule := self.rules.get(place)) is not None and rule.body is not None:
            bound = {
                parameter.term.name: operand
                for parameter, operand in zip(rule.parameters, clause.operands, strict=True)
                if isinstance(parameter.term, ast.Variable)
            }
            for call in _positive_calls(rule.body):
                arguments = tuple(self._operand(each, bound, action) for each in call.arguments)
                yield call.name.text, arguments

    def _operand(self, term: ast.Node, bound: Mapping[str, Operand], action: str) -> Operand | None:
        """Return the operand that a term is; None where only a proof would tell it."""
        match term:
            case ast.Variable(_, name):
                return bound.get(name)
            case ast.Literal(_, value):
                return Literal(f"{type(value).__name__} {value}")
            case ast.Group(_, inner):
                return self._operand(inner, bound, action)
            case ast.Member(_, head, ast.Call(_, name, arguments)):
                base = self._operand(head, bound, action)
                operands = [self._operand(each, bound, action) for each in arguments]
                if base is None or isinstance(base, Literal) or None in operands:
                    return None
                return LookupPath(base, name.text, tuple(filter(None, operands)))
            case ast.Member(_, head, ast.Name(_, name)):
                base = self._operand(head, bound, action)
                if base is None or isinstance(base, Literal) or name in self.renamed:
                    return None
                return Literal(f"name {action}") if (base, name) == _NAME else Member(base, name)
            case _:
                return None


def matches(pattern: Sequence[Operand | None], operands: Sequence[Operand]) -> bool:
    """Tell whether a rule with operands can be the one that a clause calls.

    Literals are compared by their texts: a permission is the name of an action in one place and a
    string in another.
    """
    return len(pattern) == len(operands) and all(
        wanted is None or wanted == found or _same_text(wanted, found)
        for wanted, found in zip(pattern, operands, strict=True)
    )


def text_of_literal(operand: Operand) -> str | None:
    """Return the text of a literal operand, without its kind; None for a path."""
    return operand.text.partition(" ")[2] if isinstance(operand, Literal) else None


def _same_text(one: Operand, other: Operand) -> bool:
    text = text_of_literal(one)
    return text is not None and text == text_of_literal(other)


def _positive_calls(term: ast.Node) -> Iterator[ast.Call]:
    """Yield the calls of rules in a condition but for those in `not` and `forall`."""
    waiting = [term]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Junction | ast.Group):
            waiting += reversed(ast.children(node))
        elif isinstance(node, ast.Call):
            yield node
