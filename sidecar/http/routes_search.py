"""AuthZEN Authorization API 1.0: searches; evaluations stand in `batches`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from flask import Blueprint, Response, request
from msgspec import UnsetType

from sidecar.engine.search import Candidate, each_action, each_resource, each_subject
from sidecar.http.authzen_requests import ActionSearch, Page, ResourceSearch, SubjectSearch
from sidecar.http.flask_views import answer, question
from sidecar.http.message import Fields
from sidecar.http.pagination import Paging
from sidecar.http.request_context import Each, custom
from sidecar.http.service import Desk
from sidecar.model import Obligation, PermittedActions, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Standard:
    """What an operator says of this surface."""

    public_url: str = ""
    """The URL that callers know us by; without it there is no metadata."""

    context: bool = True
    """Whether decisions have a `context` where there are no obligations to be seen to."""

    paging: Paging = field(default_factory=Paging)


def blueprint(desk: Desk, paging: Paging) -> Blueprint:
    """Return the views of searches under `/access/v1`."""
    views = Blueprint("authzen", __name__, url_prefix="/access/v1")

    @views.post("/search/subject")
    def subject() -> Response:
        """Answer who may do it."""
        said = question(SubjectSearch)
        asked = said.request()
        return entities("subject", each_subject, asked, asked.subject.type, said.page)

    @views.post("/search/resource")
    def resource() -> Response:
        """Answer on what it may be done."""
        said = question(ResourceSearch)
        asked = said.request()
        return entities("resource", each_resource, asked, asked.resource.type, said.page)

    @views.post("/search/action")
    def action() -> Response:
        """Answer what may be done."""
        said = question(ActionSearch)
        asked = said.request()
        asking = desk.open(Fields.of(request.environ))
        asking.require_fresh()
        each = partial(asking.each, each_action, asked)
        page, found = paging.results("action", asked, said.page, each)
        obligations = {each.id: each.obligations for each in found if each.obligations}
        names = tuple(each.id for each in found)
        asking.tell_permitted(asked, PermittedActions(names, obligations))
        desk.tell(asking.lines())
        results = [{"name": name} for name in names]
        return answer({**page, **_context(found), "results": results})

    def entities(
        search: str, each: Each, asked: Request, type_name: str, page: Page | UnsetType
    ) -> Response:
        """Answer a search for entities of one type."""
        asking = desk.open(Fields.of(request.environ))
        asking.require_fresh()
        told, found = paging.results(search, asked, page, partial(asking.each, each, asked))
        if asking.entries is not None:
            asking.entries.found(type_name, asked, [each.id for each in found])
        desk.tell(asking.lines())
        results = [{"type": type_name, "id": each.id} for each in found]
        return answer({**told, **_context(found), "results": results})

    return views


def _context(found: Sequence[Candidate]) -> dict[str, object]:
    """Return the `context` of results that carry obligations; nothing where none of them does."""
    results: dict[Obligation, list[str]] = {}
    for each in found:
        for obligation in each.obligations:
            results.setdefault(obligation, []).append(each.id)
    if not results:
        return {}
    obligations = [{**custom(each), "results": names} for each, names in results.items()]
    return {"context": {"obligations": obligations}}
