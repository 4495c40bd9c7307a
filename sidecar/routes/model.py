"""Routes: templates of paths with the action and the resource that they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from sidecar.model import Reference, Request
from sidecar.routes.target import Target
from sidecar.routes.tree import Tree
from sidecar.schema.plain_document import Plain

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY")
"""Methods that a route can have."""


@dataclass(frozen=True, slots=True)
class Capture:
    """A segment of a template that any segment of a path matches: ``{name}``."""

    name: str


@dataclass(frozen=True, slots=True)
class Pattern:
    """A text with the captured segments in their places: ``{account}/{user}``."""

    parts: tuple[str | Capture, ...]

    def fill(self, captured: Mapping[str, str]) -> str:
        """Return the text for a path.

        Args:
            captured: Its segments by the names of the captures.
        """
        return "".join(
            captured[part.name] if isinstance(part, Capture) else part for part in self.parts
        )


Filled: TypeAlias = Mapping[str, "Pattern | bool | int"]
"""Properties by their names; other values than patterns are constants."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identification:
    """How the subject of a request is identified: by a header field or by a JWT."""

    type: str
    """The type of the subject."""
    header: str = ""
    """The field, in lower case, that the proxy always sets to the id; empty for a JWT."""
    issuer: str = ""
    """What the claim `iss` of the JWT must be."""
    audience: str = ""
    """What the claim `aud` must be, or hold."""
    claim: str = "sub"
    """The claim that holds the id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What a request with one method, and a path that matches a template, means."""

    method: str
    template: str
    """As it is written, such as ``/accounts/{account}``."""
    segments: tuple[str | Capture, ...]
    has_slash: bool
    """Whether the template ends with a slash."""
    line: int
    action: str
    action_properties: Filled = field(default_factory=dict)
    resource_type: str
    resource_id: Pattern
    resource_properties: Filled = field(default_factory=dict)
    context: Filled = field(default_factory=dict)
    identification: Identification
    passes_on: frozenset[str] = frozenset()
    """Obligations that the service behind the proxy sees to: it is told of them in a header."""

    def captures(self) -> tuple[str, ...]:
        """Return the names of the captured segments."""
        return tuple(each.name for each in self.segments if isinstance(each, Capture))


@dataclass(frozen=True, slots=True)
class Match:
    """A route, and what its captures stand for in one path."""

    route: Route
    captured: Mapping[str, str]

    def request(self, subject: str) -> Request:
        """Return the request that a subject with this id makes."""
        route, captured = self.route, self.captured
        return Request(
            subject=Reference(route.identification.type, subject),
            action=route.action,
            resource=Reference(route.resource_type, route.resource_id.fill(captured)),
            action_properties=_filled(route.action_properties, captured),
            resource_properties=_filled(route.resource_properties, captured),
            context=_filled(route.context, captured),
        )


@dataclass(frozen=True, slots=True)
class Routes:
    """All routes of a pack."""

    routes: tuple[Route, ...]
    trees: Mapping[str, Tree[Route]]
    """By method."""
    document: Plain
    """What they were read from, as plain data: a bundle carries it."""

    def match(self, method: str, target: Target) -> Match | None:
        """Return the most specific route of a method and a path; None where no template matches.

        Raises:
            AmbiguousTargetError: Some servers would take the path for that of another route.
        """
        tree = self.trees.get(method)
        route = None if tree is None else tree.find(target)
        if route is None:
            return None
        pairs = zip(route.segments, target.decoded, strict=True)
        return Match(route, {part.name: text for part, text in pairs if isinstance(part, Capture)})


def _filled(values: Filled, captured: Mapping[str, str]) -> dict[str, object]:
    return {
        name: value.fill(captured) if isinstance(value, Pattern) else value
        for name, value in values.items()
    }
