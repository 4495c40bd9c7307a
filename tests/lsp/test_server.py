"""`sidecar lsp`, asked by a real client: faults, hovers, places, completion, outline and layout."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from threading import Thread
from typing import TypeVar

import pytest
from lsprotocol.types import DiagnosticSeverity, PositionEncodingKind

from tests.lsp.editor import Editor, editor
from tests.paths import ROOT
from tests.patience import PATIENCE

Story = Callable[[Editor], Coroutine[object, object, None]]
Edit = Callable[[Story], None]
T = TypeVar("T")


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    for name in ("policies", "fixtures"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.fixture(scope="module")
def edit() -> Iterator[Edit]:
    """Let a story happen in the one editor of all tests, and close its files."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()

    def run(story: Coroutine[object, object, T]) -> T:
        return asyncio.run_coroutine_threadsafe(story, loop).result(2 * PATIENCE)

    opening = editor(ROOT)
    opened = run(opening.__aenter__())

    def happen(story: Story) -> None:
        try:
            run(story(opened))
        finally:
            run(opened.close_all())

    yield happen
    run(opening.__aexit__(None, None, None))
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def edit_alone(
    pack: Path, story: Story, *encodings: PositionEncodingKind, **variables: str
) -> None:
    """Let a story happen in an editor of its own."""

    async def run() -> None:
        async with editor(pack, *encodings, **variables) as opened:
            await story(opened)

    asyncio.run(run())


def shown(opened: Editor, path: Path) -> list[str]:
    """Return the faults of a file, with the words that each is about."""
    lines = opened.text(path).split("\n")
    return [
        f"{place.start.line + 1}: "
        f"{lines[place.start.line][place.start.character : place.end.character]}: {each.message}"
        for each in opened.faults(path)
        for place in (each.range,)
    ]


def test_a_fault_of_the_policy_is_shown_while_typing_and_goes_again(pack: Path, edit: Edit) -> None:
    path = pack / "policies" / "account.polar"

    async def story(opened: Editor) -> None:
        opened.open(path)
        text = opened.text(path)
        opened.change(path, text.replace("account.owner = user;", "account.ownr = user;", 1))
        await opened.checked(path)
        assert shown(opened, path) == [
            "55: ownr: nothing has a member `ownr` here; did you mean `owner`?"
        ]
        assert opened.faults(path)[0].severity == DiagnosticSeverity.Error
        opened.change(path, text.replace("account.owner = user;", "account.owner = ", 1))
        await opened.checked(path)
        assert shown(opened, path)[0].startswith("5")
        opened.change(path, text)
        await opened.checked(path)
        assert shown(opened, path) == []

    edit(story)


FAULTS = {
    "schema": ("fixtures/schema.yaml", "owner: user\n", "owner: usr\n", "usr"),
    "settings": ("fixtures/settings.yaml", "750.00", "many", "many"),
    "reasons": ("fixtures/reasons.yaml", "least {minimum_commitment}", "least {min}", "in braces"),
    "suite": ("policies/account_test.yaml", "cases:", "caes:", "caes"),
    "invariants": ("policies/invariants.yaml", "action: create", "action: crate", "crate"),
    "YAML": ("fixtures/schema.yaml", "enums:", "enums: [", "is not YAML"),
}


def test_faults_of_yaml_files_are_shown_while_typing(pack: Path, edit: Edit) -> None:
    async def story(opened: Editor) -> None:
        for file, good, bad, word in FAULTS.values():
            path = pack / file
            opened.open(path)
            text = opened.text(path)
            opened.change(path, text.replace(good, bad, 1))
            await opened.checked(path)
            assert any(word in fault for fault in shown(opened, path)), file
            opened.change(path, text)
            await opened.checked(path)
            assert shown(opened, path) == []

    edit(story)


def test_an_unsaved_text_counts_for_other_files_until_it_is_closed(pack: Path, edit: Edit) -> None:
    schema, policy = pack / "fixtures" / "schema.yaml", pack / "policies" / "account.polar"

    async def story(opened: Editor) -> None:
        opened.open(policy)
        opened.open(schema, schema.read_text().replace("monthly_commitment:", "commitment:"))
        await opened.until(lambda: bool(opened.faults(policy)))
        assert shown(opened, policy) == [
            "70: monthly_commitment: nothing has a member `monthly_commitment` here; known are "
            + opened.faults(policy)[0].message.partition("known are ")[2]
        ]
        opened.close(schema)
        await opened.until(lambda: not opened.faults(policy))

    edit(story)


def test_what_only_compiling_finds_follows_and_says_what_check_says(pack: Path, edit: Edit) -> None:
    path = pack / "policies" / "number.polar"
    never = 'forbid(_: User, _: Action, number: Number, "expired") if\n  number.id = "1" and\n'

    async def story(opened: Editor) -> None:
        opened.open(path, f'{path.read_text()}\n{never}  number.id = "2";\n')
        await opened.until(lambda: bool(opened.faults(path)))
        (fault,) = opened.faults(path)
        assert "never" in fault.message
        assert fault.range.start.line + 1 == 21
        # A line above moves it at once.
        opened.change(path, f"# one more\n{opened.text(path)}")
        await opened.checked(path)
        assert [each.range.start.line + 1 for each in opened.faults(path)] == [22]

    edit(story)


def test_a_file_of_no_pack_has_the_faults_of_its_own_text(tmp_path: Path, edit: Edit) -> None:
    path = tmp_path / "alone.polar"
    path.write_text("f(x) if x;\ng(x if y;\n")

    async def story(opened: Editor) -> None:
        opened.open(path)
        await opened.checked(path)
        assert [each.range.start.line for each in opened.faults(path)] == [1]
        assert await opened.hover(path, "x") == ""

    edit(story)


def test_a_polar_file_beside_the_pack_has_the_faults_of_its_own_text(
    pack: Path, edit: Edit
) -> None:
    path = pack / "drafts" / "alone.polar"
    path.parent.mkdir()
    path.write_text("g(x if y;\n")

    async def story(opened: Editor) -> None:
        opened.open(path)
        await opened.checked(path)
        assert [each.range.start.line for each in opened.faults(path)] == [0]

    edit(story)


def test_the_author_is_told_what_is_missing_for_the_whole_check(pack: Path, tmp_path: Path) -> None:
    path = pack / "policies" / "number.polar"
    missing = tmp_path / "modules"
    missing.mkdir()
    (missing / "z3.py").write_text("raise ModuleNotFoundError('no solver', name='z3')\n")

    async def story(opened: Editor) -> None:
        opened.open(path)
        await opened.until(lambda: bool(opened.messages))
        assert "sidecar[review]" in opened.messages[0]
        opened.change(path, "f(x")
        await opened.checked(path)
        assert opened.faults(path)

    edit_alone(pack, story, PYTHONPATH=f"{missing}:{ROOT}")


def test_nothing_is_left_where_the_editor_ends_without_a_word(pack: Path, tmp_path: Path) -> None:
    path, temporary = pack / "policies" / "number.polar", tmp_path / "temporary"
    temporary.mkdir()
    variables = {**os.environ, "TMPDIR": str(temporary)}  # noqa: TID251  that of the tests
    opening = {
        "jsonrpc": "2.0",
        "method": "textDocument/didOpen",
        "params": {
            "textDocument": {
                "uri": path.as_uri(),
                "languageId": "polar",
                "version": 1,
                "text": "f(x",
            }
        },
    }
    starting = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"capabilities": {}}}
    sent = b"".join(
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        for body in (json.dumps(each).encode() for each in (starting, opening))
    )

    ended = subprocess.run(
        [sys.executable, "-m", "sidecar", "lsp"],
        input=sent,
        env=variables,
        timeout=PATIENCE,
        capture_output=True,
        check=False,
    )

    assert ended.returncode == 0
    assert list(temporary.iterdir()) == []


def test_definitions_and_references_lead_through_polar_and_yaml(pack: Path, edit: Edit) -> None:
    path = pack / "policies" / "account.polar"

    async def story(opened: Editor) -> None:
        opened.open(path)
        await opened.checked(path)
        definitions = {
            words: await opened.definitions(path, words, at)
            for words, at in {
                '"team.manage" if': 3,
                '"developer" if "admin"': 3,
                "plan_holds(account);": 3,
                "account.monthly_commitment": 10,
                "settings.minimum_commitment": 12,
                '"plan_required")': 3,
                "account.membership(user).status": 10,
                "Account {": 3,
            }.items()
        }
        assert definitions == {
            '"team.manage" if': ["schema.yaml:95:7: team.manage"],
            '"developer" if "admin"': [
                "schema.yaml:15:5: developer",
                "account.polar:5:31: developer",
            ],
            "plan_holds(account);": ["account.polar:68:1: plan_holds"],
            "account.monthly_commitment": ["schema.yaml:54:7: monthly_commitment"],
            "settings.minimum_commitment": [
                "schema.yaml:160:3: minimum_commitment",
                "settings.yaml:6:1: minimum_commitment",
            ],
            '"plan_required")': ["reasons.yaml:7:3: plan_required"],
            "account.membership(user).status": ["schema.yaml:59:7: membership"],
            "Account {": ["schema.yaml:46:3: account"],
        }
        references = await opened.references(path, "plan_holds(account: Account)", 3)
        assert {place.rpartition(":")[2] for place in references} == {" plan_holds"}
        files = {place.partition(":")[0] for place in references}
        assert files == {"account.polar", "invariants.yaml"}
        files = {
            place.partition(":")[0]
            for place in await opened.references(path, '"team.manage" if', 3)
        }
        assert files >= {"schema.yaml", "account.polar", "invitation.polar", "account_test.yaml"}

    edit(story)


def test_a_hover_shows_the_row_of_the_matrix_and_the_condition_in_words(
    pack: Path, edit: Edit
) -> None:
    path = pack / "policies" / "account.polar"

    async def story(opened: Editor) -> None:
        opened.open(path)
        await opened.checked(path)
        assert "750.00" in await opened.hover(path, "settings.minimum_commitment", 12)
        assert "Created the account" in await opened.hover(path, '"owner", account', 2)
        assert "move to such a plan" in await opened.hover(path, '"plan_required")', 2)
        while "|" not in (row := await opened.hover(path, '"team.manage" if', 3)):  # noqa: ASYNC110
            await asyncio.sleep(0.1)  # the server sends nothing when it knows the matrix
        assert "| owner | admin | developer | finance_analyst | support | no role |" in row
        assert "| yes | yes | - | - | - | - |" in row
        rule = await opened.hover(path, "plan_holds(account: Account)", 3)
        assert "`account.plan is committed`" in rule
        assert "`account.monthly_commitment is at least 750 USD`" in rule
        # The rule is found where it stands now.
        opened.change(path, f"# one more\n{opened.text(path)}")
        await opened.checked(path)
        assert "is committed" in await opened.hover(path, "plan_holds(account: Account)", 3)

    edit(story)


COMPLETIONS = {
    "account.": {"plan", "owner", "membership", "exists"},
    "account.membership(user).": {"role", "status", "exists"},
    "settings.": {"minimum_commitment", "personal_email_domains"},
    "context.": {"now", "via_proxy"},
    "action.": {"name", "role"},
    'account.plan = "': {"committed", "pay_as_you_go"},
    'action.name = "': {"team.view", "switch"},
    'has_role(user, "': {"owner", "admin", "developer"},
    "": {"plan_holds", "user", "account"},
}


def test_a_condition_that_is_being_written_is_completed(pack: Path, edit: Edit) -> None:
    path = pack / "policies" / "account.polar"
    head = '\nforbid(user: User, action: Action, account: Account, "expired") if\n  '

    async def story(opened: Editor) -> None:
        opened.open(path)
        await opened.checked(path)
        text = opened.text(path)
        for written, expected in COMPLETIONS.items():
            opened.change(path, f"{text}{head}{written}")
            await opened.checked(path)
            offers = await opened.completions(path, f"{head}{written}")
            assert offers.keys() >= expected, written

    edit(story)


def test_heads_blocks_and_suites_are_completed(pack: Path, edit: Edit) -> None:
    path, suite = pack / "policies" / "account.polar", pack / "policies" / "account_test.yaml"

    async def story(opened: Editor) -> None:
        opened.open(path)
        opened.open(suite)
        await opened.checked(suite)
        head = "forbid(user: User, action: Action, account: Account, "
        assert (await opened.completions(path, f'{head}"')).keys() >= {"expired", "plan_required"}
        assert (await opened.completions(path, "forbid(user: ")).keys() >= {"User", "String"}
        block = await opened.completions(path, '"numbers.view" if "')
        assert block.keys() >= {"developer", "numbers.view"}
        assert "resend" not in block
        assert (await opened.completions(suite, "actions: [")).keys() >= {"team.view", "switch"}

    edit(story)


def test_the_outline_and_the_layout_of_a_file(pack: Path, edit: Edit) -> None:
    path, schema = pack / "policies" / "number.polar", pack / "fixtures" / "schema.yaml"

    async def story(opened: Editor) -> None:
        opened.open(path, path.read_text().replace(" if\n ", " if"))
        opened.open(schema)
        outline = await opened.outline(path)
        assert [each.name for each in outline] == [
            "resource Number",
            'has_relation(account: Account, "account", number: Number)',
            'forbid(user: User, _: Action, number: Number, "plan_required")',
        ]
        assert [each.name for each in outline[0].children or ()] == ["view", "edit"]
        top = await opened.outline(schema)
        assert [each.name for each in top] == ["enums", "types", "context", "settings"]
        assert await opened.formatted(path) == path.read_text()
        opened.change(path, "f(x")
        assert await opened.formatted(path) is None

    edit(story)


@pytest.mark.parametrize("encoding", [PositionEncodingKind.Utf8])
def test_places_count_characters_as_the_editor_does(
    encoding: PositionEncodingKind, pack: Path
) -> None:
    path = pack / "policies" / "number.polar"
    rule = (
        'forbid(_: User, _: Action, number: Number, "expired") if\n  number.id = "😀é" and x.foo;\n'
    )

    async def story(opened: Editor) -> None:
        opened.open(path, rule)
        await opened.checked(path)
        places = [
            each.range.start.character for each in opened.faults(path) if "foo" in each.message
        ]
        before = '  number.id = "😀é" and x.'
        size = {"utf-8": len(before.encode()), "utf-16": len(before.encode("utf-16-le")) // 2}
        assert places == [size[encoding.value]]

    edit_alone(pack, story, encoding)


HOSTILE = {
    "binary": "\x00\x01\udc80\x7f" * 1000,
    "deep": f"f(x) if {'(' * 5000}x{')' * 5000};",
    "unclosed": 'f(x) if x = "a\n' * 2000,
    "huge": "f(x) if x.a = 1 and x.b = 2;\n" * 50_000,
    "one line": "x" * 2_000_000,
    "brackets": "[" * 100_000,
    "ends of lines": "\r\u2028\x85\x0c" * 5000,
}


@pytest.mark.many
@pytest.mark.parametrize("file", ["policies/main.polar", "fixtures/schema.yaml"])
def test_no_text_ends_the_server(file: str, pack: Path, edit: Edit) -> None:
    path, other = pack / file, pack / "policies" / "number.polar"

    async def story(opened: Editor) -> None:
        opened.open(other)
        opened.open(path)
        good = opened.text(path)
        for name, text in HOSTILE.items():
            opened.change(path, text)
            await opened.checked(path)
            assert opened.all_faults(), name
            await opened.outline(path)
            await opened.hover(other, "Number")
            await opened.formatted(path)
            opened.change(path, good)
            await opened.checked(path)
            assert not any(each.severity == 1 for each in opened.faults(path)), name

    edit(story)
