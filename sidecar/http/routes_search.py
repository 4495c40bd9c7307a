"""AuthZEN: searches. They always take long."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TypeAlias

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from sidecar.engine.policy import Policy
from sidecar.engine.search import Candidate, each_action, each_resource, each_subject
from sidecar.facts import Facts
from sidecar.http.message import Response, json_response
from sidecar.http.request_context import RequestContext
from sidecar.http.requests import ActionSearch, Page, ResourceSearch, SubjectSearch
from sidecar.http.responses import (
    CustomOfResults,
    Found,
    FoundAction,
    FoundActions,
    FoundEntities,
    ResultPage,
    SearchContext,
)
from sidecar.model import Obligation, PermittedActions, Request

Search: TypeAlias = Callable[[Request, Policy, Facts, datetime, str], Iterator[Candidate]]
"""Yields the candidates behind an id, each decided when it is taken."""


def search_subjects(context: RequestContext) -> Response:
    """Answer who may do it.

    Raises:
        SidecarError: There is no answer.
        TakesLongError: Other connections wait.
    """
    context.allow_slow(slow=True)
    query = context.read(SubjectSearch)
    return _entities(context, each_subject, query, query.subject.type)


def search_resources(context: RequestContext) -> Response:
    """Answer on what it may be done.

    Raises:
        SidecarError: There is no answer.
        TakesLongError: Other connections wait.
    """
    context.allow_slow(slow=True)
    query = context.read(ResourceSearch)
    return _entities(context, each_resource, query, query.resource.type)


def search_actions(context: RequestContext) -> Response:
    """Answer what may be done.

    Raises:
        SidecarError: There is no answer.
        TakesLongError: Other connections wait.
    """
    context.allow_slow(slow=True)
    query = context.read(ActionSearch)
    request = query.request()
    page, results = _results(context, "action", each_action, request, query.page)
    log = context.environment.log
    if log is not None:
        obligations = {each.id: each.obligations for each in results if each.obligations}
        permitted = PermittedActions(tuple(each.id for each in results), obligations)
        context.log(log.permissions(request, permitted, context.policy, context.snapshot))
    body = FoundActions(
        page=page,
        context=_context(results),
        results=tuple(FoundAction(each.id) for each in results),
    )
    return _response(context, body)


def _entities(
    context: RequestContext,
    search: Search,
    query: SubjectSearch | ResourceSearch,
    type_name: str,
) -> Response:
    """Answer a search for entities of one type."""
    request = query.request()
    name = "subject" if search is each_subject else "resource"
    page, results = _results(context, name, search, request, query.page)
    log = context.environment.log
    if log is not None:
        ids = [each.id for each in results]
        context.log(log.search(request, type_name, ids, context.policy, context.snapshot))
    body = FoundEntities(
        page=page,
        context=_context(results),
        results=tuple(Found(type_name, each.id) for each in results),
    )
    return _response(context, body)


def _results(
    context: RequestContext, name: str, search: Search, request: Request, page: Page | UnsetType
) -> tuple[ResultPage | UnsetType, Sequence[Candidate]]:
    context.require_fresh()

    def candidates(after: str) -> Iterator[Candidate]:
        return search(request, context.policy, context.snapshot, context.now, after)

    return context.environment.paging.results(name, request, page, candidates)


def _response(context: RequestContext, body: FoundEntities | FoundActions) -> Response:
    return replace(json_response(body), log_lines=context.log_lines)


def _context(results: Sequence[Candidate]) -> SearchContext | UnsetType:
    """Return the `context` of results that carry obligations; unset where none of them does."""
    names: dict[Obligation, list[str]] = {}
    for each in results:
        for obligation in each.obligations:
            names.setdefault(obligation, []).append(each.id)
    if not names:
        return UNSET
    return SearchContext(tuple(CustomOfResults.by(each, ids) for each, ids in names.items()))
