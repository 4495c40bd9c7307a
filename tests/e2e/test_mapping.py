"""The mapping of types to tables, edited while the sidecar serves."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.databases import execute, make_database
from tests.e2e.running import until, write
from tests.e2e.test_store import DEMOTE, PROMOTE, allowed, following, problems

pytestmark = pytest.mark.e2e

ARCHIVE = "CREATE TABLE archive AS SELECT * FROM memberships"
OTHER_TABLE = "membership:\n  table: {}\n"


@pytest.mark.parametrize("where", ["fixtures/sources.yaml", "mounted/mine.yaml"])
def test_an_edit_of_the_mapping_is_taken_while_serving(root: Path, where: str) -> None:
    """Until it is valid and its tables can be read, the facts of the last good one are kept up."""
    database, mapping = root / "facts.sqlite", root / where
    mapping.parent.mkdir(exist_ok=True)
    mapping.write_text("")
    make_database(database, root / "fixtures", root / "data")
    execute(database, ARCHIVE)
    options = () if where.startswith("fixtures") else ("--sources", where)

    with following(root, "--max-staleness", "2", *options) as sidecar:
        write(mapping, "membership:\n  tabel: archive\n")
        until(lambda: all(sidecar.each(lambda: sidecar.ready()[1]["problems"])))
        (problem,) = sidecar.ready()[1]["problems"]
        demoted = not allowed(sidecar, execute(database, DEMOTE))

        write(mapping, OTHER_TABLE.format("nowhere"))
        until(lambda: "waits for facts that fit its schema" in problems(sidecar))
        unreadable = sidecar.ready()[1]["problems"]
        promoted = allowed(sidecar, execute(database, PROMOTE))
        execute(database, DEMOTE)
        until(lambda: not allowed(sidecar))

        write(mapping, OTHER_TABLE.format("archive"))
        until(lambda: sidecar.each(lambda: allowed(sidecar)) == [True, True])

        assert (problem["file"], problem["line"]) == (where, 2)
        assert "has no member `tabel`; did you mean `table`?" in problem["message"]
        assert "no such table: nowhere" in str(unreadable)
        assert (demoted, promoted) == (True, True)
        until(lambda: not any(sidecar.each(lambda: sidecar.ready()[1]["problems"])))
