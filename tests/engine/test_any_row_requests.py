"""Look-ups of any row in whole packs: decisions, searches, explanations, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from sidecar.cli import main
from sidecar.compiler import load_pack
from sidecar.engine.authorizer import authorize
from sidecar.engine.policy import Policy
from sidecar.engine.search import search_resources, search_subjects
from sidecar.errors import InvalidPackError
from sidecar.facts import Snapshot, read_directory
from sidecar.model import Reference, Request
from tests.paths import ROOT

PAGE = (ROOT / "docs" / "packs.md").read_text()
SCHEMA = PAGE.split("### Between tables")[1].split("```yaml\n")[1].split("```")[0]
RULES = """
allow(user: User, _: Action{name: "read"}, document: Document) if
  document.share(user, "reader").exists = true;
allow(user: User, _: Action{name: "read"}, document: Document) if
  user.stands_in(document.author).exists = true;
"""
# Bob stands in for cy twice: for a time that is over, and from March on. Ann is in two of three
# teams; d1 is shared with the two others, with one of them for editors only.
WORLD = {
    "users": "- {id: ann}\n- {id: bob}\n- {id: cy}\n",
    "teams": "- {id: red}\n- {id: green}\n- {id: blue}\n",
    "memberships": "- {team: red, user: ann}\n- {team: green, user: ann}\n",
    "delegations": """\
- {id: old, principal: cy, delegate: bob, from: 2026-01-01T00:00:00Z, until: 2026-02-01T00:00:00Z}
- {id: new, principal: cy, delegate: bob, from: 2026-03-01T00:00:00Z, until: 2027-01-01T00:00:00Z}
""",
    "folders": "- {id: f}\n",
    "documents": "- {id: d1, author: cy, folder: f, team: blue}\n"
    "- {id: d2, author: bob, folder: f, team: blue}\n",
    "shares": """\
- {document: d1, team: green, access: reader}
- {document: d1, team: red, access: editor}
- {document: d1, team: blue, access: reader}
- {document: d2, team: red, access: editor}
""",
}
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    directory = tmp_path_factory.mktemp("pack")
    policies, fixtures = directory / "policies", directory / "fixtures"
    write(policies, fixtures, RULES)
    return policies, fixtures


@pytest.fixture(scope="module")
def pack(places: tuple[Path, Path]) -> tuple[Policy, Snapshot]:
    policy = load_pack(*places)
    return policy, read_directory(policy.schema, places[1] / "worlds/demo")


def write(policies: Path, fixtures: Path, rules: str) -> None:
    policies.mkdir()
    (fixtures / "worlds/demo").mkdir(parents=True)
    (policies / "main.polar").write_text(rules)
    (fixtures / "schema.yaml").write_text(SCHEMA)
    for name in ("settings", "reasons"):
        (fixtures / f"{name}.yaml").write_text("")
    for table, rows in WORLD.items():
        (fixtures / "worlds/demo" / f"{table}.yaml").write_text(rows)


def reading(user: str, document: str) -> Request:
    return Request(
        subject=Reference("user", user), action="read", resource=Reference("document", document)
    )


@pytest.mark.parametrize(
    ("user", "document", "now", "allowed"),
    [
        ("ann", "d1", NOON, True),
        ("ann", "d2", NOON, False),
        ("bob", "d1", NOON, True),
        ("bob", "d1", datetime(2026, 2, 1, tzinfo=UTC) - timedelta(microseconds=1), True),
        ("bob", "d1", datetime(2026, 2, 1, tzinfo=UTC), False),
        ("bob", "d1", datetime(2026, 3, 1, tzinfo=UTC), True),
        ("bob", "d1", datetime(2027, 1, 1, tzinfo=UTC), False),
        ("cy", "d1", NOON, False),
        ("nobody", "d1", NOON, False),
        ("ann", "none", NOON, False),
    ],
)
def test_a_row_that_fits_is_enough_and_one_that_does_not_hides_no_other(
    pack: tuple[Policy, Snapshot],
    user: str,
    document: str,
    now: datetime,
    allowed: bool,  # noqa: FBT001 - of a table
) -> None:
    assert authorize(reading(user, document), *pack, now).allowed is allowed


@pytest.mark.parametrize(
    ("now", "since", "until"),
    [
        (datetime(2025, 6, 1, tzinfo=UTC), None, datetime(2026, 1, 1, tzinfo=UTC)),
        (NOON, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)),
        (
            datetime(2026, 2, 9, tzinfo=UTC),
            datetime(2026, 2, 1, tzinfo=UTC),
            datetime(2026, 3, 1, tzinfo=UTC),
        ),
        (datetime(2027, 6, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC), None),
    ],
)
def test_a_decision_stays_what_it_is_until_a_row_begins_or_ceases_to_fit(
    pack: tuple[Policy, Snapshot],
    now: datetime,
    since: datetime | None,
    until: datetime | None,
) -> None:
    window = authorize(reading("bob", "d1"), *pack, now).valid

    assert window is not None
    assert window[0] == (since or datetime.min.replace(tzinfo=UTC))
    assert window[1] == (until or datetime.max.replace(tzinfo=UTC))


def test_a_decision_at_the_very_moment_is_not_kept(pack: tuple[Policy, Snapshot]) -> None:
    now = datetime(2026, 2, 1, tzinfo=UTC)

    assert authorize(reading("bob", "d1"), *pack, now).valid is None


def test_searches_find_all_of_both_sides(pack: tuple[Policy, Snapshot]) -> None:
    asked = reading("ann", "d1")

    assert search_subjects(asked, *pack, NOON) == ("ann", "bob")
    assert search_resources(asked, *pack, NOON) == ("d1",)
    assert search_resources(reading("bob", "d1"), *pack, NOON) == ("d1",)


def test_an_explanation_names_the_row_that_fits(places: tuple[Path, Path]) -> None:
    arguments = ["user:ann", "read", "document:d1", "--at", "2026-01-15T12:00:00Z"]
    of_pack = ["--policies", str(places[0]), "--fixtures", str(places[1])]

    told = CliRunner().invoke(main, ["explain", *arguments, *of_pack])

    assert 'resource.share(subject, "reader") exists (shares.yaml:1, in the mount)' in told.output
    assert "subject.stands_in(resource.author) does not exist" in told.output


ONLY = "`stands_in` tells whether any row fits, and finds none in particular; read its `.exists`"


@pytest.mark.parametrize(
    "condition",
    [
        "user.stands_in(document.author).until > context.now",
        "user.stands_in(document.author).delegate = user",
        "user.stands_in(document.author) = user.stands_in(user)",
        "document.latest(user.stands_in(user)).exists = true",
        "user.stands_in(document.author) matches Delegation{delegate: user}",
    ],
)
def test_nothing_but_existence_is_read_of_any_row(condition: str, tmp_path: Path) -> None:
    policies, fixtures = tmp_path / "policies", tmp_path / "fixtures"
    write(policies, fixtures, f"allow(user: User, _: Action, document: Document) if {condition};\n")
    schema = fixtures / "schema.yaml"
    latest = "latest: {finds: share, arguments: {it: delegation}, match: {document: this, by: it}}"
    schema.write_text(
        SCHEMA.replace("      share:\n", f"      {latest}\n      share:\n").replace(
            "access: access}\nenums",
            "access: access, by: {type: delegation, optional: true}}\nenums",
        )
    )

    with pytest.raises(InvalidPackError) as refused:
        load_pack(policies, fixtures)

    assert any(ONLY in str(problem) for problem in refused.value.problems)


def test_existence_is_read_through_variables_and_rules_too(tmp_path: Path) -> None:
    policies, fixtures = tmp_path / "policies", tmp_path / "fixtures"
    write(
        policies,
        fixtures,
        "allow(user: User, _: Action, document: Document) if\n"
        '  found := document.share(user, "reader") and found.exists = true and known(found);\n'
        "known(_: Share);\n",
    )

    policy = load_pack(policies, fixtures)

    facts = read_directory(policy.schema, fixtures / "worlds/demo")
    assert authorize(reading("ann", "d1"), policy, facts, NOON).allowed
    assert not authorize(reading("cy", "d1"), policy, facts, NOON).allowed
