"""Packs, worlds and requests by chance: all that a schema can declare and a policy can say."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

START = datetime(2026, 1, 1, tzinfo=UTC)
LEVELS = ("low", "mid", "high")
WORDS = ("a", "b", "subject.id", "low")
DOMAINS = ("one.example", "mail.two.example", "two.example")
KINDS = (
    "string",
    "level",
    "boolean",
    "integer",
    "decimal",
    "instant",
    "email",
    "set of string",
    "set of person",
    "person",
    "team",
)
LITERALS = {
    "string": [f'"{word}"' for word in WORDS],
    "level": [f'"{level}"' for level in LEVELS],
    "boolean": ["true", "false"],
    "integer": ["0", "1", "5", "-3"],
    "decimal": ["0", "1.5", "1.50", "749.99", "750", "750.01"],
    "email": ['"X@one.example"', '"y@two.example"'],
    "domain": ['"one.example"', '"TWO.example"'],
}
ACTIONS = ("read", "write", "make", "fly")


@dataclass(frozen=True)
class Column:
    """One attribute."""

    name: str
    kind: str
    optional: bool = False
    caller: bool = False
    dangle: bool = False
    default: str = ""
    """As written in the schema; empty where there is none."""


@dataclass
class Generator:
    """One pack and what is asked of it, from one seed."""

    seed: int
    sensitive: bool = False
    """Whether some attributes are sensitive, and the settings of a second pack differ."""
    dice: random.Random = field(init=False)
    other_dice: random.Random = field(init=False)
    any_dice: random.Random = field(init=False)
    columns: dict[str, list[Column]] = field(init=False)
    properties: dict[str, str] = field(init=False)
    """Of the action `write`, by type, as written in the schema."""
    where_from: str = field(init=False)
    """The member of the context, as written in the schema."""

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)  # noqa: S311 - the same packs each time
        self.other_dice = random.Random(self.seed + 1_000_000)  # noqa: S311 - of defaults
        self.any_dice = random.Random(self.seed + 2_000_000)  # noqa: S311 - of look-ups of any row
        self.columns = {
            name: [self._column(name, number) for number in range(self.dice.randint(3, 6))]
            for name in ("person", "team", "paper")
        }
        self.columns["team"].append(Column("boss", "person"))
        self.columns["paper"].append(Column("team", "team", caller=True))
        self.columns["paper"].append(Column("author", "person", optional=True))
        self.columns["seat"] = [
            Column("level", "level", default=self._default("level")),
            Column("kind_seat", "boolean", optional=True, default=self._default("boolean")),
        ]
        self.implied = self.dice.random() < 0.4
        self.current = self.dice.random() < 0.5
        self.several = self.dice.choice(["first", "latest due", "earliest due"])
        self.columns["paper"].append(Column("due", "instant", optional=True))
        self.clock = self.any_dice.choice(["<=", "<", ">=", ">"])
        # Chosen once: several packs of one generator have the same schema.
        self.properties = {name: self._said() for name in self.columns if name != "person"}
        self.where_from = self._property("where_from", "string")

    def _column(self, owner: str, number: int) -> Column:
        kind = self.dice.choice(KINDS)
        optional = self.dice.random() < 0.4
        caller = owner in {"paper", "person"} and self.dice.random() < 0.2
        # The same name in several types, of different kinds, makes slips possible.
        return Column(
            f"{kind.replace(' ', '_')}_{number % 2}_{number}",
            kind,
            optional,
            caller,
            kind in {"person", "team"} and self.dice.random() < 0.5,
            self._default(kind),
        )

    def _default(self, kind: str) -> str:
        """Choose a default, one time in three."""
        if kind == "set of string":
            return self.any_dice.choice(["", "[]", "[a]", "[a, low]"])
        if kind not in LITERALS or self.other_dice.random() > 0.33:
            return ""
        return self.other_dice.choice(LITERALS[kind])

    def _said(self) -> str:
        return f"{self._property('to', 'level')}, {self._property('why', 'string')}"

    def _property(self, name: str, kind: str) -> str:
        default = self._default(kind)
        return f"{name}: {{type: {kind}, default: {default}}}" if default else f"{name}: {kind}"

    # The schema, the settings and the sentences.

    def schema(self) -> str:
        """Write schema.yaml."""
        lines = ["enums:", "  level: [low, mid, high]", "types:"]
        for name, columns in self.columns.items():
            lines += [f"  {name}:", f"    table: {name}s"]
            if name == "person":
                lines.append("    subject: true")
            lines.append("    key: [team, person]" if name == "seat" else "    key: id")
            if name == "seat" and self.current:
                lines.append("    current: {level: high}")
            if name == "seat" and self.implied:
                lines.append("    implied: {team.boss: person}")
            lines.append("    attributes:")
            lines += (
                ["      team: team", "      person: person"]
                if name == "seat"
                else ["      id: string"]
            )
            for column in columns:
                options = [f"type: {column.kind}"]
                options += [f"default: {column.default}"] * bool(column.default)
                options += [
                    f"{word}: true"
                    for word, on in (
                        ("optional", column.optional),
                        ("caller", column.caller),
                        ("may_dangle", column.dangle),
                        ("sensitive", self.sensitive and len(column.name) % 2),
                    )
                    if on
                ]
                lines.append(f"      {column.name}: {{{', '.join(options)}}}")
            if name == "team":
                lines += [
                    "    lookups:",
                    "      seat: {finds: seat, arguments: {person: person}, match: {team: this, person: person}}",
                ]
                lines += [
                    f"      paper_of: {{finds: paper, arguments: {{who: person}}, match: {{team: this, author: who}}, several: {self.several}}}"
                ]
                lines += [
                    "      high_seat: {finds: seat, match: {team: this}, where: {level: high}, several: first}"
                ]
                lines += [
                    (
                        "      any_paper: {finds: paper, arguments: {who: person}, match: {team: this, author: who},"
                        f' where: {{due: "{self.clock} now"}}, several: any}}'
                    )
                ]
            if name == "person":
                lines += [
                    "    lookups:",
                    "      bossed: {finds: team, match: {boss: this}, several: first}",
                    (
                        "      colleague: {finds: seat, through: {other: seat}, arguments: {who: person},"
                        " match: {person: this, team: other.team, other.person: who},"
                        " where: {other.level: high}, several: any}"
                    ),
                    (
                        "      near: {finds: paper, through: {held: seat}, arguments: {who: person},"
                        " match: {author: who, team: held.team, held.person: this},"
                        f' where: {{due: "{self.clock} now"}}, several: any}}'
                    ),
                ]
            if name != "person":
                lines += [
                    "    actions:",
                    "      read: {}",
                    f"      write: {{properties: {{{self.properties[name]}, whom: person}}}}",
                    "      make: {creates: true}",
                ]
            else:
                lines += ["    actions:", "      read: {}"]
        lines += [
            "context:",
            "  flag: {type: boolean, default: false}",
            "  amount: decimal",
            f"  {self.where_from}",
        ]
        lines += [
            "settings:",
            "  limit: decimal",
            "  since: instant",
            "  domains: set of domain",
            "  words: set of string",
            "  top: level",
        ]
        return "\n".join(lines) + "\n"

    def settings(self) -> str:
        """Write settings.yaml."""
        domains = (
            self.dice.choice(["[one.example]", "[two.example]"])
            if self.sensitive
            else "[one.example, two.example]"
        )
        return f"limit: 750.00\nsince: 2026-01-02T00:00:00Z\ndomains: {domains}\nwords: [a, low]\ntop: high\n"

    def reasons(self) -> str:
        """Write reasons.yaml."""
        return "reasons: {r1: First., r2: Second., r3: Third.}\nobligations: {o1: Do it.}\n"

    # The policy.

    def policy(self) -> str:
        """Write a Polar file."""
        self._helpers: list[tuple[str, tuple[str, str]]] = []
        rules = ["actor Person {}"]
        rules.append(self._block())
        for number in range(self.dice.randint(1, 4)):
            subject, resource = "person", self.dice.choice(["team", "paper", "seat"])
            head, scope = (
                f"help{number}(s: Person, r: {resource.capitalize()})",
                {"s": subject, "r": resource},
            )
            clauses = self.dice.randint(1, 2)
            rules += [_named(head, self._condition(scope, 2)) for _ in range(clauses)]
            self._helpers.append((f"help{number}", (subject, resource)))
        rules.append("allow(s: Person, action: Action, r) if has_permission(s, action.name, r);")
        rules.append("named(x: String, y) if x = y;")
        rules += [self._entry("allow") for _ in range(self.dice.randint(1, 4))]
        codes = [self.dice.choice(["r1", "r2", "r3"]) for _ in range(self.dice.randint(1, 6))]
        rules += [self._entry("forbid", code) for code in codes]
        rules.append(self._entry("oblige", "o1"))
        return "\n".join(rules) + "\n"

    def _block(self) -> str:
        roles = ["helper", "keeper"]
        lines = [
            'resource Team { roles = ["helper", "keeper"]; permissions = ["read", "write", "make"];'
        ]
        lines += [
            f'"{self.dice.choice(["read", "write"])}" if "{self.dice.choice(roles)}";'
            for _ in range(2)
        ]
        lines += ['"helper" if "keeper"; }']
        lines += [
            'resource Paper { permissions = ["read", "write", "make"]; relations = {team: Team};'
        ]
        lines += [
            f'"{self.dice.choice(["read", "write"])}" if "{self.dice.choice([*roles, "read"])}" on "team"; }}'
        ]
        lines += ['has_relation(t: Team, "team", p: Paper) if t = p.team;']
        lines += ['has_role(s: Person, "keeper", t: Team) if t.boss = s;']
        lines += [
            f'has_role(s: Person, role: String, t: Team) if level = t.seat(s).level and level = "{self.dice.choice(LEVELS)}" and role = "helper";'
        ]
        condition = self._condition({"s": "person", "t": "team"}, 1)
        lines.append(_named('has_role(s: Person, "helper", t: Team)', condition))
        return "\n".join(lines)

    def _entry(self, rule: str, code: str | None = None) -> str:
        resource = self.dice.choice(["team", "paper", "paper", "seat"])
        action, name = self.dice.choice(
            [
                ("action: Action", None),
                (f'action: Action{{name: "{self.dice.choice(ACTIONS[:3])}"}}', 1),
            ]
        )
        scope = {"s": "person", "r": resource, "action": "action"}
        specializer = resource.capitalize()
        if self.dice.random() < 0.15 and resource != "seat":
            specializer += f'{{id: "{resource[0]}1"}}'
        condition = self._condition(scope, 3)
        if name is None and self.dice.random() < 0.7:
            condition = (
                f'action.name in ["{self.dice.choice(ACTIONS[:3])}", "read"] and {condition}'
            )
        last = f', "{code}"' if code else ""
        used = f" and (s = s.bossed.boss or ({condition}))" if self.dice.random() < 0.05 else ""
        return _named(f"{rule}(s: Person, {action}, r: {specializer}{last})", condition + used)

    def _condition(self, scope: dict[str, str], depth: int) -> str:
        roll = self.dice.random()
        if depth > 0 and roll < 0.3:
            return f"{self._condition(scope, depth - 1)} and {self._condition(scope, depth - 1)}"
        if depth > 0 and roll < 0.42:
            return (
                f"(({self._condition(scope, depth - 1)}) or ({self._condition(scope, depth - 1)}))"
            )
        if depth > 0 and roll < 0.54:
            return f"not ({self._condition(scope, depth - 1)})"
        return self._atom(scope)

    def _atom(self, scope: dict[str, str]) -> str:
        atom, any_row = self._plain_atom(scope), self._any_row(scope)
        # Both are made, so that packs differ from others of their seed in these atoms only.
        return any_row if any_row and self.any_dice.random() < 0.12 else atom

    def _any_row(self, scope: dict[str, str]) -> str:
        """Return a test whether any row fits; empty where nothing has such a look-up."""
        paths = {
            "team": ["{}.any_paper(s)"],
            "person": ["{}.colleague(s)", "{}.near(s)"],
            "paper": ["{}.team.any_paper(s)", "s.near({}.author)", "{}.author.colleague(s)"],
            "seat": ["{}.team.any_paper({}.person)", "{}.person.near(s)", "s.colleague({}.person)"],
        }
        found = [
            path.replace("{}", variable)
            for variable, kind in scope.items()
            for path in paths.get(kind, ())
            if "s" in scope
        ]
        dice = self.any_dice
        truth = dice.choice(["true", "false"])
        return f"{dice.choice(found)}.exists = {truth}" if found else ""

    def _plain_atom(self, scope: dict[str, str]) -> str:
        dice = self.dice
        path, kind = self._path(scope)
        roll = dice.random()
        if roll < 0.08:
            return f"{path}.exists = {dice.choice(['true', 'false'])}"
        if roll < 0.12:
            return f"{path}.exists"
        if roll < 0.20 and (
            helpers := [h for h in self._helpers if set(h[1][1:]) <= set(scope.values())]
        ):
            name, (_, resource) = dice.choice(helpers)
            return f"{name}(s, {next(v for v, t in scope.items() if t == resource)})"
        if roll < 0.23 and "team" in scope.values() and scope.get("t") != "team":
            variable = next(v for v, t in scope.items() if t == "team")
            return dice.choice(
                [
                    f'has_role(s, "keeper", {variable})',
                    f'has_role(s, role, {variable}) and role = "helper"',
                ]
            )
        if roll < 0.30:
            other = [p for p in (self._path(scope) for _ in range(25)) if p[1] == kind]
            if other and kind not in {"set of string", "set of person"}:
                return f"{path} {self._operator(kind)} {dice.choice(other)[0]}"
        return self._about(path, kind, scope)

    def _operator(self, kind: str) -> str:
        ordered = kind in {"integer", "decimal", "instant"}
        return self.dice.choice(["=", "!=", "==", *(["<", "<=", ">", ">="] if ordered else [])])

    def _about(self, path: str, kind: str, scope: dict[str, str]) -> str:
        dice = self.dice
        if kind == "set of string":
            return f"{path}.includes({dice.choice([LITERALS['string'][0], 's.id'])}) = {dice.choice(['true', 'false'])}"
        if kind == "set of person":
            return f"{path}.includes(s)"
        if kind == "instant":
            return f"{path} {self._operator(kind)} {dice.choice(['settings.since', 'context.now'])}"
        if kind in {"person", "team", "paper", "seat"}:
            same = [variable for variable, declared in scope.items() if declared == kind]
            if same and dice.random() < 0.6:
                return f"{path} {dice.choice(['=', '!='])} {dice.choice(same)}"
            return f"{path} matches {kind.capitalize()}"
        if kind == "email" and dice.random() < 0.5:
            return dice.choice(
                [
                    f"settings.domains.includes({path}.domain)",
                    f"{path}.domain = {dice.choice(LITERALS['domain'])}",
                ]
            )
        if kind == "boolean" and dice.random() < 0.4:
            return path
        if kind == "decimal" and dice.random() < 0.3:
            return f"{path} {self._operator(kind)} settings.limit"
        if kind == "level" and dice.random() < 0.2:
            return f"{path} = settings.top"
        literals = LITERALS[kind]
        roll = dice.random()
        if roll < 0.15 and kind in {"string", "level"}:
            return f"{path} in [{', '.join(dice.sample(literals, 2))}]"
        if roll < 0.22 and kind in {"string", "level"}:
            return f"forall(x in [{', '.join(dice.sample(literals, 2))}], {path} != x)"
        if roll < 0.30 and kind == "string":
            return f"named({path}, {dice.choice(literals)})"
        if roll < 0.36:
            variable = f"v{dice.randint(0, 999)}"
            return f"({variable} = {path} and {variable} {self._operator(kind)} {dice.choice(literals)})"
        return f"{path} {self._operator(kind)} {dice.choice(literals)}"

    def _path(self, scope: dict[str, str]) -> tuple[str, str]:
        """Walk to a fact from one of the variables, the context or the settings."""
        dice = self.dice
        variable, kind = dice.choice([*((v, k) for v, k in scope.items()), ("context", "context")])
        if kind == "context":
            return dice.choice(
                [
                    ("context.flag", "boolean"),
                    ("context.amount", "decimal"),
                    ("context.where_from", "string"),
                    ("context.now", "instant"),
                ]
            )
        if kind == "action":
            return dice.choice(
                [("action.to", "level"), ("action.why", "string"), ("action.whom", "person")]
            )
        path = variable
        for _ in range(dice.choice([1, 1, 2, 3])):
            steps = self._steps(path, kind)
            path, kind = dice.choice(steps)
            if kind not in self.columns:
                break
        return path, kind

    def _steps(self, path: str, kind: str) -> Sequence[tuple[str, str]]:
        steps = [(f"{path}.{column.name}", column.kind) for column in self.columns[kind]]
        if kind == "seat":
            steps += [(f"{path}.team", "team"), (f"{path}.person", "person")]
        else:
            steps += [(f"{path}.id", "string")]
        if kind == "team":
            steps += [
                (f"{path}.seat(s)", "seat"),
                (f"{path}.paper_of(s)", "paper"),
                (f"{path}.high_seat", "seat"),
            ]
        if kind == "person":
            steps += [(f"{path}.bossed", "team")]
        return steps

    # Worlds and requests.

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """Make the rows of one world, in values; references are keys."""
        dice = self.dice
        ids = {"person": ["p1", "p2", "p3"], "team": ["t1", "t2"], "paper": ["p1", "p2"]}
        self._kept = {name: each[: dice.randint(1, len(each))] for name, each in ids.items()}
        rows: dict[str, list[dict[str, Any]]] = {
            name: [{"id": each, **self._row(name)} for each in kept]
            for name, kept in self._kept.items()
        }
        rows["seat"] = []
        for team in self._kept["team"]:
            for person in self._kept["person"]:
                if dice.random() < 0.6:
                    seat = {"team": team, "person": person}
                    rows["seat"].append({**seat, **self._row("seat")})
                    if (
                        self.current
                        and rows["seat"][-1].get("level") == "mid"
                        and dice.random() < 0.5
                    ):
                        rows["seat"].append(
                            {**seat, **self._row("seat"), "level": dice.choice(["low", "high"])}
                        )
        return rows

    def _row(self, name: str) -> dict[str, Any]:
        row = {}
        for column in self.columns[name]:
            optional = column.optional or column.default
            if not optional or self.dice.random() < 0.6:
                row[column.name] = self.value(column.kind, dangle=column.dangle)
        return row

    def value(self, kind: str, *, dangle: bool = False) -> Any:
        """Choose a value, near to the literals that policies compare with."""
        dice = self.dice
        if kind == "string":
            return dice.choice([*WORDS, "p1"])
        if kind == "level":
            return dice.choice(LEVELS)
        if kind == "boolean":
            return dice.random() < 0.5
        if kind == "integer":
            return dice.choice([-4, -3, 0, 1, 2, 5, 6])
        if kind == "decimal":
            return Decimal(
                dice.choice(["0", "1.5", "749.99", "749.999", "750.00", "750.01", "1000"])
            )
        if kind == "instant":
            return START + timedelta(days=dice.randint(0, 3))
        if kind == "email":
            return f"{dice.choice(['x', 'y'])}@{dice.choice(['one.example', 'sub.one.example', 'two.example', 'three.example'])}"
        if kind == "set of string":
            return frozenset(dice.sample(WORDS, dice.randint(0, 2)))
        known = self._kept["team" if kind == "team" else "person"]
        if kind == "set of person":
            return frozenset(dice.sample(known, dice.randint(0, len(known))))
        return dice.choice([*known, "gone"] if dangle else known)

    def said(self, name: str) -> dict[str, Any]:
        """Choose what a caller says of a subject or a resource."""
        return {
            column.name: self.value(column.kind, dangle=True)
            for column in self.columns[name]
            if column.caller and self.dice.random() < 0.5
        }

    def request(self) -> tuple[str, str, str, str]:
        """Choose a subject's id, an action, and a resource's type and id."""
        dice = self.dice
        resource = dice.choice(["team", "paper", "paper", "seat"])
        team, person = dice.choice(["t1", "t2", "t9"]), dice.choice(["p1", "p2", "p3", "p9"])
        ids = {
            "team": team,
            "paper": dice.choice(["p1", "p2", "new"]),
            "seat": f"{team}/{dice.choice(['p1', 'p2', 'p3', 'p9'])}",
        }
        return person, dice.choice([*ACTIONS[:3], *ACTIONS]), resource, ids[resource]


def _named(head: str, body: str) -> str:
    """Write a rule; parameters that its body does not name get an underscore, or Oso refuses it."""
    for name in ("s", "r", "t", "action"):
        if not re.search(rf"(?<![.\w\"]){name}\b", body):
            head = re.sub(rf"(?<=[(,\s]){name}:", f"_{name}:", head)
    return f"{head} if {body};"
