"""What an answer was made from: the facts that were looked at, and the rules, in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sidecar.diagram.nodes import FAULT, TRUE, Node
from sidecar.diagram.path_text import show, worded
from sidecar.diagram.paths import RESOURCE, SUBJECT, Literal, Path
from sidecar.diagram.questions import (
    Exists,
    Includes,
    NumberOf,
    Question,
    TextOf,
    ValueOf,
    facts_of,
    text_of,
)
from sidecar.engine import kind_of
from sidecar.engine.bound_rules import BoundRule
from sidecar.engine.fact_sources import Sources
from sidecar.engine.policy import Policy
from sidecar.errors import BadRowError
from sidecar.facts import Facts
from sidecar.model import Request

ABSENT = "absent"
WITHHELD = "withheld"
_ANSWERS = {True: "yes", False: "no", "lt": "less", "eq": "equal", "gt": "more", None: ABSENT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One fact that was looked at."""

    path: str
    """As a policy would write it: ``resource.account.plan``."""
    value: str | None
    """In its text form; None where it is absent or withheld."""
    source: str | None
    """`mount`, `request`, `settings`, `clock` or, of a default, `schema`; None where absent."""
    withheld: bool = False
    """Whether it is there, and sensitive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One question of a decision tree, and the answer that led on."""

    question: str
    """As in the output of ``sidecar tree``."""
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One thing that the policy was asked, and how it came to its answer."""

    rule: str
    """`allow`, `forbid` or `oblige`."""
    code: str | None
    """Of `forbid` the reason, of `oblige` the obligation."""
    holds: bool | None
    """None where it failed."""
    steps: tuple[Step, ...]
    """The way through its tree; empty where it always has the same answer, or Oso was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Facts and rules in the order in which they were looked at."""

    facts: tuple[Fact, ...]
    rules: tuple[Rule, ...]
    outside: tuple[str, ...] = ()
    """Members of the request whose values are outside their domain; nothing is granted then."""


def explain(request: Request, policy: Policy, snapshot: Facts, now: datetime) -> Explanation:
    """Return what `authorize` answers this request from.

    Pure, as `authorize` is. A grant is asked for only where subject and resource are as they must
    be and all that is said is in its domain, and obligations only where it is granted. Of rules
    that could not be compiled, Oso's answer is told and not what it looked at.

    Raises:
        InvalidRequestError: A declared property has the wrong JSON type.
    """
    try:
        return _explain(request, policy, snapshot, now)
    except BadRowError:  # it cannot be read
        return Explanation(facts=(), rules=())


def _explain(request: Request, policy: Policy, snapshot: Facts, now: datetime) -> Explanation:
    kind = kind_of(request.subject.type, request.resource.type, policy)
    if kind is None:
        return Explanation(facts=(), rules=())
    names = (request.subject.type, request.resource.type)
    entry = policy.entry(*names, request.action)
    frame = kind.frame(request, snapshot, now)
    telling = _Telling(Sources(request, policy, kind.frame(request, snapshot, now)))

    def asked(rule: str, code: str | None, node: Node | None) -> Rule:
        if node is not None:
            return telling.rule(rule, code, node)
        faults: list[str] = []
        holds = kind.holds(BoundRule(rule, code or "", None), request.action, frame, faults)
        return Rule(rule=rule, code=code, holds=None if faults else holds, steps=())

    telling.meet(Exists(SUBJECT))
    telling.meet(Exists(RESOURCE))
    rules = []
    if not frame.outside and not kind.always_on_reasons(request.action, frame):
        rules.append(asked("allow", None, entry.granted))
    granted = any(rule.holds for rule in rules)
    rules += [asked("forbid", code, node) for code, node in entry.forbids.items()]
    if granted:
        rules += [asked("oblige", code, node) for code, node in entry.obliges.items()]
    return Explanation(
        facts=tuple(telling.facts.values()), rules=tuple(rules), outside=frame.outside
    )


class _Telling:
    """Gathers facts, each once."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self.facts: dict[str, Fact] = {}

    def rule(self, name: str, code: str | None, node: Node) -> Rule:
        """Walk a tree, and keep what it looks at."""
        questions: list[Question] = []
        leaf = self._sources.walk(node, questions)
        steps = tuple(
            Step(question=worded(question), answer=self.meet(question)) for question in questions
        )
        holds = None if leaf is FAULT else leaf is TRUE
        return Rule(rule=name, code=code, holds=holds, steps=steps)

    def meet(self, question: Question) -> str:
        """Keep the facts that a question is about, and return its answer in words."""
        match question:
            case Exists(path):
                answer = self._sources.answer(question)
                source = self._sources.source_of_existence(path)
                self._keep(f"{show(path)}.exists", text_of(answer), source)
                return _ANSWERS[answer]
            case Includes():
                return self._meet_set(question)
            case ValueOf(path) | TextOf(path) | NumberOf(path):
                fact = self._met(path)
                return WITHHELD if fact.withheld else ABSENT if fact.value is None else fact.value
            case _:
                for path in facts_of(question):
                    self._met(path)
                return _ANSWERS[self._sources.answer(question)]

    def _meet_set(self, question: Includes) -> str:
        # A set may be long, and is not looked at but for this member.
        members, member = question.members, question.value
        answer = self._sources.answer(question)
        if not isinstance(member, Literal):
            self._met(member)
        source = self._sources.source(members) if answer is not None else None
        shown = f"{show(members)}.includes({show(member)})"
        self._keep(shown, None if answer is None else text_of(answer), source)
        return _ANSWERS[answer]

    def _met(self, path: Path) -> Fact:
        value = self._sources.value(path)
        if value is None:
            return self._keep(show(path), None, None)
        source = self._sources.source(path)
        if isinstance(value, frozenset):  # which may be long; what is looked for in it is told
            return self._keep(f"{show(path)}.exists", text_of(True), source)  # noqa: FBT003
        withheld = self._sources.sensitive(path)
        shown = None if withheld else text_of(value)
        return self._keep(show(path), shown, source, withheld=withheld)

    def _keep(
        self, path: str, value: str | None, source: str | None, *, withheld: bool = False
    ) -> Fact:
        fact = Fact(path=path, value=value, source=source, withheld=withheld)
        return self.facts.setdefault(path, fact)
