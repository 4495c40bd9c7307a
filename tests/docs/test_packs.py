"""What `docs/packs.md` promises: its example works, and its lists of what may be said are true."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from sidecar.compiler import load_pack
from sidecar.engine.policy import Policy
from sidecar.errors import InvalidPackError
from sidecar.facts import read_directory
from sidecar.polar.names import SCALARS
from sidecar.schema import Kind
from sidecar.schema.attribute_loader import OF_ENTITY
from sidecar.schema.lookup_loader import LOOKUP_MEMBERS
from sidecar.schema.model import COMPOUND
from sidecar.schema.reasons import STANDARD, read_sentences
from sidecar.schema.type_loader import ACTION_MEMBERS, TYPE_MEMBERS
from sidecar.suites import read_suites, run_suite
from sidecar.suites.loader import CASE_MEMBERS, SUITE_MEMBERS
from tests.paths import ROOT

PAGE = (ROOT / "docs" / "packs.md").read_text()
FILES = dict(re.findall(r"^\*\*`(.+?)`\*\*\n\n```\w+\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))

CONDITIONS, BLOCK, REFUSED = (
    re.search(rf"^### {title}\n.*?^```polar\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    for title in ("Conditions", "Roles, permissions and relations", "What a policy may not say")
)

# Each condition in a rule that makes use of every parameter.
RULE = """
forbid(person: Person, action: Action, instrument: Instrument, "too_long") if
  person.exists = true and action.name = "use" and instrument.exists = true and {};
"""

Write = Callable[[dict[str, str]], Policy]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def load(more: dict[str, str]) -> Policy:
        for name, text in {**FILES, **more}.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return load_pack(tmp_path / "policies", tmp_path / "fixtures")

    return load


RELATIONS = re.search(
    r"^### Between tables\n.*?^```yaml\n(.*?)^```\n\n^```polar\n(.*?)^```$",
    PAGE,
    re.MULTILINE | re.DOTALL,
)


def conditions(found: re.Match[str] | None) -> list[str]:
    assert found is not None
    return [re.sub(r"\s+# .*", "", line) for line in found[1].splitlines()]


def test_example_is_a_pack_whose_suites_pass(write: Write, tmp_path: Path) -> None:
    policy = write({})

    asked = [
        cell
        for suite in read_suites(tmp_path / "policies")
        for cell in run_suite(suite, policy, tmp_path / "fixtures" / "worlds")
    ]

    assert policy.notices == ()
    assert len(asked) > 30
    assert [f"{cell.name} {cell.failure}" for cell in asked if cell.failure] == []


def test_example_world_has_the_format_of_a_mount(write: Write, tmp_path: Path) -> None:
    policy = write({})

    snapshot = read_directory(policy.schema, tmp_path / "fixtures" / "worlds" / "demo")

    assert list(snapshot.rows("instrument")) == ["lamp", "laser", "source"]


def test_conditions_that_may_be_written_load_and_are_compiled(write: Write) -> None:
    rules = "".join(RULE.format(condition) for condition in conditions(CONDITIONS))

    policy = write({"policies/more.polar": rules})

    assert len(conditions(CONDITIONS)) > 20
    assert policy.notices == ()


@pytest.mark.parametrize("condition", conditions(REFUSED))
def test_conditions_that_are_refused_do_not_load(write: Write, condition: str) -> None:
    with pytest.raises(InvalidPackError) as caught:
        write({"policies/more.polar": RULE.format(condition)})

    assert "more.polar" in {problem.file for problem in caught.value.problems}


def test_block_that_is_explained_loads(write: Write) -> None:
    assert BLOCK is not None
    keeper = (
        'has_role(person: Person, "keeper", instrument: Instrument) if person.id = instrument.id;'
    )
    lab = (
        'resource Lab { roles = ["head", "student"]; permissions = ["view"]; "view" if "student"; }'
    )

    policy = write({"policies/instrument.polar": BLOCK[1] + keeper, "policies/lab.polar": lab})

    assert policy.notices == ()


def test_hierarchy_of_a_type_with_itself_is_put_to_oso(write: Write) -> None:
    schema = FILES["fixtures/schema.yaml"].replace(
        "head: person", "head: person\n      part_of: {type: lab, optional: true}"
    )
    block = FILES["policies/lab.polar"].replace(
        'roles = ["student"',
        'relations = {parent: Lab}; "head" if "head" on "parent"; roles = ["student"',
    )
    related = 'has_relation(parent: Lab, "parent", lab: Lab) if parent = lab.part_of;'

    policy = write({"fixtures/schema.yaml": schema, "policies/lab.polar": block + related})

    (notice,) = map(str, policy.notices)
    assert notice.startswith(
        "main.polar:5: `allow` and `forbid` are put to Oso at request time for `view`, `admit`"
        " on a `lab`, `register`, `use`, `retire` on a `instrument`: "
    )
    assert ".part_of." in notice


def test_relations_between_tables_are_compiled(write: Write) -> None:
    assert RELATIONS is not None
    schema, rules = RELATIONS.groups()

    policy = write(
        {
            **{name: f"# {name}\n" for name in FILES if name.endswith(".polar")},
            **{f"fixtures/{name}.yaml": "" for name in ("settings", "reasons")},
            "fixtures/schema.yaml": schema,
            "policies/main.polar": rules,
        }
    )

    assert policy.notices == ()


@pytest.mark.parametrize("name", ["settings.yaml", "reasons.yaml"])
def test_settings_and_sentences_may_be_empty(write: Write, name: str) -> None:
    bare = {
        "fixtures/schema.yaml": FILES["fixtures/schema.yaml"].partition("settings:")[0],
        "fixtures/settings.yaml": "",
        "fixtures/reasons.yaml": "",
        "policies/instrument.polar": "# no rules",
        "policies/lab.polar": "# none either",
        "policies/main.polar": "allow(_: Person, _: Action, _: Lab);",
    }

    policy = write({**bare, f"fixtures/{name}": "# nothing\n"})

    assert policy.settings == {}


@pytest.mark.parametrize(
    "word",
    sorted(
        {
            *TYPE_MEMBERS, *ACTION_MEMBERS, *LOOKUP_MEMBERS, *OF_ENTITY,
            *SUITE_MEMBERS, *CASE_MEMBERS,
            *(kind.value for kind in Kind if kind not in COMPOUND), *SCALARS,
            *read_sentences(STANDARD).reasons,
        }
    ),
)  # fmt: skip
def test_page_explains(word: str) -> None:
    assert f"`{word}`" in PAGE
