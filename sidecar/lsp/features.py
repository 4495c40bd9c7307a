"""What the server does with each message of an editor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lsprotocol import types

from sidecar.errors import InvalidPackError
from sidecar.lsp.completion import complete
from sidecar.lsp.hover import hover
from sidecar.lsp.names import at, naming
from sidecar.lsp.positions import Text
from sidecar.lsp.server import PackServer, path_of
from sidecar.lsp.symbols import symbols
from sidecar.polar.layout import format_polar

_TRIGGERS = (".", '"', ":", " ")


def make_server() -> PackServer:
    """Return a server that answers all messages of this module."""
    server = PackServer()
    for name, answer in _ANSWERS.items():
        server.feature(name)(answer)
    options = types.CompletionOptions(trigger_characters=_TRIGGERS)
    server.feature(types.TEXT_DOCUMENT_COMPLETION, options)(_complete)
    return server


def _open(ls: PackServer, sent: types.DidOpenTextDocumentParams) -> None:
    ls.changed(sent.text_document.uri)


def _change(ls: PackServer, sent: types.DidChangeTextDocumentParams) -> None:
    ls.changed(sent.text_document.uri)


def _save(ls: PackServer, sent: types.DidSaveTextDocumentParams) -> None:
    ls.changed(sent.text_document.uri)


def _close(ls: PackServer, sent: types.DidCloseTextDocumentParams) -> None:
    ls.closed(sent.text_document.uri)


def _change_on_disk(ls: PackServer, _: types.DidChangeWatchedFilesParams) -> None:
    for session in ls.sessions.values():
        session.schedule()


def _shutdown(ls: PackServer, _: None) -> None:
    ls.close_sessions()


def _hover(ls: PackServer, sent: types.HoverParams) -> types.Hover | None:
    place = ls.place(sent.text_document.uri, sent.position)
    shown = hover(*place) if place is not None else None
    if place is None or shown is None:
        return None
    state, path, _ = place
    markdown = types.MarkupContent(types.MarkupKind.Markdown, shown[0])
    return types.Hover(markdown, state.text(path).range(shown[1], shown[2]))


def _define(ls: PackServer, sent: types.DefinitionParams) -> list[types.Location]:
    return _named(ls, sent, declarations_only=True)


def _refer(ls: PackServer, sent: types.ReferenceParams) -> list[types.Location]:
    return _named(ls, sent, declarations_only=False)


def _named(
    ls: PackServer,
    sent: types.TextDocumentPositionParams | types.DefinitionParams | types.ReferenceParams,
    *,
    declarations_only: bool,
) -> list[types.Location]:
    """Return every place that names what stands at a position."""
    place = ls.place(sent.text_document.uri, sent.position)
    if place is None:
        return []
    state, path, offset = place
    found = at(state.names(path), offset)
    if found is None:
        return []
    places = naming(state.files(), found.symbol)
    return ls.locations(
        state, (each for each in places if each.occurrence.declares or not declarations_only)
    )


def _complete(ls: PackServer, sent: types.CompletionParams) -> list[types.CompletionItem]:
    place = ls.place(sent.text_document.uri, sent.position)
    return complete(*place) if place is not None else []


def _outline(ls: PackServer, sent: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
    path = path_of(sent.text_document.uri)
    text = ls.workspace.get_text_document(sent.text_document.uri).source
    return symbols(path, Text(text, ls.encoding)) if path is not None else []


def _format(ls: PackServer, sent: types.DocumentFormattingParams) -> list[types.TextEdit] | None:
    path = path_of(sent.text_document.uri)
    text = ls.workspace.get_text_document(sent.text_document.uri).source
    if path is None or path.suffix != ".polar":
        return None
    try:
        formatted = format_polar(text, path.name)
    except InvalidPackError:
        return None  # the faults are shown already
    whole = Text(text, ls.encoding).range(0, len(text))
    return [types.TextEdit(whole, formatted)] if formatted != text else []


_ANSWERS: dict[str, Callable[[PackServer, Any], object]] = {
    types.TEXT_DOCUMENT_DID_OPEN: _open,
    types.TEXT_DOCUMENT_DID_CHANGE: _change,
    types.TEXT_DOCUMENT_DID_SAVE: _save,
    types.TEXT_DOCUMENT_DID_CLOSE: _close,
    types.WORKSPACE_DID_CHANGE_WATCHED_FILES: _change_on_disk,
    types.SHUTDOWN: _shutdown,
    types.TEXT_DOCUMENT_HOVER: _hover,
    types.TEXT_DOCUMENT_DEFINITION: _define,
    types.TEXT_DOCUMENT_REFERENCES: _refer,
    types.TEXT_DOCUMENT_DOCUMENT_SYMBOL: _outline,
    types.TEXT_DOCUMENT_FORMATTING: _format,
}
