"""The process in which Oso runs may die, hang or starve: the answer is a denial, and goes on."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sidecar.compiler import child_process as process
from sidecar.compiler import load_pack
from sidecar.compiler.child_process import Oso, compile_in_child
from sidecar.diagram.questions import Answer, Question, ValueOf
from sidecar.engine.policy import Policy
from sidecar.errors import EvaluationError, InvalidPackError
from sidecar.facts import Snapshot
from tests.library import ACTOR, Library, allow, ask, codes
from tests.patience import lenient

COMPILES_ANEW = True

PUBLIC = allow('doc.public and doc.title = "plan"')
ASKED = {
    "rule": "allow",
    "code": None,
    "subject": "user",
    "resource": "doc",
    "action": "view",
}


@pytest.fixture
def unexplored(library: Library, monkeypatch: pytest.MonkeyPatch) -> Policy:
    """A policy of which nothing was explored."""
    monkeypatch.setattr("tests.library.SECONDS", -1.0)
    return library.policy(PUBLIC)


@pytest.fixture
def world(library: Library, unexplored: Policy) -> Snapshot:
    return library.world(unexplored)


@pytest.fixture
def oso(library: Library) -> Iterator[Oso]:
    made = Oso(library.texts(PUBLIC), 5)
    yield made
    made.close()


def yes(_: Question) -> Answer:
    return True


def test_the_process_answers_what_was_not_explored(unexplored: Policy, world: Snapshot) -> None:
    assert unexplored.notices
    assert codes(ask(unexplored, world, "ana", "view", "doc:full")) == ()
    assert codes(ask(unexplored, world, "ana", "view", "doc:bare")) == ("not_granted",)
    assert codes(ask(unexplored, world, "nobody", "view", "doc:full")) == ("unknown_subject",)


def test_a_process_that_was_killed_denies_once_and_is_started_anew(
    unexplored: Policy, world: Snapshot
) -> None:
    ask(unexplored, world, "ana", "view", "doc:full")
    os.kill(pid(unexplored.interpreter), signal.SIGKILL)

    first = ask(unexplored, world, "ana", "view", "doc:full")
    second = ask(unexplored, world, "ana", "view", "doc:full")

    assert codes(first) == ("policy_error",)
    assert first.faults == ("`allow` for `view`: the process ended",)
    assert codes(second) == ()


def test_a_process_that_is_killed_while_it_answers_denies(oso: Oso) -> None:
    def kill(_: Question) -> Answer:
        os.kill(pid(oso), signal.SIGKILL)
        return True

    with pytest.raises(EvaluationError, match="the process ended"):
        oso.holds(ASKED, kill)

    assert oso.holds(ASKED, yes)


def test_a_process_that_stands_still_denies_in_time(library: Library) -> None:
    oso = Oso(library.texts(PUBLIC), 0.3)
    started = time.monotonic()

    def stop(_: Question) -> Answer:
        os.kill(pid(oso), signal.SIGSTOP)
        return True

    with pytest.raises(EvaluationError, match="it took too long"):
        oso.holds(ASKED, stop)

    assert time.monotonic() - started < lenient(0.5)
    assert oso.holds(ASKED, yes)
    oso.close()


def test_an_answer_outside_its_domain_is_a_fault(oso: Oso) -> None:
    with pytest.raises(EvaluationError, match=r"main\.polar:2: the facts have no answer"):
        oso.holds(ASKED, lambda _: "perhaps")

    assert oso.holds(ASKED, yes)


def test_a_conversation_that_is_broken_off_leaves_no_answer_to_the_next(oso: Oso) -> None:
    def fail(_: Question) -> Answer:
        raise KeyError("no fact")

    with pytest.raises(KeyError):
        oso.holds(ASKED, fail)

    assert not oso.holds(ASKED, lambda question: not isinstance(question, ValueOf))


def test_a_fork_does_not_use_the_process_of_its_parent(
    oso: Oso, monkeypatch: pytest.MonkeyPatch
) -> None:
    oso.holds(ASKED, yes)
    child, parents = oso._child, pid(oso)  # noqa: SLF001 - nothing tells from outside
    own = os.getpid()

    with monkeypatch.context() as fork:
        fork.setattr(os, "getpid", lambda: own + 1)
        assert oso.holds(ASKED, yes)
        assert pid(oso) != parents
        oso.close()

    os.kill(parents, 0)
    assert child is not None
    child.close()


def test_close_ends_the_process(oso: Oso) -> None:
    oso.holds(ASKED, yes)
    child = pid(oso)

    oso.close()

    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("import sys; sys.exit(1)", "the process ended"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "the process ended"),
        ("import time; time.sleep(60)", "it took too long"),
        ("print('{\"compiled\": {}}')", "the process ended"),
        ("import os; os.write(1, b'\\0\\0\\0\\x02{]')", "it said what is no answer"),
    ],
    ids=["ends", "crashes", "hangs", "talks", "babbles"],
)
def test_a_policy_that_cannot_be_compiled_in_its_limits_is_refused(
    library: Library, monkeypatch: pytest.MonkeyPatch, module: str, message: str
) -> None:
    monkeypatch.setattr(process, "_MODULE", module)
    pack = replace(library.texts(PUBLIC), seconds=-4.5)

    with pytest.raises(InvalidPackError) as caught:
        compile_in_child(pack)

    assert f"main.polar: compiling failed: {message}" in str(caught.value)


def test_a_policy_that_takes_all_memory_is_refused(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    starving = (
        "import sidecar.compiler.child_main as child; child.MEMORY_BYTES = 1 << 20; child.main()"
    )
    monkeypatch.setattr(process, "_MODULE", starving)
    words = ", ".join(f'"{number}"' for number in range(300))

    with pytest.raises(InvalidPackError, match="for want of memory; give the sidecar more memory"):
        compile_in_child(library.texts(allow(f"doc.title in [{words}]")))


@pytest.mark.parametrize("program", ["/bin/false", "/nowhere/python"])
def test_a_process_that_does_not_start_refuses_the_pack(
    library: Library, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    monkeypatch.setattr("sys.executable", program)

    with pytest.raises(InvalidPackError, match=r"main\.polar: compiling failed: the process"):
        compile_in_child(library.texts(PUBLIC))


def test_faults_come_back_from_the_process_with_their_places(
    library: Library, tmp_path: Path
) -> None:
    policies = write(tmp_path / "policies", main="allow(_: User, _: Action, doc: Doc) if doc.x;\n")

    with pytest.raises(InvalidPackError) as caught:
        load_pack(policies, library.fixtures())

    assert str(caught.value).startswith("main.polar:1: nothing has a member `x` here")


def test_a_pack_compiles_alike_in_a_process_of_its_own(library: Library, tmp_path: Path) -> None:
    policies = write(tmp_path / "policies", main=PUBLIC)
    here = library.policy(PUBLIC)

    there = load_pack(policies, library.fixtures())

    assert there.tests == here.tests
    assert there.revision == here.revision
    world = library.world(there)
    assert codes(ask(there, world, "ana", "view", "doc:full")) == ()


def test_what_cannot_be_read_is_told_with_its_file(library: Library, tmp_path: Path) -> None:
    policies = write(tmp_path / "policies", main=ACTOR, big="#" * 1_000_001)
    (policies / "latin.polar").write_bytes(b"\n# \xe4\n")

    with pytest.raises(InvalidPackError) as caught:
        load_pack(policies, library.fixtures())

    assert str(caught.value).splitlines() == [
        "big.polar: the file is larger than 1000000 bytes; split it",
        "latin.polar:2: is not UTF-8; save it as UTF-8",
    ]


def test_a_directory_without_a_policy_is_told(library: Library, tmp_path: Path) -> None:
    with pytest.raises(InvalidPackError, match=r"there is no `\*.polar` file here"):
        load_pack(tmp_path / "nowhere", library.fixtures())


def pid(oso: object) -> int:
    assert isinstance(oso, Oso)
    assert oso._child is not None  # noqa: SLF001 - nothing tells from outside
    return oso._child._process.pid  # noqa: SLF001


def write(directory: Path, **files: str) -> Path:
    directory.mkdir()
    for name, text in files.items():
        (directory / f"{name}.polar").write_text(text)
    return directory
