"""`routes.yaml`: what it means, and what is wrong with it, with line and mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from sidecar.errors import InvalidPackError
from sidecar.model import Reference, Request
from sidecar.routes import Routes, parse_target, read_routes
from sidecar.schema import read_schema

SCHEMA = """\
enums:
  role: [reader, writer]
types:
  user: {subject: true, table: users, key: id, attributes: {id: string}}
  robot: {subject: true, table: robots, key: id, attributes: {id: string}}
  folder: {table: folders, key: id, attributes: {id: string, name: string}, actions: {view: {}}}
  doc:
    key: id
    attributes:
      id: string
      folder: {type: folder, caller: true}
      pages: {type: integer, caller: true}
      secret: {type: boolean, optional: true, caller: true}
      role: {type: role, only: [reader], caller: true}
    actions:
      view: {}
      share: {properties: {role: role, times: integer}}
context:
  network: {type: string, optional: true}
"""
HEAD = "subject: {type: user, header: x-user-id}\nroutes:\n"


def routes(directory: Path, text: str) -> Routes:
    (directory / "schema.yaml").write_text(SCHEMA)
    (directory / "routes.yaml").write_text(text)
    schema = read_schema(directory / "schema.yaml")
    found = read_routes(directory / "routes.yaml", schema, {"tell": "", "confirm": ""})
    assert found is not None
    return found


def request(found: Routes, method: str, path: str) -> Request | None:
    match = found.match(method, parse_target(path.encode()))
    return None if match is None else match.request("ana")


def test_a_pack_without_the_file_has_no_routes(tmp_path: Path) -> None:
    (tmp_path / "schema.yaml").write_text(SCHEMA)

    assert read_routes(tmp_path / "routes.yaml", read_schema(tmp_path / "schema.yaml"), {}) is None


def test_a_row_says_what_a_method_and_a_path_mean(tmp_path: Path) -> None:
    found = routes(
        tmp_path,
        HEAD
        + """\
  GET HEAD /folders/{folder}: {action: view, resource: "folder:{folder}"}
  POST /folders/{folder}/docs/{doc}/roles/{role}:
    action: {name: share, properties: {role: "{role}", times: 3}}
    resource:
      type: doc
      id: "{folder}/{doc}"
      properties: {folder: "{folder}", secret: false, pages: 7}
    context: {network: inner}
    pass_on: [tell]
""",
    )

    assert request(found, "GET", "/folders/a%20b") == Request(
        subject=Reference("user", "ana"),
        action="view",
        resource=Reference("folder", "a b"),
        subject_properties={},
        action_properties={},
        resource_properties={},
        context={},
    )
    assert request(found, "HEAD", "/folders/a") is not None
    assert request(found, "POST", "/folders/f/docs/d/roles/reader") == Request(
        subject=Reference("user", "ana"),
        action="share",
        resource=Reference("doc", "f/d"),
        subject_properties={},
        action_properties={"role": "reader", "times": 3},
        resource_properties={"folder": "f", "secret": False, "pages": 7},
        context={"network": "inner"},
    )
    assert [route.passes_on for route in found.routes] == [set(), set(), {"tell"}]


@pytest.mark.parametrize("method", ["get", "Get", "DELETE", "POST", "", "GET ", "TRACE", "FOO"])
def test_a_method_without_a_row_has_no_route(tmp_path: Path, method: str) -> None:
    found = routes(tmp_path, HEAD + '  GET /folders/{id}: {action: view, resource: "folder:{id}"}')

    assert request(found, method, "/folders/a") is None


def test_a_route_can_identify_its_subject_in_another_way(tmp_path: Path) -> None:
    found = routes(
        tmp_path,
        HEAD
        + """\
  GET /a: {action: view, resource: "folder:a"}
  GET /b:
    action: view
    resource: "folder:a"
    subject: {type: robot, jwt: {issuer: "https://i.test", audience: api, claim: client_id}}
""",
    )

    one, other = (route.identification for route in found.routes)

    assert (one.type, one.header, one.issuer) == ("user", "x-user-id", "")
    assert (other.type, other.header, other.issuer) == ("robot", "", "https://i.test")
    assert (other.audience, other.claim) == ("api", "client_id")


ORDERED = """\
  GET /users/{id}: {action: view, resource: "folder:{id}"}
  GET /users/me: {action: view, resource: "folder:literal"}
  GET /users/{id}/settings: {action: view, resource: "folder:settings-{id}"}
  GET /users/me/{part}: {action: view, resource: "folder:me-{part}"}
  GET /users/me/settings: {action: view, resource: "folder:both"}
  GET /: {action: view, resource: "folder:root"}
"""


@pytest.mark.parametrize("rows", [ORDERED, "".join(reversed(ORDERED.splitlines(keepends=True)))])
@pytest.mark.parametrize(
    ("path", "resource"),
    [
        ("/users/ana", "ana"),
        ("/users/me", "literal"),
        ("/users/ana/settings", "settings-ana"),
        ("/users/me/other", "me-other"),
        ("/users/me/settings", "both"),
        ("/", "root"),
    ],
)
def test_the_most_specific_template_counts_in_any_order(
    tmp_path: Path, rows: str, path: str, resource: str
) -> None:
    found = request(routes(tmp_path, HEAD + rows), "GET", path)

    assert found is not None
    assert found.resource.id == resource


ROW = '{action: view, resource: "folder:x"}'


def problem(directory: Path, text: str) -> tuple[int, str]:
    """Return the line and the message of the only fault."""
    with pytest.raises(InvalidPackError) as refused:
        routes(directory, text)
    (found,) = refused.value.problems
    assert found.file == f"{directory.name}/routes.yaml"
    return found.line, found.message


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 0, "holds no routes"),
        (HEAD, 0, "holds no routes"),
        ("routs: {}", 1, "the file has no member `routs`; did you mean `routes`?"),
        (f"routes:\n  GET /a: {ROW}", 2, "does not say who asks; write `subject: {type: user"),
    ],
)
def test_a_file_has_routes_and_says_who_asks(
    tmp_path: Path, text: str, line: int, message: str
) -> None:
    found = problem(tmp_path, text)

    assert found[0] == line
    assert message in found[1]


@pytest.mark.parametrize(
    ("subject", "message"),
    [
        ("header: x-user-id", "subject has no type"),
        ("type: usr, header: x-user-id", "did you mean `user`?"),
        ("type: folder, header: x-user-id", "`folder` is no type of subjects"),
        ("type: user", "by a header or by a JWT"),
        ("type: user, header: x-id, jwt: {issuer: a, audience: b}", "by a header or by a JWT"),
        ("type: user, jwt: {audience: b}", "jwt has no issuer"),
        ("type: user, jwt: {issuer: a}", "jwt has no audience"),
        ("type: user, header: x_user_id", "is no name"),
        ("type: user, header: x--user", "is no name"),
        ('type: user, header: "x user"', "is no name"),
        ("type: user, header: authorization", "has another use"),
        ("type: user, header: Cookie", "has another use"),
        ("type: user, header: X-Auth-Subject", "has another use"),
        ("type: user, header: X-Original-URI", "has another use"),
        ("type: user, header: X-Forwarded-User", "has another use"),
        ("type: user, header: X-Sidecar-Authorization", "has another use"),
    ],
)
@pytest.mark.parametrize("is_of_route", [False, True])
def test_what_identifies_nobody_is_a_fault(
    tmp_path: Path, subject: str, message: str, *, is_of_route: bool
) -> None:
    row = f"{{action: view, resource: 'folder:x', subject: {{{subject}}}}}"
    text = f"{HEAD}  GET /a: {row}" if is_of_route else f"subject: {{{subject}}}\nroutes: {{}}"

    found = problem(tmp_path, text)

    assert found[0] == (3 if is_of_route else 1)
    assert message in found[1]


@pytest.mark.parametrize(
    ("heading", "message"),
    [
        ("/a", "is no method and path"),
        ("GET", "is no method and path"),
        ("GET a", "is no method and path"),
        ("get /a", "there is no method `get`; did you mean `GET`?"),
        ("GRT /a", "there is no method `GRT`; did you mean `GET`?"),
        ("TRACE /a", "there is no method `TRACE`; write one of GET, HEAD"),
        ("GET GET /a", "names a method twice"),
        ("GET /a//b", "`` is not written as it is compared"),
        ("GET /../a", "a dot or a blank at its end"),
        ("GET /a%20b", "is not written as it is compared"),
        ("GET /a%2Fb", "escapes a character"),
        ("GET /a;b", "that servers read differently"),
        ("GET /a?b=c", "is not written as it is compared"),
        ("GET /\u00e4", "is not a path of visible ASCII"),
        ("GET /a.", "a dot or a blank at its end"),
        ("GET /{a}{b}", "stands for one whole segment"),
        ("GET /x{a}", "stands for one whole segment"),
        ("GET /{A}", "stands for one whole segment"),
        ("GET /{}", "stands for one whole segment"),
        ("GET /{a}/{a}", "captures `a` twice"),
    ],
)
def test_what_no_request_can_match_is_a_fault(tmp_path: Path, heading: str, message: str) -> None:
    found = problem(tmp_path, f"{HEAD}  {heading}: {ROW}")

    assert found[0] == 3
    assert message in found[1]


FOLDER = 'resource: "folder:x"'
DOC = "action: view, resource: {type: doc, id: x, properties: "


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("action: view", "has no resource"),
        (FOLDER, "has no action"),
        (f"action: view, contxt: {{}}, {FOLDER}", "did you mean `context`?"),
        (f"action: viev, {FOLDER}", "`folder` has no action `viev`; did you mean `view`?"),
        ('action: view, resource: "foldr:x"', "no type `foldr`; did you mean `folder`?"),
        ("action: view, resource: folder", "write `type:id` in quotes"),
        ('action: view, resource: "folder:"', "write `type:id` in quotes"),
        ("action: view, resource: {type: folder}", "has no id"),
        ('action: view, resource: "folder:{fo}"', "captures no `fo`; did you mean `foo`?"),
        (
            "action: view, resource: {type: folder, id: x, properties: {name: y}}",
            "callers send no `name`; the schema lets callers send none",
        ),
        (f"{DOC}{{titel: y}}}}", "callers send no `titel`; write one of folder, pages"),
        (f"{DOC}{{page: 1}}}}", "callers send no `page`; did you mean `pages`?"),
        (f"{DOC}{{pages: many}}}}", "must be an integer"),
        (f'{DOC}{{pages: "{{foo}}"}}}}', "the type is integer"),
        (f"{DOC}{{role: writer}}}}", "`writer` is no role; write one of reader"),
        (f"{DOC}{{role: [reader]}}}}", "is no single value"),
        (
            'action: {name: share, properties: {role: boss}}, resource: "doc:x"',
            "`boss` is no role; write one of reader, writer",
        ),
        (f"action: view, {FOLDER}, context: {{now: y}}", "callers send no `now`"),
        (f"action: view, {FOLDER}, pass_on: [tel]", "no obligation `tel`; did you mean `tell`?"),
        (f"action: view, {FOLDER}, pass_on: tell", "write a list"),
    ],
)
def test_what_the_schema_does_not_declare_is_a_fault(
    tmp_path: Path, row: str, message: str
) -> None:
    found = problem(tmp_path, f"{HEAD}  GET /{{foo}}: {{{row}}}")

    assert found[0] == 3
    assert message in found[1]


def test_a_resource_without_members_is_a_fault_and_no_row_that_is_left_out(tmp_path: Path) -> None:
    text = (
        f"{HEAD}  GET /a: {{action: view, resource: {{}}}}\n  GET /b: {{action: view, {FOLDER}}}\n"
    )

    with pytest.raises(InvalidPackError) as refused:
        routes(tmp_path, text)

    found = [(each.line, each.message.partition(";")[0]) for each in refused.value.problems]
    assert found == [
        (3, "resource of route `GET /a` has no id"),
        (3, "resource of route `GET /a` has no type"),
    ]


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ("GET /a/{x}", "GET /a/{y}", "matches the same paths as `/a/{x}` (line 3)"),
        ("GET /a", "GET HEAD /a", "matches the same paths as `/a` (line 3)"),
        ("GET /a", "GET /a/", "matches the same paths as `/a` (line 3)"),
        ("GET /a/{x}", "GET /{y}/b", "neither is more specific; write a row for `GET /a/b` too"),
        ("GET /Admin", "GET /admin", "differs from `Admin` of another route by its case alone"),
        ("GET /a", "GET /a", "`GET /a` is repeated (first on line 3)"),
    ],
)
def test_templates_that_are_taken_for_each_other_are_a_fault(
    tmp_path: Path, first: str, second: str, message: str
) -> None:
    found = problem(tmp_path, f"{HEAD}  {first}: {ROW}\n  {second}: {ROW}")

    assert found[0] == 4
    assert message in found[1]


def test_a_file_with_the_other_ending_is_refused(tmp_path: Path) -> None:
    (tmp_path / "schema.yaml").write_text(SCHEMA)
    (tmp_path / "routes.yml").write_text("")

    with pytest.raises(InvalidPackError, match=r"routes\.yml"):
        read_routes(tmp_path / "routes.yaml", read_schema(tmp_path / "schema.yaml"), {})


def test_other_methods_may_have_the_same_paths(tmp_path: Path) -> None:
    found = routes(tmp_path, f"{HEAD}  GET /a/{{x}}: {ROW}\n  PUT /{{y}}/b: {ROW}")

    assert len(found.routes) == 2
