"""One verdict on an edit of a pack: what it changes, for whom, and what guards it."""

from sidecar.review.verdict.holders import Mount
from sidecar.review.verdict.model import Review, Verdict
from sidecar.review.verdict.review import MOST_MUTANTS, Options, review

__all__ = ["MOST_MUTANTS", "Mount", "Options", "Review", "Verdict", "review"]
