"""The newest pack that could be compiled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sidecar.compiler.pack import PackTexts, read_texts
from sidecar.engine.policy import Policy
from sidecar.errors import InvalidPackError, Problem
from sidecar.schema import Sentences
from sidecar.watch import Fingerprint, Fingerprints, Motion, Rest

Make = Callable[[PackTexts, Sentences], Policy]
"""Compiles a pack; raises `InvalidPackError`."""

RETRY_SECONDS = 5.0
"""After this time a reading that failed is tried again though no file has changed."""


@dataclass(frozen=True, slots=True)
class Pack:
    """A compiled pack, with what it was compiled from."""

    policy: Policy
    texts: PackTexts
    sentences: Sentences
    moment: float
    """When it was read."""


class Packs:
    """Compiles the pack of two directories whenever they have changed and come to rest."""

    def __init__(
        self, policies: Path, fixtures: Path, make: Make, clock: Callable[[], float]
    ) -> None:
        self._policies = policies
        self._fixtures = fixtures
        self._make = make
        self._clock = clock
        self._fingerprints = Fingerprints()
        self._rest = Rest(clock)
        self._tried: Fingerprint | None = None
        self._retry_at = 0.0
        self.newest: Pack | None = None
        """The last one that could be compiled."""
        self.problems: tuple[Problem, ...] = ()
        """Why the files are not the newest pack; empty where they are."""

    def look(self) -> None:
        """Compile the pack if it has changed and come to rest."""
        found = self._fingerprint()
        motion = self._rest.observe(found)
        if self._is_settled(found):
            self._rest.settle()
        elif motion is not Motion.MOVING:
            self.read()

    def read_if_changed(self) -> None:
        """Compile the pack, at rest or not, unless it is the one that was compiled last."""
        if not self._is_settled(self._fingerprint()):
            self.read()

    def use(self, pack: Pack) -> None:
        """Take a pack that another process has compiled from what the files were then."""
        self.newest, self._tried = pack, None

    def read(self) -> None:
        """Read the pack and compile it; what is wrong with it is kept in `problems`.

        What was read while files changed is thrown away.
        """
        moment, before = self._clock(), self._fingerprint()
        pack: tuple[PackTexts, Sentences] | None = None
        problems: tuple[Problem, ...] = ()
        try:
            pack = read_texts(self._policies, self._fixtures)
        except InvalidPackError as error:
            problems = error.problems
        except OSError as error:
            problems = (_unreadable(self._policies, error),)
        if self._fingerprint() != before:
            if self._rest.is_restless():
                said = "changes all the time; replace files by renaming new ones over them"
                self.problems = (Problem(str(self._policies), 0, said),)
            return
        self._rest.settle()
        self._tried, self._retry_at = before, self._clock() + RETRY_SECONDS
        if pack is not None:
            problems = self._compile(*pack, moment)
        self.problems = problems

    def _compile(
        self, texts: PackTexts, sentences: Sentences, moment: float
    ) -> tuple[Problem, ...]:
        try:
            policy = self._make(texts, sentences)
        except InvalidPackError as error:
            return error.problems
        except OSError as error:
            return (_unreadable(self._policies, error),)
        except BaseException:
            self.problems = (Problem(str(self._policies), 0, "cannot be used; see the log"),)
            raise
        # A policy that has not changed stays the same object, which workers share since the fork.
        if self.newest is not None and _is_same(self.newest.policy, policy):
            policy = self.newest.policy
        self.newest = Pack(policy, texts, sentences, moment)
        return ()

    def _is_settled(self, found: Fingerprint) -> bool:
        retries = bool(self.problems) and self._clock() >= self._retry_at
        return found == self._tried and not retries

    def _fingerprint(self) -> Fingerprint:
        """Take that of every file of the pack; suites and worlds are no part of it."""
        try:
            files = {
                **_files(self._policies, (".polar",)),
                **_files(self._fixtures, (".yaml", ".yml")),
            }
        except OSError as error:
            return {"": error.strerror or str(error)}
        return self._fingerprints.take(files)


def _files(directory: Path, suffixes: tuple[str, ...]) -> Mapping[str, Path]:
    return {str(path): path for path in directory.iterdir() if path.name.endswith(suffixes)}


def _is_same(old: Policy, new: Policy) -> bool:
    return (old.schema.revision, old.revision) == (new.schema.revision, new.revision)


def _unreadable(directory: Path, error: OSError) -> Problem:
    place = str(error.filename or directory)
    return Problem(place, 0, f"cannot be read: {error.strerror or error}")
