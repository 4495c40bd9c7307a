"""Paths that two servers could read differently are refused."""

from __future__ import annotations

import re
from urllib.parse import unquote, unquote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.routes import AmbiguousTargetError, parse_target
from sidecar.routes.tree import Tree
from tests.routes.upstreams import readings, routers

TEMPLATES = (
    "/",
    "/admin",
    "/public/{page}",
    "/public/help",
    "/accounts/{account}",
    "/accounts/{account}/members/{user}",
    "/accounts/new",
    "/accounts/new/members/{user}",
    "/files/report.pdf",
    "/files/{file}",
    "/old/{page}/",
)


def tree_of(templates: tuple[str, ...]) -> Tree[str]:
    tree: Tree[str] = Tree()
    for template in templates:
        node, has_slash = tree, template != "/" and template.endswith("/")
        for segment in filter(None, template.split("/")):
            node = node.capture() if segment.startswith("{") else node.literal(segment)
        assert node.end(template, has_slash=has_slash) is None
    return tree


TREE = tree_of(TEMPLATES)


def route(target: bytes) -> str | None:
    return TREE.find(parse_target(target))


@pytest.mark.parametrize(
    ("target", "template"),
    [
        ("/", "/"),
        ("/?a=/../b", "/"),
        ("/admin", "/admin"),
        ("/admin?x=%2F&y=;z&d=a/../b", "/admin"),
        ("/public/help", "/public/help"),
        ("/public/helper", "/public/{page}"),
        ("/accounts/new/members/ana", "/accounts/new/members/{user}"),
        ("/accounts/old/members/ana", "/accounts/{account}/members/{user}"),
        ("/accounts/.well-known", "/accounts/{account}"),
        ("/accounts/a.b-c_d~e", "/accounts/{account}"),
        ("/accounts/ana@example.com", "/accounts/{account}"),
        ("/accounts/%2B49%20170", "/accounts/{account}"),
        ("/accounts/J%C3%BCrgen", "/accounts/{account}"),
        ("/accounts/%E6%9D%B1%E4%BA%AC", "/accounts/{account}"),
        ("/accounts/'(a)!*,$&=:", "/accounts/{account}"),
        ("/files/report.pdf", "/files/report.pdf"),
        ("/old/a/", "/old/{page}/"),
        ("/old/a", None),
        ("/admin/", None),
        ("/accounts", None),
        ("/accounts/a/b", None),
        ("/accounts/a/members/b/c", None),
    ],
)
def test_a_clear_path_has_the_route_of_its_template(target: str, template: str | None) -> None:
    assert route(target.encode()) == template


TRICKS = [
    # No path.
    *("", "admin", "*", "http://host/admin", "https://host/admin", "//host/admin", "?x", "#", "."),
    # A fragment, blanks, control characters, raw bytes.
    *("/admin#", "/admin#x", "/admin?x#y", "/ad min", "/admin ", "/admin\t", "/admin\r\nX: y"),
    *("/admin\0", "/admin\x7f", "/admin\x1b", "/adm\u0131n", "/\u212aa", "/admin?x=\u00e4"),
    # Empty segments, dots.
    *("//", "//admin", "/public//help", "/public/help//", "///", "/./admin", "/../admin", "/.."),
    *("/public/../admin", "/public/./help", "/public/..", "/public/.", "/public/...", "/..."),
    *("/public/..;/admin", "/public/..%2Fadmin", "/public/..foo", "/public/a..b"),
    *("/admin.", "/admin./", "/admin.."),
    # Escapes of separators, dots and percents; twice.
    *("/public%2Fhelp", "/public%2fhelp", "/public/%2e%2e/admin", "/public/%2E%2E/admin"),
    *("/public/.%2e/admin", "/public/%2e", "/%2e%2e%2fadmin", "/public/%252e%252e/admin"),
    *("/public%252Fhelp", "/%2561dmin", "/public%5Chelp", "/public%5chelp", "/public\\help"),
    *("/public\\..\\admin", "/%5Cadmin", "/admin%00"),
    *("/admin%00.html", "/admin%0a", "/admin%0D%0A"),
    *("/admin%09", "/admin%20", "/%20admin", "/admin%7f", "/admin%3Fx", "/admin%3fx", "/admin%23"),
    *("/admin%3B", "/admin%3Bx", "/admin;"),
    *("/admin;x", "/admin;x=1/y", "/;/admin", "/admin;jsessionid=1"),
    # Escapes of what needs none.
    *("/%61dmin", "/ad%6Din", "/admi%6e", "/public/hel%70", "/accounts/%61cme", "/accounts/a%2Db"),
    *("/accounts/a%5Fb", "/accounts/a%7Eb", "/accounts/%30"),
    # Malformed escapes.
    *("/admin%", "/admin%2", "/admin%zz"),
    *("/admin%%", "/%u0061dmin", "/accounts/%G0", "/accounts/%u002e"),
    # Malformed UTF-8: overlong, cut short, surrogates, beyond Unicode; Latin-1.
    *("/public%c0%afhelp", "/public%c0%2fhelp", "/%c0%ae%c0%ae/admin", "/accounts/%e0%80%af"),
    *("/accounts/%f0%80%80%af", "/accounts/%c1%9c", "/accounts/%c3", "/accounts/%ed%a0%80"),
    *("/accounts/%f4%90%80%80", "/accounts/%ff", "/accounts/%fe", "/accounts/%e4", "/accounts/%80"),
    # Characters that become others: full width, ligatures, fractions, dot leaders, Kelvin, long s.
    *("/accounts/%EF%BC%8E%EF%BC%8E", "/public%EF%BC%8Fhelp"),
    *("/accounts/%EF%BC%BC", "/accounts/%EF%BC%85"),
    *("/accounts/%E2%80%A4", "/accounts/%E2%80%A5", "/accounts/%E2%81%84", "/accounts/%E2%88%95"),
    *("/accounts/%E2%84%AA", "/accounts/%C5%BF", "/accounts/%EF%AC%80", "/accounts/%EF%BD%81"),
    # Invisible and directional ones, combining ones at the beginning, decomposed ones.
    *("/adm%C2%ADin", "/admin%E2%80%8B"),
    *("/admin%EF%BB%BF", "/accounts/%E2%80%AEa", "/accounts/%C2%A0"),
    *("/accounts/%CC%88a", "/accounts/a%CC%88", "/accounts/%EE%80%80", "/accounts/%F3%A0%80%81"),
    # What is a literal but for its case, its accents, its ending.
    *("/Admin", "/ADMIN", "/aDmin"),
    *("/public/Help", "/accounts/NEW", "/Accounts/a", "/accounts/a/Members/b"),
    *("/adm%C4%B1n", "/%C3%A1dmin", "/admin.json", "/admin.php", "/admin.x.y", "/public/help.html"),
    *("/accounts/new.json", "/Files/a"),
    *("/files/REPORT.pdf", "/files/report.pdf.bak", "/ADMIN.JSON"),
    # A form decodes a plus.
    *("/accounts/a+b", "/+admin", "/admin+"),
    # Delimiters that no path has unescaped.
    *("/accounts/<a>", '/accounts/"', "/accounts/{a}"),
    *("/accounts/a|b", "/accounts/a^b", "/accounts/`", "/accounts/[a]"),
    # A query that replaces the method.
    *("/admin?_method=DELETE", "/admin?a=b&_method=PUT"),
    *("/admin?_METHOD=PUT", "/admin?%5fmethod=PUT"),
    *("/admin?a;_method=PUT", "/admin?_method"),
    *("/admin?_method[]=PUT", "/admin?X-HTTP-Method-Override=PUT"),
    *("/admin?$httpMethod=PUT", "/admin?%24httpmethod=PUT", "/admin?+_method=PUT"),
    "/accounts/" + "/".join("a" * 70),
    "/accounts/" + "a" * 256,
]  # fmt: skip


@pytest.mark.parametrize("target", sorted(set(TRICKS)))
def test_a_path_that_a_server_could_read_otherwise_is_refused(target: str) -> None:
    with pytest.raises(AmbiguousTargetError):
        route(target.encode())


def test_bytes_beyond_ascii_are_refused_wherever_they_stand() -> None:
    for code in range(0x80, 0x100):
        for target in (b"/accounts/%c", b"/admin?%c"):
            with pytest.raises(AmbiguousTargetError):
                route(target % code)


def test_of_escaped_ascii_only_what_cannot_divide_a_path_is_let_through() -> None:
    def passes(code: int) -> bool:
        try:
            return route(b"/accounts/a%%%02Xb" % code) is not None
        except AmbiguousTargetError:
            return False

    assert {chr(code) for code in range(0x80) if passes(code)} == set(" +!$&'()*,=:@")


FRAGMENTS = [
    *("/", "//", "/./", "/../", "/..", "/.", "..", ".", "\\", "/..;/", ";", ";a=b", "/;", "%3B"),
    *("%2F", "%2f", "%5C", "%2e", "%2E%2E", "%25", "%252e", "%252F", "%00", "%0a", "%20", " ", "+"),
    *("%2B", "%3F", "%23", "?", "?x=1", "#", "%61", "%41", "a", "A", "%C3%A4", "%C4%B1", "%CC%88"),
    *("%EF%BC%8E", "%EF%BC%8F", "%C0%AF", "%E2%84%AA", "%E2%80%8B", "%ff", "%", "~", "-", "_"),
    *(":", "@", "*", "&", "=", ",", "'", "|", ".json", ".PDF", "help", "new", "/new", "Admin"),
]  # fmt: skip
SEGMENTS = ("acme", "new.x", "%2B49", "J%C3%BCrgen", "a.b", "x%20y", "~a", "@b", "helper", "newer")
ROUTERS = list(routers(TEMPLATES))


def assert_all_agree(path: str) -> bool:
    """Check that servers find the route that was decided on, or none; tell whether there is one."""
    try:
        decided, target = route(path.encode("utf-8")), parse_target(path.encode("utf-8"))
    except AmbiguousTargetError:
        return False
    if decided is None:
        return False
    sent = path.partition("?")[0]
    read = readings(sent)
    for router in ROUTERS:
        routes = {router(each) for each in read}
        if decided == "/files/report.pdf":
            routes.discard("/files/{file}")  # a server that drops endings has no such literal
        assert decided in routes
        assert routes <= {decided, None}
    decoded = "/" + "/".join(target.decoded) + "/" * target.has_slash
    assert {unquote(sent), unquote_plus(sent), unquote(unquote(sent))} == {decoded}
    return True


def test_every_server_finds_the_route_of_a_path_with_something_put_into_it() -> None:
    paths = {
        re.sub(r"\{\w+\}", segment, template) for template in TEMPLATES for segment in SEGMENTS[:3]
    }

    spoilt = {
        path[:place] + fragment + path[place:]
        for path in paths
        for place in range(1, len(path) + 1)
        for fragment in FRAGMENTS
    }

    let_through = sum(map(assert_all_agree, sorted(spoilt)))
    assert 1000 < let_through < len(spoilt) / 2


@st.composite
def paths(draw: st.DrawFn) -> str:
    """Return a path that a template matches, spoilt at up to four places."""
    template = draw(st.sampled_from(TEMPLATES))
    path = re.sub(r"\{\w+\}", lambda _: draw(st.sampled_from(SEGMENTS)), template)
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(1, len(path)))
        path = path[:place] + draw(st.sampled_from(FRAGMENTS)) + path[place:]
    return path


@settings(deadline=None)
@given(paths())
def test_every_server_finds_the_route_that_was_decided_on(path: str) -> None:
    assert_all_agree(path)
