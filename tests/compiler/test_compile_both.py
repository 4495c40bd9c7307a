"""Two packs are compiled at once by two threads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.paths import ROOT

# In a process of its own: what is decoded first prepares the type for the whole process.
SCRIPT = """\
from dataclasses import replace
from pathlib import Path
from threading import Barrier
import msgspec
from sidecar.compiler import child_process
from sidecar.compiler.compile_cache import compile_both
from sidecar.compiler.pack import read_texts
from sidecar.errors import InvalidPackError

both = Barrier(2)

class Child:
    def __init__(self, *_):
        pass

    def receive(self, kind):
        both.wait()
        return msgspec.json.decode(b'{"problems": [["main.polar", 1, "is wrong"]]}', type=kind)

    def close(self):
        pass

child_process.Child = Child
place = Path("tests/review/verdict/pack")
pack, _ = read_texts(place / "policies", place / "fixtures")
other = replace(pack, settings={**pack.settings, "hottest": 91})
try:
    compile_both(pack, other)
except InvalidPackError as error:
    print(error)
"""


def test_answers_that_two_threads_decode_first_crash_no_process(tmp_path: Path) -> None:

    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "main.polar:1: is wrong\n"), done.stderr
