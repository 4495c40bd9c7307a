"""Exceptions of the reference interpreter.

The functions of the package itself list what they raise; inside it, what reads a value raises
`OutsideDomainError` or `WrongTypeError`, and what evaluates a rule raises `RuleFault`.
"""


class PackError(Exception):
    """A pack that cannot be read."""


class WorldError(Exception):
    """A directory of facts that cannot be used."""


class BadRequest(Exception):  # noqa: N818 -- the name is part of the interface
    """A request that the HTTP API answers with 400."""


class RuleFault(Exception):  # noqa: N818 -- the name is part of the interface
    """A rule whose evaluation has no result; the decision is `policy_error`."""


class OutsideDomainError(ValueError):
    """A value of the right JSON type that its declared type does not have."""


class WrongTypeError(ValueError):
    """A value of the wrong JSON type."""


class TooDeep(RuleFault):
    """References of a type to itself go on behind their declared depth."""
