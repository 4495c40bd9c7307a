"""Parses Polar into rules, and turns resource blocks into rules of the same meaning."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from lark import Lark, Token, Transformer, UnexpectedInput, v_args
from lark.exceptions import VisitError

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
class All:
    """Conditions that must all hold."""

    parts: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Either:
    """Conditions one of which must hold."""

    parts: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Negated:
    """A condition that must not hold."""

    part: "Expression"


@dataclass(frozen=True, slots=True)
class Compared:
    """Two terms and an operator."""

    left: "Expression"
    operator: str
    right: "Expression"


@dataclass(frozen=True, slots=True)
class MemberOf:
    """A term that must equal a member of a list."""

    item: "Expression"
    members: "Expression"


@dataclass(frozen=True, slots=True)
class Matched:
    """A term that must match a pattern."""

    term: "Expression"
    pattern: "Expression"


@dataclass(frozen=True, slots=True)
class ForAll:
    """A condition that must hold in every solution of another."""

    domain: "Expression"
    condition: "Expression"


Expression: TypeAlias = (
    Literal
    | Variable
    | ListOf
    | Pattern
    | Member
    | Call
    | All
    | Either
    | Negated
    | Compared
    | MemberOf
    | Matched
    | ForAll
)
Expressions: TypeAlias = tuple[Expression, ...]
Fields: TypeAlias = tuple[tuple[str, Expression], ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a rule: a term, and the pattern after its colon."""

    term: Expression
    pattern: Expression | None = None


Parameters: TypeAlias = tuple[Parameter, ...]


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


def _all_but_none(items: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(item for item in items if item is not None)


def _unquote(token: Token) -> str:
    text, result, position = str(token)[1:-1], [], 0
    while position < len(text):
        if text[position] == "\\":
            position += 1
            escapes = {"n": "\n", "t": "\t", "r": "\r", "0": "\0"}
            result.append(escapes.get(text[position], text[position]))
        else:
            result.append(text[position])
        position += 1
    return "".join(result)


@v_args(inline=True)
class _Builder(Transformer[Token, Any]):
    def start(self, *items: Rule | Block) -> tuple[Rule | Block, ...]:
        return items

    def rule(
        self, name: Token, parameters: Parameters | None, condition: Expression | None
    ) -> Rule:
        return Rule(str(name), parameters or (), condition)

    def parameters(self, *items: Parameter) -> tuple[Parameter, ...]:
        return items

    def parameter(self, term: Expression, pattern: Expression | None) -> Parameter:
        return Parameter(term, pattern)

    def block_word(self, word: Token) -> str:
        return str(word)

    def block(self, word: str, name: Token, *declarations: tuple[str, object]) -> Block:
        names = {key: value for key, value in declarations if isinstance(value, tuple)}
        maps = {key: value for key, value in declarations if isinstance(value, dict)}
        if set(names) - {"roles", "permissions"} or set(maps) - {"relations"}:
            raise PackError(f"the block of {name} declares something unknown")
        lines = tuple(value for _, value in declarations if isinstance(value, Implication))
        return Block(word, str(name), names, maps.get("relations", {}), lines)

    def declared_names(self, name: Token, texts: tuple[str, ...]) -> tuple[str, Any]:
        return str(name), texts

    def declared_relations(self, name: Token, relations: dict[str, str]) -> tuple[str, Any]:
        return str(name), relations

    def implication(self, gives: Token, has: Token, on: Token | None) -> tuple[str, Any]:
        relation = None if on is None else _unquote(on)
        return "", Implication(_unquote(gives), _unquote(has), relation)

    def strings(self, *tokens: Token | None) -> tuple[str, ...]:
        return tuple(_unquote(token) for token in _all_but_none(tokens))

    def relations(self, *pairs: tuple[str, str] | None) -> dict[str, str]:
        return dict(_all_but_none(pairs))

    def relation(self, name: Token, target: Token) -> tuple[str, str]:
        return str(name), str(target)

    def condition(self, *parts: Expression) -> Expression:
        return Either(parts)

    def conjunction(self, *parts: Expression) -> Expression:
        return All(parts)

    def negated(self, part: Expression) -> Expression:
        return Negated(part)

    def compared(self, left: Expression, operator: Token, right: Expression) -> Expression:
        return Compared(left, str(operator), right)

    def member_of(self, item: Expression, members: Expression) -> Expression:
        return MemberOf(item, members)

    def matched(self, term: Expression, pattern: Expression) -> Expression:
        return Matched(term, pattern)

    def text(self, token: Token) -> Expression:
        return Literal(Value("text", _unquote(token)))

    def number(self, token: Token) -> Expression:
        try:
            return Literal(Value("number", read_decimal(str(token))))
        except OutsideDomainError as error:
            raise PackError(str(error)) from error

    def true(self) -> Expression:
        return Literal(Value("boolean", raw=True))

    def false(self) -> Expression:
        return Literal(Value("boolean", raw=False))

    def variable(self, name: Token) -> Expression:
        return Variable(str(name))

    def call(self, name: Token, arguments: Expressions | None) -> Expression:
        return Call(str(name), arguments or ())

    def for_all(self, domain: Expression, condition: Expression) -> Expression:
        return ForAll(domain, condition)

    def list_of(self, items: Expressions | None) -> Expression:
        return ListOf(items or ())

    def dictionary(self, fields: Fields | None) -> Expression:
        return Pattern(None, fields or ())

    def member(self, base: Expression, name: Token) -> Expression:
        return Member(base, str(name))

    def look_up(self, base: Expression, name: Token, arguments: Expressions | None) -> Expression:
        return Member(base, str(name), arguments or ())

    def arguments(self, *items: Expression) -> tuple[Expression, ...]:
        return items

    def class_pattern(self, name: Token) -> Expression:
        return Pattern(str(name), ())

    def field_pattern(self, name: Token | None, fields: Fields | None) -> Expression:
        return Pattern(None if name is None else str(name), fields or ())

    def fields(self, *items: tuple[str, Expression]) -> tuple[tuple[str, Expression], ...]:
        return items

    def field(self, name: Token, value: Expression) -> tuple[str, Expression]:
        return str(name), value


@cache
def _parser() -> Lark:
    grammar = Path(__file__).with_name("polar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", maybe_placeholders=True)


def parse(text: str) -> tuple[Rule | Block, ...]:
    """Return the rules and blocks of a file.

    Raises:
        PackError: the text is no Polar that packs may use.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    if any(len(line.splitlines()) > 1 or line.endswith("\r") for line in lines):
        raise PackError("the text holds a line break other than a line feed")
    try:
        items: tuple[Rule | Block, ...] = _Builder().transform(_parser().parse(text))
    except UnexpectedInput as error:
        raise PackError(f"line {error.line}: {error}") from error
    except VisitError as error:
        raise PackError(str(error.orig_exc)) from error
    return items


def read_policy(items: Sequence[Rule | Block]) -> Policy:
    """Return the rules of all files, with the rules that their blocks stand for.

    Raises:
        PackError: a block names what is not declared.
    """
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
        condition = All(
            (
                Matched(related, Pattern(target, ())),
                Call("has_relation", (related, relation, resource)),
                Call(_rule_name(blocks[target], line.has), (actor, has, related)),
            )
        )
    head = (
        Parameter(actor, Pattern("Actor", ())),
        Parameter(gives),
        Parameter(resource, Pattern(block.type, ())),
    )
    return Rule(_rule_name(block, line.gives), head, condition)
