"""What two packs declare differently: schema, settings, sentences, routes, with both values.

What decides is compared over all states besides (`differences`). This names what was written
otherwise, whether or not a situation is decided otherwise because of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

from sidecar.compiler.pack import PackTexts
from sidecar.routes import Routes
from sidecar.schema import Attribute, EntityType, Lookup, Schema, Sentences, Value, ValueType
from sidecar.schema.model import Action, EnumValue, LocalAttribute
from sidecar.schema.names import class_of
from sidecar.schema.plain_document import Plain
from sidecar.schema.reasons import display_text

_INNER = {
    "attributes": "attribute",
    "local": "attribute",
    "lookups": "look-up",
    "actions": "action",
    "properties": "property",
}
"""Members that hold declarations, each with the word for one of them."""
_IN_YAML = {"word": "polar"}
"""Members that are called otherwise in the YAML of a schema."""
_TEXTS = frozenset({"`label`", "`description`"})
"""Members that people read, and that decide nothing."""
_Declared: TypeAlias = EntityType | Action | Attribute | LocalAttribute | EnumValue
_Tree: TypeAlias = Mapping[str, "str | _Tree"]
"""What is declared, by its name: a text, or what is declared inside."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """One thing that is declared differently."""

    path: tuple[str, ...]
    """What it stands in, from the inside: ``property `role` ``, ``action `change_role` `` …"""
    old: str | None
    """None where only the new pack declares it."""
    new: str | None
    """None where only the old pack declares it."""

    @property
    def name(self) -> str:
        """`only` of property `role` of action `change_role` of type `membership`."""
        return " of ".join(self.path)

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


def declared_lines(pack: PackTexts) -> Iterator[str]:
    """Yield what schema and settings declare, a line for each thing, whatever their order."""
    lines = list(_lines(_schema(pack.schema), ()))
    for name, value in pack.settings.items():
        setting = _setting(value)
        if isinstance(setting, str):
            lines.append(f"setting `{name}`: {setting}")
        else:
            lines += (f"{member} of setting `{name}`" for member in setting)
    yield from sorted(lines)


def _lines(tree: _Tree, path: tuple[str, ...]) -> Iterator[str]:
    for name, declared in tree.items():
        inner = (name, *path)
        if isinstance(declared, str):
            yield f"{' of '.join(inner)}: {declared}"
            continue
        own = (
            f"{each.replace('`', '')} {' '.join(text.split())}"
            for each, text in declared.items()
            if isinstance(text, str) and each not in _TEXTS
            # Of flags only those that are set; a default may well be false.
            if text and (text != "false" or each == "`default`")
        )
        yield f"{' of '.join(inner)}: {', '.join(own)}".removesuffix(": ")
        others = {each: text for each, text in declared.items() if not isinstance(text, str)}
        yield from _lines(others, inner)


def _different(old: _Tree, new: _Tree, path: tuple[str, ...]) -> Iterator[Declaration]:
    for name in dict.fromkeys((*new, *old)):
        before, after = old.get(name), new.get(name)
        inner = (name, *path)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _different(before, after, inner)
        elif before != after:
            yield Declaration(inner, _text(before), _text(after))


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
        **(_routes(pack.routes) if pack.routes else {}),
    }


def _routes(routes: Routes) -> _Tree:
    document = routes.document
    members = document if isinstance(document, dict) else {}
    rows = members.get("routes")
    return {
        "the subject of routes": _plain(members.get("subject")),
        **{
            f"route `{heading}`": _plain(row)
            for heading, row in (rows.items() if isinstance(rows, dict) else ())
        },
    }


def _plain(value: Plain) -> str | _Tree:
    if isinstance(value, dict):
        return {f"`{name}`": _plain(member) for name, member in value.items()}
    if isinstance(value, list):
        return ", ".join(str(_plain(item)) for item in value)
    if isinstance(value, bool):
        return _flag(value)
    return "" if value is None else str(value)


def _schema(schema: Schema) -> _Tree:
    return {
        **{
            f"enum `{name}`": _named("value", {value.name: value for value in values})
            for name, values in schema.enums.items()
        },
        **_named("type", schema.types),
        "the context": {
            **_named("member", schema.context),
            **_named("member", schema.local_context),
        },
        "the settings": _named("declaration", schema.settings),
    }


def _declared(declared: _Declared) -> _Tree:
    """Return all members of a declaration: first its own, then what is declared inside."""
    own: dict[str, str | _Tree] = {}
    inner: dict[str, str | _Tree] = {}
    for name in (field.name for field in fields(declared)):
        value = getattr(declared, name)
        if name in _INNER:
            inner |= _named(_INNER[name], value)
        elif name == "marks":
            own |= {f"`{mark}`": _flag(is_set) for mark, is_set in (value or {}).items()}
        elif name == "depth":
            own["`depth`"] = str(value or "")
        elif name == "polar":
            own["`polar`"] = "" if value == class_of(declared.name) else value
        elif name != "name":
            own[f"`{_IN_YAML.get(name, name)}`"] = _written(value)
    return {**own, **inner}


def _named(what: str, declared: Mapping[str, _Declared | Lookup]) -> _Tree:
    return {
        f"{what} `{name}`": _lookup(each) if isinstance(each, Lookup) else _declared(each)
        for name, each in declared.items()
    }


def _written(value: Any) -> str:  # noqa: ANN401 - of any member
    """Return a member of a declaration as a text; empty for what is not declared."""
    match value:
        case ValueType(name=name):
            return name
        case bool():
            return _flag(value)
        case ((*steps,), str(column)):  # `implied`
            return f"{'.'.join(steps)} = {column}"
        case tuple():
            return ", ".join(value)
        case Mapping():
            return _pairs(_texts(value))
        case None:
            return ""
        case _:
            return display_text(value)


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
