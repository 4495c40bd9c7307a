"""Errors, with a class for each remedy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class SidecarError(Exception):
    """Base of every error that the sidecar raises on purpose."""


class InvalidRequestError(SidecarError):
    """The request is malformed; to repeat it will not help.

    `member` is the path of the malformed member of the request, such as ``subject.id``.
    """

    def __init__(self, member: str, message: str) -> None:
        self.member = member
        super().__init__(f"`{member}` {message}" if member else message)


class SnapshotUnavailableError(SidecarError):
    """There is no snapshot, or only a stale one; to repeat the request later may help."""


class InvalidSettingError(SidecarError):
    """A setting is invalid; the operator must act."""


class DecisionLogError(SidecarError):
    """A decision cannot be logged, and so is not sent; the operator must act."""


class UnreadableLineError(SidecarError):
    """A line is not a complete line of a decision log."""


class UnreadableLogError(SidecarError):
    """A decision log cannot be read; whoever reads it must act."""


class EvaluationError(SidecarError):
    """The policy failed during evaluation; its author must act."""


class DataError(EvaluationError):
    """The facts go on behind what the schema declares; the owner of the mount must act."""


class BadRowError(DataError):
    """A row that breaks the schema would have to be read; the owner of the mount must act."""

    def __init__(self, type_name: str, table: str, row: str) -> None:
        self.type_name = type_name
        self.table = table
        super().__init__(f"{table}: {row} does not fit the schema")


class OsoMissingError(SidecarError):
    """What compiles policies is not installed; whoever wants that must do it elsewhere."""

    def __init__(self) -> None:
        super().__init__(
            "policies cannot be compiled here: Oso is not installed, as it has wheels for Python"
            " 3.11 and 3.12 on x86-64 and macOS alone; build a bundle where it is (`sidecar"
            " build`) and use that (`--bundle FILE`)"
        )


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """A fault in a file, with its position."""

    file: str
    line: int
    """1-based; 0 for a fault of the file as a whole."""
    message: str
    """Lower case, one line, user input in backticks, with the mend."""

    def __str__(self) -> str:
        position = f"{self.file}:{self.line}" if self.line else self.file
        return f"{position}: {self.message}"


class InvalidDocumentsError(SidecarError):
    """Documents are invalid, with all their faults.

    Subclasses name the documents; `problems` is sorted and never empty.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class InvalidPackError(InvalidDocumentsError):
    """The schema, the settings, the sentences or the policy are invalid; their author must act."""


class InvalidSnapshotError(InvalidDocumentsError):
    """The mounted facts are invalid; the owner of the mount must act."""


class SourceError(InvalidDocumentsError):
    """The source of facts cannot be read now; its operator must act, or the next look succeeds."""


class InvalidSuiteError(InvalidDocumentsError):
    """A policy suite is invalid; its author must act."""


class PolicyFault(Exception):  # noqa: N818 - a fault of the policy, found on one path
    """A forbidden operation of the policy. `word` is the text to find in the rule.

    It passes through Oso, which cannot lose it under `not` or `forall`.
    """

    def __init__(self, message: str, word: str = "") -> None:
        self.word = word
        super().__init__(message)
