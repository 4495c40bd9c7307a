"""The sidecar without its memory: what a question costs that nobody has asked before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sidecar.engine import authorizer
from sidecar.http import fast_decoder as quick


def forget() -> None:
    """Remember one question from now on: none, where two are asked in turn."""
    authorizer.MOST_REMEMBERED = 0
    quick.MOST_KEPT = 0


@contextmanager
def forgetting() -> Iterator[None]:
    """Forget, and remember again behind it."""
    kept = authorizer.MOST_REMEMBERED, quick.MOST_KEPT
    forget()
    try:
        yield
    finally:
        authorizer.MOST_REMEMBERED, quick.MOST_KEPT = kept
