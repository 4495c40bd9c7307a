"""An access report as a sheet to print and to sign: one HTML file that needs nothing else."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from importlib.resources import files

from jinja2 import Environment
from markupsafe import Markup

from sidecar.review.access import words
from sidecar.review.access.output import closing
from sidecar.review.access.pair_access import PairAccess
from sidecar.review.access.report import AccessReport
from sidecar.schema.instants import instant_text


def as_sheet(report: AccessReport) -> Iterator[str]:
    """Yield the parts of the HTML; every name in it is escaped."""
    text = files("sidecar.review.access").joinpath("sheet.html").read_text(encoding="utf-8")
    style = text.partition("<style>")[2].partition("</style>")[0]
    template = Environment(autoescape=True).from_string(text)
    selected = report.selected
    about = [words.reference(each) for each in (selected.subject, selected.resource) if each]
    if selected.action is not None:
        about.append(f"action {words.plain(selected.action)}")
    if selected.resource_type is not None:
        about.append(f"resources of type {words.plain(selected.resource_type)}")
    stream = template.stream(
        at=instant_text(report.now),
        about=", ".join(about),
        style_hash=b64encode(sha256(style.encode()).digest()).decode(),
        policy=report.policy.revision,
        facts=report.snapshot.revision,
        rows=_rows(report),
        closing=lambda: closing(report.summary),
    )
    stream.enable_buffering(200)
    yield from stream


def _rows(report: AccessReport) -> Iterator[dict[str, object]]:
    cells: dict[PairAccess, Markup] = {}
    for row in report.rows():
        if row.access not in cells:
            cells[row.access] = _cells(row.access)
        yield {
            "subject": words.reference(row.subject),
            "resource": words.reference(row.resource),
            "access": cells[row.access],
            "rows": words.rows(row.rows),
        }


def _cells(access: PairAccess) -> Markup:
    """Return the cells that are the same for all rows in a state."""
    conditions = Markup("<br>").join(words.conditional(access))
    obligations = [f"must: {each}" for each in words.obligations(access)]
    allowed = Markup("<br>").join(filter(None, [words.certain(access), *obligations]))
    texts = (words.roles(access), allowed, conditions, words.rules(access))
    return Markup("").join(Markup("<td>{}</td>").format(text) for text in texts)
