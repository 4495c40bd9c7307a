"""Bodies of requests: what is refused, in which words, and what is read exactly."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.errors import InvalidRequestError
from sidecar.http.json_body import parse

AT_ONCE = """
import sys
import threading

import msgspec

import sidecar.http.requests
from sidecar.http.json_body import convert, prepare
from sidecar.http.requests import Evaluation

prepare()
looked = []
sys.setprofile(lambda frame, event, _: looked.append(frame.f_code.co_name))
convert({"subject": {"type": "a", "id": "b"}, "action": {"name": "c"},
         "resource": {"type": "d", "id": "e"}}, Evaluation)
sys.setprofile(None)
print("get_class_annotations" in looked)
"""


def test_no_type_is_looked_at_for_the_first_time_by_a_thread_that_answers() -> None:
    """Two threads that do so at the same moment end the process."""
    told = subprocess.run(  # noqa: S603  our own program
        [sys.executable, "-c", AT_ONCE], check=False, capture_output=True, text=True
    )

    assert (told.stdout, told.stderr) == ("False\n", "")


REFUSED = {
    b"": "the body is empty; send a JSON object",
    b" \r\n\t": "the body is empty; send a JSON object",
    b'{"a": 1,': "the body is not JSON: line 1, column 8",
    b"{\n": "the body is not JSON: line 2, column 0",
    b"{\r\n\r": "the body is not JSON: line 2, column 1",
    b'{"a":\n NaN}': "the body holds `NaN`, which is not JSON",
    b'{"a":\n tru}': "the body is not JSON: line 2, column 5",
    b"{} {}": "the body is not JSON: line 1, column 4",
    b"\xef\xbb\xbf{}": "the body is not JSON: line 1, column 1",
    b'{"a": "\x00"}': "the body is not JSON: line 1, column 8",
    b'{"a": 01}': "the body is not JSON: line 1, column 8",
    b'{"a": "\xff"}': "the body is not UTF-8",
    b'{"a": "\xed\xa0\x80"}': "the body is not UTF-8",
    b'{"a": 1, "b": 2, "a": 1}': "`a` is given twice",
    b'{"a": 1, "\\u0061": 1}': "`a` is given twice",
    b'{"x": [{"deep down": 1, "deep down": 2}]}': "`deep down` is given twice",
    b'{"' + b"n" * 70 + b'": 1, "' + b"n" * 70 + b'": 1}': f"`{'n' * 60}` is given twice",
    b'{"a": NaN}': "the body holds `NaN`, which is not JSON",
    b"[-Infinity]": "the body holds `-Infinity`, which is not JSON",
    b'{"a": "\\ud800"}': "the body holds half of a surrogate pair",
    b'{"a": "\\udc00\\ud800"}': "the body holds half of a surrogate pair",
    b'{"\\ud800": 1}': "the body holds half of a surrogate pair",
    b'{"a": 1e309}': "the body holds a number that is out of range",
    b'{"a": 1e-325}': "the body holds a number that is out of range",
    b'{"a": [1e999999999]}': "the body holds a number that is out of range",
    b'{"a": 1e99999999999999999999}': "the body holds a number that is out of range",
    b"1" * 401: "the body holds a number that is out of range",
    b"-" + b"1" * 400: "the body holds a number that is out of range",
    b"1" * 5000: "the body holds a number that is out of range",
    b"1." + b"0" * 500: "the body holds a number that is out of range",
    b"[" * 33 + b"]" * 33: "the body is nested more than 32 levels deep",
    b'{"a":' * 33 + b"1" + b"}" * 33: "the body is nested more than 32 levels deep",
    b'["]]\\"]", ' + b"[" * 32 + b"]" * 33: "the body is nested more than 32 levels deep",
    b"[" * 60_000: "the body is nested more than 32 levels deep",
    b'{"a":' * 10_000 + b"1" + b"}" * 10_000: "the body is nested more than 32 levels deep",
}


@pytest.mark.parametrize(("body", "message"), REFUSED.items(), ids=range(len(REFUSED)))
def test_what_two_readers_could_read_in_two_ways_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        parse(body)

    assert str(refusal.value) == message


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"[" * 32 + b"]" * 32, json.loads("[" * 32 + "]" * 32)),
        (b'["' + b"[{" * 40 + b'"]', ["[{" * 40]),
        (b'["\\"' + b"[{" * 40 + b'"]', ['"' + "[{" * 40]),
        (b"[" + b"[],{}," * 1000 + b"1]", [*[[], {}] * 1000, 1]),
        (b"1" * 400, int("1" * 400)),
        (b"-" + b"1" * 399, -int("1" * 399)),
        (b'"' + b"1" * 5000 + b'"', "1" * 5000),
        (b'"1e999999999"', "1e999999999"),
        (b"[5e-324]", [Decimal("5e-324")]),
        (b"[-1.7976931348623157e308]", [Decimal("-1.7976931348623157e308")]),
        (b"[750.00, -0.0, 1E5]", [Decimal("750.00"), Decimal("-0.0"), Decimal("1E5")]),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b' {"a" : null } ', {"a": None}),
    ],
)  # fmt: skip
def test_what_has_one_meaning_is_read_exactly(body: bytes, value: object) -> None:
    read = parse(body)

    assert (read, str(read)) == (value, str(value))


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=20,
)


@settings(deadline=None)
@given(VALUES, st.booleans(), st.sampled_from([None, 1]))
def test_whatever_is_written_is_read_again(
    value: object,
    ascii_only: bool,  # noqa: FBT001  drawn
    indent: int | None,
) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only, indent=indent)

    assert parse(body.encode()) == value


@settings(deadline=None)
@given(st.one_of(st.binary(), VALUES.map(lambda value: json.dumps(value).encode())), st.data())
def test_whatever_is_sent_is_read_or_refused(body: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(body)))
    spoilt = body[:at] + data.draw(st.sampled_from([b"", b"\n", b"\r", b'"', b"\\", b"{", b"NaN"]))

    with suppress(InvalidRequestError):
        parse(spoilt)
