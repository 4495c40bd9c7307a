"""What is known of the files of a pack: their texts, saved or not, and the names in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sidecar.compiler.pack import Declared
from sidecar.config.nearest_pack import FIXTURES, POLICIES
from sidecar.lsp.explanations import Explanations, RuleRow
from sidecar.lsp.names import Occurrence
from sidecar.lsp.polar_names import names_in_source
from sidecar.lsp.positions import Text
from sidecar.lsp.quick_checks import Checked, read_kept
from sidecar.lsp.yaml_names import names_in_document
from sidecar.polar.ast import Node
from sidecar.polar.source import Source
from sidecar.schema import Schema

_LARGEST = 1_000_000
"""Characters of a file in which names are looked for."""


def statements(source: Source) -> Iterator[Node]:
    """Yield the rules of a file, and those of its blocks."""
    yield from (rule.node for rule in source.rules)
    for block in source.blocks:
        yield from block.node.rules


@dataclass(slots=True)
class PackState:
    """The newest of each; what is invalid now leaves the last good one."""

    pack: Path
    """The directory with `policies` and `fixtures`."""
    encoding: str
    """How the editor counts characters."""
    opened: dict[Path, str] = field(default_factory=dict)
    """The texts of the files that the editor has open."""
    checked: Checked = field(default_factory=lambda: Checked(None, {}))
    declared: Declared | None = None
    """What the fixtures declare, or last declared."""
    explanations: Explanations | None = None
    """Of the last text without faults."""
    rules: dict[tuple[str, str], list[RuleRow]] = field(default_factory=dict)
    """When the rules of that text hold, by their files and texts."""
    _names: dict[Path, tuple[str, Schema | None, list[Occurrence]]] = field(default_factory=dict)

    def take_explanations(self, explanations: Explanations, checked: Checked) -> None:
        """Take what was found of a text without faults."""
        self.explanations = explanations
        self.rules = {}
        places = {
            (file, node.span.line, node.span.column): source.written(node)
            for file, source in checked.sources.items()
            for node in statements(source)
        }
        for row in explanations.rules:
            written = places.get((row.file, row.line, row.column))
            if written is not None:
                self.rules.setdefault((row.file, written), []).append(row)

    @property
    def schema(self) -> Schema | None:
        """The schema, or the last good one."""
        return self.declared.schema if self.declared is not None else None

    def text(self, path: Path) -> Text:
        """Return the text of a file; empty if it cannot be read."""
        if path in self.opened:
            return Text(self.opened[path], self.encoding)
        try:
            return Text(path.read_text(encoding="utf-8-sig"), self.encoding)
        except (OSError, UnicodeDecodeError):
            return Text("", self.encoding)

    def names(self, path: Path) -> list[Occurrence]:
        """Return the names in a file."""
        text = self.text(path).text
        kept = self._names.get(path)
        if kept is None or kept[0] != text or kept[1] is not self.schema:
            kept = self._names[path] = (text, self.schema, list(self._find(path, text)))
        return kept[2]

    def files(self) -> Iterator[tuple[Path, list[Occurrence]]]:
        """Yield the files of the pack that hold names, with these."""
        for directory in (self.pack / POLICIES, self.pack / FIXTURES):
            on_disk = {path for path in directory.glob("*") if path.suffix in {".polar", ".yaml"}}
            unsaved = {path for path in self.opened if path.parent == directory}
            for path in sorted(on_disk | unsaved):
                yield path, self.names(path)

    def _find(self, path: Path, text: str) -> Iterator[Occurrence]:
        if len(text) > _LARGEST:
            return
        if path.suffix == ".polar":
            yield from names_in_source(read_kept(path.name, text), self.schema)
        elif path.suffix == ".yaml":
            yield from names_in_document(path, text)
