"""Expand the cases of a suite into cells with their expectations."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sidecar.errors import Problem
from sidecar.model import Reference
from sidecar.schema import Schema, Sentences
from sidecar.schema.messages import in_line, nearest, shown
from sidecar.suites.checks import check_names
from sidecar.suites.model import ALL, Case, Cell, Expectation, Suite

UNKNOWN_ACTION = "unknown_action"

_Triple = tuple[str, str, str]
"""Subject and resource as the case lists them, and action."""


def expand(
    suite: Suite, schema: Schema, sentences: Sentences, problems: list[Problem]
) -> tuple[Cell, ...]:
    """Return the cells of a suite in the order of its cases.

    Args:
        suite: The suite.
        schema: The schema of the policy.
        sentences: The reasons and obligations that the suite may expect.
        problems: Receives a fault for each expectation outside its grid, each contradiction, and
            each name that the schema does not declare.
    """
    cells: list[Cell] = []
    for case in suite.cases:
        cells_of_case = _Grid(case, schema, problems).cells(suite.name, sentences)
        problems += check_names(case, cells_of_case, schema)
        cells += cells_of_case
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
        triples = [
            (subject, resource, action)
            for resource in case.resources
            for subject in case.subjects
            for action in self._actions(resources[resource])
        ]
        if not triples and case.subjects and case.resources:
            self._fault(case.line, "the grid of this case is empty; name an action")
        allowed = self._explicit(case.allow, "allow", triples)
        because = self._explicit(case.because, "because", triples)
        for triple in allowed.keys() & because.keys():
            line = because[triple].line
            self._fault(line, f"{_quote(triple)} is allowed on line {allowed[triple].line}")
        self._rest(case.because, "because", triples, because, (allowed,))
        self._rest(case.allow, "allow", triples, allowed, (because,))
        obliges = self._obligations(triples, allowed)
        self._check_codes(case.because, "reason", sentences.reasons)
        self._check_codes(case.obliges or (), "obligation", sentences.obligations)
        self._check_actions(resources.values(), because.values())
        return [
            Cell(
                suite=suite,
                case=case,
                subject=subjects[triple[0]],
                action=triple[2],
                resource=resources[triple[1]],
                allowed=triple in allowed,
                reasons=because[triple].codes if triple in because else None,
                obligations=obliges.get(triple),
            )
            for triple in triples
        ]

    @property
    def all(self) -> str:
        """The word for all actions; empty if a resource of the case has an action `all`."""
        types = {text.partition(":")[0] for text in self.case.resources}
        declared = types & {*self.schema.types}
        is_action = any(ALL in self.schema.types[name].actions for name in declared)
        return "" if is_action else ALL

    def _matching(self, expectation: Expectation, triples: Collection[_Triple]) -> list[_Triple]:
        return [
            triple
            for triple in triples
            if triple[0] == expectation.subject
            and expectation.resource in {"", triple[1]}
            and expectation.action in {self.all, triple[2]}
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
        self, expectations: Iterable[Expectation], member: str, triples: Collection[_Triple]
    ) -> dict[_Triple, Expectation]:
        """Return the expectation of each cell whose action is named, and not meant by `all`."""
        expected: dict[_Triple, Expectation] = {}
        for expectation in expectations:
            if expectation.action == self.all:
                continue
            matching = self._matching(expectation, triples)
            if not matching:
                self._fault(
                    expectation.line, f"{_describe(member, expectation)} is not in the grid"
                )
            for triple in matching:
                if triple in expected:
                    first = expected[triple].line
                    self._fault(expectation.line, f"{_quote(triple)} is already on line {first}")
                expected[triple] = expectation
        return expected

    def _rest(
        self,
        expectations: Iterable[Expectation],
        member: str,
        triples: Collection[_Triple],
        expected: dict[_Triple, Expectation],
        others: tuple[Mapping[_Triple, Expectation], ...],
    ) -> None:
        """Add the expectations of `all`: of the cells that no other line names."""
        for expectation in expectations:
            if expectation.action != self.all:
                continue
            left = [
                triple
                for triple in self._matching(expectation, triples)
                if triple not in expected and not any(triple in other for other in others)
            ]
            if not left:
                self._fault(
                    expectation.line,
                    f"{_describe(member, expectation)} matches no cell that is left",
                )
            expected.update(dict.fromkeys(left, expectation))

    def _obligations(
        self, triples: Collection[_Triple], allowed: Collection[_Triple]
    ) -> dict[_Triple, tuple[str, ...]]:
        if self.case.obliges is None:
            return {}
        granted = [triple for triple in triples if triple in allowed]
        expected = self._explicit(self.case.obliges, "obliges", triples)
        for triple, expectation in expected.items():
            if triple not in allowed:
                self._fault(expectation.line, f"{_quote(triple)} is denied, and obliges to nothing")
        self._rest(self.case.obliges, "obliges", granted, expected, ())
        return {triple: expected[triple].codes if triple in expected else () for triple in granted}

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
        """Refuse an undeclared action unless the case expects the denial of it."""
        declared = {
            action
            for resource in resources
            if resource.type in self.schema.types
            for action in self.schema.types[resource.type].actions
        }
        intended = {self.all} if self.case.actions == (self.all,) else set()
        for expectation in because:
            if UNKNOWN_ACTION in expectation.codes or not declared:
                intended.add(expectation.action)
        for action in self.case.actions:
            if declared and action not in declared and not intended & {action, self.all}:
                self._fault(
                    self.case.line,
                    f"{shown(action)} is no action of these resources{nearest(action, declared)}"
                    f" Expect `{UNKNOWN_ACTION}` if that is meant",
                )


def _describe(member: str, expectation: Expectation) -> str:
    cells = " ".join(part for part in (expectation.resource, expectation.action) if part)
    return f"{shown(member)} of {shown(expectation.subject)}: {shown(cells)}"


def _quote(triple: _Triple) -> str:
    subject, resource, action = triple
    return shown(f"{subject} {in_line(action)} {resource}")
