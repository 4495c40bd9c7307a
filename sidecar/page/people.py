"""The page *People*: who can do this, what can this person do, and on which resources."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Response, render_template, request

from sidecar.engine.search import Candidate, each_action, each_resource, each_subject
from sidecar.errors import InvalidRequestError
from sidecar.page.completion import ids_from
from sidecar.page.context import Page
from sidecar.page.question import Question, resource_types
from sidecar.reload import Pair
from sidecar.review.spreadsheet import csv_line

PAGE_SIZE = 50
"""Results on a page."""

SEARCH_SECONDS = 0.1
"""How long candidates are decided for one page; then it ends where it is, and leads on."""

CSV_ROWS = 10_000
"""Results in a file; one with more says where it goes on."""

CSV_SECONDS = 5.0
"""How long candidates are decided for a file."""

SUBJECTS, ACTIONS, RESOURCES = "subjects", "actions", "resources"

_SEARCHES = {SUBJECTS: each_subject, ACTIONS: each_action, RESOURCES: each_resource}
_GIVEN = {
    SUBJECTS: ("action", "resource"),
    ACTIONS: ("subject", "resource"),
    RESOURCES: ("subject", "action"),
}
"""What a search is about; it finds the third."""


@dataclass(frozen=True, slots=True)
class Results:
    """A part of the results of a search."""

    found: tuple[Candidate, ...]
    after: str
    """The id behind which the rest is; empty where nothing is left."""


def add(views: Blueprint, page: Page) -> None:
    """Add `/page/people`, and its results as CSV."""

    @views.get("/page/people")
    def people() -> str | tuple[str, int]:
        """Show the three forms, and the results of one."""
        pair = page.pairs.current()
        schema, facts = pair.policy.schema, pair.snapshot
        question, find = Question.of(request.args, schema), request.args.get("find", "")
        results, fault = None, ""
        if _is_complete(question, find) and "types" not in request.args:
            try:
                moment = question.moment(page.clock())
                results = search(find, question, pair, moment, request.args.get("after", ""))
            except InvalidRequestError as error:
                fault = str(error)
        declared = schema.types.get(question.resource_type)
        shown = render_template(
            "page/people.html",
            question=question,
            find=find,
            subject_types=schema.subjects(),
            resource_types=resource_types(schema),
            actions=tuple(declared.actions) if declared else (),
            subjects=tuple(ids_from(facts, question.subject_type, question.subject)),
            resources=tuple(ids_from(facts, question.resource_type, question.resource)),
            results=results,
            is_first="after" not in request.args,
            fault=fault,
            revisions=pair.revisions(),
        )
        return (shown, 400) if fault else shown

    @views.get("/page/people.csv")
    def people_csv() -> Response:
        """Return the results of a search as a file."""
        pair, find = page.pairs.current(), request.args.get("find", "")
        question = Question.of(request.args, pair.policy.schema)
        if not _is_complete(question, find):
            raise InvalidRequestError("find", "needs a complete question")
        moment = question.moment(page.clock())
        after = request.args.get("after", "")
        results = search(find, question, pair, moment, after, CSV_ROWS, CSV_SECONDS)
        text = "".join(f"{line}\r\n" for line in _csv(find, question, pair, moment, results))
        return Response(
            text,
            mimetype="text/csv",
            headers={"Content-Disposition": f'attachment; filename="{find}.csv"'},
        )


def _is_complete(question: Question, find: str) -> bool:
    return find in _GIVEN and all(getattr(question, name) for name in _GIVEN[find])


def search(  # noqa: PLR0913, PLR0917  a search, and how far it goes
    find: str,
    question: Question,
    pair: Pair,
    moment: datetime,
    after: str = "",
    most: int = PAGE_SIZE,
    seconds: float = SEARCH_SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> Results:
    """Return the next results behind an id, as far as the time allows; at least one candidate.

    Raises:
        InvalidRequestError: Nobody mounts what is searched for.
    """
    asked = question.request(pair.policy.schema)
    candidates = _SEARCHES[find](asked, pair.policy, pair.snapshot, moment, after)
    found: list[Candidate] = []
    last, ends = after, clock() + seconds
    for candidate in candidates:
        if len(found) >= most or (last != after and clock() > ends):
            return Results(tuple(found), last)
        last = candidate.id
        if candidate.allowed:
            found.append(candidate)
    return Results(tuple(found), "")


def _csv(
    find: str, question: Question, pair: Pair, moment: datetime, results: Results
) -> Iterator[str]:
    revisions = pair.revisions()
    made = (moment.isoformat(timespec="seconds"), revisions.policy, revisions.data)
    yield csv_line(
        ("subject", "action", "resource", "obligations", "at", "policy_revision", "facts_revision")
    )
    for each in results.found:
        names = {
            "subject": f"{question.subject_type}:{question.subject}",
            "action": question.action,
            "resource": f"{question.resource_type}:{question.resource}",
        }
        kind = {SUBJECTS: question.subject_type, RESOURCES: question.resource_type}.get(find)
        names[find.removesuffix("s")] = each.id if kind is None else f"{kind}:{each.id}"
        codes = " ".join(obligation.code for obligation in each.obligations)
        yield csv_line((*names.values(), codes, *made))
    if results.after:
        yield csv_line((f"not complete, goes on behind {results.after}",))
