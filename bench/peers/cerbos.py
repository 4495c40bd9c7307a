"""Cerbos: the same policy in its words. The facts that we hold travel in its requests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

from bench.facts import LEAST_COMMITMENT, ROLE_TABLE, Account
from bench.peers import Asked
from bench.places import Place, free_port
from bench.questions import Question
from bench.servers import Peer
from bench.shapes import Shape, batch, dense, single

NAME = "Cerbos"
TUNED = "Cerbos, GOGC=400"
LOGGED = "Cerbos, decision log on"
CHECK = "/api/check/resources"

_PLAN_HOLDS = f"""R.attr.plan == "committed" && R.attr.commitment >= {LEAST_COMMITMENT} &&
 R.attr.contract == "annual" && has(R.attr.ends) && timestamp(R.attr.ends) > now()"""


def peers(asked: Asked) -> Iterator[Peer]:
    """Yield it as it comes, with a garbage collector that collects more rarely, and logging."""
    asked.file("cerbos/policies/account.json", json.dumps(_policy()))
    for name, environment in ((NAME, {}), (TUNED, {"GOGC": "400"}), (LOGGED, {})):
        place = Place(free_port())
        log = asked.folder / "cerbos" / "decisions.log" if name == LOGGED else None
        settings = _settings(asked, place, log)
        configuration = asked.file(f"cerbos/{place.port}.json", json.dumps(settings))
        yield Peer(
            name=name,
            command=[
                *(str(asked.cerbos), "server", "--log-level=error"),
                f"--config={configuration}",
            ],
            place=place,
            environment=environment,
            log=log,
            shapes=list(_shapes(asked)),
        )


def _shapes(asked: Asked) -> Iterator[Shape]:
    def worded(question: Question) -> dict[str, Any]:
        """Put a question with the role and the plan, as a caller of Cerbos has to."""
        return {
            "subject": {
                "type": "user",
                "id": question.user,
                "properties": {"cerbos.roles": [_role(asked, question)]},
            },
            "action": {"name": question.action},
            "resource": {
                "type": "account",
                "id": question.account,
                "properties": _attributes(asked.facts.accounts[question.account]),
            },
        }

    yield single(asked.questions, worded)
    yield batch(asked.grouped, worded, {"context": {"via_proxy": False}})  # it wants one
    yield _checks(asked, [[each] for each in asked.questions], "native check")
    # One principal a call: its native batch is many resources of one role, 100 times one user's.
    yield _checks(asked, _by_role(asked, len(asked.grouped[0])), "native check of 100")


def _by_role(asked: Asked, size: int) -> list[list[Question]]:
    """Return batches that have one user and one role each, as the native call wants them."""
    found: dict[tuple[str, str], list[Question]] = {}
    for each in asked.questions:
        found.setdefault((each.user, _role(asked, each)), []).append(each)
    return [
        [group[number % len(group)] for number in range(size)]
        for group in list(found.values())[: len(asked.grouped)]
    ]


def _checks(asked: Asked, grouped: Sequence[Sequence[Question]], name: str) -> Shape:
    return Shape(
        name=name,
        path=CHECK,
        bodies=tuple(
            dense(
                {
                    "requestId": "bench",
                    "principal": {"id": group[0].user, "roles": [_role(asked, group[0])]},
                    "resources": [
                        {
                            "actions": [each.action],
                            "resource": {
                                "kind": "account",
                                "id": each.account,
                                "attr": _attributes(asked.facts.accounts[each.account]),
                            },
                        }
                        for each in group
                    ],
                }
            )
            for group in grouped
        ),
        answers=tuple(tuple(each.allowed for each in group) for group in grouped),
        read=_read_checks,
        decisions=len(grouped[0]),
    )


def _read_checks(said: Any) -> tuple[bool, ...]:  # noqa: ANN401  what a JSON document holds
    return tuple(
        effect == "EFFECT_ALLOW" for each in said["results"] for effect in each["actions"].values()
    )


def _role(asked: Asked, question: Question) -> str:
    """Return the role that the caller looked up; Cerbos wants one of everybody."""
    return asked.facts.role(question.user, question.account) or "stranger"


def _attributes(account: Account) -> dict[str, Any]:
    ends = {"ends": account.ends.astimezone(UTC).isoformat()} if account.ends else {}
    return {
        "plan": account.plan,
        "commitment": account.commitment,
        "contract": account.contract,
        **ends,
    }


def _policy() -> dict[str, Any]:
    rules: list[dict[str, Any]] = []
    for role, actions in ROLE_TABLE.items():
        rule = {"actions": list(actions), "effect": "EFFECT_ALLOW", "roles": [role]}
        if role != "owner":
            rule["condition"] = {"match": {"expr": _PLAN_HOLDS}}
        rules.append(rule)
    return {
        "apiVersion": "api.cerbos.dev/v1",
        "resourcePolicy": {"version": "default", "resource": "account", "rules": rules},
    }


def _settings(asked: Asked, place: Place, log: Path | None) -> dict[str, Any]:
    folder = asked.folder / "cerbos" / "policies"
    return {
        "audit": {
            "enabled": log is not None,
            "accessLogsEnabled": False,
            "decisionLogsEnabled": True,
            "backend": "file",
            "file": {"path": str(log)},
        },
        "server": {
            "httpListenAddr": f"127.0.0.1:{place.port}",
            "grpcListenAddr": f"127.0.0.1:{free_port()}",
            "requestLimits": {"maxActionsPerResource": 50, "maxResourcesPerRequest": 200},
        },
        "storage": {"driver": "disk", "disk": {"directory": str(folder), "watchForChanges": False}},
        "telemetry": {"disabled": True},
    }
