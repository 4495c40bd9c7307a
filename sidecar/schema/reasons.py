"""The sentences of reasons and obligations, for users."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from sidecar.errors import InvalidPackError
from sidecar.schema.messages import nearest, shown
from sidecar.schema.model import Value
from sidecar.schema.yaml_document import Faults, Items, Node, Text, read_document, shown_file

STANDARD = Path(__file__).with_name("standard_reasons.yaml")
"""Sentences of the built-in reasons; a pack may replace them."""

SENTENCE_MEMBERS = ("reasons", "obligations")

CODE = re.compile(r"[a-z][a-z0-9_.-]*")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Sentences:
    """Sentences by code."""

    reasons: Mapping[str, str]
    obligations: Mapping[str, str]


def read_sentences(path: Path, settings: Mapping[str, Value] | None = None) -> Sentences:
    """Return the sentences of a pack, and of the built-in reasons that it does not replace.

    Args:
        path: A file with the maps `reasons` and `obligations`.
        settings: The values of ``{name}`` in a sentence; None leaves placeholders unchanged.

    Raises:
        InvalidPackError: The sentences are invalid; all their faults.
    """
    return _with_standard(_read(path, settings))


def sentences_of(document: Node, faults: Faults) -> Sentences:
    """Return the sentences of a document, and of the built-in reasons that it does not replace.

    Args:
        document: The maps `reasons` and `obligations`; placeholders are left unchanged.
        faults: Its faults so far, which are reported too.

    Raises:
        InvalidPackError: The sentences are invalid; all their faults.
    """
    return _with_standard(_parse(document, None, faults))


def _with_standard(own: Sentences) -> Sentences:
    return Sentences({**_read(STANDARD, None).reasons, **own.reasons}, own.obligations)


def standard_reasons() -> frozenset[str]:
    """Return the codes of the built-in reasons."""
    return frozenset(_read(STANDARD, None).reasons)


def display_text(value: Value) -> str:
    """Return the text of a setting in a sentence, without trailing zeros of amounts."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        text = f"{value:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(value, frozenset):
        return ", ".join(sorted(display_text(member) for member in value))
    if isinstance(value, tuple):
        return "/".join(value)
    return "" if value is None else str(value)


def _read(path: Path, settings: Mapping[str, Value] | None) -> Sentences:
    faults = Faults(shown_file(path))
    return _parse(read_document(path, faults), settings, faults)


def _parse(
    document: Node | None, settings: Mapping[str, Value] | None, faults: Faults
) -> Sentences:
    maps: dict[str, dict[str, str]] = {kind: {} for kind in SENTENCE_MEMBERS}
    if document is not None:
        root = faults.members(document, "the file", SENTENCE_MEMBERS)
        for kind, sentences in maps.items():
            if kind in root.members:
                _read_map(root.members[kind], kind, settings, sentences, faults)
    if faults.problems:
        raise InvalidPackError(faults.problems)
    return Sentences(maps["reasons"], maps["obligations"])


def _read_map(
    node: Node,
    kind: str,
    settings: Mapping[str, Value] | None,
    sentences: dict[str, str],
    faults: Faults,
) -> None:
    declared = faults.members(node, kind)
    for code, member in declared.members.items():
        what = f"{kind.removesuffix('s')} {shown(code)}"
        if not CODE.fullmatch(code):
            faults.add(
                declared.lines[code],
                f"{what} is not a code; use a-z, 0-9 and `_.-`, a letter first",
            )
        if not isinstance(member, Text) or not member.text.strip():
            shape = "a list" if isinstance(member, Items) else "no sentence"
            faults.add(declared.lines[code], f"{what} has {shape}; write one sentence")
            continue
        sentence = " ".join(member.text.split())
        if settings is not None:
            sentence = _fill_placeholders(sentence, settings, what, member.line, faults)
        sentences[code] = sentence


def _fill_placeholders(
    sentence: str, settings: Mapping[str, Value], what: str, line: int, faults: Faults
) -> str:
    def fill(match: re.Match[str]) -> str:
        name = match[1]
        if settings.get(name) is not None:
            return display_text(settings[name])
        mend = nearest(name, settings) or "; declare it or remove the braces"
        why = "has no value" if name in settings else "is no setting"
        faults.add(line, f"{what}: {shown(name)} in braces {why}{mend}")
        return match[0]

    return _PLACEHOLDER.sub(fill, sentence)
