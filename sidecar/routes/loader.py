"""Read ``routes.yaml``: what requests at a gateway mean, checked against the schema."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from sidecar.errors import InvalidPackError
from sidecar.routes.identification import read_identification
from sidecar.routes.model import Capture, Identification, Route, Routes
from sidecar.routes.overlaps import overlaps
from sidecar.routes.request_parts import read_action, read_context, read_resource
from sidecar.routes.template import read_heading, read_template
from sidecar.routes.tree import Tree
from sidecar.schema.messages import nearest, one_of, shown
from sidecar.schema.model import Schema
from sidecar.schema.plain_document import plain_of
from sidecar.schema.yaml_document import Faults, Members, Node, read_document, shown_file

FILE_MEMBERS = ("subject", "routes")
ROUTE_MEMBERS = ("action", "resource", "context", "subject", "pass_on")


def read_routes(path: Path, schema: Schema, obligations: Collection[str]) -> Routes | None:
    """Return the routes of a file; None where there is no such file.

    Args:
        path: The file, ``routes.yaml``.
        schema: Declares the types and actions that it names.
        obligations: The codes that it may name.

    Raises:
        InvalidPackError: The routes are invalid; all their faults.
    """
    if not path.exists() and not path.with_suffix(".yml").exists():
        return None
    faults = Faults(shown_file(path))
    document = read_document(path, faults)
    if document is None:
        raise InvalidPackError(faults.problems)
    return routes_of(document, schema, obligations, faults)


def routes_of(
    document: Node, schema: Schema, obligations: Collection[str], faults: Faults
) -> Routes:
    """Return the routes of a document.

    Args:
        document: The maps `subject` and `routes`.
        schema: As for `read_routes`.
        obligations: Likewise.
        faults: The faults of the document so far, which are reported too.

    Raises:
        InvalidPackError: The routes are invalid; all their faults.
    """
    root = faults.members(document, "the file", FILE_MEMBERS)
    default = None
    if "subject" in root.members:
        default = read_identification(root.members["subject"], schema, faults)
    routes: list[Route] = []
    if "routes" in root.members:
        declared = faults.members(root.members["routes"], "routes")
        for heading, node in declared.members.items():
            line = declared.lines[heading]
            row = _Row(heading, line, "subject" in root.members, default, schema, obligations)
            routes += row.read(node, faults)
    if not routes and not faults.problems:
        faults.add(0, "holds no routes; write `routes:` with rows like `GET /path: {...}`")
    trees = _trees(routes, faults)
    if faults.problems:
        raise InvalidPackError(faults.problems)
    return Routes(tuple(routes), trees, plain_of(document))


class _Row:
    """One row of the table: methods and a path, and what they stand for."""

    def __init__(  # noqa: PLR0913, PLR0917  all that it is read by
        self,
        heading: str,
        line: int,
        has_default: bool,  # noqa: FBT001
        default: Identification | None,
        schema: Schema,
        obligations: Collection[str],
    ) -> None:
        self._heading = heading
        self._line = line
        self._has_default = has_default
        self._default = default
        self._schema = schema
        self._obligations = obligations

    def read(self, node: Node, faults: Faults) -> Iterator[Route]:
        """Yield a route for each method; none where something is wrong."""
        before = len(faults.problems)
        methods, template = read_heading(self._heading, self._line, faults)
        found = read_template(template, self._line, faults) if template else None
        if found is None:
            return
        segments, has_slash = found
        captures = tuple(each.name for each in segments if isinstance(each, Capture))
        what = f"route {shown(self._heading)}"
        members = faults.members(node, what, ROUTE_MEMBERS)
        resource = read_resource(members, captures, self._schema, what, faults)
        action = read_action(members, resource, captures, self._schema, what, faults)
        context = read_context(members, captures, self._schema, what, faults)
        passes_on = self._passes_on(members, what, faults)
        identification = self._identification(members, what, faults)
        if len(faults.problems) > before or not (resource and action and identification):
            return
        for method in methods:
            yield Route(
                method=method,
                template=template,
                segments=segments,
                has_slash=has_slash,
                line=self._line,
                action=action.name,
                action_properties=action.properties,
                resource_type=resource.type,
                resource_id=resource.id,
                resource_properties=resource.properties,
                context=context,
                identification=identification,
                passes_on=passes_on,
            )

    def _identification(self, members: Members, what: str, faults: Faults) -> Identification | None:
        if "subject" in members.members:
            return read_identification(members.members["subject"], self._schema, faults)
        if not self._has_default:
            subject = f"{{type: {self._schema.subjects()[0]}, header: x-user-id}}"
            faults.add(
                self._line,
                f"{what} does not say who asks; write `subject: {subject}` above all routes",
            )
        return self._default

    def _passes_on(self, members: Members, what: str, faults: Faults) -> frozenset[str]:
        if "pass_on" not in members.members:
            return frozenset()
        codes = []
        for code, line in faults.texts(members.members["pass_on"], f"pass_on of {what}"):
            if code in self._obligations:
                codes.append(code)
                continue
            mend = nearest(code, self._obligations)
            if not mend and self._obligations:
                mend = f"; write some of {one_of(sorted(self._obligations))}"
            faults.add(line, f"{what}: there is no obligation {shown(code)}{mend}")
        return frozenset(codes)


def _trees(routes: Sequence[Route], faults: Faults) -> Mapping[str, Tree[Route]]:
    """Return the trees of all methods; templates that would be taken for each other are faults."""
    trees: dict[str, Tree[Route]] = {}
    told: set[tuple[int, int]] = set()
    for method, found in groupby(sorted(routes, key=lambda each: each.method), _method):
        tree = trees[method] = Tree()
        distinct = [route for route in found if _add(route, tree, faults, told)]
        for one, other, both in overlaps(distinct):
            if (one.line, other.line) not in told:
                told.add((one.line, other.line))
                faults.add(
                    other.line,
                    f"`{method} {other.template}` and `{method} {one.template}` (line {one.line}) "
                    f"match the same paths, and neither is more specific; write a row for "
                    f"`{method} {both}` too",
                )
    return trees


def _method(route: Route) -> str:
    return route.method


def _add(route: Route, tree: Tree[Route], faults: Faults, told: set[tuple[int, int]]) -> bool:
    """Add a route to the tree of its method; tell whether it is another than those before it."""
    what = f"`{route.method} {route.template}`"
    for segment in route.segments:
        if isinstance(segment, Capture):
            tree = tree.capture()
            continue
        if (other := tree.alike(segment)) is not None:
            faults.add(
                route.line,
                f"{what}: {shown(segment)} differs from {shown(other)} of another route by its "
                "case alone, which many servers ignore; write both alike",
            )
        tree = tree.literal(segment)
    earlier = tree.end(route, has_slash=route.has_slash)
    if earlier is None:
        return True
    if (earlier.line, route.line) not in told:
        told.add((earlier.line, route.line))
        faults.add(
            route.line,
            f"{what} matches the same paths as `{earlier.template}` (line {earlier.line}); "
            "remove one of them",
        )
    return False
