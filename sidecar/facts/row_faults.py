"""The faults of rows beside each other: repeated keys, missing references, look-ups."""

from __future__ import annotations

from collections.abc import Callable

from sidecar.facts.row_parser import Row, reader_of
from sidecar.schema import Attribute, EntityType, Key, Lookup, Schema, Value, id_of
from sidecar.schema.messages import shown
from sidecar.schema.secrecy import is_secret, names_secret


def current_test(declared: EntityType) -> Callable[[Row], bool] | None:
    """Return a test for the current row of a key; None if keys are unique."""
    wanted = [(reader_of(declared, name), value) for name, value in declared.current.items()]
    return (lambda row: all(read(row) == value for read, value in wanted)) if wanted else None


def takes_place(is_current: Callable[[Row], bool] | None, first: Row, row: Row) -> bool | None:
    """Return whether an id names a further row of its key, and no longer the first.

    None if only one of them may exist: the key is repeated.
    """
    if is_current is None or (is_current(first) and is_current(row)):
        return None
    return not is_current(first)


def repeated_message(schema: Schema, declared: EntityType, key: Key, first: str = "") -> str:
    """Return the fault of a repeated key; `first` is the place of the first row."""
    named = "of this id" if names_secret(schema, declared) else shown(id_of(key))
    current = " and ".join(f"{n} {_text(v)}" for n, v in declared.current.items())
    return (
        f"{declared.name} {named} is repeated{f' with {current}' if current else ''}"
        f"{f' (first on {first})' if first else ''}; remove one"
    )


def dangling_message(
    schema: Schema, attribute: Attribute, target: EntityType, key: Key, mend: str = ""
) -> str:
    """Return the fault of a reference to an entity that does not exist."""
    name = "its value" if is_secret(schema, attribute) else shown(id_of(key))
    mend = mend or "; add it, or correct the name"
    return f"column {shown(attribute.name)}: {target.name} {name} does not exist{mend}"


def several_message(base: EntityType, lookup: Lookup, both: str) -> str:
    """Return the fault of two rows that a look-up finds; `both` names them."""
    return (
        f"{shown(f'{base.name}.{lookup.name}')} finds {both};"
        " let it find one, or write `several: first` in the schema"
    )


def _text(value: Value) -> str:
    return shown(str(value).lower() if isinstance(value, bool) else str(value))
