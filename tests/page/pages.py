"""The pages in process, over a policy and facts that do not change, and what they show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

from flask.testing import FlaskClient

from sidecar.admin import create_admin_app
from sidecar.config.settings import Settings
from sidecar.http import Access
from sidecar.page import Page, create_pages
from sidecar.page.reviewer import Reviewer
from sidecar.reload import Pair, Places, Reloading
from tests.edge import Still

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ASKED = (
    "/page/ask?subject_type=user&subject=finn&action=numbers.edit"
    "&resource_type=account&resource=acme"
)
"""A question whose answer is no."""
VOID = frozenset({"br", "col", "hr", "img", "input", "link", "meta", "path", "rect", "line"})


def shipped_pair() -> Pair:
    """Return the shipped pack with the demo world."""
    settings = Settings()
    return Reloading(Places(settings.policies, settings.fixtures, settings.mount())).load()


def pair_of(policies: Path, fixtures: Path, data: Path) -> Pair:
    """Return a pack and a world of a test."""
    return Reloading(Places(policies, fixtures, data)).load()


def page_of(pair: Pair, reviewer: Reviewer | str = "There is no solver.") -> Page:
    """Return the pages of a pair, for everybody on this machine."""
    return Page(pairs=Still(pair), clock=lambda: NOW, has_tokens=False, reviewer=reviewer)


def client_of(page: Page) -> FlaskClient:
    """Return a browser without scripts."""
    app = create_admin_app(Access(), 1 << 16, [create_pages(page)])
    return app.test_client()


def closed(page: Page) -> Page:
    """Return the pages where policy and facts are not shown."""
    return replace(page, closed="Give a file of tokens.")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def read(document: str) -> _Reader:
    """Return the tags and the text of a document whose tags are closed in their order."""
    reader = _Reader()
    reader.feed(document)
    reader.close()
    assert reader.open == []
    return reader


def text_of(document: str) -> str:
    """Return what a person reads, with single blanks."""
    return " ".join(" ".join(read(document).texts).split())


def tags_of(document: str, name: str) -> Iterator[dict[str, str | None]]:
    """Yield the attributes of all tags with a name."""
    return (attributes for tag, attributes in read(document).tags if tag == name)
