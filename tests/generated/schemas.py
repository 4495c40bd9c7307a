"""Schemas by chance: every member of a schema, in every place where it can stand."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

LEVELS = ("low", "mid", "high")
MODES = ("team", "private", "secret")
ENUMS = {"level": LEVELS, "mode": MODES}
SCALARS = ("string", "level", "mode", "boolean", "integer", "decimal", "instant", "email", "domain")
DEFAULTS = {
    "string": ("a", "b"),
    "level": LEVELS,
    "mode": MODES,
    "boolean": ("true", "false"),
    "integer": ("0", "1", "5"),
    "decimal": ("0", "1.50", "750"),
    "instant": ("2026-01-02T00:00:00Z", "2026-01-02T05:30:00+05:30"),
    "email": ("X@one.example", "y@münchen.example"),
    "domain": ("ONE.example", "xn--mnchen-3ya.example"),
}


ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "Asia/Kolkata",
    "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Kiritimati", "Pacific/Marquesas",
    "Africa/Casablanca", "America/Santiago",
)  # fmt: skip
"""Time zones: without and with changes of the clocks, one of half an hour, at midnight, far off."""
PARTS = {"hour": "integer", "weekday": "integer", "date": "string"}
"""The parts of an instant, by type; a member of such a kind is of this type, and holds the like."""


@dataclass(frozen=True)
class Member:
    """An attribute, a property of an action, a member of the context or a setting."""

    name: str
    kind: str
    """`string`, ..., the name of an enum or a type, or ``set of`` one of these."""
    optional: bool = False
    caller: bool = False
    dangle: bool = False
    default: str = ""
    only: tuple[str, ...] = ()
    depth: int = 0

    def text(self) -> str:
        """Return its line of `schema.yaml`, without indentation."""
        options = [f"type: {PARTS.get(self.kind, self.kind)}"]
        options += [f"{flag}: true" for flag, on in self._flags() if on]
        if self.only:
            options.append(f"only: [{', '.join(self.only)}]")
        if self.default:
            options.append(f"default: {self.default}")
        if self.depth:
            options.append(f"depth: {self.depth}")
        return f"{self.name}: {{{', '.join(options)}}}"

    def _flags(self) -> tuple[tuple[str, bool], ...]:
        return (
            ("optional", self.optional and not self.default),
            ("caller", self.caller),
            ("may_dangle", self.dangle),
        )


@dataclass(frozen=True)
class Part:
    """A member of a type or of the context that is a part of an instant."""

    name: str
    kind: str
    of: str
    zone: str

    def text(self) -> str:
        """Return its line of `schema.yaml`, without indentation."""
        return f"{self.name}: {{part: {self.kind}, of: {self.of}, zone: {self.zone}}}"


@dataclass(frozen=True)
class Lookup:
    """A look-up; its arguments by name and type."""

    name: str
    finds: str
    arguments: tuple[tuple[str, str], ...]
    text: str
    """The map of `schema.yaml` in one line."""
    finds_any: bool = False
    """Whether only the existence of a row can be read."""


@dataclass
class Type:
    """A type of entities."""

    name: str
    key: tuple[Member, ...]
    members: list[Member]
    table: str = ""
    parts: list[Part] = field(default_factory=list)
    subject: bool = False
    lookups: list[Lookup] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)
    """Names, in the order of the schema."""
    current: str = ""
    implied: str = ""

    @property
    def polar(self) -> str:
        """Return its name in Polar."""
        return self.name.capitalize()


@dataclass
class Schema:
    """A schema and how it is written."""

    types: dict[str, Type]
    properties: dict[str, dict[str, Member]]
    """Of each action, by name; actions of one name have the same properties in every type."""
    context: dict[str, Member]
    context_parts: list[Part]
    settings: dict[str, Member]

    def text(self) -> str:
        """Return `schema.yaml`."""
        lines = ["enums:", *(f"  {n}: [{', '.join(v)}]" for n, v in ENUMS.items()), "types:"]
        for declared in self.types.values():
            lines += self._type(declared)
        for what in ("context", "settings"):
            lines.append(f"{what}:")
            lines += [f"  {member.text()}" for member in getattr(self, what).values()]
            lines += [f"  {part.text()}" for part in self.context_parts if what == "context"]
        return "\n".join(lines) + "\n"

    def _type(self, declared: Type) -> list[str]:
        key = [member.name for member in declared.key]
        lines = [f"  {declared.name}:"]
        lines.append(f"    key: {key[0] if len(key) == 1 else '[' + ', '.join(key) + ']'}")
        if declared.table:
            lines.append(f"    table: {declared.table}")
        if declared.subject:
            lines.append("    subject: true")
        if declared.current:
            lines.append(f"    current: {declared.current}")
        if declared.implied:
            lines.append(f"    implied: {declared.implied}")
        lines.append("    attributes:")
        attributes: list[Member | Part] = [*declared.key, *declared.members, *declared.parts]
        lines += [f"      {each.text()}" for each in attributes]
        if declared.lookups:
            lines.append("    lookups:")
            lines += [f"      {lookup.name}: {lookup.text}" for lookup in declared.lookups]
        if declared.actions:
            lines.append("    actions:")
            for action in declared.actions:
                members = self.properties.get(action, {}).values()
                inner = ", ".join(member.text() for member in members)
                options = [f"properties: {{{inner}}}"] if inner else []
                if action == "make":
                    options.append("creates: true")
                if action == "never":
                    options.append("nobody: true")
                lines.append(f"      {action}: {{{', '.join(options)}}}")
        return lines


class SchemaMaker:
    """Makes one schema."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice

    def make(self) -> Schema:
        """Return a schema with persons, teams, seats, papers, calls, sites and maybe robots."""
        dice = self._dice
        by_mail = dice.random() < 0.4
        person_key = Member("email", "email") if by_mail else Member("id", "string")
        types = {
            "person": Type("person", (person_key,), [], "people", subject=True),
            "team": Type("team", (Member("id", "string"),), [], "teams"),
            "seat": Type("seat", self._seat_key(), [], "seats"),
            "paper": Type("paper", (Member("id", "string"),), [], "papers"),
            "call": Type("call", (Member("id", "string"),), []),
            "site": Type("site", (self._odd_key(),), [], "sites" if dice.random() < 0.5 else ""),
        }
        if dice.random() < 0.4:
            types["robot"] = Type("robot", (self._odd_key(),), [], subject=True)
        for declared in types.values():
            declared.members = self._members(declared)
            declared.actions = ["read", "write", "make"]
            if dice.random() < 0.2:
                declared.actions.append("never")
        types["team"].members.append(Member("boss", "person", dangle=dice.random() < 0.2))
        if dice.random() < 0.4:
            # Chains of it go round in many worlds.
            types["team"].members.append(
                Member("parent", "team", optional=True, caller=dice.random() < 0.3,
                       dangle=dice.random() < 0.3, depth=dice.randint(1, 3))
            )  # fmt: skip
        types["paper"].members += [
            Member("team", "team", optional=dice.random() < 0.5, caller=dice.random() < 0.6),
            Member("author", "person", optional=True, dangle=dice.random() < 0.5),
            Member("due", "instant", optional=True),
            Member("slot", "hour", optional=True),
            Member("day", "date", optional=True),
            Member("mode", "mode", default=dice.choice(MODES), optional=True,
                   caller=dice.random() < 0.8),
        ]  # fmt: skip
        types["call"].members.append(Member("team", "team", caller=True))
        seat = types["seat"]
        seat.members.append(
            Member("level", "level", default=dice.choice(["", "", *LEVELS]), optional=True)
        )
        if dice.random() < 0.5:
            seat.current = "{level: high}"
        if seat.key[1].kind == "person" and dice.random() < 0.5:
            seat.implied = "{team.boss: person}"
        for declared in types.values():
            declared.parts = self._parts(declared.members)
        self._add_lookups(types)
        # Two actions declare `to`, each with a default or an `only` of its own.
        properties = {
            "read": self._said(("to",), ("level",)),
            "write": self._said(("to", "why", "whom"), ("level", "string", "person")),
            "make": self._said(("size", "until"), ("integer", "instant")),
        }
        context = self._said(
            ("flag", "amount", "origin", "stage", "at"),
            ("boolean", "decimal", "domain", "mode", "instant"),
        )
        clock = Member("now", "instant")
        context_parts = self._parts([clock, clock, context["at"]])
        settings = {
            "limit": Member("limit", "decimal"),
            "most": Member("most", "integer"),
            "since": Member("since", "instant"),
            "domains": Member("domains", "set of domain"),
            "words": Member("words", "set of string"),
            "friends": Member("friends", "set of email"),
            "sizes": Member("sizes", "set of integer"),
            "holidays": Member("holidays", "set of string"),
            "top": Member("top", "level"),
            "contact": Member("contact", "email", optional=True),
        }
        return Schema(types, properties, context, context_parts, settings)

    def _parts(self, members: list[Member]) -> list[Part]:
        """Return parts of some of the instants, of one instant in several zones too."""
        dice = self._dice
        chosen = [each.name for each in members if each.kind == "instant" and dice.random() < 0.7]
        names = [name for name in chosen for _ in range(dice.randint(1, 2))]
        kinds = [dice.choice(list(PARTS)) for _ in names]
        return [
            Part(f"{kind}_{number}_of_{name}", kind, name, dice.choice(ZONES))
            for number, (name, kind) in enumerate(zip(names, kinds, strict=True))
        ]

    def _seat_key(self) -> tuple[Member, ...]:
        dice = self._dice
        second = dice.choice(
            [Member("person", "person"), Member("person", "person"), Member("rank", "level")]
        )
        return (Member("team", "team"), second)

    def _odd_key(self) -> Member:
        kind = self._dice.choice(["domain", "email", "level", "string"])
        return Member("id" if kind == "string" else f"own_{kind}", kind)

    def _members(self, declared: Type) -> list[Member]:
        dice = self._dice
        members = []
        for number in range(dice.randint(2, 5)):
            kind = dice.choice(
                [*SCALARS, *SCALARS, "person", "team", f"set of {dice.choice(SCALARS)}",
                 "set of person"]
            )  # fmt: skip
            members.append(self._member(f"{kind.replace(' ', '_')}_{number}", kind, declared))
        return members

    def _member(self, name: str, kind: str, declared: Type | None) -> Member:
        dice = self._dice
        rooted = declared is not None
        said = rooted and (not declared.table or dice.random() < 0.35)  # type: ignore[union-attr]  # rooted
        default = ""
        only: tuple[str, ...] = ()
        if kind in ENUMS and dice.random() < 0.35:
            only = tuple(dice.sample(ENUMS[kind], 2))
        if kind in DEFAULTS and dice.random() < 0.4:
            default = dice.choice(only or DEFAULTS[kind])
        element = kind.removeprefix("set of ")
        if element != kind and dice.random() < 0.4:
            known = DEFAULTS.get(element, ())
            values = dice.sample(known, min(len(known), dice.randint(0, 1)))
            default = f"[{', '.join(values)}]"
        return Member(
            name,
            kind,
            optional=rooted and dice.random() < 0.5,
            caller=said,
            dangle=rooted and kind in {"person", "team"} and dice.random() < 0.4,
            default=default,
            only=only,
        )

    def _said(self, names: tuple[str, ...], kinds: tuple[str, ...]) -> dict[str, Member]:
        pairs = zip(names, kinds, strict=True)
        return {name: self._member(name, kind, None) for name, kind in pairs}

    def _add_lookups(self, types: dict[str, Type]) -> None:
        dice = self._dice
        several = dice.choice(["first", "latest due", "earliest due"])
        where = f", where: {{mode: {dice.choice(MODES)}}}" if dice.random() < 0.6 else ""
        team, second = types["team"], types["seat"].key[1]
        team.lookups = [
            Lookup(
                "seat",
                "seat",
                ((second.name, second.kind),),
                f"{{finds: seat, arguments: {{{second.name}: {second.kind}}},"
                f" match: {{team: this, {second.name}: {second.name}}}}}",
            ),
            Lookup(
                "paper_of",
                "paper",
                (("who", "person"),),
                "{finds: paper, arguments: {who: person}, match: {team: this, author: who},"
                f" several: {several}{where}}}",
            ),
            Lookup(
                "paper_in",
                "paper",
                (("mode", "mode"),),
                "{finds: paper, arguments: {mode: mode}, match: {team: this, mode: mode},"
                " several: first}",
            ),
            Lookup(
                "paper_at",
                "paper",
                (("hour", "hour"),),
                "{finds: paper, arguments: {hour: integer}, match: {team: this, slot: hour},"
                " several: first}",
            ),
            Lookup(
                "paper_on",
                "paper",
                (("day", "date"),),
                "{finds: paper, arguments: {day: string}, match: {team: this, day: day},"
                " several: any}",
                finds_any=True,
            ),
            Lookup(
                "seat_at",
                "seat",
                (("level", "level"),),
                "{finds: seat, arguments: {level: level}, match: {team: this, level: level},"
                " several: first}",
            ),
        ]
        person = types["person"]
        if person.key[0].kind == "email":
            team.lookups.append(
                Lookup(
                    "paper_by",
                    "paper",
                    (("address", "email"),),
                    "{finds: paper, arguments: {address: email},"
                    " match: {team: this, author.email: address}, several: first}",
                )
            )
        person.lookups = [
            Lookup("led", "team", (), "{finds: team, match: {boss: this}, several: first}")
        ]
        self._add_any_rows(team, person, types["seat"])

    def _add_any_rows(self, team: Type, person: Type, seat: Type) -> None:
        dice = self._dice
        clock = [f'due: "{dice.choice(["<=", "<", ">=", ">"])} now"']
        conditions = [*clock, f"mode: {dice.choice(MODES)}"][: dice.randint(0, 2)]
        team.lookups.append(
            Lookup(
                "any_paper",
                "paper",
                (("who", "person"),),
                "{finds: paper, arguments: {who: person}, match: {team: this, author: who},"
                f" where: {{{', '.join(conditions)}}}, several: any}}",
                finds_any=True,
            )
        )
        if seat.key[1].kind != "person":
            return
        level = f", other.level: {dice.choice(LEVELS)}" if dice.random() < 0.6 else ""
        person.lookups += [
            Lookup(
                "colleague",
                "seat",
                (("who", "person"),),
                "{finds: seat, through: {other: seat}, arguments: {who: person},"
                " match: {person: this, team: other.team, other.person: who},"
                f" where: {{level: {dice.choice(LEVELS)}{level}}}, several: any}}",
                finds_any=True,
            ),
            Lookup(
                "near",
                "paper",
                (("who", "person"), ("mode", "mode")),
                "{finds: paper, through: {held: seat}, arguments: {who: person, mode: mode},"
                " match: {author: who, mode: mode, team: held.team, held.person: this},"
                f" where: {{{', '.join([*clock, *[level[2:].replace('other', 'held')] * bool(level)])}}},"
                " several: any}",
                finds_any=True,
            ),
        ]
