"""Values in canonical form, and how text and JSON become values of a declared type."""

import operator
import re
import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final

import idna
from email_validator import EmailNotValidError, validate_email

from tests.reference.errors import OutsideDomainError, RuleFault, WrongTypeError


@dataclass(frozen=True, slots=True)
class Kind:
    """A declared type of values."""

    base: str
    """string, boolean, integer, decimal, instant, email, domain, enum, reference or set."""
    name: str = ""
    """The name of the enum or of the type that is referred to."""
    member: "Kind | None" = None
    """The type of the members of a set."""
    values: frozenset[str] = frozenset()
    """The values of an enum."""

    def __str__(self) -> str:
        """Return the `kind` of a value of this type."""
        member = "" if self.member is None else f" {self.member.base}"
        return f"enum {self.name}" if self.base == "enum" else self.base + member


@dataclass(frozen=True, slots=True)
class Value:
    """A value that is not an entity.

    `kind` is a base of `Kind` (`enum role` for an enum), or `text` or `number` for a literal of a
    rule, which takes the type of the value that it meets.
    """

    kind: str
    raw: str | bool | int | Decimal | datetime | frozenset[Any]


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity of a type; `key` has the canonical text of each key column.

    The key is empty when the id cannot be an id of the type. Such an entity equals nothing.
    """

    type: str
    key: tuple[str, ...]
    role: str = field(default="", compare=False)
    """`subject` or `resource` where the request itself names it, as its properties count there."""
    sent: str = field(default="", compare=False)
    """The id as the request has it."""
    along: tuple[str, int] = field(default=("", 0), compare=False)
    """The reference of declared depth that led here, and how many of them in a row."""


class Absent:
    """The result of a read that finds nothing. It equals nothing, itself included."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()

_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d(:?[0-5]\d)?)", re.ASCII
)
_DECIMAL = re.compile(r"[-+]?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?", re.ASCII)
_ORDERS: Final = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
CLASSES: Final = {
    "String": {"string", "email", "domain", "enum", "text"},
    "Boolean": {"boolean"},
    "Integer": {"integer"},
    "Decimal": {"decimal", "number"},
    "Instant": {"instant"},
}
"""The kinds of values that match each class of Polar."""
_INTEGER_BOUND = 2**63
_EXPONENT_BOUND = 308
_FULL_STOPS = re.compile("[.\u3002\uff0e\uff61]")
"""What UTS 46 takes for the end of a label."""
_INVISIBLE = frozenset(["Cc", "Cf", "Zs", "Zl", "Zp"])
"""Categories of characters that no id begins or ends with."""


def canonical_domain(text: str) -> str:
    """Return a domain with each label as UTS 46 maps it, or in lower case where that fails."""
    labels = _FULL_STOPS.split(text)
    if labels[1:] and not labels[-1]:
        labels.pop()
    return ".".join(map(_canonical_label, labels))


@cache
def _canonical_label(text: str) -> str:
    try:
        return idna.encode(text, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return text.lower()


def canonical_email(text: str) -> str:
    """Return an address in canonical form."""
    local, at, domain = text.partition("@")
    if not at or not local or not domain or "@" in domain:
        raise OutsideDomainError(f"{text!r} is no e-mail address")
    return f"{unicodedata.normalize('NFC', local.lower())}@{canonical_domain(domain)}"


def has_invisible_end(text: str) -> bool:
    """Return whether a text begins or ends with a character that nobody sees."""
    return any(unicodedata.category(character) in _INVISIBLE for character in text[:1] + text[-1:])


def _read_domain(text: str) -> str:
    domain = canonical_domain(text)
    labels = domain.split(".")
    if not all(re.fullmatch(r"[\w-]+", label) for label in labels) or labels[-1].isdigit():
        raise OutsideDomainError(f"{text!r} is no domain")
    return domain


def _read_instant(text: str) -> datetime:
    if not _INSTANT.fullmatch(text):
        raise OutsideDomainError(f"{text!r} is no instant with an offset")
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise OutsideDomainError(f"{text!r} is no instant") from error


def read_decimal(raw: object) -> Decimal:
    """Return a number exactly."""
    text = raw if isinstance(raw, str) else str(raw)
    if not _DECIMAL.fullmatch(text):
        raise OutsideDomainError(f"{text!r} is no decimal")
    number = Decimal(text)
    if number and not -_EXPONENT_BOUND < number.adjusted() <= _EXPONENT_BOUND:
        raise OutsideDomainError(f"{text!r} cannot be represented exactly")
    return number


def read_text(kind: Kind, text: str) -> str:
    """Return the canonical text of a value whose type is written as text, as in an id."""
    match kind.base:
        case "email":
            return canonical_email(text)
        case "domain":
            text = _read_domain(text)
        case "enum" if text not in kind.values:
            raise OutsideDomainError(f"{text!r} is no {kind.name}")
        case _:
            pass
    if not text:
        raise OutsideDomainError("the text is empty")
    return text


def read_value(  # noqa: C901 -- one branch for each type
    kind: Kind, raw: object, *, is_proposed: bool
) -> Value:
    """Return a raw JSON or YAML value as a value of a type that is neither reference nor set.

    Args:
        kind: The declared type.
        raw: The value as JSON or YAML has it.
        is_proposed: Whether a caller says it; addresses are then checked strictly (R9).
    """
    base = kind.base
    if base == "boolean":
        if not isinstance(raw, bool):
            raise WrongTypeError(f"{raw!r} is not true or false")
        return Value(base, raw)
    if base == "integer":
        if not isinstance(raw, int) or isinstance(raw, bool):
            raise WrongTypeError(f"{raw!r} is not an integer")
        if not -_INTEGER_BOUND <= raw < _INTEGER_BOUND:
            raise OutsideDomainError(f"{raw!r} is no integer of 64 bit")
        return Value(base, raw)
    if base == "decimal":
        if isinstance(raw, bool) or not isinstance(raw, int | float | Decimal | str):
            raise WrongTypeError(f"{raw!r} is neither a number nor a text")
        return Value(base, read_decimal(raw))
    if not isinstance(raw, str):
        raise WrongTypeError(f"{raw!r} is not a text")
    if base == "instant":
        return Value(base, _read_instant(raw))
    if base in {"email", "domain"} and is_proposed:
        fault = _fault_of_address(raw if base == "email" else f"a@{raw}")
        if fault is not None:
            raise OutsideDomainError(fault)
    return Value(f"enum {kind.name}" if base == "enum" else base, read_text(kind, raw))


@cache
def _fault_of_address(text: str) -> str | None:
    try:
        validate_email(text, check_deliverability=False)
    except EmailNotValidError as error:
        return str(error)
    return None


def domain_of(email: Value) -> Value:
    """Return the domain of an address."""
    return Value("domain", str(email.raw).partition("@")[2])


def includes(members: Value, item: object) -> bool:
    """Return whether a set has a member; a set of domains has their subdomains too."""
    assert isinstance(members.raw, frozenset)
    if members.kind == "set domain" and item is not ABSENT:
        if not isinstance(item, Value) or item.kind not in {"domain", "text"}:
            raise RuleFault("a set of domains is asked for something else")
        labels = canonical_domain(str(item.raw)).split(".")
        return any(
            Value("domain", ".".join(labels[start:])) in members.raw for start in range(len(labels))
        )
    # Each member is compared, so that a literal takes the type of the members.
    return any(equal(member, item) for member in members.raw)


def equal(left: object, right: object) -> bool:
    """Return whether two values without variables are the same."""
    if left is ABSENT or right is ABSENT:
        return False
    if isinstance(left, Entity) and isinstance(right, Entity):
        return left == right and left.key != ()
    if isinstance(left, Value) and isinstance(right, Value):
        left, right = _alike(left, right)
        if left.kind == "text" and left.raw != right.raw:
            return _address(left) is not None and _address(left) == _address(right)
        if left.kind != right.kind or left.kind.startswith("set "):
            raise RuleFault(f"{left.kind} is compared with {right.kind}")
        return left.raw == right.raw
    raise RuleFault(f"{left!r} is compared with {right!r}")


def _address(literal: Value) -> str | None:
    """Return the canonical form of a literal that is an address."""
    try:
        return canonical_email(str(literal.raw))
    except OutsideDomainError:
        return None


def ordered(sign: str, left: object, right: object) -> bool:
    """Return whether two values stand in an order; absent stands in none."""
    if left is ABSENT or right is ABSENT:
        return False
    if not isinstance(left, Value) or not isinstance(right, Value):
        raise RuleFault("only numbers and instants have an order")
    left, right = _alike(left, right)
    if left.kind != right.kind or left.kind not in {"integer", "decimal", "instant", "number"}:
        raise RuleFault(f"{left.kind} has no order with {right.kind}")
    return bool(_ORDERS[sign](left.raw, right.raw))


def _alike(left: Value, right: Value) -> tuple[Value, Value]:
    """Return both values with a literal of a rule in the type of the other value."""
    return as_kind(left, right.kind), as_kind(right, left.kind)


def as_kind(literal: Value, kind: str) -> Value:
    """Return a literal of a rule in a type that it can have, other values as they are."""
    text = str(literal.raw)
    match literal.kind, kind:
        case "number", "integer" | "decimal":
            return Value(kind, literal.raw)
        case "text", "email":
            try:
                return Value(kind, canonical_email(text))
            except OutsideDomainError as error:
                raise RuleFault(str(error)) from error
        case "text", "domain":
            return Value(kind, canonical_domain(text))
        case "text", _ if kind == "string" or kind.startswith("enum "):
            return Value(kind, text)
        case _:
            return literal


def has_class(value: object, name: str) -> bool:
    """Return whether a value that is not an entity matches a class such as `String`."""
    if not isinstance(value, Value):
        return False
    if name == "Integer" and value.kind == "number" and isinstance(value.raw, Decimal):
        return value.raw == value.raw.to_integral_value()
    return value.kind.partition(" ")[0] in CLASSES[name]
