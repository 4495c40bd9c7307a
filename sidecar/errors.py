"""Errors, one class for each thing that somebody can do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class SidecarError(Exception):
    """Base of every error that the sidecar raises on purpose."""


class InvalidRequestError(SidecarError):
    """The question is malformed; asking it again will not help.

    `member` is the path of the offending member of the request, such as ``subject.id``.
    """

    def __init__(self, member: str, message: str) -> None:
        self.member = member
        super().__init__(f"`{member}` {message}" if member else message)


class SnapshotUnavailableError(SidecarError):
    """No snapshot, or only one that is too old; asking again later may help."""


class InvalidSettingError(SidecarError):
    """A setting that cannot be used; the operator must act."""


class DecisionLogError(SidecarError):
    """An answer that cannot be logged, and so is not given; the operator must act."""


class UnreadableLineError(SidecarError):
    """A line that is none of a decision log, or not a whole one."""


class EvaluationError(SidecarError):
    """The policy failed while it was being evaluated; its author must act."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One fault in what a person wrote, with its place."""

    file: str
    line: int
    """1-based; 0 where the fault is the file's as a whole."""
    message: str
    """Lower case, one line, what the person wrote in backticks, and how to mend it."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.message}"


class InvalidDocumentsError(SidecarError):
    """Documents that cannot be used, with all that is wrong with them.

    Subclasses say which documents; `problems` is sorted and never empty.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class InvalidPackError(InvalidDocumentsError):
    """The schema, the settings, the sentences or the policy; their author must act."""


class InvalidSnapshotError(InvalidDocumentsError):
    """The mounted facts; whoever writes the mount must act."""


class InvalidSuiteError(InvalidDocumentsError):
    """A policy suite that asks what cannot be asked; its author must act."""


class PolicyFault(Exception):  # noqa: N818 - it is a fault of the policy, met on one path
    """The policy does what it may not do. `word` is what to look for in the rule's text.

    Raised through Oso, which therefore cannot lose it under `not` or `forall`.
    """

    def __init__(self, message: str, word: str = "") -> None:
        self.word = word
        super().__init__(message)
