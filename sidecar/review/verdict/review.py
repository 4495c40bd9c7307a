"""Reviews an edit of a pack: one verdict, and everything that it rests on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial

from sidecar.compiler.pack import read_texts
from sidecar.decision_log.hashing import Hashing
from sidecar.errors import InvalidDocumentsError, InvalidPackError, InvalidSnapshotError, Problem
from sidecar.review.aligned_diagrams import Scope
from sidecar.review.clauses import texts_of
from sidecar.review.declaration_diff import declarations
from sidecar.review.diff import ALLOWED, DENIED, OBLIGED, RELEASED, Differences, differences
from sidecar.review.pack_revisions import Compiled, PackPlace, load_pair
from sidecar.review.replay import Replay, replay
from sidecar.review.solver import load_solver
from sidecar.review.verdict.access import Access, RoleProbes, role_probes
from sidecar.review.verdict.declaration_edits import declaration_edits, file_edits
from sidecar.review.verdict.defaults import assuming, changed_defaults, with_unsaid
from sidecar.review.verdict.guards import Findings, Pack, try_invariants, try_suites
from sidecar.review.verdict.holders import Mount, holders
from sidecar.review.verdict.model import (
    Edit,
    EditKind,
    HelperChange,
    Holders,
    MutantResult,
    Place,
    Places,
    Review,
    SuiteResult,
    Untold,
)
from sidecar.review.verdict.new_values import new_values, with_new_values
from sidecar.review.verdict.reach import Reach
from sidecar.review.verdict.rule_edits import PolicyEdits, policy_edits
from sidecar.review.verdict.safety_net import matrix_edit, world_edits
from sidecar.review.verdict.slips import try_slips

MOST_MUTANTS = 40
_MOST_PLACES = 3
"""Edits that are named as the cause of one change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a review looks at beside the two packs."""

    mount: Mount | None = None
    log: Iterable[bytes] | None = None
    """Lines of a decision log."""
    log_hashing: Hashing | None = None
    """By the key of the log."""
    most_mutants: int = MOST_MUTANTS
    """Slips in changed rules that are tried at most; 0: none."""
    progress: Callable[[str], object] = lambda _phase: None
    """Is told what begins."""


def review(old: PackPlace, new: PackPlace, options: Options | None = None) -> Review:
    """Review an edit.

    A pack that cannot be used is no error, but a verdict: nothing can be told of it.

    Args:
        old: The base.
        new: The pack that is reviewed.
        options: What else is looked at.

    Raises:
        MissingSolverError: The solver is not installed.
    """
    load_solver()
    return _Reviewing(old, new, options or Options()).review()


class _Reviewing:
    def __init__(self, old: PackPlace, new: PackPlace, options: Options) -> None:
        self._places = (old, new)
        self._options = options
        self._edits: PolicyEdits = policy_edits(_polar(old), _polar(new), new.policies.name)
        self._declared: list[Edit] = []
        self._untold: list[Untold] = []

    def review(self) -> Review:
        """Return the review."""
        self._options.progress("reading both packs")
        packs = [self._read(place) for place in self._places]
        old, new = packs
        if old is None or new is None:
            return self._untellable()
        told = declarations((old.texts, old.sentences), (new.texts, new.sentences))
        self._declared += declaration_edits(told, old.place.fixtures, new.place.fixtures)
        defaults = changed_defaults(old.texts.schema, new.texts.schema)
        probes = role_probes(old.texts, new.texts)
        probing = replace(probes.probing, read_old_by=assuming(old.texts.schema, defaults))
        self._options.progress("compiling both packs")
        try:
            compiled = load_pair(old.place, new.place, probing)
        except InvalidPackError as error:
            self._untold += self._blamed(error)
            return self._untellable()
        with closing(compiled.old.interpreter), closing(compiled.new.interpreter):
            return self._compared(old, new, compiled, probes)

    def _compared(self, old: Pack, new: Pack, compiled: Compiled, probes: RoleProbes) -> Review:
        options = self._options
        reach = Reach(compiled.schemas, self._edits.everything)
        reached = partial(self._reached, reach, declares_alike=_declares_alike(compiled))
        options.progress("comparing what they decide")
        found = differences(compiled.old, compiled.new, declared=compiled.schemas, reached=reached)
        found = with_unsaid(found, changed_defaults(old.texts.schema, new.texts.schema))
        found = with_new_values(found, new_values(old.texts.schema, new.texts.schema))
        self._untold += [Untold(f"not compared: {sentence}") for sentence in found.uncompared]
        access = Access(found, probes, partial(self._causes, reach)).changes()
        options.progress("looking for the people whom it concerns")
        people = self._people(compiled, probes, found)
        options.progress("proving the invariants of the base")
        alike = not (found.changes or found.reasons or found.uncompared)
        guards = self._guarded(old, new, reached, decides_alike=alike)
        options.progress("running the suites")
        suite_edits, suites, untold = try_suites(old, new)
        self._untold += map(Untold, untold)
        decides_alike = compiled.same_rules
        net = [
            *guards.edits,
            *suite_edits,
            *matrix_edit(old.place.policies, new.place.policies, decides_alike=decides_alike),
            *world_edits(old.place.fixtures, new.place.fixtures),
        ]
        mutants = self._mutants(new.place, suites)
        replayed = self._replayed(compiled)
        return Review(
            old=old.place.name,
            new=new.place.name,
            edits=_ordered([*self._edits.in_words(), *self._declared, *net]),
            untold=tuple(dict.fromkeys(self._untold)),
            helpers=self._helpers(found),
            access=access,
            widened=_actions(found, ALLOWED, RELEASED),
            narrowed=_actions(found, DENIED, OBLIGED),
            holders=people,
            invariants=guards.invariants,
            suites=suites,
            mutants=mutants,
            replayed=replayed,
        )

    def _untellable(self) -> Review:
        return Review(
            old=self._places[0].name,
            new=self._places[1].name,
            edits=_ordered([*self._edits.in_words(), *self._declared, *self._files()]),
            untold=tuple(dict.fromkeys(self._untold)),
        )

    def _files(self) -> Iterator[Edit]:
        """Yield the fixtures that differ, where what they declare could not be compared."""
        if not self._declared:
            yield from file_edits(*(place.fixtures for place in self._places))

    # --- parts --------------------------------------------------------------------------------

    def _read(self, place: PackPlace) -> Pack | None:
        try:
            texts, sentences = read_texts(place.policies, place.fixtures)
        except InvalidPackError as error:
            self._untold += [self._unusable(place, each) for each in error.problems]
            return None
        return Pack(place, texts, sentences)

    def _blamed(self, error: InvalidPackError) -> list[Untold]:
        """Return what is wrong with the pack that does not compile."""
        found: list[Untold] = []
        for place in self._places:
            try:
                place.load().interpreter.close()
            except InvalidPackError as own:
                found += [self._unusable(place, each) for each in own.problems]
        return found or [Untold(f"the packs cannot be compared: {each}") for each in error.problems]

    def _unusable(self, place: PackPlace, problem: Problem) -> Untold:
        which = "the base" if place is self._places[0] else "the new pack"
        file = problem.file if "/" in problem.file else f"{place.policies.name}/{problem.file}"
        text = f"{which} cannot be used: {problem.message}"
        return Untold(text, Place(file, problem.line))

    def _reached(self, reach: Reach, scope: Scope, action: str, *, declares_alike: bool) -> bool:
        return not declares_alike or any(
            reach.reaches(edit, scope, action) for edit in self._edits.statements
        )

    def _causes(self, reach: Reach, scope: Scope, actions: tuple[str, ...]) -> tuple[Places, ...]:
        """Return the places of the edits from which a change can follow, the nearest ones."""
        edits = self._edits.statements
        for asked in (reach.is_about, reach.reaches):
            found = [
                edit for edit in edits if any(asked(edit, scope, action) for action in actions)
            ]
            if found:
                places = map(self._edits.places, found)
                return tuple(dict.fromkeys(places))[:_MOST_PLACES]
        deciding = (EditKind.SETTING, EditKind.SCHEMA)
        return tuple(each.places for each in self._declared if each.kind in deciding)[:_MOST_PLACES]

    def _helpers(self, found: Differences) -> tuple[HelperChange, ...]:
        return tuple(
            HelperChange(
                rule=each.rule,
                gained=texts_of(each.gained),
                lost=texts_of(each.lost),
                places=self._edits.of_clauses(*each.places)[:_MOST_PLACES],
            )
            for each in found.rules
            if not each.follows
        )

    def _people(self, compiled: Compiled, probes: RoleProbes, found: Differences) -> Holders | None:
        mount = self._options.mount
        if mount is None:
            return None
        changed = {
            (change.subject, change.resource, action)
            for change in found.changes
            for action in change.actions
        }
        changed |= {(*scope, action) for scope, action in found.unknown}
        old_defaults = changed_defaults(*reversed(compiled.schemas))
        before, after = compiled.deciding()
        by_own = (replace(before, schema=assuming(before.schema, old_defaults)), after)
        try:
            return holders(by_own, probes, mount, frozenset(changed))
        except InvalidSnapshotError as error:
            why = f"the facts do not fit a schema: {error.problems[0]}"
            if mount.is_demanded:
                self._untold.append(Untold(f"`{mount.name}`: {why}"))
            return Holders(source=mount.name, holders=(), unlisted=(why,))

    def _guarded(
        self, old: Pack, new: Pack, reached: Callable[[Scope, str], bool], *, decides_alike: bool
    ) -> Findings:
        try:
            findings = try_invariants(old, new, reached, decides_alike=decides_alike)
        except InvalidDocumentsError as error:
            why = f"the invariants cannot be proved: {error.problems[0]}"
            self._untold.append(Untold(why))
            return Findings([], (), [])
        self._untold += map(Untold, findings.untold)
        return findings

    def _mutants(self, place: PackPlace, suites: Sequence[SuiteResult]) -> MutantResult | None:
        changed = [edit.new for edit in self._edits.statements if edit.new is not None]
        if not changed or not self._options.most_mutants:
            return None
        own = [each for each in suites if not each.of_base]
        failing = sum(len(each.failures) for each in own)
        if failing or any(each.unusable for each in own) or not own:
            why = (
                "the suites have answers that are not as expected"
                if failing
                else ("the suites cannot be run")
            )
            return MutantResult(made=0, tried=0, survivors=(), skipped=why)
        self._options.progress("trying slips in the changed rules on the suites")
        return try_slips(place, changed, self._options.most_mutants)

    def _replayed(self, compiled: Compiled) -> Replay | None:
        if self._options.log is None:
            return None
        self._options.progress("replaying the decision log")
        return replay(self._options.log, compiled.deciding()[1], self._options.log_hashing)


def _ordered(edits: Iterable[Edit]) -> tuple[Edit, ...]:
    kinds = list(EditKind)
    return tuple(sorted(edits, key=lambda edit: (not edit.weakens, kinds.index(edit.kind))))


def _polar(place: PackPlace) -> Mapping[str, str]:
    """Return the texts of a policy as far as they can be read, valid or not."""
    files = sorted(place.policies.glob("*.polar"))
    return {
        file.name: file.read_text("utf-8-sig", errors="replace")
        for file in files
        if file.is_file() and not file.name.startswith(".")
    }


def _declares_alike(compiled: Compiled) -> bool:
    """Tell whether both packs have the same facts and settings."""
    old, new = ((pack.schema.fingerprint, pack.settings) for pack in compiled.written)
    return old == new


def _actions(found: Differences, *whats: str) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(
            f"{action} on {change.resource}"
            for change in found.changes
            if change.what in whats
            for action in change.actions
        )
    )
