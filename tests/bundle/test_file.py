"""The file of a bundle: what is written is read back, and nothing else is read at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.bundle import Bundle
from sidecar.bundle.file import FORMAT, LARGEST_BUNDLE, decode, read_bundle, write_bundle
from sidecar.compiler import load_pack
from sidecar.config.settings import Settings
from sidecar.diagram.nodes import LEAVES, Node
from sidecar.engine import prepare_kinds
from sidecar.engine.authorizer import authorize
from sidecar.engine.explanation import explain
from sidecar.engine.policy import Policy
from sidecar.engine.search import list_permissions
from sidecar.engine.trace import record_of
from sidecar.errors import InvalidDocumentsError, InvalidPackError
from sidecar.facts import read_directory
from sidecar.model import Reference, Request
from tests.bundled import written
from tests.library import Library, allow, forbid
from tests.paths import PACKS

NAME = "policy.bundle"
SHIPPED = Settings()
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def shipped() -> Policy:
    return load_pack(SHIPPED.policies, SHIPPED.fixtures)


@pytest.fixture(scope="module")
def content(shipped: Policy) -> bytes:
    return written(shipped, SHIPPED.fixtures)


def document_of(content: bytes) -> Any:  # noqa: ANN401  JSON
    return json.loads(content.partition(b"\n")[2])


def sealed(document: Any, version: int = FORMAT) -> bytes:  # noqa: ANN401  JSON
    """Return a file that states the size and the digest which this document has."""
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    head = f"sidecar-bundle {version} {len(text)} {sha256(text).hexdigest()}\n"
    return head.encode() + text


def problem_of(content: bytes) -> str:
    with pytest.raises(InvalidPackError) as caught:
        decode(content, NAME)
    return str(caught.value)


# --- what is written is read back ---------------------------------------------------------------


def shape(node: Node | None) -> object:
    """Return a diagram with its tests and leaves, apart from how its nodes are numbered."""
    return None if node is None else (node.labels, tuple(map(shape, node.branches)) or node.number)


def shapes(bundle: Bundle) -> object:
    return {
        key: (
            shape(entry.granted),
            [(code, shape(root)) for code, root in entry.forbids.items()],
            [(code, shape(root)) for code, root in entry.obliges.items()],
            shape(entry.allowed),
        )
        for key, entry in {**bundle.entries, **bundle.foreign}.items()
    }


@pytest.mark.parametrize("pack", ["certification", "documents", "names"])
def test_what_is_written_is_read_back(pack: str) -> None:
    policy = load_pack(PACKS / pack / "policies", PACKS / pack / "fixtures")

    content = written(policy, PACKS / pack / "fixtures")
    read = decode(content, NAME)

    assert (read.schema, read.sentences, read.files) == (
        policy.schema,
        policy.sentences,
        policy.files,
    )
    assert read.settings == policy.settings
    assert read.revision == policy.revision
    assert shapes(read) == shapes(policy)
    assert (read.notices, read.uncompiled) == (policy.notices, policy.uncompiled)
    assert written(Policy.of(read), PACKS / pack / "fixtures") == content


def test_a_bundle_holds_the_tests_that_its_diagrams_make_and_no_others(content: bytes) -> None:
    document = document_of(content)

    assert {node[0] for node in document["nodes"]} == set(range(len(document["tests"])))


def test_the_shipped_pack_is_read_back(shipped: Policy, content: bytes) -> None:
    read = decode(content, NAME)

    assert (read.schema, read.settings) == (shipped.schema, shipped.settings)
    assert (read.schema.revision, read.schema.fingerprint) == (
        shipped.schema.revision,
        shipped.schema.fingerprint,
    )
    assert shapes(read) == shapes(shipped)
    assert shipped.routes is not None
    assert read.routes is not None
    assert (read.routes.document, len(read.routes.routes)) == (
        shipped.routes.document,
        len(shipped.routes.routes),
    )


CONDITIONS = [
    'doc.title = "plan" and doc.price >= 750.5 and doc.due < context.now',
    'doc.folder.share(user).role = "reader" and settings.domains.includes(doc.contact.domain)',
    '((not doc.author = user and doc.labels.includes("draft")) or doc.pages > 7)',
    "doc.roles.includes(doc.folder.share(user).role) and doc.subtitle = doc.title",
    'doc.price < settings.most and doc.folder.shared_as("writer").exists = true',
]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_every_kind_of_question_is_read_back(library: Library, condition: str) -> None:
    compiled = library.policy(forbid(condition))

    read = decode(written(compiled, library.fixtures()), NAME)

    assert shapes(read) == shapes(compiled)


def test_actions_that_call_different_things_alike_are_read_back(library: Library) -> None:
    heads = "actor User {}\n"
    rules = (
        'allow(_: User, action: Action{name: "edit"}, _: Doc) if action.role = "writer";\n',
        'allow(_: User, action: Action{name: "tag"}, _: Doc) if action.role = "owner";\n',
    )
    compiled = library.policy(heads, *rules)

    read = decode(written(compiled, library.fixtures()), NAME)

    assert shapes(read) == shapes(compiled)


# --- anything else is refused -------------------------------------------------------------------


def test_any_byte_that_is_altered_is_noticed(content: bytes) -> None:
    step = max(1, len(content) // 700)
    places = {*range(200), *range(0, len(content), step), len(content) - 1}

    for place in places:
        altered = bytearray(content)
        altered[place] ^= 1 << (place % 8)
        with pytest.raises(InvalidPackError):
            decode(bytes(altered), NAME)


def test_a_bundle_that_is_cut_short_or_goes_on_is_refused(content: bytes) -> None:
    for length in (0, 1, 60, 120, len(content) // 2, len(content) - 1):
        with pytest.raises(InvalidPackError):
            decode(content[:length], NAME)
    assert "goes on behind its end, 1 bytes" in problem_of(content + b"\n")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda _: b"", "is empty; build it with `sidecar build`"),
        (lambda _: b"allow(_, _, _);", "is no bundle; build one with `sidecar build`"),
        (lambda content: content[:999], "is cut short: "),
        (lambda content: content.replace(b"false", b"true ", 1), "was altered: "),
        (
            lambda content: sealed(document_of(content), FORMAT + 1),
            f"has format {FORMAT + 1}, and this sidecar reads format {FORMAT}; update this sidecar",
        ),
        (
            lambda _: b"sidecar-bundle %d %d %064d\n" % (FORMAT, LARGEST_BUNDLE + 1, 0),
            f"is larger than {LARGEST_BUNDLE} bytes; divide the policy",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_told_with_the_mend(
    content: bytes, change: Callable[[bytes], bytes], message: str
) -> None:
    problem = problem_of(change(content))

    assert problem.startswith(f"{NAME}: {message}")
    assert "\n" not in problem


def put(document: Any, place: tuple[str | int, ...], value: object) -> None:  # noqa: ANN401
    *steps, last = place
    for step in steps:
        document = document[step]
    document[last] = value


OF_USER = ["member", ["subject"], "id"]


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("tests",), 1, "is not as bundles are: expected `array`, got `int` - at `$.tests`"),
        (("more",), 1, "is not as bundles are: object contains unknown field `more`"),
        (("revision",), "f" * 17, "`revision` is not 16 hexadecimal digits"),
        (("schema",), {"types": {"user": {}}}, "schema: type `user` has no key"),
        (("settings",), {}, "settings: setting `"),
        (
            ("routes", "subject", "type"),
            "usr",
            "routes: `usr` is no type of subjects; did you mean",
        ),
        (("routes", "routes"), {"GET x": {}}, "routes: `GET x` is no method and path"),
        (("routes",), {}, "routes: holds no routes"),
        (("sentences",), {"reasons": {"No": "No."}}, "sentences: reason `No` is not a code"),
        (("tests", 0, 0), ["why", OF_USER], "is not as bundles are: invalid value 'why' - at `$.t"),
        (("tests", 0, 0), ["is", OF_USER, "x"], "is not as bundles are: invalid value 'is'"),
        (("tests", 0, 0), ["exists"], "is not as bundles are: expected `array` of at least length"),
        (
            ("tests", 0, 0),
            ["exists", OF_USER, 1],
            "is not as bundles are: expected `array` of at m",
        ),
        (("tests", 0, 0), ["exists", ["user"]], "is not as bundles are: invalid value 'user'"),
        (
            ("tests", 0, 0),
            ["exists", ["literal", "x"]],
            "is not as bundles are: invalid value 'lit",
        ),
        (("tests", 0, 1), "number", "tests[0]: its question has no outcomes `number`"),
        (("tests", 0, 2), "decimal", "tests[0]: a kind is that of a number"),
        (("tests", 0, 0), ["exists", ["member", ["subject"], "x"]], "tests[0]: is about what the"),
        (("tests", 0, 0), ["exists", OF_USER], "tests[0]: is about what the schema does not"),
        (("nodes", 0, 0), 9999, "nodes[0]: test 9999 does not exist"),
        (("nodes", 0, 0), -1, "nodes[0]: test -1 does not exist"),
        (("nodes", 0, 2, 0), 3, "nodes[0]: branch 3 is no node before it"),
        (("nodes", 0, 2, 0), -1, "nodes[0]: branch -1 is no node before it"),
        (("nodes", 0, 2), [0] * 9, "nodes[0]: has not one branch for each outcome"),
        (("nodes", 0, 1), [], "nodes[0]: has not one branch for each outcome"),
        (("entries",), [], "entries: they are not those of the actions that the schema declares"),
        (("entries", 0, 3), 99999, "entries[0]: node 99999 does not exist"),
        (("entries", 0, 4), {"nonsense": 1}, "entries[0]: reason `nonsense` has no sentence"),
        (("entries", 0, 5), {"x": 1}, "entries[0]: obligation `x` has no sentence"),
        (("foreign",), [["x", "y", "z", 1, {}, {}, 1]], "foreign: there is one of a type that"),
    ],
)
def test_what_no_compiler_makes_is_refused_though_its_digest_is_right(
    content: bytes, place: tuple[str | int, ...], value: object, message: str
) -> None:
    document = document_of(content)
    put(document, place, value)

    problem = problem_of(sealed(document))

    assert f"{NAME}: {message}" in problem
    assert problem.count("\n") == problem.count(f"\n{NAME}: ")


def test_a_diagram_that_tests_one_thing_twice_on_a_path_is_refused(content: bytes) -> None:
    document = document_of(content)
    number, node = next(
        (number, node)
        for number, node in enumerate(document["nodes"])
        if max(node[2]) >= len(LEAVES)
    )
    node[0] = document["nodes"][max(node[2]) - len(LEAVES)][0]

    assert f"nodes[{number}]: branch" in problem_of(sealed(document))


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[" * 100_000, b'{"schema": ' * 100_000, b"\xff", b"null", b"1e999"]
)
def test_what_is_no_document_is_refused_though_its_digest_is_right(text: bytes) -> None:
    assert problem_of(sealed(text or b" "))


def test_a_path_that_is_nested_a_thousand_deep_is_refused(content: bytes) -> None:
    document = document_of(content)
    path: list[Any] = ["subject"]
    for _ in range(400):
        path = ["member", path, "id"]
    document["tests"][0][0] = ["exists", path]

    assert "holds a path of more than" in problem_of(sealed(document))


# --- documents made by chance -------------------------------------------------------------------

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 12)
    | st.floats()
    | st.sampled_from(["", "subject", "id", "exists", "750", "finite", "2026-01-01T00:00:00"])
    | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


def places(document: Any) -> list[tuple[Any, Any]]:  # noqa: ANN401  JSON
    """Return every list and map in a document, with each of its keys."""
    found: list[tuple[Any, Any]] = []
    waiting = [document]
    while waiting:
        part = waiting.pop()
        members = part.items() if isinstance(part, dict) else enumerate(part)
        for key, member in members:
            found.append((part, key))
            if isinstance(member, dict | list):
                waiting.append(member)
    return found


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Path]:
    """A bundle whose every part is as likely to be altered as any other, and facts for it."""
    library = Library(tmp_path_factory.mktemp("library"))
    policy = library.policy(
        allow('doc.title = "plan" and doc.price >= 750 and doc.folder.share(user).role = "reader"'),
        'forbid(_: User, _: Action, doc: Doc, "no") if doc.labels.includes("secret");\n',
        'oblige(user: User, _: Action, doc: Doc, "log") if doc.author = user;\n',
    )
    mount = library.directory / "mount"
    library.world(policy)
    found = next(path for path in library.directory.iterdir() if path.name.startswith(mount.name))
    library.close()
    return written(policy, library.fixtures()), found


@pytest.mark.many
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_no_document_with_a_right_digest_ends_in_a_traceback(
    small: tuple[bytes, Path], data: st.DataObject
) -> None:
    document = document_of(small[0])
    section = data.draw(st.sampled_from(sorted(document)))
    for _ in range(data.draw(st.integers(1, 3))):
        part = document[section]
        inside = places(part) if isinstance(part, dict | list) else []
        if not inside:
            break
        holder, key = data.draw(st.sampled_from(inside))
        if data.draw(st.booleans()):
            other, another = data.draw(st.sampled_from(inside))
            holder[key] = json.loads(json.dumps(other[another]))
        else:
            holder[key] = data.draw(JSON)

    try:
        policy = Policy.of(decode(sealed(document), NAME))
        prepare_kinds(policy)
        snapshot = read_directory(policy.schema, small[1])
    except InvalidDocumentsError:
        return
    for action in (*policy.schema.types["doc"].actions, "undeclared"):
        request = Request(
            subject=Reference("user", "ana"), action=action, resource=Reference("doc", "full")
        )
        authorize(request, policy, snapshot, NOW)
        explain(request, policy, snapshot, NOW)
        record_of(request, policy, snapshot, NOW)
        list_permissions(request, policy, snapshot, NOW)


# --- the file -----------------------------------------------------------------------------------


def test_a_bundle_is_replaced_by_renaming(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / NAME
    path.write_bytes(b"old")
    with path.open("rb") as old:
        write_bundle(path, content)

        assert old.read() == b"old"
    assert read_bundle(path) == content
    assert [each.name for each in tmp_path.iterdir()] == [NAME]
    assert path.stat().st_mode & 0o777 == 0o644


def test_what_cannot_be_renamed_leaves_nothing_behind(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / NAME
    path.mkdir()

    with pytest.raises(OSError, match="directory"):
        write_bundle(path, content)

    assert [each.name for each in tmp_path.iterdir()] == [NAME]
