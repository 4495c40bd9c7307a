"""One query to Oso: what it asks on the way, and what it is told.

Polar's own conversation with its core costs several times what the core itself takes, and a pack is
compiled by some thousand queries. So what goes to the core and comes from it is written and read
here, and what it has to say beside is asked for once, at the end.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from typing import Any

import msgspec
from _polar_lib import lib  # type: ignore[import-not-found]  # polar's own, without types
from polar.ffi import Query as FfiQuery
from polar.ffi import process_messages, read_c_str
from polar.query import Query

from sidecar.compiler.oso_answers import SINGLE_TERMS, Asking
from sidecar.compiler.symbols import Asker, Thing
from sidecar.errors import PolicyFault
from sidecar.polar.desugar import RENEWED

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


_NATIVE = {str, bool, int, float, list, dict}
"""Types of values that Oso has itself."""


def first_result(
    polar: Any,  # noqa: ANN401 - polar's ffi has no types
    host: Any,  # noqa: ANN401 - nor have its hosts
    question: Asking,
    term: object,
    *,
    tracing: bool,
) -> tuple[Mapping[str, Any] | None, bool]:
    """Ask Oso a term, and answer what it asks on the way.

    Returns:
        Its first result, None where there is none; and whether it had anything to say beside.

    Raises:
        PolicyFault: Where the policy does what it may not.
        Unexplorable: Where it cannot be explored.
        OsoError: Where Oso fails.
    """
    pointer = lib.polar_new_query_from_term(polar.ptr, _encode(term), int(tracing))
    polar.process_messages()  # of an earlier query that failed: they are none of ours
    query = _Query(FfiQuery(polar.check_result(pointer)), host=host)  # type: ignore[no-untyped-call]  # polar's
    query.question = question
    found = next(query.run(), None)
    return found, any(True for _ in process_messages(query.ffi_query.next_message))


class _Query(Query):
    """Oso's query, with every way out of it that we allow."""

    question: Asking

    def run(self) -> Generator[dict[str, Any], None, None]:
        next_event, pointer = lib.polar_next_query_event, self.ffi_query.ptr
        taken, ways = self.ffi_query.check_result, _WAYS
        while True:
            ((kind, said),) = _decode(read_c_str(taken(next_event(pointer)))).items()
            if way := ways.get(kind):
                way(self, said)
            elif kind == "Result":
                yield said
            elif kind == "Done":
                return
            else:
                raise PolicyFault(f"Oso asks for `{kind}`")

    def _send(self, call_id: int, term: dict[str, Any]) -> None:
        result = lib.polar_call_result(self.ffi_query.ptr, call_id, _encode(term))
        self.ffi_query.check_result(result)

    def handle_external_call(self, data: dict[str, Any]) -> None:
        name = data["attribute"]
        if data["kwargs"]:
            raise PolicyFault(f"`{name}` takes no named arguments", name)
        instance = self.host.to_python(data["instance"])
        if isinstance(instance, Asker):
            self._send(data["call_id"], self._asked(name, data["args"]))
            return
        arguments = (
            None if data["args"] is None else [self._argument(name, term) for term in data["args"]]
        )
        self._send(
            data["call_id"],
            term_of(self.host, self.question.look.member(instance, name, arguments)),
        )

    def _asked(self, name: str, arguments: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the term that answers what generated text asks."""
        if name == RENEWED:
            return self._renewed(arguments[0])
        answer = self.question.answer_rule(name, arguments, self.host)
        if not isinstance(answer, list):
            return term_of(self.host, answer)
        again = map(self._renewed, arguments if answer[0] == "clauses" else ())
        return _list([*(term_of(self.host, each) for each in answer), _list(again)])

    def _renewed(self, term: dict[str, Any]) -> dict[str, Any]:
        """Return a term in which each value stands by itself, and what may be absent is new.

        Oso hands over what variables hold. What is absent is no number, which equals nothing; but
        one instance equals itself without a question, so each that may be absent is made anew.
        """
        ((kind, value),) = term["value"].items()
        if kind == "List":
            return _list(map(self._renewed, value))
        if kind == "Dictionary":
            fields = {name: self._renewed(each) for name, each in value["fields"].items()}
            return {"value": {"Dictionary": {"fields": fields}}}
        instance = self.host.to_python(term) if kind == "ExternalInstance" else None
        if isinstance(instance, Thing) and instance.can_be_absent:
            return term_of(self.host, type(instance)(instance.path, instance.certain))
        return term

    def _argument(self, name: str, term: dict[str, Any]) -> object:
        if next(iter(term["value"])) not in SINGLE_TERMS:
            raise PolicyFault(
                f"an argument of `{name}` is not known yet, or is no single value", name
            )
        return self.host.to_python(term)

    def handle_external_op(self, data: dict[str, Any]) -> None:
        left, right = (self.host.to_python(term) for term in data["args"])
        self.ffi_query.question_result(
            data["call_id"], self.question.compare.holds(data["operator"], left, right)
        )

    def handle_external_isa(self, data: dict[str, Any]) -> None:
        answer = self.question.is_a(self.host.to_python(data["instance"]), data["class_tag"])
        self.ffi_query.question_result(data["call_id"], answer)

    def handle_external_is_subspecializer(self, data: dict[str, Any]) -> None:
        # Which clause is tried first does not matter to us: types have no order here.
        self.ffi_query.question_result(data["call_id"], answer=False)

    def handle_external_is_subclass(self, data: dict[str, Any]) -> None:
        self.ffi_query.question_result(
            data["call_id"], data["left_class_tag"] == data["right_class_tag"]
        )

    def handle_make_external(self, _data: dict[str, Any]) -> None:
        raise PolicyFault("nothing can be made in a policy", "new")

    def handle_external_isa_with_path(self, _data: dict[str, Any]) -> None:
        raise PolicyFault("a member is read of something that is not known yet")

    def handle_next_external(self, _data: dict[str, Any]) -> None:
        raise PolicyFault("`in` cannot go through a fact; write `.includes(…)` for a set", "in")

    def handle_debug(self, _data: dict[str, Any]) -> None:
        raise PolicyFault("`debug` would wait at the terminal", "debug")


def term_of(host: Any, value: object) -> dict[str, Any]:  # noqa: ANN401 - polar's
    """Return what Oso is given for a value."""
    kind = None if type(value) in _NATIVE else host.types.get(type(value))
    if kind is None:
        term: dict[str, Any] = host.to_polar(value)
        return term
    # Oso knows by itself which type an instance of a class has; of what may be absent it asks.
    can_be_absent = isinstance(value, Thing) and value.can_be_absent
    return {
        "value": {
            "ExternalInstance": {
                "instance_id": host.cache_instance(value),
                "repr": None,
                "class_repr": kind.name,
                "class_id": None if can_be_absent else kind.id,
            }
        }
    }


def _list(terms: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {"value": {"List": list(terms)}}


_WAYS = {
    "MakeExternal": _Query.handle_make_external,
    "ExternalCall": _Query.handle_external_call,
    "ExternalOp": _Query.handle_external_op,
    "ExternalIsa": _Query.handle_external_isa,
    "ExternalIsaWithPath": _Query.handle_external_isa_with_path,
    "ExternalIsSubSpecializer": _Query.handle_external_is_subspecializer,
    "ExternalIsSubclass": _Query.handle_external_is_subclass,
    "NextExternal": _Query.handle_next_external,
    "Debug": _Query.handle_debug,
}
