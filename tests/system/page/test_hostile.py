"""Names in a policy and in facts that would be tags, in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.admin import ADMIN
from tests.e2e.running import Sidecar, serving
from tests.small_pack import put_pack
from tests.system.page.visits import SOON, address_of, visiting

TAG = "<img src=x onerror=alert(1)>"
SCHEMA = f"""
types:
  user: {{subject: true, table: users, key: id, attributes: {{id: string}}}}
  note:
    table: notes
    key: id
    attributes: {{id: string, writer: user, mood: {{type: string, optional: true}}}}
    actions: {{"{TAG}": {{}}}}
"""
RULES = f"""
allow(user: User, _: Action, note: Note) if note.writer = user;
forbid(_: User, _: Action, note: Note, "shut") if note.mood = "{TAG}";
"""
ASKED = {
    "subject": TAG,
    "action": TAG,
    "resource_type": "note",
    "resource": TAG,
    "find": "subjects",
}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    root = tmp_path_factory.mktemp("hostile")
    put_pack(root, RULES, SCHEMA, reasons=f"reasons: {{shut: '{TAG}'}}\n")
    (root / "data").mkdir()
    (root / "data" / "users.yaml").write_text(f"- {{id: '{TAG}'}}\n")
    (root / "data" / "notes.yaml").write_text(
        f"- {{id: '{TAG}', writer: '{TAG}', mood: '{TAG}'}}\n"
    )
    with serving(root, *ADMIN, workers=1) as running:
        yield running


@pytest.mark.parametrize(
    "path",
    [
        "/page/matrix",
        f"/page/matrix/cell?{urlencode({'subject': 'user', 'resource': 'note', 'action': TAG})}",
        f"/page/ask?{urlencode(ASKED)}",
        f"/page/why?{urlencode(ASKED)}",
        f"/page/people?{urlencode(ASKED)}",
        "/page/compare",
    ],
)
def test_a_hostile_name_is_text(browser: Browser, hostile: Sidecar, path: str) -> None:
    with visiting(browser, address_of(hostile)) as visit:
        visit.open(path)
        expect(visit.tab.locator("[aria-busy]")).to_have_count(0, timeout=SOON)
        expect(visit.tab.locator("img")).to_have_count(0)
        assert TAG in visit.tab.content().replace("&lt;", "<").replace("&gt;", ">")
