"""Policies by chance: one rule a line, so that a rule that is refused can be left out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random

from tests.generated.schemas import ENUMS, LEVELS, MODES, PARTS, Lookup, Member, Part, Schema, Type

CODES = ("r1", "r2", "r3")
ACTIONS = ("read", "write", "make")
LITERALS = {
    "string": ['"a"', '"b"', '"subject.id"', '"low"', '"A"'],
    "level": [f'"{level}"' for level in LEVELS],
    "mode": [f'"{mode}"' for mode in MODES],
    "boolean": ["true", "false"],
    "integer": ["0", "1", "5", "-3", "5.0"],
    "hour": ["0", "1", "2", "3", "5", "13", "23", "22.0"],
    "weekday": ["1", "4", "5", "6", "7"],
    "date": ['"2026-01-01"', '"2026-01-02"', '"2026-03-29"', '"2026-11-01"', '"0000-12-31"'],
    "decimal": ["0", "1.5", "1.50", "749.99", "750", "750.01"],
    "email": ['"X@one.example"', '"x@ONE.example"', '"y@münchen.example"', '"Y@two.example"'],
    "domain": ['"one.example"', '"TWO.example"', '"xn--mnchen-3ya.example"', '"münchen.example"'],
}
SPECIALIZERS = {
    "string": "String",
    "level": "String",
    "mode": "String",
    "email": "String",
    "domain": "String",
    "boolean": "Boolean",
    "integer": "Integer",
    "hour": "Integer",
    "weekday": "Integer",
    "date": "String",
    "decimal": "Decimal",
    "instant": "Instant",
}
ORDERED = {"integer", "decimal", "instant", "hour", "weekday"}


@dataclass(frozen=True)
class _Helper:
    name: str
    kinds: tuple[str, ...]


class PolicyMaker:
    """Makes the rules of one pack."""

    def __init__(self, dice: Random, schema: Schema) -> None:
        self._dice = dice
        self._schema = schema
        self._helpers: list[_Helper] = []
        self._variables = 0

    def make(self) -> list[str]:
        """Return the lines of a Polar file; each is one rule or one block."""
        dice = self._dice
        subjects = [each for each in self._schema.types.values() if each.subject]
        rules = [f"actor {each.polar} {{}}" for each in subjects]
        rules += self._blocks()
        rules += [
            "allow(s, action: Action, r) if has_permission(s, action.name, r);",
            "same(x, y) if x = y;",
            "alike(x, x);",
            "text(_: String);",
            "number(_: Decimal);",
            "whole(_: Integer);",
            "moment(_: Instant);",
            "yes(_: Boolean);",
            "somebody(_: Person);",
            "some_team(_: Team);",
            "dearer(x, limit: Decimal) if x > limit;",
            "larger(x, limit: Integer) if x > limit;",
        ]
        for number in range(dice.randint(1, 3)):
            resource = dice.choice(["team", "paper", "seat", "call"])
            head = f"help{number}(s: Person, r: {resource.capitalize()})"
            scope = {"s": "person", "r": resource}
            rules += [_rule(head, self._condition(scope, 2)) for _ in range(dice.randint(1, 2))]
            self._helpers.append(_Helper(f"help{number}", ("person", resource)))
        rules += [self._entry("allow") for _ in range(dice.randint(3, 6))]
        rules += [self._entry("forbid", dice.choice(CODES)) for _ in range(dice.randint(2, 6))]
        rules += [self._entry("oblige", "o1") for _ in range(dice.randint(0, 2))]
        return rules

    def _blocks(self) -> list[str]:
        dice = self._dice
        roles = ["helper", "keeper"]
        gives = " ".join(
            f'"{dice.choice(["read", "write"])}" if "{dice.choice(roles)}";' for _ in range(2)
        )
        given = dice.choice([*roles, "read"])
        team = f'{gives} "helper" if "keeper";'
        paper = f'"{dice.choice(["read", "write"])}" if "{given}" on "team";'
        permissions = 'permissions = ["read", "write", "make"];'
        above = ""
        if any(member.name == "parent" for member in self._schema.types["team"].members):
            above = f'relations = {{parent: Team}}; "{given}" if "{given}" on "parent";'
        lines = [
            f'resource Team {{ roles = ["helper", "keeper"]; {permissions} {above} {team} }}',
            f"resource Paper {{ {permissions} relations = {{team: Team}}; {paper} }}",
            'has_relation(t: Team, "team", p: Paper) if t = p.team;',
            'has_role(s: Person, "keeper", t: Team) if t.boss = s;',
            _rule(
                'has_role(s: Person, "helper", t: Team)',
                self._condition({"s": "person", "t": "team"}, 1),
            ),
        ]
        if above:
            lines.append('has_relation(p: Team, "parent", t: Team) if p = t.parent;')
        if self._schema.types["seat"].key[1].kind == "person":
            lines.append(
                'has_role(s: Person, "helper", t: Team) if'
                f' level = t.seat(s).level and level = "{dice.choice(LEVELS)}";'
            )
        return lines

    def _entry(self, rule: str, code: str = "") -> str:
        dice = self._dice
        types = [each.name for each in self._schema.types.values() if each.actions]
        resource = dice.choice([*types, "paper", "paper", "call"])
        subject = "person"
        if "robot" in self._schema.types and dice.random() < 0.2:
            subject = "robot"
        action = "action: Action"
        named = dice.random() < 0.6
        if named:
            action += f'{{name: "{dice.choice(ACTIONS)}"}}'
        scope = {"s": subject, "r": resource, "action": "action"}
        specializer = resource.capitalize()
        if dice.random() < 0.15:
            specializer += self._pattern(resource)
        # Grants are easy, so that prohibitions and obligations decide something.
        condition = self._condition(scope, 1 if rule == "allow" else 2)
        if rule == "allow" and dice.random() < 0.5:
            condition = f"({condition} or {self._condition(scope, 1)})"
        if not named and dice.random() < 0.7:
            names = dice.sample(ACTIONS, 2)
            condition = f'action.name in ["{names[0]}", "{names[1]}"] and {condition}'
        last = f', "{code}"' if code else ""
        head = f"{rule}(s: {subject.capitalize()}, {action}, r: {specializer}{last})"
        return _rule(head, condition)

    def _pattern(self, resource: str) -> str:
        """Return fields such as ``{mode: "team"}``."""
        declared = self._schema.types[resource]
        members = [each for each in self._attributes(declared) if each[1] in LITERALS]
        if not members:
            return ""
        name, kind = self._dice.choice(members)
        return f"{{{name}: {self._dice.choice(LITERALS[kind])}}}"

    def _condition(self, scope: dict[str, str], depth: int) -> str:
        roll = self._dice.random()
        if depth > 0 and roll < 0.3:
            return f"{self._condition(scope, depth - 1)} and {self._condition(scope, depth - 1)}"
        if depth > 0 and roll < 0.42:
            one, other = self._condition(scope, depth - 1), self._condition(scope, depth - 1)
            return f"(({one}) or ({other}))"
        if depth > 0 and roll < 0.54:
            return f"not ({self._condition(scope, depth - 1)})"
        return self._atom(scope)

    def _atom(self, scope: dict[str, str]) -> str:
        dice = self._dice
        if dice.random() < 0.08 and (part := self._part(scope)):
            return self._literal(*part)
        path, kind = self._path(scope)
        roll = dice.random()
        if roll < 0.08:
            return f"{path}.exists = {dice.choice(['true', 'false'])}"
        if roll < 0.11:
            return f"{path}.exists"
        if roll < 0.18:
            fitting = [h for h in self._helpers if h.kinds == (scope.get("s"), scope.get("r"))]
            if fitting:
                return f"{dice.choice(fitting).name}(s, r)"
        teams = [variable for variable, kind in scope.items() if kind == "team"]
        if teams and dice.random() < 0.15:
            # A look-up by a value that rows often have by default.
            found = f"{dice.choice(teams)}.paper_in({dice.choice(LITERALS['mode'])})"
            return f"{found}.exists = {dice.choice(['true', 'false'])}"
        if dice.random() < 0.12 and (any_row := self._any_row(scope)):
            return f"{any_row}.exists = {dice.choice(['true', 'false'])}"
        if roll < 0.21 and scope.get("r") == "team" and scope["s"] == "person":
            return f'has_role(s, "{dice.choice(["keeper", "helper"])}", r)'
        if roll < 0.36 and not kind.startswith("set of"):
            other = self._path_of(scope, kind)
            if other:
                return self._two(path, other, kind)
        return self._about(path, kind, scope)

    def _two(self, path: str, other: str, kind: str) -> str:
        """Return a condition about two facts of one kind."""
        roll = self._dice.random()
        if roll < 0.2:
            return f"same({path}, {other})"
        if roll < 0.35:
            return f"alike({path}, {other})"
        if roll < 0.5:
            one, two = self._variable(), self._variable()
            return f"({one} = {path} and {two} = {other} and [{one}, 1] = [{two}, 1])"
        return f"{path} {self._operator(kind)} {other}"

    def _operator(self, kind: str) -> str:
        ordered = ["<", "<=", ">", ">="] if kind in ORDERED else []
        return self._dice.choice(["=", "!=", *ordered])

    def _about(self, path: str, kind: str, scope: dict[str, str]) -> str:
        dice = self._dice
        if kind.startswith("set of "):
            return self._about_set(path, kind.removeprefix("set of "), scope)
        if kind in self._schema.types:
            return self._about_entity(path, kind, scope)
        if dice.random() < 0.12:
            return self._typed(path, kind)
        if kind == "instant":
            return f"{path} {self._operator(kind)} {dice.choice(['settings.since', 'context.now'])}"
        if kind == "email" and dice.random() < 0.5:
            return dice.choice(
                [
                    f"settings.domains.includes({path}.domain)",
                    f"{path}.domain = {dice.choice(LITERALS['domain'])}",
                    f"settings.friends.includes({path})",
                    f"{path} = settings.contact",
                ]
            )
        if kind == "domain" and dice.random() < 0.4:
            return f"settings.domains.includes({path}) = true"
        if kind == "boolean" and dice.random() < 0.4:
            return path
        if kind == "decimal" and dice.random() < 0.4:
            literal = dice.choice(LITERALS[kind])
            return dice.choice(
                [f"{path} {self._operator(kind)} settings.limit", f"dearer({path}, {literal})"]
            )
        if kind == "date" and dice.random() < 0.4:
            return f"settings.holidays.includes({path}) = {dice.choice(['true', 'false'])}"
        if PARTS.get(kind, kind) == "integer" and dice.random() < 0.4:
            return dice.choice(
                [
                    f"{path} {self._operator(kind)} settings.most",
                    f"larger({path}, {dice.choice(LITERALS[kind])})",
                    f"settings.sizes.includes({path})",
                ]
            )
        if kind == "level" and dice.random() < 0.2:
            return f"{path} = settings.top"
        return self._literal(path, kind)

    def _literal(self, path: str, kind: str) -> str:
        dice = self._dice
        literals = LITERALS[kind]
        roll = dice.random()
        if roll < 0.15 and len(literals) > 2:
            return f"{path} in [{', '.join(dice.sample(literals, 2))}]"
        if roll < 0.22 and kind in {"string", *PARTS, *ENUMS}:
            return f"forall(x in [{', '.join(dice.sample(literals, 2))}], {path} != x)"
        if roll < 0.30:
            return f"same({path}, {dice.choice(literals)})"
        if roll < 0.38:
            variable = self._variable()
            return f"({variable} := {path} and {variable} {self._operator(kind)} {dice.choice(literals)})"
        return f"{path} {self._operator(kind)} {dice.choice(literals)}"

    def _typed(self, path: str, kind: str) -> str:
        helper = {
            "String": "text", "Decimal": "number", "Integer": "whole", "Instant": "moment",
            "Boolean": "yes",
        }  # fmt: skip
        specializer = SPECIALIZERS[kind]
        return self._dice.choice(
            [f"{helper[specializer]}({path})", f"{path} matches {specializer}"]
        )

    def _about_set(self, path: str, element: str, scope: dict[str, str]) -> str:
        dice = self._dice
        if element == "person":
            return f"{path}.includes(s)" if scope["s"] == "person" else f"{path}.exists"
        value = self._path_of(scope, element) if dice.random() < 0.5 else None
        if value is None and element in LITERALS:
            value = dice.choice(LITERALS[element])
        if value is None:
            return f"{path}.exists"
        return f"{path}.includes({value}) = {dice.choice(['true', 'false'])}"

    def _about_entity(self, path: str, kind: str, scope: dict[str, str]) -> str:
        dice = self._dice
        same = [variable for variable, declared in scope.items() if declared == kind]
        if same and dice.random() < 0.5:
            return f"{path} {dice.choice(['=', '!='])} {dice.choice(same)}"
        helper = {"person": "somebody", "team": "some_team"}.get(kind)
        if helper and dice.random() < 0.3:
            return f"{helper}({path})"
        return f"{path} matches {kind.capitalize()}{dice.choice(['', self._pattern(kind)])}"

    def _variable(self) -> str:
        self._variables += 1
        return f"v{self._variables}"

    def _path_of(self, scope: dict[str, str], kind: str) -> str | None:
        found = (self._path(scope) for _ in range(40))
        base = PARTS.get(kind, kind)
        return next((path for path, other in found if PARTS.get(other, other) == base), None)

    def _path(self, scope: dict[str, str]) -> tuple[str, str]:
        """Walk from a variable, the context or the settings to a fact; return it and its kind."""
        dice = self._dice
        starts = [*scope.items(), ("context", "context")]
        variable, kind = dice.choice(starts)
        if kind == "context":
            schema = self._schema
            kinds = {each.name: each.kind for each in schema.context_parts}
            kinds |= {name: member.kind for name, member in schema.context.items()}
            name = dice.choice([*kinds, "now"])
            return f"context.{name}", kinds.get(name, "instant")
        if kind == "action":
            members = {**self._schema.properties["write"], **self._schema.properties["make"]}
            name = dice.choice(list(members))
            return f"action.{name}", members[name].kind
        path = variable
        for _ in range(dice.choice([1, 1, 1, 2, 2, 3])):
            path, kind = dice.choice(self._steps(path, kind))
            if kind not in self._schema.types:
                break
        return path, kind

    def _part(self, scope: dict[str, str]) -> tuple[str, str] | None:
        """Return an hour, a weekday or a date of the clock, the context or an entity."""
        parts = [(f"context.{each.name}", each.kind) for each in self._schema.context_parts]
        for variable, kind in scope.items():
            if kind in self._schema.types:
                found = self._schema.types[kind].parts
                parts += [(f"{variable}.{each.name}", each.kind) for each in found]
        return self._dice.choice(parts) if parts else None

    def _steps(self, path: str, kind: str) -> list[tuple[str, str]]:
        declared = self._schema.types[kind]
        steps = [(f"{path}.{name}", member) for name, member in self._attributes(declared)]
        for lookup in declared.lookups:
            if not lookup.finds_any:
                # As likely as two attributes: what they find is where defaults and absence meet.
                steps += [(f"{path}.{lookup.name}{self._called(lookup)}", lookup.finds)] * 2
        return steps

    def _called(self, lookup: Lookup) -> str:
        arguments = []
        for _, wanted in lookup.arguments:
            if wanted == "person":
                arguments.append("s")
            elif wanted in PARTS:
                parts = [
                    f"context.{p.name}" for p in self._schema.context_parts if p.kind == wanted
                ]
                arguments.append(self._dice.choice([*parts * 2, *LITERALS[wanted]]))
            elif wanted == "email":
                arguments.append(self._dice.choice(["s.email", *LITERALS["email"]]))
            else:
                arguments.append(self._dice.choice(LITERALS[wanted]))
        return f"({', '.join(arguments)})" if arguments else ""

    def _any_row(self, scope: dict[str, str]) -> str | None:
        """Return a look-up of any row of what a path leads to; None where none is met."""
        for _ in range(20):
            path, kind = self._dice.choice([*scope.items(), self._path(scope)])
            declared = self._schema.types.get(kind)
            found = [each for each in declared.lookups if each.finds_any] if declared else []
            if found:
                lookup = self._dice.choice(found)
                return f"{path}.{lookup.name}{self._called(lookup)}"
        return None

    @staticmethod
    def _attributes(declared: Type) -> list[tuple[str, str]]:
        members: list[Member | Part] = [*declared.key, *declared.members, *declared.parts]
        return [(member.name, member.kind) for member in members]


def _rule(head: str, body: str) -> str:
    """Return a rule; parameters that its body does not name become anonymous, as Oso demands."""
    for name in ("s", "r", "t", "action"):
        if not re.search(rf"(?<![.\w\"]){name}\b(?!:)", body):
            head = re.sub(rf"(?<=[(\s]){name}:", "_:", head)
    return f"{head} if {body};"
