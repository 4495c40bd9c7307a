"""What was explained, as text, as Markdown, and as plain data for JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sidecar.review.counterfactual_text import ADMINISTRATOR, USER
from sidecar.review.explain import Explained, Proved


def as_text(told: Explained) -> Iterator[str]:
    """Yield the lines of a text: the answer first, then why."""
    decision = told.decision
    yield "allow" if decision.allowed else "deny"
    yield from (f"reason {each.code}: {each.message}" for each in decision.reasons)
    yield from (f"obligation {each.code}: {each.message}" for each in decision.obligations)
    for title, lines in _sections(told):
        yield ""
        yield title
        yield from (f"  {line}" for line in lines)


def as_markdown(told: Explained) -> Iterator[str]:
    """Yield the lines of a piece of Markdown for a pull request."""
    decision, request = told.decision, told.request
    answer = "allowed" if decision.allowed else "denied"
    yield f"**{answer}**: `{request.subject}` `{request.action}` `{request.resource}`"
    yield ""
    yield from (f"- reason `{each.code}`: {each.message}" for each in decision.reasons)
    yield from (f"- obligation `{each.code}`: {each.message}" for each in decision.obligations)
    for title, lines in _sections(told):
        yield ""
        yield f"{title}:"
        yield ""
        yield "```text"
        yield from lines
        yield "```"


def as_json(told: Explained) -> dict[str, Any]:
    """Return all of it as plain data."""
    decision, request = told.decision, told.request
    return {
        "version": 1,
        "decision": decision.allowed,
        "subject": str(request.subject),
        "action": request.action,
        "resource": str(request.resource),
        "at": told.moment.isoformat(),
        "reasons": [{"code": each.code, "message": each.message} for each in decision.reasons],
        "obligations": [
            {"code": each.code, "message": each.message} for each in decision.obligations
        ],
        "facts": [
            {
                "path": fact.path,
                "value": fact.value,
                "withheld": fact.withheld,
                "source": fact.source,
                "file": fact.file,
                "line": fact.line,
            }
            for fact in told.facts
        ],
        "outside": list(decision.outside),
        "granted": None if told.granted is None else _proved(told.granted),
        "forbidden": [_proved(each) for each in told.forbidden],
        "obliged": [_proved(each) for each in told.obliged],
        "depends_on" if decision.allowed else "nearest": [
            {
                "facts": [{"path": fact.path, "now": fact.value} for fact in turning.facts],
                "ways": [list(way) for way in turning.ways],
                "told_to": turning.audience,
            }
            for turning in told.turning
        ],
        "revisions": {
            "policy": decision.revisions.policy,
            "data": decision.revisions.data,
        },
        "disagreements": list(told.disagreements),
    }


def _sections(told: Explained) -> Iterator[tuple[str, Sequence[str]]]:
    if told.decision.outside:
        members = " and ".join(f"`{each}`" for each in told.decision.outside)
        yield f"granted: not evaluated, since {members} in the request is outside its domain", ()
    elif told.granted is None:
        yield "granted: not evaluated, since the subject or the resource is not as it must be", ()
    elif told.granted.holds:
        yield "granted by", _lines(told.granted)
    elif told.granted.hindrances:
        yield "granted by no rule; those that could have", _lines(told.granted)
    else:
        yield "granted by no rule; none is about this action and these types", _lines(told.granted)
    for each in told.forbidden:
        yield f"forbidden by {each.code}", _lines(each)
    for each in told.obliged:
        yield f"obliged by {each.code}", _lines(each)
    yield from _turning(told)
    if told.facts:
        yield "facts", [str(fact) for fact in told.facts]


def _turning(told: Explained) -> Iterator[tuple[str, Sequence[str]]]:
    if not told.turning:
        yield f"changes: {told.unturned}", ()
    elif told.decision.allowed:
        lines = [turning.line("denied") for turning in told.turning]
        yield "depends on each of these facts alone", lines
    else:
        for title, to in (
            ("nearest changes that the user may be told", USER),
            ("nearest changes, for an administrator only", ADMINISTRATOR),
        ):
            lines = [turning.line("allowed") for turning in told.turning if turning.audience == to]
            if lines:
                yield title, lines


def _lines(proved: Proved) -> list[str]:
    told = [*proved.proof, *proved.hindrances]
    return [*map(str, told), *(f"{fault} (the rule fails)" for fault in proved.faults)]


def _proved(proved: Proved) -> dict[str, Any]:
    return {
        "code": proved.code,
        "holds": proved.holds,
        "proof": [
            {
                "depth": line.depth,
                "rule": None if line.place is None else line.place.rule,
                "file": None if line.place is None else line.place.file,
                "line": None if line.place is None else line.place.line,
                "text": line.text,
            }
            for line in proved.proof
        ],
        "hindrances": [
            {
                "rule": each.place.rule,
                "file": each.place.file,
                "line": each.place.line,
                "needs": list(each.needs),
            }
            for each in proved.hindrances
        ],
        "faults": list(proved.faults),
    }
