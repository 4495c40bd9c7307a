"""What is absent equals nothing, has no type and matches no pattern, wherever it turns up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.library import Library, allow

TITLE = [
    # In lists and dictionaries, by one variable or by two.
    ("x = doc.title and l = [x] and m = [x] and l = m", ""),
    ("x = doc.title and y = x and x = y", ""),
    ("x = doc.title and l = [x] and m = l and l = m", ""),
    ("x = doc.title and l = [1, [x]] and m = [1, [x]] and l == m", ""),
    ("x = doc.title and l = {a: x} and m = {a: x} and l = m", ""),
    ("x = doc.title and [x, [y]] = [x, [x]] and x = y", ""),
    ("l = [x] and x = doc.title and m = [x] and l = m", ""),
    ("x = doc.title and l = [x] and m = [x] and not l != m", ""),
    ("x = doc.title and l = [x] and l in [l]", ""),
    ("x = doc.title and l = [x] and [x] in [l]", ""),
    ("x = doc.title and x in [x]", ""),
    ("[doc.title] = [doc.title]", ""),
    ("{a: doc.title} = {a: doc.title}", ""),
    ("x = doc.title and forall(y in [x], y = x)", ""),
    ("x = doc.title and l = [x] and forall(y in l, y in l)", ""),
    # Given to rules, in their heads and in lists.
    ("x = doc.title and same(x, x)", "same(l, l);"),
    ("x = doc.title and same([x], [x])", "same(l, l);"),
    ("x = doc.title and same([x, 1], [x, 1])", "same([a, b], [a, b]);"),
    ("x = doc.title and same({a: x}, {a: x})", "same(l, l);"),
    ("x = doc.title and l = [x] and same(l, l)", "same(l, l);"),
    ("x = doc.title and same([x], x)", "same([a], a);"),
    ("x = doc.title and same([x], x)", "same(l, a) if l = [a] and again(l, l);\nagain(l, l);"),
    # Patterns, with and without fields.
    ("x = doc.title and x matches {}", ""),
    ("x = doc.title and [x] matches [x]", ""),
    ("x = doc.title and {a: x} matches {a: x}", ""),
    ("x = doc.title and l = {a: x} and l matches {a: x}", ""),
    ("doc matches Doc{title: {}}", ""),
    ("doc matches {title: {}}", ""),
    ("x = doc.title and doc matches Doc{title: x}", ""),
    ("f(doc.title)", "f(_: {});"),
    ("f(doc)", "f(_: {title: {}});"),
    ("f(doc)", "f(_: Doc{title: {}});"),
    ("f(doc.title)", "f(_: String);"),
    ("x = doc.title and x matches String", ""),
]  # fmt: skip

SHARE = [
    ("s = doc.folder.share(user) and t = s and s = t", ""),
    ("s = doc.folder.share(user) and l = [s] and m = [s] and l = m", ""),
    ("s = doc.folder.share(user) and s in [s]", ""),
    ("s = doc.folder.share(user) and same([s], [s])", "same(l, l);"),
    ("s = doc.folder.share(user) and same([s, s])", "same([a, a]);"),
    ("f(doc.folder.share(user))", "f(_: Share);"),
    ("f(doc.folder.share(user), _)", "f(_: Share, 1); f(_: Share, 2);"),
    ("doc.folder.share(user) matches Share", ""),
    ("doc.folder.share(user) matches Share{folder: Folder{}}", ""),
    ("doc.folder.share(user) matches {}", ""),
    ("doc.folder.share(user) matches Share{}", ""),
    ("[doc.folder.share(user)] matches [s] and s matches Share", ""),
    ("f(doc.folder.share(user))", "f(_: {});"),
    ("f({a: doc.folder.share(user)})", "f(_: {a: Share{}});"),
    ("f(doc.folder.share(user).folder)", "f(_: Folder);"),
    ("doc.folder.share(user).folder matches Folder", ""),
    ("doc.folder.share(user) = doc.folder.share(user)", ""),
]  # fmt: skip

BOSS = [
    ("f(user.boss)", "f(_: User);"),
    ("user.boss matches User", ""),
    ("user.boss matches {}", ""),
    ("f(user.boss.boss)", "f(_: User); f(_: Doc);"),
    ("f(doc.folder.share(user.boss))", "f(_: Share);"),
    ("b = user.boss and b in [b]", ""),
]  # fmt: skip


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    made = Library(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize(("condition", "helpers"), TITLE)
def test_an_absent_value_neither_equals_itself_nor_matches(
    library: Library, condition: str, helpers: str
) -> None:
    ask = library.asker(allow(condition, helpers))

    assert ask("ana", "view", "doc:bare") == ("not_granted",)
    assert ask("ana", "view", "doc:full") == ()


@pytest.mark.parametrize(("condition", "helpers"), SHARE)
def test_what_a_look_up_does_not_find_has_no_type_and_equals_nothing(
    library: Library, condition: str, helpers: str
) -> None:
    ask = library.asker(allow(condition, helpers))

    assert ask("mallory", "view", "doc:bare") == ("not_granted",)
    assert ask("bob", "view", "doc:bare") == ()


@pytest.mark.parametrize(("condition", "helpers"), BOSS)
def test_an_absent_reference_has_no_type(library: Library, condition: str, helpers: str) -> None:
    ask = library.asker(allow(condition, helpers), rows={
        "users": "- {id: ana}\n- {id: bob, boss: cyd}\n- {id: cyd, boss: dan}\n- {id: dan}\n",
        "shares": "- {folder: top, user: cyd, role: reader}\n",
    })  # fmt: skip

    assert ask("ana", "view", "doc:bare") == ("not_granted",)
    assert ask("bob", "view", "doc:bare") == ()


def test_patterns_and_lists_of_what_is_there_keep_their_meaning(library: Library) -> None:
    conditions = [
        "resource_there(doc)",
        "{a: 1} matches {}",
        "{a: 1, b: 2} matches {b: 2}",
        "{a: {b: 1}} = {a: {b: 1}}",
        '"text" matches {} and 1 matches {} and [1] matches {}',
        "[a, b] = [1, 2] and a = 1 and b in [2]",
        "l = [1, x] and x = 2 and l = [1, 2]",
        "not {a: 1} = {a: 2}",
        "action matches {} and context matches {}",
    ]
    ask = library.asker(allow(" and ".join(conditions), "resource_there(_: {});"))

    assert ask("ana", "view", "doc:bare") == ()
    assert ask("ana", "view", "doc:none") == ("unknown_resource",)
