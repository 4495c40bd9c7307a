"""Packs as reviewers name them: a directory, or a revision of the git repository they stand in."""

from __future__ import annotations

import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path, PurePosixPath

from sidecar.compiler.compile_cache import compile_both, compile_cached
from sidecar.compiler.pack import PackTexts, read_texts
from sidecar.compiler.policy import assemble
from sidecar.engine.policy import Policy
from sidecar.errors import SidecarError
from sidecar.polar.parser import tokenize
from sidecar.review.declaration_diff import Declaration, declarations
from sidecar.review.schema_union import widened
from sidecar.schema import Schema
from sidecar.schema.messages import shown

POLICIES, FIXTURES = "policies", "fixtures"
NOW = "the files as they are now"
"""The name of what stands in the working tree."""
_GIT_SECONDS = 30


class NoPackError(SidecarError):
    """Neither a directory with a pack nor a revision; whoever named it must act."""


@dataclass(frozen=True, slots=True)
class PackPlace:
    """Where a pack stands: the directory of its policies and that of its fixtures."""

    name: str
    """As the reviewer called it."""
    policies: Path
    fixtures: Path
    inside: PurePosixPath | None = None
    """The directory of a revision's policies in its repository; None for files as they are."""

    def load(self) -> Policy:
        """Read and compile the pack, with the trees of its single rules.

        Raises:
            InvalidPackError: It cannot be used.
        """
        return self.load_with({}, ())

    def load_with(self, files: Mapping[str, str], probes: Iterable[str]) -> Policy:
        """Load the pack with files of a reviewer's own.

        Args:
            files: Their names and texts.
            probes: The rules in them whose trees are wanted.

        Raises:
            InvalidPackError: It cannot be used.
        """
        pack, sentences = read_texts(self.policies, self.fixtures)
        texts = {**pack.texts, **files}
        pack = replace(pack, reviewing=True, texts=texts, probes=tuple(probes))
        return assemble(pack, sentences, compile_cached(pack))


@dataclass(frozen=True, slots=True)
class Compiled:
    """Two packs to compare, each compiled by a schema that knows the values of the other too."""

    old: Policy
    new: Policy
    written: tuple[PackTexts, PackTexts]
    """Both as they are written."""
    declarations: tuple[Declaration, ...]
    """What they declare differently."""

    @property
    def schemas(self) -> tuple[Schema, Schema]:
        """Both schemas as they are written."""
        old, new = self.written
        return old.schema, new.schema

    @property
    def same_rules(self) -> bool:
        """Whether both have the same rules, facts and settings, comments and sentences apart."""
        old, new = (
            (pack.schema.fingerprint, pack.settings, list(_rules(pack))) for pack in self.written
        )
        return old == new

    def deciding(self) -> tuple[Policy, Policy]:
        """Return both as they decide, by what their own schemas let a caller say."""
        old, new = (
            _narrowed(policy, schema)
            for policy, schema in zip((self.old, self.new), self.schemas, strict=True)
        )
        return old, new


@dataclass(frozen=True, slots=True)
class Probing:
    """Rules of a reviewer's own that are explored along with two packs."""

    files: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {})
    """For the old and the new pack: names of files to their texts."""
    rules: tuple[str, ...] = ()
    """The rules in them whose trees are wanted."""
    read_old_by: Schema | None = None
    """The schema by which the old pack is compiled; None: its own."""


def load_pair(old: PackPlace, new: PackPlace, probing: Probing = Probing()) -> Compiled:
    """Load two packs to compare, each by a schema that knows the values of the other too.

    Each is compiled in a process of its own, beside the other.

    Raises:
        InvalidPackError: One of them cannot be used.
    """
    read = [read_texts(place.policies, place.fixtures) for place in (old, new)]
    schemas = [pack.schema for pack, _ in read]
    schemas[0] = probing.read_old_by or schemas[0]
    others = schemas[::-1]
    wide = [
        (
            replace(
                pack,
                reviewing=True,
                schema=widened(own, other),
                texts={**pack.texts, **files},
                probes=probing.rules,
            ),
            sentences,
        )
        for (pack, sentences), own, other, files in zip(
            read, schemas, others, probing.files, strict=True
        )
    ]
    compiled = compile_both(*(pack for pack, _ in wide))
    before, after = (
        assemble(pack, sentences, each)
        for (pack, sentences), each in zip(wide, compiled, strict=True)
    )
    written = (read[0][0], read[1][0])
    return Compiled(before, after, written, declarations(*read))


def _rules(pack: PackTexts) -> Iterator[str]:
    for text in pack.texts.values():
        yield from (f"{token.type} {token}" for token in tokenize(text))


def _narrowed(policy: Policy, written: Schema) -> Policy:
    types = {
        name: replace(declared, actions=written.types[name].actions)
        for name, declared in policy.schema.types.items()
    }
    return replace(policy, schema=replace(policy.schema, types=types, context=written.context))


@contextmanager
def packs_named(
    names: Sequence[str], pack: Callable[[], PackPlace], fixtures: Path | None = None
) -> Iterator[list[PackPlace]]:
    """Find packs, each a directory or a revision; revisions are laid out as long as this lasts.

    Args:
        names: A directory that holds ``policies`` and ``fixtures``, or ``*.polar`` files beside
            which or beside whose parent ``fixtures`` stands; or a revision of git.
        pack: Returns the pack in the working tree, of whose repository a revision is; it is
            called for revisions alone.
        fixtures: For a directory of ``*.polar`` files without any beside it.

    Raises:
        NoPackError: A name is none of these.
    """
    with ExitStack() as stack:
        yield [_find(name, pack, fixtures, stack) for name in names]


def _find(
    name: str, pack: Callable[[], PackPlace], fixtures: Path | None, stack: ExitStack
) -> PackPlace:
    directory = Path(name)
    if directory.is_dir():
        return _in_directory(name, directory, fixtures)
    now = pack()
    root = _git("rev-parse", "--show-toplevel", at=now.policies)
    commit = _git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", at=now.policies)
    if not root or not commit or name.startswith("-"):
        raise NoPackError(
            f"{shown(name)} is neither a directory with a pack nor a revision of git of the "
            f"repository of `{now.policies}`; name a directory that holds `policies` and `fixtures`"
        )
    top = Path(root.decode().strip())
    laid_out = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pack-")))
    places: list[Path] = []
    for part in (now.policies, now.fixtures):
        if not part.resolve().is_relative_to(top.resolve()):
            raise NoPackError(
                f"`{part}` is not in the git repository `{top}`; name directories instead"
            )
        inside = part.resolve().relative_to(top.resolve())
        archive = _git("archive", "--format=tar", commit.decode().strip(), str(inside), at=top)
        if archive is None:
            raise NoPackError(f"revision {shown(name)} has no `{inside}`")
        with tarfile.open(fileobj=BytesIO(archive)) as tar:
            tar.extractall(laid_out, filter="data")
        places.append(laid_out / inside)
    of_policies = PurePosixPath(now.policies.resolve().relative_to(top.resolve()))
    return PackPlace(name, places[0], places[1], of_policies)


def in_repository(place: PackPlace) -> PurePosixPath:
    """Return the directory of a repository in which the policies of a pack stand."""
    if place.inside is not None:
        return place.inside.parent
    top = _git("rev-parse", "--show-toplevel", at=place.policies)
    policies = place.policies.resolve()
    root = policies.parent if top is None else Path(top.decode().strip()).resolve()
    return PurePosixPath(policies.relative_to(root)).parent


def _in_directory(name: str, directory: Path, fixtures: Path | None) -> PackPlace:
    if (directory / POLICIES).is_dir() and (directory / FIXTURES).is_dir():
        return PackPlace(name, directory / POLICIES, directory / FIXTURES)
    if not any(directory.glob("*.polar")):
        raise NoPackError(
            f"directory {shown(name)} holds no pack; it needs `policies` and `fixtures`, or files "
            "`*.polar`"
        )
    beside = (directory / FIXTURES, directory.parent / FIXTURES)
    own = next((place for place in beside if (place / "schema.yaml").is_file()), fixtures)
    if own is None:
        raise NoPackError(
            f"there is no `fixtures` beside {shown(name)}; name the directory with `--fixtures`"
        )
    return PackPlace(name, directory, own)


def _git(*arguments: str, at: Path) -> bytes | None:
    """Return what git says; None where it says no, or is not there."""
    start = at if at.is_dir() else Path.cwd()
    try:
        done = subprocess.run(  # noqa: S603 - no shell; the revision is checked by git itself
            ["git", "-C", str(start), *arguments],  # noqa: S607 - whichever git the reviewer has
            capture_output=True,
            timeout=_GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
