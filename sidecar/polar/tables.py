"""Tables of the grammar: computed by lark, which takes a process 0.2 s, or read from a file.

`make tables` writes the file. Tables of another grammar or another version of lark are not used.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

import lark
from lark import Lark, Token
from lark.grammar import Rule
from lark.lark import PostLex
from lark.lexer import TerminalDef

from sidecar.polar.builder import Builder

TABLES = "grammar.json"
"""The name of the file, beside the grammar."""


class _KeepAll(PostLex):
    """Keeps the tokens that no rule takes."""

    always_accept = ("ISA", "UNCLOSED", "UNKNOWN")

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        return stream


def load_parser() -> Lark:
    """Return the parser of Polar, with the tables of the file where they fit."""
    options = {"transformer": Builder(), "postlex": _KeepAll()}
    grammar = _read("grammar.lark")
    kept = json.loads(_read(TABLES))
    if kept["origin"] != _origin(grammar):
        return _compute(grammar, **options)
    tables = kept["tables"]["parser"]["parser"]
    tables["tokens"] = _by_number(tables["tokens"])
    states = _by_number(tables["states"])
    tables["states"] = {state: _by_number(actions) for state, actions in states.items()}
    # The function that the parsers call which `lark.tools.standalone` writes.
    return Lark._load_from_dict(  # type: ignore[no-untyped-call,no-any-return]  # noqa: SLF001
        kept["tables"], _by_number(kept["shared"]), **options
    )


def encode_tables() -> str:
    """Return the tables of the grammar as JSON, the same ones each time."""
    grammar = _read("grammar.lark")
    computed = _compute(grammar, postlex=_KeepAll())
    tables, shared = computed.memo_serialize([TerminalDef, Rule])
    tables["options"]["postlex"] = None
    parser = tables["parser"]["parser"]
    parser |= _numbered_anew(parser)
    kept = {"origin": _origin(grammar), "tables": tables, "shared": shared}
    return json.dumps(kept, separators=(",", ":")) + "\n"


def _numbered_anew(parser: dict[str, Any]) -> dict[str, Any]:
    """Number tokens by their names, and states as the start leads to them: lark has no fixed order.

    Each state maps tokens to actions: 0 and the next state, or 1 and the rule that ends.
    """
    names = sorted(parser["tokens"].values())
    order = sorted(parser["start_states"].values())
    named = {
        state: sorted(
            (names.index(parser["tokens"][token]), *action) for token, action in actions.items()
        )
        for state, actions in parser["states"].items()
    }
    for state in order:
        order += dict.fromkeys(
            target for _, ends, target in named[state] if not ends and target not in order
        )
    number = {state: place for place, state in enumerate(order)}
    return {
        "tokens": dict(enumerate(names)),
        "states": {
            number[state]: {
                token: (ends, target if ends else number[target])
                for token, ends, target in named[state]
            }
            for state in order
        },
        "start_states": {name: number[state] for name, state in parser["start_states"].items()},
        "end_states": {name: number[state] for name, state in parser["end_states"].items()},
    }


def _compute(grammar: str, **options: Any) -> Lark:  # noqa: ANN401  options of lark
    return Lark(
        grammar,
        parser="lalr",
        lexer="basic",
        keep_all_tokens=True,
        maybe_placeholders=False,
        **options,
    )


def _origin(grammar: str) -> list[str]:
    """Return what tables are computed of, and by what."""
    return [sha256(grammar.encode()).hexdigest(), lark.__version__]


def _by_number(table: dict[str, Any]) -> dict[int, Any]:
    return {int(number): value for number, value in table.items()}


def _read(name: str) -> str:
    return files("sidecar.polar").joinpath(name).read_text(encoding="utf-8")


if __name__ == "__main__":
    Path(__file__).with_name(TABLES).write_text(encode_tables(), encoding="utf-8")
