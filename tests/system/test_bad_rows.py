"""A row in PostgreSQL that breaks the schema, with `--bad-rows deny`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.running import EDIT, Sidecar, copy_pack, until
from tests.system.demo import becomes, fill, following, reasons, set_role
from tests.system.postgres import temporary_server

ROLE = "UPDATE memberships SET role = '{}' WHERE account = 'acme' AND \"user\" = 'dora'"


def of_dora(sidecar: Sidecar) -> list[str]:
    """Return why dora may not edit."""
    answer = sidecar.ask("/v1/authorize", {**EDIT, "subject": "user:dora"})[1]
    return [reason["code"] for reason in answer["reasons"]]


@pytest.mark.e2e
def test_revocations_beside_a_bad_row_of_postgresql_are_seen(tmp_path: Path) -> None:
    root = copy_pack(tmp_path / "pack")
    with temporary_server() as server:
        fill(server, root)
        server.execute("ALTER TABLE memberships DROP CONSTRAINT memberships_role_check")
        with following(root, server.port, options=("--bad-rows", "deny")) as sidecar:
            assert (reasons(sidecar), of_dora(sidecar)) == ([], [])
            server.execute(ROLE.format("boss"))

            becomes(sidecar, set_role(server, "support"), ["not_granted"])
            assert of_dora(sidecar) == ["data_error"]
            until(lambda: "`boss` is not one of" in str(sidecar.ready()[1]["problems"]))
            assert sidecar.ready()[0] == 200

            server.execute(ROLE.format("developer"))
            until(lambda: of_dora(sidecar) == [])
            until(lambda: sidecar.ready()[1]["problems"] == [])
            assert "reading all rows" not in sidecar.log().split("have been read")[1]
