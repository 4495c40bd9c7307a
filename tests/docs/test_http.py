"""`docs/http.md` names each path of the API."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from sidecar.http import create_app
from sidecar.reload import Places, Reloading
from tests.paths import ROOT

PAGE = (ROOT / "docs" / "http.md").read_text(encoding="utf-8")


def test_page_names_each_path_and_no_other() -> None:
    places = Places(ROOT / "policies", ROOT / "fixtures", ROOT / "fixtures/worlds/demo")
    app = create_app(Reloading(places), now=lambda: datetime(2026, 12, 1, tzinfo=UTC))

    paths = {
        f"{method} {re.sub('<.*?>', 'NAME', rule.rule)}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }

    assert set(re.findall(r"^\| `((?:GET|POST) .*?)` ", PAGE, re.MULTILINE)) == paths
