"""Equal digests mean equal contents: no text passes for the boundary between two others."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from itertools import combinations
from pathlib import Path

from sidecar.compiler.pack import read_texts, revision_of
from sidecar.digests import digest_of
from sidecar.facts import read_directory
from sidecar.schema import read_schema

PACK = {
    "schema.yaml": (
        "types:\n"
        "  user: {subject: true, table: users, key: id, attributes: {id: string}}\n"
        "settings:\n"
        "  names: {type: set of string, optional: true}\n"
    ),
    "settings.yaml": "{}\n",
    "reasons.yaml": "{}\n",
    "a.polar": "allow(_: User, _: Action, _: User);",
    "b.polar": 'forbid(_: User, _: Action, _: User, "no");',
}
CODED = "reasons: {no: No.}\n"


def _revision(directory: Path, pack: Mapping[str, str]) -> str:
    directory.mkdir()
    for name, text in pack.items():
        (directory / name).write_text(text)
    return revision_of(*read_texts(directory, directory))


def test_packs_that_differ_have_different_revisions(tmp_path: Path) -> None:
    joined = {name: text for name, text in PACK.items() if name != "b.polar"}
    packs: list[dict[str, str]] = [
        PACK,
        {**joined, "a.polar": f"{PACK['a.polar']}\0b.polar\0{PACK['b.polar']}"},
        {**joined, "a.polar": f"{PACK['a.polar']}{PACK['b.polar']}"},
        {**PACK, "reasons.yaml": "reasons: {no: log=No.}\n"},
        {**PACK, "reasons.yaml": "obligations: {no: log=No.}\n"},
        {**PACK, "reasons.yaml": "reasons: {no: A., log: B.}\n"},
        {**PACK, "reasons.yaml": "reasons: {no: A.}\nobligations: {log: B.}\n"},
        {**PACK, "settings.yaml": "names: ['a', 'b']\n"},
        {**PACK, "settings.yaml": "names: [\"a', 'b\"]\n"},
        {**PACK, "settings.yaml": "names: ['ab']\n"},
    ]

    revisions = [_revision(tmp_path / str(at), pack) for at, pack in enumerate(packs)]

    assert len(set(revisions)) == len(packs)


def test_the_spelling_of_an_id_passes_for_no_row(tmp_path: Path) -> None:
    (tmp_path / "schema.yaml").write_text(
        "types:\n"
        "  user: {subject: true, table: users, key: email, attributes:"
        " {email: email, name: string}}\n"
    )
    schema = read_schema(tmp_path / "schema.yaml")
    worlds = {
        "one": """- {email: "('a@b', 'X')", name: n}\n""",
        "two": """- {email: "('a@b', 'x')", name: n}\n- {email: a@b, name: X}\n""",
    }

    revisions = set()
    for name, rows in worlds.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "users.yaml").write_text(rows)
        revisions.add(read_directory(schema, tmp_path / name).revision)

    assert len(revisions) == len(worlds)


def test_the_same_pack_has_the_same_revision(tmp_path: Path) -> None:
    turned = {**dict(reversed(PACK.items())), "settings.yaml": "names: [b, a]\n"}
    pack = {**PACK, "settings.yaml": "names: [a, b]\n"}

    assert _revision(tmp_path / "one", pack) == _revision(tmp_path / "two", turned)


def test_no_two_contents_have_one_digest() -> None:
    contents: list[tuple[object, ...]] = [
        (),
        ("",),
        ("", ""),
        ("ab",),
        ("a", "b"),
        ("a\0b",),
        ("a", "\0b"),
        ("s1:a",),
        (["a", "b"],),
        (["a"], "b"),
        ([["a"], "b"],),
        (["ab"],),
        ({"a": "b"},),
        ({"a": {"b": None}},),
        ([("a", "b")],),
        (frozenset({"a", "b"}),),
        (None,),
        ("None",),
        (1,),
        ("1",),
        (True,),
        (Decimal(1),),
        (b"a",),
        ("a",),
    ]

    digests = [digest_of(*content).revision() for content in contents]

    assert [
        (contents[one], contents[two])
        for one, two in combinations(range(len(contents)), 2)
        if digests[one] == digests[two]
    ] == []
