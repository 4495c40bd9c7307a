"""Paths and questions: their text form, their JSON, and what they are made of."""

from __future__ import annotations

import pickle

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.diagram.path_text import operand_of_text, path_of, show
from sidecar.diagram.paths import (
    ACTION_NAME,
    ROOTS,
    SUBJECT,
    Literal,
    LookupPath,
    Member,
    Operand,
    Path,
    depth,
    parts_of,
    prefixes,
    root_of,
    within,
)
from sidecar.diagram.questions import (
    Above,
    AtLeast,
    Equals,
    Exists,
    Includes,
    NumberOf,
    Order,
    Present,
    Question,
    RuleHolds,
    Same,
    TextOf,
    ValueOf,
)
from sidecar.schema.model import Kind

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_]*", fullmatch=True)
LITERALS = st.builds(Literal, st.text())
PATHS: st.SearchStrategy[Path] = st.recursive(
    st.sampled_from(ROOTS),
    lambda paths: (
        st.builds(Member, paths, st.text(min_size=1))
        | st.builds(LookupPath, paths, NAMES, st.lists(paths | LITERALS).map(tuple))
    ),
    max_leaves=20,
)
OPERANDS: st.SearchStrategy[Operand] = PATHS | LITERALS
LIMITED = (st.text(), st.sampled_from(Kind))
QUESTIONS: st.SearchStrategy[Question] = st.one_of(
    *(st.builds(kind, PATHS) for kind in (Exists, Present, ValueOf, TextOf, NumberOf)),
    *(st.builds(kind, PATHS, PATHS) for kind in (Order, Same)),
    *(st.builds(kind, PATHS, *LIMITED) for kind in (AtLeast, Above)),
    st.builds(Equals, PATHS, st.text()),
    st.builds(Includes, PATHS, OPERANDS),
    st.builds(RuleHolds, st.text(), st.lists(OPERANDS).map(tuple)),
)


@given(OPERANDS)
def test_every_operand_is_read_back_from_its_text(operand: Operand) -> None:
    assert operand_of_text(show(operand)) == operand


@pytest.mark.parametrize(
    "text",
    [
        *("", "action.", "action.b(", 'action.b("c', "action.b(c", "action.b(action,action)"),
        *("action.b)", "action b", '"', "action.b(action))", ".action", "1", "_a", "é", "action-b"),
        *("action.1", 'action."b', 'action."b"c', '"a".b', "action.b(action, )", "user.id", '"a"'),
    ],
)
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no path"):
        path_of(text)


def test_the_name_of_an_action_is_no_property_of_that_name() -> None:
    assert show(ACTION_NAME) == "action.name"
    assert path_of("action.name") == ACTION_NAME != path_of('action."name"')


@given(QUESTIONS)
def test_every_question_is_read_back_from_its_json(question: Question) -> None:
    document = msgspec.json.encode(question)

    assert msgspec.json.decode(document, type=Question) == question


@given(QUESTIONS)
def test_an_equal_question_from_another_process_is_the_same_key(question: Question) -> None:
    other = pickle.loads(pickle.dumps(question))  # noqa: S301 - written here

    assert {question: 1}[other] == 1


@given(PATHS)
def test_a_path_begins_at_one_root_and_is_one_step_deeper_than_its_parts(path: Path) -> None:
    *_, last = prefixes(path)
    parts = parts_of(path)

    assert last == root_of(path)
    assert last in ROOTS
    assert depth(path) == (1 + max(map(depth, parts)) if parts else 0)
    assert list(within(path)) == [path, *(each for part in parts for each in within(part))]


def test_a_path_of_many_steps_is_measured_without_recursion() -> None:
    path: Path = SUBJECT
    for _ in range(5_000):
        path = Member(path, "manager")

    assert depth(path) == 5_000
