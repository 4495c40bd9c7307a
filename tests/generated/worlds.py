"""Worlds and requests by chance, in the spellings that people and exports use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from random import Random
from typing import Any

from tests.generated.schemas import ENUMS, LEVELS, PARTS, Member, Part, Schema, Type

START = datetime(2026, 1, 1, tzinfo=UTC)
CHANGES = tuple(
    datetime.fromisoformat(text)
    for text in (
        # Berlin and Casablanca, New York, St. John's, Lord Howe, Santiago; forward and back.
        "2026-03-29T01:00Z", "2026-10-25T01:00Z", "2026-02-15T02:00Z", "2026-03-22T02:00Z",
        "2026-03-08T07:00Z", "2026-11-01T06:00Z", "2026-03-08T05:30Z", "2026-11-01T04:30Z",
        "2026-10-03T15:30Z", "2026-04-04T15:00Z", "2026-09-06T04:00Z", "2026-04-05T03:00Z",
        # Midnight in Kolkata, Kathmandu, on Kiritimati and the Marquesas.
        "2026-01-02T18:30Z", "2026-01-02T18:15Z", "2026-01-01T10:00Z", "2026-01-02T09:30Z",
    )
)  # fmt: skip
"""Moments at which clocks are changed, or a day begins."""
NEAR = tuple(
    timedelta(microseconds=each)
    for each in (-3_600_000_000, -1_000_000, -1, 0, 1, 1_799_999_999, 1_800_000_000, 3_600_000_000)
)
"""How far from such a moment the times are that are tried."""
VALUES: Mapping[str, tuple[str, ...]] = {
    "string": ("a", "b", "subject.id", "low", "A", "p1"),
    "integer": ("-4", "-3", "0", "1", "2", "5", "6"),
    "decimal": ("0", "1.5", "1.50", "749.99", "749.999", "750.00", "750.01", "1000"),
    "boolean": ("true", "false"),
    "instant": (
        "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-02T05:30:00+05:30",
        "2026-01-02T00:00:00.000001Z", "2026-01-03T00:00:00Z", "2026-01-01T19:00:00-05:00",
        "9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00Z",
    ),
    "hour": ("-1", "0", "1", "2", "3", "5", "13", "22", "23", "24"),
    "weekday": ("0", "1", "4", "5", "6", "7"),
    "date": ("2026-01-01", "2026-01-02", "2026-03-29", "2026-1-2", "0000-12-31", "10000-01-01"),
    "email": (
        "x@one.example", "X@ONE.example", "y@münchen.example", "y@xn--mnchen-3ya.example",
        "Y@two.example", "x@sub.one.example", "z@three.example",
    ),
    "domain": (
        "one.example", "ONE.example", "sub.one.example", "münchen.example",
        "xn--mnchen-3ya.example", "two.example", "three.example",
    ),
    **ENUMS,
}  # fmt: skip
STORED_ONLY: Mapping[str, tuple[str, ...]] = {"email": ("a..b@one.example", "q@intranet")}
"""Addresses that a mount may hold and nobody may propose."""
OUTSIDE: Mapping[str, tuple[Any, ...]] = {
    "string": ("",),
    "integer": (2**63,),
    "decimal": ("many", "1e999"),
    "boolean": (),
    "hour": (2**63,),
    "weekday": (-(2**63) - 1,),
    "date": ("",),
    "instant": ("soon", "2026-01-01", "2026-13-01T00:00:00Z"),
    "email": ("nobody", "a..b@one.example", ""),
    "domain": ("no domain", ""),
    "level": ("HIGH", "none", ""),
    "mode": ("nonsense", "Team"),
    "person": ("",),
    "team": ("",),
}


WRONG: Mapping[str, tuple[Any, ...]] = {
    "boolean": ("true", 1),
    "integer": ("5", 1.5, True),
    "hour": ("5", 1.5, True),
    "weekday": ("5", 1.5, True),
    "decimal": (True, [1]),
}
"""Values of the wrong JSON type; of every other kind a number and an object are."""


@dataclass(frozen=True)
class Question:
    """One request, as parsed JSON, and the sidecar's clock."""

    request: dict[str, Any]
    now: datetime


class WorldMaker:
    """Makes worlds of one schema, and requests about them."""

    def __init__(self, dice: Random, schema: Schema) -> None:
        self._dice = dice
        self._schema = schema
        mail = schema.types["person"].key[0].kind == "email"
        self._ids = {
            "person": ["x@one.example", "y@münchen.example", "z@three.example"]
            if mail
            else ["p1", "p2", "P1"],
            "team": ["t1", "t2"],
            "paper": ["d1", "d2", "d3"],
            "call": ["c1", "c2"],
        }
        self._gone = {"person": "gone@one.example" if mail else "gone"}
        self._kept = dict(self._ids)
        self._spoils = False

    def world(self, directory: Path) -> None:
        """Write a mount."""
        dice = self._dice
        directory.mkdir(parents=True)
        self._kept = {name: ids[: dice.randint(1, len(ids))] for name, ids in self._ids.items()}
        for declared in self._schema.types.values():
            if declared.table:
                rows = self._rows(declared)
                text = "".join(f"- {{{', '.join(row)}}}\n" for row in rows) or "[]\n"
                (directory / f"{declared.table}.yaml").write_text(text)

    def question(self) -> Question:
        """Make a request."""
        dice = self._dice
        # Nothing is granted to a request with a value outside its domain, so most have none.
        self._spoils = dice.random() < 0.25
        types = [each.name for each in self._schema.types.values() if each.actions]
        resource = self._schema.types[dice.choice([*types, "paper", "call", "team"])]
        subject = self._schema.types["person"]
        if "robot" in self._schema.types and dice.random() < 0.3:
            subject = self._schema.types["robot"]
        name = dice.choice(["read", "read", "write", "write", "make", "never", "fly"])
        properties = {**self._schema.properties["write"], **self._schema.properties["make"]}
        request: dict[str, Any] = {
            "subject": self._entity(subject),
            "action": {"name": name, **self._optional("properties", self._said(properties))},
            "resource": self._entity(resource),
            **self._optional(
                "context", self._said(self._schema.context, self._schema.context_parts)
            ),
        }
        if dice.random() < 0.4:
            return Question(request, self._near_a_change())
        return Question(request, START + timedelta(hours=12 * dice.randint(0, 6)))

    def _near_a_change(self) -> datetime:
        return self._dice.choice(CHANGES) + self._dice.choice(NEAR)

    def _entity(self, declared: Type) -> dict[str, Any]:
        members = {each.name: each for each in declared.members}
        # Also what no caller may say, and what nothing declares: both are ignored.
        said = self._said(members, declared.parts)
        return {
            "type": declared.name,
            "id": self.id_of(declared),
            **self._optional("properties", said),
        }

    def _optional(self, name: str, said: dict[str, Any]) -> dict[str, Any]:
        return {name: said} if said or self._dice.random() < 0.2 else {}

    def id_of(self, declared: Type) -> str:
        """Return an id of the type, often one that exists, in one of its spellings."""
        dice = self._dice
        if dice.random() < 0.02:
            return dice.choice(["nobody", "a/b", "x@@y", "\u200bp1", "t1 ", "high", "/"])
        if len(declared.key) > 1:
            return "/".join(self._known_key(part.kind, part.kind) for part in declared.key)
        return self._known_key(declared.name, declared.key[0].kind)

    def _known_key(self, name: str, kind: str) -> str:
        """Return the key of an entity of a type, or a value of a kind where nothing is known."""
        if name not in self._ids:
            return self._dice.choice(VALUES[kind])
        known = [*self._kept[name] * 4, self._gone.get(name, "gone")]
        return self._respelt(self._dice.choice(known))

    def _respelt(self, text: str) -> str:
        """Return another spelling of an address, or the text as it is."""
        if "@" not in text:
            return text
        local, _, host = text.rpartition("@")
        if self._dice.random() < 0.3:
            local = local.upper()
        if self._dice.random() < 0.3:
            host = host.replace("münchen", "xn--mnchen-3ya")
        return f"{local}@{host}"

    def _said(self, members: Mapping[str, Member], parts: Sequence[Part] = ()) -> dict[str, Any]:
        """Return what a caller says: some members, now and then null or outside the domain."""
        dice = self._dice
        said: dict[str, Any] = {}
        for member in members.values():
            if dice.random() < 0.45:
                said[member.name] = self._json(member)
        if parts and dice.random() < 0.1:
            # Nobody can say the hour.
            said[dice.choice(parts).name] = dice.choice([1, 5, "2026-01-02", True])
        if dice.random() < 0.05:
            said["undeclared"] = 7
        if dice.random() < 0.05:
            said["now"] = "2030-01-01T00:00:00Z"
        return said

    def _json(self, member: Member) -> Any:
        dice = self._dice
        element = member.kind.removeprefix("set of ")
        if dice.random() < 0.06:
            return None
        if self._spoils and dice.random() < 0.02:
            return dice.choice(WRONG.get(member.kind, (7, {})))
        outside = OUTSIDE[element] if self._spoils and dice.random() < 0.15 else ()
        if member.kind != element:
            values = [self._scalar(element) for _ in range(dice.randint(0, 2))]
            return [*values, *outside[:1]]
        if outside:
            return dice.choice(outside)
        if member.only and not self._spoils:
            return dice.choice(member.only)
        return self._scalar(element)

    def _scalar(self, kind: str) -> Any:
        text = self._value(kind, dangle=True)
        if kind == "boolean":
            return text == "true"
        if PARTS.get(kind, kind) == "integer":
            return int(text)
        if kind == "decimal" and self._dice.random() < 0.2 and "." not in text:
            return int(text)
        return text

    def _value(self, kind: str, *, dangle: bool = False, stored: bool = False) -> str:
        dice = self._dice
        if kind in self._ids:
            gone = [self._gone.get(kind, "gone")] if dangle else []
            return self._respelt(dice.choice([*self._kept[kind], *gone]))
        if kind == "instant" and dice.random() < 0.4:
            offset = timezone(timedelta(minutes=dice.choice([0, 60, -210, 330, 840])))
            return self._near_a_change().astimezone(offset).isoformat()
        values = VALUES[kind] + (STORED_ONLY.get(kind, ()) if stored else ())
        return dice.choice(values)

    # Rows.

    def _rows(self, declared: Type) -> list[list[str]]:
        dice = self._dice
        if declared.name == "seat":
            return self._seats(declared)
        if declared.name == "site":
            values = VALUES[declared.key[0].kind][::2]
            chosen = {text.lower(): text for text in dice.sample(values, min(2, len(values)))}
            keys = [text for text in chosen.values() if "xn--" not in text]
        else:
            keys = self._kept[declared.name]
        return [
            [f"{declared.key[0].name}: {_yaml(declared.key[0].kind, self._spelt_once(key))}",
             *self._columns(declared)]
            for key in keys
        ]  # fmt: skip

    def _spelt_once(self, key: str) -> str:
        return self._respelt(key)

    def _seats(self, declared: Type) -> list[list[str]]:
        dice = self._dice
        second = declared.key[1]
        others = self._kept["person"] if second.kind == "person" else list(LEVELS)
        rows = []
        for team in self._kept["team"]:
            for other in others:
                if dice.random() < 0.6:
                    key = [
                        f"team: {_yaml('team', team)}",
                        f"{second.name}: {_yaml(second.kind, self._respelt(other))}",
                    ]
                    row = [*key, *self._columns(declared)]
                    rows.append(row)
                    if declared.current and not _is_high(row, declared) and dice.random() < 0.5:
                        rows.append([*key, *self._columns(declared)])
        return rows

    def _columns(self, declared: Type) -> list[str]:
        columns = []
        for member in declared.members:
            if (member.optional or member.default) and self._dice.random() < 0.45:
                if self._dice.random() < 0.3:
                    columns.append(f"{member.name}: null")
                continue
            columns.append(f"{member.name}: {self._cell(member)}")
        return columns

    def _cell(self, member: Member) -> str:
        dice = self._dice
        element = member.kind.removeprefix("set of ")
        if member.kind != element:
            values = [_yaml(element, self._value(element, stored=True)) for _ in range(2)]
            return f"[{', '.join(values[: dice.randint(0, 2)])}]"
        if member.only:
            return dice.choice(member.only)
        return _yaml(element, self._value(element, dangle=member.dangle, stored=True))


def _is_high(row: list[str], declared: Type) -> bool:
    """Tell whether a row of seats is the current one of its key, its default included."""
    level = next(member for member in declared.members if member.name == "level")
    said = [cell.partition(": ")[2] for cell in row if cell.startswith("level: ")]
    value = said[0] if said and said[0] != "null" else level.default
    return value == "high"


def _yaml(kind: str, text: str) -> str:
    plain = {"boolean", "integer", "decimal", "instant", "level", "mode", "hour", "weekday"}
    return text if kind in plain else f'"{text}"'
