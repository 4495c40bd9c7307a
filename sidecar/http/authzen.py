"""AuthZEN Authorization API 1.0: searches; evaluations stand in `batches`."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from flask import Blueprint, Response, request

from sidecar.http.desk import Desk
from sidecar.http.pages import Paging
from sidecar.http.questions import ActionSearch, ResourceSearch, SubjectSearch
from sidecar.http.views import answer, question
from sidecar.model import PermittedActions
from sidecar.search import each_action, each_resource, each_subject


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
        asking = desk.open(request.headers.get("X-Request-ID"))
        each = partial(asking.each, each_subject, asked)
        page, found = paging.results("subject", asked, said.page, each)
        if asking.entries is not None:
            asking.entries.found(asked.subject.type, asked, found)
        desk.tell(asking.lines())
        results = [{"type": asked.subject.type, "id": name} for name in found]
        return answer({**page, "results": results})

    @views.post("/search/resource")
    def resource() -> Response:
        """Answer on what it may be done."""
        said = question(ResourceSearch)
        asked = said.request()
        asking = desk.open(request.headers.get("X-Request-ID"))
        each = partial(asking.each, each_resource, asked)
        page, found = paging.results("resource", asked, said.page, each)
        if asking.entries is not None:
            asking.entries.found(asked.resource.type, asked, found)
        desk.tell(asking.lines())
        results = [{"type": asked.resource.type, "id": name} for name in found]
        return answer({**page, "results": results})

    @views.post("/search/action")
    def action() -> Response:
        """Answer what may be done."""
        said = question(ActionSearch)
        asked = said.request()
        asking = desk.open(request.headers.get("X-Request-ID"))
        each = partial(asking.each, each_action, asked)
        page, found = paging.results("action", asked, said.page, each)
        asking.tell_permitted(asked, PermittedActions(tuple(found)))
        desk.tell(asking.lines())
        return answer({**page, "results": [{"name": name} for name in found]})

    return views
