"""The server of one editor: its open files, and the packs that they belong to."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.uris import from_fs_path, to_fs_path

from sidecar.config.nearest_pack import FIXTURES, POLICIES, nearest_pack
from sidecar.lsp.diagnostics import Remark, diagnostic
from sidecar.lsp.names import Found
from sidecar.lsp.pack_state import PackState
from sidecar.lsp.positions import Text
from sidecar.lsp.session import Session
from sidecar.polar.source import read_source


class PackServer(LanguageServer):
    """Serves one editor: a session for each pack of which it opens files."""

    def __init__(self) -> None:
        # Whole texts at each change: an editor and Python divide some texts into lines differently.
        full = types.TextDocumentSyncKind.Full
        super().__init__("sidecar", version("sidecar"), text_document_sync_kind=full)
        self.sessions: dict[Path, Session] = {}
        self._reported = ""

    def session(self, path: Path) -> Session | None:
        """Return the session of the pack of a file, None for a file of no pack."""
        pack = nearest_pack(path.parent)
        if pack is None or path.relative_to(pack).parts[0] not in {POLICIES, FIXTURES}:
            return None
        if pack not in self.sessions:
            state = PackState(pack, self.encoding)
            self.sessions[pack] = Session(state, self.publish, self.report)
        return self.sessions[pack]

    @property
    def encoding(self) -> str:
        """How the editor counts the characters of a line."""
        encoding: str | None = self.workspace.position_encoding
        return str(encoding or types.PositionEncodingKind.Utf16.value)

    def publish(self, path: Path, diagnostics: list[types.Diagnostic]) -> None:
        """Send the faults of a file to the editor."""
        uri = self.uri(path)
        known = self.workspace.text_documents.get(uri)
        number = known.version if known is not None else None
        parameters = types.PublishDiagnosticsParams(uri, diagnostics, version=number)
        self.text_document_publish_diagnostics(parameters)

    def report(self, sentence: str) -> None:
        """Show a sentence to the author, once as long as it stays the same."""
        if sentence != self._reported:
            self._reported = sentence
            warning = types.MessageType.Warning
            self.window_show_message(types.ShowMessageParams(warning, f"sidecar: {sentence}"))

    def uri(self, path: Path) -> str:
        """Return the address of a file, as the editor calls it where it is open."""
        for uri in map(str, self.workspace.text_documents):
            if path_of(uri) == path:
                return uri
        return from_fs_path(str(path)) or ""

    def changed(self, uri: str) -> None:
        """Check a text of the editor: with its pack, or alone where it has none."""
        path = path_of(uri)
        if path is None:
            return
        text = self.workspace.get_text_document(uri).source
        session = self.session(path)
        if session is not None:
            session.state.opened[path] = text
            session.schedule()
        elif path.suffix == ".polar":
            _, problems = read_source(path.name, text)
            shown = Text(text, self.encoding)
            remarks = (Remark(each.line, 0, each.message) for each in problems)
            self.publish(path, [diagnostic(each, shown) for each in remarks])

    def closed(self, uri: str) -> None:
        """Take the text on disk for a file that was closed; forget a pack of which none is open."""
        path = path_of(uri)
        session = self.session(path) if path is not None else None
        if path is None:
            return
        if session is None:
            self.publish(path, [])
            return
        session.state.opened.pop(path, None)
        if session.state.opened:
            session.schedule()
        else:
            session.forget()
            self.sessions.pop(session.state.pack).close()

    def close_sessions(self) -> None:
        """End all checks."""
        for session in self.sessions.values():
            session.close()
        self.sessions = {}

    def place(self, uri: str, position: types.Position) -> tuple[PackState, Path, int] | None:
        """Return the pack, the file and the offset of a place in the editor."""
        path = path_of(uri)
        session = self.session(path) if path is not None else None
        if session is None or path is None:
            return None
        return session.state, path, session.state.text(path).offset(position)

    def locations(self, state: PackState, found: Iterable[Found]) -> list[types.Location]:
        """Return places for the editor, each once."""
        places = {(each.path, each.occurrence.start, each.occurrence.end) for each in found}
        return [
            types.Location(self.uri(path), state.text(path).range(start, end))
            for path, start, end in sorted(places)
        ]


def path_of(uri: str) -> Path | None:
    """Return the file that an address names, None if it names none."""
    found = to_fs_path(uri) if uri.startswith("file:") else None
    return Path(found) if found else None
