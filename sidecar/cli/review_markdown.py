"""The output of `sidecar review` as Markdown for a comment of a pull request, of bounded size."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sidecar.review.verdict import Review
from sidecar.review.verdict.sections import Section, sections
from sidecar.review.verdict.words import summary, title

_MOST_ENTRIES = 25
"""Entries of one section: a comment of GitHub has 65,536 characters at most."""
_MOST_CHARACTERS = 400
"""Characters of one entry."""
_SPECIAL = re.compile(r"[\\*_\[\]<>#|~&]")
_SPANS = re.compile(r"(`[^`]*`)")


def as_markdown(review: Review) -> Iterator[str]:
    """Yield the lines of a review; what is no verdict and no change of access is folded."""
    head, _, rest = title(review).partition(": ")
    yield f"### Policy review: {head}"
    yield ""
    yield _escaped(f"{rest}. {summary(review)}.")
    for section in sections(review):
        yield ""
        if section.is_detail:
            yield f"<details><summary>{_escaped(section.title)}</summary>"
            yield ""
            yield from _bullets(section)
            yield ""
            yield "</details>"
        else:
            yield f"**{_escaped(section.title)}**"
            yield ""
            yield from _bullets(section)


def _bullets(section: Section) -> Iterator[str]:
    for entry in section.entries[:_MOST_ENTRIES]:
        text = entry.text
        if len(text) > _MOST_CHARACTERS:
            text = f"{text[:_MOST_CHARACTERS].replace('`', '')} …"
        yield f"{'  ' * entry.depth}- {_escaped(text)}"
    left = len(section.entries) - _MOST_ENTRIES
    if left > 0:
        yield f"- and {left} more"


def _escaped(text: str) -> str:
    """Return a text in which nothing but spans of code is Markdown, and nobody is mentioned."""
    parts = _SPANS.split(" ".join(text.split()))
    return "".join(
        part if _SPANS.fullmatch(part) else _SPECIAL.sub(r"\\\g<0>", part).replace("@", "@\u200b")
        for part in parts
    )
