"""The page of the admin listener names each member of the status."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import pytest
from msgspec import Struct

from sidecar.admin.status import Status
from tests.paths import ROOT

PAGE = (ROOT / "docs" / "admin.md").read_text(encoding="utf-8")


def members(struct: type[Struct]) -> Iterator[str]:
    """Yield the names of all members of a struct, and of the structs within."""
    hints: dict[str, Any] = get_type_hints(struct)
    for name in struct.__struct_fields__:
        yield name
        for kind in (hints[name], *get_args(hints[name])):
            if isinstance(kind, type) and issubclass(kind, Struct):
                yield from members(kind)


@pytest.mark.parametrize("name", sorted(set(members(Status)) - {"policy", "data"}))
def test_the_page_names_each_member_of_the_status(name: str) -> None:
    section = PAGE.partition("\n## Status\n")[2].partition("\n## ")[0]

    assert re.search(rf"`(\w+\.)*{name}(\.\w+)*`", section), name
