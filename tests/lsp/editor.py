"""An editor that speaks with a real `sidecar lsp` over its standard input and output."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from lsprotocol import types
from pygls.lsp.client import LanguageClient

from tests.patience import PATIENCE


class Editor:
    """What one editor sends, and what it was sent."""

    def __init__(self, client: LanguageClient) -> None:
        self._client = client
        self._texts: dict[Path, str] = {}
        self._versions: dict[Path, int] = {}
        self._open: set[Path] = set()
        self._news = asyncio.Event()
        self._shown: dict[str, list[types.Diagnostic]] = {}
        self.sent: dict[tuple[Path, int], float] = {}
        """When each version of a text was sent."""
        self.messages: list[str] = []
        """What was shown to the author besides."""
        self.received: dict[tuple[str, int | None], float] = {}
        """When the first faults of each version of a file came."""

        publishing = client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        publishing(lambda params: self._publish(params))  # noqa: PLW0108  a method takes no marks
        telling = client.feature(types.WINDOW_SHOW_MESSAGE)
        telling(lambda params: self._tell(params))  # noqa: PLW0108

    def _tell(self, params: types.ShowMessageParams) -> None:
        self.messages.append(params.message)
        self._news.set()

    def _publish(self, params: types.PublishDiagnosticsParams) -> None:
        self._shown[params.uri] = list(params.diagnostics)
        self.received.setdefault((params.uri, params.version), time.perf_counter())
        self._news.set()

    def open(self, path: Path, text: str | None = None) -> None:
        """Open a file, with an unsaved text of its own if one is given."""
        self._open.add(path)
        self._texts[path] = path.read_text() if text is None else text
        version = self._versions[path] = self._versions.get(path, 0) + 1
        item = types.TextDocumentItem(path.as_uri(), path.suffix[1:], version, self._texts[path])
        self.sent[path, version] = time.perf_counter()
        self._client.text_document_did_open(types.DidOpenTextDocumentParams(item))

    def change(self, path: Path, text: str) -> None:
        """Replace the text of an open file."""
        self._texts[path] = text
        self._versions[path] += 1
        version = self._versions[path]
        named = types.VersionedTextDocumentIdentifier(version, path.as_uri())
        changes = [types.TextDocumentContentChangeWholeDocument(text)]
        self.sent[path, version] = time.perf_counter()
        self._client.text_document_did_change(types.DidChangeTextDocumentParams(named, changes))

    def close(self, path: Path) -> None:
        """Close a file without saving it."""
        self._open.discard(path)
        named = types.TextDocumentIdentifier(path.as_uri())
        self._client.text_document_did_close(types.DidCloseTextDocumentParams(named))

    async def close_all(self) -> None:
        """Close all files, after which the server shows nothing of them."""
        for path in list(self._open):
            self.close(path)
        await self.until(lambda: not self.all_faults())

    def text(self, path: Path) -> str:
        """Return the text of an open file."""
        return self._texts[path]

    def faults(self, path: Path) -> list[types.Diagnostic]:
        """Return what is shown of a file."""
        return self._shown.get(path.as_uri(), [])

    def all_faults(self) -> dict[str, list[types.Diagnostic]]:
        """Return what is shown of all files, by their addresses."""
        return {uri: shown for uri, shown in self._shown.items() if shown}

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds of what was received."""
        deadline = time.monotonic() + PATIENCE
        while not holds():
            self._news.clear()
            left = deadline - time.monotonic()
            assert left > 0, f"still shown: {self._shown}"
            await asyncio.wait_for(self._news.wait(), left)

    async def checked(self, path: Path) -> float:
        """Wait for the faults of the newest text of a file; return the seconds that they took."""
        key = (path.as_uri(), self._versions[path])
        await self.until(lambda: key in self.received)
        return self.received[key] - self.sent[path, self._versions[path]]

    def place(self, path: Path, words: str, at: int = 0) -> types.Position:
        """Return the place of the first of some words, and of a character in them."""
        offset = self._texts[path].index(words) + at
        line = self._texts[path].count("\n", 0, offset)
        return types.Position(line, offset - self._texts[path].rfind("\n", 0, offset) - 1)

    async def hover(self, path: Path, words: str, at: int = 0) -> str:
        """Return what is shown of words; empty for nothing."""
        named = types.TextDocumentIdentifier(path.as_uri())
        params = types.HoverParams(named, self.place(path, words, at))
        shown = await self._client.text_document_hover_async(params)
        if shown is None:
            return ""
        assert isinstance(shown.contents, types.MarkupContent)
        return shown.contents.value

    async def definitions(self, path: Path, words: str, at: int = 0) -> list[str]:
        """Return the places where words are declared."""
        named = types.TextDocumentIdentifier(path.as_uri())
        params = types.DefinitionParams(named, self.place(path, words, at))
        return self._lines(await self._client.text_document_definition_async(params))

    async def references(self, path: Path, words: str, at: int = 0) -> list[str]:
        """Return the places that name the same."""
        named = types.TextDocumentIdentifier(path.as_uri())
        context = types.ReferenceContext(include_declaration=True)
        params = types.ReferenceParams(context, named, self.place(path, words, at))
        return self._lines(await self._client.text_document_references_async(params))

    async def completions(self, path: Path, words: str) -> dict[str, str]:
        """Return what can stand after words, with its details."""
        named = types.TextDocumentIdentifier(path.as_uri())
        params = types.CompletionParams(named, self.place(path, words, len(words)))
        found = await self._client.text_document_completion_async(params)
        assert isinstance(found, list | tuple)
        return {item.label: item.detail or "" for item in found}

    async def outline(self, path: Path) -> list[types.DocumentSymbol]:
        """Return the outline of a file."""
        params = types.DocumentSymbolParams(types.TextDocumentIdentifier(path.as_uri()))
        found = await self._client.text_document_document_symbol_async(params)
        return [each for each in found or () if isinstance(each, types.DocumentSymbol)]

    async def formatted(self, path: Path) -> str | None:
        """Return the layout of a file; None if it has none."""
        named = types.TextDocumentIdentifier(path.as_uri())
        params = types.DocumentFormattingParams(
            named, types.FormattingOptions(2, insert_spaces=True)
        )
        edits = await self._client.text_document_formatting_async(params)
        if edits is None:
            return None
        return edits[0].new_text if edits else self._texts[path]

    def _lines(self, found: object) -> list[str]:
        """Return places as `file:line:character: words`, each line and character from 1."""
        shown: list[str] = []
        for each in found if isinstance(found, list | tuple) else ():
            assert isinstance(each, types.Location)
            path = Path(each.uri.removeprefix("file://"))
            start, end = each.range.start, each.range.end
            text = self._texts.get(path) or path.read_text()
            words = text.split("\n")[start.line][start.character : end.character]
            shown.append(f"{path.name}:{start.line + 1}:{start.character + 1}: {words}")
        return shown


@asynccontextmanager
async def editor(
    directory: Path, *encodings: types.PositionEncodingKind, **variables: str
) -> AsyncIterator[Editor]:
    """Start a server in a directory, with variables of its environment, and end it."""
    client = LanguageClient("editor", "1")
    environment = {**os.environ, **variables}  # noqa: TID251  that of the tests
    shown = Editor(client)
    await client.start_io(sys.executable, "-m", "sidecar", "lsp", cwd=directory, env=environment)
    general = types.GeneralClientCapabilities(position_encodings=list(encodings) or None)
    await client.initialize_async(
        types.InitializeParams(
            types.ClientCapabilities(general=general), root_uri=directory.as_uri()
        )
    )
    client.initialized(types.InitializedParams())
    try:
        yield shown
    finally:
        await client.shutdown_async(None)
        client.exit(None)
        await client.stop()  # type: ignore[no-untyped-call]  # of pygls
