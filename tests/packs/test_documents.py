"""A second pack, with nouns of its own and a hierarchy of folders: it needs no Python.

Its suites are tests by themselves, which the plugin of pytest finds.
"""

from __future__ import annotations

from functools import cache

from sidecar.compiler import load_pack
from sidecar.engine.policy import Policy
from tests.paths import PACKS

PACK = PACKS / "documents"


@cache
def documents() -> Policy:
    return load_pack(PACK / "policies", PACK / "fixtures")


def test_hierarchy_of_folders_is_put_to_oso_and_nothing_else_is() -> None:
    (notice,) = [notice.message for notice in documents().notices]

    assert notice.startswith(
        "`allow` is put to Oso at request time for `view`, `share`, `remove` on a `folder`,"
        " `create`, `view`, `edit`, `publish`, `remove` on a `document`: "
    )
    assert ".parent." in notice


def test_pack_holds_no_python() -> None:
    suffixes = {path.suffix for path in PACK.rglob("*") if path.is_file()}

    assert suffixes == {".polar", ".yaml"}
