"""Syntax trees of Polar, held to what Oso's own parser accepts and refuses."""

from __future__ import annotations

import random
import re
from bisect import bisect_right
from dataclasses import fields
from pathlib import Path

import pytest
from polar import Polar
from polar.exceptions import OsoError, ParserError
from polar.ffi import PolarSource

from sidecar.errors import InvalidPackError
from sidecar.polar.ast import (
    Binary,
    Block,
    Call,
    Group,
    Instance,
    Junction,
    Literal,
    Member,
    Name,
    Node,
    Not,
    Rule,
    Variable,
    children,
    walk,
)
from sidecar.polar.parser import parse
from tests.depth import deep
from tests.differential.generating import Generator

ROOT = Path(__file__).parents[2]
SHIPPED = [*(ROOT / "policies").glob("*.polar"), *(ROOT / "tests/packs").rglob("*.polar")]
MUTANTS = deep(2500, quick=1000)
TOKEN = re.compile(r'#[^\n]*|"(?:\\.|[^"\\\n])*"|\s+|\w+|[:?=<>!]=|::|\W')
# Oso ends the whole process where it tells of a fault beyond so many characters as there are before
# it bytes, and where its message would quote an operator that is written before its operands.
PADDING = f"\n#{'.' * 300}"
DEADLY = re.compile(r"\b(?:in|new)\s*\(|\.\s*\(")

ACCEPTED = [
    "",
    "# nothing",
    "f();",
    "f(x) if x = 1.e5;",
    "f(x) if x = [1,,2,];",
    "f(x) if x = [1, *y];",
    "f(a::b) if a::b;",
    "f(a?) if a?;",
    'f(x) if x = "a\\\nb\\"c";',
    "f(x) if print(x,) and debug();",
    "f(x) if new Foo(a: x,,);",
    "f(x) if not (not x);",
    "f(x) if x := 1 and y := x;",
    "f({new: 1, not: x});",
    'f(x) if x.new(1).in(a).type.(x).("a b").cut;',
    "f(x) if .(x, 1) and in(1, 2 in 3,);",
    "f(_: {a: b.c, d});",
    "f(_: {a: (1 + 2), b: Foo{c: 1}, c: [*d]});",
    'f(_: Action{name: "x"}, 1 + 2, [a, b]);',
    "type f(x: Foo);",
    "f(x) if x = -9223372036854775807 and y = nan and z = -inf;",
    'resource X { relations = {a: b, type: c, d,,}; roles = ["a",,"b",]; "a" if "b" on "a"; }',
    "X{}",
    "?= 1;",
    "f(x) if x mod 3 rem 2 = 1 or cut and forall(x in [1], x > 0);",
    "f(x)if x;f(y);",
    "f(x) if x matches [1, {y: -1}];",
    "f(trueish, falsey, inform, nano, android, indeed, notx) if newt;",
    "f(\x0cx) if x\u2028y and 💯 = trace;",
]
REFUSED = [
    "f(x: (y)) if y;",
    "f(x: Foo.bar);",
    "f(_: {a: (true and b)});",
    "f(_: {a: 1 + 2});",
    "f(x) if x = 1e5+3;",
    "f(x) if x = [*r, 1];",
    "f(x) if mod(x);",
    "f(x) if x.isa;",
    "f(a::) if a;",
    'f(x) if x = "a\nb";',
    "f(x) if g(x,);",
    "f(x) if not not x;",
    "f(x) if (x) := 1;",
    "f(cut) if x;",
    "f(x) if !x;",
    "f(x) if x or 1;",
    "f(x) if forall(1, x);",
    "f(x) if 1 < 2 < 3;",
    "f(x) if x in y > 0;",
    "f(x) if g(x).a;",
    "f(x) if {a: 1, a} = x;",
    "f(x) if x = 9223372036854775808;",
    "f(x) if x = -y;",
    "f(x,);",
    "f(x) if x matches (Foo);",
    "f(x) := x;",
    "type f(x) if x;",
    "X Y Z{}",
    "actor X { a = 1; }",
    'actor X { "a" if "b" if "c"; }',
    "f(x) if new Foo;",
    "f(x) if x",
    "f(x) if [a == b];",
]


def oso_parses(text: str) -> bool:
    """Ask Oso whether a text parses; what it refuses afterwards does not count."""
    polar = Polar()
    vars(polar.ffi_polar)["process_messages"] = lambda: None
    try:
        polar.ffi_polar.load([PolarSource(text, "a.polar")])
    except ParserError:
        return False
    except OsoError:
        return True
    return True


def we_parse(text: str) -> bool:
    try:
        parse(text, "a.polar")
    except InvalidPackError:
        return False
    return True


def texts() -> list[str]:
    written = [path.read_text() for path in SHIPPED]
    return written + [Generator(seed).policy() for seed in range(30)]


def lines_of(text: str) -> list[str]:
    """Cut a text into its rules and blocks."""
    return [text[line.span.start : line.span.end] for line in parse(text, "a.polar").lines]


def body(condition: str) -> Node:
    (line,) = parse(f"f(x) if {condition};", "a.polar").lines
    assert isinstance(line, Rule)
    assert line.body is not None
    return line.body


@pytest.mark.parametrize("text", ACCEPTED)
def test_what_oso_accepts_is_accepted(text: str) -> None:
    assert oso_parses(text)
    parse(text, "a.polar")


@pytest.mark.parametrize("text", REFUSED)
def test_what_oso_refuses_is_refused(text: str) -> None:
    assert not oso_parses(text)
    assert not we_parse(text)


def test_shipped_and_generated_policies_parse() -> None:
    for text in texts():
        assert oso_parses(text)
        assert parse(text, "a.polar").lines


@pytest.mark.many
def test_texts_with_tokens_lost_doubled_and_swapped_parse_exactly_when_oso_parses_them() -> None:
    dice = random.Random(4)  # noqa: S311 - the same mutants each time
    corpus = [line for text in texts() for line in lines_of(text)]
    corpus += [text for text in ACCEPTED if not DEADLY.search(text)]
    words = [token for text in [*corpus, *REFUSED] for token in TOKEN.findall(text)]
    verdicts = {True: 0, False: 0}
    for _ in range(MUTANTS):
        tokens = TOKEN.findall(dice.choice(corpus)) or [" "]
        for _ in range(dice.choice([1, 1, 1, 2, 3])):
            at, other = dice.randrange(len(tokens)), dice.randrange(len(tokens))
            match dice.randrange(5):
                case 0:
                    tokens[at] = ""
                case 1:
                    tokens.insert(at, tokens[at])
                case 2:
                    tokens[at], tokens[other] = tokens[other], tokens[at]
                case 3:
                    tokens[at] = dice.choice(words)
                case _:
                    tokens.insert(at, dice.choice(words))
        text = "".join(tokens) + PADDING
        if DEADLY.search(text):
            continue
        verdict = oso_parses(text)
        assert we_parse(text) == verdict, text
        verdicts[verdict] += 1
    assert min(verdicts.values()) > MUTANTS / 10  # both sides are tried


def test_spans_nest_and_hold_exactly_the_text() -> None:
    for text in texts():
        starts = [0, *(end.end() for end in re.finditer("\n", text))]
        for node in walk(parse(text, "a.polar")):
            written = text[node.span.start : node.span.end]
            line = bisect_right(starts, node.span.start)
            assert node.span.line == line
            assert node.span.column == node.span.start - starts[line - 1] + 1
            if isinstance(node, Name):
                assert written == node.text
            if isinstance(node, Variable):
                assert written == node.name
            if isinstance(node, Rule | Block):
                assert written[-1] in ";}"
            at = node.span.start
            for child in children(node):
                assert node.span.start <= child.span.start
                assert child.span.end <= node.span.end
                if not isinstance(node, Block | Junction):
                    assert at <= child.span.start
                    at = max(at, child.span.end)


@pytest.mark.many
def test_the_text_of_a_rule_s_span_parses_to_the_same_tree() -> None:
    for text in texts():
        for line in parse(text, "a.polar").lines:
            piece = text[line.span.start : line.span.end]
            (again,) = parse(piece, "a.polar").lines
            assert shape(again) == shape(line)


def shape(node: object) -> object:
    """Give a tree without its places."""
    if isinstance(node, tuple):
        return [shape(each) for each in node]
    if not isinstance(node, Node):
        return node
    parts = [getattr(node, field.name) for field in fields(node) if field.type != "Span"]
    return [type(node).__name__, *map(shape, parts)]


def test_operators_bind_as_in_oso() -> None:
    found = body("a = 1 + 2 * 3 and not b or c.d(e) in f")
    assert isinstance(found, Junction)
    assert found.word == "or"
    both, inside = found.operands
    assert isinstance(both, Junction)
    assert [type(operand) for operand in both.operands] == [Binary, Not]
    assert isinstance(inside, Binary)
    assert inside.operator.text == "in"
    equal = both.operands[0]
    assert isinstance(equal, Binary)
    assert isinstance(equal.right, Binary)
    assert equal.right.operator.text == "+"


def test_members_calls_and_groups_keep_what_was_written() -> None:
    text = "f(x) if (a.b(c).d);"
    found = body("(a.b(c).d)")
    assert isinstance(found, Group)
    assert text[found.span.start : found.span.end] == "(a.b(c).d)"
    member = found.inner
    assert isinstance(member, Member)
    assert isinstance(member.head, Member)
    assert isinstance(member.head.member, Call)
    assert member.head.member.arguments == (Variable(member.head.member.arguments[0].span, "c"),)


def test_texts_read_their_escapes() -> None:
    found = body(r'"a\n\"\\\q\0"')
    assert isinstance(found, Literal)
    assert found.value == 'a\n"\\q\0'


def test_a_parameter_s_pattern_names_its_type() -> None:
    (line,) = parse('f(_: Action{name: "x"}, y: User);', "a.polar").lines
    assert isinstance(line, Rule)
    first, second = (parameter.specializer for parameter in line.head.parameters)
    assert isinstance(first, Instance)
    assert first.type.text == "Action"
    assert first.fields is not None
    assert [entry.key.text for entry in first.fields.entries] == ["name"]
    assert isinstance(second, Instance)
    assert second.fields is None


def test_endless_nesting_is_a_problem_and_no_crash() -> None:
    with pytest.raises(InvalidPackError, match="nest deeper than 60 levels"):
        parse(f"f(x) if {'(' * 5000}x{')' * 5000};", "a.polar")


def test_long_rules_parse() -> None:
    text = f"f(x) if {' and '.join(['x'] * 995)};"
    (line,) = parse(text, "a.polar").lines
    assert isinstance(line, Rule)
    assert isinstance(line.body, Junction)


def test_a_longer_condition_is_a_problem() -> None:
    with pytest.raises(InvalidPackError, match="more than 2000 words in one condition"):
        parse(f"f(x) if {' and '.join(['x'] * 5000)};", "a.polar")


def test_deep_chains_parse_without_recursion() -> None:
    text = f"f(x) if x{'.a' * 950} = 1;"
    (line,) = parse(text, "a.polar").lines
    assert sum(isinstance(node, Member) for node in walk(line)) == 950
