"""Bodies of requests: what is made ready before there are threads."""

from __future__ import annotations

import subprocess
import sys

AT_ONCE = """
import sys
import threading

import msgspec

import sidecar.http.authzen_requests
from sidecar.http.json_body import convert, prepare
from sidecar.http.authzen_requests import Evaluation

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
