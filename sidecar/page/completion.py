"""Ids that a form proposes while a person types."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, takewhile

from flask import Blueprint, render_template, request
from werkzeug.exceptions import NotFound

from sidecar.facts import Facts
from sidecar.page.context import Page
from sidecar.page.question import Question

MOST_IDS = 20
"""Ids that are proposed at once."""

_SIDES = ("subject", "resource")


def add(views: Blueprint, page: Page) -> None:
    """Add `/page/ids/subject` and `/page/ids/resource`."""

    @views.get("/page/ids/<side>")
    def ids(side: str) -> str:
        """Return ids as the options of a list."""
        if side not in _SIDES:
            raise NotFound
        pair = page.pairs.current()
        question = Question.of(request.args, pair.policy.schema)
        is_subject = side == "subject"
        found = ids_from(
            pair.snapshot,
            question.subject_type if is_subject else question.resource_type,
            question.subject if is_subject else question.resource,
        )
        return render_template("page/ids.html", ids=tuple(found))


def ids_from(facts: Facts, type_name: str, start: str) -> Iterator[str]:
    """Yield the first ids of a type that are a text with more behind it, sorted."""
    declared = facts.schema.types.get(type_name)
    if declared is None or not declared.table:
        return iter(())
    behind = facts.ids(type_name, start)
    return islice(takewhile(lambda each: each.startswith(start), behind), MOST_IDS)
