"""The lines of a decision log that are about answers, without those that end a chain."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def lines_of_answers(log: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in log.read_bytes().splitlines()]
    return [line for line in lines if line["kind"] != "end"]
