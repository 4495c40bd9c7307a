"""The result of a review: one verdict on an edit of a pack, and everything that it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from sidecar.review.replay import Replay


class Verdict(Enum):
    """What an edit does to access."""

    NO_CHANGE = "no_change"
    """Every request is decided as before, and the safety net is as tight as before."""
    NARROWS = "narrows"
    """Something is newly denied, or carries a new obligation; nothing is newly allowed."""
    WIDENS = "widens"
    """Something is newly allowed, or allowed without an obligation that it had; or the safety net
    (invariants, suites, approved matrix, marks of sensitive values) is weaker than before."""
    BREAKS_INVARIANT = "breaks_invariant"
    """An invariant of the base does not hold of the new pack, and held of the base."""
    CANNOT_TELL = "cannot_tell"
    """Something could not be compared or proved; it wins over all others."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line of a file of a pack."""

    file: str
    """With its directory, as ``policies/account.polar``."""
    line: int
    """1-based; 0 for the file as a whole."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Places:
    """Where something stands in the old and in the new text; None where it does not."""

    old: Place | None
    new: Place | None

    def __str__(self) -> str:
        if self.old is None or self.new is None or self.old == self.new:
            return str(self.new or self.old or "")
        if self.old.file == self.new.file:
            return f"{self.new} (was {self.old.line})"
        return f"{self.new} (was {self.old})"


class EditKind(Enum):
    """What was edited, the most telling first."""

    SAFETY_NET = "safety net"
    """Invariants, suites, the approved matrix."""
    RULE = "rule"
    SETTING = "setting"
    SCHEMA = "schema"
    ROUTE = "route"
    SENTENCE = "sentence"
    LAYOUT = "layout"
    """Comments, blanks, the order of rules, the file in which they stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One thing that is written otherwise, in words."""

    kind: EditKind
    text: str
    places: Places
    weakens: bool = False
    """Whether less is checked, or shown to fewer, than before although access may be the same."""
    before: str | None = None
    """As it was written, if it was."""
    after: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HelperChange:
    """A rule of the policy's own that holds elsewhere than before, told once for all its uses."""

    rule: str
    """As it would be called: ``plan_holds(account)``."""
    gained: tuple[tuple[str, ...], ...]
    """Each condition, in words, under which it now holds too."""
    lost: tuple[tuple[str, ...], ...]
    """Each condition, in words, under which it held before."""
    places: tuple[Places, ...]


class Effect(Enum):
    """What becomes of a request."""

    ALLOWED = "newly allowed"
    RELEASED = "no longer obliged"
    DENIED = "newly denied"
    OBLIGED = "newly obliged"
    GIVEN = "reason newly given"
    WITHHELD = "reason no longer given"

    @property
    def widens(self) -> bool:
        """Whether more is possible than before."""
        return self in {Effect.ALLOWED, Effect.RELEASED}

    @property
    def narrows(self) -> bool:
        """Whether less is possible than before."""
        return self in {Effect.DENIED, Effect.OBLIGED}


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessChange:
    """Actions on one type of resource that one role gains or loses alike."""

    effect: Effect
    code: str | None
    """The obligation or the reason."""
    role: str
    """`no role` for whoever has none; `anybody` where the pack has no roles."""
    subject: str
    resource: str
    actions: tuple[str, ...]
    conditions: tuple[tuple[str, ...], ...]
    """In words, beside having the role: one of these, and of each all clauses."""
    unlisted: str
    """Why the conditions are not listed; empty where they are."""
    places: tuple[Places, ...]
    """Of the edits that it can follow from."""
    example: tuple[str, ...]
    """A request and a mount in which it happens, as lines; empty where none is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A person, or another subject, that gains or loses actions on one resource."""

    gains: bool
    role: str
    """The highest role that it has on the resource: where it gains after the edit, else before."""
    subject: str
    """As `type:id`, or a hash of it."""
    resource: str
    actions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holders:
    """Who of a mount gains and loses what."""

    source: str
    """The mount."""
    holders: tuple[Holder, ...]
    """By role, then by subject."""
    unlisted: tuple[str, ...]
    """What cannot be listed, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvariantResult:
    """What became of one invariant on the new policy."""

    name: str
    place: Place
    of_base: bool
    """Whether the base has it; else the new pack alone."""
    failed_before: bool
    """Whether it fails on the base too."""
    actions: tuple[str, ...]
    """For which it fails, as ``remove on membership``; empty where it holds."""
    conditions: tuple[tuple[str, ...], ...]
    """In words, when it fails for the first of these."""
    lines: tuple[str, ...]
    """The rules to blame."""
    unproved: tuple[str, ...]
    """Why it could not be proved."""

    @property
    def holds(self) -> bool:
        """Whether it holds in every state."""
        return not self.actions and not self.unproved


@dataclass(frozen=True, slots=True)
class SuiteFailure:
    """A case that the new policy answers otherwise than expected."""

    place: Place
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteResult:
    """The suites of one pack, run on the new policy."""

    of_base: bool
    answers: int
    failures: tuple[SuiteFailure, ...]
    unusable: str
    """Why they cannot be run; empty where they are."""


@dataclass(frozen=True, slots=True)
class Survivor:
    """A slip in a changed rule that no suite notices."""

    place: Place
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MutantResult:
    """The slips in changed rules, tried on the suites of the new pack."""

    made: int
    tried: int
    survivors: tuple[Survivor, ...]
    skipped: str
    """Why none were tried; empty where they were."""


@dataclass(frozen=True, slots=True)
class Untold:
    """Something that could not be compared or proved, and why."""

    text: str
    place: Place | None = None

    def __str__(self) -> str:
        return f"{self.text}" if self.place is None else f"{self.place}  {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """One verdict on an edit, and everything that it rests on."""

    old: str
    """The names of the packs, as the reviewer called them."""
    new: str
    edits: tuple[Edit, ...]
    """What is written otherwise: what weakens the safety net, then by kind."""
    untold: tuple[Untold, ...]
    """What could not be compared or proved, and why."""
    helpers: tuple[HelperChange, ...] = ()
    access: tuple[AccessChange, ...] = ()
    """Widenings first, then by how many actions they concern."""
    widened: tuple[str, ...] = ()
    """Each action that somebody gains, as ``credentials.view on account``."""
    narrowed: tuple[str, ...] = ()
    """Each action that somebody loses."""
    holders: Holders | None = None
    """None where no mount was looked at."""
    invariants: tuple[InvariantResult, ...] = ()
    suites: tuple[SuiteResult, ...] = ()
    mutants: MutantResult | None = None
    """None where no rule was changed, or none were to be tried."""
    replayed: Replay | None = None
    """None without a log."""

    @property
    def verdict(self) -> Verdict:
        """The verdict: `CANNOT_TELL` if anything could not be told."""
        return Verdict.CANNOT_TELL if self.untold else self.told

    @property
    def told(self) -> Verdict:
        """The verdict on all that could be told."""
        if self.broken:
            return Verdict.BREAKS_INVARIANT
        # People are found by asking Oso too, where no diagram can be compared.
        people = () if self.holders is None else self.holders.holders
        if self.widened or self.weakened or any(each.gains for each in people):
            return Verdict.WIDENS
        return Verdict.NARROWS if self.narrowed or people else Verdict.NO_CHANGE

    @property
    def weakened(self) -> tuple[Edit, ...]:
        """The edits that weaken the safety net."""
        return tuple(edit for edit in self.edits if edit.weakens)

    @property
    def broken(self) -> tuple[InvariantResult, ...]:
        """The invariants of the base that this edit breaks."""
        return tuple(
            each
            for each in self.invariants
            if each.of_base and each.actions and not each.failed_before
        )
