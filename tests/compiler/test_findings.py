"""What an edit takes over of the text before means what it would mean if all were asked anew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sidecar.compiler.compile import InvalidPolicyError, compile_pack, compile_texts
from sidecar.compiler.findings import load_findings
from sidecar.compiler.pack import PackTexts
from tests.compiler.test_clause_selection import PACKS, comparable
from tests.depth import deep
from tests.differential.comparing import pack_texts
from tests.library import Library, allow

BLOCKS = PACKS["resource blocks that share the names of roles and actions"]


def both(old: PackTexts, new: PackTexts) -> tuple[int, int]:
    """Compile an edit with what was found of the text before and without; return the queries."""
    found = load_findings(compile_texts(old).findings().dump())

    taken, anew = compile_texts(new, found).compiled, compile_pack(new)

    ours, theirs = comparable(taken, anew)
    assert ours == theirs
    return taken.queries, anew.queries


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"edit" if "writer";', '"edit" if "reader";'),
        ("share(user).role = role;", 'share(user).role = role and user.nick = "a";'),
        ("if doc.author = user;", "if doc.reviewer = user;"),
        ("if folder = doc.folder;", "if folder = doc.folder and doc.public;"),
        ("{public: true}", "{public: false}"),
    ],
)
def test_an_edit_is_compiled_as_if_nothing_were_known(
    before: str, after: str, library: Library
) -> None:
    assert BLOCKS.count(before) == 1
    old, new = library.texts(BLOCKS), library.texts(BLOCKS.replace(before, after))

    taken, anew = both(old, new)

    assert taken < anew / 2


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("actor User {}\n", "actor User {}\nactor Folder {}\n"),
        ('doc.contact = "A@b.example";', 'doc.contact = "a@b.example";'),
    ],
)
def test_what_every_clause_can_look_at_is_asked_anew(old: str, new: str, library: Library) -> None:
    text = allow("doc.public")
    text += 'allow(_: User, _: Action, doc: Doc) if doc.contact = "A@b.example";\n'
    assert text.count(old) == 1

    both(library.texts(text), library.texts(text.replace(old, new)))


def test_other_settings_are_another_context(library: Library) -> None:
    pack = library.texts(allow("doc.title = settings.word"))

    taken, anew = both(pack, replace(pack, settings={**pack.settings, "word": "other"}))

    assert taken == anew > 0


@pytest.mark.many
def test_edits_of_generated_packs_are_compiled_as_if_nothing_were_known(tmp_path: Path) -> None:
    saved = compared = 0

    for seed in range(deep(8, quick=4)):
        pack = pack_texts(seed, tmp_path / str(seed))
        rules = pack.texts["main.polar"].split(";\n")
        for place in range(0, len(rules) - 1, max(1, len(rules) // 3)):
            edited = ";\n".join(rules[:place] + rules[place + 1 :])
            try:
                taken, anew = both(pack, replace(pack, texts={"main.polar": edited}))
            except InvalidPolicyError:
                continue
            compared += 1
            saved += anew - taken

    assert compared > 4
    assert saved > 0
