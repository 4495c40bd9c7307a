"""What a look at a symbol answers: the meaning of a policy, apart from Oso.

The same code answers while a policy is compiled, from the path that is explored, and when Oso is
asked at request time, from the snapshot; so both mean the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sidecar.compiler.action_use import ActionUse
from sidecar.compiler.operands import ABSENT, is_absent, read_back
from sidecar.compiler.presence import Answers, Presence, refuse_any_row
from sidecar.compiler.symbols import (
    ActionName,
    ActionObject,
    Chain,
    Constant,
    ContextObject,
    Fact,
    SettingsObject,
    Thing,
    TooDeep,
    Truth,
    Unexplorable,
)
from sidecar.diagram.path_text import too_far
from sidecar.diagram.paths import (
    ACTION,
    CONTEXT,
    NOW,
    SETTINGS,
    SUBJECT,
    Literal,
    LookupPath,
    Member,
    Operand,
    Path,
    depth,
)
from sidecar.diagram.questions import (
    Includes,
    text_of,
)
from sidecar.errors import PolicyFault
from sidecar.polar.desugar import PRESENT
from sidecar.polar.literals import number_value, text_value
from sidecar.polar.names import Names, nearest, not_there, with_article
from sidecar.schema.local_time import LocalPart
from sidecar.schema.model import (
    TEXTS,
    Attribute,
    Kind,
    LocalAttribute,
    Lookup,
    Value,
    ValueType,
    by_polar_name,
    polar_names,
)

MAXIMUM_DEPTH = 12
"""Steps from the subject or the resource to a fact; more are references that go round."""


def _any_row(lookup: Lookup) -> str:
    return lookup.name if lookup.finds_any else ""


def _part(instant: object, local: LocalAttribute) -> object:
    """Return what Oso is given for a part of an instant, which is there where the instant is."""
    if not isinstance(instant, Fact):
        return instant
    part = LocalPart(local.part, local.zone)
    path = Member(instant.path, part.name)
    return Fact(path, Attribute(name=part.name, type=part.type))


def _restored(owner: Fact | Constant, name: str) -> Fact | None:
    """Return the symbol of a part of an instant, by its step in a path."""
    if owner.type.kind is not Kind.INSTANT:
        return None
    return Fact(Member(owner.path, name), Attribute(name=name, type=LocalPart.named(name).type))


class Look:
    """Reads members and look-ups of symbols, for one action."""

    def __init__(  # noqa: PLR0913, PLR0917 - all that answers depend on, none of it kept elsewhere
        self,
        names: Names,
        settings: Mapping[str, Value],
        things: Mapping[str, type[Thing]],
        answers: Answers,
        action: tuple[str, Mapping[str, Attribute]],
        maximum_depth: int = MAXIMUM_DEPTH,
    ) -> None:
        self._names = names
        self._settings = settings
        self._things = things
        self.presence = Presence(answers)
        self._action = action
        self._maximum_depth = maximum_depth
        self.action_use = ActionUse()
        """What was looked at of the action."""

    def member(self, instance: object, name: str, arguments: Sequence[object] | None) -> object:
        """Return what Oso is given for `instance.name` or `instance.name(arguments)`.

        Raises:
            PolicyFault: Where the schema declares no such member.
            Unexplorable: Where the path to it is too long.
        """
        if name == PRESENT:
            return self.presence.of_symbol(instance)
        if is_absent(instance):
            return self._of_absent(name)
        if isinstance(instance, Thing):
            return self._of_thing(instance, name, arguments)
        if isinstance(instance, Fact | Constant):
            return self._of_value(instance, name, arguments)
        if arguments is not None:
            raise PolicyFault(f"`{name}` is no look-up", name)
        if isinstance(instance, ActionObject):
            return self._of_action(name)
        if isinstance(instance, ContextObject):
            return self._of_context(name)
        if isinstance(instance, SettingsObject):
            settings = self._names.schema.settings
            return self._setting(self._attribute(settings, name, f"there is no setting `{name}`"))
        raise PolicyFault(f"`{name}` cannot be read of a value that is no fact", name)

    def restore(self, path: Operand, subject: str, resource: str) -> object:
        """Return the symbol that stands for what is at `path`, where it was read before."""
        match path:
            case Literal(text):
                kind, _, type_name = text.partition(" ")
                # What was not found is made anew, since Oso takes one object for equal to itself.
                if kind == "nothing":
                    return self._things[type_name](None, certain=False)
                return read_back(text)
            case Member(base, name) if base == ACTION:
                # What may stand in a property differs from action to action.
                self.action_use.is_whole = True
                return self._symbol(path, self._action[1][name], checked=False)
            case Member(base, name) if base == CONTEXT:
                return self._symbol(path, self._names.schema.context[name], checked=False)
            case Member(base, name) if base == SETTINGS:
                return self._setting(self._names.schema.settings[name])
            case Member(base, name):
                owner = self.restore(base, subject, resource)
                if isinstance(owner, Fact | Constant):
                    return _restored(owner, name) or self._of_value(owner, name, None)
                assert isinstance(owner, Thing)  # noqa: S101 - all else has no members
                attribute = owner.type.attributes[name]
                checked = name not in owner.type.key
                return self._symbol(path, attribute, checked=checked, owner=owner)
            case LookupPath(base, name):
                owner = self.restore(base, subject, resource)
                assert isinstance(owner, Thing)  # noqa: S101 - all else has no look-ups
                lookup = owner.type.lookups[name]
                row = self._things[lookup.finds](path, any_row=_any_row(lookup))
                row.chain = Chain(all=owner.chain.all)
                return row
            case _ if path == ACTION:
                return ActionObject()
            case _:
                return self._things[subject if path == SUBJECT else resource](path)

    def _of_absent(self, name: str) -> object:
        if name in {"exists", "includes"}:
            return Truth(question=False)
        if name not in self._names.members:
            raise PolicyFault(
                f"nothing has a member `{name}`; {nearest(name, self._names.members)}", name
            )
        return ABSENT

    def _of_thing(self, thing: Thing, name: str, arguments: Sequence[object] | None) -> object:
        if name == "exists" and arguments is None:
            return self.presence.existence(thing)
        refuse_any_row(thing, name)
        if arguments is not None and name in thing.type.lookups:
            return self._look_up(thing, thing.type.lookups[name], arguments)
        if (
            arguments is None
            and name in thing.type.lookups
            and not thing.type.lookups[name].arguments
        ):
            return self._look_up(thing, thing.type.lookups[name], ())
        if arguments is None and name in thing.type.local:
            local = thing.type.local[name]
            return _part(self._of_thing(thing, thing.type.attributes[local.of].polar, None), local)
        attribute = by_polar_name(thing.type.attributes, name)
        if attribute is None or arguments is not None:
            raise PolicyFault(not_there(thing.type, name), name)
        if thing.path is None or not self.presence.has_value(thing, attribute):
            return ABSENT
        if thing.chain.after(attribute).steps > attribute.depth > 0:
            raise TooDeep(
                f"more than {attribute.depth} `{attribute.name}` follow each other; a circle?",
                name,
            )
        path, checked = Member(thing.path, attribute.name), attribute.name not in thing.type.key
        return self._symbol(path, attribute, checked=checked, owner=thing)

    def _symbol(
        self, path: Member, attribute: Attribute, *, checked: bool, owner: Thing | None = None
    ) -> object:
        before = Chain() if owner is None else owner.chain
        self._limit(path, before.after(attribute).all)
        if attribute.type.kind is not Kind.REFERENCE:
            return Fact(path, attribute)
        # The mount's references are checked when it is read; what an id or a caller says is not.
        certain = True if checked and not attribute.may_dangle and not attribute.caller else None
        found = self._things[attribute.type.target](path, certain)
        found.chain = before.after(attribute)
        return found

    def _limit(self, path: Path, chained: int) -> None:
        """Refuse a path of too many steps, apart from references of declared depth.

        Raises:
            Unexplorable: It has too many.
        """
        if depth(path) - chained > self._maximum_depth:
            raise Unexplorable(too_far(path, self._maximum_depth))

    def _look_up(self, thing: Thing, lookup: Lookup, arguments: Sequence[object]) -> Thing:
        found = self._things[lookup.finds]
        wanted = list(lookup.arguments.values())
        if len(arguments) != len(wanted):
            said = f"`{lookup.name}({', '.join(lookup.arguments)})`"
            message = f"{said} is a look-up; it cannot be asked with {len(arguments)} arguments"
            raise PolicyFault(message, lookup.name)
        operands = [
            self._argument(lookup.name, value, declared)
            for value, declared in zip(arguments, wanted, strict=True)
        ]
        given = tuple(operand for operand in operands if operand is not None)
        if thing.path is None or len(given) < len(operands):
            return found(None, certain=False, any_row=_any_row(lookup))
        path = LookupPath(thing.path, lookup.name, given)
        chained = [thing.chain.all, *(x.chain.all for x in arguments if isinstance(x, Thing))]
        self._limit(path, max(chained))
        row = found(path, any_row=_any_row(lookup))
        row.chain = Chain(all=max(chained))
        return row

    def _argument(self, name: str, value: object, declared: ValueType) -> Operand | None:
        """Return the operand for an argument of a look-up; None for an absent one."""
        if is_absent(value):
            return None
        if isinstance(value, ActionName):
            self.action_use.is_whole = self.action_use.is_whole or not value.is_operand
            value = value.text
        if (
            isinstance(value, Thing)
            and declared.kind is Kind.REFERENCE
            and value.type.name == declared.target
        ):
            return value.path if self.presence.has_key(value) else None
        if isinstance(value, Fact) and value.type == declared:
            return value.path
        if isinstance(value, Constant) and value.type == declared:
            return Literal(text_of(value.value))
        if isinstance(value, str) and declared.kind in TEXTS:
            return Literal(text_of(text_value(self._names, declared, value)))
        if isinstance(value, bool) and declared.kind is Kind.BOOLEAN:
            return Literal(text_of(value))
        if isinstance(value, int | float) and declared.kind in {Kind.INTEGER, Kind.DECIMAL}:
            number = None if isinstance(value, bool) else number_value(declared.kind, value)
            if number is not None:
                return Literal(text_of(number))
        raise PolicyFault(
            f"`{name}` looks up by {with_article(declared.name)}, which this argument is not", name
        )

    def _of_value(
        self, value: Fact | Constant, name: str, arguments: Sequence[object] | None
    ) -> object:
        kind = value.type.kind
        if name == "exists" and arguments is None:
            return Truth(question=True, of=value.path)
        if name == "domain" and arguments is None and kind is Kind.EMAIL:
            path = Member(value.path, "domain")
            domain = ValueType(Kind.DOMAIN, "domain")
            if isinstance(value, Constant):
                return Constant(path, domain, str(value.value).rpartition("@")[2])
            return Fact(path, Attribute(name="domain", type=domain))
        if (
            name == "includes"
            and kind is Kind.SET
            and value.type.element
            and arguments
            and len(arguments) == 1
        ):
            operand = self._argument(name, arguments[0], value.type.element)
            return Truth(Includes(value.path, operand) if operand is not None else False)
        known = ["exists"] + ["domain"] * (kind is Kind.EMAIL) + ["includes"] * (kind is Kind.SET)
        if name in known:
            how = "asked about one value" if name == "includes" else "written without brackets"
            raise PolicyFault(f"`{name}` of {with_article(value.type.name)} is {how}", name)
        raise PolicyFault(
            f"{with_article(value.type.name)} has no `{name}`; {nearest(name, known)}", name
        )

    def _of_context(self, name: str) -> object:
        schema = self._names.schema
        if name in schema.local_context:
            local = schema.local_context[name]
            return _part(self._of_context(schema.context[local.of].polar), local)
        return self._declared(CONTEXT, "the context", schema.context, name)

    def _of_action(self, name: str) -> object:
        action, properties = self._action
        if name == "name":
            return ActionName(action)
        self.action_use.is_whole = True
        if name in self._names.properties and by_polar_name(properties, name) is None:
            return ABSENT
        return self._declared(ACTION, f"the action `{action}`", properties, name)

    def _declared(
        self, base: Path, what: str, attributes: Mapping[str, Attribute], name: str
    ) -> object:
        attribute = self._attribute(attributes, name, f"{what} has no `{name}`")
        path = Member(base, attribute.name)
        # What a caller says outside its domain takes no default; of a flag it cannot be outside.
        is_flag = attribute.type.is_flag
        certain = path == NOW or (is_flag and attribute.default is not None)
        if not certain and not self.presence.is_asked(path):
            return ABSENT
        return self._symbol(path, attribute, checked=False)

    @staticmethod
    def _attribute(attributes: Mapping[str, Attribute], word: str, fault: str) -> Attribute:
        """Return the attribute that a policy calls so.

        Raises:
            PolicyFault: Where there is none.
        """
        attribute = by_polar_name(attributes, word)
        if attribute is None:
            raise PolicyFault(f"{fault}; {nearest(word, polar_names(attributes))}", word)
        return attribute

    def _setting(self, attribute: Attribute) -> object:
        value = self._settings.get(attribute.name)
        path = Member(SETTINGS, attribute.name)
        return ABSENT if value is None else Constant(path, attribute.type, value)
