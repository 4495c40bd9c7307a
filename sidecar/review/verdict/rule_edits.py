"""What two texts of a policy say differently, statement by statement, in words."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from sidecar.review.verdict.model import Edit, EditKind, Place, Places
from sidecar.review.verdict.statements import Statement, statements_of
from sidecar.schema.messages import shown

Clauses = Sequence[tuple[str, int]]
"""Files and lines of the clauses of a rule."""
_ALIKE = 0.5
"""How much two rules of one name have in common that are taken for one that was edited."""
_MOST_NAMED = 6
"""Permissions that are named of those that one edit gives or takes."""


@dataclass(frozen=True, slots=True)
class StatementEdit:
    """A statement that is new, gone, or written otherwise."""

    old: Statement | None
    new: Statement | None

    @property
    def versions(self) -> tuple[Statement, ...]:
        """The statement as it was and as it is."""
        return tuple(each for each in (self.old, self.new) if each is not None)


@dataclass(frozen=True, slots=True)
class PolicyEdits:
    """All that two texts of a policy say differently."""

    statements: tuple[StatementEdit, ...]
    layout: tuple[Edit, ...]
    """Files that are new or gone, and those whose statements are the same."""
    directory: str
    """What places have before the names of files."""

    everything: tuple[Statement, ...]
    """All statements of both policies."""

    def places(self, edit: StatementEdit) -> Places:
        """Return where an edit begins, in the old and in the new text."""
        return _places(edit, self.directory)

    def of_clauses(self, old: Clauses, new: Clauses) -> tuple[Places, ...]:
        """Return the places of the edits of clauses; of the clauses where they have none.

        Args:
            old: Files and lines of the clauses of a rule before the edit.
            new: Those after it.
        """
        edits = [
            edit
            for edit in self.statements
            if (edit.old is not None and edit.old.begin in old)
            or (edit.new is not None and edit.new.begin in new)
        ]
        if edits:
            return tuple(map(self.places, edits))
        clauses = [Place(f"{self.directory}/{file}", line) for file, line in new or old]
        return tuple(Places(None, each) if new else Places(each, None) for each in clauses)

    def in_words(self) -> Iterator[Edit]:
        """Yield the edits in words, as one those that give or take alike."""
        together: dict[tuple[object, ...], list[StatementEdit]] = defaultdict(list)
        for edit in self.statements:
            one = edit.versions[-1]
            givers = tuple(each and each.giver for each in (edit.old, edit.new))
            key = (one.block, one.gives_role, givers) if one.giver else (id(edit),)
            together[key].append(edit)
        yield from (edit for edit in self.layout if edit.kind is EditKind.RULE)
        for several in together.values():
            yield _edit(several, self.directory)
        yield from (edit for edit in self.layout if edit.kind is EditKind.LAYOUT)


def policy_edits(old: Mapping[str, str], new: Mapping[str, str], directory: str) -> PolicyEdits:
    """Compare two texts of a policy.

    Args:
        old: File to text.
        new: File to text.
        directory: What places have before the names of files.
    """
    before, after = statements_of(old), statements_of(new)
    edits = tuple(_paired(_without(before, after), _without(after, before)))
    edited = {each.file for edit in edits for each in edit.versions}
    layout = []
    for file in dict.fromkeys((*new, *old)):
        if old.get(file) == new.get(file) or (file in edited and file in old and file in new):
            continue
        stood, stands = ([each.key for each in of if each.file == file] for of in (before, after))
        if file not in new:
            text = f"the file is gone, with {len(stood)} statements"
        elif file not in old:
            text = f"the file is new, with {len(stands)} statements"
        elif stood == stands:
            text = "only comments or blanks differ"
        else:
            text = "statements stand elsewhere, and say the same"
        there = [Place(f"{directory}/{file}", 0) if file in of else None for of in (old, new)]
        kind = EditKind.RULE if file in edited else EditKind.LAYOUT
        layout.append(Edit(kind=kind, text=text, places=Places(*there)))
    return PolicyEdits(edits, tuple(layout), directory, (*before, *after))


def _without(these: Sequence[Statement], those: Sequence[Statement]) -> list[Statement]:
    """Return the statements that the others do not hold, each as often as it stands."""
    left = Counter(each.key for each in those)
    found = []
    for each in these:
        if left[each.key]:
            left[each.key] -= 1
        else:
            found.append(each)
    return found


def _paired(gone: list[Statement], added: list[Statement]) -> Iterator[StatementEdit]:
    """Yield edits, a statement that is gone with the one that took its place; by their places."""
    pairs: dict[int, Statement] = {}
    left = list(added)
    for wanted in (_same_title, _same_rule):
        ranked = sorted(
            (
                (likeness, at, to)
                for at, old in enumerate(gone)
                for to, new in enumerate(added)
                if (likeness := wanted(old, new)) > 0
            ),
            key=lambda each: (-each[0], each[1], each[2]),
        )
        for _, at, to in ranked:
            if at not in pairs and any(added[to] is each for each in left):
                pairs[at] = added[to]
                left = [each for each in left if each is not added[to]]
    edits = [StatementEdit(old, pairs.get(at)) for at, old in enumerate(gone)]
    edits += [StatementEdit(None, new) for new in left]
    yield from sorted(edits, key=lambda edit: _order(edit.versions[-1]))


def _order(statement: Statement) -> tuple[str, int]:
    return statement.file, statement.span.start


def _same_title(old: Statement, new: Statement) -> float:
    if (old.block, old.title) != (new.block, new.title):
        return 0
    return 1 + _likeness(old.words, new.words) + (old.head == new.head)


def _same_rule(old: Statement, new: Statement) -> float:
    """Return how much two rules of one name, or one rule under two names, have in common."""
    if old.block or new.block or old.head[:1] != new.head[:1]:
        bodies = [each.words[len(each.head) :] for each in (old, new)]
        return 0 if old.block or new.block or bodies[0] != bodies[1] or not old.conditions else 1
    likeness = _likeness(old.words, new.words)
    return likeness if likeness >= _ALIKE else 0


def _likeness(old: Sequence[str], new: Sequence[str]) -> float:
    return SequenceMatcher(None, old, new, autojunk=False).ratio()


# --- in words ---------------------------------------------------------------------------------


def _edit(several: Sequence[StatementEdit], directory: str) -> Edit:
    first = several[0]
    old, new = first.old, first.new
    text = _of_given(several) if first.versions[-1].giver else _text(first)
    return Edit(
        kind=EditKind.RULE,
        text=text,
        places=_places(first, directory),
        before=None if old is None else old.text,
        after=None if new is None else new.text,
    )


def _places(edit: StatementEdit, directory: str) -> Places:
    return Places(
        *(
            None if each is None else Place(f"{directory}/{each.file}", line)
            for each, line in zip((edit.old, edit.new), _lines(edit), strict=True)
        )
    )


def _of_given(several: Sequence[StatementEdit]) -> str:
    old, new = several[0].old, several[0].new
    one = several[0].versions[-1]
    names = dict.fromkeys(shown(edit.versions[-1].given) for edit in several)
    listed = list(names)
    named = ", ".join(listed[:_MOST_NAMED])
    if len(listed) > _MOST_NAMED:
        named += f" and {len(listed) - _MOST_NAMED} more"
    verb = "are" if len(listed) > 1 else "is"
    what = f"{named} on {one.block} {verb}"
    if one.gives_role:
        what = f"role {named} of {one.block} is"
    if old is None and new is not None:
        return f"{what} now given to {new.giver}"
    if new is None and old is not None:
        return f"{what} no longer given to {old.giver}"
    assert old is not None  # noqa: S101 - an edit has one of them
    assert new is not None  # noqa: S101 - and here it has both
    return f"{what} now given to {new.giver}, and no longer to {old.giver}"


def _text(edit: StatementEdit) -> str:
    old, new = edit.old, edit.new
    if old is None:
        assert new is not None  # noqa: S101 - an edit has one of them
        return f"{new.title} is new" if new.block else f"{new.title}: a rule is new: {new.text}"
    if new is None:
        return f"{old.title} is gone" if old.block else f"{old.title}: a rule is gone: {old.text}"
    told = []
    if old.title != new.title:
        told.append(f"{old.title} is now {new.title}")
    elif old.head != new.head:
        told.append(f"{new.title}: `{' '.join(new.head)}` in place of `{' '.join(old.head)}`")
    for words in _conditions(old, new):
        told.append(words if told else f"{new.title} {words}")
    return "; ".join(told) or f"{new.title}: {new.text} in place of {old.text}"


def _conditions(old: Statement, new: Statement) -> Iterator[str]:
    """Yield how the conditions of two versions of a rule differ."""
    had, has = ([text for text, _ in each.conditions] for each in (old, new))
    lost = [text for text in had if text not in has]
    gained = [text for text in has if text not in had]
    for was in list(lost):
        likest = max(gained, key=lambda text: _likeness(was, text), default="")
        if likest and (len(lost) == len(gained) == 1 or _likeness(was, likest) >= _ALIKE):
            yield f"now needs `{likest}`, before `{was}`"
            lost.remove(was)
            gained.remove(likest)
    if gained:
        yield f"now also needs {_listed(gained)}" if had else f"now needs {_listed(gained)}"
    if lost:
        yield f"no longer needs {_listed(lost)}"
    if had != has and sorted(had) == sorted(has):
        yield "has its conditions in another order"


def _listed(texts: Sequence[str]) -> str:
    return " and ".join(f"`{text}`" for text in texts)


def _lines(edit: StatementEdit) -> tuple[int, int]:
    """Return where a statement begins to differ, in the old and in the new text."""
    old, new = edit.old, edit.new
    if old is None or new is None:
        line = edit.versions[0].span.line
        return line, line
    same = next(
        (
            at
            for at, pair in enumerate(zip(old.words, new.words, strict=False))
            if len(set(pair)) > 1
        ),
        min(len(old.words), len(new.words)) - 1,
    )
    return old.lines[min(same, len(old.lines) - 1)], new.lines[min(same, len(new.lines) - 1)]
