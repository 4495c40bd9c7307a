"""The error of a file that is no bundle that can be used."""

from __future__ import annotations


class BundleError(Exception):
    """The file is no bundle that can be used; the message names the place and the mend."""


def bundle_error(place: str, what: str) -> BundleError:
    """Return the error of one place in the document of a bundle."""
    return BundleError(f"{place}: {what}; build it again, or copy it again")
