"""The cells of an access report in words, safe to print: whatever a mount or a policy is called."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from sidecar.model import Reference
from sidecar.review.access.pair_access import ActionAccess, PairAccess
from sidecar.review.access.report import AccessRow
from sidecar.review.phrases import either

_PLAIN = re.compile(r"[!-~]+").fullmatch
"""Most names, told apart in less time."""


def plain(text: str) -> str:
    """Return a name so that it is one word and moves no cursor; others as a JSON string."""
    if _PLAIN(text):
        return text
    if text and text.isprintable() and not any(map(str.isspace, text)):
        return text
    return json.dumps(text)


def reference(entity: Reference) -> str:
    """Return an entity as a request names it: ``account:acme``."""
    return f"{plain(entity.type)}:{plain(entity.id)}"


def pair(row: AccessRow) -> str:
    """Return the subject and the resource of a row."""
    return f"{reference(row.subject)}  {reference(row.resource)}"


def by_area(actions: Iterable[str]) -> str:
    """Return the names of actions, those of one area together: ``cards: view, edit; switch``."""
    areas: dict[str, list[str]] = {}
    for name in actions:
        area, dot, short = name.rpartition(".")
        areas.setdefault(area if dot else "", []).append(plain(short if area else name))
    grouped = [
        f"{plain(area)}: {', '.join(names)}" if area else ", ".join(names)
        for area, names in areas.items()
    ]
    return "; ".join(grouped)


def certain(access: PairAccess) -> str:
    """Return the actions that are allowed whatever the caller sends."""
    return by_area(each.name for each in access.actions if each.is_certain)


def conditional(access: PairAccess) -> tuple[str, ...]:
    """Return each action that is allowed under a condition, with the condition."""
    return tuple(
        f"{plain(each.name)}, when {condition(each)}"
        for each in access.actions
        if not each.is_certain
    )


def condition(action: ActionAccess) -> str:
    """Return when an action is allowed, by what the caller sends."""
    ways = [" and ".join(clauses) for clauses in action.when]
    if action.unlisted:
        ways.append("other conditions hold, too many to list")
    if len(ways) > 1 and any(len(clauses) > 1 for clauses in action.when):
        return "; or ".join(ways)
    return either(ways)


def obligations(access: PairAccess) -> tuple[str, ...]:
    """Return each action with what the caller must do along with it."""
    return tuple(
        f"{plain(each.name)}: {', '.join(map(plain, each.obligations))}"
        for each in access.actions
        if each.obligations
    )


def roles(access: PairAccess) -> str:
    """Return the roles by which access is given."""
    return ", ".join(map(plain, access.roles))


def rules(access: PairAccess) -> str:
    """Return the clauses that give access; of a single action the line of its permission too."""
    lines = [
        each
        for action in access.actions
        for each in action.through
        if len(access.actions) == 1 and each.name == action.name
    ]
    return ", ".join(map(str, dict.fromkeys((*lines, *access.given_by))))


def rows(found: Sequence[Reference]) -> str:
    """Return the rows that give access."""
    return ", ".join(map(reference, found))
