"""The bytes of rows in a store."""

from __future__ import annotations

from pathlib import Path

from sidecar.facts.store.encoding import RowCodec
from sidecar.schema import read_schema

SCHEMA = """
types:
  user:
    subject: true
    table: users
    key: id
    attributes: {id: string, levels: set of integer}
"""


def test_equal_sets_have_equal_bytes_in_whatever_order_they_were_made(tmp_path: Path) -> None:
    (tmp_path / "schema.yaml").write_text(SCHEMA)
    codec = RowCodec(read_schema(tmp_path / "schema.yaml").types["user"])
    one, other = frozenset([0, 8]), frozenset([8, 0])

    assert list(one) != list(other), "an order that differs is what this is about"
    assert codec.encode(("ana", one)) == codec.encode(("ana", other))
