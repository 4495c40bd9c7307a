"""Parses Polar into rules, and turns resource blocks into rules of the same meaning."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from lark import Lark, UnexpectedInput

from tests.reference.errors import OutsideDomainError, PackError
from tests.reference.values import Value, read_decimal


@dataclass(frozen=True, slots=True)
class Literal:
    """A text, number or boolean."""

    value: Value


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable, or one of the words `context` and `settings`."""

    name: str


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list that is written out."""

    items: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A class, fields, or both. As a term without a class it is a dictionary."""

    type: str | None
    fields: tuple[tuple[str, "Expression"], ...]


@dataclass(frozen=True, slots=True)
class Member:
    """An attribute of a term, or a look-up when there are brackets."""

    base: "Expression"
    name: str
    arguments: tuple["Expression", ...] | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A rule that is asked."""

    name: str
    arguments: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition of parts: and, or, not, in, matches, forall, or an operator such as `<=`."""

    word: str
    parts: tuple["Expression", ...]


Expression: TypeAlias = Literal | Variable | ListOf | Pattern | Member | Call | Condition
Node: TypeAlias = Any
"""A tree of lark, whose children are trees, tokens and None."""
Expressions: TypeAlias = tuple[Expression, ...]
Fields: TypeAlias = tuple[tuple[str, Expression], ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a rule: a term, and the pattern after its colon."""

    term: Expression
    pattern: Expression | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A head and a condition; a rule without a condition always holds."""

    name: str
    parameters: tuple[Parameter, ...]
    condition: Expression | None


@dataclass(frozen=True, slots=True)
class Implication:
    """A line of a resource block: `gives` if `has`, perhaps on a relation."""

    gives: str
    has: str
    relation: str | None


@dataclass(frozen=True, slots=True)
class Block:
    """An actor or resource block."""

    word: str
    type: str
    names: Mapping[str, tuple[str, ...]]
    """`roles` and `permissions`."""
    relations: Mapping[str, str]
    implications: tuple[Implication, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """All rules of a pack, those of its blocks included, by name and number of parameters."""

    rules: Mapping[tuple[str, int], tuple[Rule, ...]]
    actors: frozenset[str]
    resources: frozenset[str]
    """Names of classes with an actor or a resource block."""

    candidates: dict[object, tuple[Rule, ...]] = field(default_factory=dict)
    """Rules whose heads can match, by name and the types and texts of the arguments."""


MOST_DIGITS = 15
"""Of a number that is written out in a rule."""

_WORDS = {
    "condition": "or",
    "conjunction": "and",
    "negated": "not",
    "member_of": "in",
    "matched": "matches",
    "for_all": "forall",
}
"""Words of conditions by their name in the grammar."""


def _unquote(token: object) -> str:
    escapes = {"n": "\n", "t": "\t", "r": "\r", "0": "\0"}
    return re.sub(r"\\(.)", lambda match: escapes.get(match[1], match[1]), str(token)[1:-1])


def _number(text: str) -> Decimal:
    number = read_decimal(text)
    digits = "".join(map(str, number.as_tuple().digits)).strip("0")
    if len(digits) > MOST_DIGITS:
        raise PackError(f"{text} has more than {MOST_DIGITS} digits")
    return number


def _strings(node: Node) -> tuple[str, ...]:
    return tuple(_unquote(token) for token in node.children if token is not None)


def _expressions(node: Node | None) -> Expressions:
    return tuple(_expression(child) for child in node.children) if node else ()


def _fields(node: Node | None) -> Fields:
    pairs = [each.children for each in node.children] if node else []
    return tuple((str(name), _expression(value)) for name, value in pairs)


def _expression(node: Node) -> Expression:  # noqa: C901, PLR0912 -- one branch for each construct
    match node.data, node.children:
        case "text", [token]:
            return Literal(Value("text", _unquote(token)))
        case "number", [token]:
            return Literal(Value("number", _number(str(token))))
        case ("true" | "false") as word, _:
            return Literal(Value("boolean", word == "true"))
        case "variable", [name]:
            return Variable(str(name))
        case "call", [name, arguments]:
            return Call(str(name), _expressions(arguments))
        case "list_of", [items]:
            return ListOf(_expressions(items))
        case "dictionary", [fields]:
            return Pattern(None, _fields(fields))
        case "member", [base, name]:
            return Member(_expression(base), str(name))
        case "look_up", [base, name, arguments]:
            return Member(_expression(base), str(name), _expressions(arguments))
        case "class_pattern", [name]:
            return Pattern(str(name), ())
        case "field_pattern", [name, fields]:
            return Pattern(None if name is None else str(name), _fields(fields))
        case "compared", [left, operator, right]:
            return Condition(str(operator), (_expression(left), _expression(right)))
        case word, _:
            return Condition(_WORDS[word], _expressions(node))


def _rule(node: Node) -> Rule:
    name, parameters, condition = node.children
    pairs = [each.children for each in parameters.children] if parameters else []
    return Rule(
        name=str(name),
        parameters=tuple(
            Parameter(_expression(term), pattern and _expression(pattern))
            for term, pattern in pairs
        ),
        condition=condition and _expression(condition),
    )


def _block(node: Node) -> Block:
    word, name, *declarations = node.children
    names: dict[str, tuple[str, ...]] = {}
    relations: dict[str, str] = {}
    implications: list[Implication] = []
    for line in declarations:
        match line.data, line.children:
            case "declared_names", [what, texts]:
                names[str(what)] = _strings(texts)
            case "declared_relations", [_, pairs]:
                for pair in filter(None, pairs.children):
                    relation, target = map(str, pair.children)
                    relations[relation] = target
            case _:
                gives, has, relation = line.children
                on = None if relation is None else _unquote(relation)
                implications.append(Implication(_unquote(gives), _unquote(has), on))
    if set(names) - {"roles", "permissions"}:
        raise PackError(f"the block of {name} declares something unknown")
    return Block(str(word.children[0]), str(name), names, relations, tuple(implications))


@cache
def _parser() -> Lark:
    grammar = Path(__file__).with_name("polar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", maybe_placeholders=True)


def parse(text: str) -> tuple[Rule | Block, ...]:
    """Return the rules and blocks of a file."""
    lines = text.replace("\r\n", "\n").split("\n")
    if any(len(line.splitlines()) > 1 or line.endswith("\r") for line in lines):
        raise PackError("the text holds a line break other than a line feed")
    try:
        tree: Node = _parser().parse(text)
        return tuple(_rule(each) if each.data == "rule" else _block(each) for each in tree.children)
    except UnexpectedInput as error:
        raise PackError(f"line {error.line}: {error}") from error
    except OutsideDomainError as error:
        raise PackError(str(error)) from error


def read_policy(items: Sequence[Rule | Block]) -> Policy:
    """Return the rules of all files, with the rules that their blocks stand for."""
    blocks = {item.type: item for item in items if isinstance(item, Block)}
    rules = [item for item in items if isinstance(item, Rule)]
    for block in blocks.values():
        rules.extend(_desugar(block, blocks, line) for line in block.implications)
    grouped: dict[tuple[str, int], tuple[Rule, ...]] = {}
    for rule in rules:
        head = (rule.name, len(rule.parameters))
        grouped[head] = (*grouped.get(head, ()), rule)
    return Policy(
        rules=grouped,
        actors=frozenset(block.type for block in blocks.values() if block.word == "actor"),
        resources=frozenset(block.type for block in blocks.values() if block.word == "resource"),
    )


def _rule_name(block: Block, name: str) -> str:
    if name in block.names.get("roles", ()):
        return "has_role"
    if name in block.names.get("permissions", ()):
        return "has_permission"
    raise PackError(f"the block of {block.type} does not declare {name}")


def _desugar(block: Block, blocks: Mapping[str, Block], line: Implication) -> Rule:
    """Return the rule that a line of a resource block stands for."""
    actor, resource, related = Variable("actor"), Variable("resource"), Variable("related")
    gives, has = (Literal(Value("text", name)) for name in (line.gives, line.has))
    condition: Expression
    if line.relation is None:
        condition = Call(_rule_name(block, line.has), (actor, has, resource))
    else:
        target = block.relations.get(line.relation)
        if target not in blocks or target is None:
            raise PackError(f"the block of {block.type} does not relate {line.relation}")
        relation = Literal(Value("text", line.relation))
        condition = Condition(
            "and",
            (
                Condition("matches", (related, Pattern(target, ()))),
                Call("has_relation", (related, relation, resource)),
                Call(_rule_name(blocks[target], line.has), (actor, has, related)),
            ),
        )
    head = (
        Parameter(actor, Pattern("Actor", ())),
        Parameter(gives),
        Parameter(resource, Pattern(block.type, ())),
    )
    return Rule(_rule_name(block, line.gives), head, condition)
