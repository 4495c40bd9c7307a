"""Clauses that are left out before Oso is asked are those of which Oso would have said no."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from sidecar.bundle.model import EntryRow, nodes_of
from sidecar.compiler.compile import InvalidPolicyError, compile_pack
from sidecar.compiler.compiled import Compiled
from sidecar.compiler.pack import PackTexts
from sidecar.compiler.query_trees import QueryTrees
from sidecar.compiler.selection import ClauseIndex, Headed
from sidecar.diagram.diagram import Trees
from sidecar.diagram.nodes import Node
from tests.depth import deep
from tests.differential.comparing import pack_texts
from tests.library import Library

BLOCKS = """
actor User {}
allow(user: User, action: Action, resource: Resource) if
  has_permission(user, action.name, resource);
resource Folder {
  roles = ["reader", "writer"];
  permissions = ["view"];
  "view" if "reader";
  "reader" if "writer";
}
resource Doc {
  roles = ["reader", "writer"];
  permissions = ["view", "edit"];
  relations = {folder: Folder};
  "view" if "reader";
  "edit" if "writer";
  "reader" if "writer";
  "writer" if "writer" on "folder";
}
has_relation(folder: Folder, "folder", doc: Doc) if folder = doc.folder;
has_role(user: User, role: String, folder: Folder) if folder.share(user).role = role;
has_role(user: User, "writer", doc: Doc) if doc.author = user;
has_role(_: User{guest: false}, "reader", _: Doc{public: true});
"""

PACKS = {
    "resource blocks that share the names of roles and actions": BLOCKS,
    "unions, fields and variables in heads": """
actor User {}
actor Folder {}
resource Note { permissions = ["view"]; }
resource Doc { permissions = ["view", "edit"]; }
allow(user, action, resource) if has_permission(user, action.name, resource);
has_permission(_: Actor, "view", note: Note) if sees(note.doc);
has_permission(user: User, "view", doc: Doc) if sees(doc) and may(user, doc);
has_permission(_: User, "edit", _: Doc{public: true, stage: "draft"});
sees(_: Folder);
sees(_: Resource);
sees(doc: Doc) if doc.author.guest;
sees(note: Note) if note.text = "a";
may(user, user);
may(user: User, doc: Doc) if doc.author = user;
may(_: User{nick: "a"}, _: Doc);
may(_: User{nick: "a"}, _: Folder);
may(user: User{guest: false}, folder: Folder) if folder.owner = user;
forbid(_: User{guest: true}, _: Action{name: "edit"}, doc: Doc, "no") if may(doc.author, doc);
forbid(_: User, _: Action{name: "view"}, folder: Folder, "never") if may(folder.owner, folder);
""",
    "what may be absent, and what is not known yet": """
allow(user: User, _: Action, doc: Doc) if holds(user, doc.folder.share(user));
allow(user: User, _: Action, doc: Doc) if holds(user, doc.reviewer);
allow(user: User, _: Action, doc: Doc) if holds(user, doc.title);
allow(user: User, _: Action, doc: Doc) if found(who, doc) and holds(user, who);
found(who, doc: Doc) if who = doc.author and who matches User;
found(who, folder: Folder) if who = folder.owner;
holds(user: User, share: Share) if share.role = "reader" and share.user = user;
holds(user: User, other: User) if other = user;
holds(_: User, title: String) if title = "x";
""",
    "heads that fail": """
allow(user: User, _: Action, doc: Doc) if first(user, doc);
first(_: User{nick: 3}, _: Folder);
first(_: User, _: Doc);
""",
    "heads that fail for another type than the call is for": """
allow(user: User, _: Action, doc: Doc) if first(doc, user, doc);
first(_: Doc{pages: "a"}, _: User, _: Folder);
first(_: Folder{owner: "a"}, _: User, _: Doc);
first(_: Doc, _: User, _: Doc);
""",
    "rules that nothing calls with their types": """
allow(user: User, _: Action, doc: Doc) if first(user, doc);
first(_: User, _: Folder);
first(_: User, doc: Doc) if doc.public;
forbid(_: Doc, _: Action, _: Doc, "no");
""",
}


class Everything:
    """Stands in for the selection: Oso is asked about every clause."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.left_out = 0

    def compile(self, pack: PackTexts) -> tuple[Outcome, Outcome]:
        """Compile a pack with the selection and without it."""
        selected = outcome(pack)
        select = ClauseIndex.select

        def every(
            index: ClauseIndex[Any], operands: tuple[Any, ...], types: tuple[str | None, ...]
        ) -> Sequence[Headed]:
            self.left_out += len(index.clauses) - len(select(index, operands, types))
            # Clauses of other texts are left out in any case: that is older, and tested elsewhere.
            return select(index, operands, (None,) * len(types))

        with self._monkeypatch.context() as patch:
            patch.setattr(ClauseIndex, "select", every)
            return selected, outcome(pack)


Outcome = Compiled | list[str]


def outcome(pack: PackTexts) -> Outcome:
    """Return what a pack compiles to, or what is wrong with it."""
    try:
        return compile_pack(pack)
    except InvalidPolicyError as error:
        return sorted(map(str, error.problems))


@pytest.fixture
def everything(monkeypatch: pytest.MonkeyPatch) -> Everything:
    return Everything(monkeypatch)


@pytest.mark.parametrize("name", PACKS)
def test_a_pack_compiles_to_the_same_when_every_clause_is_asked(
    name: str, library: Library, everything: Everything
) -> None:
    ours, theirs = everything.compile(library.texts(PACKS[name]))

    assert everything.left_out > 0
    mine, others = comparable(ours, theirs)
    assert mine == others


def test_lines_of_blocks_that_are_not_asked_mean_what_oso_makes_of_them(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = library.texts(PACKS["resource blocks that share the names of roles and actions"])
    unasked = outcome(pack)
    monkeypatch.setattr(QueryTrees, "_line", lambda *_: None)

    asked = outcome(pack)

    assert not isinstance(unasked, list)
    assert not isinstance(asked, list)
    assert unasked.queries < asked.queries
    mine, others = comparable(unasked, asked)
    assert mine == others


@pytest.mark.many
def test_generated_packs_compile_to_the_same_when_every_clause_is_asked(
    tmp_path: Path, everything: Everything
) -> None:
    compiled = 0

    for seed in range(deep(12, quick=6)):
        pack = pack_texts(seed, tmp_path / str(seed))
        ours, theirs = everything.compile(pack)
        mine, others = comparable(ours, theirs)
        assert mine == others, seed
        compiled += not isinstance(ours, list)

    assert compiled > 0
    assert everything.left_out > 0


def test_a_head_that_could_fail_keeps_its_problem(library: Library) -> None:
    (problem, *_) = library.refusals(PACKS["heads that fail"])

    assert "nick" in problem


def comparable(ours: Outcome, theirs: Outcome) -> Iterator[object]:
    """Yield what each outcome says, the nodes of both brought into one order of tests.

    Their numbers, and the order in which tests were met, may differ.
    """
    if isinstance(ours, list) or isinstance(theirs, list):
        yield from (ours, theirs)
        return
    trees = Trees()
    for test in sorted({*ours.tests, *theirs.tests}, key=repr):
        trees.index_of(test)
    for outcome in (ours, theirs):
        yield _Reordered(outcome, trees).plain()


class _Reordered:
    def __init__(self, compiled: Compiled, trees: Trees) -> None:
        self._compiled = compiled
        self._trees = trees
        self._nodes = nodes_of(compiled.nodes, {})
        self._taken: dict[int, Node] = {}

    def plain(self) -> dict[str, object]:
        return {
            "entries": list(map(self._entry, self._compiled.entries)),
            "foreign": list(map(self._entry, self._compiled.foreign)),
            **{
                name: sorted(map(str, getattr(self._compiled, name)))
                for name in ("notices", "never", "gone_through")
            },
        }

    def _entry(self, row: EntryRow) -> EntryRow:
        return EntryRow(
            row.subject,
            row.resource,
            row.action,
            self._number(row.granted),
            {code: self._number(root) for code, root in row.forbids.items()},
            {code: self._number(root) for code, root in row.obliges.items()},
            self._number(row.allowed),
        )

    def _number(self, root: int | None) -> int | None:
        return None if root is None else self._take(self._nodes[root]).number

    def _take(self, node: Node) -> Node:
        if node.branches and node.number not in self._taken:
            branches = [self._take(branch) for branch in node.branches]
            place = self._trees.index_of(self._compiled.tests[node.test])
            self._taken[node.number] = self._trees.place(place, node.labels, branches)
        return self._taken.get(node.number, node)
