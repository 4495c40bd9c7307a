"""What two packs declare differently: schema, settings and sentences, each with both values.

What decides is compared over all states besides (`differences`). This names what was written
otherwise, whether or not a situation is decided otherwise because of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from sidecar.compiler.pack import PackTexts
from sidecar.schema import Attribute, EntityType, Lookup, Schema, Sentences, Value
from sidecar.schema.model import Action, EnumValue, LocalAttribute
from sidecar.schema.reasons import display_text

_Tree: TypeAlias = Mapping[str, "str | _Tree"]
"""What is declared, by its name: a text, or what is declared inside."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """One thing that is declared differently."""

    name: str
    """`only` of property `role` of action `change_role` of type `membership`."""
    old: str | None
    """None where only the new pack declares it."""
    new: str | None
    """None where only the old pack declares it."""

    def __str__(self) -> str:
        if self.old is None:
            return f"{self.name} is new: {self.new}" if self.new else f"{self.name} is new"
        if self.new is None:
            return f"{self.name} is gone: {self.old}" if self.old else f"{self.name} is gone"
        return f"{self.name} was {self.old or 'empty'}, now {self.new or 'empty'}"


def declarations(
    old: tuple[PackTexts, Sentences], new: tuple[PackTexts, Sentences]
) -> tuple[Declaration, ...]:
    """Return what two packs declare differently, in the order of the new one."""
    return tuple(_different(_pack(*old), _pack(*new), ()))


def _different(old: _Tree, new: _Tree, path: tuple[str, ...]) -> Iterator[Declaration]:
    for name in dict.fromkeys((*new, *old)):
        before, after = old.get(name), new.get(name)
        inner = (name, *path)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _different(before, after, inner)
        elif before != after:
            yield Declaration(" of ".join(inner), _text(before), _text(after))


def _text(declared: str | _Tree | None) -> str | None:
    if declared is None:
        return None
    if isinstance(declared, str):
        return " ".join(declared.split())
    told = ((name.replace("`", ""), _text(each)) for name, each in declared.items())
    return ", ".join(f"{name} {text}".strip() for name, text in told if text not in {"false", ""})


def _pack(pack: PackTexts, sentences: Sentences) -> _Tree:
    return {
        **_schema(pack.schema),
        **{f"setting `{name}`": _setting(value) for name, value in pack.settings.items()},
        **{f"reason `{code}`": f'"{text}"' for code, text in sentences.reasons.items()},
        **{f"obligation `{code}`": f'"{text}"' for code, text in sentences.obligations.items()},
    }


def _schema(schema: Schema) -> _Tree:
    return {
        **{f"enum `{name}`": _enum(values) for name, values in schema.enums.items()},
        **{f"type `{name}`": _type(each) for name, each in schema.types.items()},
        "the context": {
            **_attributes(schema.context, "member"),
            **_local(schema.local_context, "member"),
        },
        "the settings": _attributes(schema.settings, "declaration"),
    }


def _enum(values: tuple[EnumValue, ...]) -> _Tree:
    return {f"value `{each.name}`": _enum_value(each) for each in values}


def _enum_value(value: EnumValue) -> _Tree:
    marks = {f"`{name}`": _flag(mark) for name, mark in (value.marks or {}).items()}
    return {"`label`": value.label, "`description`": value.description, **marks}


def _type(declared: EntityType) -> _Tree:
    implied = ""
    if declared.implied is not None:
        steps, column = declared.implied
        implied = f"{'.'.join(steps)} = {column}"
    return {
        "`table`": declared.table,
        "`key`": ", ".join(declared.key),
        "`subject`": _flag(declared.subject),
        "`current`": _constants(declared.current),
        "`implied`": implied,
        "`description`": declared.description,
        **_attributes(declared.attributes, "attribute"),
        **_local(declared.local, "attribute"),
        **{f"look-up `{name}`": _lookup(each) for name, each in declared.lookups.items()},
        **{f"action `{name}`": _action(each) for name, each in declared.actions.items()},
    }


def _attributes(declared: Mapping[str, Attribute], what: str) -> _Tree:
    return {f"{what} `{name}`": _attribute(each) for name, each in declared.items()}


def _attribute(declared: Attribute) -> _Tree:
    return {
        "`type`": declared.type.name,
        "`optional`": _flag(declared.optional),
        "`caller`": _flag(declared.caller),
        "`may_dangle`": _flag(declared.may_dangle),
        "`sensitive`": _flag(declared.sensitive),
        "`only`": ", ".join(declared.only),
        "`default`": "" if declared.default is None else _value(declared.default),
        "`unit`": declared.unit,
        "`description`": declared.description,
    }


def _local(declared: Mapping[str, LocalAttribute], what: str) -> _Tree:
    return {
        f"{what} `{each.name}`": {
            "`part`": each.part,
            "`of`": each.of,
            "`zone`": each.zone,
            "`description`": each.description,
        }
        for each in declared.values()
    }


def _lookup(declared: Lookup) -> _Tree:
    arguments = (f"{name}: {each.name}" for name, each in declared.arguments.items())
    match = {".".join(steps): source for steps, source in declared.match.items()}
    where = {**_texts(declared.where), **_clock(declared.clock)}
    if (through := declared.through) is not None:
        name = through.name
        match |= {".".join(steps): f"{name}.{each}" for steps, each in through.joins.items()}
        match |= {f"{name}.{each}": source for each, source in through.match.items()}
        of_second = {**_texts(through.where), **_clock(through.clock)}
        where |= {f"{name}.{each}": text for each, text in of_second.items()}
    return {
        "`finds`": declared.finds,
        "`through`": "" if through is None else f"{through.name}: {through.type}",
        "`arguments`": ", ".join(arguments),
        "`match`": _pairs(match),
        "`where`": _pairs(where),
        "`several`": f"{declared.several} {declared.order}".strip(),
    }


def _action(declared: Action) -> _Tree:
    return {
        "`creates`": _flag(declared.creates),
        "`nobody`": _flag(declared.nobody),
        "`description`": declared.description,
        **_attributes(declared.properties, "property"),
    }


def _constants(declared: Mapping[str, Value]) -> str:
    return _pairs(_texts(declared))


def _texts(declared: Mapping[str, Value]) -> dict[str, str]:
    return {name: _value(value) for name, value in declared.items()}


def _clock(declared: Mapping[str, str]) -> dict[str, str]:
    return {name: f"{sign} now" for name, sign in declared.items()}


def _pairs(texts: Mapping[str, str]) -> str:
    return ", ".join(f"{name}: {text}" for name, text in sorted(texts.items()))


def _flag(value: bool) -> str:  # noqa: FBT001  a value that is shown
    return "true" if value else "false"


def _setting(value: Value) -> str | _Tree:
    if isinstance(value, frozenset):
        return {f"member `{member}`": "" for member in sorted(map(display_text, value))}
    return _value(value)


def _value(value: Value) -> str:
    return _flag(value) if isinstance(value, bool) else display_text(value)
