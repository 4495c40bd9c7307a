"""States that can be: whether a set of answers has a world, and which world that is.

A tree knows what was answered, and not what that implies: that an absent membership has no role,
that two references which lead to one account lead to one owner, that what a look-up finds is what
it was asked for. `States` decides it; `Example` is a mount and a request with these answers.
"""

from sidecar.review.states.answers import Answered
from sidecar.review.states.examples import Example
from sidecar.review.states.possible import KnownStates, States

__all__ = ["Answered", "Example", "KnownStates", "States"]
