"""The page *Ask*: one question, its decision, and how the policy came to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, render_template, request
from werkzeug.exceptions import NotFound

from sidecar.diagram.nodes import Node
from sidecar.engine import kind_of
from sidecar.engine.authorizer import authorize
from sidecar.engine.explanation import Explanation, Rule, explain
from sidecar.engine.fact_sources import Sources
from sidecar.errors import InvalidRequestError
from sidecar.model import Decision, Request
from sidecar.page.completion import ids_from
from sidecar.page.context import Page
from sidecar.page.picture import Picture, draw
from sidecar.page.question import Question, resource_types
from sidecar.page.tasks import Pending, Result, TaskFailedError
from sidecar.reload import Pair
from sidecar.review.diagram_text import tree_lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One rule with its diagram."""

    title: str
    rule: Rule
    sentence: str
    """Of the reason or the obligation; empty for a grant."""
    picture: Picture | None
    """None where Oso answers, or the rule has nothing to do with the decision."""
    outline: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """All that is shown of one decision."""

    request: Request
    moment: datetime
    decision: Decision
    explanation: Explanation
    deciding: tuple[Drawn, ...]
    others: tuple[Drawn, ...]
    """Prohibitions and obligations that do not hold."""


def add(views: Blueprint, page: Page) -> None:
    """Add `/page/ask`, and `/page/why` for what takes longer."""

    @views.get("/page/ask")
    def ask() -> str | tuple[str, int]:
        """Show the form, and the answer once the question is complete."""
        pair = page.pairs.current()
        policy, facts = pair.policy, pair.snapshot
        schema = policy.schema
        question, fault, answer = Question.of(request.args, schema), "", None
        if question.is_complete and "types" not in request.args:
            try:
                moment = question.moment(page.clock())
                answer = answer_of(question.request(schema), pair, moment)
            except InvalidRequestError as error:
                fault = str(error)
        shown = render_template(
            "page/ask.html",
            question=question,
            subject_types=schema.subjects(),
            resource_types=resource_types(schema),
            actions=tuple(schema.types[question.resource_type].actions)
            if question.resource_type in schema.types
            else (),
            inputs=question.inputs(schema),
            subjects=tuple(ids_from(facts, question.subject_type, question.subject)),
            resources=tuple(ids_from(facts, question.resource_type, question.resource)),
            answer=answer,
            fault=fault,
            revisions=pair.revisions(),
        )
        return (shown, 400) if fault else shown

    @views.get("/page/why")
    def why() -> str:
        """Show the rules behind a decision, and the nearest changes that would turn it."""
        pair, tools = page.pairs.current(), page.reviewer
        question = Question.of(request.args, pair.policy.schema)
        if not question.is_complete:
            raise NotFound
        result: Result | Pending | None = None
        failure = tools if isinstance(tools, str) else ""
        if not isinstance(tools, str):
            asked, moment = question.request(pair.policy.schema), question.moment(page.clock())
            try:
                result = tools.explain(asked, pair, moment, question.at)
            except TaskFailedError as error:
                failure = str(error)
        is_pending = isinstance(result, Pending)
        return render_template(
            "page/why.html",
            question=question,
            told=None if is_pending else result,
            is_pending=is_pending,
            failure=failure,
            revisions=pair.revisions(),
        )


def answer_of(asked: Request, pair: Pair, moment: datetime) -> Answer:
    """Decide a request, as callers have it decided, and draw the rules that were asked.

    Raises:
        InvalidRequestError: A declared property has the wrong JSON type.
    """
    policy, facts = pair.policy, pair.snapshot
    explanation = explain(asked, policy, facts, moment)
    drawn = tuple(_drawn(asked, pair, moment, explanation))
    return Answer(
        request=asked,
        moment=moment,
        decision=authorize(asked, policy, facts, moment),
        explanation=explanation,
        deciding=tuple(each for each in drawn if each.picture is not None or _decides(each.rule)),
        others=tuple(each for each in drawn if not _decides(each.rule)),
    )


def _decides(rule: Rule) -> bool:
    """Tell whether a decision rests on a rule: each grant, and what else holds or fails."""
    return rule.rule == "allow" or rule.holds is not False


def _drawn(
    asked: Request, pair: Pair, moment: datetime, explanation: Explanation
) -> Iterator[Drawn]:
    policy = pair.policy
    kind = kind_of(asked.subject.type, asked.resource.type, policy)
    if kind is None:
        return
    entry = policy.entry(asked.subject.type, asked.resource.type, asked.action)
    sources = Sources(asked, policy, kind.frame(asked, pair.snapshot, moment))
    for rule in explanation.rules:
        code = rule.code or ""
        root: Node | None = entry.granted
        title, sentence = "Is it granted?", ""
        if rule.rule == "forbid":
            root, title = entry.forbids[code], f"Is it forbidden by {code}?"
            sentence = policy.sentences.reasons.get(code, "")
        elif rule.rule == "oblige":
            root, title = entry.obliges[code], f"Does it oblige to {code}?"
            sentence = policy.sentences.obligations.get(code, "")
        is_drawn = root is not None and _decides(rule)
        yield Drawn(
            title=title,
            rule=rule,
            sentence=sentence,
            picture=draw(policy.tests, root, sources.nodes(root)) if is_drawn and root else None,
            outline="\n".join(tree_lines(policy.tests, title, root)) if is_drawn else "",
        )
