"""What callers are told when a replica that lacks the last commits takes over."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.running import copy_pack, until
from tests.system.demo import becomes, fill, following, reasons, revision, set_role
from tests.system.postgres import temporary_server

pytestmark = pytest.mark.e2e

FOLLOW = "&target_session_attrs=read-write"


def test_what_a_failover_has_lost_is_never_reached(tmp_path: Path) -> None:
    """Neither tokens of lost transactions nor revisions that held them, however much follows."""
    root = copy_pack(tmp_path / "pack")
    with temporary_server() as primary, temporary_server() as replica:
        fill(primary, root)
        replica.copy(primary)
        with following(root, primary.port, replica.port, query=FOLLOW) as sidecar:
            becomes(sidecar, set_role(primary, "support"), ["not_granted"])
            kept = revision(sidecar)
            until(lambda: replica.execute(SUPPORT) == [("support",)])
            replica.stop()
            token = set_role(primary, "admin")
            becomes(sidecar, token, [])
            lost = revision(sidecar)

            primary.stop("immediate")
            replica.start()
            replica.promote()

            until(lambda: reasons(sidecar) == ["not_granted"])
            for _ in range(5):
                becomes(sidecar, set_role(replica, "support"), ["not_granted"])
            new = revision(sidecar)
            assert new[:16] != lost[:16]
            assert reasons(sidecar, lost) == ["stale_data"]
            assert reasons(sidecar, token) == ["stale_data"]
            assert reasons(sidecar, kept) == ["stale_data"], "nobody knows what it lacks"
            assert reasons(sidecar, new) == ["not_granted"]


SUPPORT = "SELECT role FROM memberships WHERE account = 'acme' AND \"user\" = 'bob'"
