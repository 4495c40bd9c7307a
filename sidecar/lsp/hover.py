"""What is shown of a name: what it is, its row of the matrix, and when its rule holds, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from sidecar.lsp.explanations import Clauses, MatrixRow
from sidecar.lsp.names import (
    ACTION,
    ATTRIBUTE,
    CONTEXT,
    ENUM,
    OBLIGATION,
    OF_ACTION,
    REASON,
    ROLE,
    RULE,
    SETTING,
    TYPE,
    VALUE,
    Symbol,
    at,
)
from sidecar.lsp.pack_state import PackState, statements
from sidecar.polar.ast import Node
from sidecar.polar.names import with_article
from sidecar.schema import Attribute
from sidecar.schema.model import Schema, by_polar_name

Shown = tuple[str, int, int]
"""A text in Markdown, and the offsets of the words that it is about."""
_MOST_CONDITIONS = 12


def hover(state: PackState, path: Path, offset: int) -> Shown | None:
    """Return what is shown at an offset of a file, None for nothing."""
    found = at(state.names(path), offset)
    parts = [*_described(state, found.symbol)] if found is not None else []
    statement = _statement(state, path, offset)
    if statement is not None and (found is None or found.symbol.kind != RULE or found.declares):
        parts += _conditions(state, path, statement)
    elif found is not None and found.symbol.kind == RULE:
        parts += _called_rule(state, found.symbol)
    if not parts:
        return None
    span = (found.start, found.end) if found is not None else _span(statement)
    return "\n\n".join(parts), *span


def _span(node: Node | None) -> tuple[int, int]:
    return (node.span.start, node.span.end) if node is not None else (0, 0)


def _described(state: PackState, symbol: Symbol) -> Iterator[str]:
    """Yield what the schema and the sentences say of a name, and its rows of the matrix."""
    declared, schema = state.declared, state.schema
    if declared is None or schema is None:
        return
    if symbol.kind == ACTION:
        yield f"**{symbol.name}**: an action" + (f" on `{symbol.owner}`" if symbol.owner else "")
        yield from _rows(state, symbol)
    elif symbol.kind in {REASON, OBLIGATION}:
        sentences = declared.sentences
        known = sentences.reasons if symbol.kind == REASON else sentences.obligations
        yield f"**{symbol.name}**: {symbol.kind}\n\n{known.get(symbol.name, '')}".strip()
    elif symbol.kind == SETTING and symbol.name in schema.settings:
        attribute = schema.settings[symbol.name]
        yield _attribute(f"settings.{symbol.name}", attribute)
        yield f"Its value is `{_value(declared.settings.get(symbol.name))}`."
    elif symbol.kind == CONTEXT and symbol.name in schema.context:
        yield _attribute(f"context.{symbol.name}", schema.context[symbol.name])
    elif symbol.kind == TYPE and symbol.name in schema.types:
        described = schema.types[symbol.name]
        named = f"**{described.polar}**: the type `{symbol.name}`"
        yield f"{named}\n\n{described.description}".strip()
    elif symbol.kind == ATTRIBUTE:
        yield from _attributes(schema, symbol)
    elif symbol.kind in {ROLE, VALUE, ENUM}:
        yield from _values(schema, symbol)


def _attributes(schema: Schema, symbol: Symbol) -> Iterator[str]:
    """Yield the attributes, look-ups and properties that a name can mean."""
    owners = [symbol.owner] if symbol.owner in schema.types else []
    for owner in owners or (list(schema.types) if symbol.owner != OF_ACTION else []):
        declared = schema.types[owner]
        attribute = by_polar_name(declared.attributes, symbol.name)
        if attribute is not None:
            yield _attribute(f"{owner}.{symbol.name}", attribute)
        if symbol.name in declared.lookups:
            lookup = declared.lookups[symbol.name]
            arguments = ", ".join(f"{name}: {of.name}" for name, of in lookup.arguments.items())
            yield f"**{owner}.{symbol.name}({arguments})**: finds {with_article(lookup.finds)}"
    if symbol.owner == OF_ACTION:
        for owner, declared in schema.types.items():
            for action in declared.actions.values():
                attribute = by_polar_name(action.properties, symbol.name)
                if attribute is not None:
                    yield _attribute(f"{symbol.name} of {action.name} on {owner}", attribute)


def _attribute(name: str, attribute: Attribute) -> str:
    notes = [f"`{attribute.type.name}`"]
    notes += [attribute.unit] if attribute.unit else []
    notes += ["can be absent"] if attribute.optional else []
    notes += ["a caller may send it"] if attribute.caller else []
    if attribute.default is not None:
        notes.append(f"`{_value(attribute.default)}` if it is absent")
    described = f"\n\n{attribute.description}" if attribute.description else ""
    return f"**{name}**: {', '.join(notes)}{described}"


def _value(value: object) -> str:
    if isinstance(value, frozenset):
        shown = sorted(map(str, value))
        more = f", and {len(shown) - 5} more" if len(shown) > 5 else ""  # noqa: PLR2004
        return ", ".join(shown[:5]) + more
    return str(value).lower() if isinstance(value, bool) else str(value)


def _values(schema: Schema, symbol: Symbol) -> Iterator[str]:
    yield f"**{symbol.name}**: {symbol.kind}" + (f" of `{symbol.owner}`" if symbol.owner else "")
    for values in schema.enums.values():
        for value in values:
            if value.name == symbol.name and (value.label or value.description):
                yield f"{value.label}. {value.description}".strip(". ") + "."


def _rows(state: PackState, symbol: Symbol) -> Iterator[str]:
    for row in state.explanations.rows if state.explanations is not None else ():
        if row.action == symbol.name and symbol.owner in {"", row.resource}:
            yield _row(row)


def _row(row: MatrixRow) -> str:
    """Return a row of the matrix as a table, with its conditions below."""
    numbers: dict[Clauses, int] = {}
    cells = [
        f"[{numbers.setdefault(cell.when, len(numbers) + 1)}]" if cell.when else cell.text
        for cell in row.cells
    ]
    lines = [
        f"{row.action} on {row.resource}, for {row.subject}:",
        "",
        f"| {' | '.join(row.columns)} |",
        f"|{'---|' * len(row.columns)}",
        f"| {' | '.join(cells)} |",
    ]
    for when, number in numbers.items():
        lines += ["", f"[{number}] {_when(when)}"]
    return "\n".join(lines)


def _when(clauses: Clauses) -> str:
    if not clauses:
        return "never"
    shown = [" and ".join(f"`{each}`" for each in clause) or "always" for clause in clauses]
    more = ["…"] if len(shown) > _MOST_CONDITIONS else []
    joined = "; or ".join([*shown[:_MOST_CONDITIONS], *more])
    return joined if joined == "always" else f"when {joined}"


def _statement(state: PackState, path: Path, offset: int) -> Node | None:
    """Return the rule, or the line of a block, at an offset of the text that was checked."""
    source = state.checked.sources.get(path.name) if path.suffix == ".polar" else None
    if source is None or source.text != state.text(path).text:
        return None
    nodes = statements(source)
    return next((node for node in nodes if node.span.start <= offset < node.span.end), None)


def _conditions(state: PackState, path: Path, node: Node) -> Iterator[str]:
    """Yield when a rule holds, for each pair of types for which it can."""
    written = state.checked.sources[path.name].written(node)
    here = state.rules.get((path.name, written), [])
    several = len(here) > 1
    for row in here:
        scope = f" for `{row.subject}` and `{row.resource}`" if several else ""
        yield f"This rule holds{scope} {_when(row.when)}."


def _called_rule(state: PackState, symbol: Symbol) -> Iterator[str]:
    """Yield the rules that have a name, as they are written."""
    written: Sequence[str] = [
        source.written(rule.node)
        for source in state.checked.sources.values()
        for rule in source.rules
        if rule.name == symbol.name
    ]
    if written:
        yield "```polar\n" + "\n\n".join(written[:_MOST_CONDITIONS]) + "\n```"
