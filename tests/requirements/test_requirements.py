"""The shipped pack decides as R1 to R20 say, on mounts made by chance."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from sidecar.compiler import load_pack
from sidecar.engine.authorizer import authorize
from sidecar.facts import read_directory
from sidecar.model import Reference, Request
from tests.depth import deep
from tests.paths import ROOT
from tests.requirements import mounts
from tests.requirements.rules import Answer, Question, Rules

MOUNTS = deep(20)
"""Each is asked 250 questions."""


@pytest.mark.many
def test_shipped_pack_decides_as_the_requirements_say(tmp_path: Path) -> None:
    policy = load_pack(ROOT / "policies", ROOT / "fixtures")
    differences = []
    told: Counter[str] = Counter()
    for seed in range(MOUNTS):
        random = Random(seed)  # noqa: S311  no secret
        rows = mounts.tables(random)
        mounts.write(rows, tmp_path / str(seed))
        snapshot = read_directory(policy.schema, tmp_path / str(seed))
        rules = Rules(**rows)
        for _ in range(250):
            question, now = mounts.question(random, rules), random.choice(mounts.MOMENTS)
            expected = rules.answer(question, now)

            decision = authorize(_request(question), policy, snapshot, now)

            answer = Answer(
                decision.allowed,
                frozenset(reason.code for reason in decision.reasons),
                frozenset(obligation.code for obligation in decision.obligations),
            )
            told.update([f"{question.type}.{question.action} {expected.allowed}"])
            told.update(expected.reasons | expected.obligations)
            if answer != expected:
                differences.append((seed, now, question, answer, expected))

    assert differences == []
    # The comparison means something only where each reason is told and each action allowed.
    assert {code for code, times in told.items() if times >= 3} >= _what_can_be()


def _request(question: Question) -> Request:
    return Request(
        subject=Reference("user", question.user),
        action=question.action,
        resource=Reference(question.type, question.id),
        resource_properties=question.said,
        action_properties={} if question.role is None else {"role": question.role},
        context={"via_proxy": True} if question.via_proxy else {},
    )


def _what_can_be() -> set[str]:
    """Return all reasons of the requirements, and the actions that can be allowed."""
    reasons = (
        "plan_required owner_is_fixed irreversible role_not_assignable invalid_email "
        "personal_email via_proxy already_member already_invited not_pending expired "
        "sign_up_required not_the_invitee unknown_subject unknown_resource unknown_action "
        "already_exists not_granted confirm_irreversible"
    )
    allowed = (
        "account.credentials.view account.switch account.land account.create number.view "
        "membership.change_role membership.remove invitation.create invitation.resend "
        "invitation.revoke invitation.accept invitation.change_role"
    )
    return {*reasons.split(), *(f"{action} True" for action in allowed.split())}
