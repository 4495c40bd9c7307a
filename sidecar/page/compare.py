"""The page *Compare*: the verdict on the policy in use against another one.

The other one is text that is edited in the page, a pack below the directory that the operator has
declared, or a revision of git. It is compiled in a process with limits, and never served.
"""

from __future__ import annotations

from collections import OrderedDict
from hashlib import sha256
from threading import Lock

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from sidecar.errors import InvalidRequestError
from sidecar.page.context import Page
from sidecar.page.packs import Edit, Other, Revision, editable_files
from sidecar.page.reviewer import Reviewer
from sidecar.page.tasks import Pending, TaskFailedError

MOST_REMEMBERED = 32
"""Comparisons whose addresses work; the last used ones."""


class _Comparisons:
    """What is compared, by the id in the address of the result. Any thread may ask."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: OrderedDict[str, Other] = OrderedDict()

    def remember(self, other: Other) -> str:
        """Return the id of a comparison."""
        identifier = sha256(repr(other).encode("utf-8", "surrogatepass")).hexdigest()[:24]
        with self._lock:
            self._known[identifier] = other
            self._known.move_to_end(identifier)
            while len(self._known) > MOST_REMEMBERED:
                self._known.popitem(last=False)
        return identifier

    def get(self, identifier: str) -> Other | None:
        """Return a comparison; None if it is not known any more."""
        with self._lock:
            return self._known.get(identifier)


def add(views: Blueprint, page: Page) -> None:
    """Add `/page/compare` and the page of a result."""
    known = _Comparisons()

    @views.get("/page/compare")
    def compare() -> str:
        """Show what can be compared, and the text of a file to edit."""
        tools = page.reviewer
        if isinstance(tools, str):
            return render_template("page/compare.html", failure=tools)
        files = editable_files(tools.policies, tools.fixtures)
        name = request.args.get("file", "") or next(iter(files), "")
        if name not in files:
            raise NotFound("The policy has no such file.")
        return render_template(
            "page/compare.html",
            failure="",
            files=tuple(files),
            name=name,
            text=files[name].read_text(encoding="utf-8", errors="replace"),
            packs=tools.folder.packs() if tools.folder else (),
            root=tools.folder.root if tools.folder else None,
            has_revisions=bool(tools.folder and tools.folder.holds(tools.policies)),
            revision=page.pairs.current().policy.revision,
        )

    @views.post("/page/compare")
    def begin() -> Response:
        """Take what is to be compared, and go to the page of its result."""
        tools = page.reviewer
        if isinstance(tools, str):
            raise NotFound(tools)
        other = _other(tools)
        return redirect(url_for("page.comparison", identifier=known.remember(other)), 303)

    @views.get("/page/compare/<identifier>")
    def comparison(identifier: str) -> str:
        """Show the verdict, once there is one."""
        tools, other = page.reviewer, known.get(identifier)
        if other is None or isinstance(tools, str):
            raise NotFound("This comparison is not known any more. Begin it again.")
        result, failure = None, ""
        try:
            result = tools.compare(page.pairs.current(), other)
        except TaskFailedError as error:
            failure = str(error)
        is_pending = isinstance(result, Pending)
        return render_template(
            "page/comparison.html",
            identifier=identifier,
            other=other,
            failure=failure,
            is_pending=is_pending,
            is_waiting=isinstance(result, Pending) and not result.is_running,
            told=None if is_pending else result,
            revision=page.pairs.current().policy.revision,
        )


def _other(tools: Reviewer) -> Other:
    """Return what the form asks to compare with.

    Raises:
        InvalidRequestError: It is nothing that may be compared.
    """
    form, folder = request.form, tools.folder
    match form.get("with"):
        case "text":
            name = form.get("file", "")
            if name not in editable_files(tools.policies, tools.fixtures):
                raise InvalidRequestError("file", "is none of the policy")
            # A form ends each line with two characters.
            return Edit(name, form.get("text", "").replace("\r\n", "\n"))
        case "pack":
            if folder is None or (found := folder.pack(form.get("pack", ""))) is None:
                raise InvalidRequestError("pack", "is none below the declared directory")
            return found
        case "revision":
            if folder is None or not folder.holds(tools.policies):
                raise InvalidRequestError("revision", "is none below the declared directory")
            return Revision.of(form.get("revision", ""))
        case _:
            raise InvalidRequestError("with", "must be `text`, `pack` or `revision`")
