"""What protects the pages in a browser."""

from __future__ import annotations

import base64
import re

import pytest

from sidecar.admin import create_admin_app
from sidecar.errors import Problem
from sidecar.http import Access
from sidecar.page import create_pages
from sidecar.reload import Pair
from tests.page.pages import ASKED, client_of, closed, page_of, shipped_pair, text_of

HELD = "0123456789abcdef"


@pytest.fixture(scope="module")
def pair() -> Pair:
    return shipped_pair()


@pytest.mark.parametrize(
    "path", ["/page/health", "/page/ask", "/page/nothing", "/page/static/page.css"]
)
def test_every_response_forbids_foreign_and_inline_content(pair: Pair, path: str) -> None:
    with client_of(page_of(pair)).get(path) as response:
        headers = response.headers

    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/page/health", "/page/ask", ASKED])
def test_no_page_has_inline_style_or_script(pair: Pair, path: str) -> None:
    document = client_of(page_of(pair)).get(path).text

    assert not re.search(r"\sstyle=|\son[a-z]+=|<style|<script(?![^>]*src=)", document)
    assert not re.search(r"""(src|href)=["']?https?:""", document)


def test_an_unknown_page_is_answered_as_a_page(pair: Pair) -> None:
    response = client_of(page_of(pair)).get("/page/nothing")

    assert (response.status_code, response.mimetype) == (404, "text/html")


@pytest.mark.parametrize("host", ["attacker.example", "attacker.example:8182", "10.0.0.1:8182"])
def test_a_foreign_name_that_points_to_this_machine_shows_nothing(pair: Pair, host: str) -> None:
    response = client_of(page_of(pair)).get("/page/health", headers={"Host": host})

    assert response.status_code == 421
    assert "by a name of this machine" in text_of(response.text)


@pytest.mark.parametrize("host", ["localhost:8182", "127.0.0.1:8182", "[::1]:8182", "127.1.2.3"])
def test_names_of_this_machine_show_the_page(pair: Pair, host: str) -> None:
    response = client_of(page_of(pair)).get("/page/health", headers={"Host": host})

    assert response.status_code == 200


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}, 200),
        ({"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}, 200),
        ({}, 200),
    ],
)
def test_another_site_may_only_link_to_a_page(
    pair: Pair, fields: dict[str, str], status: int
) -> None:
    response = client_of(page_of(pair)).get("/page/health", headers=fields)

    assert response.status_code == status


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://attacker.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:81"}, 403),
        # There is no form behind this path: whatever gets so far is not found.
        ({"Origin": "http://localhost"}, 404),
        ({"Sec-Fetch-Site": "same-origin"}, 404),
    ],
)
def test_another_site_may_send_no_form(pair: Pair, fields: dict[str, str], status: int) -> None:
    response = client_of(page_of(pair)).post("/page/nothing", headers=fields)

    assert response.status_code == status


def test_a_closed_page_shows_health_and_says_how_to_open_the_rest(pair: Pair) -> None:
    client = client_of(closed(page_of(pair)))

    assert client.get("/page/health").status_code == 200
    response = client.get("/page/ask")
    assert response.status_code == 403
    assert "Give a file of tokens" in text_of(response.text)


class _OneToken:
    reading = object()
    problems: tuple[Problem, ...] = ()
    failures: tuple[Problem, ...] = ()

    def holder(self, token: str) -> str | None:
        return "ann" if token == HELD else None


@pytest.mark.parametrize(
    ("credentials", "status"),
    [
        (f"Bearer {HELD}", 200),
        ("Basic " + base64.b64encode(f"anybody:{HELD}".encode()).decode(), 200),
        ("Basic " + base64.b64encode(f":{HELD}".encode()).decode(), 200),
        ("Basic " + base64.b64encode(f"{HELD}:wrong".encode()).decode(), 401),
        ("Basic " + base64.b64encode(HELD.encode()).decode(), 401),
        ("Basic !", 401),
        ("Basic", 401),
        (None, 401),
    ],
)
def test_a_browser_sends_the_token_as_the_password_of_any_name(
    pair: Pair, credentials: str | None, status: int
) -> None:
    access = Access(_OneToken(), takes_passwords=True)
    app = create_admin_app(access, 1 << 16, [create_pages(page_of(pair))])
    headers = {"Authorization": credentials} if credentials else {}

    response = app.test_client().get("/page/health", headers=headers)

    assert response.status_code == status
    if status == 401:
        challenges = response.headers.getlist("WWW-Authenticate")
        assert any(each.startswith("Basic ") for each in challenges)


def test_callers_cannot_send_a_token_as_a_password() -> None:
    basic = b"Basic " + base64.b64encode(f"ann:{HELD}".encode())

    response = Access(_OneToken()).refusal(basic)

    assert response is not None
    assert "Basic" not in str(response.headers)
