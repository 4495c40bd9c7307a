"""Grids of cells with what is expected of each, laid out before anything is asked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sidecar.errors import Problem
from sidecar.model import Reference
from sidecar.schema import Schema, Sentences
from sidecar.schema.messages import in_line, nearest, shown
from sidecar.suites.checks import slips
from sidecar.suites.model import ALL, Case, Cell, Expectation, Suite

UNKNOWN_ACTION = "unknown_action"

_Place = tuple[str, str, str]
"""Subject and resource as the case lists them, and action."""


def lay_out(
    suite: Suite, schema: Schema, sentences: Sentences, problems: list[Problem]
) -> tuple[Cell, ...]:
    """Return the cells of a suite, not asked yet, in the order of its cases.

    Args:
        suite: The suite.
        schema: What it may name.
        sentences: The reasons and obligations that it may expect.
        problems: Gets a fault for each expectation that its grid never asks, each contradiction,
            and all that the schema does not know.
    """
    cells: list[Cell] = []
    for case in suite.cases:
        asked = _Grid(case, schema, problems).cells(suite.name, sentences)
        problems += slips(case, asked, schema)
        cells += asked
    return tuple(cells)


@dataclass(slots=True)
class _Grid:
    case: Case
    schema: Schema
    problems: list[Problem]

    def cells(self, suite: str, sentences: Sentences) -> list[Cell]:
        case = self.case
        subjects = {text: self._reference(text, "subject") for text in case.subjects}
        resources = {text: self._reference(text, "resource") for text in case.resources}
        places = [
            (subject, resource, action)
            for resource in case.resources
            for subject in case.subjects
            for action in self._actions(resources[resource])
        ]
        if not places and case.subjects and case.resources:
            self._fault(case.line, "the grid of this case is empty; name an action")
        allowed = self._explicit(case.allow, "allow", places)
        because = self._explicit(case.because, "because", places)
        for place in allowed.keys() & because.keys():
            line = because[place].line
            self._fault(line, f"{_told(place)} is allowed on line {allowed[place].line}")
        self._rest(case.because, "because", places, because, (allowed,))
        self._rest(case.allow, "allow", places, allowed, (because,))
        obliges = self._obligations(places, allowed)
        self._check_codes(case.because, "reason", sentences.reasons)
        self._check_codes(case.obliges or (), "obligation", sentences.obligations)
        self._check_actions(resources.values(), because.values())
        return [
            Cell(
                suite=suite,
                case=case,
                subject=subjects[place[0]],
                action=place[2],
                resource=resources[place[1]],
                allowed=place in allowed,
                reasons=because[place].codes if place in because else None,
                obligations=obliges.get(place),
            )
            for place in places
        ]

    @property
    def all(self) -> str:
        """The word for all actions; empty where a resource of the case has an action `all`."""
        types = {text.partition(":")[0] for text in self.case.resources}
        named = any(ALL in self.schema.types[each].actions for each in types & {*self.schema.types})
        return "" if named else ALL

    def _matching(self, expectation: Expectation, places: Collection[_Place]) -> list[_Place]:
        return [
            place
            for place in places
            if place[0] == expectation.subject
            and expectation.resource in {"", place[1]}
            and expectation.action in {self.all, place[2]}
        ]

    def _fault(self, line: int, message: str) -> None:
        self.problems.append(Problem(self.case.file, line, message))

    def _reference(self, text: str, what: str) -> Reference:
        before, colon, after = text.partition(":")
        if colon and before and after:
            return Reference(before, after)
        types = self.schema.subjects()
        if what == "subject" and not colon and len(types) == 1:
            return Reference(types[0], text)
        self._fault(self.case.line, f"{what} {shown(text)} has no type; write `type:id`")
        return Reference("", text)

    def _actions(self, resource: Reference) -> tuple[str, ...]:
        if self.case.actions != (self.all,):
            return self.case.actions
        declared = self.schema.types.get(resource.type)
        if declared is None and resource.type:
            mend = nearest(resource.type, self.schema.types)
            message = f"`all` names nothing: there is no type {shown(resource.type)}{mend}"
            self._fault(self.case.line, message)
        return tuple(declared.actions) if declared is not None else ()

    def _explicit(
        self, expectations: Iterable[Expectation], member: str, places: Collection[_Place]
    ) -> dict[_Place, Expectation]:
        """Return what is said of single actions, by the cells that it speaks of."""
        found: dict[_Place, Expectation] = {}
        for expectation in expectations:
            if expectation.action == self.all:
                continue
            spoken_of = self._matching(expectation, places)
            if not spoken_of:
                self._fault(expectation.line, f"{_line(member, expectation)} is never asked")
            for place in spoken_of:
                if place in found:
                    first = found[place].line
                    self._fault(expectation.line, f"{_told(place)} stands on line {first} already")
                found[place] = expectation
        return found

    def _rest(
        self,
        expectations: Iterable[Expectation],
        member: str,
        places: Collection[_Place],
        found: dict[_Place, Expectation],
        others: tuple[Mapping[_Place, Expectation], ...],
    ) -> None:
        """Add what is said of `all`: of the cells of which no other line speaks."""
        for expectation in expectations:
            if expectation.action != self.all:
                continue
            left = [
                place
                for place in self._matching(expectation, places)
                if place not in found and not any(place in other for other in others)
            ]
            if not left:
                self._fault(
                    expectation.line, f"{_line(member, expectation)} speaks of no cell that is left"
                )
            found.update(dict.fromkeys(left, expectation))

    def _obligations(
        self, places: Collection[_Place], allowed: Collection[_Place]
    ) -> dict[_Place, tuple[str, ...]]:
        if self.case.obliges is None:
            return {}
        granted = [place for place in places if place in allowed]
        found = self._explicit(self.case.obliges, "obliges", places)
        for place, expectation in found.items():
            if place not in allowed:
                self._fault(expectation.line, f"{_told(place)} is denied, and obliges to nothing")
        self._rest(self.case.obliges, "obliges", granted, found, ())
        return {place: found[place].codes if place in found else () for place in granted}

    def _check_codes(
        self, expectations: Iterable[Expectation], what: str, known: Collection[str]
    ) -> None:
        for expectation in expectations:
            for code in expectation.codes:
                if code not in known:
                    self._fault(
                        expectation.line,
                        f"{what} {shown(code)} has no sentence{nearest(code, known)}",
                    )

    def _check_actions(
        self, resources: Iterable[Reference], because: Iterable[Expectation]
    ) -> None:
        """Refuse a slip in an action, which would be denied and so pass for a good case."""
        declared = {
            action
            for resource in resources
            if resource.type in self.schema.types
            for action in self.schema.types[resource.type].actions
        }
        meant = {self.all} if self.case.actions == (self.all,) else set()
        for expectation in because:
            if UNKNOWN_ACTION in expectation.codes or not declared:
                meant.add(expectation.action)
        for action in self.case.actions:
            if declared and action not in declared and not meant & {action, self.all}:
                self._fault(
                    self.case.line,
                    f"{shown(action)} is no action of these resources{nearest(action, declared)}"
                    f" Expect `{UNKNOWN_ACTION}` if that is meant",
                )


def _line(member: str, expectation: Expectation) -> str:
    where = " ".join(part for part in (expectation.resource, expectation.action) if part)
    return f"{shown(member)} of {shown(expectation.subject)}: {shown(where)}"


def _told(place: _Place) -> str:
    subject, resource, action = place
    return shown(f"{subject} {in_line(action)} {resource}")
